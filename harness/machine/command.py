"""`harness setup`: fetches ahead of time what the other commands fetch on first use."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from harness.console import err, out
from harness.machine.jars import jars as fetch_jars
from harness.machine.java import java_home
from harness.machine.tools import TOOLS, tool

EVERYDAY_JARS = ("delta", "s3")


def setup(
    java: Annotated[bool, typer.Option("--java", help="A Java runtime for Spark.")] = False,
    jars: Annotated[
        list[str] | None, typer.Option("--jars", help="A group of Spark's jars (delta, s3, …); can be repeated.")
    ] = None,
    tools: Annotated[bool, typer.Option("--tools", help=f"The Go tools: {', '.join(sorted(TOOLS))}.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All that `make test` needs.")] = False,
) -> None:
    """Fetch what the other commands would fetch on first use; without an option, what `harness run` needs."""
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
    with err.status(f"{name} …"):
        found = fetch()
    out.print(f"[bold]{name}[/]", highlight=False)
    for path in found if isinstance(found, list) else [found]:
        out.print(f"  {path}", markup=False, highlight=False, soft_wrap=True)
