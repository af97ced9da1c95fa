"""`harness mock-api`: the mock API as a server in the foreground."""

import signal
from pathlib import Path
from typing import Annotated, Final

import typer

from harness.console import out
from harness.errors import STOPS, UsageError
from harness.pipeline.mock_api.catalog import MAX_DAY
from harness.pipeline.mock_api.server import DEFAULT_BREWERIES, DEFAULT_SEED, MockApi

DEFAULT_PORT: Final = 8000

SimulateChanges = Annotated[
    bool,
    typer.Option("--simulate-changes", help="Change the breweries of --data a little each day, as generated ones."),
]


def require_data(data: Path | None, *, simulate_changes: bool) -> None:
    if simulate_changes and data is None:
        raise UsageError("--simulate-changes is for --data, as generated breweries always change: name a file.")


def mock_api(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.", metavar="HOST")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.", metavar="PORT")
    ] = DEFAULT_PORT,
    breweries: Annotated[
        int, typer.Option(min=0, max=1_000_000_000, help="Number of breweries to generate.", metavar="N")
    ] = DEFAULT_BREWERIES,
    data: Annotated[
        Path | None,
        typer.Option(help="Serve this CSV, JSON or JSON Lines file of breweries, as it is.", metavar="FILE"),
    ] = None,
    simulate_changes: SimulateChanges = False,
    seed: Annotated[
        int, typer.Option(help="Seed of the generated breweries and their daily changes.", metavar="N")
    ] = DEFAULT_SEED,
    day: Annotated[
        int, typer.Option(min=0, max=MAX_DAY, help="Day of the data to serve; 0 is the data itself.", metavar="N")
    ] = 0,
    latency_ms: Annotated[int, typer.Option(min=0, help="Milliseconds before each answer.", metavar="N")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="Fault to inject; repeatable. docs/mock-api.md lists them.", metavar="NAME[:OPTION=VALUE,...]"
        ),
    ] = None,
    old_format: Annotated[bool, typer.Option("--old-format", help="Answer in the API's older format.")] = False,
) -> None:
    """Serve a mock of the Open Brewery DB v1 API.

    It serves until it is interrupted.

    Examples:
        harness mock-api
        harness mock-api --port 0 --breweries 100 --fault status:page=3
    """
    require_data(data, simulate_changes=simulate_changes)
    if day and data is not None and not simulate_changes:
        raise UsageError(
            "Every --day of --data shows the file as it is: add --simulate-changes, or leave out --day."
        )
    api = MockApi(
        host=host,
        port=port,
        breweries=breweries,
        data=data,
        simulate_changes=simulate_changes,
        seed=seed,
        day=day,
        latency_ms=latency_ms,
        faults=fault or (),
        old_format=old_format,
    )
    stop = set(STOPS)
    # Blocked before the server's threads start, so that only the wait below sees them. As process 1 of a container
    # SIGTERM would otherwise be ignored.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    try:
        with api:
            total = len(api.catalog.at(day))
            out.print(
                f"Mock of Open Brewery DB at {api.url}/v1 with {total:,} breweries, day {day}.", soft_wrap=True
            )
            out.print(f"Try:  curl '{api.url}/v1/breweries?per_page=3'", highlight=False, soft_wrap=True)
            out.print("Stop: Ctrl-C")
            signal.sigwait(stop)
        out.print("Mock API stopped.")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
