"""A page's body, cut into records."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brewery.ingestion.records import PayloadError, parse_object, split_records

texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
records = st.lists(st.dictionaries(texts, values, max_size=5), max_size=6)


@given(records, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_any_array_comes_back_record_by_record(
    given_records: list[dict[str, object]], ascii_only: bool, indent: int | str | None
) -> None:
    body = json.dumps(given_records, ensure_ascii=ascii_only, indent=indent).encode()
    slices, parsed = split_records(body)
    assert parsed == given_records
    assert [json.loads(text) for text in slices] == given_records
    assert not any("\n" in text or "\r" in text for text in slices)


def test_nothing_within_a_record_is_rewritten() -> None:
    first = (
        '{ "id":"\\u00e9\\ud83c\\udf7a","n":1.50,"big":12345678901234567890,"e":1E+2, "id":"twice","s":"a\\/b é" }'
    )
    second = '{"id" : "b"}'
    body = f"\ufeff [{first} ,\r\n\t{second}\n] \n".encode()
    assert split_records(body)[0] == [first, second]


def test_a_line_break_outside_strings_becomes_a_space_and_nothing_else_does() -> None:
    assert split_records(b'[{"a":\r\n1,\n"b":"x\\ny"}]')[0] == ['{"a":  1, "b":"x\\ny"}']


def test_an_empty_page_has_no_records() -> None:
    assert split_records(b" [ ] ") == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"[",
        b'[{"a":1}',
        b'[{"a":1},',
        b'[{"a":1},]',
        b'[{"a":1} {"a":2}]',
        b'[{"a":1}]]',
        b'[{"a":1',
        b'[{"a":NaN}]',
        b'[{"a":Infinity}]',
        b'[{"a":"line\nbreak"}]',
        b'[{"a":"\xff"}]',
        b"[1]",
        b'["a"]',
        b"[null]",
        b"[[]]",
        b'{"message":"no"}',
        b"<html></html>",
        b"null",
        b"[" * 100_000,
        b'[{"a":' * 50_000,
    ],
)
def test_what_is_not_an_array_of_objects_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        split_records(body)


def test_one_object_is_read_and_nothing_else_passes() -> None:
    assert parse_object(b' {"total": "7"}\n') == {"total": "7"}
    for body in (b"[]", b"{} {}", b"", b"7", b'{"a":'):
        with pytest.raises(PayloadError):
            parse_object(body)
