"""`harness docker`: installs Docker from the distribution's packages, starts and stops its daemon."""

import typer

from harness.clusters.docker import daemon
from harness.clusters.docker.client import daemon_version
from harness.clusters.docker.install import install
from harness.console import out

app = typer.Typer(
    name="docker",
    no_args_is_help=True,
    help="Install Docker from the distribution's packages; start and stop its daemon.",
)


@app.command("install")
def install_() -> None:
    """Install what images and clusters need (Debian and Ubuntu, as root); nothing when it is all there."""
    installed = install()
    out.print(f"installed: {', '.join(installed)}" if installed else "everything is installed")


@app.command()
def start() -> None:
    """Start the daemon when none answers."""
    started = daemon.start()
    out.print(f"Docker {daemon_version()} {'started' if started else 'is running'}")


@app.command()
def stop() -> None:
    """Stop the daemon that `start` started; one that something else started is left alone."""
    out.print("Docker stopped" if daemon.stop() else "no daemon that was started here is running")
