"""What Prometheus and kube-state-metrics list, their accounts may list and watch."""

import pytest

from harness.validate.kubernetes import watching
from tests.harness.validate.made import made

NAMESPACES = """---
apiVersion: v1
kind: Namespace
metadata: {name: app}
---
apiVersion: v1
kind: Namespace
metadata: {name: other}
"""


def pod(container: str, config: str = "") -> str:
    return f"""---
apiVersion: v1
kind: Pod
metadata: {{name: watcher, namespace: app}}
spec:
  serviceAccountName: watcher
  containers: [{{name: a, {container}}}]
  volumes: [{{name: config, configMap: {{name: config}}}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: config, namespace: app}}
data: {{prometheus.yml: '{config}'}}
"""


def prometheus(discovery: str) -> str:
    job = f"scrape_configs: [{{job_name: a, kubernetes_sd_configs: [{discovery}]}}]"
    return pod("image: prom/prometheus, volumeMounts: [{name: config, mountPath: /etc/prometheus}]", job)


def exporter(arguments: str) -> str:
    return pod(f"image: registry/kube-state-metrics, args: [{arguments}]")


def bound(rule: str, kind: str = "RoleBinding", role: str = "Role", subject: str = "", more: str = "") -> str:
    subject = subject or "{kind: ServiceAccount, name: watcher, namespace: app}"
    return f"""---
apiVersion: rbac.authorization.k8s.io/v1
kind: {role}
metadata: {{name: watcher, namespace: {"app" if role == "Role" else '""'}}}
rules: [{rule}]
{more}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {kind}
metadata: {{name: watcher, namespace: {"app" if kind == "RoleBinding" else '""'}}}
roleRef: {{kind: {role}, name: watcher}}
subjects: [{subject}]
"""


PODS = '{apiGroups: [""], resources: [pods], verbs: [get, list, watch]}'
IN_APP = "{role: pod, namespaces: {names: [app]}}"
GROUP = "{kind: Group, name: 'system:serviceaccounts:app'}"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (prometheus(IN_APP) + bound(PODS), []),
        (prometheus(IN_APP) + bound(PODS, subject=GROUP), []),
        (prometheus(IN_APP) + bound(PODS, "ClusterRoleBinding", "ClusterRole"), []),
        (prometheus(IN_APP) + bound('{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}'), []),
        (prometheus(IN_APP), ["pods in app"]),
        (prometheus(IN_APP) + bound(PODS.replace(", watch", "")), ["pods in app"]),
        (prometheus(IN_APP) + bound(PODS.replace("resources", "resourceNames: [a], resources")), ["pods in app"]),
        (prometheus(IN_APP) + bound(PODS, subject=GROUP.replace(":app", ":other")), ["pods in app"]),
        (prometheus("{role: pod, namespaces: {own_namespace: true}}"), ["pods in app"]),
        (prometheus("{role: pod, namespaces: {names: [app, other]}}") + bound(PODS), ["pods in other"]),
        (prometheus("{role: pod, namespaces: {names: [app, other]}}"), ["pods in app and 1 more"]),
        (prometheus("{role: pod}") + bound(PODS), ["pods of the whole cluster"]),
        (prometheus("{role: pod, kubeconfig_file: /a}"), []),
        (prometheus("{role: node, namespaces: {names: [app]}}") + bound(PODS), ["nodes of the whole cluster"]),
        (
            prometheus("{role: endpointslice, namespaces: {names: [app]}}") + bound(PODS),
            ["endpointslices in app", "services in app"],
        ),
        (prometheus("{role: ingress, namespaces: {names: [app]}}") + bound(PODS), ["ingresses in app"]),
        (exporter("--resources=pods, --namespaces=app") + bound(PODS), []),
        (
            exporter("'--resources=pods,cronjobs', --namespaces=app") + bound(PODS),
            ["cronjobs in app"],
        ),
        (exporter("--resources=nodes, --namespaces=app") + bound(PODS), ["nodes of the whole cluster"]),
        (exporter("--resources=pods") + bound(PODS), ["pods of the whole cluster"]),
        (exporter("--port=8080"), []),
        # A part of what the account has is not known.
        (
            prometheus(IN_APP)
            + bound(PODS, "RoleBinding", "ClusterRole").replace("kind: ClusterRole\n", "kind: X\n"),
            [],
        ),
        (
            prometheus(IN_APP) + bound("", "RoleBinding", "ClusterRole", more="aggregationRule: {a: b}"),
            [],
        ),
    ],
)
def test_what_is_not_granted_is_found(text: str, missing: list[str]) -> None:
    found = [violation.message for violation in watching.check(made(NAMESPACES + text))]
    said = [
        f"Pod app/watcher has to list and watch {one}, and its ServiceAccount watcher may not" for one in missing
    ]
    assert [message.partition(": grant")[0] for message in found] == said


def test_it_is_found_at_the_rule_that_lists_the_others() -> None:
    found = list(watching.check(made(NAMESPACES + prometheus(IN_APP) + bound(PODS.replace("pods", "services")))))
    assert [(str(one.resource), one.path) for one in found] == [("Role app/watcher", ("rules", 0, "resources"))]


def test_without_such_a_rule_it_is_found_in_the_configuration() -> None:
    (found,) = watching.check(made(NAMESPACES + prometheus(IN_APP)))
    assert (str(found.resource), found.path) == ("ConfigMap app/config", ("data", "prometheus.yml"))
