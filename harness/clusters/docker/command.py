"""`harness docker`: installs Docker from the distribution's packages, starts and stops its daemon."""

from harness.clusters.docker import daemon
from harness.clusters.docker.client import daemon_version
from harness.clusters.docker.install import install
from harness.console import out
from harness.options import group

app = group("Install, start and stop Docker.", "harness docker start")


@app.command("install")
def install_() -> None:
    """Install what images and clusters need from the distribution's packages (Debian and Ubuntu, as root).

    Examples:
        harness docker install
    """
    installed = install()
    out.print(f"installed: {', '.join(installed)}" if installed else "everything is installed")


@app.command()
def start() -> None:
    """Start the daemon if none answers.

    Examples:
        harness docker start
    """
    started = daemon.start()
    out.print(f"Docker {daemon_version()} {'started' if started else 'is running'}")


@app.command()
def stop() -> None:
    """Stop the daemon that `harness docker start` started; others are left alone.

    Examples:
        harness docker stop
    """
    out.print("Docker stopped" if daemon.stop() else "no daemon that was started here is running")
