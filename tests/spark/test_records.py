"""Bronze lines to typed records, each rule with rows worked out by hand."""

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from brewery.contract.fields import SOURCE_FIELDS
from brewery.contract.manifest import SourceProfile
from lakehouse import columns, records

pytestmark = pytest.mark.spark

Make = Callable[..., dict[str, Any]]
Parse = Callable[..., DataFrame]


@pytest.fixture
def parse(spark: SparkSession, profile_of: Callable[[Sequence[dict[str, Any]]], SourceProfile]) -> Parse:
    def _parse(
        rows: Sequence[dict[str, Any]], *, ascii_only: bool = False, blanks_unknown: bool = False
    ) -> DataFrame:
        lines = [(json.dumps(row, ensure_ascii=ascii_only), "page-00001.jsonl.gz") for row in rows]
        frame = spark.createDataFrame(lines, "value string, source_file string").coalesce(1)
        with_position = frame.withColumn("position", sf.monotonically_increasing_id())
        profile = profile_of(rows)
        if blanks_unknown:
            profile = replace(profile, blank_ends=None)
        return records.parse(with_position, plan_of(profile))

    return _parse


def plan_of(profile: SourceProfile) -> records.ParsePlan:
    return records.plan_parsing(profile, columns.assign(set(profile.fields).difference(SOURCE_FIELDS), {}))


def expect(spark: SparkSession, actual: DataFrame, schema: str, rows: list[tuple[Any, ...]]) -> None:
    names = [part.split()[0] for part in schema.split(", ")]
    expected = spark.createDataFrame(rows, schema)
    assert_df_equality(actual.select(*names), expected, ignore_row_order=True, ignore_nullable=True)


@pytest.mark.parametrize("blanks_unknown", [False, True])
def test_texts_are_trimmed_and_keep_their_accents(
    spark: SparkSession, parse: Parse, brewery: Make, blanks_unknown: bool
) -> None:
    actual = parse(
        [
            brewery("1", name="  Brauerei Müller\u3000", city="\u00a0São Paulo\t", phone=" \u2003 ", address_2=""),
            brewery("2", name="A\u00a0B", brewery_type=" MicrO ", city="  x "),
            brewery(" 3 ", name="\x1fÅre", city="\u200bz"),
        ],
        blanks_unknown=blanks_unknown,
    )
    expect(
        spark,
        actual,
        "id string, name string, city string, phone string, address_2 string, brewery_type string",
        [
            ("1", "Brauerei Müller", "São Paulo", None, None, "micro"),
            ("2", "A\u00a0B", "x", "+49 221 1", None, "micro"),
            ("3", "Åre", "\u200bz", "+49 221 1", None, "micro"),
        ],
    )


def test_only_fields_with_blanks_at_an_end_are_trimmed(profile_of: Callable[..., SourceProfile]) -> None:
    rows = [
        {"id": "1", "name": " a", "city": "b\t", "phone": "", "motto": "c\u00a0"},
        {"name": "\u2003d", "city": "e"},
    ]
    plan = plan_of(profile_of(rows))
    assert plan.spaced == {"phone"}
    assert plan.blanked == {"name", "city", "motto"}
    unknown = plan_of(replace(profile_of(rows), blank_ends=None))
    assert not unknown.spaced
    assert unknown.blanked == {"id", "name", "city", "phone", "motto"}


def test_blanks_are_those_of_python() -> None:
    assert set(records.BLANKS) == {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}


@pytest.mark.parametrize("ascii_only", [False, True])
def test_texts_become_normal_form_c(spark: SparkSession, parse: Parse, brewery: Make, ascii_only: bool) -> None:
    actual = parse(
        [
            brewery("1", name="Cafe\u0301", city="Ko\u0308ln"),
            brewery("2", name="Café", city="Köln"),
            brewery("3", name="plain", city="\u1112\u1161\u11ab"),
            brewery("4", name="x", city="\u212b", motto="e\u0301"),
        ],
        ascii_only=ascii_only,
    )
    expect(
        spark,
        actual,
        "id string, name string, city string, motto string",
        [
            ("1", "Café", "Köln", None),
            ("2", "Café", "Köln", None),
            ("3", "plain", "한", None),
            ("4", "x", "Å", "é"),
        ],
    )


