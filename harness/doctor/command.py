"""`harness doctor`: what this machine has, what it lacks, and the command that gets it."""

import dataclasses
import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from harness.console import out
from harness.doctor.checks import EVERY, Finding, State, Tier, findings

STYLES = {State.READY: "green", State.FIRST_USE: "yellow", State.MISSING: "bold red"}


def doctor(
    tiers: Annotated[
        list[Tier] | None, typer.Argument(help="What to check for; by default what needs no Docker.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a machine.")] = False,
) -> None:
    """Show what each `make` command needs, whether it is there, and how to get it.

    Exits with 1 when something that a named command needs is missing and does not come by itself.
    """
    asked = tuple(tiers or (Tier.RUN, Tier.TEST))
    found = list(findings())
    missing = [finding for finding in found if finding.state is State.MISSING and set(finding.tiers) & set(asked)]
    if as_json:
        out.print_json(json.dumps([dataclasses.asdict(finding) for finding in found]))
    else:
        out.print(_table(found))
        verdict = f"missing for {', '.join(asked)}: {', '.join(finding.name for finding in missing)}"
        out.print(verdict if missing else f"nothing is missing for {', '.join(asked)}", style="bold")
    if missing:
        raise typer.Exit(1)


def _table(found: list[Finding]) -> Table:
    table = Table("what", "for", "state", box=None, pad_edge=False, header_style="bold")
    table.add_column("found, and how to get it", overflow="fold")
    for finding in found:
        remedy = f"{finding.detail and ': '}[bold]{escape(finding.remedy)}[/]" if finding.remedy else ""
        tiers = "everything" if finding.tiers == EVERY else ", ".join(finding.tiers)
        table.add_row(
            finding.name, tiers, f"[{STYLES[finding.state]}]{finding.state}[/]", f"{escape(finding.detail)}{remedy}"
        )
    return table
