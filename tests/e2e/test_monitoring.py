"""Monitoring live: every target answers, every panel and rule has its data, an alert fires and clears."""

import time
from pathlib import Path
from typing import Final

import pytest
import requests

from harness.clusters.kind.kubectl import Kubectl
from tests.live.platform import Platform
from tests.live.prometheus import Prometheus
from tests.live.proof import ALERT, INGESTION, Proof, Taken
from tests.live.queries import Query, annotations, panels, rules, selectors
from tests.live.wait import until

pytestmark = pytest.mark.e2e

BASE: Final = Path(__file__).parents[2] / "base" / "monitoring"
WINDOW: Final = "3h"
"""How far back data may lie: executors are only there while a job runs."""

TARGETS: Final = (
    ("Airflow and the pipeline", 'up{namespace="orchestrator",app="airflow-statsd"}', 1),
    ("Spark operator", 'up{namespace="processing",app="spark-operator"}', 1),
    ("MinIO", 'up{job="pods",namespace="deepstorage"}', 1),
    ("MinIO's buckets", 'up{job="minio-buckets"}', 1),
    ("PostgreSQL", 'up{namespace="database"}', 1),
    ("Argo CD", 'up{job="pods",namespace="cicd"}', 3),
    ("kube-state-metrics", 'up{namespace="monitoring",app="kube-state-metrics"}', 1),
    ("Alertmanager", 'up{namespace="monitoring",app="alertmanager"}', 1),
    ("Prometheus", 'up{job="prometheus"}', 1),
    ("the node's kubelet", 'up{job="kubelet"}', 1),
    ("containers, from the kubelet", 'up{job="cadvisor"}', 1),
)
"""What docs/reference/metrics.md says is asked: name, series, how many of them there are."""

EMPTY: Final = {
    "dashboard Platform, panel Targets that do not answer (A)": "they all answer",
    "dashboard Platform, panel Restarts (A)": "nothing has restarted",
    "dashboard Spark, panel Failed in 24 hours (A)": "no application has failed",
    "dashboard Object store, panel Errors of the object store (B)": "MinIO had no error of its own",
    "dashboard Storage, panel Volumes (A)": "the volumes here are folders, which kubelet does not measure",
    "dashboard Storage, panel Volumes in 4 days (A)": "as above",
}
"""Panels that may be empty on a healthy platform, and why."""

UNSEEN: Final = {
    "spark_application_failed_submission_count": "appears with the first submission that fails",
    "spark_application_failure_count": "appears with the first application that fails",
    "spark_executor_failure_count": "appears with the first executor that fails",
    "minio_s3_requests_5xx_errors_total": "appears with the first error of MinIO's own",
    "kubelet_volume_stats_available_bytes": "the volumes here are folders, which kubelet does not measure",
    "kubelet_volume_stats_capacity_bytes": "as above",
    "kubelet_volume_stats_inodes": "as above",
    "kubelet_volume_stats_inodes_free": "as above",
}
"""Metrics that a healthy platform does not have yet, and why."""


@pytest.fixture(scope="module")
def prometheus(platform: Platform, days: tuple[Taken, Taken]) -> Prometheus:
    return platform.prometheus


@pytest.fixture(scope="module")
def backup(cluster: Kubectl, prometheus: Prometheus) -> None:
    """The nightly backup, run now: its age is on a dashboard and in an alert."""
    name = f"postgres-backup-{int(time.time())}"
    options = ["--namespace=database", "--from=cronjob/postgres-backup"]
    cluster.run("create", "job", name, *options, doing="run the backup")

    def ended() -> bool | None:
        (job,) = cluster.get("jobs.batch", "database", f"--field-selector=metadata.name={name}")
        conditions = {item["type"]: item for item in job.get("status", {}).get("conditions") or []}
        assert "Failed" not in conditions, conditions["Failed"].get("message")
        return "Complete" in conditions or None

    until(ended, what=f"Job database/{name} ends", seconds=120)
    until(
        lambda: prometheus.query("kube_cronjob_status_last_successful_time") or None,
        what="Prometheus knows of the backup",
        seconds=60,
    )


@pytest.fixture(scope="module")
def failed(prometheus: Prometheus, proof: Proof, backup: None) -> None:
    """A run of the first DAG that the API refused has been followed by one that it answered."""
    if not any(run.state == "failed" for run in proof.platform.airflow.runs(INGESTION)):
        last = proof.taken()[-1].shown
        proof.refuse(last)
        proof.take(last)


