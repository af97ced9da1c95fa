"""`harness setup`: fetches ahead of time what the other commands fetch on first use."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from harness.console import out
from harness.machine.jars import jars as fetch_jars
from harness.machine.java import java_home
from harness.machine.tools import TOOLS, tool

EVERYDAY_JARS = ("delta", "s3")


def setup(
    java: Annotated[bool, typer.Option("--java", help="A Java runtime for Spark.")] = False,
    jars: Annotated[
        list[str] | None,
        typer.Option("--jars", help="A group of Spark's jars, such as delta or s3; repeatable.", metavar="GROUP"),
    ] = None,
    tools: Annotated[bool, typer.Option("--tools", help=f"The Go tools: {', '.join(sorted(TOOLS))}.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All that `make test` needs.")] = False,
) -> None:
    """Fetch ahead of time what other commands fetch on first use.

    Without an option it fetches what `harness run` needs.

    Examples:
        harness setup
        harness setup --tools --jars s3
    """
    if not (java or jars or tools or everything):
        java, jars = True, ["delta"]
    groups = [*(jars or []), *(EVERYDAY_JARS if everything else ())]
    if java or everything:
        _show("Java", java_home)
    for group in dict.fromkeys(groups):
        _show(f"jars: {group}", partial(fetch_jars, group))
    if tools or everything:
        for name in TOOLS:
            _show(name, partial(tool, name))


def _show(name: str, fetch: Callable[[], Path | list[Path]]) -> None:
    paths = fetch()
    out.print(f"[bold]{name}[/]", highlight=False)
    for path in paths if isinstance(paths, list) else [paths]:
        out.print(f"  {path}", markup=False, highlight=False, soft_wrap=True)
