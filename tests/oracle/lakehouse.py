"""The oracle: what the lakehouse must hold after some days of the API, in plain Python from docs/data-contract.md.

It shares nothing with the pipeline: no code, no list of fields, no Spark.

>>> berlin = {"id": "a", "name": "Berg", "brewery_type": "Micro", "country": "Germany", "city": " Köln "}
>>> lakehouse = Expected([Day(dt.date(2026, 3, 1), [berlin])])
>>> lakehouse.gold("breweries_by_type")
[{'brewery_type': 'micro', 'brewery_count': 1}]
"""

import datetime as dt
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.oracle.gold import GOLD

Record = Mapping[str, Any]
"""A brewery as the API sends it."""

Row = dict[str, Any]
"""A row of a table: column -> value."""

PAGE_SIZE: Final = 200
"""Records in one page: the API's maximum."""

SOURCE_FILE: Final = "page-00001.jsonl.gz"
"""The one bronze file of a run: no day here is large enough for a second one."""

REQUIRED: Final = ("id", "name", "brewery_type", "country")
TEXT: Final = (
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
COORDINATES: Final = {"longitude": 180.0, "latitude": 90.0}
"""Field -> its greatest absolute value in degrees."""
REPLACED: Final = {"state": "state_province", "street": "address_1"}
"""Deprecated field -> the field that it fills in for."""

_KINDS: Final[Mapping[type, str]] = {
    bool: "boolean",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
}


@dataclass(frozen=True)
class Day:
    """A snapshot of the API.

    Attributes:
        date: The ingestion date that it stands for.
        records: Every record in the order of the pages, each page full but for the last.
        run_id: The bronze run, where it matters.
    """

    date: dt.date
    records: Sequence[Record]
    run_id: str = ""


@dataclass(frozen=True)
class Rejected:
    """A record that cannot become a row of silver."""

    ingestion_date: dt.date
    run_id: str
    source_file: str
    id: str | None
    reasons: frozenset[str]
    record: Record


@dataclass
class Ledger:
    """The counts of one date, as `silver/runs` and `gold/daily_changes` have them."""

    ingestion_date: dt.date
    run_id: str
    bronze_records: int
    silver_records: int = 0
    duplicates: int = 0
    rejected: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    total: int = 0


@dataclass
class Expected:
    """The lakehouse after `days`, applied in the order of their dates; of several with one date the last counts.

    Attributes:
        days: The snapshots.
        silver: Brewery id -> its row, with every column but `record_hash` and `raw_hash`.
        rejected: Every rejected record.
        ledger: One entry for each date, in order.
        new_columns: Columns that the API added, in order of appearance.
    """

    days: Sequence[Day]
    silver: dict[str, Row] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    ledger: list[Ledger] = field(default_factory=list)
    new_columns: list[str] = field(default_factory=list)
    _texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        counted = {day.date: day for day in self.days}
        for date in sorted(counted):
            self._apply(counted[date])

    @property
    def current(self) -> list[Row]:
        """Silver's current rows."""
        return [row for row in self.silver.values() if row["is_current"]]

    def silver_rows(self) -> list[Row]:
        """Silver's rows, all with the same columns."""
        return [{**dict.fromkeys(self.new_columns), **row} for row in self.silver.values()]

    def gold(self, table: str) -> list[Row]:
        """The rows of a gold table, in no particular order.

        Raises:
            KeyError: There is no such gold table.
        """
        return GOLD[table].rows(self.current, [vars(entry) for entry in self.ledger])

    def _apply(self, day: Day) -> None:
        entry = Ledger(day.date, day.run_id, bronze_records=len(day.records))
        accepted: dict[str, tuple[Row, Record]] = {}
        seen: set[str | None] = set()
        for record in day.records:
            row, reasons = cleaned(record)
            if reasons:
                self.rejected.append(Rejected(day.date, day.run_id, SOURCE_FILE, row["id"], reasons, record))
                entry.rejected += 1
                seen.add(row["id"])
                continue
            self.new_columns += [name for name in row if name not in _OWN and name not in self.new_columns]
            entry.duplicates += row["id"] in accepted
            accepted[row["id"]] = ({**row, "run_id": day.run_id, "source_file": SOURCE_FILE}, record)
        for row, record in accepted.values():
            self._take(row, record, entry)
        self._miss(accepted, seen, entry)
        entry.silver_records = len(accepted)
        entry.total = len(self.current)
        self.ledger.append(entry)

    def _take(self, row: Row, record: Record, entry: Ledger) -> None:
        held = self.silver.get(row["id"])
        text = json.dumps(record)
        if held and held["is_current"] and self._texts[row["id"]] == text:
            return
        self._texts[row["id"]] = text
        change = None
        if held is None or not held["is_current"]:
            change = "added"
            entry.added += 1
        elif any(held.get(name) != row.get(name) for name in (*TEXT, *COORDINATES, *self.new_columns)):
            change = "changed"
            entry.changed += 1
        self.silver[row["id"]] = {
            **row,
            "first_seen": held["first_seen"] if held else entry.ingestion_date,
            "last_seen": None,
            "is_current": True,
            "last_change": change or (held or {})["last_change"],
            "last_change_on": entry.ingestion_date if change else (held or {})["last_change_on"],
            "ingestion_date": entry.ingestion_date,
        }

    def _miss(self, accepted: Mapping[str, object], seen: Iterable[str | None], entry: Ledger) -> None:
        for brewery_id, held in self.silver.items():
            if brewery_id in accepted or not held["is_current"]:
                continue
            if brewery_id not in seen:
                held.update(
                    is_current=False,
                    last_seen=self.ledger[-1].ingestion_date,
                    last_change="removed",
                    last_change_on=entry.ingestion_date,
                )
                entry.removed += 1


_OWN: Final = frozenset({*TEXT, *COORDINATES, "coordinates_status"})


def cleaned(record: Record) -> tuple[Row, frozenset[str]]:
    """A record as silver has it, and the reasons to reject it.

    New fields come after the known ones, as text, under names that can be columns as they are.
    """
    row: Row = {}
    reasons = set()
    for name in TEXT:
        row[name] = _text(record.get(name))
        kind = _KINDS.get(type(record.get(name)))
        if kind is not None:
            reasons.add(f"retyped:{name}:{kind}")
        elif name in REQUIRED and row[name] is None:
            reasons.add(f"missing:{name}")
    for old, new in REPLACED.items():
        row[new] = row[new] or _text(record.get(old))
    if row["brewery_type"] is not None:
        row["brewery_type"] = row["brewery_type"].lower()
    numbers = {name: _degrees(record.get(name), limit) for name, limit in COORDINATES.items()}
    valid = None not in numbers.values()
    row.update(numbers if valid else dict.fromkeys(COORDINATES))
    given = any(record.get(name) is not None and record.get(name) != "" for name in COORDINATES)
    row["coordinates_status"] = "valid" if valid else "invalid" if given else "missing"
    for name in record:
        if name not in _OWN and name not in REPLACED:
            value = record[name]
            row[name] = value if value is None else _text(value if isinstance(value, str) else json.dumps(value))
    return row, frozenset(reasons)


def _text(value: Any) -> str | None:
    return (unicodedata.normalize("NFC", value).strip() or None) if isinstance(value, str) else None


def _degrees(value: Any, limit: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) <= limit else None
