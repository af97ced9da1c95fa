"""Values: what the loader reads, what is the same, how a place is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from harness.review.values import Inside, Key, NotYamlError, canonical, load, path_text, quantity, same

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 12:30", {"a": "12:30"}),
        ("a: 2026-01-02", {"a": "2026-01-02"}),
        ("a: 1.10", {"a": 1.1}),
        ('a: "1.10"', {"a": "1.10"}),
        ("1: {true: x}", {"1": {"true": "x"}}),
        ("a: =", {"a": "="}),
        ("a: 0x10\nb: 1_000", {"a": 16, "b": 1000}),
        ("a: 1e3", {"a": "1e3"}),
        ("a: .inf", {"a": float("inf")}),
        ("a: y\nb: No\nc: 'n'\nd: yea", {"a": True, "b": False, "c": "n", "d": "yea"}),
    ],
)
def test_numbers_and_keys_are_read_as_kubernetes_does(text: str, value: Any) -> None:
    assert load(text) == [value]


@pytest.mark.parametrize(
    "text", ["a: [", "a: b: c", "\tx: y", "a: &x [*y]", "!!python/object:os.system {}", "a: \x07"]
)
def test_what_is_not_yaml_is_said_without_its_content(text: str) -> None:
    with pytest.raises(NotYamlError) as caught:
        load(f"password: hunter2-canary\n{text}")
    assert "canary" not in str(caught.value)


@given(JSON, JSON)
def test_same_is_the_same_json(left: Any, right: Any) -> None:
    assert same(left, right) == (canonical(left) == canonical(right))


@pytest.mark.parametrize(
    ("left", "right"), [(1, True), (0, False), (1, 1.0), ("1", 1), (None, ""), ([], {}), ([1], [True])]
)
def test_what_python_takes_as_equal_and_json_does_not_is_not_the_same(left: Any, right: Any) -> None:
    assert not same(left, right)
    assert not same({"a": [left]}, {"a": [right]})


@given(
    st.from_regex(r"[+-]?[0-9]{1,6}(\.[0-9]{1,3})?", fullmatch=True),
    st.sampled_from(["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]),
)
def test_quantities_are_what_the_kubernetes_client_takes_them_for(number: str, suffix: str) -> None:
    assert quantity(number + suffix) == parse_quantity(number + suffix)


@pytest.mark.parametrize("text", ["", "x", "1 Gi", "Gi", "1e", "1ki", "1Xi", "0x1", True, None, [1], "1e999999999"])
def test_what_is_no_quantity_is_none(text: Any) -> None:
    assert quantity(text) is None


def test_paths_name_keys_with_dots_in_quotes() -> None:
    assert path_text(("metadata", "annotations", "example.com/a", "b")) == 'metadata.annotations["example.com/a"].b'
    assert path_text(("data", "a.yaml", Inside(1), Key("name=x"), 2)) == 'data["a.yaml"]:[1][name=x][2]'
