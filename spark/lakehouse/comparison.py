"""What a snapshot changes in silver: a line that silver was read from needs no parsing, and its row no writing."""

import hashlib
import inspect
import json
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as sf

from brewery.contract import fields
from lakehouse import records

BROADCAST_IDS: Final = 200_000
"""So many ids still fit in every task's memory (about 20 MB)."""

_BITS_OF_AN_ID: Final = 4
"""At least so many bits of the table in `among`: of the other ids, less than a quarter meets the condition."""


def _digest(*modules: ModuleType) -> str:
    return hashlib.md5("".join(map(inspect.getsource, modules)).encode(), usedforsecurity=False).hexdigest()


RULES: Final = _digest(records, fields)
"""Names the code that turns a line into a row: an equal line gives an equal row only under equal rules."""


@dataclass(frozen=True)
class Difference:
    """A snapshot's lines beside the current rows of silver.

    Attributes:
        silver: Silver before the snapshot.
        lines: Every line, with its `raw_hash`.
        new: The lines that no current row was read from.
        gone: `id` of the current rows whose line the snapshot lacks.
        records: Number of lines.
        unchanged: Number of current rows whose line the snapshot has.
        gone_count: Rows of `gone`.
        cache: The cached rows behind `new` and `gone`.
    """

    silver: DataFrame
    lines: DataFrame
    new: DataFrame
    gone: DataFrame
    records: int
    unchanged: int
    gone_count: int
    cache: DataFrame

    def affected(self, accepted: DataFrame, rows: int) -> DataFrame:
        """The rows of silver that the snapshot may change, see `states`.

        Args:
            accepted: The valid records among the new lines.
            rows: So many ids, at most, have `accepted` and `gone` together.
        """
        ids = (
            accepted.select("id", sf.lit(False).alias("_gone"))
            .union(self.gone.select("id", sf.lit(True)))
            .groupBy("id")
            .agg(sf.max("_gone").alias("_gone"))
        )
        return states(self.silver.join(sf.broadcast(ids) if rows <= BROADCAST_IDS else ids, "id"), sf.col("_gone"))


def compare(lines: DataFrame, silver: DataFrame) -> Difference:
    """Find the lines that silver lacks and the rows that the snapshot lacks, by the hash of the line.

    Args:
        lines: See `bronze.read_lines`.
        silver: Silver before the snapshot, read under the same `RULES`.
    """
    known_rows, all_lines = Observation(), Observation()
    hashed = lines.withColumn("raw_hash", records.raw_hash(sf.col("value")))
    known = (
        silver.where("is_current")
        .select(sf.col("raw_hash").alias("_known"), "id")
        .observe(known_rows, sf.count(sf.lit(1)).alias("rows"))
    )
    # The build side of the hash join is narrow; the texts only pass by.
    joined = hashed.join(known.hint("shuffle_hash"), sf.col("raw_hash") == sf.col("_known"), "full_outer")
    cache = (
        joined.observe(all_lines, sf.count("value").alias("rows"))
        .where("value is null or id is null")
        .select("value", "source_file", "position", "id")
        .persist(StorageLevel.MEMORY_AND_DISK)
    )
    gone = cache.where("value is null").select("id")
    gone_count = gone.count()
    return Difference(
        silver=silver,
        lines=hashed,
        new=cache.where("value is not null").drop("id"),
        gone=gone,
        records=all_lines.get["rows"],
        unchanged=known_rows.get["rows"] - gone_count,
        gone_count=gone_count,
        cache=cache,
    )


def states(silver: DataFrame, gone: Column) -> DataFrame:
    """What decides how rows of silver change, under names that no column of silver has.

    Args:
        silver: The rows.
        gone: Whether no line of the snapshot is the one that the row was read from; true only for current rows.
    """
    names = ("id", "is_current", "record_hash", "raw_hash", "last_seen")
    return silver.select(*(sf.col(name).alias(f"_{name}") for name in names), gone.alias("_gone"))


def changes(accepted: DataFrame, rejected: DataFrame, before: DataFrame) -> DataFrame:
    """What becomes of each row that does not stay as it is, in `_change`.

    `added`, `changed` and `removed` are those of the contract; `respelled` is another line with the same content,
    and `kept` a brewery of which the snapshot has rejected records only.

    Args:
        accepted: The records to apply, one for each id.
        rejected: The rejected ones.
        before: From `states`: every row of silver that `accepted` may change or the snapshot may lack.

    Returns:
        The columns of `accepted`, `_change`, and `_write`: whether the row must be written, which is not so for a
        kept one unless an earlier version of the pipeline gave it a date in `last_seen`.
    """
    listed = rejected.where("id is not null").select(sf.col("id").alias("_listed")).distinct()
    joined = accepted.join(before, sf.col("id") == sf.col("_id"), "full_outer").join(
        listed, sf.col("_id") == sf.col("_listed"), "left"
    )
    change = (
        sf.when(
            sf.col("id").isNotNull(),
            sf.when(~sf.coalesce(sf.col("_is_current"), sf.lit(False)), "added")
            .when(sf.col("record_hash") != sf.col("_record_hash"), "changed")
            .when(~sf.col("raw_hash").eqNullSafe(sf.col("_raw_hash")), "respelled"),
        )
        .when(~sf.col("_gone"), None)
        .when(sf.col("_listed").isNotNull(), "kept")
        .otherwise("removed")
    )
    ids = sf.coalesce("id", "_id").alias("id")
    others = (sf.col(f"`{name}`") for name in accepted.columns if name != "id")
    write = (sf.col("_change") != "kept") | sf.col("_last_seen").isNotNull()
    changed = joined.select(ids, *others, "_last_seen", change.alias("_change")).where("_change is not null")
    return changed.withColumn("_write", write).drop("_last_seen")


def among(column: str, changes: DataFrame, rows: int) -> Column:
    """A condition that every `id` of `changes` meets, and few others: it looks up a hash in a table of bits.

    Delta's MERGE joins with an outer join from the source, for which Spark shuffles all rows of the target; with
    this condition, only those that meet it.

    Args:
        column: Name of the id that is looked up.
        changes: The rows.
        rows: Their number.
    """
    if rows > BROADCAST_IDS:
        return sf.lit(True)
    bits = max(64, 1 << (rows * _BITS_OF_AN_ID - 1).bit_length())
    words = [0] * (bits // 64)
    marked = changes.selectExpr(f"{_slot('id', bits)} as slot").selectExpr(
        "shiftright(slot, 6) as word", "shiftleft(1L, cast(slot & 63 as int)) as bit"
    )
    for row in marked.groupBy("word").agg(sf.expr("bit_or(bit)").alias("bits")).collect():
        words[row["word"]] = row["bits"]
    slot = _slot(column, bits)
    # Constant for the optimiser, which reads it once; and shorter in the commit than a call with each word.
    table = f"from_json('{json.dumps(words, separators=(',', ':'))}', 'array<bigint>')"
    return sf.expr(f"getbit({table}[cast(shiftright({slot}, 6) as int)], cast({slot} & 63 as int)) = 1")


def _slot(column: str, bits: int) -> str:
    return f"(xxhash64({column}) & {bits - 1}L)"
