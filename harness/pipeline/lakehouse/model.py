"""What a summary of the lakehouse holds: plain values, whatever they were read from."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from brewery.contract.ledger import LedgerRow
from lakehouse.definitions import Table
from lakehouse.quality.expectations import Example


@dataclass(frozen=True)
class Count:
    """A name and how many current breweries it has."""

    name: str
    breweries: int


@dataclass(frozen=True)
class State:
    """A state or province and how many current breweries it has."""

    state_province: str
    country: str
    breweries: int


@dataclass(frozen=True)
class City:
    """A city and how many current breweries it has."""

    city: str
    state_province: str | None
    country: str
    breweries: int


@dataclass(frozen=True)
class Coverage:
    """How complete the breweries of one country are; shares from 0 to 1."""

    country: str
    breweries: int
    coordinates: float
    website: float
    phone: float
    postal_code: float


@dataclass(frozen=True)
class DailyChange:
    """One row of gold/daily_changes."""

    ingestion_date: dt.date
    total: int
    added: int
    changed: int
    removed: int
    rejected: int
    duplicates: int


@dataclass(frozen=True)
class GoldRows:
    """The first rows of a gold table that has no section of its own in the report."""

    table: Table
    rows: Sequence[Mapping[str, Any]]
    row_count: int


@dataclass(frozen=True)
class MapCell:
    """The current breweries of one square of the map, at the mean of their coordinates in degrees."""

    longitude: float
    latitude: float
    country: str
    breweries: int


@dataclass(frozen=True)
class RejectedRecord:
    """A rejected record and its reasons."""

    ingestion_date: dt.date
    record_id: str | None
    source_file: str
    reasons: Sequence[str]
    raw: str


@dataclass(frozen=True)
class Check:
    """The outcome of one expectation of the quality gate; only severity `error` fails the gate."""

    gate: str
    table: str
    expectation: str
    severity: str
    passed: bool
    observed: str
    expected: str
    examples: Sequence[Example] = ()

    @property
    def outcome(self) -> str:
        """`pass`, `warn` or `fail`."""
        if self.passed:
            return "pass"
        return "fail" if self.severity == "error" else "warn"


@dataclass(frozen=True)
class Gate:
    """The quality gate's latest decision."""

    run_id: str
    ingestion_date: dt.date
    checked_at: dt.datetime
    checks: Sequence[Check]

    @property
    def passed(self) -> bool:
        return all(check.outcome != "fail" for check in self.checks)

    def count(self, outcome: str) -> int:
        return sum(check.outcome == outcome for check in self.checks)


@dataclass(frozen=True)
class Refusal:
    """A run in quarantine."""

    ingestion_date: dt.date
    run_id: str
    since: dt.datetime
    reason: str


@dataclass(frozen=True)
class Disappeared:
    """The breweries that the newest snapshot no longer has.

    Attributes:
        ingestion_date: Of the snapshot.
        breweries: How many they are.
        share: Of the breweries of the day before, 0 to 1.
        names: The first of them.
    """

    ingestion_date: dt.date
    breweries: int
    share: float
    names: Sequence[str]


@dataclass(frozen=True)
class Failure:
    """A run of the pipeline that failed or was refused."""

    ingestion_date: dt.date
    sentence: str


@dataclass(frozen=True)
class TableVersion:
    """The latest version of a Delta table; `name` is its path below the lakehouse's root."""

    name: str
    version: int
    operation: str
    written_at: dt.datetime
    rows: int
    files: int
    bytes: int


@dataclass(frozen=True)
class StageTime:
    """How long one stage of a run took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Summary:
    """Everything that the terminal's tables and the HTML report show.

    Attributes:
        by_type: Every type, most breweries first.
        by_country: Every country, most breweries first.
        states: The states or provinces with most breweries.
        cities: The cities with most breweries.
        location_rows: Rows of gold/breweries_by_type_and_location.
        coverage: Every country, most breweries first.
        daily_changes: Oldest first.
        other_gold: The gold tables of which none of the above shows anything.
        missing: Paths of the gold tables that this lakehouse lacks, because an older version built it.
        runs: The ledger, oldest first; never empty.
        current: Current rows of silver.
        gone: Rows of silver whose brewery the API no longer has.
        without_coordinates: Current rows that no map can show.
        cell_degrees: Width of a square of the map in degrees.
        rejected_reasons: Reason -> records, over the ledger's runs, most frequent first.
        gate: The latest decision of the quality gate, if it ever ran.
        quarantine: The runs that were refused and wait for a decision.
        disappeared: The breweries that are gone since the day before, if their share is worth a warning.
        failure: The run that this summary ends, if it failed.
        stages: Times of the run that this summary ends; empty for a report made later.
        versions: Software -> version.
    """

    root: str
    read_at: dt.datetime
    by_type: Sequence[Count]
    by_country: Sequence[Count]
    states: Sequence[State]
    cities: Sequence[City]
    state_count: int
    city_count: int
    location_rows: int
    coverage: Sequence[Coverage]
    daily_changes: Sequence[DailyChange]
    other_gold: Sequence[GoldRows]
    missing: Sequence[str]
    runs: Sequence[LedgerRow]
    current: int
    gone: int
    without_coordinates: int
    cells: Sequence[MapCell]
    cell_degrees: float
    rejected_reasons: Mapping[str, int]
    rejected_examples: Sequence[RejectedRecord]
    gate: Gate | None
    tables: Sequence[TableVersion]
    quarantine: Sequence[Refusal] = ()
    disappeared: Disappeared | None = None
    failure: Failure | None = None
    stages: Sequence[StageTime] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def latest(self) -> LedgerRow:
        """The run of the newest ingestion date."""
        return self.runs[-1]

    def has(self, gold_table: str) -> bool:
        return f"gold/{gold_table}" not in self.missing

    @property
    def gold_published_at(self) -> dt.datetime:
        """When the oldest of the gold tables was last written: what readers of gold may rely on."""
        return min(table.written_at for table in self.tables if table.name.startswith("gold/"))
