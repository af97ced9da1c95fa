"""A lakehouse as the pipeline leaves it, written by delta-rs: no JVM. And a browser to look at pages with."""

import datetime as dt
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser

from tests.browser import chromium
from tests.oracle.gold import GOLD

# A loaded machine is slow, and that is no failure.
settings.register_profile("loaded", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded")

Row = Mapping[str, Any]
LakehouseWriter = Callable[..., Path]

_DAYS = (dt.date(2026, 3, 1), dt.date(2026, 3, 2))


def _at(day: dt.date, minute: int = 0) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, 6, minute, tzinfo=dt.UTC)


_SQL_TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "array<string>": pa.list_(pa.string()),
}
_SILVER = (
    "id string, name string, brewery_type string, city string, state_province string, country string, "
    "phone string, website_url string, postal_code string, longitude double, latitude double, is_current boolean, "
    "last_change string, last_change_on date"
)
_RUNS = (
    "ingestion_date date, run_id string, applied_at timestamp, bronze_records bigint, silver_records bigint, "
    "total bigint, added bigint, changed bigint, removed bigint, rejected bigint, duplicates bigint, "
    "silver_version bigint"
)
_REJECTED = "ingestion_date date, run_id string, source_file string, id string, raw string, reasons array<string>"
_CHECKS = (
    "run_id string, gate string, table string, expectation string, severity string, observed string, "
    "expected string, ingestion_date date, checked_at timestamp, passed boolean"
)


def _write(folder: Path, rows: Iterable[Row], schema: str) -> None:
    columns = dict(column.split() for column in schema.split(", "))
    fields = pa.schema([(name, _SQL_TYPES[sql]) for name, sql in columns.items()])
    write_deltalake(folder, pa.Table.from_pylist([dict(row) for row in rows], fields), mode="overwrite")


def write_lakehouse(
    root: Path, breweries: list[Row], days: list[Row], rejected: list[Row], checks: list[Row] | None
) -> Path:
    """Writes every table of the lakehouse from current and gone breweries, ledger rows, and so on."""
    current = [row for row in breweries if row["is_current"]]
    _write(root / "silver/breweries", breweries, _SILVER)
    for name, table in GOLD.items():
        _write(root / "gold" / name, table.rows(current, days), table.schema)
    _write(root / "silver/runs", days, _RUNS)
    _write(root / "silver/breweries_rejected", rejected, _REJECTED)
    if checks is not None:
        _write(root / "quality/results", checks, _CHECKS)
    return root


def _brewery(number: int, name: str, kind: str, *place: Any, at: tuple[float, float] | None, **more: Any) -> Row:
    city, state, country = place
    longitude, latitude = at or (None, None)
    return {
        "id": f"id-{number}",
        "name": name,
        "brewery_type": kind,
        "city": city,
        "state_province": state,
        "country": country,
        "longitude": longitude,
        "latitude": latitude,
        "phone": None,
        "website_url": None,
        "postal_code": None,
        "is_current": True,
        "last_change": "added",
        "last_change_on": _DAYS[0],
        **more,
    }


def _check(expectation: str, *, passed: bool = True, severity: str = "error", **more: Any) -> Row:
    return {
        "run_id": "day2-run",
        "ingestion_date": _DAYS[1],
        "checked_at": _at(_DAYS[1], 5),
        "gate": "silver",
        "table": "silver/breweries",
        "expectation": expectation,
        "severity": severity,
        "passed": passed,
        "observed": "0",
        "expected": "0",
        **more,
    }


def _day(number: int, **figures: int) -> Row:
    date = _DAYS[number - 1]
    run = {"ingestion_date": date, "run_id": f"day{number}-run", "applied_at": _at(date), "silver_version": number}
    return {**run, "silver_records": 5, "total": 5, **figures}


def _rejected(day: int, run_id: str, brewery_id: str | None, *reasons: str) -> Row:
    run = {"ingestion_date": _DAYS[day - 1], "run_id": run_id, "source_file": "page-00001.jsonl.gz"}
    return {**run, "id": brewery_id, "raw": '{"id": null}', "reasons": list(reasons)}


@pytest.fixture(scope="package", autouse=True)
def _no_daemon() -> Iterator[None]:
    """No test here may need Docker's daemon, not even where one happens to run."""
    with mock.patch.dict(os.environ, DOCKER_HOST="unix:///nonexistent/docker.sock"):
        yield


@pytest.fixture
def lakehouse_rows() -> dict[str, Any]:
    """Two days of a lakehouse small enough to count by hand; keyword arguments of `write_lakehouse`."""
    portland, antwerp = ("Portland", "Oregon", "United States"), ("Antwerp", None, "Belgium")
    breweries = [
        _brewery(1, "Cascade", "micro", *portland, at=(-122.61, 45.51), phone="503", postal_code="97201"),
        _brewery(2, "Deschutes", "micro", *portland, at=(-122.69, 45.53), website_url="https://two.example"),
        _brewery(3, "Great Notion", "brewpub", *portland, at=None),
        _brewery(4, "Ommegang", "regional", "Cooperstown", "New York", "United States", at=(-74.94, 42.68)),
        _brewery(
            5, "De Koninck", "micro", *antwerp, at=(4.42, 51.2), phone="32", website_url="https://five.example"
        ),
        _brewery(
            6,
            "Closed Down",
            "micro",
            *antwerp,
            at=(4.41, 51.2),
            is_current=False,
            last_change="removed",
            last_change_on=_DAYS[1],
        ),
    ]
    days = [
        _day(1, bronze_records=6, duplicates=0, rejected=1, added=5, changed=0, removed=0),
        _day(2, bronze_records=9, duplicates=2, rejected=2, added=1, changed=3, removed=1),
    ]
    rejected = [
        _rejected(1, "day1-run", None, "missing id"),
        _rejected(2, "day2-run", None, "missing id"),
        _rejected(2, "day2-run", "id-9", "missing country", "missing name"),
        _rejected(2, "superseded", "id-9", "missing name"),
    ]
    checks = [
        _check("ids are unique", run_id="day1-run", checked_at=_at(_DAYS[0], 5), passed=False),
        _check("ids are unique", checked_at=_at(_DAYS[1], 4), passed=False),
        _check("ids are unique"),
        _check("types are known", severity="warn", passed=False, observed="1", expected="0"),
    ]
    return {"breweries": breweries, "days": days, "rejected": rejected, "checks": checks}


@pytest.fixture
def write() -> LakehouseWriter:
    """`write_lakehouse`, for a test that changes what is written."""
    return write_lakehouse


@pytest.fixture
def lakehouse(tmp_path: Path, lakehouse_rows: dict[str, Any]) -> Path:
    """The small lakehouse, on disk."""
    return write_lakehouse(tmp_path / "lakehouse", **lakehouse_rows)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for the tests of pages that people look at."""
    with chromium() as browser:
        yield browser
