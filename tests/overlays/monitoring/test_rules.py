"""Prometheus's configuration and alert rules, judged by Prometheus's own promtool."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

HERE = Path(__file__).parent
TESTS = sorted(HERE.glob("*.test.yaml"))
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))


@pytest.fixture(scope="module")
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool: install Prometheus (Debian's package `prometheus` has it)")
    return program


@pytest.fixture
def monitoring(repo: Path) -> Path:
    return repo / "base" / "monitoring" / "prometheus"


def alerts(monitoring: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every alert with the name of its file."""
    for file in sorted((monitoring / "rules").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            yield from ((file.stem, rule) for rule in group["rules"] if "alert" in rule)


def headings(page: Path) -> list[str]:
    return re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def where_to_read(alert: str) -> str:
    """The alert's section in the runbooks, as a path with the anchor that a forge gives to the heading."""
    (page,) = (page for page in RUNBOOKS if alert in headings(page))
    return f"{page.relative_to(ROOT).as_posix()}#{alert.lower()}"


def run(*command: str) -> None:
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_configuration_is_valid(promtool: str, monitoring: Path, tmp_path: Path) -> None:
    probe = tmp_path / "probe.yaml"
    probe.write_text("scrape_configs: [{job_name: pods, kubernetes_sd_configs: [{role: pod}]}]\n")
    known = subprocess.run(
        [promtool, "check", "config", "--syntax-only", probe], capture_output=True, text=True, check=False
    )
    if known.returncode:
        pytest.skip(
            "this promtool knows no Kubernetes discovery (Debian's is built so): put Prometheus's own on PATH"
        )
    run(promtool, "check", "config", "--syntax-only", str(monitoring / "prometheus-config.yaml"))


@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_alerts_fire_when_they_should_and_only_then(
    promtool: str, monitoring: Path, tmp_path: Path, file: Path
) -> None:
    text = file.read_text(encoding="utf-8").replace("RULES/", f"{monitoring / 'rules'}/")
    tests = yaml.safe_load(text)
    for group in tests["tests"]:
        group["external_labels"] = {"repository": "https://git.test/team/platform.git"}
        for case in group.get("alert_rule_test", []):
            for alert in case["exp_alerts"]:
                alert["exp_annotations"]["runbook_url"] = (
                    f"https://git.test/team/platform/blob/HEAD/{where_to_read(case['alertname'])}"
                )
    test = tmp_path / "rules.test.yaml"
    test.write_text(yaml.safe_dump(tests), encoding="utf-8")
    run(promtool, "test", "rules", str(test))


def test_every_section_of_the_runbooks_is_that_of_one_alert_and_of_its_group(monitoring: Path) -> None:
    sections = [(page.stem, heading) for page in RUNBOOKS for heading in headings(page)]
    assert sorted(sections) == sorted((file, rule["alert"]) for file, rule in alerts(monitoring))


def test_every_alert_links_to_its_section_which_a_person_can_open(monitoring: Path) -> None:
    for _, rule in alerts(monitoring):
        assert rule["annotations"]["runbook_url"].endswith(f"/blob/HEAD/{where_to_read(rule['alert'])}"), rule[
            "alert"
        ]


@pytest.mark.tools
def test_the_links_lead_to_the_repository_of_the_environment(overlay: Any) -> None:
    data = overlay.one("ConfigMap", "prometheus-config", "monitoring")["data"]
    config = yaml.safe_load(data["prometheus-config.yaml"])
    repository = overlay.one("Application", "platform", "cicd")["spec"]["source"]["repoURL"]
    assert config["global"]["external_labels"] == {"repository": repository}


def test_a_summary_has_the_value_or_what_it_is_about(monitoring: Path) -> None:
    constant = {rule["alert"] for _, rule in alerts(monitoring) if "{{" not in rule["annotations"]["summary"]}
    assert constant == {"AirflowSchedulerDown", "MinioDown", "PostgresDown", "Watchdog"}, (
        "what is absent has no value"
    )


def test_a_snapshot_that_goes_bad_is_reported_before_the_gate_refuses_it(monitoring: Path) -> None:
    from brewery.contract.limits import Limits

    (group,) = yaml.safe_load((monitoring / "rules" / "pipeline.yaml").read_text(encoding="utf-8"))["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    # A snapshot that is refused leaves no figures, so an alert at the gate's own limit would never fire.
    rejected = rules["ManyRecordsRejected"]
    assert float(rejected["expr"].removeprefix("lakehouse_rejected_ratio > ")) < Limits().rejected_share
    assert f"above {Limits().rejected_share * 100:g} % the gate" in rejected["annotations"]["summary"]
    kept = rules["RecordsDropped"]["expr"].partition(" < ")[2].partition(" * ")[0]
    assert 1 - float(kept) < Limits().drop


def test_every_alert_has_a_test_and_says_what_to_do(monitoring: Path) -> None:
    tested = "".join(file.read_text(encoding="utf-8") for file in TESTS)
    for _, rule in alerts(monitoring):
        name = rule["alert"]
        # Families of alerts are tested together: by name, or by the prefix that they share.
        assert name in tested or f"{name[:5]}.*" in tested, f"{name} has no test"
        assert rule["labels"]["severity"] in (("none",) if name == "Watchdog" else ("warning", "critical"))
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]
