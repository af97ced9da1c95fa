"""The two texts that Airflow reads, read by Airflow itself: the pod of a task, and the SparkApplication."""

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import jsonschema  # type: ignore[import-untyped]  # it has no types of its own
import pytest
import yaml

pytestmark = [pytest.mark.tools, pytest.mark.airflow]


@pytest.fixture
def spark_definition(overlay: Any) -> dict[str, Any]:
    """The schema of SparkApplication that the environment installs."""
    definition = overlay.one("CustomResourceDefinition", "sparkapplications.sparkoperator.k8s.io")
    [version] = [item for item in definition["spec"]["versions"] if item["name"] == "v1beta2"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def strict(schema: Any) -> Any:
    """The schema, refusing fields that it does not know: the API server would drop them without a word."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(value) for key, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
    if schema.get("type") == "object" and "properties" in schema and "additionalProperties" not in schema:
        schema["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return schema


def test_airflow_submits_a_spark_application_that_the_operator_knows(
    overlay: Any, spark_definition: dict[str, Any], tmp_path: Path
) -> None:
    from airflow import DAG
    from airflow.providers.cncf.kubernetes.operators.custom_object_launcher import CustomObjectLauncher

    from brewery.orchestration.settings import OrchestrationSettings
    from brewery.orchestration.spark import spark_task

    text = overlay.text("spark-application", "spark-application.yaml")
    (tmp_path / "spark-application.yaml").write_text(text, encoding="utf-8")
    settings = {"BREWERY_SPARK_MODE": "kubernetes", "BREWERY_SPARK_TEMPLATE_DIR": str(tmp_path)}
    with DAG("submit", schedule=None):
        operator: Any = spark_task("bronze_to_silver", OrchestrationSettings.from_env(settings))
    launcher = CustomObjectLauncher(
        name="bronze-to-silver-x",
        namespace="processing",
        kube_client=MagicMock(),
        custom_obj_api=MagicMock(),
        template_body=operator.manage_template_specs(),
    )

    body = launcher.body
    jsonschema.validate(body, strict(spark_definition))
    assert body["metadata"] == {"name": "bronze-to-silver-x", "namespace": "processing"}
    assert body["spec"]["arguments"] == ["bronze_to_silver"]
    assert body["spec"]["mainApplicationFile"].startswith("local:///")


def test_spark_pods_are_restricted_without_a_webhook(overlay: Any) -> None:
    text = overlay.text("spark-application", "spark-application.yaml")
    spec = yaml.safe_load(text)["spec"]
    for role, container_name in (("driver", "spark-kubernetes-driver"), ("executor", "spark-kubernetes-executor")):
        pod = spec[role]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        [container] = pod["containers"]
        assert container["name"] == container_name
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"]
        # What needs the operator's webhook to take effect would be lost without a word.
        assert not {"env", "volumeMounts", "securityContext", "podSecurityContext", "affinity"} & set(spec[role])


def test_kubernetes_keeps_the_last_words_of_a_driver(overlay: Any) -> None:
    text = overlay.text("spark-application", "spark-application.yaml")
    driver = yaml.safe_load(text)["spec"]["driver"]
    [container] = driver["template"]["spec"]["containers"]
    # Kubernetes mounts that file, writable for every user, also where the root file system is read-only.
    kept = container.get("terminationMessagePath", "/dev/termination-log")
    assert driver["envVars"]["TERMINATION_LOG"] == kept


def test_airflow_reads_the_pod_of_a_task(overlay: Any, tmp_path: Path) -> None:
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

    file = tmp_path / "pod-template.yaml"
    text = overlay.text("airflow-pod-template", "pod-template.yaml")
    file.write_text(text, encoding="utf-8")
    generator: Any = PodGenerator  # its annotations deny the None that the executor passes for the image
    pod = generator.construct_pod(
        dag_id="d",
        task_id="t",
        pod_id="d-t",
        try_number=1,
        kube_image=None,
        date=None,
        args=["airflow", "tasks", "run"],
        pod_override_object=None,
        base_worker_pod=generator.deserialize_model_file(str(file)),
        namespace="orchestrator",
        scheduler_job_id="1",
    )

    [container] = pod.spec.containers
    assert container.name == "base"
    assert container.args == ["airflow", "tasks", "run"]
    assert container.image == yaml.safe_load(text)["spec"]["containers"][0]["image"]
    assert pod.metadata.labels["app.kubernetes.io/component"] == "worker"
    # Named in a text, so kustomize adds no hash: they must be there under just these names.
    names = {source.config_map_ref.name for source in container.env_from}
    names |= {volume.config_map.name for volume in pod.spec.volumes if volume.config_map}
    for name in names:
        assert overlay.one("ConfigMap", name, "orchestrator")["metadata"]["name"] == name
