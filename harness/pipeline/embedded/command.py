"""`harness run`: the whole pipeline on this machine."""

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from brewery.contract.errors import PipelineError
from brewery.contract.limits import VARIABLES, Limits
from harness.console import err, out
from harness.errors import HarnessError, UsageError, interrupted
from harness.files import check_output, write_output
from harness.options import LAKEHOUSE, Lakehouse
from harness.pipeline.embedded.display import Display
from harness.pipeline.embedded.environment import worker_environment
from harness.pipeline.embedded.events import Event, Progress, Retrying, StageEnded, StageStarted
from harness.pipeline.embedded.lakehouse import choose_date, newest_records, prepare
from harness.pipeline.embedded.lease import leased
from harness.pipeline.embedded.lock import exclusive
from harness.pipeline.embedded.simulation import day_number
from harness.pipeline.embedded.supervisor import run_worker
from harness.pipeline.lakehouse.address import Address
from harness.pipeline.lakehouse.model import Failure, StageTime
from harness.pipeline.lakehouse.s3 import lakehouse_at
from harness.pipeline.mock_api.command import SimulateChanges, require_data
from harness.pipeline.mock_api.server import MockApi

_REPORT_BYTES = 2**20
_RECORD_BYTES = 200
_Result = TypeVar("_Result")
_LIMITS = Limits()


@dataclass(frozen=True)
class _Day:
    """A day that is run: its date, the lakehouse that it joins, and what is written beside that.

    Attributes:
        records: How many records it has, roughly.
    """

    date: dt.date
    records: int
    address: Address
    limits: Limits
    log_file: Path
    report_file: Path


def _limit(name: str, most: float | None, help_: str) -> Any:
    return typer.Option(help=help_, min=0, max=most, envvar=VARIABLES[name], show_envvar=False, metavar="N")


