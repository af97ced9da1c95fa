"""Thirty days of the pipeline, with the upkeep every night: files stay bounded, promised history readable."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from pyspark.sql import SparkSession

pytest.importorskip("pyarrow", reason="the legs' environments lack pyarrow, which ages checkpoints")

from brewery.bronze import list_run_ids, remove_superseded
from brewery.contract.layout import Layout
from brewery.contract.limits import Limits
from brewery.storage import Storage
from lakehouse import tables
from lakehouse.gold import GOLD
from lakehouse.jobs import bronze_to_silver, maintenance
from lakehouse.storage import Lakehouse
from tests.spark.conftest import Bronze

pytestmark = [pytest.mark.spark, pytest.mark.long, pytest.mark.timeout(5400)]

Make = Callable[..., dict[str, Any]]

START: Final = dt.datetime(2026, 3, 1, 1, tzinfo=dt.UTC)
DAYS: Final = 30
DAY: Final = dt.timedelta(days=1)
RETENTION: Final = 7
"""Days: of data files, what docs/restore.md promises, and here of superseded runs."""
KEEP_LOG: Final = 30
"""Days of history, as promised there."""
GOLD_TABLE: Final = "breweries_by_type"
TABLES: Final = {
    "silver/breweries",
    "silver/breweries_rejected",
    "silver/runs",
    f"gold/{GOLD_TABLE}",
    "quality/results",
}
ANY: Final = Limits(rejected_share=1.0, drop=1.0, warn_gone=1.0)


def records(brewery: Make, day: int) -> list[dict[str, Any]]:
    """Two breweries stay, one changes, one of yesterday is gone, one is new, and one lacks its name."""
    return [
        brewery("stays"),
        brewery("changes", phone=f"+49 221 {day}"),
        brewery("pub", brewery_type="brewpub"),
        brewery(f"of day {day}", brewery_type="nano"),
        brewery(f"rejected {day}", name=...),
    ]


TYPES: Final = {"micro": 2, "brewpub": 1, "nano": 1}
"""Of the breweries above that can become a row."""


class Kept:
    """Files of each table: data, the log's, and bronze's runs."""

    def __init__(self, root: Path) -> None:
        tables = [log.parent for log in root.rglob("_delta_log")]
        files = {
            table: [file for file in table.rglob("*") if file.is_file() and not file.name.endswith(".crc")]
            for table in tables
        }
        self.data = Counter(
            {
                str(table.relative_to(root)): sum("_delta_log" not in file.parts for file in found)
                for table, found in files.items()
            }
        )
        self.commits = Counter(
            {
                str(table.relative_to(root)): sum(
                    file.parent.name == "_delta_log" and file.suffix == ".json" and file.stem.isdecimal()
                    for file in found
                )
                for table, found in files.items()
            }
        )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("thirty") / "lakehouse"


@pytest.fixture(scope="module")
def counted(spark: SparkSession, brewery: Make, root: Path) -> Mapping[int, Kept]:
    """The days, each followed by its upkeep; what the upkeep left of each."""
    from tests.spark.aging import age

    layout, bronze = Layout(str(root)), Bronze(Layout(str(root)))
    storage = Storage.for_uri(str(root))
    counted = {}
    for day in range(DAYS):
        if day:
            age(spark, root, DAY)
        now = START + day * DAY
        bronze.now = now
        for _ in range(2 if day % 5 == 0 else 1):
            bronze.write(now.date().isoformat(), [records(brewery, day)])
        bronze_to_silver.run(spark, layout, ANY)
        # As the gate publishes them; one gold table stands for all.
        rows = [{"brewery_type": name, "brewery_count": count} for name, count in TYPES.items()]
        frame = tables.rows_frame(spark, GOLD[GOLD_TABLE], rows)
        tables.replace(Lakehouse.open(spark, layout), GOLD[GOLD_TABLE], frame)
        maintenance.run(spark, layout)
        remove_superseded(storage, {}, RETENTION * DAY, now)
        counted[day] = Kept(root)
    return counted


def test_the_number_of_data_files_stops_growing(counted: Mapping[int, Kept]) -> None:
    assert counted[DAYS - 1].data.keys() == TABLES
    full = RETENTION + 2
    for table in TABLES:
        before = max(counted[day].data[table] for day in range(full, 2 * full))
        after = max(counted[day].data[table] for day in range(2 * full, DAYS))
        # A file for each date that has rejected records: they are partitioned by it, and kept like bronze.
        grown = DAYS - 2 * full if table == "silver/breweries_rejected" else 0
        assert after <= before + grown, table


def test_every_day_of_the_retention_can_be_read(
    spark: SparkSession, brewery: Make, root: Path, counted: Mapping[int, Kept]
) -> None:
    layout = Layout(str(root))
    now = dt.datetime.now(dt.UTC)
    for ago in range(RETENTION):
        # Delta refuses a time after the last commit: today is the newest version.
        moment = (now - ago * DAY).strftime("%Y-%m-%d %H:%M:%S.%f") if ago else None

        def then(path: str, moment: str | None = moment) -> list[Any]:
            reader = spark.read.format("delta")
            rows = (reader.option("timestampAsOf", moment) if moment else reader).load(path).collect()
            return [row.asDict() for row in rows]

        day = DAYS - 1 - ago
        silver = {row["id"]: row for row in then(layout.silver_breweries) if row["is_current"]}
        assert silver.keys() == {record["id"] for record in records(brewery, day) if "name" in record}
        assert silver["changes"]["phone"] == f"+49 221 {day}"
        by_type = {row["brewery_type"]: row["brewery_count"] for row in then(layout.gold(GOLD_TABLE))}
        assert by_type == TYPES


def test_superseded_runs_go_after_their_time(root: Path, counted: Mapping[int, Kept]) -> None:
    storage = Storage.for_uri(str(root))
    runs = {day: len(list_run_ids(storage, (START + day * DAY).date())) for day in range(DAYS)}
    assert runs == {day: 2 if day % 5 == 0 and DAYS - 1 - day <= RETENTION else 1 for day in range(DAYS)}


def test_history_goes_after_its_time(spark: SparkSession, root: Path, counted: Mapping[int, Kept]) -> None:
    from tests.spark.aging import age

    before = Kept(root)
    # Every commit of thirty days is within the retention of history.
    assert all(before.commits[table] >= DAYS for table in before.commits)
    age(spark, root, (KEEP_LOG + 2) * DAY)
    maintenance.run(spark, Layout(str(root)))
    after = Kept(root)
    # What is newer than the last checkpoint, and the checkpoint's own version.
    assert all(after.commits[table] <= 4 for table in after.commits)
    assert sum(after.data.values()) <= sum(before.data.values())
