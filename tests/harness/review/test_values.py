"""Values: what the loader reads, what is the same, how a place is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from harness.manifests.quantity import quantity
from harness.manifests.values import canonical, same
from harness.review.fieldpath import Inside, Key, path_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


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
