"""`python -m harness.bench.by_hand BRONZE_RUN LAKEHOUSE DATE`: bronze to gold in DuckDB and delta-rs; prints JSON.

The same rows as the pipeline's, as somebody would write them by hand, in one process: with cleaning, rejection,
deduplication, hashes and history columns, but without a manifest, checksums, gates, a change data feed, new fields
of the source, or repair after an interruption. Each day writes the whole table.
"""

import json
import sys
import time
from pathlib import Path
from typing import Final

import duckdb
from deltalake import DeltaTable, write_deltalake

from brewery.contract.fields import (
    COORDINATE_FIELDS,
    DEPRECATED_FIELDS,
    REQUIRED_FIELDS,
    SOURCE_FIELDS,
    TEXT_FIELDS,
)
from harness.bench.spark_stages import peak_bytes
from lakehouse.gold import GOLD
from lakehouse.gold_table import BREWERY_COUNT, GoldTable
from lakehouse.records import BLANKS

_READ: Final = ("source_file", "run_id", "raw_hash", "coordinates_status", "record_hash")
"""What a row of silver has of its record, beside the fields."""

_COORDINATES: Final = (
    "longitude between -180 and 180 and latitude between -90 and 90 and "
    "longitude is not null and latitude is not null"
)


def _snapshot(db: duckdb.DuckDBPyConnection, bronze_run: Path) -> None:
    fields = json.dumps(dict.fromkeys(SOURCE_FIELDS, "VARCHAR"))
    cleaned = ", ".join(f"cleaned(record.{name}) as {name}" for name in (*TEXT_FIELDS, *DEPRECATED_FIELDS))
    numbers = ", ".join(f"try_cast(record.{name} as double) as {name}" for name in COORDINATE_FIELDS)
    filled = ", ".join(f"coalesce({new}, {old}) as {new}" for old, new in DEPRECATED_FIELDS.items())
    reasons = ", ".join(f"case when {name} is null then 'missing:{name}' end" for name in REQUIRED_FIELDS)
    content = ", ".join((*TEXT_FIELDS[1:], *COORDINATE_FIELDS))
    # Trimming a list of characters takes longer than all the rest: only where a text may need it.
    db.execute(f"""
        create temp macro cleaned(text) as nullif(
            case when ord(text) between 33 and 126 and ord(right(text, 1)) between 33 and 126
                 then nfc_normalize(text) else trim(nfc_normalize(text), {_literal(BLANKS)}) end, '')
    """)
    db.execute(f"""
        create temp table judged as
        with lines as (
            select line, parse_filename(filename) as source_file, row_number() over () as position
            from read_csv('{bronze_run}/page-*.jsonl.gz', columns={{'line': 'VARCHAR'}}, auto_detect=false,
                          header=false, delim='\x1f', quote='', escape='', filename=true)
        ),
        records as (
            select json_transform(line, '{fields}') as record, unhex(md5(line)) as raw_hash, * from lines
        ),
        parsed as (
            select {cleaned}, {numbers}, record.longitude is not null or record.latitude is not null as given,
                   raw_hash, source_file, position, line
            from records
        )
        select * exclude ({", ".join(DEPRECATED_FIELDS)}, given, line)
                 replace ({filled}, lower(brewery_type) as brewery_type,
                          case when {_COORDINATES} then longitude end as longitude,
                          case when {_COORDINATES} then latitude end as latitude),
               case when {_COORDINATES} then 'valid' when given then 'invalid' else 'missing' end
                   as coordinates_status,
               list_filter([{reasons}], lambda reason: reason is not null) as reasons,
               case when len(reasons) > 0 then line end as raw
        from parsed
    """)
    db.execute(f"""
        create temp table snapshot as
        select * exclude (reasons, raw, position), {_literal(bronze_run.name.removeprefix("run_id="))} as run_id,
               (hash({content}) >> 1)::bigint as record_hash
        from judged where len(reasons) = 0
        qualify row_number() over (partition by id order by position desc) = 1
    """)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _silver(db: duckdb.DuckDBPyConnection, root: str, date: str) -> None:
    table = f"{root}/silver/breweries"
    if not DeltaTable.is_deltatable(table):
        db.execute(f"""
            create temp table silver as
            select *, date '{date}' as first_seen, null::date as last_seen, true as is_current,
                   'added' as last_change, date '{date}' as last_change_on, date '{date}' as ingestion_date
            from snapshot
        """)
    else:
        db.register("before", DeltaTable(table).to_pyarrow_dataset())
        days = DeltaTable(f"{root}/gold/daily_changes").to_pyarrow_table(columns=["ingestion_date"])
        newest = max(days["ingestion_date"].to_pylist())
        # As in the pipeline's table, a row says when its line was read first.
        stays = "s.raw_hash = b.raw_hash and b.is_current"
        kept = ", ".join(
            f"case when s.id is null or {stays} then b.{name} else {new} end as {name}"
            for name, new in {
                **{name: f"s.{name}" for name in (*TEXT_FIELDS, *COORDINATE_FIELDS, *_READ)},
                "ingestion_date": f"date '{date}'",
            }.items()
        )
        db.execute(f"""
            create temp table silver as
            select {kept},
                   coalesce(b.first_seen, date '{date}') as first_seen,
                   case when s.id is not null then null when b.is_current then date '{newest}' else b.last_seen
                        end as last_seen,
                   s.id is not null as is_current,
                   case when b.id is null or (s.id is not null and not b.is_current) then 'added'
                        when s.id is null and b.is_current then 'removed'
                        when s.record_hash <> b.record_hash then 'changed' else b.last_change end as last_change,
                   case when b.id is null or s.id is null and b.is_current or s.id is not null and not b.is_current
                             or s.record_hash <> b.record_hash then date '{date}'
                        else b.last_change_on end as last_change_on
            from snapshot s full join before b on s.id = b.id
        """)
    write_deltalake(table, db.table("silver").to_arrow_reader(), mode="overwrite")


