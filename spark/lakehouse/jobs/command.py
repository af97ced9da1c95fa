"""The jobs as a command: results on standard output, an expected failure as one sentence."""

import argparse
import datetime as dt
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, get_args

from brewery.contract import refusal
from brewery.contract.errors import PipelineError
from brewery.contract.layout import Layout
from brewery.contract.limits import VARIABLES, Limits
from brewery.contract.quarantine import VERBS
from lakehouse.errors import LakehouseError
from lakehouse.jobs import bronze_to_silver, maintenance, quality_gate, quarantine, silver_to_gold
from lakehouse.maintenance import MIN_RETENTION_HOURS
from lakehouse.session import get_session

log = logging.getLogger(__name__)

_ACTIONS: Final = get_args(maintenance.Action)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="lakehouse.jobs", description="Runs one job of the lakehouse.")
    root.add_argument(
        "--lakehouse",
        default=os.environ.get("LAKEHOUSE_URI"),
        help="root of the lakehouse: a folder, s3a://bucket or s3://bucket (default: LAKEHOUSE_URI)",
    )
    jobs = root.add_subparsers(dest="job", required=True)
    silver = jobs.add_parser("bronze_to_silver", help="apply what bronze has committed")
    _limits(silver, "rejected_share", "drop")
    jobs.add_parser("silver_to_gold", help="stage the gold tables")
    gate = jobs.add_parser("quality_gate", help="check silver and staged gold, then publish")
    _limits(gate, "max_age_hours", "warn_gone")
    decide = jobs.add_parser("quarantine", help="list runs that were refused, accept or discard them")
    decide.add_argument("action", choices=["list", *VERBS])
    decide.add_argument("--date", action="append", type=dt.date.fromisoformat, default=[], help="may be repeated")
    decide.add_argument("--by", default="", help="who decides")
    decide.add_argument("--reason", default="", help="why")
    upkeep = jobs.add_parser("maintenance", help="expiry, OPTIMIZE, VACUUM, checkpoint; history, restore")
    upkeep.add_argument("actions", nargs="*", default=maintenance.UPKEEP, metavar="|".join(_ACTIONS))
    upkeep.add_argument("--table", help="one table, for example silver/breweries")
    upkeep.add_argument("--version", type=int, help="version to restore")
    upkeep.add_argument(
        "--timestamp", type=_moment, help="or the time to restore to, ISO 8601 (UTC without offset)"
    )
    upkeep.add_argument("--retention-hours", type=int, default=MIN_RETENTION_HOURS)
    upkeep.add_argument("--keep-results-days", type=int, default=maintenance.KEEP_RESULTS_DAYS)
    return root


def _limits(job: argparse.ArgumentParser, *names: str) -> None:
    """Add an option for each limit, named as its variable: LAKEHOUSE_MAX_DROP becomes --max-drop."""
    for name in names:
        variable = VARIABLES[name]
        option = f"--{variable.removeprefix('LAKEHOUSE_').lower().replace('_', '-')}"
        job.add_argument(option, dest=variable, help=f"default: {variable}, else {getattr(Limits(), name):g}")


def _moment(text: str) -> dt.datetime:
    # datetime.fromisoformat reads the "Z" of UTC only from Python 3.11 on.
    moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.timezone.utc)


def main(arguments: Sequence[str]) -> int:
    """Run one job.

    Returns:
        0; after a failure, which the sentence on standard error explains, 1 if a retry may help, and
        `refusal.EXIT_CODE` if it would fail in the same way.
    """
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    try:
        _run(options)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the command's own output
        _leave_word(str(error))
        return 1 if error.retryable else refusal.EXIT_CODE
    return 0


def _leave_word(sentence: str) -> None:
    """Write the sentence for Kubernetes; a failure to do so does not change the exit code."""
    path = os.environ.get(refusal.TERMINATION_LOG)
    if not path:
        return
    try:
        Path(path).write_text(sentence, encoding="utf-8")
    except OSError as error:
        log.warning("the sentence could not be left for Kubernetes: %s", error)


def _run(options: argparse.Namespace) -> None:
    if not options.lakehouse:
        raise LakehouseError("Name the lakehouse with --lakehouse or LAKEHOUSE_URI.")
    layout = Layout(options.lakehouse)
    if options.job == "maintenance":
        unknown = set(options.actions) - set(_ACTIONS)
        if unknown:
            raise LakehouseError(f"There is no action {unknown.pop()}: name one of {', '.join(_ACTIONS)}.")
    spark = get_session(f"lakehouse {options.job}")
    given = {name: value for name, value in vars(options).items() if name in VARIABLES.values() and value}
    limits = Limits.from_env({**os.environ, **given})
    if options.job == "bronze_to_silver":
        lines = [str(row) for row in bronze_to_silver.run(spark, layout, limits)] or ["nothing new"]
    elif options.job == "silver_to_gold":
        lines = [f"staged from {silver_to_gold.run(spark, layout)}"]
    elif options.job == "quality_gate":
        lines = [str(outcome) for outcome in quality_gate.run(spark, layout, limits)]
    elif options.job == "quarantine":
        lines = quarantine.run(spark, layout, options.action, options.date, by=options.by, reason=options.reason)
    else:
        lines = maintenance.run(
            spark,
            layout,
            options.actions,
            table=options.table,
            version=options.version,
            at=options.timestamp,
            retention_hours=options.retention_hours,
            keep_results_days=options.keep_results_days,
        )
    for line in lines:
        print(line)  # noqa: T201 - the command's own output
