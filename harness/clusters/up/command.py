"""`harness up`."""

from typing import Annotated

import typer

from harness import console
from harness.clusters.kind.cluster import DEFAULT_NAME
from harness.options import environment_names
from harness.paths import require_own_checkout


def up(
    environment: Annotated[
        str,
        typer.Argument(
            help="Environment; e2e has a mock of the Brewery API and needs no registry, minikube has Grafana where "
            "a registry answers.",
            metavar="ENV",
            autocompletion=environment_names,
        ),
    ] = "e2e",
    name: Annotated[str, typer.Option(help="Name of the cluster.", metavar="NAME")] = DEFAULT_NAME,
    port: Annotated[
        list[str] | None,
        typer.Option(
            help="Port of this machine for a page, such as airflow=8081; repeatable.",
            metavar="PAGE=PORT",
            show_default="8080, 8443, …",
        ),
    ] = None,
) -> None:
    """Bring the platform up on kind and open its pages on this machine.

    It creates the cluster, builds or pulls the images and deploys this checkout through Argo CD, then prints each
    page's address, how to log in, and what to try. Run it again after a change or an interruption. The pages stay
    open, across restarts of pods, until 'harness cluster down' ends all of it.

    Examples:
        harness up
        harness up --port airflow=8081 --port jupyterlab=8889
        harness up minikube --name try
    """
    from harness.clusters.deploy.phases import Phases
    from harness.clusters.kind.cluster import Cluster
    from harness.clusters.up.pages import chosen_ports
    from harness.clusters.up.steps import run_to_its_end
    from harness.clusters.up.work import listing, open_platform

    require_own_checkout()
    cluster, ports = Cluster(name), chosen_ports(port or [])
    pages = open_platform(Phases(console.err), run_to_its_end, environment, cluster, ports)
    typer.echo(listing(pages, ports, cluster))
