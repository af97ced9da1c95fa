"""`harness cluster`: a Kubernetes cluster on this machine, in Docker."""

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from harness.clusters.kind.cluster import DEFAULT_NAME, Cluster, down, up
from harness.clusters.kind.logs import collect
from harness.clusters.kind.status import Status, status
from harness.console import err, out
from harness.errors import interrupted
from harness.exits import ExitCode
from harness.options import FORMAT, group, output
from harness.paths import RUN_DIR

app = group("Run a kind cluster on this machine.", "harness cluster up", "harness cluster status")

Name = Annotated[str, typer.Option(help="Name of the cluster.", metavar="NAME")]


@app.command("up")
def up_(
    name: Name = DEFAULT_NAME,
    workers: Annotated[
        int,
        typer.Option(
            min=0,
            max=9,
            help="Nodes beside the control plane, which then runs no pods of the platform.",
            metavar="N",
        ),
    ] = 0,
    api_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the API server on 127.0.0.1; 0 for any.", metavar="PORT")
    ] = 0,
) -> None:
    """Create a cluster and wait until it is ready.

    Where no image registry answers, the first one builds the node image, which takes 20 minutes on two cores.

    Examples:
        harness cluster up
        harness cluster up --name try --api-port 6443
        harness cluster up --name pair --workers 2
    """
    cluster = Cluster(name)

    def save_logs() -> None:
        err.print(f"logs: {collect(cluster, _log_folder(name))}", highlight=False, soft_wrap=True)

    try:
        up(cluster, workers=workers, api_port=api_port, on_failure=save_logs)
    except KeyboardInterrupt as request:
        raise interrupted(request, f"nothing of the cluster {name} is left") from None
    out.print(f"The cluster {name} is up:")
    out.print(f"  export KUBECONFIG={cluster.kubeconfig}", highlight=False, soft_wrap=True)


@app.command("down")
def down_(name: Name = DEFAULT_NAME) -> None:
    """Remove a cluster and everything it left on this machine.

    Examples:
        harness cluster down
    """
    existed = down(Cluster(name))
    out.print(f"The cluster {name} is gone." if existed else f"There is no cluster {name}.")


@app.command("status")
def status_(name: Name = DEFAULT_NAME, form: Annotated[Literal["text", "json"], FORMAT] = "text") -> None:
    """Show a cluster: its nodes, its pods, and what is unhealthy.

    The exit code is 3 when there is no such cluster, it does not answer, or something on it is unhealthy.

    Examples:
        harness cluster status
        harness cluster status --format json
    """
    now = status(Cluster(name))
    if form == "json":
        typer.echo(json.dumps(dataclasses.asdict(now), indent=2))
    else:
        _show(now)
    if not now.well:
        raise typer.Exit(ExitCode.ATTENTION)


@app.command("logs")
def logs(
    name: Name = DEFAULT_NAME,
    target: Annotated[Path | None, output("New folder to write. Default: one below .run/cluster-logs.")] = None,
) -> None:
    """Collect the logs of pods and nodes, events and resources; index.md says what is wrong.

    Examples:
        harness cluster logs -o logs
    """
    out.print(str(collect(Cluster(name), target or _log_folder(name))), highlight=False, soft_wrap=True)


def _log_folder(name: str) -> Path:
    return RUN_DIR / "cluster-logs" / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def _show(now: Status) -> None:
    if not now.exists:
        out.print(f"There is no cluster {now.name}: 'harness cluster up --name {now.name}' creates one.")
        return
    out.print(f"[bold]{now.name}[/]: {now.summary}", highlight=False, soft_wrap=True)
    if now.kubeconfig:
        out.print(f"  export KUBECONFIG={now.kubeconfig}", highlight=False, soft_wrap=True)
    if now.problems:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in ("pod", "container", "what", "more"):
            table.add_column(title, overflow="fold")
        for problem in now.problems:
            pod = f"{problem.namespace}/{problem.pod}"
            table.add_row(pod, problem.container or "-", problem.reason, escape(problem.message))
        out.print(table)
