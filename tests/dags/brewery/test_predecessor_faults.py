"""Faults that the pipeline this one replaces had in its ingestion, one test for each."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from brewery.bronze import list_runs
from brewery.errors import StorageDeniedError
from brewery.ingestion import ingest
from brewery.settings import Settings
from brewery.storage import Storage
from brewery.validation import validate
from harness.pipeline.mock_api import MockApi

MakeSettings = Callable[..., Settings]
REAL_NAMES = ("L’Écluse Brassée", "Brasserie Dupont Aîné", "Žatecký Pivovar", "Brauhaus Göttingen", "서울 브루어리")  # noqa: RUF001 - as they are written


def breweries(count: int) -> list[dict[str, object]]:
    with MockApi(breweries=count) as api:
        return list(api.catalog.at(0))


def test_an_upload_failure_is_not_logged_and_swallowed(
    make_settings: MakeSettings, storage: Storage, day: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Storage.write

    def refuse_one(self: Storage, path: str, data: bytes) -> None:
        if path.endswith("page-00004.jsonl.gz"):
            raise StorageDeniedError("S3 refused.")
        write(self, path, data)

    monkeypatch.setattr(Storage, "write", refuse_one)
    with MockApi(breweries=420) as api, pytest.raises(StorageDeniedError, match="S3 refused"):
        ingest(make_settings(api.url), storage, day)
    assert list_runs(storage, day) == []


def test_the_second_day_is_not_counted_together_with_the_first(
    make_settings: MakeSettings, storage: Storage, day: dt.date
) -> None:
    next_day = day + dt.timedelta(days=1)
    with MockApi(breweries=420) as api:
        ingest(make_settings(api.url), storage, day)
        api.day = 1
        tomorrow = len(api.catalog.at(1))
        ingest(make_settings(api.url), storage, next_day)
    assert validate(storage, day).records == 420
    assert validate(storage, next_day).records == tomorrow


def test_the_second_run_of_a_day_is_not_counted_together_with_the_first(
    make_settings: MakeSettings, storage: Storage, day: dt.date
) -> None:
    with MockApi(breweries=420) as api:
        for _ in range(2):
            ingest(make_settings(api.url), storage, day)
    assert validate(storage, day).records == 420


@pytest.mark.parametrize("name", REAL_NAMES)
def test_accented_letters_are_not_stripped(
    make_settings: MakeSettings, storage: Storage, day: dt.date, lines_of: Callable[[str], list[bytes]], name: str
) -> None:
    record = breweries(1)[0] | {"name": name, "city": "Besançon"}
    with MockApi(data=[record]) as api:
        result = ingest(make_settings(api.url), storage, day)
    (line,) = lines_of(result.run_id)
    # The letters themselves, neither stripped nor escaped: what the API sent.
    assert name.encode() in line
    assert "Besançon".encode() in line


def test_coordinates_are_not_replaced(
    make_settings: MakeSettings, storage: Storage, day: dt.date, lines_of: Callable[[str], list[bytes]]
) -> None:
    record = breweries(1)[0] | {"longitude": 400.5, "latitude": None}
    with MockApi(data=[record]) as api:
        result = ingest(make_settings(api.url), storage, day)
    stored = json.loads(lines_of(result.run_id)[0])
    assert (stored["longitude"], stored["latitude"]) == (400.5, None)


def test_no_credentials_are_in_the_code(repo: Path) -> None:
    sources = [path for path in (repo / "dags").rglob("*.py") if path.is_file()]
    assert sources
    for path in sources:
        text = path.read_text(encoding="utf-8").lower()
        for word in ("minioadmin", "aws_secret_access_key=", "password=", "secret_key="):
            assert word not in text, f"{path} has {word}"
