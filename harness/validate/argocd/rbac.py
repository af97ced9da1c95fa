"""Argo CD's policies of access: lines that it refuses, and lines that grant nothing.

A policy is a line of CSV: `p, subject, resource, action, object, effect`, or `g, subject, role`. What resources and
actions there are is a test's to compare with Argo CD's sources.
"""

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from harness.errors import closest

_CRUD: Final = frozenset({"create", "delete", "get", "update"})
ACTIONS: Final[Mapping[str, frozenset[str]]] = {
    "accounts": frozenset({"create", "get", "update"}),
    "applications": _CRUD | {"action", "override", "rollback", "sync"},
    "applicationsets": _CRUD,
    "certificates": _CRUD,
    "clusters": _CRUD,
    "exec": frozenset({"create"}),
    "extensions": frozenset({"invoke"}),
    "gpgkeys": frozenset({"create", "delete", "get"}),
    "logs": frozenset({"get"}),
    "projects": _CRUD,
    "repositories": _CRUD,
    "write-repositories": _CRUD,
}
"""What may be done to each resource."""
ROLES: Final = ("role:admin", "role:readonly")
"""Those that Argo CD brings."""
OF_PROJECTS: Final = frozenset({"applications", "applicationsets", "clusters", "exec", "logs", "repositories"})
"""What the policies of an AppProject's roles may be about."""
_PROJECT_AND_NAME: Final = frozenset({"applications", "applicationsets", "exec", "logs"})
"""What a policy names as project/name."""
_PATTERN: Final = re.compile(r"[*?\[{(|.+^$]")
_WITH_PATH: Final = frozenset({"action", "delete", "update"})
"""Actions that may name more behind a slash, such as `action/batch/Job/start`."""


def of_settings(policies: Mapping[str, str], default: str) -> Iterator[tuple[str, int | None, str]]:
    """What is wrong with the policies of `argocd-rbac-cm`: (key, line, the middle of a sentence).

    Args:
        policies: The texts by key, of which Argo CD makes one policy.
        default: The role of whoever has no other.
    """
    given: list[tuple[str, int, str]] = []
    granting = {*ROLES}
    for key, text in policies.items():
        for number, line in enumerate(text.splitlines(), 1):
            fields = fields_of(line)
            for said in _spaces(fields):
                yield key, number, said
            for said in problems(fields):
                yield key, number, said
            if fields[:1] == ["p"] and len(fields) > 1:
                granting.add(fields[1])
            elif fields[:1] == ["g"] and len(fields) == 3:
                # A role may have what another one has.
                granting.add(fields[1])
                given.append((key, number, fields[2]))
    for key, number, role in given:
        if role not in granting and not role.startswith("proj:"):
            yield key, number, f"a group of {role}, which no policy grants anything{_instead(role, granting)}"
    if default and default not in granting:
        yield "policy.default", None, f"{default}, which no policy grants anything{_instead(default, granting)}"


def of_project(project: str, role: str, line: str) -> Iterator[str]:
    """What is wrong with a policy of an AppProject's role, which is for the project's own Applications."""
    fields = [field.strip() for field in line.split(",")]
    subject = f"proj:{project}:{role}"
    wrong = list(problems(fields))
    yield from wrong
    if wrong:
        return
    if fields[0] != "p":
        yield f"{line.strip()}, which is no rule: a project names its groups in 'groups'"
    elif fields[1] != subject:
        yield f"a rule for {fields[1]} instead of {subject}"
    elif fields[2] not in OF_PROJECTS:
        yield f"a rule for {fields[2]}, where it may be for {', '.join(sorted(OF_PROJECTS))}"
    elif not re.fullmatch(rf"{re.escape(project)}(?:/[*\w.-]+)?/[*\w.-]+", fields[4]):
        yield f"a rule for {fields[4]}, which is not of the project: {project}/..."


def fields_of(line: str) -> list[str]:
    """The fields of a line, as Argo CD reads it; none of one that is empty or a comment.

    >>> fields_of('p, "role:a, b", logs, get, */*, allow  '), fields_of("# nobody")
    (['p', 'role:a, b', 'logs', 'get', '*/*', 'allow'], [])
    """
    line = line.strip()
    return [] if not line or line.startswith("#") else next(csv.reader([line], skipinitialspace=True), [])


def problems(fields: list[str]) -> Iterator[str]:
    """What is wrong with a line, as the middle of a sentence."""
    fields = [field.strip() for field in fields]
    if not fields:
        return
    if fields[0] == "p" and len(fields) != 6:
        yield f"a rule of {len(fields)} fields instead of p, subject, resource, action, object, effect"
    elif fields[0] == "g" and len(fields) != 3:
        yield f"a group of {len(fields)} fields instead of g, subject, role"
    elif fields[0] not in ("p", "g"):
        yield "a line that starts with neither p nor g"
    elif fields[0] == "p":
        _, _, what, verb, named, effect = fields
        yield from _permission(what, verb)
        if what in _PROJECT_AND_NAME and "/" not in named and "*" not in named:
            yield f"the object {named}, which is no project/name"
        if effect not in ("allow", "deny"):
            comment = ": a comment needs a line of its own" if "#" in effect else ""
            yield f"the effect {effect} instead of allow or deny{comment}"


def _permission(what: str, verb: str) -> Iterator[str]:
    if what not in ACTIONS and not _PATTERN.search(what):
        yield f"a rule for {what}, which Argo CD does not know{_instead(what, ACTIONS)}"
        return
    every = frozenset[str]().union(*ACTIONS.values())
    name, slash, _ = verb.partition("/")
    if _PATTERN.search(name):
        return
    if name not in every:
        yield f"the action {verb}, which Argo CD does not know{_instead(name, every)}"
    elif name not in (may := ACTIONS.get(what, every)):
        yield f"the action {verb} on {what}, which knows only {', '.join(sorted(may))}"
    elif slash and ((what in ACTIONS and what != "applications") or name not in _WITH_PATH):
        yield f"the action {verb}, which takes nothing behind a slash"


def _spaces(fields: list[str]) -> Iterator[str]:
    """Spaces that are a part of a field: Argo CD drops those before it only."""
    for field in fields:
        if field != field.rstrip():
            yield f"a space behind {field.rstrip()}, which Argo CD takes for a part of it"


def _instead(name: str, known: Collection[str]) -> str:
    close = closest(name, sorted(known))
    return f": use {close}" if close else f": it knows {', '.join(sorted(known))}"
