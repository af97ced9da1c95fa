"""The options that commands share: one name, one meaning."""

from pathlib import Path
from typing import Annotated, Any

import typer

from harness.paths import RUN_DIR, checkout


def environment_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """What a shell completes the name of an environment to."""
    folders = (checkout(ctx.params.get("root")) / "overlays").glob("[!.]*/")
    return sorted(folder.name for folder in folders if folder.name.startswith(incomplete))


def output(help_: str) -> Any:
    """-o/--output."""
    return typer.Option("--output", "-o", help=help_, metavar="PATH", show_default=False)


def group(summary: str, *examples: str) -> typer.Typer:
    """A command that has commands."""
    lines = "".join(f"\n    {example}" for example in examples)
    return typer.Typer(no_args_is_help=True, add_completion=False, help=f"{summary}\n\nExamples:{lines}")


FORMAT: Any = typer.Option("--format", "-f", help="Output format.")

Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        "-C",
        help="Checkout to act on.",
        metavar="DIR",
        show_default="the current one",
    ),
]
Environment = Annotated[
    str,
    typer.Argument(help="Environment: a folder in overlays/.", metavar="ENV", autocompletion=environment_names),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        help="Host that remote bases and charts may be fetched from; http://localhost:5000, for example, allows "
        "charts of a local address; repeatable.",
        metavar="HOST",
    ),
]
KustomizeOption = Annotated[
    list[str] | None, typer.Option(help="Option of `kustomize build`; repeatable.", metavar="OPTION")
]
Offline = Annotated[bool, typer.Option("--offline", help="Fetch no remote bases.")]
Kubeconfig = Annotated[
    Path | None,
    typer.Option(help="Kubeconfig file.", metavar="FILE", show_default="$KUBECONFIG, else ~/.kube/config"),
]
Lakehouse = Annotated[
    str,
    typer.Option(
        help="Lakehouse: a folder, or s3://bucket/prefix.", show_default=".run/lakehouse", metavar="ADDRESS"
    ),
]
LAKEHOUSE = str(RUN_DIR / "lakehouse")
