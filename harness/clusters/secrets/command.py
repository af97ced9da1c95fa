"""`harness secrets`: makes, rotates and shows the platform's secrets in one named cluster."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from harness import console
from harness.errors import HarnessError, unknown
from harness.exits import ExitCode
from harness.options import FORMAT, Kubeconfig, group

if TYPE_CHECKING:
    from harness.clusters.secrets.plan import Change
    from harness.clusters.secrets.store import Store
    from harness.manifests.catalogue import Catalogue

app = group("Create, rotate and show the platform's Secrets.", "harness secrets list --context minikube")
_Name = Annotated[str, typer.Argument(help="Name of the Secret, as in 'harness secrets list'.", metavar="NAME")]
_Context = Annotated[
    str, typer.Option(help="Context of the kubeconfig; there is no default.", metavar="CONTEXT", show_default=False)
]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the manifests, values redacted; write nothing.")]


@app.command()
def apply(context: _Context, kubeconfig: Kubeconfig = None, dry_run: _DryRun = False) -> None:
    """Create what is missing; existing values stay.

    Examples:
        harness secrets apply --context minikube
        harness secrets apply --context minikube --dry-run
    """
    from harness.clusters.secrets.work import bring

    store, everything = _open(context, kubeconfig)
    catalogue = everything.without_components()
    changes: list[Change] = []
    for secret in catalogue.secrets:
        made = bring(store, catalogue, secret, dry=dry_run)
        changes += made
        if not dry_run:
            for change in made:
                _tell(change)
    if dry_run:
        _print_manifests(changes)
    what = "would be written" if dry_run else "written"
    same = len(list(catalogue.places())) - len({change.place for change in changes})
    console.err.print(f"{store.context}: {len(changes)} Secrets {what}, {same} as they were.", highlight=False)


@app.command()
def rotate(
    name: _Name,
    context: _Context,
    kubeconfig: Kubeconfig = None,
    key: Annotated[list[str] | None, typer.Option(help="Only this key; repeatable.", metavar="KEY")] = None,
    dry_run: _DryRun = False,
) -> None:
    """Replace a Secret's random values, also in its copies, and name what has to restart.

    Examples:
        harness secrets rotate minio-spark --context minikube
        harness secrets rotate minio-spark --key secretKey --context minikube
    """
    from harness.clusters.secrets.work import bring
    from harness.manifests.catalogue import RANDOM

    store, catalogue = _open(context, kubeconfig)
    secret = catalogue.named(name)
    random = [item for item, recipe in secret.keys.items() if recipe.kind in RANDOM]
    if strange := sorted(set(key or ()) - set(random)):
        raise unknown(f"random key of {name}", strange[0], random)
    changes = bring(store, catalogue, secret, frozenset(key or random), dry=dry_run)
    if dry_run:
        _print_manifests(changes)
        return
    for change in changes:
        _tell(change)
    if secret.after_rotation:
        console.err.print(
            "The new values take effect once these restart: " + ", ".join(secret.after_rotation), soft_wrap=True
        )


@app.command("list")
def list_(
    context: _Context, kubeconfig: Kubeconfig = None, form: Annotated[Literal["text", "json"], FORMAT] = "text"
) -> None:
    """List the Secrets of the platform, and what the cluster lacks.

    The exit code is 3 when something is missing or a copy is stale.

    Examples:
        harness secrets list --context minikube
    """
    from harness.clusters.secrets.work import state

    store, catalogue = _open(context, kubeconfig)
    states = [state(store, secret) for secret in catalogue.without_components().secrets]
    rows = [
        {
            "name": item.secret.place.name,
            "namespace": item.secret.place.namespace,
            "purpose": item.secret.purpose,
            "keys": sorted(item.secret.keys),
            "missing": list(item.missing),
            "copies": [str(place) for place in item.secret.mirrors],
            "stale": [str(place) for place in item.stale],
        }
        for item in states
    ]
    if form == "json":
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print_table(rows)
    if any(item.missing or item.stale for item in states):
        raise typer.Exit(ExitCode.ATTENTION)


@app.command()
def show(
    name: _Name,
    context: _Context,
    kubeconfig: Kubeconfig = None,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print the values.")] = False,
    form: Annotated[Literal["text", "json"], FORMAT] = "text",
) -> None:
    """Show a Secret's keys; its values only with --reveal.

    Examples:
        harness secrets show grafana-secrets --context minikube --reveal
    """
    from harness.manifests.sensitive import REDACTED

    store, catalogue = _open(context, kubeconfig)
    secret = catalogue.named(name)
    present = store.read(secret.place)
    if present is None:
        raise HarnessError(f"{store.context} has no Secret {secret.place}: run 'harness secrets apply'.")
    values = {
        key: (present.data[key].decode("utf-8", "replace") if reveal else REDACTED) if key in present.data else None
        for key in secret.keys
    }
    if form == "json":
        typer.echo(json.dumps(values, indent=2))
        return
    for key, value in values.items():
        console.out.print(
            f"{key}: {'(not there)' if value is None else value}", markup=False, highlight=False, soft_wrap=True
        )


def _open(context: str, kubeconfig: Path | None) -> "tuple[Store, Catalogue]":
    from harness.clusters.secrets.store import Store
    from harness.manifests.catalogue import read

    return Store(context, kubeconfig), read()


def _tell(change: "Change") -> None:
    what = ", ".join(f"{key} {why}" for key, why in change.why.items()) or "annotations"
    console.err.print(f"{change.place}: {what}", markup=False, highlight=False, soft_wrap=True)


def _print_manifests(changes: "list[Change]") -> None:
    import yaml

    typer.echo(
        yaml.safe_dump_all([change.manifest(redacted=True) for change in changes], sort_keys=False), nl=False
    )


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("secret", "keys", "copies", "here", box=None, pad_edge=False)
    for row in rows:
        lacks = [f"no {key}" for key in row["missing"]] + [f"copy {place} missing or old" for place in row["stale"]]
        place = f"{row['namespace']}/{row['name']}"
        table.add_row(place, ", ".join(row["keys"]), ", ".join(row["copies"]), ", ".join(lacks) or "yes")
    console.out.print(table)
