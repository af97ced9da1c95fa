"""The EKS overlay on a cluster that is not on AWS: all of it accepted, and healthy apart from what needs AWS.

What is expected comes from the source's architecture: its namespaces, its waves, and its table of environments
(load balancer: AWS ELB; storage class: gp2; registry: DockerHub; DNS: cluster.local).
"""

from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from harness.clusters.deploy.causes import is_ready
from harness.clusters.deploy.wait import ARGOCD, ROOT_APPLICATION, is_available
from harness.clusters.deploy.work import STAND_IN
from harness.clusters.kind.kubectl import Kubectl
from harness.clusters.kind.problems import pod_problems
from harness.paths import ROOT
from tests.live.history import is_remembered, steps, violations
from tests.live.likeness import differences
from tests.live.platform import NAMESPACES

pytestmark = [pytest.mark.eks, pytest.mark.timeout(900)]

Object = dict[str, Any]
Objects = dict[tuple[str, str, str], Object]

WAVES: dict[str, int] = yaml.safe_load((ROOT / "tests" / "source-waves.yaml").read_text(encoding="utf-8"))

OPTIONAL = ("grafana",)
"""Applications that are left out where no image registry answers: their images cannot be built."""

STORES = {"database/postgres-0": "data-postgres-0", "deepstorage/minio-0": "data-minio-0"}
"""What the table of environments gives the storage class to: the pods of PostgreSQL and MinIO, and their claims."""

NEEDS_AWS = {
    "external-secrets.io_SecretStore": "the way to AWS Secrets Manager, through a role of IAM",
    "external-secrets.io_ExternalSecret": "the operator that makes Secrets of it; `harness secrets` made them here",
    "Service": "a load balancer of AWS has an address by its name",
}
"""Whose health the waves do not wait for on this cluster (the keys are Argo CD's), and what is missing here."""

DIFFERS = {
    "Application/* spec.source.repoURL": "followed where the checkout is served",
    "AppProject/* spec.sourceRepos*": "followed where the checkout is served",
    "ConfigMap/argocd-cm data.timeout.reconciliation": "git is looked at every 30 s, not every 3 min",
    "Deployment/* *.containers[[]0].resources.requests.cpu": "one small machine for all",
    "StatefulSet/* *.containers[[]0].resources.requests.cpu": "one small machine for all",
    "Deployment/reflector *.containers[[]0].image": "a stand-in, where no image registry answers",
}
"""All in which the cluster may have something else than the overlay says, and why."""


def test_every_application_is_what_git_says_and_healthy(cluster: Kubectl) -> None:
    applications = cluster.get("applications.argoproj.io", ARGOCD)
    names = {item["metadata"]["name"] for item in applications}
    assert names >= {*WAVES, "cicd", "jupyter", ROOT_APPLICATION} - {*OPTIONAL}
    assert [item["metadata"]["name"] for item in applications if not is_ready(item)] == []


def test_the_waves_came_in_the_sources_order_each_once_the_one_before_was_ready(cluster: Kubectl) -> None:
    if not is_remembered(cluster):
        pytest.skip("the platform came up an hour ago, and Kubernetes no longer knows how: 'harness e2e --eks'")
    came = steps(cluster)
    waves = {step.application: step.wave for step in came}
    expected = {name: wave for name, wave in WAVES.items() if name in waves or name not in OPTIONAL}
    assert {name: waves.get(name) for name in expected} == expected
    assert waves["jupyter"] > max(WAVES.values())
    assert violations(came) == []


