"""Bronze lines to typed records: trimming, normal form, types, coordinates, reasons to reject.

The manifest's profile saves work: a field that only had strings needs no check of its type, one without whitespace
at its ends needs no trimming, and a snapshot whose strings are all in normal form C needs no normalisation.
"""

import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    MapType,
    StringType,
    StructField,
    StructType,
)

from brewery.contract.fields import (
    COORDINATE_FIELDS,
    DEPRECATED_FIELDS,
    REQUIRED_FIELDS,
    SOURCE_FIELDS,
    TEXT_FIELDS,
)
from brewery.contract.manifest import SourceProfile
from lakehouse.definitions import CONTENT_COLUMNS

REASON_SEPARATOR: Final = ","
_BLANK_CODES: Final = (
    *range(0x09, 0x0E),
    *range(0x1C, 0x21),
    0x85,
    0xA0,
    0x1680,
    *range(0x2000, 0x200B),
    0x2028,
    0x2029,
    0x202F,
    0x205F,
    0x3000,
)
BLANKS: Final = "".join(map(chr, _BLANK_CODES))
"""Characters that are trimmed at either end of a text: Unicode's White_Space and the four ASCII separators."""

_NUMBER: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
# The type as which a JSON value other than a string is read, to detect it: any other value gives null.
_PROBES: Final[Mapping[str, DataType]] = {
    "number": DoubleType(),
    "boolean": BooleanType(),
    "object": MapType(StringType(), StringType()),
    "array": ArrayType(StringType()),
}


@dataclass(frozen=True)
class ParsePlan:
    """How to read the records of one run, derived from its profile.

    Attributes:
        fields: Fields that are read.
        numeric_coordinates: Both coordinates had only JSON numbers.
        retyped: (field, JSON type) of text fields that had another type.
        new_columns: Silver column -> the new field that it takes.
        spaced: Fields with text that is empty, or has a space (but no other whitespace) at an end.
        blanked: Fields with text that has other whitespace at an end.
        normalise: Some string is not in normal form C.
    """

    fields: Sequence[str]
    numeric_coordinates: bool
    retyped: Sequence[tuple[str, str]]
    new_columns: Mapping[str, str]
    spaced: frozenset[str]
    blanked: frozenset[str]
    normalise: bool


def plan_parsing(profile: SourceProfile, new_columns: Mapping[str, str]) -> ParsePlan:
    """Plan the reading of a run.

    Args:
        profile: From the run's manifest.
        new_columns: Silver column -> field, for each field that the contract does not know (`columns.assign`).
    """
    # Without `blank_ends` in the manifest, any text may have any whitespace.
    ends = {n: {"other": 1} for n in profile.fields} if profile.blank_ends is None else profile.blank_ends
    blanked = frozenset(name for name, kinds in ends.items() if kinds.get("other"))
    return ParsePlan(
        fields=[name for name in (*SOURCE_FIELDS, *new_columns.values()) if name in profile.fields],
        numeric_coordinates=all(profile.types(name) <= {"number"} for name in COORDINATE_FIELDS),
        retyped=[
            (name, kind)
            for name in (*TEXT_FIELDS, *DEPRECATED_FIELDS)
            for kind in sorted(profile.types(name) - {"string"})
        ],
        new_columns=new_columns,
        spaced=frozenset(ends) - blanked,
        blanked=blanked,
        normalise=profile.not_nfc > 0,
    )


def parse(lines: DataFrame, plan: ParsePlan) -> DataFrame:
    """Convert, clean and judge each line.

    Args:
        lines: `value`, `source_file`, `position` (see `bronze.read_lines`).
        plan: From the run's profile.

    Returns:
        The content columns, the new ones, `coordinates_status`, `record_hash`, `raw_hash`, `source_file`; and under
        names that no column of silver has, `_position`, `_reasons` (text joined by `REASON_SEPARATOR`, empty for a
        good record) and `_raw` (null for a good record).
    """
    if not plan.normalise:
        return _clean(_extract(lines, plan), plan)
    # Only rows that may need it go through Python. Both branches read the same files, so positions stay comparable.
    doubtful = sf.col("value").rlike(not_quite_nfc()) | sf.col("value").contains("\\u")
    plain = _extract(lines.where(~doubtful), plan)
    return _clean(plain.unionByName(_normalised(_extract(lines.where(doubtful), plan), plan)), plan)


