"""Fields and JSON types, gathered while records stream by."""

import json
from typing import Any

import pytest

from brewery.ingestion import profile as module
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


def test_merging_pages_is_the_same_as_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [{"a": 1, f"f{n % 7}": [None, "x", 2.0][n % 3]} for n in range(100)]
    whole = add(ProfileBuilder(), *records).build()
    # So small a limit folds in between.
    monkeypatch.setattr(module, "_MAX_SHAPES", 3)
    merged = ProfileBuilder()
    for start in range(0, 100, 10):
        merged.merge(add(ProfileBuilder(), *records[start : start + 10]))
    assert merged.build() == whole
    assert whole.fields["a"] == {"number": 100}


def test_a_decomposed_letter_that_is_escaped_beside_one_that_is_not_ascii_is_seen() -> None:
    text = '{"name": "Café", "city": "Cafe\\u0301"}'
    builder = ProfileBuilder()
    builder.add([text], [json.loads(text)])
    assert builder.build().not_nfc == 1
