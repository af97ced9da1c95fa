"""`harness images`: list, build, pull, load, save, release, prune."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from harness.clusters.docker.client import image_label, require_daemon
from harness.clusters.docker.image import INPUTS, local_name
from harness.console import err, out, working
from harness.errors import HarnessError, UsageError
from harness.exits import ExitCode
from harness.options import FORMAT, Environment, Root, group
from harness.paths import checkout

if TYPE_CHECKING:
    from harness.clusters.images.wanted import Wanted

app = group(
    "List, build, pull, load, save and release the images.",
    "harness images build",
    "harness images list --format json",
)

Only = Annotated[
    list[str] | None,
    typer.Option(help="Only images whose name contains this, such as spark; repeatable.", metavar="TEXT"),
]


@app.command("list")
def list_images(
    environment: Environment = "minikube",
    only: Only = None,
    users: Annotated[bool, typer.Option("--users", help="Show what uses each image.")] = False,
    form: Annotated[Literal["text", "json"], FORMAT] = "text",
    root: Root = None,
) -> None:
    """List the images of an environment, and which of them Docker has.

    Examples:
        harness images list
        harness images list eks --only spark --users
        harness images list --format json
    """
    from harness.clusters.images.archive import sizes
    from harness.clusters.images.build import VERSION

    images = _chosen(environment, only, root)
    there = sizes(image.name for image in images)
    rows = []
    for image in images:
        how = image.recipe
        local = local_name(image.name)
        built = image.name in there and image_label(local, INPUTS) is not None
        origin = "here" if how and how.own else "registry, else here" if how else "registry only"
        if image.name in there:
            origin = "built here" if built else "a registry"
        version = image_label(local, VERSION) if built else None
        row = {"image": image.name, "from": origin, "version": version, "bytes": there.get(image.name)}
        rows.append(row | {"users": list(image.users)})
    if form == "json":
        typer.echo(json.dumps(rows, indent=2))
    else:
        _print_table(rows, there, users=users)


@app.command()
def build(
    environment: Environment = "minikube",
    only: Only = None,
    registry: Annotated[
        bool, typer.Option("--registry/--no-registry", help="Pull upstream's images where their registry answers.")
    ] = True,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Rebuild everything, with Debian's newest packages.")
    ] = False,
    root: Root = None,
) -> None:
    """Build or pull the images of an environment; unchanged ones are kept.

    The platform's own images are built. Upstream's are pulled; where their registry does not answer, the same names
    are built from Debian's packages and Go modules. The exit code is 3 when some images can only be pulled.

    Examples:
        harness images build
        harness images build minikube --only spark --no-registry
    """
    from harness.clusters.images.archive import disk_use
    from harness.clusters.images.work import Origin, ensure

    images = _wanted(environment, root)
    names = _names(images, only)
    plans = ensure(images, only=names, registry=registry, fresh=refresh)
    lacking = [plan.name for plan in plans if plan.origin is Origin.NONE]
    made = sum(plan.origin in (Origin.BUILD, Origin.PULL) for plan in plans)
    use = disk_use(plan.name for plan in plans)
    err.print(
        f"{len(plans) - len(lacking)} images of {environment} are in Docker ({made} new), {use / 1e9:.1f} GB.",
        highlight=False,
    )
    _say_lacking(lacking)


@app.command()
def pull(environment: Environment = "minikube", only: Only = None, root: Root = None) -> None:
    """Pull upstream's images of an environment from their registries.

    Examples:
        harness images pull eks
    """
    from concurrent.futures import ThreadPoolExecutor

    from harness.clusters.docker.registry import answers, host
    from harness.clusters.docker.registry import pull as pull_image
    from harness.clusters.images.display import Display

    foreign = [image.name for image in _chosen(environment, only, root) if not ((how := image.recipe) and how.own)]
    silent = [name for name in foreign if not answers(name)]
    if silent:
        raise HarnessError(
            f"The registry {host(silent[0])} does not answer, so {silent[0]} cannot be pulled: check the network, "
            f"or use 'harness images build {environment}', which builds what it can."
        )

    def one(name: str) -> None:
        with display.row(name):
            pull_image(name)

    with Display() as display, ThreadPoolExecutor(2) as pool:
        list(pool.map(one, foreign))


@app.command()
def load(
    environment: Environment = "minikube",
    only: Only = None,
    cluster: Annotated[str, typer.Option(help="Name of the kind cluster.", metavar="NAME")] = "lakehouse",
    root: Root = None,
) -> None:
    """Copy the images of an environment from Docker to a kind cluster; existing ones are skipped.

    The exit code is 3 when some images can only be pulled.

    Examples:
        harness images load
        harness images load eks --cluster lakehouse-eks
    """
    import time

    from harness.clusters.images.archive import absent
    from harness.clusters.kind.cluster import Cluster
    from harness.clusters.kind.load import load as load_images

    images = _chosen(environment, only, root)
    lacking = absent(image.name for image in images)
    for image in images:
        if image.name in lacking and image.recipe:
            raise HarnessError(
                f"Docker has no image {image.name}: 'harness images build {environment}' builds or pulls it."
            )
    started = time.monotonic()
    with working(f"copying images to {cluster}"):
        copied = load_images(Cluster(cluster), [image.name for image in images if image.name not in lacking])
    seconds = time.monotonic() - started
    err.print(f"{len(copied)} images copied to {cluster} ({seconds:.0f} s).", highlight=False)
    _say_lacking(lacking)


@app.command()
def save(
    file: Annotated[Path, typer.Argument(help="Archive to write, for 'docker load' elsewhere.", metavar="FILE")],
    environment: Environment = "minikube",
    only: Only = None,
    root: Root = None,
) -> None:
    """Write the images of an environment to one archive, shared layers once.

    Examples:
        harness images save images.tar minikube
    """
    from harness.clusters.images.archive import absent
    from harness.clusters.images.archive import save as save_images

    images = _chosen(environment, only, root)
    recipes = {image.name: image.recipe for image in images}
    only_pulled = [name for name in absent(recipes) if recipes[name] is None]
    with working(f"writing {file}"):
        size = save_images([image.name for image in images if image.name not in only_pulled], file)
    err.print(f"{len(images) - len(only_pulled)} images in {file}, {size / 1e9:.1f} GB.", highlight=False)
    _say_lacking(only_pulled)


@app.command()
def release(
    environment: Environment,
    push: Annotated[
        str | None, typer.Option(help="Push to this registry and owner, such as docker.io/you.", metavar="REGISTRY")
    ] = None,
    form: Annotated[Literal["text", "json"], FORMAT] = "text",
    root: Root = None,
) -> None:
    """Tag the platform's own images by their content, and write the tags into the overlay.

    Builds what changed. With --push, what the registry has is neither built nor pushed again, and the overlay gets
    digests, too. Commit and push the overlay, and Argo CD deploys the images; a revert is the rollback. The exit
    code is 5 when another overlay tags some images.

    Examples:
        harness images release minikube
        harness images release eks --push docker.io/you
    """
    import re

    from harness.clusters.images.release import release as release_images
    from harness.manifests.images import REGISTRY

    if push is not None and not re.fullmatch(REGISTRY, push):
        raise UsageError(f"--push {push!r} is no registry and owner, such as docker.io/you: correct it.")
    require_daemon()
    tree = checkout(root)
    done = release_images(environment, tree, push)
    if form == "json":
        typer.echo(json.dumps([asdict(image) for image in done.images], indent=2))
    else:
        for image in done.images:
            typer.echo(f"{image.repository}:{image.tag} ({image.origin})")
        file = done.file.relative_to(tree)
        changed = any(image.changed for image in done.images)
        typer.echo(f"Wrote {file}: commit and push it." if changed else f"Nothing to change in {file}.")
    if done.elsewhere:
        err.print(
            f"[yellow]Tagged by another overlay:[/] {escape(', '.join(done.elsewhere))}.",
            highlight=False,
            soft_wrap=True,
        )
        raise typer.Exit(ExitCode.NOT_COVERED)


@app.command()
def prune(
    everything: Annotated[
        bool, typer.Option("--all", help="Also remove current images, the base image and all of the build cache.")
    ] = False,
) -> None:
    """Remove replaced images, Docker's build cache of them, and the leftovers of interrupted builds.

    Examples:
        harness images prune
    """
    from harness.clusters.images.archive import prune as prune_images
    from harness.machine.gobuild import forget_interrupted

    require_daemon()
    with working("removing images"):
        freed = prune_images(everything=everything)
        forget_interrupted()
    err.print(f"Freed: {freed}.", highlight=False)


def _print_table(rows: "list[dict[str, Any]]", there: "Mapping[str, int]", *, users: bool) -> None:
    from rich import box
    from rich.table import Column, Table

    from harness.clusters.images.archive import build_cache, disk_use

    table = Table(Column("image", overflow="fold"), "from", "holds", "size", box=box.SIMPLE)
    for row in rows:
        size = "missing" if row["bytes"] is None else f"{row['bytes'] / 1e6:,.0f} MB"
        table.add_row(escape(row["image"]), row["from"], row["version"] or "", size)
        if users:
            for user in row["users"]:
                table.add_row(f"  [dim]{escape(user)}[/]")
    out.print(table)
    out.print(
        f"{len(there)} of {len(rows)} are there: {disk_use(there) / 1e9:.1f} GB, shared layers once. "
        f"Build cache: {build_cache()} ('harness images prune' frees it).",
        highlight=False,
        soft_wrap=True,
    )


def _wanted(environment: str, root: Path | None) -> "list[Wanted]":
    from harness.clusters.images.wanted import wanted

    require_daemon()
    return wanted(environment, checkout(root))


def _chosen(environment: str, only: Sequence[str] | None, root: Path | None) -> "list[Wanted]":
    images = _wanted(environment, root)
    names = _names(images, only)
    return [image for image in images if not names or image.name in names]


def _names(images: "Sequence[Wanted]", only: Sequence[str] | None) -> list[str]:
    """The names that have one of the texts in them; none when no text is given."""
    for text in only or ():
        if not any(text in image.name for image in images):
            raise UsageError(f"No image name contains {text!r}: 'harness images list' shows them.")
    return [image.name for image in images if any(text in image.name for text in only or ())]


def _say_lacking(names: Sequence[str]) -> None:
    """Names the images that need a registry, and ends with the exit code for that."""
    if not names:
        return
    err.print(
        f"[yellow]Available only from an image registry:[/] {escape(', '.join(names))}.",
        highlight=False,
        soft_wrap=True,
    )
    raise typer.Exit(ExitCode.ATTENTION)
