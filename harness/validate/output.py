"""A validation's findings as text, JSON, SARIF and JUnit."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from harness.inert import one_line, visible_in_json
from harness.sarif import Result, SarifRule, log
from harness.validate.check import Report
from harness.validate.finding import Finding
from harness.validate.groups import group_of
from harness.validate.rules import RULES

_MOST_NAMES: Final = 10
FORMATS: Final = ("text", "json", "sarif", "junit")


def render(report: Report, form: str) -> str:
    return {"text": text, "json": as_json, "sarif": sarif, "junit": junit}[form](report)


def place(finding: Finding, root: Path) -> str:
    """`file:line` of a finding, below the checkout."""
    if finding.file is None:
        return "."
    path = finding.file.relative_to(root) if finding.file.is_relative_to(root) else finding.file
    return path.as_posix() + (f":{finding.line}" if finding.line else "")


def tally(report: Report) -> str:
    """One sentence on what was validated and the result."""
    looked = _some([f"{name} ({count} resources)" for name, count in report.resources.items()], ", ")
    count = len(report.findings)
    total = "No findings" if not count else "1 finding" if count == 1 else f"{count} findings"
    exempted = f", {report.exempted} exempted with a reason" if report.exempted else ""
    part = ", part not judged" if report.is_partial else ""
    sentences = [f"{total}{exempted}{part}: {looked}, {report.seconds:.1f} s."]
    if report.incomplete:
        names = _some(report.incomplete, " and ")
        sentences.append(f"Part of {names} cannot be built, so what depends on it was not judged.")
    if report.not_built:
        sentences.append(f"Not built: {_some([one.removesuffix('.') for one in report.not_built], '; ')}.")
    if report.not_asked:
        names = " and ".join(dict.fromkeys(_group(rule) for rule in report.not_asked))
        sentences.append(
            f"{len(report.not_asked)} rules were not asked ({names}), because [tool.harness.validate] in "
            "pyproject.toml does not name them."
        )
    return " ".join([*sentences, *report.not_judged])


def _some(items: Sequence[str], conjunction: str) -> str:
    more = [f"{len(items) - _MOST_NAMES} more"] if len(items) > _MOST_NAMES + 1 else []
    return conjunction.join([*(items if not more else items[:_MOST_NAMES]), *more])


def _group(rule: str) -> str:
    group = group_of(RULES[rule])
    return group.name if group else rule


def text(report: Report) -> str:
    """A line for each finding, the number of findings for each rule, and the tally."""
    everywhere = set(report.environments)
    lines = []
    for finding in report.findings:
        only = set(finding.environments)
        where = f" [{', '.join(finding.environments)}]" if only and only != everywhere else ""
        lines.append(one_line(f"{place(finding, report.root)}: {finding.rule} {finding.message}{where}"))
    counts: dict[str, int] = {}
    for finding in report.findings:
        counts[finding.rule] = counts.get(finding.rule, 0) + 1
    if counts:
        lines.append("")
        lines += [f"{counts[rule]:5}  {rule}  {RULES[rule].title}" for rule in sorted(counts)]
        lines.append("")
    return "\n".join([*lines, tally(report), ""])


def as_json(report: Report) -> str:
    content = {
        "environments": report.environments,
        "resources": report.resources,
        "exempted": report.exempted,
        "incomplete": report.incomplete,
        "not_built": report.not_built,
        "not_judged": report.not_judged,
        "not_asked": report.not_asked,
        "seconds": round(report.seconds, 3),
        "findings": [
            {
                "rule": finding.rule,
                "title": RULES[finding.rule].title,
                "message": finding.message,
                "environments": list(finding.environments),
                "resource": finding.resource or None,
                "file": place(finding, report.root).partition(":")[0] if finding.file else None,
                "line": finding.line,
            }
            for finding in report.findings
        ],
    }
    return visible_in_json(json.dumps(content, indent=2, ensure_ascii=False)) + "\n"


def sarif(report: Report) -> str:
    rules = {rule.id: SarifRule(rule.id, rule.title, rule.why, {"engine": rule.engine}) for rule in RULES.values()}
    results = [_result(finding, report.root) for finding in report.findings]
    return log("harness validate", rules, results, report.root.as_uri() + "/")


def _result(finding: Finding, root: Path) -> Result:
    known = finding.file is not None and finding.file.is_relative_to(root)
    return Result(
        rule=finding.rule,
        level="error",
        message=finding.message,
        file=finding.file.relative_to(root).as_posix() if finding.file is not None and known else "",
        line=finding.line if known else None,
        properties={"environments": list(finding.environments), "resource": finding.resource},
    )


def junit(report: Report) -> str:
    """JUnit: a suite for each environment, a case for each rule, failed by its findings."""
    suites = ElementTree.Element("testsuites", name="harness validate", time=f"{report.seconds:.3f}")
    total = 0
    for name in report.environments:
        suite = ElementTree.SubElement(suites, "testsuite", name=name, tests=str(len(RULES)))
        failed = 0
        for rule in RULES.values():
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"validate.{name}", name=f"{rule.id} {rule.title}"
            )
            findings = [
                finding
                for finding in report.findings
                if finding.rule == rule.id and (name in finding.environments or not finding.environments)
            ]
            if findings:
                failed += 1
                failure = ElementTree.SubElement(case, "failure", message=f"{len(findings)} findings: {rule.why}")
                failure.text = "\n".join(
                    one_line(f"{place(finding, report.root)}: {finding.message}") for finding in findings
                )
        suite.set("failures", str(failed))
        total += failed
    suites.set("tests", str(len(RULES) * len(report.environments)))
    suites.set("failures", str(total))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"
