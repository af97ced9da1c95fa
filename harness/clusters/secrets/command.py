"""`harness secrets`: makes, rotates and shows the platform's secrets in one named cluster."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.clusters.secrets.plan import Change
    from harness.clusters.secrets.store import Store
    from harness.manifests.catalogue import Catalogue

app = typer.Typer(
    name="secrets",
    no_args_is_help=True,
    help="Makes the platform's secrets in a cluster: random, in no file, never printed unless asked.",
    epilog="Exit codes: 0 done, 1 the cluster did not let it or something is missing, 2 no such context or secret.",
)
_Name = Annotated[str, typer.Argument(help="The secret's name, as `list` has it.", metavar="NAME")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the manifests, values redacted, and write nothing.")
]


@app.callback()
def _secrets(
    ctx: typer.Context,
    context: Annotated[
        str, typer.Option(help="The kubeconfig's context to work in; none is assumed.", metavar="CTX")
    ],
    kubeconfig: Annotated[
        Path | None,
        typer.Option(help="The kubeconfig.", show_default="$KUBECONFIG, else ~/.kube/config", metavar="FILE"),
    ] = None,
) -> None:
    ctx.obj = (context, kubeconfig)


@app.command()
def apply(ctx: typer.Context, dry_run: _DryRun = False) -> None:
    """Makes what is missing; values that are there stay as they are."""
    from harness.clusters.secrets.work import bring
    from harness.console import err

    store, catalogue = _open(ctx)
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
    err.print(f"{store.context}: {len(changes)} Secrets {what}, {same} as they were.", highlight=False)


@app.command()
def rotate(
    ctx: typer.Context,
    name: _Name,
    key: Annotated[list[str] | None, typer.Option(help="Only this key; repeatable.", metavar="KEY")] = None,
    dry_run: _DryRun = False,
) -> None:
    """Makes a secret's random values new, in it and in its copies, and says what has to start again."""
    from harness.clusters.secrets.work import bring
    from harness.console import err

    store, catalogue = _open(ctx)
    secret = catalogue.named(name)
    random = [item for item, recipe in secret.keys.items() if recipe.kind != "constant"]
    unknown = sorted(set(key or ()) - set(random))
    if unknown:
        raise HarnessError(f"{name} has no random key {unknown[0]!r}: it has {', '.join(random)}.", exit_code=2)
    changes = bring(store, catalogue, secret, frozenset(key or random), dry=dry_run)
    if dry_run:
        _print_manifests(changes)
        return
    for change in changes:
        _tell(change)
    if secret.after_rotation:
        err.print(
            "The new values hold once these have started again: " + ", ".join(secret.after_rotation), soft_wrap=True
        )


@app.command("list")
def list_(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
) -> None:
    """Lists the catalogue, and what the cluster lacks of it."""
    from harness.clusters.secrets.work import state

    store, catalogue = _open(ctx)
    states = [state(store, secret) for secret in catalogue.secrets]
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
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print_table(rows)
    if any(item.missing or item.stale for item in states):
        raise typer.Exit(1)


@app.command()
def show(
    ctx: typer.Context,
    name: _Name,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print the values.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Shows a secret's keys; the values only with --reveal."""
    from harness.clusters.secrets.plan import REDACTED
    from harness.console import out

    store, catalogue = _open(ctx)
    secret = catalogue.named(name)
    present = store.read(secret.place)
    if present is None:
        raise HarnessError(f"{store.context} has no Secret {secret.place}: run 'harness secrets apply'.")
    values = {
        key: (present.data[key].decode("utf-8", "replace") if reveal else REDACTED) if key in present.data else None
        for key in secret.keys
    }
    if as_json:
        typer.echo(json.dumps(values, indent=2))
        return
    for key, value in values.items():
        out.print(
            f"{key}: {'(not there)' if value is None else value}", markup=False, highlight=False, soft_wrap=True
        )


def _open(ctx: typer.Context) -> "tuple[Store, Catalogue]":
    from harness.clusters.secrets.store import Store
    from harness.manifests.catalogue import read

    context, kubeconfig = ctx.obj
    return Store(context, kubeconfig), read()


def _tell(change: "Change") -> None:
    from harness.console import err

    what = ", ".join(f"{key} {why}" for key, why in change.why.items()) or "annotations"
    err.print(f"{change.place}: {what}", markup=False, highlight=False, soft_wrap=True)


def _print_manifests(changes: "list[Change]") -> None:
    import yaml

    typer.echo(
        yaml.safe_dump_all([change.manifest(redacted=True) for change in changes], sort_keys=False), nl=False
    )


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from harness.console import out

    table = Table("secret", "keys", "copies", "here", box=None, pad_edge=False)
    for row in rows:
        lacks = [f"no {key}" for key in row["missing"]] + [f"copy {place} missing or old" for place in row["stale"]]
        place = f"{row['namespace']}/{row['name']}"
        table.add_row(place, ", ".join(row["keys"]), ", ".join(row["copies"]), ", ".join(lacks) or "yes")
    out.print(table)