def _extract(lines: DataFrame, plan: ParsePlan) -> DataFrame:
    """The fields as received in `_record`, beside the line."""
    value = sf.col("value")
    types = [_read_as(name, plan) for name in plan.fields]
    named = StructType([StructField(name, kind) for name, kind in zip(plan.fields, types, strict=True)])
    # Spark takes names that differ only in case for one, and a dot or a backtick for syntax.
    numbered = StructType([StructField(f"f{number}", kind) for number, kind in enumerate(types)])
    return lines.select(
        value.alias("_value"),
        "source_file",
        sf.col("position").alias("_position"),
        # In pure ASCII without escapes the only whitespace is the space, and trimming is cheap.
        *(
            [((sf.octet_length(value) == sf.length(value)) & ~value.contains("\\")).alias("_simple")]
            if plan.blanked
            else []
        ),
        sf.from_json(value, named).cast(numbered).alias("_record"),
        *(
            sf.from_json(value, StructType([StructField(name, _PROBES[kind])]))
            .getField(name)
            .isNotNull()
            .alias(_probe(name, kind))
            for name, kind in plan.retyped
        ),
    )


def _read_as(name: str, plan: ParsePlan) -> DataType:
    return DoubleType() if plan.numeric_coordinates and name in COORDINATE_FIELDS else StringType()


def _probe(name: str, kind: str) -> str:
    return f"_{name}_is_{kind}"


def _member(name: str, plan: ParsePlan) -> str:
    return f"_record.f{plan.fields.index(name)}"


def _received(name: str, plan: ParsePlan) -> str:
    """SQL of a field as it was received; null for a text field with another JSON type."""
    if name not in plan.fields:
        return "cast(null as string)"
    other = " or ".join(_probe(name, kind) for retyped, kind in plan.retyped if retyped == name)
    return f"if({other}, null, {_member(name, plan)})" if other else _member(name, plan)


def _joined(parts: Iterable[Column]) -> Column:
    columns = list(parts)
    return sf.concat_ws(REASON_SEPARATOR, *columns) if columns else sf.lit("")


def _clean(extracted: DataFrame, plan: ParsePlan) -> DataFrame:
    trimmed = extracted.select(
        "_value",
        "source_file",
        "_position",
        _joined(
            sf.when(sf.col(_probe(name, kind)), sf.lit(f"retyped:{name}:{kind}"))
            for name, kind in plan.retyped
            if name in TEXT_FIELDS
        ).alias("_retyped"),
        *(_trimmed(name, plan).alias(name) for name in (*TEXT_FIELDS, *DEPRECATED_FIELDS)),
        *(_trimmed(name, plan).alias(column) for column, name in plan.new_columns.items()),
        *(_number(name, plan).alias(name) for name in COORDINATE_FIELDS),
        *(_given(name, plan).alias(f"_{name}_given") for name in COORDINATE_FIELDS),
    )
    longitude_ok = sf.col("longitude").between(-180.0, 180.0)
    latitude_ok = sf.col("latitude").between(-90.0, 90.0)
    valid = sf.coalesce(longitude_ok & latitude_ok, sf.lit(False))
    new = [sf.col(f"`{column}`") for column in plan.new_columns]
    judged = trimmed.select(
        *(_filled(name).alias(name) for name in TEXT_FIELDS),
        *(sf.when(valid, sf.col(name)).alias(name) for name in COORDINATE_FIELDS),
        *new,
        sf.when(valid, "valid")
        .when(sf.col("_longitude_given") | sf.col("_latitude_given"), "invalid")
        .otherwise("missing")
        .alias("coordinates_status"),
        "source_file",
        "_position",
        _reasons(plan).alias("_reasons"),
        "_value",
    )
    return judged.select(
        *CONTENT_COLUMNS,
        *new,
        "coordinates_status",
        record_hash(plan.new_columns).alias("record_hash"),
        raw_hash(sf.col("_value")).alias("raw_hash"),
        "source_file",
        "_position",
        "_reasons",
        sf.when(sf.col("_reasons") != "", sf.col("_value")).alias("_raw"),
    )


