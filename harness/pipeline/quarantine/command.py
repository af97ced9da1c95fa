"""`harness quarantine`: lists the runs that the snapshot gate refused, accepts or discards them."""

import datetime as dt
import getpass
from functools import partial
from typing import Annotated

import typer

from brewery.bronze import list_dates
from brewery.contract.decisions import standing
from brewery.contract.quarantine import VERBS, decide, listing
from brewery.quarantine import read_decisions, record, runs_of
from brewery.storage import Storage
from harness.console import out
from harness.errors import HarnessError, UsageError
from harness.options import LAKEHOUSE, Lakehouse, group
from harness.pipeline.lakehouse.s3 import lakehouse_at

app = group(
    "List, accept or discard runs that the snapshot gate refused.",
    "harness quarantine list",
    'harness quarantine accept --date 2025-01-03 --reason "the API really lost Texas"',
)

Dates = Annotated[
    list[str], typer.Option("--date", help="Ingestion date of the run; may be repeated.", metavar="YYYY-MM-DD")
]
Reason = Annotated[str, typer.Option(help="Why, for the audit trail.", metavar="TEXT")]
By = Annotated[str, typer.Option(help="Who decides.", show_default="the current user", metavar="NAME")]


@app.command("list")
def list_(lakehouse: Lakehouse = LAKEHOUSE) -> None:
    """List the runs in quarantine, then every decision that was made.

    Examples:
        harness quarantine list
        harness quarantine list --lakehouse s3://lakehouse
    """
    storage = _open(lakehouse)
    _print(listing(read_decisions(storage), partial(runs_of, storage)))


@app.command()
def accept(date: Dates, reason: Reason, by: By = "", lakehouse: Lakehouse = LAKEHOUSE) -> None:
    """Accept a refused or discarded run: the next run of the pipeline applies it to silver.

    Examples:
        harness quarantine accept --date 2025-01-03 --reason "the API really lost Texas"
    """
    _decide("accept", date, reason, by, lakehouse)


@app.command()
def discard(date: Dates, reason: Reason, by: By = "", lakehouse: Lakehouse = LAKEHOUSE) -> None:
    """Discard a run: silver never holds it, or the next run of the pipeline takes it out.

    Examples:
        harness quarantine discard --date 2025-01-03 --reason "half of the pages were empty"
    """
    _decide("discard", date, reason, by, lakehouse)


def _decide(verb: str, dates: list[str], reason: str, by: str, lakehouse: str) -> None:
    try:
        parsed = [dt.date.fromisoformat(date) for date in dates]
    except ValueError:
        raise UsageError(f"{', '.join(dates)}: write each date as 2025-01-31.") from None
    storage = _open(lakehouse)
    decisions = read_decisions(storage)
    decision = decide(
        VERBS[verb],
        parsed,
        standing(decisions),
        partial(runs_of, storage),
        by=by or getpass.getuser(),
        reason=reason,
        now=dt.datetime.now(dt.UTC),
    )
    record(storage, decision)
    _print(listing([*decisions, decision], partial(runs_of, storage)))


def _open(lakehouse: str) -> Storage:
    storage = Storage.for_uri(lakehouse_at(lakehouse).root)
    if not list_dates(storage):
        raise HarnessError(f"There is no run in {storage.layout.bronze}: name another lakehouse with --lakehouse.")
    return storage


def _print(lines: list[str]) -> None:
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
