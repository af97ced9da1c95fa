"""`harness run`: the whole pipeline on this machine."""

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from harness.console import err, out
from harness.errors import HarnessError
from harness.paths import RUN_DIR
from harness.pipeline.embedded.display import Display
from harness.pipeline.embedded.environment import worker_environment
from harness.pipeline.embedded.events import Event, Progress, StageEnded, StageStarted
from harness.pipeline.embedded.lakehouse import choose_date, prepare
from harness.pipeline.embedded.lock import exclusive
from harness.pipeline.embedded.source import open_source
from harness.pipeline.embedded.supervisor import run_worker

_Result = TypeVar("_Result")


def run(
    breweries: Annotated[
        int, typer.Option(min=1, help="How many breweries the mocked API has.", rich_help_panel="Source")
    ] = 4000,
    data: Annotated[
        Path | None,
        typer.Option(help="Serve this CSV or JSON file of breweries instead.", rich_help_panel="Source"),
    ] = None,
    api: Annotated[
        str | None,
        typer.Option(
            help="Ingest from this API instead, for example https://api.openbrewerydb.org/v1.",
            rich_help_panel="Source",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the mocked API's data.", rich_help_panel="Source")] = 1,
    lakehouse: Annotated[
        Path,
        typer.Option(help="Folder of the lakehouse.", rich_help_panel="Lakehouse", show_default=".run/lakehouse"),
    ] = RUN_DIR / "lakehouse",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Empty the lakehouse first.", rich_help_panel="Lakehouse")
    ] = False,
    date: Annotated[
        str | None,
        typer.Option(
            help="Ingestion date, YYYY-MM-DD. Default: the day after the newest one; for --api today (UTC).",
            rich_help_panel="Lakehouse",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Where the HTML report goes. Default: report.html beside the lakehouse."),
    ] = None,
) -> None:
    """Run the whole pipeline on this machine: API, both DAGs, gold tables, report.

    Without --data or --api it starts a mocked Brewery API by itself. Each run adds a day to the lakehouse.
    """
    if data is not None and api is not None:
        raise HarnessError("--data and --api exclude each other: give one of them", exit_code=2)
    root = lakehouse.expanduser().resolve()
    prepare(root, fresh=False)
    with exclusive(root):
        prepare(root, fresh=fresh)
        ingestion_date = choose_date(root, date, simulated=api is None)
        log_file = _new_log(root.parent / "logs", ingestion_date)
        report_file = (report or root.parent / "report.html").expanduser().resolve()
        err.print(f"[bold]{ingestion_date}[/] → {root}", highlight=False, soft_wrap=True)
        try:
            with (
                Display(err).live() as display,
                open_source(api, data, breweries=breweries, seed=seed, date=ingestion_date) as url,
            ):
                _run(root, url, ingestion_date, log_file, report_file, display)
        except KeyboardInterrupt:
            raise HarnessError(
                "interrupted: the lakehouse keeps what was committed, and the same command goes on from there",
                exit_code=130,
            ) from None


def _run(root: Path, url: str, date: dt.date, log_file: Path, report_file: Path, display: Display) -> None:
    # Imported here: `harness --help` should not wait for Arrow and the charts.
    from harness.machine.environment import spark_environment
    from harness.pipeline.lakehouse.model import StageTime
    from harness.pipeline.lakehouse.read import summarise
    from harness.pipeline.report.html import write_report
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
            case StageEnded(stage, seconds):
                display.end(stage, seconds)
                stages.append(StageTime(stage, seconds))

    spark = timed("setup", spark_environment)
    home = root.parent / "airflow"
    home.mkdir(exist_ok=True)
    environment = worker_environment(home=home, lakehouse=root, api=url, spark=spark)
    finished = run_worker(date, environment, log_file, follow)
    summary = timed("summary", lambda: summarise(str(root), stages=stages, versions=dict(finished.versions)))
    written = timed("report", lambda: write_report(summary, report_file))
    display.close()
    print_summary(summary, out)
    out.print(f"Report: {written}", highlight=False, soft_wrap=True)


def _new_log(folder: Path, date: dt.date) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{date.isoformat()}-{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}.log"
