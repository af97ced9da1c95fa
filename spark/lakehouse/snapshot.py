"""A snapshot: its records, split into accepted, duplicate and rejected ones, with their numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf

from lakehouse.bronze import page_of
from lakehouse.comparison import BROADCAST_IDS, Difference
from lakehouse.records import REASON_SEPARATOR


@dataclass(frozen=True)
class Snapshot:
    """A deduplicated snapshot.

    Attributes:
        accepted: One row for each brewery, without those whose line silver was read from.
        rejected: The records that lack what silver requires.
        new_columns: Column of `accepted` that silver's definition does not have -> the source's field.
        records: Records of the run.
        rejected_count: Rows of `rejected`.
        duplicates: Records whose id occurs again later.
        reasons: Reason -> records that have it.
        affected: The rows of silver that it may change (`comparison.states`); None if it was not compared.
        caches: The cached rows, which `release` frees.
    """

    accepted: DataFrame
    rejected: DataFrame
    new_columns: Mapping[str, str]
    records: int
    rejected_count: int
    duplicates: int
    reasons: Mapping[str, int]
    affected: DataFrame | None
    caches: Sequence[DataFrame]

    @property
    def accepted_count(self) -> int:
        return self.records - self.rejected_count - self.duplicates

    def release(self) -> None:
        for cache in self.caches:
            cache.unpersist()


def take(records: DataFrame, new_columns: Mapping[str, str], difference: Difference | None = None) -> Snapshot:
    """Cache the parsed records, count them and drop duplicates: the last page wins, then the last line.

    Rejected records do not count as duplicates: a bad record must not replace a good one with the same id.

    Args:
        records: From `records.parse`: of every line, or of the new lines of `difference`.
        new_columns: See `Snapshot`.
        difference: The snapshot beside silver; None if every line was parsed.
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
    affected, caches = None, [cached]
    if difference:
        affected = difference.affected(accepted, counts["accepted"] + difference.gone_count)
        affected = affected.persist(StorageLevel.MEMORY_AND_DISK)
        accepted, twice = _without_older(accepted, affected, difference)
        # Of the lines that are as in silver, the last of each brewery counts too.
        duplicates += difference.records - counts["records"] - difference.unchanged + twice
        caches += [affected, difference.cache]
    return Snapshot(
        accepted=accepted,
        rejected=rejected,
        new_columns=new_columns,
        records=difference.records if difference else counts["records"],
        rejected_count=rejected_count,
        duplicates=duplicates,
        reasons=reasons,
        affected=affected,
        caches=caches,
    )


def _without_older(accepted: DataFrame, affected: DataFrame, difference: Difference) -> tuple[DataFrame, int]:
    """The records but those after which the line in silver comes again; how many breweries have both."""
    both = affected.where("_is_current and not _gone")
    count = both.count()
    if not count:
        return accepted, 0
    lines = difference.lines.join(
        sf.broadcast(both.select(sf.col("_raw_hash").alias("raw_hash"), "_id")), "raw_hash"
    )
    unchanged = lines.groupBy("_id").agg(sf.max(_order(sf.col("position"))).alias("_unchanged"))
    newer = sf.col("_unchanged").isNull() | (_order(sf.col("_position")) > sf.col("_unchanged"))
    joined = accepted.join(sf.broadcast(unchanged), sf.col("id") == sf.col("_id"), "left")
    return joined.where(newer).select(*(f"`{name}`" for name in accepted.columns)), count


def _without_duplicates(accepted: DataFrame) -> tuple[DataFrame, int]:
    """Find the repeated ids in narrow rows, then look up only those in the wide rows."""
    order = _order(sf.col("_position"))
    repeated = (
        accepted.groupBy("id")
        .agg(sf.count(sf.lit(1)).alias("_times"), sf.max(order).alias("_last"))
        .where("_times > 1")
        .persist()
    )
    totals = repeated.agg(sf.count(sf.lit(1)).alias("ids"), sf.sum("_times").alias("rows")).collect()[0]
    lookup = sf.broadcast(repeated) if totals["ids"] <= BROADCAST_IDS else repeated
    kept = (
        accepted.join(lookup, "id", "left")
        .where(sf.col("_last").isNull() | (sf.col("_last") == order))
        .select(*accepted.columns)
    )
    return kept, (totals["rows"] or 0) - totals["ids"]


def _order(position: Column) -> Column:
    return sf.struct(page_of(sf.col("source_file")).alias("page"), position.alias("position"))