def test_every_character_that_normalisation_touches_is_looked_at() -> None:
    doubtful = re.compile(
        re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", records.not_quite_nfc())
    )
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if not unicodedata.is_normalized("NFC", character):
            assert doubtful.search(character), hex(code)
        decomposed = unicodedata.normalize("NFD", character)
        if decomposed != unicodedata.normalize("NFC", decomposed):
            assert doubtful.search(decomposed), hex(code)


def test_coordinates(spark: SparkSession, parse: Parse, brewery: Make) -> None:
    given: list[tuple[Any, Any]] = [
        (6.95, 50.94),
        (-180, 90),
        (180.5, 0),
        (0, -90.01),
        (None, 50.0),
        (6.0, None),
        (None, None),
        (0, 0),
    ]
    actual = parse([brewery(str(i), longitude=lon, latitude=lat) for i, (lon, lat) in enumerate(given)])
    expect(
        spark,
        actual,
        "id string, longitude double, latitude double, coordinates_status string",
        [
            ("0", 6.95, 50.94, "valid"),
            ("1", -180.0, 90.0, "valid"),
            ("2", None, None, "invalid"),
            ("3", None, None, "invalid"),
            ("4", None, None, "invalid"),
            ("5", None, None, "invalid"),
            ("6", None, None, "missing"),
            ("7", 0.0, 0.0, "valid"),
        ],
    )


def test_coordinates_as_text_and_worse(spark: SparkSession, parse: Parse, brewery: Make) -> None:
    given: list[tuple[Any, Any]] = [
        ("-87.88336350209435", " 42.7 "),
        (6.95, "50.94"),
        ("1d", "2"),
        ("NaN", "1"),
        ("east", "north"),
        (True, 5),
        ({"deg": 1}, [2]),
        ("", " "),
        ("1e1", "+2."),
    ]
    actual = parse([brewery(str(i), longitude=lon, latitude=lat) for i, (lon, lat) in enumerate(given)])
    expect(
        spark,
        actual,
        "id string, longitude double, latitude double, coordinates_status string, _reasons string",
        [
            ("0", -87.88336350209435, 42.7, "valid", ""),
            ("1", 6.95, 50.94, "valid", ""),
            ("2", None, None, "invalid", ""),
            ("3", None, None, "invalid", ""),
            ("4", None, None, "invalid", ""),
            ("5", None, None, "invalid", ""),
            ("6", None, None, "invalid", ""),
            ("7", None, None, "missing", ""),
            ("8", 10.0, 2.0, "valid", ""),
        ],
    )


def test_deprecated_fields_fill_in_only_what_is_empty(spark: SparkSession, parse: Parse, brewery: Make) -> None:
    actual = parse(
        [
            brewery("1", state_province="Bayern", state="Hessen", address_1="A", street="B"),
            brewery("2", state_province=None, state=" Hessen ", address_1=" ", street="B"),
            brewery("3", state_province=..., state=5, address_1=..., street=None),
        ]
    )
    expect(
        spark,
        actual,
        "id string, state_province string, address_1 string, _reasons string",
        [("1", "Bayern", "A", ""), ("2", "Hessen", "B", ""), ("3", None, None, "")],
    )


def test_reasons_to_reject(spark: SparkSession, parse: Parse, brewery: Make) -> None:
    actual = parse(
        [
            brewery("0"),
            brewery("1", name=None),
            brewery("2", name="\u00a0", country=...),
            brewery("3", name=5),
            brewery("4", name=True, phone=[1]),
            brewery("5", city={"name": "Köln"}),
            brewery(""),
            brewery("7", id=7, brewery_type=""),
            brewery("8", phone=1.5),
        ]
    )
    expect(
        spark,
        actual,
        "id string, name string, _reasons string",
        [
            ("0", "Brewery 0", ""),
            ("1", None, "missing:name"),
            ("2", None, "missing:name,missing:country"),
            ("3", None, "retyped:name:number"),
            ("4", None, "retyped:name:boolean,retyped:phone:array"),
            ("5", "Brewery 5", "retyped:city:object"),
            (None, "Brewery", "missing:id"),
            (None, "Brewery 7", "retyped:id:number,missing:brewery_type"),
            ("8", "Brewery 8", "retyped:phone:number"),
        ],
    )
    raw = {row["name"]: row["_raw"] for row in actual.where("name like 'Brewery%'").collect()}
    assert raw["Brewery 0"] is None
    assert json.loads(raw["Brewery 8"]) == brewery("8", phone=1.5)