def run(
    breweries: Annotated[int, typer.Option(min=1, help="Number of breweries of the mock API.", metavar="N")] = 4000,
    data: Annotated[
        Path | None, typer.Option(help="Serve this CSV or JSON file of breweries, as it is.", metavar="FILE")
    ] = None,
    simulate_changes: SimulateChanges = False,
    api: Annotated[
        str | None,
        typer.Option(help="Ingest from this API, such as https://api.openbrewerydb.org/v1.", metavar="URL"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the mock API's data.", metavar="N")] = 1,
    lakehouse: Lakehouse = LAKEHOUSE,
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the lakehouse first.")] = False,
    date: Annotated[
        str | None,
        typer.Option(
            help="Ingestion date. Default: the day after the newest one; with --api today (UTC).",
            metavar="YYYY-MM-DD",
        ),
    ] = None,
    max_rejected_share: Annotated[
        float, _limit("rejected_share", 1, "Refuse a snapshot with a greater share of rejected records.")
    ] = _LIMITS.rejected_share,
    max_drop: Annotated[
        float, _limit("drop", 1, "Refuse a snapshot that is smaller than the one before by a greater share.")
    ] = _LIMITS.drop,
    max_age_hours: Annotated[
        float, _limit("max_age_hours", None, "Publish no new day from a snapshot that is older.")
    ] = _LIMITS.max_age_hours,
    warn_gone: Annotated[
        float, _limit("warn_gone", 1, "Warn where a greater share of the breweries is gone.")
    ] = _LIMITS.warn_gone,
    report: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="HTML report to write. Default: report.html beside the lakehouse.",
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the whole pipeline on this machine, API to report.

    Without --api it starts the mock API. Each run adds a day to the lakehouse: of generated breweries, which change
    from day to day, or of the --data file as it is.

    Examples:
        harness run
        harness run --breweries 10000 --fresh
        harness run --data breweries.csv --lakehouse /data/lakehouse
    """
    if data is not None and api is not None:
        raise UsageError("--data and --api exclude each other: give one of the two.")
    require_data(data, simulate_changes=simulate_changes)
    limits = Limits(max_rejected_share, max_drop, max_age_hours, warn_gone)
    address = lakehouse_at(lakehouse)
    report_file = (report or address.near("report.html")).expanduser().resolve()
    check_output(report_file, _REPORT_BYTES)
    root, own_folder = address.root, address.folder or address.near(".")
    prepare(root, fresh=False)
    own_folder.mkdir(parents=True, exist_ok=True)
    leasing: AbstractContextManager[Mapping[str, str]] = (
        nullcontext({}) if address.folder else leased(root, err.print)
    )
    with exclusive(own_folder, root) as lock, leasing as lease:
        prepare(root, fresh=fresh)
        ingestion_date = choose_date(
            root, date, simulated=api is None, changes=api is None and (data is None or simulate_changes)
        )
        if data is not None:
            records = data.stat().st_size // _RECORD_BYTES
        else:
            records = breweries if api is None else newest_records(root)
        log_file = _new_log(address.near("logs"), ingestion_date)
        day = _Day(ingestion_date, records, address, limits, log_file, report_file)
        err.print(f"[bold]{ingestion_date}[/] → {root}", highlight=False, soft_wrap=True)
        try:
            with (
                Display(err).live() as display,
                nullcontext(api)
                if api is not None
                else _mock_api(breweries, data, simulate_changes, seed, ingestion_date) as url,
            ):
                _run(day, url, display, lock, lease)
        except KeyboardInterrupt as request:
            raise interrupted(
                request, "the lakehouse keeps what was committed, and the same command continues from there"
            ) from None


@contextmanager
def _mock_api(breweries: int, data: Path | None, simulate_changes: bool, seed: int, date: dt.date) -> Iterator[str]:
    day = day_number(date) if data is None or simulate_changes else 0
    with MockApi(breweries=breweries, data=data, simulate_changes=simulate_changes, seed=seed, day=day) as server:
        yield f"{server.url}/v1"


def _run(day: _Day, url: str, display: Display, lock: int, lease: Mapping[str, str]) -> None:
    # Imported here: `harness --help` should not wait for Arrow and the charts.
    from harness.machine.class_archive import class_archive
    from harness.machine.environment import spark_environment
    from harness.pipeline.lakehouse.read import summarise
    from harness.pipeline.report.html import render
    from harness.pipeline.report.tables import print_summary

    stages: list[StageTime] = []

    def timed(stage: str, work: Callable[[], _Result]) -> _Result:
        display.start(stage)
        started = time.monotonic()
        result = work()
        follow(StageEnded(stage, time.monotonic() - started))
        return result

    def follow(event: Event) -> None:
        match event:
            case StageStarted(stage):
                display.start(stage)
            case Progress(stage, done, total, note):
                display.move(stage, done, total, note)
            case Retrying(stage, sentence, seconds):
                display.retry(stage, sentence, seconds)
            case StageEnded(stage, seconds):
                display.end(stage, seconds)
                stages.append(StageTime(stage, seconds))

    spark = timed("setup", lambda: spark_environment(("delta",) if day.address.folder else ("delta", "s3")))
    home = day.address.near("airflow")
    home.mkdir(exist_ok=True)
    try:
        with class_archive(spark) as java_options:
            environment = worker_environment(
                home=home,
                lakehouse=day.address.root,
                api=url,
                spark=spark,
                java_options=java_options,
                limits=day.limits,
                records=day.records,
            )
            finished = run_worker(day.date, {**environment, **lease}, day.log_file, follow, lock=lock)
    except HarnessError as error:
        display.close()
        _report_failure(day.address.root, Failure(day.date, str(error)), stages, day.report_file)
        raise
    summary = timed(
        "summary", lambda: summarise(day.address.root, stages, finished.versions, warn_gone=day.limits.warn_gone)
    )
    timed("report", lambda: write_output(day.report_file, render(summary)))
    display.close()
    print_summary(summary, out)
    out.print(f"Report: {day.report_file}", highlight=False, soft_wrap=True)


def _report_failure(root: str, failure: Failure, stages: list[StageTime], report_file: Path) -> None:
    from harness.pipeline.lakehouse.read import refusals, summarise
    from harness.pipeline.report.html import render, render_failure

    try:
        try:
            content = render(summarise(root, stages, failure=failure))
        except HarnessError:
            # There is no gold yet, or it cannot be read.
            content = render_failure(failure, refusals(root))
        write_output(report_file, content)
        err.print(f"Report: {report_file}", highlight=False, soft_wrap=True)
    except (HarnessError, PipelineError) as error:
        err.print(f"There is no report of this run: {error}", highlight=False, markup=False, soft_wrap=True)


def _new_log(folder: Path, date: dt.date) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{date.isoformat()}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}.log"
