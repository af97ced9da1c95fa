"""Values as text: the examples in the documentation hold, and nothing hides."""

import doctest
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.inert import split_lines, visible
from harness.review.model import FieldChange, FieldKind
from harness.review.output import align, escape, groups, values
from harness.review.output.values import Line, as_yaml, field_lines, scalars


@pytest.mark.parametrize("module", [values, escape, align, groups])
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@given(st.text(st.characters(codec=None)))
def test_what_is_visible_can_be_written_and_stays_where_it_is(text: str) -> None:
    shown = visible(text)
    shown.encode("utf-8")
    assert not {"\x1b", "\r", "\x07", "\u202e", "\u2066", "\u200b", "\x9b"} & set(shown)
    assert all(line.count("\n") == 0 for line in split_lines(text))


@pytest.mark.parametrize(
    ("one", "other"), [(3, "3"), (True, "true"), (None, "null"), (None, ""), ([], {}), (1, 1.0), ("a", "a ")]
)
def test_values_of_different_types_do_not_look_alike(one: object, other: object) -> None:
    assert as_yaml(one) != as_yaml(other)


def test_texts_of_several_lines_are_read_as_such() -> None:
    assert as_yaml("a: 1\nb\n") == ["|", "  a: 1", "  b"]


def test_equal_values_are_written_out() -> None:
    value = {"a": 1}
    assert as_yaml([value, value]) == ["- a: 1", "- a: 1"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (FieldChange("a", FieldKind.SET, 1, 2), [Line("-", "1"), Line("+", "2")]),
        (FieldChange("a", FieldKind.SET, None, 2), [Line("-", "null"), Line("+", "2")]),
        (FieldChange("a", FieldKind.ADDED, None, None), [Line("+", "null")]),
        (FieldChange("a", FieldKind.REMOVED, {"b": []}), [Line("-", "b: []")]),
        (
            FieldChange("a", FieldKind.REORDERED, [1, 2], [2, 1]),
            [Line(s, f"- {n}") for s, n in ("-1", "-2", "+2", "+1")],
        ),
        (
            FieldChange("a", FieldKind.SET, "", "", lines=("@@ -1 +1,2 @@", "-b", "+\r", " ")),
            [Line("@", "@@ -1 +1,2 @@"), Line("-", "b"), Line("+", ""), Line(" ", "")],
        ),
    ],
)
def test_a_field_s_lines(change: FieldChange, expected: list[Line]) -> None:
    assert field_lines(change) == expected


def test_only_a_value_on_one_line_each_is_a_pair() -> None:
    assert scalars(FieldChange("a", FieldKind.SET, 1, "x")) == ("1", "x")
    assert scalars(FieldChange("a", FieldKind.SET, 1, [1, 2])) is None
    assert scalars(FieldChange("a", FieldKind.ADDED, None, 1)) is None