def _gold(db: duckdb.DuckDBPyConnection, root: str, date: str) -> None:
    for name, table in GOLD.items():
        rows = db.sql(_GOLD_SQL[name](date) if name in _GOLD_SQL else _counts_sql(table)).to_arrow_reader()
        write_deltalake(f"{root}/{table.name}", rows, mode="append" if name == "daily_changes" else "overwrite")


def _counts_sql(table: GoldTable) -> str:
    """A table of keys and the number of current breweries."""
    *keys, count = table.column_names
    if count != BREWERY_COUNT.name:
        raise ValueError(f"{table.name} is not a table of counts: give it a query in _GOLD_SQL")
    return f"select {', '.join(keys)}, count(*) as {count} from silver where is_current group by all"


def _coverage_sql(_: str) -> str:
    share = "count({}) / count(*)::double"
    return f"""
        select country, count(*) as brewery_count, {share.format("longitude")} as share_with_coordinates,
               {share.format("website_url")} as share_with_website, {share.format("phone")} as share_with_phone,
               {share.format("postal_code")} as share_with_postal_code
        from silver where is_current group by all"""


def _daily_changes_sql(date: str) -> str:
    return f"""
        select date '{date}' as ingestion_date, count_if(is_current) as total,
               count_if(last_change = 'added' and last_change_on = date '{date}') as added,
               count_if(last_change = 'changed' and last_change_on = date '{date}') as changed,
               count_if(last_change = 'removed' and last_change_on = date '{date}') as removed,
               (select count(*) from judged where len(reasons) > 0) as rejected,
               (select count(*) from judged where len(reasons) = 0)
                   - (select count(*) from snapshot) as duplicates
        from silver"""


_GOLD_SQL: Final = {"location_coverage": _coverage_sql, "daily_changes": _daily_changes_sql}
"""Gold table -> its query for a date; a table that is not here has keys and a count."""


def main(bronze_run: Path, root: str, date: str) -> None:
    started = time.monotonic()
    with duckdb.connect() as db:
        _snapshot(db, bronze_run)
        rejected = db.sql("select * from judged where len(reasons) > 0")
        write_deltalake(f"{root}/silver/breweries_rejected", rejected.to_arrow_reader(), mode="append")
        _silver(db, root, date)
        _gold(db, root, date)
    seconds = time.monotonic() - started
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes("self")}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
