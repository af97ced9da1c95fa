from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.tools


def rules_of(overlay: Any, account: str, namespace: str) -> list[tuple[str, dict[str, Any]]]:
    """(namespace or "*", rule) of every Role and ClusterRole that is bound to an account."""
    granted = []
    for binding in [*overlay.all("RoleBinding"), *overlay.all("ClusterRoleBinding")]:
        subjects = binding.get("subjects", [])
        if not any(
            item["name"] == account
            and item.get("namespace", binding["metadata"].get("namespace")) == namespace
            and item["kind"] == "ServiceAccount"
            for item in subjects
        ):
            continue
        where = binding["metadata"].get("namespace", "*")
        reference = binding["roleRef"]
        role = overlay.one(reference["kind"], reference["name"], where if reference["kind"] == "Role" else None)
        granted += [(where, rule) for rule in role["rules"]]
    return granted


def may(overlay: Any, account: str, verb: str, resource: str, where: str) -> bool:
    namespace, _, name = account.partition("/")
    return any(
        scope in (where, "*") and verb in rule["verbs"] and resource in rule.get("resources", [])
        for scope, rule in rules_of(overlay, name, namespace)
    )


@pytest.mark.parametrize(
    ("account", "verb", "resource", "where"),
    [
        ("orchestrator/airflow-scheduler", "create", "pods", "orchestrator"),
        ("orchestrator/airflow-worker", "create", "pods", "orchestrator"),
        ("orchestrator/airflow-worker", "create", "sparkapplications", "processing"),
        ("orchestrator/airflow-worker", "get", "pods/log", "processing"),
        ("orchestrator/airflow-worker", "list", "pods", "processing"),
        ("orchestrator/airflow-worker", "delete", "sparkapplications", "processing"),
        ("orchestrator/airflow-worker", "deletecollection", "configmaps", "processing"),
        ("orchestrator/airflow-webserver", "get", "pods/log", "orchestrator"),
        ("processing/spark-operator", "create", "pods", "processing"),
        ("processing/spark", "create", "pods", "processing"),
        ("processing/spark", "deletecollection", "persistentvolumeclaims", "processing"),
        ("management/reflector", "list", "secrets", "cicd"),
        ("management/reflector", "update", "secrets", "processing"),
        ("management/reflector", "update", "secrets", "jupyter"),
        ("monitoring/prometheus", "list", "pods", "orchestrator"),
        ("monitoring/prometheus", "list", "nodes", "*"),
        ("monitoring/prometheus", "get", "nodes/metrics", "*"),
        ("cicd/argocd-application-controller", "create", "deployments", "orchestrator"),
    ],
)
def test_what_is_needed_is_allowed(overlay: Any, account: str, verb: str, resource: str, where: str) -> None:
    assert may(overlay, account, verb, resource, where)


@pytest.mark.parametrize(
    ("account", "verb", "resource", "where"),
    [
        ("orchestrator/airflow-worker", "create", "pods", "processing"),
        ("orchestrator/airflow-worker", "delete", "pods", "processing"),
        ("orchestrator/airflow-worker", "patch", "pods", "processing"),
        ("orchestrator/airflow-worker", "get", "configmaps", "processing"),
        ("orchestrator/airflow-worker", "get", "secrets", "orchestrator"),
        ("orchestrator/airflow-worker", "get", "secrets", "processing"),
        ("orchestrator/airflow-worker", "create", "sparkapplications", "orchestrator"),
        ("orchestrator/airflow-scheduler", "create", "sparkapplications", "processing"),
        ("orchestrator/airflow-webserver", "create", "pods", "orchestrator"),
        ("processing/default", "create", "pods", "processing"),
        ("processing/spark-executor", "get", "pods", "processing"),
        ("processing/spark", "get", "secrets", "processing"),
        ("processing/spark-operator", "get", "secrets", "processing"),
        ("management/reflector", "update", "secrets", "deepstorage"),
        ("management/reflector", "update", "secrets", "cicd"),
        ("monitoring/prometheus", "get", "secrets", "monitoring"),
        ("monitoring/prometheus", "get", "nodes/proxy", "*"),
        ("monitoring/kube-state-metrics", "list", "secrets", "monitoring"),
        ("cicd/argocd-application-controller", "get", "secrets", "deepstorage"),
        ("cicd/argocd-application-controller", "update", "clusterroles", "cicd"),
        ("cicd/argocd-server", "get", "secrets", "deepstorage"),
        ("cicd/argocd-server", "delete", "deployments", "orchestrator"),
    ],
)
def test_what_is_not_needed_is_not_allowed(
    overlay: Any, account: str, verb: str, resource: str, where: str
) -> None:
    assert not may(overlay, account, verb, resource, where)