def test_an_alert_fires_when_a_dag_fails_and_clears_when_it_succeeds(prometheus: Prometheus, failed: None) -> None:
    alert = f'{{alertname="{ALERT}",alertstate="firing",dag_id="{INGESTION}"}}'
    assert prometheus.value(f"max(max_over_time(ALERTS{alert}[{WINDOW}]))") == 1
    until(
        lambda: prometheus.query(f"ALERTS{alert}") == [] or None,
        what=f"the alert {ALERT} clears after a run that succeeded",
        seconds=60,
    )


def told(platform: Platform, path: str, alert: str, status: str) -> bool:
    """Whether the receiver at a path was told of an alert."""
    address = platform.forwards.address("outside", "alert-receiver", 8000)
    notifications = requests.get(f"http://{address}", timeout=30).json()
    return any(
        item["labels"]["alertname"] == alert and item["status"] == status
        for where, notification in notifications
        if where == path
        for item in notification["alerts"]
    )


@pytest.mark.parametrize(
    ("path", "alert", "status"),
    [
        ("/critical", ALERT, "firing"),
        ("/critical", ALERT, "resolved"),
        ("/watchdog", "Watchdog", "firing"),
    ],
)
def test_an_alert_reaches_its_receiver(
    platform: Platform, failed: None, path: str, alert: str, status: str
) -> None:
    until(
        lambda: told(platform, path, alert, status) or None,
        what=f"{path} hears that {alert} is {status}",
        seconds=120,
    )
    assert not told(platform, "/warning", alert, status)


@pytest.mark.parametrize(("name", "series", "count"), TARGETS, ids=[name for name, _, _ in TARGETS])
def test_a_target_is_asked_and_answers(prometheus: Prometheus, name: str, series: str, count: int) -> None:
    assert prometheus.value(f"count({series} == 1)") == count


def test_nothing_that_is_asked_is_silent(prometheus: Prometheus) -> None:
    # What comes and goes with a job may be about to go.
    lasting = [target for target in prometheus.targets() if not target.job.startswith("spark-")]
    assert {f"{target.url}: {target.error}" for target in lasting if target.health != "up"} == set()


@pytest.mark.parametrize("job", ["spark-driver", "spark-executors"])
def test_spark_was_asked_while_it_ran(prometheus: Prometheus, job: str) -> None:
    highest = prometheus.value(f'max(max_over_time(up{{job="{job}"}}[{WINDOW}]))')
    assert highest == 1


@pytest.mark.parametrize("panel", panels(BASE / "grafana" / "dashboards"), ids=lambda query: query.where)
def test_a_panel_has_data(prometheus: Prometheus, failed: None, panel: Query) -> None:
    if panel.where not in EMPTY:
        past = f"last_over_time(({panel.expression})[{WINDOW}:5s])"
        assert prometheus.query(panel.expression) or prometheus.query(past)


@pytest.mark.parametrize(
    "rule",
    rules(BASE / "prometheus" / "rules") + annotations(BASE / "grafana" / "dashboards"),
    ids=lambda query: query.where,
)
def test_a_rule_reads_series_that_exist(prometheus: Prometheus, failed: None, rule: Query) -> None:
    wanted = selectors(prometheus.tree(rule.expression))
    assert wanted or rule.expression == "vector(1)"
    for selector in wanted:
        if selector.metric in UNSEEN:
            continue
        series = prometheus.query(f"last_over_time({selector.promql}[{WINDOW}])")
        assert series, selector.promql
        # A matcher on a label that no series has would always match everything or nothing.
        assert any(selector.labels <= item["metric"].keys() for item in series), selector


def test_prometheus_evaluates_every_rule(prometheus: Prometheus) -> None:
    loaded = prometheus.rules()
    assert len(loaded) == len(rules(BASE / "prometheus" / "rules"))
    assert {f"{rule['name']}: {rule.get('lastError')}" for rule in loaded if rule["health"] != "ok"} == set()


def test_a_healthy_platform_fires_no_alert(prometheus: Prometheus, failed: None) -> None:
    assert [item["alertname"] for item in prometheus.firing()] == ["Watchdog"]


def test_the_pipelines_own_figures_are_true(prometheus: Prometheus, failed: None, proof: Proof) -> None:
    newest = proof.expected().ledger[-1]
    figures = {
        'lakehouse_records{layer="bronze"}': newest.bronze_records,
        'lakehouse_records{layer="silver"}': newest.total,
        'lakehouse_records{layer="gold"}': newest.total,
        "lakehouse_rejected_records": newest.rejected,
        "lakehouse_duplicate_records": newest.duplicates,
        "lakehouse_failed_expectations": 0,
    }
    assert {name: prometheus.value(f"max({name})") for name in figures} == figures
    age = prometheus.value("lakehouse_gold_freshness_seconds")
    assert age is not None
    assert 0 < age < 3600
