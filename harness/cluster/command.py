"""`harness cluster`: a Kubernetes cluster on this machine, in Docker."""

from typing import Annotated

import typer

from harness.cluster.cluster import DEFAULT_NAME, Cluster, down, up
from harness.console import err, out

app = typer.Typer(no_args_is_help=True, help="A Kubernetes cluster on this machine: start, look at, remove.")

Name = Annotated[str, typer.Option(help="The cluster's name.")]


@app.command("up")
def up_(
    name: Name = DEFAULT_NAME,
    api_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the API server on 127.0.0.1; any free one by default.")
    ] = 0,
) -> None:
    """Start a cluster, and wait until it is of use."""
    cluster = Cluster(name)
    try:
        up(cluster, api_port=api_port)
    except KeyboardInterrupt as error:
        err.print(f"interrupted: nothing of the cluster {name} is left")
        raise typer.Exit(130) from error
    out.print(f"The cluster {name} is up:")
    out.print(f"  export KUBECONFIG={cluster.kubeconfig}", highlight=False, soft_wrap=True)


@app.command("down")
def down_(name: Name = DEFAULT_NAME) -> None:
    """Remove a cluster and everything that it left on this machine."""
    existed = down(Cluster(name))
    out.print(f"The cluster {name} is gone." if existed else f"There is no cluster {name}.")
