"""YAML as Kubernetes reads it: values, and where they are.

`kubernetes_yaml.jsonl` is what `yaml.YAMLToJSON` of sigs.k8s.io/yaml v1.5.0, the version that the pinned kustomize
links, makes of each text.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.manifests.kubernetes_yaml import YamlError, load, parse

TABLE = Path(__file__).with_name("kubernetes_yaml.jsonl")
ROWS = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
READ = [(row["yaml"], row["json"]) for row in ROWS if "json" in row]
REFUSED = [row["yaml"] for row in ROWS if "refused" in row]


def comparable(value: Any) -> Any:
    """JSON has one kind of number; Python does not tell true from 1."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [comparable(item) for item in value]
    return (type(value), value) if isinstance(value, bool) or not isinstance(value, int) else (float, float(value))


@pytest.mark.parametrize(("text", "value"), READ)
def test_values_are_what_kubernetes_reads(text: str, value: Any) -> None:
    documents = [] if value is None else [comparable(value)]
    assert [comparable(read) for read in load(text)] == documents
    assert [comparable(document.value) for document in parse(text)] == documents


@pytest.mark.parametrize(("text", "value"), READ)
def test_each_key_has_a_position(text: str, value: Any) -> None:
    for document in parse(text):
        for key in value if isinstance(value, dict) else ():
            assert document.locate((key,))[1] == 1


@pytest.mark.parametrize("text", REFUSED)
def test_what_kubernetes_refuses_is_refused(text: str) -> None:
    with pytest.raises(YamlError):
        load(text)


@pytest.mark.parametrize(
    "text", ["a: [", "a: b: c", "\tx: y", "a: &x [*y]", "!!python/object:os.system {}", "a: !Ref b", "a: \x07"]
)
def test_what_is_refused_is_said_without_its_content(text: str) -> None:
    with pytest.raises(YamlError) as caught:
        load(f"password: hunter2-canary\n{text}")
    assert "canary" not in str(caught.value)
    assert caught.value.line in (None, 2)


def test_a_repeated_key_is_where_its_value_is() -> None:
    (document,) = parse("a: 1\na: 2\n")
    assert (document.value, document.locate(("a",))) == ({"a": 2}, (2, 1))


def test_items_are_found_by_their_name_or_index() -> None:
    (document,) = parse("list:\n- name: x\n  0x10: y\n- name: z\n")
    assert document.locate(("list", "x", "16")) == (3, 3)
    assert document.locate(("list", 1, "missing")) == (4, 2)
