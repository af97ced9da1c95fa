"""Prometheus's configuration and alert rules, judged by Prometheus's own promtool."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("no promtool: install Prometheus (Debian's package `prometheus` has it)")
    return program


@pytest.fixture
def monitoring(repo: Path) -> Path:
    return repo / "base" / "monitoring" / "prometheus"


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


def test_alerts_fire_when_they_should_and_only_then(promtool: str, monitoring: Path, tmp_path: Path) -> None:
    test = tmp_path / "rules.test.yaml"
    text = (HERE / "rules.test.yaml").read_text(encoding="utf-8")
    test.write_text(text.replace("RULES/", f"{monitoring / 'rules'}/"), encoding="utf-8")
    run(promtool, "test", "rules", str(test))


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
    tested = (HERE / "rules.test.yaml").read_text(encoding="utf-8")
    for file in sorted((monitoring / "rules").glob("*.yaml")):
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]:
            for rule in group["rules"]:
                if "alert" not in rule:
                    continue
                name = rule["alert"]
                # Families of alerts are tested together: by name, or by the prefix that they share.
                assert name in tested or f"{name[:5]}.*" in tested, f"{name} has no test"
                assert rule["labels"]["severity"] in ("warning", "critical")
                assert rule["annotations"]["summary"]
                assert rule["annotations"]["action"]
