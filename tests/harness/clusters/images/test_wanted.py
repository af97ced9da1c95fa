import textwrap
from pathlib import Path

import pytest

from harness.clusters.images.wanted import collect, wanted
from harness.errors import HarnessError
from harness.manifests.kubernetes_yaml import load
from harness.manifests.resource import Resource


def rendered(text: str) -> list[Resource]:
    return [Resource.of(value) for value in load(textwrap.dedent(text))]


def names(text: str) -> list[str]:
    return [image.name for image in collect(rendered(text))]


def test_containers_of_every_kind_once_with_all_who_name_them() -> None:
    collected = collect(
        rendered(
            """
            kind: Deployment
            metadata: {name: web, namespace: a}
            spec: {template: {spec: {initContainers: [{image: "x/one:1"}], containers: [{image: "x/two:2"}]}}}
            ---
            kind: CronJob
            metadata: {name: nightly, namespace: b}
            spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: "x/one:1"}]}}}}}
            """
        )
    )

    assert [(image.name, image.users) for image in collected] == [
        ("x/one:1", ("a/Deployment/web", "b/CronJob/nightly")),
        ("x/two:2", ("a/Deployment/web",)),
    ]
    assert collected[0].repository == "x/one"


def test_templates_and_settings_in_configmaps_and_variables() -> None:
    assert names(
        """
        kind: ConfigMap
        metadata: {name: templates}
        data:
          SPARK_IMAGE: lakehouse/spark:1
          COLOUR: lakehouse/blue:1
          pod.yaml: |
            kind: Pod
            spec: {containers: [{image: lakehouse/airflow:1}]}
          spark-application.yaml: |
            spec: {image: "lakehouse/spark:1", arguments: ["{{ params.job }}"]}
          notes.txt: "image: not/one:1"
          broken.yaml: "image: [x/y:1"
        ---
        kind: Deployment
        metadata: {name: web}
        spec: {containers: [{env: [{name: HELPER_IMAGE, value: "x/helper:3"}, {name: IMAGES, value: "x/no:1"}]}]}
        """
    ) == ["lakehouse/airflow:1", "lakehouse/spark:1", "x/helper:3"]


def test_definitions_and_words_that_are_no_image_are_left_out() -> None:
    assert (
        names(
            """
            kind: CustomResourceDefinition
            metadata: {name: x}
            spec: {image: "x/schema:1"}
            ---
            kind: Widget
            metadata: {name: y}
            spec: {image: "A picture, drawn"}
            """
        )
        == []
    )


def test_an_environment_with_its_templates(repo: Path) -> None:
    images = {image.name: image.users for image in wanted("minikube", repo)}

    assert any(
        user.startswith("orchestrator/ConfigMap/spark-application") for user in images["lakehouse/spark:0.1.0"]
    )
    assert any(
        user.startswith("orchestrator/ConfigMap/airflow-pod-template") for user in images["lakehouse/airflow:0.1.0"]
    )
    assert any(name.startswith("quay.io/argoproj/argocd:") for name in images)


def test_an_environment_that_is_not_there() -> None:
    with pytest.raises(HarnessError, match=r"^There is no environment 'nope'"):
        wanted("nope")
