"""Write, audit, publish: gold is staged as parquet, checked there, and only then becomes the Delta tables."""

import datetime as dt
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from brewery.contract.layout import GOLD_TABLES, Layout
from brewery.contract.ledger import LedgerRow
from lakehouse import tables
from lakehouse.errors import LakehouseError, explained
from lakehouse.session import interpreted
from lakehouse.storage import Files
from lakehouse.tables import commit_metadata

_THREADS = 4
"""Small tables are written side by side: most of the time of each is Delta's and the file system's, not Spark's."""


@dataclass(frozen=True)
class Stage:
    """What the staged tables were made from: the newest run of the ledger."""

    ingestion_date: dt.date
    run_id: str
    silver_version: int

    @classmethod
    def of(cls, newest: LedgerRow) -> "Stage":
        """The stage that belongs to a ledger whose newest row this is."""
        return cls(newest.ingestion_date, newest.run_id, newest.silver_version)


def marker_path(layout: Layout) -> str:
    """The file that is written when all tables are staged, and says from what."""
    return f"{layout.root}/gold/_staging/_stage.json"


def stage(files: Files, layout: Layout, frames: Mapping[str, DataFrame], made_from: Stage) -> None:
    """Write the tables aside, in place of what was staged before.

    Args:
        files: The lakehouse's file system.
        layout: Paths.
        frames: One for each of `GOLD_TABLES`.
        made_from: What they were made from.
    """
    files.delete(marker_path(layout))

    def write(name: str) -> None:
        with explained(f"write {layout.gold_staging(name)}"):
            frames[name].write.mode("overwrite").parquet(layout.gold_staging(name))

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(write, GOLD_TABLES))
    files.write_text(
        marker_path(layout),
        json.dumps(
            {
                "ingestion_date": made_from.ingestion_date.isoformat(),
                "run_id": made_from.run_id,
                "silver_version": made_from.silver_version,
            }
        ),
    )


def staged(spark: SparkSession, files: Files, layout: Layout, expected: Stage) -> dict[str, DataFrame]:
    """The staged tables, each in one partition: they are small, and nothing has to be shuffled to check them.

    Raises:
        LakehouseError: Nothing is staged, or something that silver has moved on from.
    """
    path = marker_path(layout)
    if not files.exists(path):
        raise LakehouseError("No gold tables are staged: run silver_to_gold before quality_gate.")
    try:
        values = json.loads(files.read_text(path))
        found = Stage(
            dt.date.fromisoformat(values["ingestion_date"]), values["run_id"], int(values["silver_version"])
        )
    except (ValueError, KeyError, TypeError):
        raise LakehouseError(f"{path} is not what silver_to_gold writes: run silver_to_gold again.") from None
    if found != expected:
        raise LakehouseError(
            f"The staged gold tables were made from run {found.run_id}, silver now holds {expected.run_id}: "
            "run silver_to_gold again before quality_gate."
        )
    with explained(f"read {layout.root}/gold/_staging"):
        return {
            name: spark.read.schema(_schema(name)).parquet(layout.gold_staging(name)).coalesce(1)
            for name in GOLD_TABLES
        }


def _schema(name: str) -> str:
    return ", ".join(f"`{column.name}` {column.type}" for column in tables.GOLD[name].columns)


def publish(spark: SparkSession, layout: Layout, frames: Mapping[str, DataFrame], made_from: Stage) -> None:
    """Replace each gold table, in one commit for each, whose `userMetadata` names the run."""

    def write(name: str) -> None:
        with explained(f"write the table {layout.gold(name)}"):
            tables.replace(frames[name], tables.GOLD[name], layout.gold(name))

    metadata = json.dumps({"run_id": made_from.run_id, "ingestion_date": made_from.ingestion_date.isoformat()})
    with commit_metadata(spark, metadata), interpreted(spark), ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(write, GOLD_TABLES))