def _trimmed(name: str, plan: ParsePlan) -> Column:
    """The text of a field without whitespace at its ends; null if nothing is left."""
    text = _received(name, plan)
    if name in plan.blanked:
        # The codes are written as escapes of Spark's SQL, because plain whitespace is easily lost.
        blanks = "".join(f"\\u{code:04x}" for code in _BLANK_CODES)
        return sf.expr(f"nullif(if(_simple, trim({text}), trim(BOTH '{blanks}' FROM {text})), '')")
    return sf.expr(f"nullif(trim({text}), '')" if name in plan.spaced else text)


def _filled(name: str) -> Column:
    deprecated = [old for old, new in DEPRECATED_FIELDS.items() if new == name]
    text = sf.coalesce(sf.col(name), *(sf.col(old) for old in deprecated)) if deprecated else sf.col(name)
    return sf.lower(text) if name == "brewery_type" else text


def _number(name: str, plan: ParsePlan) -> Column:
    if plan.numeric_coordinates:
        return sf.expr(_received(name, plan)).cast(DoubleType())
    # Java would also read "1d" or "0x1p3" as a number.
    return sf.when(_trimmed(name, plan).rlike(_NUMBER), _trimmed(name, plan).cast(DoubleType()))


def _given(name: str, plan: ParsePlan) -> Column:
    return _trimmed(name, plan).isNotNull()


def _reasons(plan: ParsePlan) -> Column:
    retyped = {name for name, _ in plan.retyped}
    missing = _joined(
        sf.when(
            sf.col(name).isNull()
            & (~sf.col("_retyped").contains(f"retyped:{name}:") if name in retyped else sf.lit(True)),
            sf.lit(f"missing:{name}"),
        )
        for name in REQUIRED_FIELDS
    )
    reasons = _joined(sf.when(part != "", part) for part in (sf.col("_retyped"), missing)) if retyped else missing
    return sf.when(sf.col("_value").startswith("{"), reasons).otherwise("malformed:record")


def raw_hash(line: Column) -> Column:
    """MD5 of a line's bytes: 128 bits in which two lines of a source never agree by chance."""
    return sf.unhex(sf.md5(line))


def record_hash(new_columns: Iterable[str]) -> Column:
    """xxHash64 of a brewery's content.

    A null does not change the hash, so a text that moves from one column to the next would go unnoticed: known
    columns are hashed with an empty text for null (no cleaned text is empty). New columns are hashed with their
    name, and only if they have a value, so that a new column changes only the rows that have it.
    """
    known = [
        sf.col(name) if name in COORDINATE_FIELDS else sf.coalesce(sf.col(name), sf.lit(""))
        for name in CONTENT_COLUMNS
    ]
    new = [
        sf.when(sf.col(name).isNotNull(), sf.concat(sf.lit(f"{name}="), sf.col(name)))
        for name in sorted(new_columns)
    ]
    return sf.xxhash64(*known, *new)


def _normalised(extracted: DataFrame, plan: ParsePlan) -> DataFrame:
    # A nested function is pickled by value, so that executors do not need this package.
    def nfc(values: list[str | None]) -> list[str | None]:
        return [None if value is None else unicodedata.normalize("NFC", value) for value in values]

    normalise = sf.udf(nfc, ArrayType(StringType()))
    texts = [name for name in plan.fields if _read_as(name, plan) == StringType()]
    members = [
        sf.col("_nfc").getItem(texts.index(name)) if name in texts else sf.col(_member(name, plan))
        for name in plan.fields
    ]
    return (
        extracted.withColumn("_nfc", normalise(sf.array(*(sf.col(_member(name, plan)) for name in texts))))
        .withColumn("_record", sf.struct(*(m.alias(f"f{number}") for number, m in enumerate(members))))
        .drop("_nfc")
    )


def not_quite_nfc() -> str:
    """A regular expression for text that may not be in normal form C.

    Such text has a character that normalisation replaces, reorders or composes with the previous one: its own
    normal form differs, it has a combining class, or it is the second half of a composition
    (https://www.unicode.org/reports/tr15/#Detecting_Normalization_Forms).
    """
    second_halves = set()
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            second_halves.add(int(parts[1], 16))
    # Hangul syllables compose by a rule rather than by the table.
    second_halves.update(range(0x1161, 0x1176), range(0x11A8, 0x11C3))
    codes = [
        code
        for code in range(0x80, sys.maxunicode + 1)
        if code in second_halves
        or unicodedata.combining(chr(code))
        or not unicodedata.is_normalized("NFC", chr(code))
    ]
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "[" + "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges) + "]"
