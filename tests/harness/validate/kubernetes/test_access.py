"""Permissions: what Roles grant exists, somebody has them, and a pod with permissions has a token."""

import pytest

from harness.manifests.cluster import Cluster
from harness.validate.kubernetes import access
from tests.harness.validate.made import made


def role(rule: str, kind: str = "Role", labels: str = "{}") -> str:
    return f"""---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata: {{name: web, namespace: app, labels: {labels}}}
rules: [{rule}]
"""


def binding(
    kind: str = "RoleBinding", of: str = "Role", subjects: str = "[{kind: ServiceAccount, name: web}]"
) -> str:
    return f"""---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata: {{name: web, namespace: app}}
roleRef: {{kind: {of}, name: web}}
subjects: {subjects}
"""


CRD = """---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: jobs.shop.io}
spec:
  group: shop.io
  scope: Namespaced
  names: {kind: Order, plural: orders}
  versions: [{name: v1, subresources: {status: {}}}]
"""


def messages(text: str, cluster: Cluster | None = None) -> list[str]:
    return [violation.message for violation in access.check(made(text), cluster or Cluster())]


@pytest.mark.parametrize(
    ("groups", "resources", "verbs", "said"),
    [
        ('""', "pods, pods/log, services", "get, list", ""),
        ('""', "pod", "get", "access to pod, which the core group does not have: use pods."),
        ('""', "Pod", "get", "use pods."),
        ('""', "Pods", "get", "use pods."),
        ('""', "pods/logs", "get", "use pods/log."),
        ('""', "deployments", "get", "use deployments of apps."),
        ("apps", "statefulset", "get", "use statefulsets."),
        ("apps", "deployments/scale", "patch", ""),
        ("extensions", "ingresses", "get", "the API group extensions, which does not exist."),
        ("apps/v1", "deployments", "get", "the API group apps/v1, which does not exist: use apps."),
        ("networking.k8s.io", "networkpolicy", "get", "use networkpolicies."),
        ("app", "deployments", "get", "use apps."),
        ("shop.io", "orders, orders/status, orders/finalizers", "update", ""),
        ("shop.io", "order", "get", "use orders."),
        ("shop.io", "orders/scale", "get", "access to orders/scale"),
        ("metrics.k8s.io", "pods", "get", ""),
        ("extra.io", "things", "get", ""),
        ('""', "pods", "read", "the verb read, which does not exist."),
        ('""', "pods", "GET", "use get."),
        ('""', "pods/log", "list, watch", "list, watch on pods/log, which knows only get."),
        ('""', "pods/exec", "create", ""),
        ('""', "nodes", "get", "nodes, which belong to no namespace, in namespaces only."),
        ('"", apps', "pods, deployments", "get", ""),
        ("rbac.authorization.k8s.io", "roles", "bind, escalate", ""),
    ],
)
def test_what_a_role_grants_exists(groups: str, resources: str, verbs: str, said: str) -> None:
    text = role(f"{{apiGroups: [{groups}], resources: [{resources}], verbs: [{verbs}]}}") + binding() + CRD
    told = messages(text, Cluster(api_groups=frozenset({"extra.io"})))
    assert [said in message for message in told] == ([True] if said else []), told


def test_a_cluster_role_grants_what_has_no_namespace_where_it_is_bound_everywhere() -> None:
    nodes = role('{apiGroups: [""], resources: [nodes], verbs: [get]}', "ClusterRole")
    assert messages(nodes + binding("ClusterRoleBinding", "ClusterRole")) == []
    assert len(messages(nodes + binding("RoleBinding", "ClusterRole"))) == 1
    urls = role("{nonResourceURLs: [/metrics], verbs: [get, post]}", "ClusterRole")
    assert messages(urls + binding("ClusterRoleBinding", "ClusterRole")) == []
    assert len(messages(urls.replace("post", "list") + binding("ClusterRoleBinding", "ClusterRole"))) == 1


def test_a_role_is_bound_to_somebody() -> None:
    pods = '{apiGroups: [""], resources: [pods], verbs: [get]}'
    assert messages(role(pods)) == ["Role app/web is bound to nobody."]
    assert messages(role(pods) + binding()) == []
    assert messages(role(pods) + binding(of="ClusterRole")) == ["Role app/web is bound to nobody."]
    assert messages(role(pods) + binding(subjects="[]")) == ["RoleBinding app/web binds web to nobody."]
    aggregated = '{"rbac.authorization.k8s.io/aggregate-to-view": "true"}'
    assert messages(role(pods, "ClusterRole", aggregated)) == []


@pytest.mark.parametrize(
    ("pod", "account", "called"),
    [
        ("", "", True),
        ("", "automountServiceAccountToken: false", False),
        ("automountServiceAccountToken: false", "", False),
        ("automountServiceAccountToken: true", "automountServiceAccountToken: false", True),
        ("automountServiceAccountToken: false", "automountServiceAccountToken: true", False),
        (
            "automountServiceAccountToken: false, "
            "volumes: [{name: token, projected: {sources: [{serviceAccountToken: {path: token}}]}}]",
            "",
            True,
        ),
    ],
)
def test_a_pod_with_permissions_has_a_token(pod: str, account: str, called: bool) -> None:
    text = f"""---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: web, namespace: app}}
{account}
---
apiVersion: batch/v1
kind: CronJob
metadata: {{name: web, namespace: app}}
spec:
  jobTemplate:
    spec:
      template:
        spec: {{serviceAccountName: web, containers: [{{name: web, image: web}}]{f", {pod}" if pod else ""}}}
"""
    assert not any("mounts no token" in message for message in messages(text))
    bound = text + role('{apiGroups: [""], resources: [pods], verbs: [get]}') + binding()
    assert messages(bound) == (
        [] if called else ["CronJob app/web mounts no token of its ServiceAccount web, which has permissions."]
    )


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("{kind: ServiceAccount, name: web}", True),
        ("{kind: ServiceAccount, name: other}", False),
        ("{kind: ServiceAccount, name: web, namespace: other}", False),
        ("{kind: Group, name: 'system:serviceaccounts:app'}", True),
        ("{kind: Group, name: 'system:serviceaccounts:other'}", False),
        ("{kind: Group, name: 'system:serviceaccounts'}", True),
        ("{kind: User, name: somebody}", False),
    ],
)
def test_a_pod_that_asks_for_a_token_has_permissions(subject: str, allowed: bool) -> None:
    pod = """---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: app}
spec: {serviceAccountName: web, automountServiceAccountToken: true, containers: [{name: web, image: web}]}
"""
    granted = role('{apiGroups: [""], resources: [pods], verbs: [get]}') + binding(subjects=f"[{subject}]")
    assert len(messages(pod + granted)) == (not allowed)
    assert messages(pod.replace("automountServiceAccountToken: true, ", "") + granted) == []
