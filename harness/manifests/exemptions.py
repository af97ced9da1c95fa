"""Exemptions: findings that are accepted, each with its reason, in files beside the manifests.

`exemptions.yaml`, in any folder of manifests; one in overlays/<env>/ or clusters/<env>/ is for that environment,
one in components/<name>/ counts where an environment uses the component:

    - rule: LH523                  # one id, or a list
      kind: Job                    # kind, namespace and name of the resource; patterns as in file names
      namespace: orchestrator
      name: airflow-migrate
      contains: readiness          # optional: only findings whose sentence has this
      reason: A Job has no traffic to be ready for.

For findings without a resource, `file` is a pattern for the path.
"""

import posixpath
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.manifests.discover import marked
from harness.manifests.kubernetes_yaml import YamlError, parse

FILE: Final = "exemptions.yaml"
_PATTERNS: Final = ("kind", "namespace", "name", "file")
_FIELDS: Final = frozenset({"rule", "contains", "reason", *_PATTERNS})


@dataclass(kw_only=True)
class Exemption:
    """One accepted kind of finding.

    Attributes:
        file: Where it is written, from the repository's root.
        patterns: Patterns by field.
        contains: Text that the sentence must have.
        environment: The only environment it is for; empty for all.
        used: Whether it exempted something.
    """

    file: str
    line: int
    rules: frozenset[str]
    patterns: dict[str, str]
    contains: str
    reason: str
    environment: str
    used: bool = field(default=False, compare=False)

    def covers(self, rule: str, sentence: str, facts: Mapping[str, str], environments: Container[str] = ()) -> bool:
        """Whether it exempts a finding; remembers that it did."""
        covered = (
            rule in self.rules
            and (not self.environment or self.environment in environments)
            and self.is_about(facts)
            and self.contains in sentence
        )
        self.used = self.used or covered
        return covered

    def is_about(self, facts: Mapping[str, str]) -> bool:
        return all(fnmatchcase(facts.get(name, ""), pattern) for name, pattern in self.patterns.items())


@dataclass(frozen=True)
class Refused:
    """An entry, or a whole file, that holds no exemption, and why."""

    sentence: str
    file: str
    line: int | None


def read(file: str, text: str, rules: Container[str] | None = None) -> Iterator[Exemption | Refused]:
    """The exemptions in a file; without `rules`, an id that no rule has is accepted."""
    try:
        documents = parse(text)
    except YamlError as error:
        yield Refused(f"{FILE} is not valid YAML: {error}.", file, error.line)
        return
    for document in documents:
        items = document.value if isinstance(document.value, list) else [document.value]
        for index, item in enumerate(items):
            line = document.locate((index,))[0]
            wrong = _wrong(item, rules)
            yield (
                Refused(f"This exemption {wrong}.", file, line)
                if wrong
                else Exemption(
                    file=file,
                    line=line,
                    rules=_rules(item),
                    patterns={name: str(item[name]) for name in _PATTERNS if name in item},
                    contains=str(item.get("contains") or ""),
                    reason=str(item["reason"]),
                    environment=_environment(file),
                )
            )


def _wrong(item: Any, rules: Container[str] | None) -> str:
    """What keeps an entry from being an exemption, as the end of a sentence; empty for nothing."""
    if not isinstance(item, dict):
        return "is not a mapping"
    if unknown := sorted(item.keys() - _FIELDS):
        return f"has the unknown field '{unknown[0]}'"
    if rules is not None and (strange := sorted(rule for rule in _rules(item) if rule not in rules)):
        return f"names the rule {strange[0]}, which does not exist"
    if not str(item.get("reason") or "").strip():
        return "has no reason"
    return "" if {"name", "file"} & item.keys() else "names neither a resource nor a file"


def _rules(item: dict[str, Any]) -> frozenset[str]:
    named = item.get("rule")
    return frozenset(map(str, named if isinstance(named, list) else [named]))


def _environment(file: str) -> str:
    return marked(posixpath.dirname(file))
