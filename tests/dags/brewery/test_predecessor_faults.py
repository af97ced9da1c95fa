"""Faults that the pipeline this one replaces had in its ingestion, one test for each."""

import datetime as dt
import json
from pathlib import Path

import pytest

from brewery.bronze import list_runs
from brewery.errors import StorageDeniedError
from brewery.storage import Storage
from brewery.validation import validate
from harness.pipeline.mock_api import MockApi
from tests.dags.brewery.conftest import DAY, Lake

REAL_NAMES = ("L’Écluse Brassée", "Brasserie Dupont Aîné", "Žatecký Pivovar", "Brauhaus Göttingen", "서울 브루어리")  # noqa: RUF001 - as they are written


def breweries(count: int) -> list[dict[str, object]]:
    with MockApi(breweries=count) as api:
        return list(api.catalog.at(0))


@pytest.mark.usefixtures("a_file_for_each_page")
def test_an_upload_failure_is_not_logged_and_swallowed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Storage.write

    def refuse_one(self: Storage, path: str, data: bytes) -> None:
        if path.endswith("page-00004.jsonl.gz"):
            raise StorageDeniedError("S3 refused.")
        write(self, path, data)

    monkeypatch.setattr(Storage, "write", refuse_one)
    with MockApi(breweries=420) as api, pytest.raises(StorageDeniedError, match="S3 refused"):
        lake.ingest(api.url)
    assert list_runs(lake.storage, DAY) == []


def test_the_second_day_is_not_counted_together_with_the_first(lake: Lake) -> None:
    next_day = DAY + dt.timedelta(days=1)
    with MockApi(breweries=420) as api:
        lake.ingest(api.url)
        api.day = 1
        tomorrow = len(api.catalog.at(1))
        lake.ingest(api.url, date=next_day)
    assert lake.validate().records == 420
    assert validate(lake.storage, next_day).records == tomorrow


def test_the_second_run_of_a_day_is_not_counted_together_with_the_first(lake: Lake) -> None:
    with MockApi(breweries=420) as api:
        for _ in range(2):
            lake.ingest(api.url)
    assert lake.validate().records == 420


@pytest.mark.parametrize("name", REAL_NAMES)
def test_accented_letters_are_not_stripped(lake: Lake, name: str) -> None:
    record = breweries(1)[0] | {"name": name, "city": "Besançon"}
    with MockApi(data=[record]) as api:
        result = lake.ingest(api.url)
    (line,) = lake.lines(result.run_id)
    # The letters themselves, neither stripped nor escaped: what the API sent.
    assert name.encode() in line
    assert "Besançon".encode() in line


def test_coordinates_are_not_replaced(lake: Lake) -> None:
    record = breweries(1)[0] | {"longitude": 400.5, "latitude": None}
    with MockApi(data=[record]) as api:
        result = lake.ingest(api.url)
    stored = json.loads(lake.lines(result.run_id)[0])
    assert (stored["longitude"], stored["latitude"]) == (400.5, None)


def test_no_credentials_are_in_the_code(repo: Path) -> None:
    sources = [path for path in (repo / "dags").rglob("*.py") if path.is_file()]
    assert sources
    for path in sources:
        text = path.read_text(encoding="utf-8").lower()
        for word in ("minioadmin", "aws_secret_access_key=", "password=", "secret_key="):
            assert word not in text, f"{path} has {word}"
