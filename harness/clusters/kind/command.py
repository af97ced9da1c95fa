"""`harness cluster`: a Kubernetes cluster on this machine, in Docker."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from harness.clusters.kind.cluster import DEFAULT_NAME, Cluster, down, up
from harness.clusters.kind.logs import collect
from harness.clusters.kind.status import Status, status
from harness.console import err, out
from harness.paths import RUN_DIR

app = typer.Typer(
    name="cluster", no_args_is_help=True, help="A Kubernetes cluster on this machine: start, look at, remove."
)

Name = Annotated[str, typer.Option(help="The cluster's name.")]


@app.command("up")
def up_(
    name: Name = DEFAULT_NAME,
    api_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the API server on 127.0.0.1; any free one by default.")
    ] = 0,
) -> None:
    """Start a cluster, and wait until it is of use.

    The first one builds the node's image where no image registry answers: 20 minutes on two cores.
    """
    cluster = Cluster(name)

    def save_logs() -> None:
        err.print(f"logs: {collect(cluster, _log_folder(name))}", highlight=False, soft_wrap=True)

    try:
        up(cluster, api_port=api_port, on_failure=save_logs)
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


@app.command("status")
def status_(
    name: Name = DEFAULT_NAME, as_json: Annotated[bool, typer.Option("--json", help="For a machine.")] = False
) -> None:
    """Show a cluster: its node, what runs on it, what is not well.

    Exits with 1 when there is no such cluster, it does not answer, or something on it is not well.
    """
    found = status(Cluster(name))
    if as_json:
        out.print_json(json.dumps(dataclasses.asdict(found)))
    else:
        _show(found)
    if not found.well:
        raise typer.Exit(1)


@app.command("logs")
def logs(
    name: Name = DEFAULT_NAME,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The folder to write; a new one.")] = None,
) -> None:
    """Write what tells how a cluster is: logs of pods and node, events, resources; index.md says what is wrong."""
    out.print(str(collect(Cluster(name), output or _log_folder(name))), highlight=False, soft_wrap=True)


def _log_folder(name: str) -> Path:
    return RUN_DIR / "cluster-logs" / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _show(found: Status) -> None:
    if not found.exists:
        out.print(f"There is no cluster {found.name}: 'harness cluster up' makes one.")
        return
    out.print(f"[bold]{found.name}[/]: {found.summary}")
    out.print(f"  export KUBECONFIG={found.kubeconfig}", highlight=False, soft_wrap=True)
    if found.problems:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("pod", "container", "what", "more"):
            table.add_column(title, overflow="fold")
        for problem in found.problems:
            pod = f"{problem.namespace}/{problem.pod}"
            table.add_row(pod, problem.container or "-", problem.reason, escape(problem.message))
        out.print(table)
