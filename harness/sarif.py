"""SARIF 2.1.0 (OASIS), as code-scanning services read it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from harness.inert import one_line, visible_in_json

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True)
class SarifRule:
    """What a result breaks, and why that matters."""

    id: str
    title: str
    why: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A violation of the rule whose id is `rule`.

    Attributes:
        level: `error`, `warning` or `note`.
        file: Path from the repository's root, with slashes; empty when not known.
        fingerprint: What makes it the same result in another run, although lines move; empty for none.
    """

    rule: str
    level: str
    message: str
    file: str = ""
    line: int | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""


def log(tool: str, rules: Mapping[str, SarifRule], results: Sequence[Result], root: str | None = None) -> str:
    """A SARIF log with one run; of the rules, those that the results name.

    `root` is the URI of the repository's root, with a slash at the end; None leaves it to the reader.
    """
    used = sorted({result.rule for result in results})
    run: dict[str, Any] = {
        "tool": {"driver": {"name": tool, "rules": [_rule(rules[name]) for name in used]}},
        "results": [_result(result, used) for result in results],
    }
    if root is not None:
        run["originalUriBaseIds"] = {"ROOT": {"uri": root}}
    content = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return visible_in_json(text)


def _rule(rule: SarifRule) -> dict[str, Any]:
    content: dict[str, Any] = {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
    }
    if rule.properties:
        content["properties"] = dict(rule.properties)
    return content


def _result(result: Result, rules: Sequence[str]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "ruleId": result.rule,
        "ruleIndex": rules.index(result.rule),
        "level": result.level,
        # A message in plain text may have links.
        "message": {"text": one_line(result.message).replace("](", "] (")},
        "properties": dict(result.properties),
    }
    if result.file:
        location: dict[str, Any] = {"artifactLocation": {"uri": result.file, "uriBaseId": "ROOT"}}
        if result.line:
            location["region"] = {"startLine": result.line}
        content["locations"] = [{"physicalLocation": location}]
    if result.fingerprint:
        digest = hashlib.sha256(result.fingerprint.encode("utf-8", "backslashreplace")).hexdigest()
        content["partialFingerprints"] = {"harness/v1": digest}
    return content
