"""A snapshot: its records, split into accepted, duplicate and rejected ones, with their numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as sf

from lakehouse.bronze import page_of
from lakehouse.records import REASON_SEPARATOR

_BROADCAST_IDS = 200_000
"""So many repeated ids still fit in every task's memory (about 20 MB)."""


@dataclass(frozen=True)
class Snapshot:
    """A deduplicated snapshot.

    Attributes:
        accepted: One row for each brewery, as `records.parse` gives them.
        rejected: The records that lack what silver requires.
        new_columns: Column of `accepted` that silver's definition does not have -> the source's field.
        records: Records of the run.
        rejected_count: Rows of `rejected`.
        duplicates: Records whose id occurs again later.
        reasons: Reason -> records that have it.
        cache: The cached rows, which `release` frees.
    """

    accepted: DataFrame
    rejected: DataFrame
    new_columns: Mapping[str, str]
    records: int
    rejected_count: int
    duplicates: int
    reasons: Mapping[str, int]
    cache: DataFrame

    @property
    def accepted_count(self) -> int:
        return self.records - self.rejected_count - self.duplicates

    def release(self) -> None:
        self.cache.unpersist()


def take(records: DataFrame, new_columns: Mapping[str, str]) -> Snapshot:
    """Cache the parsed records, count them and drop duplicates: the last page wins, then the last line.

    Rejected records do not count as duplicates: a bad record must not replace a good one with the same id.

    Args:
        records: From `records.parse`.
        new_columns: See `Snapshot`.
    """
    cached = records.persist(StorageLevel.MEMORY_AND_DISK)
    good = sf.col("_reasons") == ""
    # Equal ids have equal hashes, so as many hashes as rows means no duplicates, without a shuffle of the ids.
    counts = cached.agg(
        sf.count(sf.lit(1)).alias("records"),
        sf.count(sf.when(good, 1)).alias("accepted"),
        sf.count_distinct(sf.when(good, sf.xxhash64("id"))).alias("ids"),
    ).collect()[0]
    rejected_count = counts["records"] - counts["accepted"]
    accepted = cached.where(good)
    duplicates = 0
    if counts["ids"] < counts["accepted"]:
        accepted, duplicates = _without_duplicates(accepted)
    rejected = cached.where(~good)
    reasons: dict[str, int] = {}
    if rejected_count:
        named = rejected.select(sf.explode(sf.split("_reasons", REASON_SEPARATOR)).alias("reason"))
        reasons = {row["reason"]: row["count"] for row in named.groupBy("reason").count().collect()}
    return Snapshot(
        accepted=accepted,
        rejected=rejected,
        new_columns=new_columns,
        records=counts["records"],
        rejected_count=rejected_count,
        duplicates=duplicates,
        reasons=reasons,
        cache=cached,
    )


def _without_duplicates(accepted: DataFrame) -> tuple[DataFrame, int]:
    """Find the repeated ids in narrow rows, then look up only those in the wide rows."""
    order = sf.struct(page_of(sf.col("source_file")).alias("page"), sf.col("_position").alias("position"))
    repeated = (
        accepted.groupBy("id")
        .agg(sf.count(sf.lit(1)).alias("_times"), sf.max(order).alias("_last"))
        .where("_times > 1")
        .persist()
    )
    totals = repeated.agg(sf.count(sf.lit(1)).alias("ids"), sf.sum("_times").alias("rows")).collect()[0]
    lookup = sf.broadcast(repeated) if totals["ids"] <= _BROADCAST_IDS else repeated
    kept = (
        accepted.join(lookup, "id", "left")
        .where(sf.col("_last").isNull() | (sf.col("_last") == order))
        .select(*accepted.columns)
    )
    return kept, (totals["rows"] or 0) - totals["ids"]
