"""`harness images`: list, build, pull, load, save, prune."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.markup import escape

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.clusters.images.wanted import Wanted

LACKING: Final = 3
"""Exit code when all went well, but some images can be had from a registry only, and none answers."""

app = typer.Typer(
    name="images",
    no_args_is_help=True,
    help="An environment's images: pulled, or built where no registry answers. The overlay says which they are.",
)

Environment = Annotated[str, typer.Argument(help="The environment: a folder below overlays/.", metavar="ENV")]
Only = Annotated[
    list[str] | None,
    typer.Option(help="Only images whose name has this in it, such as spark; repeatable.", metavar="TEXT"),
]


@app.command("list")
def list_images(
    environment: Environment = "minikube",
    only: Only = None,
    users: Annotated[bool, typer.Option("--users", help="Also who names each image.")] = False,
) -> None:
    """Lists the images that an environment's rendered overlay names, and what Docker has of them."""
    from rich import box
    from rich.table import Column, Table

    from harness.clusters.docker.client import image_label, require_daemon
    from harness.clusters.docker.image import INPUTS, local_name
    from harness.clusters.images.archive import build_cache, disk_use, sizes
    from harness.clusters.images.build import VERSION
    from harness.clusters.images.recipes import recipe
    from harness.console import out

    require_daemon()
    images = _chosen(environment, only)
    there = sizes(image.name for image in images)
    table = Table(Column("image", overflow="fold"), "from", "holds", "size", box=box.SIMPLE)
    for image in images:
        how = recipe(image.repository)
        local = local_name(image.name)
        built = image.name in there and image_label(local, INPUTS) is not None
        origin = "here" if how and how.own else "registry, else here" if how else "registry only"
        if image.name in there:
            origin = "built here" if built else "a registry"
        version = image_label(local, VERSION) if built else None
        size = f"{there[image.name] / 1e6:,.0f} MB" if image.name in there else "not there"
        table.add_row(escape(image.name), origin, version or "", size)
        if users:
            for user in image.users:
                table.add_row(f"  [dim]{escape(user)}[/]")
    out.print(table)
    total = disk_use(there)
    out.print(
        f"{len(there)} of {len(images)} are there: {total / 1e9:.1f} GB, shared layers once. "
        f"Build cache: {build_cache()} ('harness images prune' frees it).",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def build(
    environment: Environment = "minikube",
    only: Only = None,
    registry: Annotated[
        bool, typer.Option("--registry/--no-registry", help="Pull upstream's images where their registry answers.")
    ] = True,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Build all of it again, with Debian's newest packages.")
    ] = False,
) -> None:
    """Makes all images of an environment; what is there and has not changed is left as it is.

    The platform's own images are built. Upstream's are pulled where their registry answers; where none does, the
    same names are built from Debian's packages and Go modules.

    Exit codes: 0 all are there, 3 all but those that can only be pulled (they are named), 1 something failed.
    """
    from harness.clusters.docker.client import require_daemon
    from harness.clusters.images.archive import disk_use
    from harness.clusters.images.wanted import wanted
    from harness.clusters.images.work import Source, ensure
    from harness.console import err

    require_daemon()
    images = wanted(environment)
    names = _names(images, only)
    plans = ensure(images, only=names, registry=registry, fresh=refresh)
    lacking = [plan.name for plan in plans if plan.source is Source.NONE]
    made = sum(plan.source in (Source.BUILD, Source.PULL) for plan in plans)
    use = disk_use(plan.name for plan in plans)
    err.print(
        f"{len(plans) - len(lacking)} images of {environment} are in Docker ({made} new), {use / 1e9:.1f} GB.",
        highlight=False,
    )
    _say_lacking(lacking)


@app.command()
def pull(environment: Environment = "minikube", only: Only = None) -> None:
    """Pulls upstream's images of an environment from their registries; the platform's own are built.

    Exit codes: 0 all are there, 1 something could not be pulled.
    """
    from concurrent.futures import ThreadPoolExecutor

    from harness.clusters.docker.client import require_daemon
    from harness.clusters.docker.registry import answers, host
    from harness.clusters.docker.registry import pull as pull_image
    from harness.clusters.images.display import Display
    from harness.clusters.images.recipes import recipe

    require_daemon()
    foreign = [
        image.name for image in _chosen(environment, only) if not ((how := recipe(image.repository)) and how.own)
    ]
    silent = [name for name in foreign if not answers(name)]
    if silent:
        raise HarnessError(
            f"The registry {host(silent[0])} does not answer, so {silent[0]} cannot be pulled: check the network, "
            f"or use 'harness images build {environment}', which builds what it can."
        )

    with Display() as display:

        def one(name: str) -> None:
            with display.row(name):
                pull_image(name)

        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(one, name) for name in foreign]:
                future.result()


