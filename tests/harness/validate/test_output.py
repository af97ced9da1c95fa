"""The formats of `harness validate`, and its exit codes."""

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import typer
from typer.testing import CliRunner, Result

from harness.errors import HarnessError
from harness.exits import ExitCode
from harness.validate.command import validate
from harness.validate.rules import RULES

pytestmark = pytest.mark.tools

SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "items": {"type": "object", "required": ["id", "shortDescription"]},
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["ruleId", "message", "locations"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {"type": "object", "required": ["text"]},
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["physicalLocation"],
                                        "properties": {
                                            "physicalLocation": {
                                                "type": "object",
                                                "required": ["artifactLocation", "region"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "type": "object",
                                                        "required": ["uri"],
                                                        "properties": {"uri": {"pattern": "^[^/]"}},
                                                    },
                                                    "region": {
                                                        "type": "object",
                                                        "required": ["startLine"],
                                                        "properties": {"startLine": {"minimum": 1}},
                                                    },
                                                },
                                            }
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""The part of SARIF 2.1.0 (OASIS, sections 3.13 to 3.30) that code-scanning services need."""


def validated(root: Path, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(validate)
    return CliRunner().invoke(app, [*arguments, "--root", str(root)])


@pytest.fixture
def broken(sound: Path) -> Path:
    web = sound / "base/app/web.yaml"
    web.write_text(web.read_text().replace("serviceAccountName: web", "serviceAccountName: absent"))
    return sound


def test_text_has_place_rule_sentence_and_tally(broken: Path) -> None:
    result = validated(broken)
    lines = result.stdout.splitlines()
    assert result.exit_code == ExitCode.ATTENTION
    assert lines[0].startswith("base/app/web.yaml:13: LH304 Deployment app/web uses ServiceAccount app/absent")
    assert lines[-1].startswith("1 finding: north (19 resources), south (19 resources), ")


def test_a_finding_of_one_environment_names_it(sound: Path) -> None:
    (sound / "overlays/south/cluster.yaml").write_text("storageClasses: [gp2]\n")
    result = validated(sound)
    assert result.stdout.splitlines()[0].endswith("south has gp2. [south]")


def test_no_findings_exit_with_0(sound: Path) -> None:
    result = validated(sound, "north")
    assert result.exit_code == 0
    assert result.stdout.startswith("No findings: north (19 resources), ")


def test_json_is_for_programs(broken: Path) -> None:
    result = validated(broken, "--format", "json")
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["rule"] == "LH304"
    assert (finding["file"], finding["line"]) == ("base/app/web.yaml", 13)
    assert finding["environments"] == ["north", "south"]
    assert finding["resource"] == "Deployment app/web"


def test_sarif_has_the_standards_form(broken: Path) -> None:
    result = validated(broken, "--format", "sarif")
    report = json.loads(result.stdout)
    jsonschema.validate(report, SARIF)
    (run,) = report["runs"]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "base/app/web.yaml"
    assert location["region"]["startLine"] == 13
    assert run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]["id"] == "LH304"


def test_junit_has_a_case_for_each_rule(broken: Path) -> None:
    result = validated(broken, "--format", "junit")
    suites = ElementTree.fromstring(result.stdout)  # noqa: S314 - our own output
    assert [suite.get("name") for suite in suites] == ["north", "south"]
    assert suites.get("failures") == "2"
    failed = [case.get("name", "") for case in suites.iter("testcase") if case.find("failure") is not None]
    assert [name[:5] for name in failed] == ["LH304", "LH304"]
    assert len(list(suites.iter("testcase"))) == 2 * len(RULES)


def test_output_goes_to_a_file_whole(broken: Path, tmp_path: Path) -> None:
    file = tmp_path / "reports" / "validate.sarif"
    result = validated(broken, "--format", "sarif", "--output", str(file))
    assert result.exit_code == ExitCode.ATTENTION
    assert json.loads(file.read_text())["version"] == "2.1.0"
    assert [path.name for path in file.parent.iterdir()] == ["validate.sarif"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "There is no environment 'nowhere': choose from north, south."),
        (["nroth"], "There is no environment 'nroth'; did you mean 'north'?"),
    ],
)
def test_what_there_is_not_exits_with_2(sound: Path, arguments: list[str], says: str) -> None:
    result = validated(sound, *arguments)
    assert isinstance(result.exception, HarnessError)
    assert str(result.exception) == says
    assert result.exception.exit_code == 2


def test_a_checkout_without_environments_says_so(tmp_path: Path) -> None:
    (tmp_path / "overlays").mkdir()
    result = validated(tmp_path)
    assert isinstance(result.exception, HarnessError)
    assert "has no environment" in str(result.exception)
