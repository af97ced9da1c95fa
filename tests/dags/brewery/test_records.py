"""A page's body, cut into records."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brewery.ingestion.records import PayloadError, parse_object, split_records

texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
records = st.lists(st.dictionaries(texts, values, max_size=5), max_size=6)


@settings(deadline=None)
@given(records, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_any_array_comes_back_record_by_record(
    given_records: list[dict[str, object]], ascii_only: bool, indent: int | str | None
) -> None:
    body = json.dumps(given_records, ensure_ascii=ascii_only, indent=indent).encode()
    slices, parsed, _ = split_records(body)
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
    assert split_records(b" [ ] ") == ([], [], False)


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
        b'[{"a":"\xff"}]',
        b'[{"a":"}]',
        b'[{"a":1}{"b":NaN}]',
        b'[{"a":NaN},]',
        b'[{"a":NaN]',
        b'["a]',
        b'["a, "b"]',
        b"[1 2]",
        b"[12",
        b'{"message":"no"}',
        b"<html></html>",
        b"null",
        b"[" * 100_000,
        b'[{"a":' * 50_000,
    ],
)
def test_what_is_no_whole_array_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        split_records(body)


GOOD = '{"id":"good"}'


@pytest.mark.parametrize(
    ("element", "broken"),
    [
        *[(text, False) for text in ("1", '"x"', "null", "true", "[]", '[{"id":"a"}]', '"{}"', '"]"')],
        *[(f'{{"n":{number}}}', False) for number in ("1" * 1001, "0." + "1" * 999, "1e" + "0" * 999)],
        ('{"deep":%s}' % ("[" * 500 + "]" * 500), False),
        *[(f'{{"id":"{text}"}}', False) for text in ("\\udfff", "\\ud800", "\\ud800x", "\\uDC00\\uD800")],
        ('{"\\udfff":1}', False),
        ('{"deep":{"er":["\\udfff"]}}', False),
        *[
            (f'{{"n":{number}}}', True)
            for number in ("NaN", "Infinity", "-Infinity", "1" * 5000, "007", ".5", "1.")
        ],
        *[(f'{{"s":"a{control}b"}}', True) for control in ("\x00", "\x01", "\t", "\x1f")],
        ("{'id':'a'}", True),
        ('{"id":"a",}', True),
        ('{"id":"\\x"}', True),
        ('{"s":NaN,"t":"]}"}', True),
        ("NaN", True),
        ("undefined", True),
        *[(scalar, True) for scalar in ("01", "1.", "1.2.3", "0x1F", "+1", "truex", "'x'")],
        *[(f'"a{odd}b"', True) for odd in ("\x00", "\t", "\x1f", "\\x", "]\x01,")],
        ('"\\ud800"', False),
        ('{"%s":1}' % ("x" * 1001), False),
    ],
)
def test_an_element_that_not_every_reader_takes_is_malformed_and_the_rest_is_kept(
    element: str, broken: bool
) -> None:
    for body in (f"[{GOOD},{element},{GOOD}]", f"[{element} , {GOOD}]", f"[{GOOD},\n{element}\n]"):
        lines, records, was_broken = split_records(body.encode())
        assert was_broken == broken
        (malformed,) = (line for line, record in zip(lines, records, strict=True) if record is None)
        assert malformed.lstrip() == element
        # How every later reader tells it from a good one.
        assert not malformed.startswith("{")
        assert {line for line in lines if line is not malformed} == {GOOD}


@pytest.mark.parametrize(
    "element",
    [
        '{"n":%s}' % ("1" * 1000),
        '{"s":"%s"}' % ("1" * 2000),
        '{"s":"%s"}' % ("x" * 1_000_000),
        '{"s":"%s"}' % ("[" * 2000),
        '{"deep":%s}' % ("[" * 499 + "]" * 499),
        '{"s":"\\u0000"}',
        '{"s":"\\u200b"}',
        '{"s":"\\ud83c\\udf7a"}',
        '{"s":"\\\\udfff"}',
        '{"n":1e999}',
        '{"s":"\ufffd"}',
        '{"%s":1}' % ("x" * 1000),
        '{"deep":{"%s":1}}' % ("x" * 1001),
    ],
)
def test_what_is_odd_and_every_reader_takes_is_kept(element: str) -> None:
    assert split_records(f"[{element}]".encode()) == ([element], [json.loads(element)], False)


def test_a_line_break_within_a_string_keeps_the_record_in_one_line() -> None:
    assert split_records(b'[{"a":"line\nbreak"}]') == ([' {"a":"line break"}'], [None], True)


def test_one_object_is_read_and_nothing_else_passes() -> None:
    assert parse_object(b' {"total": "7"}\n') == {"total": "7"}
    for body in (b"[]", b"{} {}", b"", b"7", b'{"a":'):
        with pytest.raises(PayloadError):
            parse_object(body)