def test_every_object_of_the_overlay_is_there(
    cluster: Kubectl, builds: list[Any], written: Objects, deployed: Objects
) -> None:
    missing = written.keys() - deployed.keys()
    if not is_remembered(cluster):
        # Jobs that have done their work go an hour later.
        missing = {item for item in missing if item[0] != "Job"}
    held = [image for node in cluster.get("nodes") for image in node["status"]["images"]]
    if any(name.startswith("docker.io/grafana/grafana:") for image in held for name in image["names"]):
        assert missing == set()
        return
    (grafana,) = [build for build in builds if build.root.name == "monitoring/grafana"]
    without = {(item.kind, item.namespace, item.name) for item in grafana.resources}
    assert missing <= without | {("Application", ARGOCD, "grafana")}
    assert missing >= {("Application", ARGOCD, "grafana"), ("Deployment", "monitoring", "grafana")}


def test_the_cluster_has_each_object_as_it_is_written(deployed: Objects, applied: Objects) -> None:
    differing = [
        f"{key[0]}/{key[2]} {path}" for key, item in deployed.items() for path in differences(applied[key], item)
    ]
    reasons = {place: [pattern for pattern in DIFFERS if fnmatchcase(place, pattern)] for place in differing}
    assert [place for place, patterns in reasons.items() if not patterns] == []
    # What nothing differs in any more has no place in the list; a registry may have answered.
    used = {pattern for patterns in reasons.values() for pattern in patterns}
    assert DIFFERS.keys() - used <= {pattern for pattern in DIFFERS if pattern.endswith(".image")}


def test_the_volumes_are_of_gp2(cluster: Kubectl, deployed: Objects) -> None:
    claims = cluster.get("persistentvolumeclaims")
    assert {(item["spec"]["storageClassName"], item["status"]["phase"]) for item in claims} == {("gp2", "Bound")}
    here = {f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in claims}
    assert {f"{pod.partition('/')[0]}/{claim}" for pod, claim in STORES.items()} <= here
    # Each that the overlay asks for, and none that it does not.
    sets = [item for (kind, _, _), item in deployed.items() if kind == "StatefulSet"]
    templates = sum(item["spec"]["replicas"] * len(item["spec"].get("volumeClaimTemplates") or []) for item in sets)
    assert len(claims) == templates + sum(kind == "PersistentVolumeClaim" for kind, _, _ in deployed)


@pytest.mark.parametrize("pod", STORES)
def test_a_store_keeps_its_data_on_its_volume(cluster: Kubectl, pod: str) -> None:
    namespace, _, name = pod.partition("/")
    (item,) = cluster.get("pods", namespace, f"--field-selector=metadata.name={name}")
    claims = [volume.get("persistentVolumeClaim") for volume in item["spec"]["volumes"]]
    assert [claim["claimName"] for claim in claims if claim] == [STORES[pod]]


def test_everything_that_is_to_run_runs(deployed: Objects) -> None:
    workloads = {key: item for key, item in deployed.items() if key[0] in ("Deployment", "StatefulSet")}
    assert [key for key, item in workloads.items() if not is_available(item)] == []
    # Each namespace in which the architecture has something run.
    assert {namespace for _, namespace, _ in workloads} == {*NAMESPACES} - {"misc"}


def test_the_jobs_have_done_their_work(cluster: Kubectl, deployed: Objects) -> None:
    if not is_remembered(cluster):
        pytest.skip("Jobs go an hour after they have done their work: 'harness e2e --eks' makes new ones")
    jobs = {key: item for key, item in deployed.items() if key[0] == "Job"}
    assert {namespace for _, namespace, _ in jobs} == {"database", "deepstorage", "orchestrator"}
    assert [key for key, item in jobs.items() if not _holds(item, "Complete")] == []


def test_no_pod_is_unwell(cluster: Kubectl) -> None:
    pods = [item for item in cluster.get("pods") if item["metadata"]["namespace"] in NAMESPACES]
    # A Job is judged as a whole: it may have needed a second try.
    lasting = [pod for pod in pods if all(owner["kind"] != "Job" for owner in _owners(pod))]
    assert [trouble for trouble in pod_problems(lasting) if trouble.now] == []


