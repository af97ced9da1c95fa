"""Write, audit, publish: gold is staged as parquet, checked there, and only then replaces the Delta tables."""

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from pyspark.sql import DataFrame

from brewery.contract.ledger import LedgerRow
from lakehouse import deltalog, tables
from lakehouse.errors import LakehouseError, explained
from lakehouse.gold import GOLD
from lakehouse.session import interpreted
from lakehouse.storage import Lakehouse

_THREADS = 4
"""Small tables are written in parallel: most of the time goes to Delta and the file system, not to Spark."""


@dataclass(frozen=True)
class Stage:
    """What the staged tables were built from: the newest run of the ledger."""

    ingestion_date: dt.date
    run_id: str
    silver_version: int

    @classmethod
    def of(cls, newest: LedgerRow) -> "Stage":
        return cls(newest.ingestion_date, newest.run_id, newest.silver_version)

    def to_json(self) -> str:
        return json.dumps({**vars(self), "ingestion_date": self.ingestion_date.isoformat()})

    @classmethod
    def from_json(cls, text: str) -> "Stage":
        values = json.loads(text)
        date = dt.date.fromisoformat(values["ingestion_date"])
        # Older versions published gold without the version of silver.
        return cls(date, values["run_id"], int(values.get("silver_version", -1)))


def stage(lakehouse: Lakehouse, frames: Mapping[str, DataFrame], built_from: Stage) -> None:
    """Write the tables to the staging folder, which replaces what was staged before.

    Args:
        lakehouse: The lakehouse.
        frames: Name of each gold table -> its rows.
        built_from: What they were built from.
    """
    with lakehouse.writing(f"write {_marker(lakehouse)}"):
        lakehouse.files.delete(_marker(lakehouse))

    def write(name: str) -> None:
        path = lakehouse.layout.gold_staging(name)
        with lakehouse.writing(f"write {path}"):
            tables.shaped(frames[name], GOLD[name]).write.mode("overwrite").parquet(path)

    _each_table(write)
    lakehouse.write_text(
        _marker(lakehouse),
        built_from.to_json(),
    )


def staged(lakehouse: Lakehouse, expected: Stage) -> dict[str, DataFrame]:
    """The staged tables, each in one partition: they are small, so that checking them needs no shuffle.

    Raises:
        LakehouseError: Nothing is staged, or silver has changed since.
    """
    path = _marker(lakehouse)
    if not lakehouse.files.exists(path):
        raise LakehouseError("No gold tables are staged: run silver_to_gold before quality_gate.")
    try:
        built_from = Stage.from_json(lakehouse.files.read_text(path))
    except (ValueError, KeyError, TypeError):
        raise LakehouseError(f"{path} is not what silver_to_gold writes: run silver_to_gold again.") from None
    if built_from != expected:
        raise LakehouseError(
            f"The staged gold tables were built from run {built_from.run_id}, but silver now holds "
            f"{expected.run_id}: run silver_to_gold again before quality_gate."
        )
    with explained(f"read {lakehouse.layout.root}/gold/_staging"):
        return {
            name: lakehouse.spark.read.schema(", ".join(f"`{c.name}` {c.type}" for c in table.columns))
            .parquet(lakehouse.layout.gold_staging(name))
            .coalesce(1)
            for name, table in GOLD.items()
        }


def published(lakehouse: Lakehouse) -> Stage | None:
    """What the gold tables were published from, the oldest of them first; None if one of them never was."""
    stages = [_published(deltalog.commits(lakehouse.files, lakehouse.path(table))) for table in GOLD.values()]
    return (
        min((stage for stage in stages if stage), key=lambda stage: stage.ingestion_date) if all(stages) else None
    )


def _published(newest_first: Iterable[deltalog.Commit]) -> Stage | None:
    for commit in newest_first:
        # Commits of others have other metadata, or none.
        with suppress(ValueError, KeyError, TypeError):
            return Stage.from_json(commit.user_metadata or "")
    return None


def publish(lakehouse: Lakehouse, frames: Mapping[str, DataFrame], built_from: Stage) -> None:
    """Replace each gold table in a commit of its own, whose `userMetadata` names the run."""

    def write(name: str) -> None:
        with lakehouse.writing(f"write the table {lakehouse.path(GOLD[name])}"):
            tables.replace(lakehouse, GOLD[name], frames[name])

    with tables.commit_metadata(lakehouse.spark, built_from.to_json()), interpreted(lakehouse.spark):
        _each_table(write)


def _marker(lakehouse: Lakehouse) -> str:
    """The file that is written when all tables are staged, and says from what."""
    return f"{lakehouse.layout.root}/gold/_staging/_stage.json"


def _each_table(write: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(write, GOLD))
