"""The architecture's tables, row by row: each row is there in what the overlays render."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from harness.paths import ROOT

pytestmark = pytest.mark.tools

NAMESPACES = (
    ("orchestrator", "Deployment", "airflow-scheduler"),
    ("processing", "Deployment", "spark-operator"),
    ("database", "StatefulSet", "postgres"),
    ("deepstorage", "StatefulSet", "minio"),
    ("cicd", "StatefulSet", "argocd-application-controller"),
    ("management", "Deployment", "reflector"),
    ("monitoring", "StatefulSet", "prometheus"),
    ("monitoring", "Deployment", "grafana"),
    ("jupyter", "Deployment", "jupyterlab"),
    ("misc", "ResourceQuota", "quota"),
)
WAVES: dict[str, int] = yaml.safe_load((ROOT / "tests" / "source-waves.yaml").read_text(encoding="utf-8"))


def template(overlay: Any) -> dict[str, Any]:
    application: dict[str, Any] = yaml.safe_load(overlay.text("spark-application", "spark-application.yaml"))
    return application


def environment(overlay: Any) -> dict[str, str]:
    data: dict[str, str] = overlay.one("ConfigMap", "airflow-environment", "orchestrator")["data"]
    return data


@pytest.mark.parametrize(("namespace", "kind", "name"), NAMESPACES)
def test_a_namespace_holds_its_component(overlay: Any, namespace: str, kind: str, name: str) -> None:
    overlay.one("Namespace", namespace)
    overlay.one(kind, name, namespace)


def test_the_executor_starts_a_pod_for_each_task_in_the_orchestrator(overlay: Any) -> None:
    assert environment(overlay)["AIRFLOW__CORE__EXECUTOR"] == "KubernetesExecutor"
    assert environment(overlay)["AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE"] == "orchestrator"
    pod = yaml.safe_load(overlay.text("airflow-pod-template", "pod-template.yaml"))
    assert pod["metadata"]["namespace"] == "orchestrator"
    assert pod["spec"]["serviceAccountName"] == "airflow-worker"


def test_spark_runs_in_processing_with_delta(overlay: Any) -> None:
    application = template(overlay)
    assert application["metadata"]["namespace"] == "processing"
    assert application["spec"]["mode"] == "cluster"
    conf = application["spec"]["sparkConf"]
    assert conf["spark.sql.extensions"] == "io.delta.sql.DeltaSparkSessionExtension"
    assert conf["spark.sql.catalog.spark_catalog"] == "org.apache.spark.sql.delta.catalog.DeltaCatalog"


def test_executors_scale_with_the_workload(overlay: Any) -> None:
    allocation = template(overlay)["spec"]["dynamicAllocation"]
    assert allocation["enabled"]
    assert 1 <= allocation["minExecutors"] < allocation["maxExecutors"]


def test_everybody_reaches_minio_at_the_internal_endpoint(overlay: Any) -> None:
    endpoint = "http://minio.deepstorage.svc.cluster.local:9000"
    assert template(overlay)["spec"]["sparkConf"]["spark.hadoop.fs.s3a.endpoint"] == endpoint
    service = overlay.one("Service", "minio", "deepstorage")
    assert 9000 in [port["port"] for port in service["spec"]["ports"]]
    assert environment(overlay)["AWS_ENDPOINT_URL_S3"] == endpoint
    [container] = overlay.one("Deployment", "jupyterlab", "jupyter")["spec"]["template"]["spec"]["containers"]
    assert {"name": "AWS_ENDPOINT_URL", "value": endpoint} in container["env"]


def test_minio_has_a_load_balancer_on_9000_and_nothing_else_has_one(overlay: Any) -> None:
    balancers = [service for service in overlay.all("Service") if service["spec"].get("type") == "LoadBalancer"]
    assert [service["metadata"]["name"] for service in balancers] == ["minio-external"]
    assert [port["port"] for port in balancers[0]["spec"]["ports"]] == [9000]


def test_there_are_two_buckets_and_task_logs_go_to_airflow(overlay: Any) -> None:
    script = overlay.one("ConfigMap", "minio-bootstrap", "deepstorage")["data"]["bootstrap.sh"]
    assert "for bucket in airflow lakehouse; do" in script
    assert environment(overlay)["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"].startswith("s3://airflow/")
    assert environment(overlay)["LAKEHOUSE_URI"] == "s3://lakehouse"


@pytest.mark.parametrize("application", WAVES)
def test_an_application_has_its_wave(overlay: Any, application: str) -> None:
    annotations = overlay.one("Application", application, "cicd")["metadata"]["annotations"]
    assert int(annotations["argocd.argoproj.io/sync-wave"]) == WAVES[application]


def test_jupyter_comes_last(overlay: Any) -> None:
    waves = {
        item["metadata"]["name"]: int(item["metadata"].get("annotations", {})["argocd.argoproj.io/sync-wave"])
        for item in overlay.all("Application")
        if item["metadata"]["name"] != "platform"
    }
    assert max(waves, key=lambda name: waves[name]) == "jupyter"
    assert list(waves.values()).count(waves["jupyter"]) == 1


def test_argo_cd_asks_git_every_three_minutes_and_heals(overlay: Any) -> None:
    assert overlay.one("ConfigMap", "argocd-cm", "cicd")["data"]["timeout.reconciliation"] == "180s"
    for application in overlay.all("Application"):
        assert application["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
        assert "ServerSideApply=true" in application["spec"]["syncPolicy"]["syncOptions"]


def test_airflow_is_scraped_on_9091(overlay: Any) -> None:
    metadata = overlay.one("Deployment", "airflow-statsd", "orchestrator")["spec"]["template"]["metadata"]
    assert metadata["annotations"]["prometheus.io/port"] == "9091"


@pytest.mark.parametrize(
    ("environment_name", "storage_class", "image"),
    [("minikube", "standard", "lakehouse/airflow:"), ("eks", "gp2", "docker.io/")],
)
def test_environments_differ_as_the_table_says(
    overlay_of: Callable[[str], Any], environment_name: str, storage_class: str, image: str
) -> None:
    overlay = overlay_of(environment_name)
    claims = [
        claim["spec"]
        for item in overlay.all("StatefulSet")
        for claim in item["spec"].get("volumeClaimTemplates", [])
    ] + [claim["spec"] for claim in overlay.all("PersistentVolumeClaim")]
    assert {claim["storageClassName"] for claim in claims} == {storage_class}
    scheduler = overlay.one("Deployment", "airflow-scheduler", "orchestrator")
    assert scheduler["spec"]["template"]["spec"]["containers"][0]["image"].startswith(image)
    paths = {item["spec"]["source"]["path"].split("/")[1] for item in overlay.all("Application")}
    assert paths == {environment_name}
    balancer = overlay.one("Service", "minio-external", "deepstorage")["metadata"].get("annotations", {})
    assert any("aws-load-balancer" in key for key in balancer) == (environment_name == "eks")


def test_the_texts_that_airflow_reads_have_the_environments_images(overlay: Any) -> None:
    airflow = overlay.one("Deployment", "airflow-scheduler", "orchestrator")["spec"]["template"]["spec"]
    pod = yaml.safe_load(overlay.text("airflow-pod-template", "pod-template.yaml"))
    assert pod["spec"]["containers"][0]["image"] == airflow["containers"][0]["image"]
    spark = template(overlay)["spec"]["image"]
    assert spark == overlay.one("ConfigMap", "spark-settings", "orchestrator")["data"]["SPARK_IMAGE"]
    assert ":" in spark.rpartition("/")[2]
