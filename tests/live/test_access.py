from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from tests.live.access import Right, documented, granted, read


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("create pods in processing", Right("create", "pods", "", "processing")),
        ("get pods/log in orchestrator", Right("get", "pods/log", "", "orchestrator")),
        (
            "delete sparkapplications.sparkoperator.k8s.io in processing",
            Right("delete", "sparkapplications", "sparkoperator.k8s.io", "processing"),
        ),
        ("list secrets everywhere", Right("list", "secrets", "", "")),
        ("* *.* everywhere", Right("*", "*", "*", "")),
    ],
)
def test_a_right_is_read_and_written_alike(text: str, right: Right) -> None:
    assert (Right.parse(text), str(right)) == (right, text)


@pytest.mark.parametrize("text", ["create pods", "pods in processing", ""])
def test_what_is_no_right_is_refused(text: str) -> None:
    with pytest.raises(HarnessError, match="is no right"):
        Right.parse(text)


def test_accounts_are_read_with_all_their_rights(tmp_path: Path) -> None:
    file = tmp_path / "access.yaml"
    file.write_text(
        """
a/worker:
  may:
    a: {pods: [get, list]}
    everywhere: {nodes: [list]}
  may_not: [get secrets in a]
a/other: {and_more: true}
""",
        encoding="utf-8",
    )
    accounts = read(file)
    assert set(map(str, accounts["a/worker"].may)) == {"get pods in a", "list pods in a", "list nodes everywhere"}
    assert [str(right) for right in accounts["a/worker"].may_not] == ["get secrets in a"]
    assert (accounts["a/worker"].complete, accounts["a/other"].complete) == (True, False)


def test_each_stands_for_the_namespaces_without_an_entry(tmp_path: Path) -> None:
    file = tmp_path / "access.yaml"
    file.write_text("a/worker: {may: {each: {pods: [get]}, b: {pods: [list]}, c: {}}}", encoding="utf-8")
    rights = read(file, ["a", "b", "c"])["a/worker"].may
    assert set(map(str, rights)) == {"get pods in a", "list pods in b"}


def test_documented_accounts_come_from_the_first_column_of_the_right_table() -> None:
    text = """# Title
| account | may |
| --- | --- |
| `not/this` | x |
## Access
| account | may |
| --- | --- |
| `a/b` (drivers), `a/c` | read `x/y` |
| `d/e-f` | nothing |
## Pods
| `not/that` | x |
"""
    assert documented(text) == ["a/b", "a/c", "d/e-f"]


def test_granted_rights_leave_out_what_everybody_has() -> None:
    rules: list[dict[str, Any]] = [
        {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews"]},
        {"verbs": ["get", "list"], "apiGroups": ["", "apps"], "resources": ["pods"]},
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        {"verbs": ["get"], "apiGroups": None, "resources": None},
    ]
    assert set(map(str, granted(rules, "n"))) == {
        "get pods in n",
        "list pods in n",
        "get pods.apps in n",
        "list pods.apps in n",
        "* *.* in n",
    }


def test_the_suite_expects_something_of_every_documented_account(repo: Path) -> None:
    accounts = read(repo / "tests" / "e2e" / "access.yaml")
    assert sorted(accounts) == sorted(documented((repo / "docs" / "architecture.md").read_text(encoding="utf-8")))
    assert all(account.may_not for account in accounts.values())