@app.command()
def load(
    environment: Environment = "minikube",
    only: Only = None,
    cluster: Annotated[str, typer.Option(help="The kind cluster's name.")] = "lakehouse",
) -> None:
    """Copies an environment's images from Docker into a kind cluster; what is there already is left out.

    Exit codes: as of build.
    """
    import time

    from harness.clusters.docker.client import require_daemon
    from harness.clusters.images.archive import absent
    from harness.clusters.images.recipes import recipe
    from harness.clusters.kind.cluster import Cluster
    from harness.clusters.kind.load import load as load_images
    from harness.console import err, working

    require_daemon()
    images = _chosen(environment, only)
    lacking = absent(image.name for image in images)
    for image in images:
        if image.name in lacking and recipe(image.repository):
            raise HarnessError(f"Docker has no image {image.name}: 'harness images build {environment}' makes it.")
    started = time.monotonic()
    with working(f"copying images into {cluster}"):
        copied = load_images(Cluster(cluster), [image.name for image in images if image.name not in lacking])
    seconds = time.monotonic() - started
    err.print(f"{len(copied)} images copied into {cluster} ({seconds:.0f} s).", highlight=False)
    _say_lacking(lacking)


@app.command()
def save(
    file: Annotated[
        Path, typer.Argument(help="The archive to write, for 'docker load' elsewhere.", metavar="FILE")
    ],
    environment: Environment = "minikube",
    only: Only = None,
) -> None:
    """Writes an environment's images into one archive; layers that they share are in it once."""
    from harness.clusters.docker.client import require_daemon
    from harness.clusters.images.archive import absent
    from harness.clusters.images.archive import save as save_images
    from harness.clusters.images.recipes import recipe
    from harness.console import err, working
    from harness.manifests.images import reference

    require_daemon()
    images = _chosen(environment, only)
    only_pulled = [name for name in absent(image.name for image in images) if not recipe(reference(name)[0])]
    with working(f"writing {file}"):
        size = save_images([image.name for image in images if image.name not in only_pulled], file)
    err.print(f"{len(images) - len(only_pulled)} images in {file}, {size / 1e9:.1f} GB.", highlight=False)
    _say_lacking(only_pulled)


@app.command()
def prune(
    everything: Annotated[
        bool, typer.Option("--all", help="Also the images in use now, the base image and all of the build cache.")
    ] = False,
) -> None:
    """Removes what newer builds have replaced, what Docker keeps of them, and what interrupted builds have left."""
    from harness.clusters.docker.client import require_daemon
    from harness.clusters.images.archive import prune as prune_images
    from harness.console import err, working
    from harness.machine.gobuild import forget_interrupted

    require_daemon()
    with working("removing images"):
        freed = prune_images(everything=everything)
        forget_interrupted()
    err.print(f"Freed: {freed}.", highlight=False)


def _chosen(environment: str, only: Sequence[str] | None) -> "list[Wanted]":
    from harness.clusters.images.wanted import wanted

    images = wanted(environment)
    names = _names(images, only)
    return [image for image in images if not names or image.name in names]


def _names(images: "Sequence[Wanted]", only: Sequence[str] | None) -> list[str]:
    """The names that have one of the texts in them; none when no text is given."""
    for text in only or ():
        if not any(text in image.name for image in images):
            raise HarnessError(
                f"No image has {text!r} in its name: 'harness images list' shows which there are.", exit_code=2
            )
    return [image.name for image in images if any(text in image.name for text in only or ())]


def _say_lacking(names: Sequence[str]) -> None:
    """Says which images can be had from a registry only, and ends with the exit code for that."""
    from harness.console import err

    if not names:
        return
    err.print(
        f"[yellow]Not to be had without an image registry:[/] {escape(', '.join(names))}.",
        highlight=False,
        soft_wrap=True,
    )
    raise typer.Exit(LACKING)
