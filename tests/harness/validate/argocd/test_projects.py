"""What a project or the controller's rights keep Argo CD from deploying is found, once for each cause."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from harness.manifests.cluster import Cluster
from harness.manifests.kubernetes_yaml import load
from harness.validate.argocd import projects
from harness.validate.model import BuiltResource, Environment

ARGOCD: Final = """
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: shop, namespace: argocd}
spec:
  sourceRepos: [https://git.example.com/ops/fleet.git]
  destinations: [{namespace: web, server: https://kubernetes.default.svc}, {namespace: jobs, name: in-cluster}]
  clusterResourceWhitelist: [{group: "", kind: Namespace}]
  namespaceResourceWhitelist: [{group: "", kind: ConfigMap}, {group: networking.k8s.io, kind: NetworkPolicy}]
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, namespace: argocd}
spec: &web
  project: shop
  source: {repoURL: https://git.example.com/ops/fleet, path: apps/web}
  destination: {namespace: web, server: https://kubernetes.default.svc}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: jobs, namespace: argocd}
spec:
  project: shop
  source: {repoURL: https://git.example.com/ops/fleet, path: apps/jobs}
  destination: {namespace: jobs, name: in-cluster}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: argocd-application-controller, namespace: argocd}
spec:
  template:
    metadata: {labels: {app.kubernetes.io/name: argocd-application-controller}}
    spec: {serviceAccountName: controller, containers: [{name: controller}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: sync}
rules:
  - {apiGroups: [""], resources: [configmaps], verbs: [create, patch]}
  - {apiGroups: [networking.k8s.io], resources: ["*"], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: sync, namespace: web}
roleRef: {kind: ClusterRole, name: sync}
subjects: [{kind: ServiceAccount, name: controller, namespace: argocd}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: sync, namespace: jobs}
roleRef: {kind: ClusterRole, name: sync}
subjects: [{kind: ServiceAccount, name: controller, namespace: argocd}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: namespaces}
rules: [{apiGroups: [""], resources: [namespaces], resourceNames: [web], verbs: [create, patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: namespaces}
roleRef: {kind: ClusterRole, name: namespaces}
subjects: [{kind: ServiceAccount, name: controller, namespace: argocd}]
"""
WEB: Final = """
{apiVersion: v1, kind: Namespace, metadata: {name: web}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: web}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: web}}
"""
JOBS: Final = """
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings, namespace: jobs}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: jobs}}
"""
INGRESS: Final = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web, namespace: web}}"
NODE: Final = "{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: gvisor}}"


def messages(argocd: list[Any], web: str = WEB, jobs: str = JOBS) -> list[tuple[str, str, str]]:
    """The rule, resource and message of each violation."""
    folders = {"argocd": argocd, "apps/web": load(web), "apps/jobs": load(jobs)}
    resources = [
        BuiltResource.of(value, build=cast(Any, SimpleNamespace(folder=folder)))
        for folder, values in folders.items()
        for value in values
    ]
    environment = Environment("north", Path(), [], resources)
    return [
        (violation.rule.id, str(violation.resource), violation.message)
        for violation in projects.check(environment, Cluster())
    ]


def changed(index: int, value: Any, *path: str | int) -> list[Any]:
    """Argo CD's resources with one field changed."""
    resources = copy.deepcopy(load(ARGOCD))
    item = resources[index]
    for step in path[:-1]:
        item = item[step]
    item[path[-1]] = value
    return resources


def test_what_is_permitted_is_no_finding() -> None:
    assert messages(load(ARGOCD)) == []


@pytest.mark.parametrize(
    ("argocd", "web", "where", "said"),
    [
        (
            changed(1, "shp", "spec", "project"),
            WEB,
            "Application argocd/web",
            "is of AppProject shp, which does not exist",
        ),
        (
            changed(1, "https://git.example.com/other", "spec", "source", "repoURL"),
            WEB,
            "Application argocd/web",
            "permit the source https://git.example.com/other of Application argocd/web:",
        ),
        (
            changed(0, ["https://git.example.com/ops/flet.git"], "spec", "sourceRepos"),
            WEB,
            "AppProject argocd/shop",
            "permit the source https://git.example.com/ops/fleet of Application argocd/web and of 1 more",
        ),
        (
            changed(0, [], "spec", "destinations"),
            WEB,
            "AppProject argocd/shop",
            "permit the destination web of Application argocd/web and of 1 more",
        ),
        (
            changed(0, "elsewhere", "spec", "destinations", 1, "namespace"),
            WEB,
            "Application argocd/jobs",
            "permit the destination jobs of Application argocd/jobs:",
        ),
        (
            load(ARGOCD),
            WEB + "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}}",
            "Application argocd/web",
            "permit the destination default of Application argocd/web:",
        ),
        (
            changed(0, [], "spec", "clusterResourceWhitelist"),
            WEB,
            "AppProject argocd/shop",
            "permit Namespace, such as Namespace web: add it to its clusterResourceWhitelist",
        ),
        (
            load(ARGOCD),
            f"{WEB}---\n{INGRESS}",
            "AppProject argocd/shop",
            "permit Ingress of networking.k8s.io, such as Ingress web/web: add it to its namespaceResource",
        ),
        (
            changed(0, [{"group": "", "kind": "Config*"}], "spec", "namespaceResourceBlacklist"),
            WEB,
            "AppProject argocd/shop",
            "permit ConfigMap, such as ConfigMap web/settings",
        ),
    ],
)
def test_what_a_project_does_not_permit(argocd: list[Any], web: str, where: str, said: str) -> None:
    found = [one for one in messages(argocd, web) if one[0] == "LH208"]
    ((_, resource, message),) = found
    assert resource == where
    assert said in message


@pytest.mark.parametrize(
    ("argocd", "web", "where", "said"),
    [
        (
            changed(4, ["get", "patch"], "rules", 0, "verbs"),
            WEB,
            "ConfigMap web/settings",
            "may not create and patch configmaps in web, such as ConfigMap web/settings: add them to its role",
        ),
        (changed(5, [], "subjects"), WEB, "ConfigMap web/settings", "may write nothing in web, such as ConfigMap"),
        (
            changed(5, "other", "subjects", 0, "name"),
            WEB,
            "ConfigMap web/settings",
            "may write nothing in web, such as ConfigMap",
        ),
        (
            changed(7, ["shop"], "rules", 0, "resourceNames"),
            WEB,
            "Namespace web",
            "may not create and patch namespaces cluster-wide, such as Namespace web",
        ),
        (
            load(ARGOCD),
            f"{WEB}---\n{NODE}",
            "RuntimeClass gvisor",
            "may not create and patch runtimeclasses cluster-wide, such as RuntimeClass gvisor",
        ),
    ],
)
def test_what_the_controller_may_not_write(argocd: list[Any], web: str, where: str, said: str) -> None:
    found = [one for one in messages(argocd, web) if one[0] == "LH209"]
    first = found[0]
    assert first[1] == where
    assert said in first[2]


def test_what_argo_cd_leaves_alone_needs_no_permission() -> None:
    skipped = "metadata: {name: web, namespace: web, annotations: {argocd.argoproj.io/hook: Skip}}"
    assert messages(load(ARGOCD), f"{WEB}---\n{{apiVersion: batch/v1, kind: Job, {skipped}}}") == []


@pytest.mark.parametrize(
    "argocd",
    [
        changed(1, {"name": "elsewhere"}, "spec", "destination"),
        changed(5, {"kind": "ClusterRole", "name": "cluster-admin"}, "roleRef"),
        changed(4, {"clusterRoleSelectors": []}, "aggregationRule"),
        load(ARGOCD)[:3],
    ],
)
def test_rights_that_cannot_be_known_are_no_finding(argocd: list[Any]) -> None:
    assert [one for one in messages(argocd) if one[0] == "LH209"] == []


def test_the_default_project_need_not_be_declared() -> None:
    resources = changed(1, "default", "spec", "project")
    resources[2]["spec"].pop("project")
    assert messages(resources[1:]) == []


@pytest.mark.parametrize(
    ("watched", "found"),
    [
        ("", ["it watches argocd."]),
        ("teams", ["it watches argocd, teams."]),
        ("team-*, web", []),
        ("/^team-.*$/", []),
    ],
)
def test_an_application_is_in_a_namespace_that_argo_cd_watches(watched: str, found: list[str]) -> None:
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cmd-params-cm", "namespace": "argocd"},
        "data": {"application.namespaces": watched},
    }
    resources = changed(1, "team-a", "metadata", "namespace")
    said = [message for _, _, message in messages([*resources, settings]) if "does not watch" in message]
    assert [message.partition("not watch: ")[2] for message in said] == found


def test_nothing_is_known_of_an_argo_cd_that_is_elsewhere() -> None:
    resources = changed(1, "team-a", "metadata", "namespace")
    del resources[3]
    assert [message for _, _, message in messages(resources) if "does not watch" in message] == []
