"""Exemptions: findings that are accepted, each with its reason, in files beside the manifests.

`exemptions.yaml`, in any folder below base/, components/ and overlays/; one in overlays/<env>/ is for that
environment:

    - rule: LH523                  # one id, or a list
      kind: Job                    # kind, namespace and name of the resource; patterns as in file names
      namespace: orchestrator
      name: airflow-migrate
      contains: readiness          # optional: only findings whose sentence has this
      reason: A Job has no traffic to be ready for.

For findings without a resource, `file` is a pattern for the path.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from harness.manifests.environments import OVERLAYS
from harness.manifests.kubernetes_yaml import YamlError, parse
from harness.validate.finding import Defect, Finding
from harness.validate.rules import RULES

FILE: Final = "exemptions.yaml"
FOLDERS: Final = ("base", "components", OVERLAYS)
_PATTERNS: Final = ("kind", "namespace", "name", "file")
_FIELDS: Final = frozenset({"rule", "contains", "reason", *_PATTERNS})


@dataclass
class Exemption:
    """One accepted kind of finding.

    Attributes:
        file: Where it is written.
        line: 1-based line.
        rules: Ids.
        patterns: Patterns by field.
        contains: Text that the sentence must have.
        environment: The only environment it is for; empty for all.
        used: Whether it exempted something.
    """

    file: Path
    line: int
    rules: frozenset[str]
    patterns: dict[str, str]
    contains: str = ""
    environment: str = ""
    used: bool = field(default=False, compare=False)

    def covers(self, defect: Defect, environment: str) -> bool:
        """Whether it exempts a defect; remembers that it did."""
        resource = defect.resource
        facts = {"kind": resource.kind, "namespace": resource.namespace, "name": resource.name, "file": ""}
        return self._covers(defect.rule, defect.message, facts, environment)

    def covers_finding(self, finding: Finding, root: Path) -> bool:
        """Whether it exempts a finding that is about no resource."""
        path = finding.file.relative_to(root).as_posix() if finding.file else ""
        return self._covers(finding.rule, finding.message, {"file": path}, "")

    def _covers(self, rule: str, message: str, facts: dict[str, str], environment: str) -> bool:
        covered = (
            rule in self.rules
            and self.environment in ("", environment)
            and all(fnmatchcase(facts.get(name, ""), pattern) for name, pattern in self.patterns.items())
            and self.contains in message
        )
        self.used = self.used or covered
        return covered


def read(root: Path) -> tuple[list[Exemption], list[Finding]]:
    """Every exemption of a checkout, and what is wrong with those that cannot be taken."""
    exemptions: list[Exemption] = []
    findings: list[Finding] = []
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob(FILE)):
            try:
                documents = parse(file.read_text(encoding="utf-8"))
            except (YamlError, UnicodeDecodeError) as error:
                line = error.line if isinstance(error, YamlError) else None
                findings.append(Finding("LH902", f"{FILE} is not valid YAML: {error}.", (), "", file, line))
                continue
            for document in documents:
                items = document.value if isinstance(document.value, list) else [document.value]
                for index, item in enumerate(items):
                    line = document.locate((index,))[0]
                    taken = _exemption(item, file, line, _environment(file, root))
                    if isinstance(taken, Finding):
                        findings.append(taken)
                    else:
                        exemptions.append(taken)
    return exemptions, findings


def _exemption(item: Any, file: Path, line: int, environment: str) -> Exemption | Finding:
    def wrong(what: str) -> Finding:
        return Finding("LH902", f"This exemption {what}.", (), "", file, line)

    if not isinstance(item, dict):
        return wrong("is not a mapping")
    if unknown := sorted(set(map(str, item)) - _FIELDS):
        return wrong(f"has the unknown field '{unknown[0]}'")
    named = item.get("rule")
    rules = frozenset(map(str, named if isinstance(named, list) else [named]))
    if strange := sorted(rules - RULES.keys()):
        return wrong(f"names the rule {strange[0]}, which there is not")
    if not str(item.get("reason") or "").strip():
        return wrong("has no reason")
    patterns = {name: str(item[name]) for name in _PATTERNS if name in item}
    if not {"name", "file"} & patterns.keys():
        return wrong("names neither a resource nor a file")
    return Exemption(file, line, rules, patterns, str(item.get("contains") or ""), environment)


def _environment(file: Path, root: Path) -> str:
    parts = file.relative_to(root).parts
    return parts[1] if parts[0] == OVERLAYS and len(parts) > 2 else ""


def unused(exemptions: list[Exemption], judged: set[str]) -> list[Finding]:
    """The exemptions that exempted nothing; those for environments that were not looked at are left alone."""
    return [
        Finding(
            "LH901",
            f"This exemption of {', '.join(sorted(exemption.rules))} exempts nothing: remove it.",
            (exemption.environment,) if exemption.environment else (),
            "",
            exemption.file,
            exemption.line,
        )
        for exemption in exemptions
        if not exemption.used and (not exemption.environment or exemption.environment in judged)
    ]
