"""`harness deploy`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness import console
from harness.options import FORMAT, Environment, Root
from harness.paths import checkout

if TYPE_CHECKING:
    from harness.clusters.deploy.work import Deployed


def deploy(
    environment: Environment,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(help="Kubeconfig file.", metavar="FILE", show_default="that of 'harness cluster up'"),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(help="Context in it.", metavar="CONTEXT", show_default="that of 'harness cluster up'"),
    ] = None,
    within: Annotated[
        float, typer.Option(min=0.1, help="Minutes to wait until everything is up.", metavar="MINUTES")
    ] = 15,
    form: Annotated[Literal["text", "json"], FORMAT] = "text",
    root: Root = None,
) -> None:
    """Deploy a checkout to a cluster through Argo CD.

    Uncommitted changes are included. Namespaces, access, Secrets and a git server that serves the checkout come
    first, then Argo CD, which applies everything else wave by wave. After a change, run it again.

    Examples:
        harness deploy minikube
        harness deploy eks --kubeconfig ~/.kube/config --context staging --within 30
    """
    from harness.clusters.deploy.cluster import connect
    from harness.clusters.deploy.phases import Phases
    from harness.clusters.deploy.work import deploy as work

    phases = Phases(console.err)
    done = work(checkout(root), environment, connect(kubeconfig, context), phases, within=60 * within)
    if form == "json":
        typer.echo(json.dumps(_outcome(done), indent=2))
        return
    phases.tell(f"{len(done.steps)} Applications Synced and Healthy at {done.commit[:8]}")
    if done.left_out:
        phases.tell(f"left out, because only image registries have the image: {', '.join(done.left_out)}")
    if done.stand_ins:
        phases.tell(f"in place of images that need a registry: {', '.join(done.stand_ins)}")


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
