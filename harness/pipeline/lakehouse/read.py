"""Reads the lakehouse's Delta tables with delta-rs, no JVM, and reduces them to a `Summary`.

Every reduction is SQL that delta-rs runs itself (DataFusion), streaming over the table's files: the summary of a
million breweries takes a fraction of a second and holds only what it shows.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError, TableNotFoundError

from brewery.contract.decisions import standing
from brewery.contract.layout import Layout
from brewery.contract.ledger import LedgerRow
from brewery.contract.limits import Limits
from brewery.contract.quarantine import waiting
from brewery.quarantine import read_decisions, runs_of
from brewery.storage import Storage
from harness.errors import HarnessError
from harness.pipeline.lakehouse.address import read_address
from harness.pipeline.lakehouse.model import (
    Check,
    City,
    Count,
    Coverage,
    DailyChange,
    Disappeared,
    Failure,
    Gate,
    GoldRows,
    MapCell,
    Refusal,
    RejectedRecord,
    StageTime,
    State,
    Summary,
    TableVersion,
)
from lakehouse.gold import GOLD
from lakehouse.quality.expectations import Example

_TOP: Final = 15
_EXAMPLES: Final = 5
_RAW_SHOWN: Final = 400
_MOST_CELLS: Final = 1500
_CELL_DEGREES: Final = (0.5, 1.0, 2.0, 4.0)
_SHOWN: Final = frozenset(
    {
        "breweries_by_type_and_location",
        "breweries_by_type",
        "breweries_by_country",
        "location_coverage",
        "daily_changes",
    }
)
"""The gold tables that fields of `Summary` are made from."""

_COVERAGE: Final = (
    "select country, brewery_count as breweries, share_with_coordinates as coordinates,"
    " share_with_website as website, share_with_phone as phone, share_with_postal_code as postal_code"
    " from t order by brewery_count desc, country"
)
_DAILY_CHANGES: Final = (
    "select ingestion_date, total, added, changed, removed, rejected, duplicates from t order by ingestion_date"
)
_LOCATION_SIZES: Final = (
    "select count(*) as location_rows, count(distinct country || '/' || state_province) as state_count,"
    " count(distinct country || '/' || coalesce(state_province, '') || '/' || city) as city_count from t"
)
_STATES: Final = (
    "select state_province, country, cast(sum(brewery_count) as bigint) as breweries from t"
    " where state_province is not null group by country, state_province"
    " order by breweries desc, country, state_province"
)
_CITIES: Final = (
    "select city, state_province, country, cast(sum(brewery_count) as bigint) as breweries from t"
    " where city is not null group by country, state_province, city"
    " order by breweries desc, country, state_province, city"
)

Row = dict[str, Any]


class Lakehouse:
    """A lakehouse, open for reading."""

    def __init__(self, root: str) -> None:
        self.layout = Layout(root)
        self._tables: dict[str, DeltaTable | None] = {}

    def table(self, uri: str) -> DeltaTable:
        table = self.find(uri)
        if table is None:
            raise HarnessError(
                f"{uri} is not a Delta table: run `harness run` to build the lakehouse, "
                "or name another with --lakehouse."
            )
        return table

    def find(self, uri: str) -> DeltaTable | None:
        """A table, or None if it does not exist."""
        if uri not in self._tables:
            try:
                self._tables[uri] = DeltaTable(uri) if DeltaTable.is_deltatable(uri) else None
            except TableNotFoundError:
                self._tables[uri] = None
            except (DeltaError, OSError) as error:
                raise _unreadable(uri, error) from None
        return self._tables[uri]

    def query(self, uri: str, sql: str, *, limit: int | None = None) -> list[Row]:
        """Rows of an SQL query over one table, which the query calls `t`; the first `limit` of them."""
        table = self.table(uri)
        if limit is not None:
            sql = f"{sql} limit {limit}"
        try:
            rows = pa.table(QueryBuilder().register("t", table).execute(sql).read_all()).to_pylist()
        # delta-rs raises bare Exceptions for what its query engine meets (a missing file, an absent column).
        except Exception as error:  # noqa: BLE001 - see above
            raise _unreadable(uri, error) from None
        return list(rows)

    def gold(self, name: str, sql: str, *, limit: int | None = None) -> list[Row]:
        """Rows of an SQL query over a gold table; none if an older version built this lakehouse without it."""
        uri = self.layout.gold(name)
        return [] if self.find(uri) is None else self.query(uri, sql, limit=limit)


def summarise(
    root: Path | str,
    stages: Sequence[StageTime] = (),
    versions: Mapping[str, str] | None = None,
    *,
    warn_gone: float = Limits().warn_gone,
    failure: Failure | None = None,
) -> Summary:
    """Reads the whole lakehouse and reduces it.

    Args:
        root: The lakehouse's folder, or `s3://bucket/prefix`.
        stages: Times of the run that this summary ends.
        versions: Software -> version, for the report's footer.
        warn_gone: Share of the breweries that may be gone on a day without a warning.
        failure: The run that this summary ends, if it failed.
    """
    address = read_address(str(root))
    if address.folder and not address.folder.is_dir():
        raise HarnessError(
            f"There is no lakehouse at {address}: run `harness run` to build one, or name another with --lakehouse."
        )
    lakehouse = Lakehouse(address.root)
    layout = lakehouse.layout
    runs = _runs(lakehouse)
    missing = [name for name in GOLD if lakehouse.find(layout.gold(name)) is None]
    if len(missing) == len(GOLD):
        lakehouse.table(layout.gold(missing[0]))
    silver = lakehouse.query(
        layout.silver_breweries,
        "select count(*) filter (where is_current) as current, count(*) filter (where not is_current) as gone,"
        " count(*) filter (where is_current and (latitude is null or longitude is null)) as without_coordinates"
        " from t",
    )[0]
    degrees, cells = _cells(lakehouse)
    return Summary(
        root=layout.root,
        read_at=dt.datetime.now(dt.UTC),
        by_type=_counts(lakehouse, "breweries_by_type", "brewery_type"),
        by_country=_counts(lakehouse, "breweries_by_country", "country"),
        coverage=[Coverage(**row) for row in lakehouse.gold("location_coverage", _COVERAGE)],
        daily_changes=[DailyChange(**row) for row in lakehouse.gold("daily_changes", _DAILY_CHANGES)],
        other_gold=[_other(lakehouse, name) for name in GOLD if name not in _SHOWN and name not in missing],
        missing=[GOLD[name].name for name in missing],
        runs=runs,
        cells=cells,
        cell_degrees=degrees,
        rejected_reasons=_rejected_reasons(lakehouse, runs),
        rejected_examples=_rejected_examples(lakehouse, runs),
        gate=_gate(lakehouse),
        tables=_versions(lakehouse),
        quarantine=refusals(root),
        disappeared=_disappeared(lakehouse, runs[-1]) if runs[-1].share_gone > warn_gone else None,
        failure=failure,
        stages=tuple(stages),
        versions=dict(versions or {}),
        **_locations(lakehouse),
        **silver,
    )


def _runs(lakehouse: Lakehouse) -> list[LedgerRow]:
    columns = ", ".join(LedgerRow.__dataclass_fields__)
    uri = lakehouse.layout.silver_runs
    runs = [
        LedgerRow(**{**row, "applied_at": _utc(row["applied_at"])})
        for row in lakehouse.query(uri, f"select {columns} from t order by ingestion_date")  # noqa: S608 - our own names
    ]
    if not runs:
        raise HarnessError(f"{uri} holds no run yet: let `harness run` finish once.")
    return runs


def refusals(root: Path | str) -> list[Refusal]:
    """The runs in quarantine, in order of their dates."""
    storage = Storage.for_uri(str(root))
    waiting_ = waiting(standing(read_decisions(storage)), partial(runs_of, storage))
    return [Refusal(date, run_id, one.at, one.reason) for one in waiting_ for date, run_id in one.runs]


def _disappeared(lakehouse: Lakehouse, run: LedgerRow) -> Disappeared:
    rows = lakehouse.query(
        lakehouse.layout.silver_breweries,
        f"select name from t where last_change = 'removed' and last_change_on = date '{run.ingestion_date}'"  # noqa: S608 - a date
        " order by name",
        limit=_EXAMPLES,
    )
    return Disappeared(run.ingestion_date, run.removed, run.share_gone, [row["name"] for row in rows])


def _counts(lakehouse: Lakehouse, table: str, column: str) -> list[Count]:
    sql = f"select {column} as name, brewery_count as breweries from t order by brewery_count desc, {column}"  # noqa: S608 - our own names
    return [Count(**row) for row in lakehouse.gold(table, sql)]


def _locations(lakehouse: Lakehouse) -> dict[str, Any]:
    """The fields of `Summary` that gold/breweries_by_type_and_location gives."""
    table = "breweries_by_type_and_location"
    sizes = lakehouse.gold(table, _LOCATION_SIZES) or [{"location_rows": 0, "state_count": 0, "city_count": 0}]
    return {
        "states": [State(**row) for row in lakehouse.gold(table, _STATES, limit=_TOP)],
        "cities": [City(**row) for row in lakehouse.gold(table, _CITIES, limit=_TOP)],
        **sizes[0],
    }


def _other(lakehouse: Lakehouse, name: str) -> GoldRows:
    """The first rows of any gold table: those with most breweries, or in the order of its columns."""
    table, uri = GOLD[name], lakehouse.layout.gold(name)
    columns = ", ".join(table.column_names)
    first = "brewery_count desc, " if "brewery_count" in table.column_names else ""
    rows = lakehouse.query(uri, f"select {columns} from t order by {first}{columns}", limit=_TOP)  # noqa: S608 - our own names
    return GoldRows(table, rows, lakehouse.query(uri, "select count(*) as rows from t")[0]["rows"])


def _cells(lakehouse: Lakehouse) -> tuple[float, list[MapCell]]:
    """Bins the current breweries into squares as small as the number that can be drawn allows."""
    for degrees in _CELL_DEGREES:
        rows = lakehouse.query(
            lakehouse.layout.silver_breweries,
            "select avg(longitude) as longitude, avg(latitude) as latitude, country, count(*) as breweries from t"  # noqa: S608 - a number of ours
            " where is_current and latitude is not null and longitude is not null"
            f" group by floor(longitude / {degrees}), floor(latitude / {degrees}), country"
            " order by breweries desc, longitude, latitude",
        )
        if len(rows) <= _MOST_CELLS:
            break
    return degrees, [MapCell(**row) for row in rows]


def _ledger_filter(runs: Sequence[LedgerRow]) -> str:
    """SQL that keeps the rows of runs in the ledger: those of a superseded run are history, not state."""
    return f"run_id in ({', '.join(_literal(run.run_id) for run in runs)})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _rejected_reasons(lakehouse: Lakehouse, runs: Sequence[LedgerRow]) -> dict[str, int]:
    uri = lakehouse.layout.silver_rejected
    if lakehouse.find(uri) is None:
        return {}
    rows = lakehouse.query(
        uri,
        "select reason, count(*) as records from"  # noqa: S608 - run ids are quoted
        f" (select unnest(reasons) as reason from t where {_ledger_filter(runs)})"
        " group by reason order by records desc, reason",
    )
    return {row["reason"]: row["records"] for row in rows}


def _rejected_examples(lakehouse: Lakehouse, runs: Sequence[LedgerRow]) -> list[RejectedRecord]:
    uri = lakehouse.layout.silver_rejected
    if lakehouse.find(uri) is None:
        return []
    rows = lakehouse.query(
        uri,
        "select ingestion_date, id as record_id, source_file, reasons,"  # noqa: S608 - run ids are quoted
        f" substr(raw, 1, {_RAW_SHOWN}) as raw from t where {_ledger_filter(runs)}"
        " order by ingestion_date desc, source_file, id",
        limit=_EXAMPLES,
    )
    return [RejectedRecord(**row) for row in rows]


def _gate(lakehouse: Lakehouse) -> Gate | None:
    uri = lakehouse.layout.quality_results
    if lakehouse.find(uri) is None:
        return None
    # The newest outcome of each expectation in the run that was checked last: a run may be checked again.
    rows = lakehouse.query(
        uri,
        "with latest as (select run_id from t order by checked_at desc limit 1), ranked as (select *, row_number()"
        ' over (partition by gate, "table", expectation order by checked_at desc) as age'
        " from t where run_id in (select run_id from latest))"
        ' select * from ranked where age = 1 order by gate desc, "table", expectation',
    )
    if not rows:
        return None
    for row in rows:
        # A lakehouse that an older version built has no such column.
        row["examples"] = tuple(Example(**example) for example in row.get("examples") or ())
    checks = [Check(**{name: row[name] for name in Check.__dataclass_fields__}) for row in rows]
    newest = max(rows, key=lambda row: row["checked_at"])
    return Gate(newest["run_id"], newest["ingestion_date"], _utc(newest["checked_at"]), checks)


def _versions(lakehouse: Lakehouse) -> list[TableVersion]:
    layout = lakehouse.layout
    silver = [layout.silver_breweries, layout.silver_rejected, layout.silver_runs]
    versions = []
    for uri in sorted([*silver, *map(layout.gold, GOLD), layout.quality_results]):
        table = lakehouse.find(uri)
        if table is None:
            continue
        try:
            commit = table.history(1)[0]
            files = pa.table(table.get_add_actions(flatten=True))
        except (DeltaError, OSError) as error:
            raise _unreadable(uri, error) from None
        versions.append(
            TableVersion(
                name=uri.removeprefix(f"{layout.root}/"),
                version=table.version(),
                operation=str(commit.get("operation", "unknown")),
                written_at=dt.datetime.fromtimestamp(commit["timestamp"] / 1000, dt.UTC),
                # Counted: the log's own figure may be absent, and still has rows that a deletion vector marks.
                rows=lakehouse.query(uri, "select count(*) as rows from t")[0]["rows"],
                files=files.num_rows,
                bytes=sum(files["size_bytes"].to_pylist()),
            )
        )
    return versions


def _utc(moment: dt.datetime) -> dt.datetime:
    """Spark writes timestamps in UTC; delta-rs gives those without a time zone as they are."""
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _unreadable(uri: str, error: Exception) -> HarnessError:
    """One sentence: delta-rs appends a stack trace, or causes behind arrows, the true one last."""
    causes = re.findall(r"\u21b3(?:\x1b\[\d*m)?\s*(.+)", str(error))
    if causes and uri.startswith("s3:"):
        return HarnessError(
            f"{uri} cannot be read ({causes[-1].rstrip('.')}): see whether the object store answers and the AWS_ "
            "variables are right."
        )
    cause = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return HarnessError(
        f"{uri} cannot be read ({cause.rstrip('.')}): restore it from an earlier version, or rebuild the lakehouse."
    )