def test_a_line_that_is_no_object_is_rejected(spark: SparkSession) -> None:
    lines = spark.createDataFrame(
        [("[1]", "f", 1), ('"x"', "f", 2)], "value string, source_file string, position long"
    )
    parsed = records.parse(lines, plan_of(SourceProfile({"id": {"string": 2}})))
    assert [row["_reasons"] for row in parsed.collect()] == ["malformed:record"] * 2


@pytest.mark.parametrize("odd", ["NaN", "1" * 1_500, '"half \\udfff"', '"a\x01b"', "[" * 600 + "]" * 600])
def test_what_the_ingestion_marked_with_a_space_is_malformed(spark: SparkSession, brewery: Make, odd: str) -> None:
    line = json.dumps(brewery("a", name="@")).replace('"@"', odd)
    lines = spark.createDataFrame([(f" {line}", "f", 1)], "value string, source_file string, position long")
    (row,) = records.parse(lines, plan_of(SourceProfile({"id": {"string": 1}}))).collect()
    assert (row["_reasons"], row["_raw"]) == ("malformed:record", f" {line}")


@pytest.mark.parametrize("name", ["a\0b", "x" * 1_000_000, "\u200b", "\ufffd"])
def test_an_odd_text_that_every_reader_takes_is_kept(parse: Parse, brewery: Make, name: str) -> None:
    for ascii_only in (True, False):
        (row,) = parse([brewery("a", name=name)], ascii_only=ascii_only).collect()
        assert (row["name"], row["_reasons"]) == (name, "")


def test_new_fields_become_text_columns(spark: SparkSession, parse: Parse, brewery: Make) -> None:
    actual = parse([brewery("1", rating=4.5, motto=" x "), brewery("2", tags=["a"])])
    expect(
        spark,
        actual,
        "id string, rating string, tags string, motto string",
        [("1", "4.5", None, "x"), ("2", None, '["a"]', None)],
    )


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("blanks", ["", " ", "\u00a0"])
def test_every_field_has_its_value_in_its_column_whatever_it_is_called(
    parse: Parse, brewery: Make, odd_names: Sequence[str], blanks: str, normalise: bool
) -> None:
    fields = {name: f"value {number}" for number, name in enumerate(odd_names)}
    record = brewery("1", city="Cafe\u0301" if normalise else "Caf\u00e9", **fields)
    row = (
        parse([{name: v + blanks if isinstance(v, str) else v for name, v in record.items()}]).collect()[0].asDict()
    )
    for column, field in columns.assign(fields, {}).items():
        assert row[column] == fields[field], field
    assert (row["id"], row["name"], row["city"], row["_reasons"]) == ("1", "Brewery 1", "Caf\u00e9", "")


def test_the_hash_tells_contents_apart(parse: Parse, brewery: Make) -> None:
    rows = parse(
        [
            brewery("1", address_2="x", address_3=None),
            brewery("1", address_2=None, address_3="x"),
            brewery("1", address_2="x", address_3=None, city=" Köln "),
            brewery("1", address_2="x", address_3=None, motto="x"),
        ]
    ).collect()
    moved, first, spaced, new = (rows[i]["record_hash"] for i in (1, 0, 2, 3))
    assert first != moved
    assert first == spaced
    assert first != new


def test_a_new_column_changes_only_the_rows_that_have_it(parse: Parse, brewery: Make) -> None:
    before = parse([brewery("1")]).collect()[0]["record_hash"]
    after = parse([brewery("1"), brewery("2", motto="x")]).where("id = '1'").collect()[0]["record_hash"]
    assert before == after
