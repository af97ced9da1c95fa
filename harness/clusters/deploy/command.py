"""`harness deploy`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.paths import ROOT

if TYPE_CHECKING:
    from harness.clusters.deploy.work import Deployed


def deploy(
    environment: Annotated[str, typer.Argument(help="minikube, eks, or e2e (the tests').", metavar="ENV")],
    kubeconfig: Annotated[
        Path | None,
        typer.Option(help="The kubeconfig.", show_default="that of 'harness cluster up'", metavar="FILE"),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(help="Its context.", show_default="that of 'harness cluster up'", metavar="CTX"),
    ] = None,
    within: Annotated[
        float, typer.Option(min=0.1, help="Minutes that Argo CD has to bring everything up.", metavar="MINUTES")
    ] = 15,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome for programs.")] = False,
) -> None:
    """Deploys this checkout, uncommitted changes included, through Argo CD in a cluster.

    Namespaces, access, secrets and a git server that serves the checkout come first, then Argo CD, which applies
    everything else, wave by wave. Run it again after a change: the cluster follows.

    Exit codes: 0 all is Synced and Healthy, 1 it is not, 2 no such environment or context.
    """
    from harness.clusters.deploy.cluster import connect
    from harness.clusters.deploy.phases import Phases
    from harness.clusters.deploy.work import deploy as work
    from harness.console import err

    phases = Phases(err)
    done = work(ROOT, environment, connect(kubeconfig, context), phases, within=60 * within)
    if as_json:
        typer.echo(json.dumps(_outcome(done), indent=2))
        return
    phases.tell(f"{len(done.steps)} Applications Synced and Healthy at {done.commit[:8]}")
    if done.left_out:
        phases.tell(f"left out, because only image registries have the image: {', '.join(done.left_out)}")
    if done.stand_ins:
        phases.tell(f"in place of what only image registries have: {', '.join(done.stand_ins)}")


def _outcome(done: "Deployed") -> dict[str, object]:
    return {
        "environment": done.environment,
        "commit": done.commit,
        "seconds": {name: round(seconds, 1) for name, seconds in done.seconds.items()},
        "applications": [
            {
                "name": step.application,
                "wave": step.wave,
                "created": step.created.isoformat(),
                "ready": step.ready.isoformat() if step.ready else None,
            }
            for step in done.steps
        ],
        "left_out": done.left_out,
        "stand_ins": done.stand_ins,
    }
