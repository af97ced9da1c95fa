"""Maintenance: OPTIMIZE and VACUUM of every table, history and restore of one."""

import datetime as dt
from collections.abc import Sequence
from typing import Literal

from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from brewery.contract.layout import Layout
from lakehouse import maintenance
from lakehouse.definitions import QUALITY_RESULTS, SILVER_BREWERIES, SILVER_REJECTED, SILVER_RUNS
from lakehouse.errors import LakehouseError, explained
from lakehouse.gold import GOLD
from lakehouse.storage import spark_layout

Action = Literal["optimize", "vacuum", "history", "restore"]


def run(
    spark: SparkSession,
    layout: Layout,
    actions: Sequence[Action] = ("optimize", "vacuum"),
    *,
    table: str | None = None,
    version: int | None = None,
    at: dt.datetime | None = None,
    retention_hours: int = maintenance.MIN_RETENTION_HOURS,
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

    Returns:
        A line for each action on each table, or for each version.

    Raises:
        LakehouseError: The lakehouse has no such table, a restore names none, or the work failed.
    """
    layout = spark_layout(layout)
    paths = _paths(spark, layout, table)
    lines = []
    for action in actions:
        if action == "restore":
            if table is None:
                raise LakehouseError("Name the table to restore with --table, for example silver/breweries.")
            restored = maintenance.restore(spark, paths[table], version=version, at=at)
            lines.append(f"{table}: restored to version {restored}")
            continue
        for name, path in paths.items():
            if action == "history":
                lines += [
                    f"{name}: version {row.version}, {row.committed_at.isoformat()}, {row.operation}"
                    f"{f', {row.metadata}' if row.metadata else ''}"
                    for row in maintenance.history(spark, path)
                ]
            elif action == "optimize":
                maintenance.optimize(spark, path)
                lines.append(f"{name}: optimised")
            else:
                maintenance.vacuum(spark, path, retention_hours)
                lines.append(f"{name}: vacuumed, {retention_hours} hours kept")
    return lines


def _paths(spark: SparkSession, layout: Layout, table: str | None) -> dict[str, str]:
    tables = (SILVER_BREWERIES, SILVER_REJECTED, SILVER_RUNS, *GOLD.values(), QUALITY_RESULTS)
    known = {known.name: f"{layout.root}/{known.name}" for known in tables}
    if table is not None:
        if table not in known:
            raise LakehouseError(f"There is no table {table}: name one of {', '.join(known)}.")
        return {table: known[table]}
    with explained(f"look at {layout.root}"):
        return {name: path for name, path in known.items() if DeltaTable.isDeltaTable(spark, path)}
