"""`harness docker`: installs Docker from the distribution's packages, starts and stops its daemon."""

import typer

from harness.console import out
from harness.docker import daemon
from harness.docker.client import daemon_version
from harness.docker.install import install

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
