"""Argo CD's policies and settings: what there is, is what its sources say, and what is not there is found."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from harness.machine.gobuild import sources_of
from harness.paths import ROOT
from harness.validate.argocd import rbac
from harness.validate.argocd.ignored import FAMILIES, SETTINGS_FILE

ARGO_CD: Final = "github.com/argoproj/argo-cd/v3"


@pytest.fixture(scope="module")
def sources() -> Path:
    return sources_of(ARGO_CD, ROOT / "images/without-registry/argocd")


def test_the_actions_are_those_of_the_sources(sources: Path) -> None:
    names = dict(re.findall(r'^\t(\w+) += "([\w-]+)"$', (sources / "util/rbac/rbac.go").read_text(), re.MULTILINE))
    code = (sources / "cmd/argocd/commands/admin/settings_rbac.go").read_text()
    groups = {
        group: {names[name] for name in re.findall(r"rbac\.(\w+):", body)}
        for group, body in re.findall(r"var (\w+Actions) = actionTraitMap\{(.*?)\n\}", code, re.DOTALL)
    }
    known = {names[what]: {*groups[group]} for what, group in re.findall(r"rbac\.(\w+): +(\w+Actions),", code)}
    # The command that checks policies knows less than those that Argo CD brings.
    for line in (sources / "assets/builtin-policy.csv").read_text().splitlines():
        if fields := rbac.fields_of(line):
            if fields[0] == "p":
                known[fields[2]].add(fields[3].partition("/")[0])
                assert fields[1] in rbac.ROLES
            assert list(rbac.problems(fields)) == []
    assert {what: frozenset(actions) for what, actions in known.items()} == rbac.ACTIONS
    scoped = re.search(
        r"var ProjectScoped = .*?\{(.*?)\n\}", (sources / "util/rbac/rbac.go").read_text(), re.DOTALL
    )
    assert scoped
    assert {names[name] for name in re.findall(r"(\w+):", scoped[1])} == rbac.OF_PROJECTS


def test_the_settings_are_those_of_the_sources(sources: Path, kept: Callable[[Path, str], None]) -> None:
    declared = re.findall(
        r'^\t\w+(?:Key|Prefix) += "([\w.]+)"$', (sources / "util/settings/settings.go").read_text(), re.MULTILINE
    )
    documents = [
        (sources / f"docs/operator-manual/{name}.yaml").read_text().partition("\ndata:")[2]
        for name in ("argocd-cm", "argocd-rbac-cm")
    ]
    shown = re.findall(r"^  ([a-z][\w.-]*):", "".join(documents), re.MULTILINE)
    manifests = "".join(path.read_text() for path in sources.glob("manifests/base/**/*.yaml"))
    read = re.findall(r"name: argocd-cm\n +key: ([\w.-]+)|key: ([\w.-]+)\n +name: argocd-cm\n", manifests)
    keys = {*declared, *shown, *("".join(found) for found in read)}
    current = "\n".join(sorted(key for key in keys if not key.startswith(FAMILIES))) + "\n"
    kept(SETTINGS_FILE, current)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p, role:ops, logs, sync, */*, allow", "the action sync on logs, which knows only get"),
        ("p, role:ops, exec, get, web/*, allow", "the action get on exec, which knows only create"),
        (
            "p, role:ops, projects, sync, web, allow",
            "the action sync on projects, which knows only create, delete,",
        ),
        ("p, role:ops, applications, sync/apps, */*, allow", "the action sync/apps, which takes nothing behind"),
        (
            "p, role:ops, applications, sync, */*, allow # all",
            "allow # all instead of allow or deny: a comment needs",
        ),
        ("p, role:ops , applications, sync, */*, allow", "a space behind role:ops, which Argo CD takes for a part"),
        (
            "p, role:ops, aplications, get, */*, allow",
            "a rule for aplications, which Argo CD does not know: use app",
        ),
        ("role:ops, applications, get, */*, allow", "a line that starts with neither p nor g"),
        ("g, ops, role:amdin", "a group of role:amdin, which no policy grants anything: use role:admin"),
        ("g, ops, role:nobody-at-all", "a group of role:nobody-at-all, which no policy grants anything: it knows"),
    ],
)
def test_a_policy_that_grants_nothing(line: str, said: str) -> None:
    ((key, number, found),) = rbac.of_settings({"policy.csv": f"# operators\n{line}\n"}, "")
    assert (key, number) == ("policy.csv", 2)
    assert said in found


@pytest.mark.parametrize(
    "text",
    [
        "p, role:ops, applications, action/batch/Job/*, */*, allow\ng, ops, role:ops",
        'p, "cn=ops, dc=example", applications, update/*, web/*, deny',
        "p, ops, *, *, *, allow",
        "p, role:ops, applications, rollback, */*, allow\np, role:ops, extensions, invoke, metrics, allow",
        "p, role:ops, accounts, get, *, allow\np, role:ops, logs, get, web/a, allow",
        "g, role:ops, role:readonly\ng, ops, role:ops",
        "g, ops, proj:web:ci",
        "p, role:ops, (applications|logs), (get|sync), .*, allow",
    ],
)
def test_a_policy_that_grants_something(text: str) -> None:
    assert list(rbac.of_settings({"policy.csv": text}, "")) == []


@pytest.mark.parametrize(
    ("default", "said"), [("role:readonly", ""), ("role:ops", ""), ("", ""), ("role:readonyl", "use role:readonly")]
)
def test_the_role_of_whoever_has_no_other(default: str, said: str) -> None:
    policies = {"policy.csv": "g, ops, role:admin", "policy.more.csv": "p, role:ops, logs, get, */*, allow"}
    found = list(rbac.of_settings(policies, default))
    assert [said in text and key == "policy.default" for key, _, text in found] == ([True] if said else [])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("p, proj:web:ci, applications, sync, web/*, allow", ""),
        ("p, proj:web:ci, applications, get, web/team/*, allow", ""),
        ("p, proj:web:ci, repositories, get, web/*, allow", ""),
        ("p, proj:web:ci, projects, get, web/*, allow", "a rule for projects, where it may be for applications"),
        ("p, proj:web:ci, applications, get, webs/*, allow", "a rule for webs/*, which is not of the project"),
        ("p, proj:web:ci, applications, get, web/a/b/c, allow", "which is not of the project"),
        ("g, ops, proj:web:ci", "which is no rule"),
    ],
)
def test_a_policy_of_a_project(line: str, said: str) -> None:
    found = list(rbac.of_project("web", "ci", line))
    assert [said in text for text in found] == ([True] if said else [])
