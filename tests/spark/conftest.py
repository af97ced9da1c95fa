"""Bronze written by hand, and the tables that the jobs make of it."""

import datetime as dt
import gzip
import hashlib
import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from brewery.contract.layout import Layout, page_file
from brewery.contract.manifest import BronzePage, Manifest, SourceProfile

Record = Mapping[str, Any]
Pages = Sequence[Sequence[Record]]

_KINDS: Mapping[type, str] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
    dict: "object",
    list: "array",
}


def pytest_configure(config: pytest.Config) -> None:
    """Pyspark leaves the sockets over which rows are collected to the garbage collector."""
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def forget_tables(request: pytest.FixtureRequest) -> Iterator[None]:
    """Delta caches the log of every table that it has opened: those of the tests together fill the memory."""
    yield
    if "spark" in request.fixturenames:
        jvm = request.getfixturevalue("spark").sparkContext._jvm
        jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


def brewery(id: str, /, **changes: Any) -> dict[str, Any]:
    """A whole and valid record; a value of `...` leaves the field out."""
    record: dict[str, Any] = {
        "id": id,
        "name": f"Brewery {id}",
        "brewery_type": "micro",
        "address_1": "1 Main St",
        "address_2": None,
        "address_3": None,
        "city": "Köln",
        "state_province": "Nordrhein-Westfalen",
        "postal_code": "50667",
        "country": "Germany",
        "phone": "+49 221 1",
        "website_url": "https://example.org",
        "longitude": 6.95,
        "latitude": 50.94,
        **changes,
    }
    return {name: value for name, value in record.items() if value is not ...}


@pytest.fixture(name="brewery", scope="session")
def _brewery() -> Callable[..., dict[str, Any]]:
    return brewery


def profile_of(records: Sequence[Record]) -> SourceProfile:
    """What an ingestion would have seen."""
    fields: dict[str, Counter[str]] = {}
    blank_ends: dict[str, Counter[str]] = {}
    not_nfc = 0
    for record in records:
        for name, value in record.items():
            fields.setdefault(name, Counter())[_KINDS[type(value)]] += 1
            if isinstance(value, str) and (value == "" or value[0].isspace() or value[-1].isspace()):
                other = value.strip(" ")[:1].isspace() or value.strip(" ")[-1:].isspace()
                blank_ends.setdefault(name, Counter())["other" if other else "space"] += 1
        texts = [value for value in record.values() if isinstance(value, str)]
        not_nfc += any(not unicodedata.is_normalized("NFC", text) for text in texts)
    return SourceProfile(fields, not_nfc, blank_ends)


@pytest.fixture(name="profile_of", scope="session")
def _profile_of() -> Callable[[Sequence[Record]], SourceProfile]:
    return profile_of


@pytest.fixture(scope="session")
def odd_names() -> Sequence[str]:
    """Names of fields: of the jobs' own columns, of SQL, and what a name in SQL or in a path of Spark cannot be."""
    return [
        *("value", "position", "reasons", "raw", "simple", "retyped", "record", "nfc", "map", "s", "t", "f0"),
        *("longitude_given", "name_is_number", "_value", "_record", "_record.f0", "_simple", "_position", "_known"),
        *("_metadata", "_change_type", "_commit_version", "select", "1e5", "brewery_count", "run_id", "RUN_ID"),
        *("record_hash", "first_seen", "Name", "ID", "State", "Rating", "rating", "RATING", "a.b", "a b", "a`b"),
        *("a,b", 'a"b', "a'b", "a\\b", "a\\u0062", "a\nb", "a\0b", "", " ", "_", "${spark.app.name}", "\u202e"),
        *("営業時間", "電話番号", "Caf\u00e9", "Cafe\u0301", "\u0131", "I", "i", "ß", "ẞ", "ss"),
        *("x" * 1_000, "X" * 1_000, "x" * 999),
    ]


class Bronze:
    """Writes committed runs into a lakehouse."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._runs = itertools.count(1)
        self.now: dt.datetime | None = None

    def write(self, date: str, pages: Pages, *, ascii_only: bool = False, pages_per_file: int = 1) -> Manifest:
        """Commit a run for a date; each is newer than those before it."""
        day = dt.date.fromisoformat(date)
        number = next(self._runs)
        finished = (self.now or dt.datetime.now(dt.timezone.utc)).replace(microsecond=number)
        run_id = f"{finished:%Y%m%dT%H%M%SZ}-{number:08x}"
        folder = Path(self.layout.bronze_run(day, run_id))
        folder.mkdir(parents=True)
        files = []
        for page, records in enumerate(pages, start=1):
            lines = [json.dumps(r, ensure_ascii=ascii_only, separators=(",", ":")) for r in records]
            data = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
            path = folder / page_file(page - (page - 1) % pages_per_file)
            offset = path.stat().st_size if path.exists() else 0
            with path.open("ab") as file:
                file.write(data)
            digest = hashlib.sha256(data).hexdigest()
            files.append(BronzePage(path.name, page, len(lines), len(data), digest, offset=offset))
        records = [record for page_records in pages for record in page_records]
        manifest = Manifest(
            ingestion_date=day,
            run_id=run_id,
            source="https://example.org/v1/breweries",
            api_total=len(records),
            records=len(records),
            files=files,
            profile=profile_of(records),
            started_at=finished,
            finished_at=finished,
        )
        (folder / "_manifest.json").write_text(manifest.to_json(), encoding="utf-8")
        return manifest


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A lakehouse of the test's own."""
    return Layout(str(tmp_path / "lake house"))


@pytest.fixture
def bronze(layout: Layout) -> Bronze:
    """Its bronze."""
    return Bronze(layout)


class Tables:
    """Reads the lakehouse's tables into plain rows."""

    def __init__(self, spark: SparkSession, layout: Layout) -> None:
        self.spark = spark
        self.layout = layout

    def frame(self, path: str) -> DataFrame:
        return self.spark.read.format("delta").load(path)

    def rows(self, path: str) -> list[dict[str, Any]]:
        return [row.asDict(recursive=True) for row in self.frame(path).collect()]

    def silver(self) -> dict[str, dict[str, Any]]:
        """Silver by id; a duplicate id is an error here too."""
        rows = self.rows(self.layout.silver_breweries)
        by_id = {row["id"]: row for row in rows}
        assert len(by_id) == len(rows)
        return by_id

    def version(self, path: str) -> int:
        names = (Path(path) / "_delta_log").glob("*.json")
        return max(int(name.stem) for name in names)

    def brief(self) -> dict[str, tuple[Any, ...]]:
        """Silver as id -> (name, current, last change, on, first seen, last seen)."""
        names = ("name", "is_current", "last_change", "last_change_on", "first_seen", "last_seen")
        return {id: tuple(row[name] for name in names) for id, row in self.silver().items()}


@pytest.fixture
def lake(spark: SparkSession, layout: Layout) -> Tables:
    """The lakehouse's tables."""
    return Tables(spark, layout)
