"""`harness doctor`: what this machine has, what it lacks, and the command that gets it."""

import dataclasses
import datetime
import json
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal

import typer

from harness.console import out
from harness.doctor.checks import EVERY, Need, State, Tier, needs
from harness.doctor.pins import pins
from harness.doctor.versions import ASK, verdicts
from harness.doctor.versions import State as PinState
from harness.exits import ExitCode
from harness.options import FORMAT
from harness.paths import ROOT

STYLES = {State.READY: "green", State.FIRST_USE: "yellow", State.MISSING: "bold red"}


def doctor(
    tiers: Annotated[
        list[Tier] | None,
        typer.Argument(help="What to check for; by default what needs no Docker.", metavar="TIER"),
    ] = None,
    form: Annotated[Literal["text", "json"], FORMAT] = "text",
    versions: Annotated[
        bool, typer.Option("--versions", help="Show which pins are behind or out of support; asks the registries.")
    ] = False,
) -> None:
    """Show what this machine has and lacks, and how to get it.

    The exit code is 3 when a named tier lacks something that no command fetches on first use, or when a pin is
    behind or out of support. It is 5 when some pins could not be asked for and the others are current.

    Examples:
        harness doctor
        harness doctor run e2e
        harness doctor --format json
        harness doctor --versions
    """
    if versions:
        raise typer.Exit(_versions(form))
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


def _versions(form: str) -> ExitCode:
    all_verdicts = list(verdicts(pins(ROOT), ASK, datetime.datetime.now(datetime.UTC).date()))
    counts = Counter(item.state for item in all_verdicts)
    if form == "json":
        typer.echo(json.dumps([dataclasses.asdict(item) for item in all_verdicts], indent=2))
    else:
        width = max(map(len, PinState))
        for item in sorted(all_verdicts, key=lambda item: list(PinState).index(item.state)):
            newest = f", newest {item.newest}" if item.newest and item.state is not PinState.CURRENT else ""
            line = f"{item.state:<{width}}  {item.pin.kind} {item.pin.name} {item.pin.version}{newest}"
            out.print(line, markup=False, highlight=False, soft_wrap=True)
            for detail in filter(None, (item.detail, ", ".join(item.pin.files))):
                out.print(f"{'':{width}}  {detail}", markup=False, highlight=False, soft_wrap=True, style="dim")
        out.print(", ".join(f"{counts[state]} {state}" for state in PinState), style="bold")
    if counts[PinState.BEHIND] or counts[PinState.UNSUPPORTED]:
        return ExitCode.ATTENTION
    return ExitCode.NOT_COVERED if counts[PinState.UNKNOWN] else ExitCode.OK


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
