"""Fields and JSON types, gathered while records stream by."""

import datetime as dt
import json
from typing import Any

import pytest

from brewery.contract.manifest import Manifest
from brewery.ingestion.profile import ProfileBuilder


def add(builder: ProfileBuilder, *records: dict[str, Any], ascii_only: bool = False) -> ProfileBuilder:
    builder.add([json.dumps(record, ensure_ascii=ascii_only) for record in records], records)
    return builder


def test_every_json_type_is_told_apart() -> None:
    record = {"s": "x", "i": 1, "f": 1.5, "b": True, "n": None, "o": {"a": 1}, "a": [1]}
    built = add(ProfileBuilder(), record, {"s": None}).build()
    assert built.fields == {
        "s": {"string": 1, "null": 1},
        "i": {"number": 1},
        "f": {"number": 1},
        "b": {"boolean": 1},
        "n": {"null": 1},
        "o": {"object": 1},
        "a": {"array": 1},
    }


DECOMPOSED = "Cafe\u0301"


@pytest.mark.parametrize("ascii_only", [False, True])
def test_records_that_are_not_in_normal_form_c_are_counted_once_however_they_are_written(ascii_only: bool) -> None:
    records = (
        {"name": "plain"},
        {"name": "Café"},
        {"name": DECOMPOSED, "city": DECOMPOSED},
        {"deep": [{"name": DECOMPOSED}]},
    )
    assert add(ProfileBuilder(), *records, ascii_only=ascii_only).build().not_nfc == 2


def test_merging_pages_is_the_same_as_one_page() -> None:
    records = [{"a": 1, "b": f"x{' ' * (n % 2)}", f"f{n % 7}": [None, "x", 2.0][n % 3]} for n in range(100)]
    whole = add(ProfileBuilder(), *records).build()
    merged = ProfileBuilder()
    for start in range(0, 100, 10):
        merged.merge(add(ProfileBuilder(), *records[start : start + 10]))
    assert merged.build() == whole
    assert whole.fields["a"] == {"number": 100}
    assert merged.new_fields == {"a", "b", *(f"f{n}" for n in range(7))}
    assert whole.blank_ends == {"b": {"space": 50}}


def test_a_decomposed_letter_that_is_escaped_beside_one_that_is_not_ascii_is_seen() -> None:
    text = '{"name": "Café", "city": "Cafe\\u0301"}'
    builder = ProfileBuilder()
    builder.add([text], [json.loads(text)])
    assert builder.build().not_nfc == 1


@pytest.mark.parametrize("ascii_only", [False, True])
def test_blanks_at_the_ends_of_texts_are_counted_by_field_and_kind(ascii_only: bool) -> None:
    records: tuple[dict[str, Any], ...] = (
        {"name": "plain", "city": "a b", "n": 1, "none": None, "deep": {"x": " y "}},
        {"name": " ahead", "city": "behind "},
        {"name": "", "city": "  "},
        {"name": "\u00a0no-break", "city": "a tab\t"},
        {"name": " both \u3000", "city": "Köln"},
        {"name": "\u200bwidth of zero is no blank", "city": "\x1funit separator"},
        {"quoted": '" "', "escaped": "\\", "empty list": [""]},
    )
    assert add(ProfileBuilder(), *records, ascii_only=ascii_only).build().blank_ends == {
        "name": {"other": 2, "space": 2},
        "city": {"other": 2, "space": 2},
    }


def test_blanks_are_seen_however_the_source_lays_out_its_json() -> None:
    for text in (
        '{"name":"x "}',
        '{ "name" : "x " }',
        '{\n "name":\t"x\\u0020"\n}',
        '{"name":"x\\u00A0"}',
        '{"name":""}',
    ):
        builder = ProfileBuilder()
        builder.add([text], [json.loads(text)])
        assert set(builder.build().blank_ends or ()) == {"name"}, text
    builder = ProfileBuilder()
    builder.add(['{ "name" : "x", "y" : "z" }'], [{"name": "x", "y": "z"}])
    assert builder.build().blank_ends == {}


def test_a_manifest_keeps_what_was_counted_and_one_of_before_says_nothing_of_blanks() -> None:
    now = dt.datetime.now(dt.UTC)
    built = add(ProfileBuilder(), {"name": " x", "city": "y\u00a0"}).build()
    manifest = Manifest(
        ingestion_date=now.date(),
        run_id="a",
        source="https://example.org",
        api_total=0,
        records=0,
        files=(),
        profile=built,
        started_at=now,
        finished_at=now,
    )
    assert Manifest.from_json(manifest.to_json()) == manifest
    before = json.loads(manifest.to_json())
    del before["profile"]["blank_ends"]
    assert Manifest.from_json(json.dumps(before)).profile.blank_ends is None
