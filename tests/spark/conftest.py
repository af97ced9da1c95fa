"""A Spark session for all tests, bronze written by hand, and a model of the data contract in plain Python."""

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
from brewery.contract.manifest import BronzeFile, Manifest, SourceProfile

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


@pytest.fixture(scope="session")
def spark(spark_variables: None) -> Iterator[SparkSession]:
    """The jobs' own session, with as few shuffle partitions as tables of ten rows need."""
    from lakehouse.session import get_session

    session = get_session("tests", {"SPARK_MASTER": "local[2]", "SPARK_DRIVER_MEMORY": "1g"})
    session.conf.set("spark.sql.shuffle.partitions", "1")
    # Plans of ten rows have nothing to adapt to, and each stage would be planned anew.
    session.conf.set("spark.sql.adaptive.enabled", "false")
    # Compiling code for ten rows takes longer than interpreting them; the embedded run compiles throughout.
    session.conf.set("spark.sql.codegen.wholeStage", "false")
    session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    yield session
    session.stop()


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


class Bronze:
    """Writes committed runs into a lakehouse."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._runs = itertools.count(1)

    def write(self, date: str, pages: Pages, *, ascii_only: bool = False) -> Manifest:
        """Commit a run for a date; each is newer than those before it."""
        day = dt.date.fromisoformat(date)
        number = next(self._runs)
        finished = dt.datetime.now(dt.timezone.utc).replace(microsecond=number)
        run_id = f"{finished:%Y%m%dT%H%M%SZ}-{number:08x}"
        folder = Path(self.layout.bronze_run(day, run_id))
        folder.mkdir(parents=True)
        files = []
        for page, records in enumerate(pages, start=1):
            lines = [json.dumps(r, ensure_ascii=ascii_only, separators=(",", ":")) for r in records]
            data = gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)
            (folder / page_file(page)).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            files.append(BronzeFile(page_file(page), page, len(lines), len(data), digest))
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


@pytest.fixture
def lake(spark: SparkSession, layout: Layout) -> Tables:
    """The lakehouse's tables."""
    return Tables(spark, layout)


class Model:
    """The data contract in plain Python: what silver, rejected records and ledger hold after some snapshots."""

    REQUIRED = ("id", "name", "brewery_type", "country")
    TEXT = (
        "id",
        "name",
        "brewery_type",
        "address_1",
        "address_2",
        "address_3",
        "city",
        "state_province",
        "postal_code",
        "country",
        "phone",
        "website_url",
    )

    def __init__(self, snapshots: Mapping[str, Pages]) -> None:
        self.silver: dict[str, dict[str, Any]] = {}
        self.rejected: list[tuple[str, str | None, tuple[str, ...]]] = []
        self.ledger: dict[str, dict[str, int]] = {}
        for date in sorted(snapshots):
            self._apply(date, snapshots[date])

    @classmethod
    def clean(cls, record: Record) -> tuple[dict[str, Any], tuple[str, ...]]:
        """A record's silver values and its reasons to be rejected."""
        row: dict[str, Any] = {}
        reasons = []
        for name in cls.TEXT:
            value = record.get(name)
            if value is not None and not isinstance(value, str):
                reasons.append(f"retyped:{name}:{_KINDS[type(value)]}")
                row[name] = None
            else:
                row[name] = unicodedata.normalize("NFC", value or "").strip() or None
                if name in cls.REQUIRED and row[name] is None:
                    reasons.append(f"missing:{name}")
        for old, new in (("state", "state_province"), ("street", "address_1")):
            if row[new] is None and isinstance(record.get(old), str):
                row[new] = unicodedata.normalize("NFC", record[old]).strip() or None
        if row["brewery_type"]:
            row["brewery_type"] = row["brewery_type"].lower()
        given = [record.get(name) not in (None, "") for name in ("longitude", "latitude")]
        longitude, latitude = (cls._number(record.get(name)) for name in ("longitude", "latitude"))
        valid = longitude is not None and latitude is not None and abs(longitude) <= 180 and abs(latitude) <= 90
        row["longitude"], row["latitude"] = (longitude, latitude) if valid else (None, None)
        row["coordinates_status"] = "valid" if valid else "invalid" if any(given) else "missing"
        return row, tuple(sorted(reasons))

    @staticmethod
    def _number(value: Any) -> float | None:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            return None
        try:
            return float(value)
        except ValueError:
            return None

    def _apply(self, date: str, pages: Pages) -> None:
        accepted: dict[str, dict[str, Any]] = {}
        known = set()
        counts = Counter(bronze_records=sum(map(len, pages)))
        for record in itertools.chain.from_iterable(pages):
            row, reasons = self.clean(record)
            if reasons:
                counts["rejected"] += 1
                self.rejected.append((date, row["id"], reasons))
                known.add(row["id"])
            else:
                counts["duplicates"] += row["id"] in accepted
                accepted[row["id"]] = row
        for id, row in accepted.items():
            self._take(date, self.silver.get(id), row, counts)
        for id, held in self.silver.items():
            if id in accepted or not held["is_current"]:
                continue
            if id in known:
                held["last_seen"] = date
            else:
                held.update(is_current=False, last_change="removed", last_change_on=date)
                counts["removed"] += 1
        counts["silver_records"] = len(accepted)
        counts["total"] = sum(held["is_current"] for held in self.silver.values())
        self.ledger[date] = dict(counts)

    def _take(self, date: str, held: dict[str, Any] | None, row: dict[str, Any], counts: Counter[str]) -> None:
        change = None
        if held is None or not held["is_current"]:
            change = "added"
        elif any(held[name] != row[name] for name in (*self.TEXT, "longitude", "latitude")):
            change = "changed"
        if change:
            counts[change] += 1
        before = held or {"first_seen": date}
        self.silver[row["id"]] = {
            **row,
            "first_seen": before["first_seen"],
            "last_seen": date,
            "is_current": True,
            "last_change": change or before["last_change"],
            "last_change_on": date if change else before["last_change_on"],
            "ingestion_date": date,
        }


@pytest.fixture(name="model", scope="session")
def _model() -> type[Model]:
    return Model
