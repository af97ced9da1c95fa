"""A lakehouse as the pipeline leaves it, written by delta-rs: no JVM. And a browser to look at pages with."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from playwright.sync_api import Browser, sync_playwright

from tests.oracle.gold import GOLD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Root may not use Chromium's sandbox; the rest keeps it from calling home.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

Row = Mapping[str, Any]
LakehouseWriter = Callable[..., Path]

_DAYS = (dt.date(2026, 3, 1), dt.date(2026, 3, 2))


def _at(day: dt.date, minute: int = 0) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, 6, minute, tzinfo=dt.UTC)


def _write(root: Path, name: str, rows: Iterable[Row], schema: Mapping[str, pa.DataType]) -> None:
    fields = pa.schema(list(schema.items()))
    write_deltalake(root / name, pa.Table.from_pylist([dict(r) for r in rows], fields), mode="overwrite")


_TEXT, _INT, _DOUBLE, _DATE = pa.string(), pa.int64(), pa.float64(), pa.date32()
_MOMENT = pa.timestamp("us", tz="UTC")
_SQL_TYPES = {"string": _TEXT, "bigint": _INT, "double": _DOUBLE, "date": _DATE}


def write_lakehouse(
    root: Path, breweries: list[Row], days: list[Row], rejected: list[Row], checks: list[Row] | None
) -> Path:
    """Writes every table of the lakehouse from current and gone breweries, ledger rows, and so on."""
    current = [row for row in breweries if row["is_current"]]
    names = (
        "id",
        "name",
        "brewery_type",
        "city",
        "state_province",
        "country",
        "phone",
        "website_url",
        "postal_code",
    )
    silver = dict.fromkeys(names, _TEXT) | {"longitude": _DOUBLE, "latitude": _DOUBLE, "is_current": pa.bool_()}
    _write(root, "silver/breweries", breweries, silver)

    for name, table in GOLD.items():
        types = dict(column.split() for column in table.schema.split(", "))
        _write(root, f"gold/{name}", table.rows(current, days), {n: _SQL_TYPES[sql] for n, sql in types.items()})
    changes = ("total", "added", "changed", "removed", "rejected", "duplicates")
    figures = ("bronze_records", "silver_records", *changes, "silver_version")
    _write(
        root,
        "silver/runs",
        days,
        {"ingestion_date": _DATE, "run_id": _TEXT, "applied_at": _MOMENT} | dict.fromkeys(figures, _INT),
    )
    source = {"ingestion_date": _DATE, "run_id": _TEXT, "source_file": _TEXT, "id": _TEXT, "raw": _TEXT}
    _write(root, "silver/breweries_rejected", rejected, source | {"reasons": pa.list_(_TEXT)})
    if checks is not None:
        outcome = dict.fromkeys(
            ("run_id", "gate", "table", "expectation", "severity", "observed", "expected"), _TEXT
        )
        schema = outcome | {"ingestion_date": _DATE, "checked_at": _MOMENT, "passed": pa.bool_()}
        _write(root, "quality/results", checks, schema)
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
        _brewery(6, "Closed Down", "micro", *antwerp, at=(4.41, 51.2), is_current=False),
    ]
    common = {"silver_version": 1}
    days = [
        {
            **common,
            "ingestion_date": _DAYS[0],
            "run_id": "day1-run",
            "bronze_records": 6,
            "silver_records": 5,
            "duplicates": 0,
            "rejected": 1,
            "added": 5,
            "changed": 0,
            "removed": 0,
            "total": 5,
            "applied_at": _at(_DAYS[0]),
        },
        {
            **common,
            "ingestion_date": _DAYS[1],
            "run_id": "day2-run",
            "bronze_records": 9,
            "silver_records": 5,
            "duplicates": 2,
            "rejected": 2,
            "added": 1,
            "changed": 3,
            "removed": 1,
            "total": 5,
            "silver_version": 2,
            "applied_at": _at(_DAYS[1]),
        },
    ]
    refused = {"source_file": "page-00001.jsonl.gz", "raw": '{"id": null}'}
    rejected = [
        {**refused, "ingestion_date": _DAYS[0], "run_id": "day1-run", "id": None, "reasons": ["missing id"]},
        {**refused, "ingestion_date": _DAYS[1], "run_id": "day2-run", "id": None, "reasons": ["missing id"]},
        {
            **refused,
            "ingestion_date": _DAYS[1],
            "run_id": "day2-run",
            "id": "id-9",
            "reasons": ["missing country", "missing name"],
        },
        {**refused, "ingestion_date": _DAYS[1], "run_id": "superseded", "id": "id-9", "reasons": ["missing name"]},
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
    if CHROMIUM is None:
        pytest.skip("no Chromium: install one, on Debian with `apt-get install chromium`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()
