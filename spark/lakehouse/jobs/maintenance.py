"""Maintenance: expires quality results; OPTIMIZE, VACUUM, checkpoint of every table; history and restore of one.

Each action is committed under the newest claim only, like what the pipeline writes.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from brewery.contract.upkeep import Upkeep
from lakehouse import maintenance
from lakehouse.definitions import QUALITY_RESULTS, SILVER_BREWERIES, SILVER_REJECTED, SILVER_RUNS
from lakehouse.errors import LakehouseError, explained
from lakehouse.gold import GOLD
from lakehouse.storage import Lakehouse

Action = Literal["expire", "optimize", "vacuum", "checkpoint", "history", "restore"]
UPKEEP: Final[Sequence[Action]] = ("expire", "optimize", "vacuum", "checkpoint")
"""What belongs to the day's upkeep, in this order: what is expired or replaced can be deleted from then on."""
KEEP_RESULTS_DAYS: Final = 90


def run(
    spark: SparkSession,
    layout: Layout,
    actions: Sequence[Action] = UPKEEP,
    *,
    table: str | None = None,
    version: int | None = None,
    at: dt.datetime | None = None,
    retention_hours: int = maintenance.MIN_RETENTION_HOURS,
    keep_results_days: int = KEEP_RESULTS_DAYS,
) -> list[str]:
    """Carry out maintenance.

    Args:
        spark: Session.
        layout: Paths.
        actions: What to do, in this order.
        table: Path of one table below the root (`silver/breweries`); None for all that exist.
        version: The version to restore.
        at: Or the time to restore to.
        retention_hours: How far back a vacuum leaves every version readable.
        keep_results_days: How long quality results are kept.

    Returns:
        A line for each action on each table, or for each version.

    Raises:
        LakehouseError: The lakehouse has no such table, a restore names none, or the work failed.
    """
    if keep_results_days < 1:
        raise LakehouseError(f"Quality results cannot be kept for {keep_results_days} days: name at least 1.")
    now = dt.datetime.now(dt.timezone.utc)
    lakehouse = Lakehouse.open(spark, layout)
    paths = _paths(spark, lakehouse.layout, table)
    before = _stored(lakehouse, paths)
    lines = []
    for action in actions:
        if action == "restore":
            if table is None:
                raise LakehouseError("Name the table to restore with --table, for example silver/breweries.")
            lakehouse.require_claim(f"restore {paths[table]}")
            restored = maintenance.restore(spark, paths[table], version=version, at=at)
            lines.append(f"{table}: restored to version {restored}")
            continue
        for name, path in paths.items():
            if action != "history":
                lakehouse.require_claim(f"{action} {path}")
            if action == "history":
                lines += [
                    f"{name}: version {row.version}, {row.committed_at.isoformat()}, {row.operation}"
                    f"{f', {row.metadata}' if row.metadata else ''}"
                    for row in maintenance.history(spark, path)
                ]
            elif action == "optimize":
                maintenance.optimize(spark, path)
                lines.append(f"{name}: optimised")
            elif action == "vacuum":
                maintenance.vacuum(spark, path, retention_hours)
                lines.append(f"{name}: vacuumed, {retention_hours} hours kept")
            elif action == "checkpoint":
                maintenance.checkpoint(spark, path)
                lines.append(f"{name}: checkpoint written")
            elif name == QUALITY_RESULTS.name:
                maintenance.expire(spark, path, "checked_at", now - dt.timedelta(days=keep_results_days))
                lines.append(f"{name}: {keep_results_days} days kept")
    if paths and set(actions) >= set(UPKEEP):
        upkeep = Upkeep(before, _stored(lakehouse, paths), now.timestamp())
        lakehouse.write_text(lakehouse.layout.upkeep, upkeep.to_json())
        lines.append(f"files: {upkeep.files_before} before, {upkeep.files} now")
    return lines


def _stored(lakehouse: Lakehouse, paths: Mapping[str, str]) -> int:
    """How many files the tables have, those of their logs included."""
    return sum(lakehouse.files.count(path) for path in paths.values())


def _paths(spark: SparkSession, layout: Layout, table: str | None) -> dict[str, str]:
    tables = (SILVER_BREWERIES, SILVER_REJECTED, SILVER_RUNS, *GOLD.values(), QUALITY_RESULTS)
    known = {known.name: f"{layout.root}/{known.name}" for known in tables}
    if table is not None:
        if table not in known:
            raise LakehouseError(f"There is no table {table}: name one of {', '.join(known)}.")
        return {table: known[table]}
    with explained(f"look at {layout.root}"):
        return {name: path for name, path in known.items() if DeltaTable.isDeltaTable(spark, path)}