@pytest.mark.parametrize("name", ["airflow-scheduler", "airflow-webserver"])
def test_one_of_two_may_go_while_a_node_is_drained(deployed: Objects, name: str) -> None:
    assert deployed["Deployment", "orchestrator", name]["status"]["availableReplicas"] == 2
    assert deployed["PodDisruptionBudget", "orchestrator", name]["status"]["disruptionsAllowed"] == 1


def test_the_waves_waited_for_all_but_what_needs_aws(written: Objects, deployed: Objects) -> None:
    key, prefix = ("ConfigMap", ARGOCD, "argocd-cm"), "resource.customizations.health."
    made_up = deployed[key]["data"].keys() - written[key]["data"].keys()
    assert {name.removeprefix(prefix) for name in made_up} == NEEDS_AWS.keys()


def test_secrets_of_aws_are_accepted_and_wait_for_their_operator(cluster: Kubectl, deployed: Objects) -> None:
    waiting = {key: item for key, item in deployed.items() if key[0] in ("SecretStore", "ExternalSecret")}
    assert {kind for kind, _, _ in waiting} == {"SecretStore", "ExternalSecret"}
    assert [key for key, item in waiting.items() if "status" in item] == []
    stores = [item for (kind, _, _), item in waiting.items() if kind == "SecretStore"]
    assert {*stores[0]["spec"]["provider"]} == {"aws"}
    there = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in cluster.get("secrets")}
    made = {
        (namespace, item["spec"]["target"]["name"])
        for (kind, namespace, _), item in waiting.items()
        if kind == "ExternalSecret"
    }
    # What the architecture draws: the sources, and their copies for Spark and JupyterLab.
    assert made >= {("deepstorage", "minio-secrets"), ("database", "postgres-secrets")}
    assert made >= {("processing", "minio-secrets"), ("jupyter", "minio-secrets")}
    assert made <= there


def test_a_load_balancer_of_aws_is_asked_for(deployed: Objects) -> None:
    balancers = {
        key: item
        for key, item in deployed.items()
        if key[0] == "Service" and item["spec"]["type"] == "LoadBalancer"
    }
    ((_, namespace, _), service), *others = balancers.items()
    assert (namespace, others) == ("deepstorage", [])
    assert [port["port"] for port in service["spec"]["ports"]] == [9000]
    annotations = service["metadata"]["annotations"]
    assert annotations["service.beta.kubernetes.io/aws-load-balancer-type"] == "nlb"
    # AWS would have given it a name; whatever gave it an address here was not AWS.
    assert all("hostname" not in entry for entry in service["status"]["loadBalancer"].get("ingress", []))


def test_images_are_those_of_the_registry(cluster: Kubectl) -> None:
    images = {
        (pod["metadata"]["namespace"], container["image"])
        for pod in cluster.get("pods")
        if pod["metadata"]["namespace"] in NAMESPACES
        for container in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]
    }
    assert {namespace for namespace, image in images if STAND_IN in image} <= {"management"}
    own = {image for _, image in images if "lakehouse" in image and STAND_IN not in image}
    # Spark's comes with the first job.
    names = {image.rpartition("/lakehouse-")[2].partition(":")[0] for image in own}
    assert names == {"airflow", "minio", "jupyter"}
    assert [image for image in own if not image.startswith("docker.io/")] == []


def test_names_end_in_cluster_local(cluster: Kubectl, deployed: Objects) -> None:
    ask = ["getent", "hosts", "minio.deepstorage.svc.cluster.local"]
    said = cluster.execute("orchestrator", "deployment/airflow-scheduler", ask, doing="resolve MinIO's name")
    assert said.split()[0] == deployed["Service", "deepstorage", "minio"]["spec"]["clusterIP"]


def _owners(pod: Object) -> list[Object]:
    return list(pod["metadata"].get("ownerReferences") or [])


def _holds(item: Object, condition: str) -> bool:
    conditions = (item.get("status") or {}).get("conditions") or []
    return any(entry["type"] == condition and entry["status"] == "True" for entry in conditions)
