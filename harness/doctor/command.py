"""`harness doctor`: what this machine has, what it lacks, and the command that gets it."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Annotated, Literal

import typer

from harness.console import out
from harness.doctor.checks import EVERY, Need, State, Tier, needs
from harness.exits import ExitCode
from harness.options import FORMAT

STYLES = {State.READY: "green", State.FIRST_USE: "yellow", State.MISSING: "bold red"}


def doctor(
    tiers: Annotated[
        list[Tier] | None,
        typer.Argument(help="What to check for; by default what needs no Docker.", metavar="TIER"),
    ] = None,
    form: Annotated[Literal["text", "json"], FORMAT] = "text",
) -> None:
    """Show what this machine has and lacks, and how to get it.

    The exit code is 3 when a named tier lacks something that no command fetches on first use.

    Examples:
        harness doctor
        harness doctor run e2e
        harness doctor --format json
    """
    asked = tuple(tiers or (Tier.RUN, Tier.TEST))
    all_needs = list(needs())
    missing = [item for item in all_needs if item.state is State.MISSING and set(item.tiers) & set(asked)]
    if form == "json":
        typer.echo(json.dumps([dataclasses.asdict(item) for item in all_needs], indent=2))
    else:
        _print(all_needs)
        verdict = f"missing for {', '.join(asked)}: {', '.join(item.name for item in missing)}"
        out.print(verdict if missing else f"nothing is missing for {', '.join(asked)}", style="bold")
    if missing:
        raise typer.Exit(ExitCode.ATTENTION)


def _print(all_needs: Iterable[Need]) -> None:
    """One thing to copy a line, which no table cuts."""
    width = max(map(len, State))
    for item in all_needs:
        tiers = "everything" if item.tiers == EVERY else ", ".join(item.tiers)
        out.print(f"{item.state:<{width}}", style=STYLES[item.state], end="  ")
        out.print(f"{item.name} ({tiers})", markup=False, highlight=False, soft_wrap=True)
        for line, style in ((item.detail, "dim"), (item.remedy, "bold")):
            if line:
                out.print(f"{'':{width}}  {line}", markup=False, highlight=False, soft_wrap=True, style=style)
