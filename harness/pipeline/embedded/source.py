"""The API that a run ingests from: a given one, or the mock for as long as the run lasts."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from harness.pipeline.embedded import simulation
from harness.pipeline.mock_api.server import MockApi


@contextlib.contextmanager
def open_source(api: str | None, data: Path | None, *, breweries: int, seed: int, date: dt.date) -> Iterator[str]:
    """Serve the source while the block runs.

    Args:
        api: URL of a running API, up to its version; then nothing is started.
        data: CSV or JSON file to serve.
        breweries: Number of generated breweries where there is no file.
        seed: Seed of the generated breweries and of the changes from day to day.
        date: Ingestion date; decides the simulated day.

    Yields:
        The API's URL.

    Raises:
        HarnessError: The file cannot be read.
    """
    if api is not None:
        yield api
        return
    day = simulation.day_number(date)
    with MockApi(breweries=breweries, seed=seed, data=data, day=day) as server:
        yield f"{server.url}/v1"