def test_no_role_has_a_wildcard_and_nobody_is_an_administrator(overlay: Any) -> None:
    for role in [*overlay.all("Role"), *overlay.all("ClusterRole")]:
        for rule in role["rules"]:
            wild = [key for key in ("apiGroups", "resources", "verbs") if "*" in rule.get(key, [])]
            assert not wild, f"{role['metadata']['name']}: {rule}"
    bound = {item["roleRef"]["name"] for item in [*overlay.all("RoleBinding"), *overlay.all("ClusterRoleBinding")]}
    assert not bound & {"cluster-admin", "admin", "edit"}


def test_argo_cd_leaves_cluster_wide_rights_to_an_administrator(overlay: Any) -> None:
    for role in [*overlay.all("ClusterRole"), *overlay.all("ClusterRoleBinding")]:
        assert role["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "Skip", role["metadata"]["name"]


def test_argo_cd_manages_every_namespace(overlay: Any) -> None:
    namespaces = {item["metadata"]["name"] for item in overlay.all("Namespace")}
    cluster = overlay.one("Secret", "in-cluster", "cicd")["stringData"]
    assert set(cluster["namespaces"].split(",")) == namespaces
    project = overlay.one("AppProject", "lakehouse", "cicd")["spec"]
    assert {item["namespace"] for item in project["destinations"]} == namespaces


def bound(overlay: Any, role: str) -> set[str]:
    """The namespaces in which a role is bound."""
    return {item["metadata"]["namespace"] for item in overlay.all("RoleBinding") if item["roleRef"]["name"] == role}


def test_kube_state_metrics_reads_every_namespace_in_which_it_is_bound(overlay: Any) -> None:
    pod = overlay.one("Deployment", "kube-state-metrics", "monitoring")["spec"]["template"]["spec"]
    (argument,) = [text for text in pod["containers"][0]["args"] if text.startswith("--namespaces=")]
    assert set(argument.partition("=")[2].split(",")) == bound(overlay, "kube-state-metrics-reader")


def test_prometheus_discovers_pods_in_every_namespace_in_which_it_is_bound(overlay: Any) -> None:
    text = overlay.one("ConfigMap", "prometheus-config", "monitoring")["data"]["prometheus-config.yaml"]
    jobs = {job["job_name"]: job for job in yaml.safe_load(text)["scrape_configs"]}
    (discovery,) = jobs["pods"]["kubernetes_sd_configs"]
    assert set(discovery["namespaces"]["names"]) == bound(overlay, "prometheus-discovery")


@pytest.mark.parametrize("job", ["cadvisor", "kubelet"])
def test_of_kubelets_the_same_namespaces_are_kept_as_of_kube_state_metrics(overlay: Any, job: str) -> None:
    text = overlay.one("ConfigMap", "prometheus-config", "monitoring")["data"]["prometheus-config.yaml"]
    (rules,) = [
        one["metric_relabel_configs"] for one in yaml.safe_load(text)["scrape_configs"] if one["job_name"] == job
    ]
    (kept,) = [rule for rule in rules if rule.get("source_labels") == ["namespace"]]
    assert kept["action"] == "keep"
    assert set(kept["regex"].split("|")) == bound(overlay, "kube-state-metrics-reader")


def test_a_token_is_mounted_only_where_the_api_is_called(overlay: Any) -> None:
    mounted = {name for name, pod in overlay.pods() if pod.get("automountServiceAccountToken", True)}
    assert mounted == {
        "Deployment orchestrator/airflow-scheduler",
        "Deployment orchestrator/airflow-webserver",
        "Deployment processing/spark-operator",
        "Deployment management/reflector",
        "Deployment monitoring/kube-state-metrics",
        "StatefulSet monitoring/prometheus",
        "StatefulSet cicd/argocd-application-controller",
        "Deployment cicd/argocd-server",
        "Deployment cicd/argocd-redis",
    }
