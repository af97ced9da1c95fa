"""Risk rules: each is met by a change that it is about, and by no harmless one; the documentation lists all."""

import copy
import json
from typing import Any

import pytest
import yaml

from harness.errors import HarnessError
from harness.manifests.generated_names import Names
from harness.manifests.resource import Resource
from harness.review.fields import Fields, compare
from harness.review.model import Level
from harness.review.pair import ReviewedResource, parse
from harness.review.risks.context import Change
from harness.review.risks.judge import judge, parse_threshold
from harness.review.risks.rules import RULES

PVC = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: n}
spec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}
"""
STATEFUL = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: n}
spec:
  serviceName: db
  replicas: 2
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain}
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "db:1"}]}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {resources: {requests: {storage: 10Gi}}}
"""
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: n}
spec:
  replicas: 3
  strategy: {type: RollingUpdate}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
      containers:
        - name: web
          image: registry.example.com/web:2.0@sha256:0000
          readinessProbe: {tcpSocket: {port: 80}}
          resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {memory: 1Gi}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts: [{name: data, mountPath: /data}]
"""
CONTAINER = ("spec", "template", "spec", "containers", 0)
POD = ("spec", "template", "spec")
ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: n}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
"""
BINDING = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: n}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects: [{kind: ServiceAccount, name: a, namespace: n}]
"""
POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: n}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress: [{from: [{podSelector: {matchLabels: {app: a}}}, {podSelector: {matchLabels: {app: b}}}]}]
"""
BLOCK = {"ipBlock": {"cidr": "10.0.0.0/8"}}
OPEN = POLICY + "  egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80, endPort: 90}]}]\n"
NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: n, labels: {pod-security.kubernetes.io/enforce: restricted}}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: s, namespace: n}
spec: {type: ClusterIP, selector: {app: web}, ports: [{name: http, port: 80}]}
"""
BALANCER = SERVICE.replace("ClusterIP", "LoadBalancer, loadBalancerSourceRanges: [10.0.0.0/8]")
APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: a
  finalizers: [resources-finalizer.argocd.argoproj.io]
  annotations: {argocd.argoproj.io/sync-wave: "1", argocd.argoproj.io/sync-options: Prune=false}
spec:
  source: {repoURL: r, path: p, targetRevision: main}
  destination: {namespace: n, server: s}
  syncPolicy: {automated: {prune: false, selfHeal: true}}
"""
OPTIONS = "argocd.argoproj.io/sync-options"
ORPHANING = APPLICATION.replace("  finalizers: [resources-finalizer.argocd.argoproj.io]\n", "")
PRUNING = APPLICATION.replace("prune: false", "prune: true")
CHART = APPLICATION.replace("path: p, targetRevision: main", "chart: c, targetRevision: 0.3.1")
APPLICATION_SET = """
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: a}
spec:
  generators: [{list: {elements: [{name: x}]}}]
  template: {metadata: {name: x}, spec: {source: {repoURL: r, path: p}}}
"""
FLUX = """
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: a, namespace: n}
spec: {path: p, prune: true, sourceRef: {kind: GitRepository, name: g}}
"""
RELEASE = """
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: a, namespace: n}
spec: {chart: {spec: {chart: c, version: 1.2.3, sourceRef: {kind: HelmRepository, name: h}}}}
"""
PROJECT = """
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: p}
spec: {sourceRepos: [r], destinations: [{namespace: n, server: s}]}
"""
WIDE_PROJECT = """
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: p}
spec:
  sourceRepos: ['https://g.example.com/*', '!https://g.example.com/x']
  destinations: [{namespace: 'team-*', server: '*'}]
  namespaceResourceWhitelist: [{group: apps, kind: '*'}]
"""
CRON = """
apiVersion: batch/v1
kind: CronJob
metadata: {name: c, namespace: n}
spec: {schedule: "0 1 * * *", suspend: false}
"""
JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: j, namespace: n}
spec: {template: {spec: {containers: [{name: j, args: [a]}]}}}
"""
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec: {scope: Namespaced, versions: [{name: v1, served: true}, {name: v2, served: true}]}
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: k, namespace: n}\ndata: {a: eA==, b: eA==}\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: n}\ndata: {a: x}\n"
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: n}
spec:
  tls: [{hosts: [a.example.com]}]
  rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix}]}}]
"""
PDB = (
    "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: p, namespace: n}\nspec: {minAvailable: 1}\n"
)
QUOTA = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: n}\nspec: {hard: {pods: 10}}\n"
WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: w}
webhooks: [{name: a, failurePolicy: Fail}]
"""
EXTERNAL = """
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: e, namespace: n}
spec: {data: [{secretKey: a, remoteRef: {key: x}}]}
"""
CLASS = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: s}
reclaimPolicy: Retain
parameters: {a: b}
"""
ACCOUNT = (
    "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: n}\nautomountServiceAccountToken: false\n"
)

GONE: Any = object()


def resource(value: dict[str, Any], application: str = "app") -> ReviewedResource:
    return parse([Resource.of(value)], application, "", Names())[0]


def edited(text: str | dict[str, Any], *edits: tuple[tuple[str | int, ...], Any]) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(text) if isinstance(text, str) else copy.deepcopy(text)
    for path, new in edits:
        at: Any = value
        for step in path[:-1]:
            at = at.setdefault(step, {}) if isinstance(at, dict) else at[step]
        if new is GONE:
            del at[path[-1]]
        elif isinstance(at, list):
            at[int(path[-1]) :] = [copy.deepcopy(new), *at[int(path[-1]) + 1 :]]
        else:
            at[path[-1]] = copy.deepcopy(new)
    return value


def changed(before: dict[str, Any] | None, after: dict[str, Any] | None, moved_from: str = "") -> Change:
    old, new = (resource(value) if value else None for value in (before, after))
    return Change(old, new, compare(before, after) if before and after else Fields(), moved_from)


def rules(before: dict[str, Any] | None, after: dict[str, Any] | None, moved_from: str = "") -> set[str]:
    change = changed(before, after, moved_from)
    names = [str(side.identity) for side in (change.before, change.after) if side]
    risks = judge(change)
    assert [risk.level for risk in risks] == sorted((risk.level for risk in risks), reverse=True)
    for risk in risks:
        assert risk.level is RULES[risk.rule].level
        assert risk.sentence.endswith(".")
        assert any(name in risk.sentence for name in names)
    return {risk.rule for risk in risks}


CHANGED: list[tuple[str | dict[str, Any], list[tuple[tuple[str | int, ...], Any]], set[str]]] = [
    (PVC, [(("spec", "resources", "requests", "storage"), "5Gi")], {"DF102"}),
    (PVC, [(("spec", "resources", "requests", "storage"), "20Gi")], {"DF111"}),
    (PVC, [(("spec", "storageClassName"), "slow")], {"DF103"}),
    (PVC, [(("spec", "accessModes"), ["ReadWriteMany"])], {"DF103"}),
    (CLASS, [(("reclaimPolicy",), "Delete")], {"DF109", "DF310"}),
    (CLASS, [(("parameters", "a"), "c")], {"DF103"}),
    (STATEFUL, [(("spec", "serviceName"), "other")], {"DF104"}),
    (
        STATEFUL,
        [(("spec", "volumeClaimTemplates", 0, "spec", "resources", "requests", "storage"), "5Gi")],
        {"DF102", "DF104"},
    ),
    (STATEFUL, [(("spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted"), "Delete")], {"DF109"}),
    (STATEFUL, [(("spec", "template", "spec", "containers", 0, "image"), "db:2")], {"DF301", "DF401"}),
    (CRD, [(("spec", "versions", 1, "served"), False)], {"DF106"}),
    (CRD, [(("spec", "versions"), [{"name": "v1", "served": True}])], {"DF106"}),
    (WORKLOAD, [((*POD, "volumes"), [{"name": "data", "emptyDir": {}}])], {"DF110", "DF301"}),
    (
        WORKLOAD,
        [((*POD, "volumes"), GONE), ((*CONTAINER, "volumeMounts"), GONE)],
        {"DF110", "DF301"},
    ),
    (ROLE, [(("rules", 0, "verbs"), ["get", "list", "delete"])], {"DF201"}),
    (ROLE, [(("rules", 0, "verbs"), ["*"])], {"DF202"}),
    (ROLE, [(("rules", 0, "resources"), ["pods", "secrets"])], {"DF202"}),
    (ROLE, [(("rules", 0, "verbs"), ["get"])], {"DF214"}),
    (BINDING, [(("subjects", 0, "name"), "other")], {"DF203", "DF214"}),
    (BINDING, [(("subjects", 0, "name"), "default")], {"DF204", "DF214"}),
    (BINDING, [(("roleRef", "name"), "cluster-admin")], {"DF204", "DF310"}),
    (POLICY, [(("spec", "ingress", 0, "from", 0, "podSelector"), {})], {"DF208"}),
    (POLICY, [(("spec", "policyTypes"), ["Ingress"])], {"DF208"}),
    (POLICY, [(("spec", "podSelector"), {})], {"DF208"}),
    (POLICY, [(("spec", "ingress"), [{}])], {"DF208"}),
    (POLICY, [(("spec", "ingress", 0, "from"), [{"podSelector": {"matchLabels": {"app": "a"}}}])], {"DF215"}),
    (POLICY, [(("spec", "ingress", 0, "ports"), [{"port": 80}])], {"DF215"}),
    (POLICY, [(("spec", "ingress", 0, "ports"), [])], set()),
    (POLICY, [(("spec", "ingress"), [])], {"DF215"}),
    (POLICY, [(("spec", "egress"), [{"to": [BLOCK], "ports": [{"port": 80, "endPort": 90}]}])], {"DF208"}),
    (OPEN, [(("spec", "egress"), GONE)], {"DF215"}),
    (OPEN, [(("spec", "egress", 0, "ports", 0), {"port": 85})], {"DF215"}),
    (OPEN, [(("spec", "egress", 0, "ports", 0), {"port": 80, "endPort": 91})], {"DF208"}),
    (OPEN, [(("spec", "egress", 0, "ports", 0), {"port": 85, "protocol": "UDP"})], {"DF208", "DF215"}),
    (OPEN, [(("spec", "egress", 0, "to", 0, "ipBlock", "cidr"), "10.1.0.0/16")], {"DF215"}),
    (OPEN, [(("spec", "egress", 0, "to", 0, "ipBlock", "except"), ["10.2.0.0/16"])], {"DF215"}),
    (OPEN, [(("spec", "egress", 0, "to", 0, "ipBlock", "cidr"), "0.0.0.0/0")], {"DF208"}),
    (OPEN, [(("spec", "egress"), [{"to": [BLOCK]}])], {"DF208"}),
    (POLICY, [(("spec", "policyTypes"), ["Egress"])], {"DF208"}),
    (
        edited(POLICY, (("spec", "policyTypes"), GONE)),
        [(("spec", "policyTypes"), ["Ingress", "Egress"])],
        {"DF215"},
    ),
    (
        POLICY,
        [(("spec", "ingress", 0, "from", 0, "podSelector", "matchLabels", "tier"), "x")],
        {"DF215"},
    ),
    (NAMESPACE, [(("metadata", "labels", "pod-security.kubernetes.io/enforce"), "baseline")], {"DF209"}),
    (NAMESPACE, [(("metadata", "labels"), GONE)], {"DF209"}),
    (NAMESPACE, [(("metadata", "labels", "team"), "a")], set()),
    (WORKLOAD, [((*POD, "serviceAccountName"), "admin")], {"DF205", "DF301"}),
    (WORKLOAD, [((*POD, "automountServiceAccountToken"), GONE)], {"DF206", "DF301"}),
    (ACCOUNT, [(("automountServiceAccountToken",), True)], {"DF206"}),
    (WORKLOAD, [((*POD, "hostNetwork"), True)], {"DF210", "DF301"}),
    (WORKLOAD, [((*CONTAINER, "securityContext", "privileged"), True)], {"DF210", "DF301"}),
    (WORKLOAD, [((*CONTAINER, "securityContext", "allowPrivilegeEscalation"), GONE)], {"DF210", "DF301"}),
    (
        WORKLOAD,
        [((*CONTAINER, "securityContext", "capabilities"), {"add": ["SYS_ADMIN"]})],
        {"DF210", "DF211", "DF301"},
    ),
    (WORKLOAD, [((*CONTAINER, "ports"), [{"containerPort": 80, "hostPort": 80}])], {"DF210", "DF301"}),
    (WORKLOAD, [((*CONTAINER, "securityContext", "readOnlyRootFilesystem"), False)], {"DF211", "DF301"}),
    (WORKLOAD, [((*POD, "securityContext", "runAsUser"), 0)], {"DF211", "DF301"}),
    (WORKLOAD, [((*POD, "securityContext"), {"runAsNonRoot": True})], {"DF211", "DF301"}),
    (PROJECT, [(("spec", "sourceRepos"), ["*"])], {"DF212"}),
    (PROJECT, [(("spec", "destinations"), [{"namespace": "*", "server": "*"}])], {"DF212"}),
    (PROJECT, [(("spec", "sourceRepos"), [])], set()),
    (PROJECT, [(("spec", "namespaceResourceWhitelist"), [{"group": "apps", "kind": "*"}])], set()),
    (PROJECT, [(("spec", "clusterResourceWhitelist"), [{"group": "", "kind": "Namespace"}])], {"DF212"}),
    (
        WIDE_PROJECT,
        [(("spec", "sourceRepos"), ["https://g.example.com/team/*", "!https://g.example.com/x"])],
        set(),
    ),
    (WIDE_PROJECT, [(("spec", "destinations"), [{"namespace": "team-a", "server": "https://s"}])], set()),
    (WIDE_PROJECT, [(("spec", "sourceRepos"), ["*"])], {"DF212"}),
    (WIDE_PROJECT, [(("spec", "namespaceResourceWhitelist"), [{"group": "apps", "kind": "Deployment"}])], set()),
    (WIDE_PROJECT, [(("spec", "namespaceResourceWhitelist"), None)], {"DF212"}),
    (WEBHOOK, [(("webhooks", 0, "failurePolicy"), "Ignore")], {"DF213"}),
    (WORKLOAD, [(("spec", "selector", "matchLabels", "app"), "x")], {"DF302"}),
    (SERVICE, [(("spec", "selector", "app"), "x")], {"DF303"}),
    (JOB, [(("spec", "template", "spec", "containers", 0, "args"), ["b"])], {"DF304"}),
    (JOB, [(("spec", "backoffLimit"), 3)], set()),
    (WORKLOAD, [((*CONTAINER, "readinessProbe"), GONE)], {"DF301", "DF305"}),
    (PDB, [(("spec", "minAvailable"), 0)], {"DF306"}),
    (CONFIG, [(("data", "a"), "y")], {"DF307"}),
    (WORKLOAD, [(("spec", "strategy", "type"), "Recreate")], {"DF309"}),
    (SERVICE, [(("spec", "clusterIP"), "None")], {"DF310"}),
    (CONFIG, [(("immutable",), True)], set()),
    (CRON, [(("spec", "schedule"), "0 2 * * *")], {"DF312"}),
    (CRON, [(("spec", "suspend"), True)], {"DF312"}),
    (WORKLOAD, [((*CONTAINER, "image"), "registry.example.com/web:2.1@sha256:1111")], {"DF301", "DF401"}),
    (WORKLOAD, [((*CONTAINER, "image"), "registry.example.com/web:1.9@sha256:1111")], {"DF301", "DF401", "DF402"}),
    (WORKLOAD, [((*CONTAINER, "image"), "registry.example.com/web:2.0")], {"DF301", "DF401", "DF403"}),
    (WORKLOAD, [((*CONTAINER, "image"), "registry.example.com/web:latest@sha256:1")], {"DF301", "DF401"}),
    (WORKLOAD, [((*CONTAINER, "image"), "elsewhere.example.com/web:2.0@sha256:0000")], {"DF301", "DF401", "DF404"}),
    (STATEFUL, [(("spec", "template", "spec", "containers", 0, "name"), "x")], {"DF301"}),
    (STATEFUL, [(("spec", "template", "spec", "containers"), [])], {"DF301", "DF314"}),
    (
        edited(STATEFUL, (("spec", "template", "spec", "containers", 0, "image"), "postgres:15")),
        [(("spec", "template", "spec", "containers", 0, "image"), "postgres:18")],
        {"DF301", "DF401", "DF405"},
    ),
    (
        edited(WORKLOAD, ((*POD, "containers", 1), {"name": "b", "image": "b:1"})),
        [((*POD, "containers", 1), GONE)],
        {"DF301", "DF313"},
    ),
    (RELEASE, [(("spec", "values"), {"persistence": {"enabled": False}})], {"DF112"}),
    (WORKLOAD, [(("spec", "replicas"), 2)], {"DF501"}),
    (WORKLOAD, [(("spec", "replicas"), 0)], {"DF502"}),
    (WORKLOAD, [(("spec", "replicas"), 4)], {"DF503"}),
    (WORKLOAD, [((*CONTAINER, "resources", "limits", "memory"), "512Mi")], {"DF301", "DF504"}),
    (WORKLOAD, [((*CONTAINER, "resources", "limits"), GONE)], {"DF301", "DF504"}),
    (WORKLOAD, [((*CONTAINER, "resources", "requests", "cpu"), "1")], {"DF301", "DF505"}),
    (WORKLOAD, [((*CONTAINER, "resources", "requests", "cpu"), "0.5")], set()),
    (QUOTA, [(("spec", "hard", "pods"), 5)], {"DF506"}),
    (APPLICATION, [(("spec", "syncPolicy", "automated", "prune"), True)], {"DF602"}),
    (APPLICATION, [(("spec", "syncPolicy", "automated"), GONE)], {"DF603"}),
    (APPLICATION, [(("metadata", "annotations", "argocd.argoproj.io/sync-wave"), "2")], {"DF604"}),
    (APPLICATION, [(("spec", "source", "targetRevision"), "v2")], {"DF605"}),
    (APPLICATION, [(("spec", "destination", "namespace"), "m")], {"DF606"}),
    (APPLICATION, [(("metadata", "annotations", "argocd.argoproj.io/sync-options"), GONE)], {"DF608"}),
    (APPLICATION, [(("metadata", "finalizers"), GONE)], {"DF610"}),
    (APPLICATION, [(("metadata", "finalizers"), ["other.example.com"])], {"DF610"}),
    (ORPHANING, [(("metadata", "finalizers"), ["resources-finalizer.argocd.argoproj.io/background"])], {"DF608"}),
    (PRUNING, [(("spec", "syncPolicy", "automated", "prune"), False)], {"DF610"}),
    (PRUNING, [(("spec", "syncPolicy", "automated", "allowEmpty"), True)], {"DF603", "DF614"}),
    (APPLICATION, [(("spec", "syncPolicy", "syncOptions"), ["Replace=true"])], {"DF611"}),
    (APPLICATION, [(("spec", "syncPolicy", "syncOptions"), ["CreateNamespace=true"])], set()),
    (
        edited(APPLICATION, (("spec", "syncPolicy", "syncOptions"), ["Delete=false"])),
        [(("spec", "syncPolicy", "syncOptions"), GONE)],
        {"DF608"},
    ),
    (APPLICATION, [(("spec", "ignoreDifferences"), [{"kind": "Secret", "jsonPointers": ["/data"]}])], {"DF613"}),
    (APPLICATION, [(("spec", "syncPolicy", "syncOptions"), ["RespectIgnoreDifferences=true"])], {"DF613"}),
    (FLUX, [(("spec", "prune"), False)], {"DF610"}),
    (FLUX, [(("spec", "deletionPolicy"), "Orphan")], {"DF610"}),
    (edited(FLUX, (("spec", "prune"), False)), [(("spec", "deletionPolicy"), "Delete")], {"DF608"}),
    (edited(FLUX, (("spec", "prune"), False)), [(("spec", "prune"), True)], {"DF602", "DF608"}),
    (FLUX, [(("spec", "force"), True)], {"DF611"}),
    (FLUX, [(("spec", "path"), "other")], {"DF605"}),
    (RELEASE, [(("spec", "chart", "spec", "version"), "2.0.0")], {"DF615"}),
    (RELEASE, [(("spec", "chart", "spec", "version"), ">=1.4.0 <2.0.0")], set()),
    (RELEASE, [(("spec", "chart", "spec", "chart"), "other")], {"DF605"}),
    (RELEASE, [(("spec", "upgrade"), {"force": True})], {"DF611"}),
    (RELEASE, [(("spec", "suspend"), True)], {"DF603", "DF610"}),
    (CHART, [(("spec", "source", "targetRevision"), "0.4.0")], {"DF615"}),
    (CHART, [(("spec", "source", "targetRevision"), "0.3.9")], {"DF605"}),
    (APPLICATION_SET, [(("spec", "syncPolicy"), {"preserveResourcesOnDeletion": True})], {"DF610"}),
    (APPLICATION_SET, [(("spec", "template", "spec", "syncPolicy"), {"syncOptions": ["Force=true"]})], {"DF611"}),
    (STATEFUL, [(("metadata", "annotations"), {OPTIONS: "Prune=true, Replace=true"})], {"DF611"}),
    (NAMESPACE, [(("metadata", "annotations"), {OPTIONS: "Force=true"})], {"DF611"}),
    (CONFIG, [(("metadata", "annotations"), {OPTIONS: "Replace=true"})], {"DF612"}),
    (CONFIG, [(("metadata", "annotations"), {OPTIONS: "Replace=false"})], set()),
    (PVC, [(("metadata", "annotations"), {"kustomize.toolkit.fluxcd.io/force": "enabled"})], {"DF611"}),
    (
        edited(PVC, (("metadata", "annotations"), {"kustomize.toolkit.fluxcd.io/prune": "disabled"})),
        [(("metadata", "annotations"), GONE)],
        {"DF608"},
    ),
    (
        edited(PVC, (("metadata", "annotations"), {"helm.sh/resource-policy": "keep"})),
        [(("metadata", "annotations"), GONE)],
        {"DF608"},
    ),
    (SERVICE, [(("spec", "type"), "LoadBalancer")], {"DF701"}),
    (SERVICE, [(("spec", "externalIPs"), ["192.0.2.1"])], {"DF701"}),
    (BALANCER, [(("spec", "loadBalancerSourceRanges"), GONE)], {"DF702"}),
    (BALANCER, [(("spec", "loadBalancerSourceRanges"), ["10.0.0.0/8", "0.0.0.0/0"])], {"DF702"}),
    (BALANCER, [(("spec", "type"), "ClusterIP")], {"DF704"}),
    (INGRESS, [(("spec", "rules", 0, "host"), "b.example.com")], {"DF703"}),
    (INGRESS, [(("spec", "tls"), GONE)], {"DF703", "DF706"}),
    (SERVICE, [(("spec", "ports", 0, "port"), 81)], {"DF704"}),
    (SECRET, [(("data", "a"), "eQ==")], {"DF801"}),
    (SECRET, [(("data", "a"), GONE)], {"DF802"}),
    (EXTERNAL, [(("spec", "data", 0, "remoteRef", "key"), "y")], {"DF803"}),
]


@pytest.mark.parametrize(("text", "edits", "expected"), CHANGED)
def test_changed(text: str | dict[str, Any], edits: list[Any], expected: set[str]) -> None:
    assert rules(edited(text), edited(text, *edits)) == expected


REMOVED = [
    (PVC, {"DF101"}),
    (NAMESPACE, {"DF105"}),
    (CRD, {"DF106"}),
    (STATEFUL, {"DF107"}),
    ("apiVersion: s3.example.com/v1\nkind: Bucket\nmetadata: {name: b}\n", {"DF108"}),
    (ROLE, {"DF214"}),
    (BINDING, {"DF214"}),
    (POLICY, {"DF207"}),
    (WEBHOOK, {"DF213"}),
    (PDB, {"DF306"}),
    (WORKLOAD, {"DF308"}),
    (CRON, {"DF308"}),
    (QUOTA, {"DF506"}),
    (APPLICATION, {"DF601"}),
    (ORPHANING, {"DF601"}),
    (APPLICATION_SET, {"DF601"}),
    (FLUX, {"DF601"}),
    (RELEASE, {"DF601"}),
    (SERVICE, {"DF705"}),
    (INGRESS, {"DF703"}),
    (SECRET, {"DF802"}),
    (EXTERNAL, {"DF802"}),
    (CONFIG, set()),
]


@pytest.mark.parametrize(("text", "expected"), REMOVED)
def test_removed(text: str, expected: set[str]) -> None:
    assert rules(edited(text), None) == expected


ADDED = [
    (edited(WORKLOAD), set()),
    (edited(WORKLOAD, ((*CONTAINER, "image"), "web")), {"DF403"}),
    (edited(WORKLOAD, ((*CONTAINER, "securityContext", "privileged"), True)), {"DF210"}),
    (edited(WORKLOAD, ((*POD, "volumes"), [{"name": "h", "hostPath": {"path": "/var"}}])), {"DF210"}),
    (edited(ROLE), {"DF201"}),
    (edited(BINDING), {"DF203"}),
    (edited(POLICY), set()),
    (edited(SERVICE), set()),
    (edited(BALANCER), {"DF701"}),
    (edited(QUOTA), {"DF506"}),
    (edited(SECRET), set()),
    (edited(PVC), set()),
]


@pytest.mark.parametrize(("value", "expected"), ADDED)
def test_added(value: dict[str, Any], expected: set[str]) -> None:
    assert rules(None, value) == expected


POD_SPEC = edited(WORKLOAD)["spec"]["template"]["spec"]
SPARK = {
    "apiVersion": "sparkoperator.k8s.io/v1beta2",
    "kind": "SparkApplication",
    "metadata": {"name": "job", "namespace": "n"},
    "spec": {
        "image": "registry.example.com/spark:4",
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        "driver": {
            "serviceAccount": "web",
            "cores": 1,
            "memory": "1g",
            "podSecurityContext": {"runAsUser": 1000},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        },
        "executor": {"memory": "1g", "cores": 1},
    },
}


def workload(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    template: dict[str, Any] = {"metadata": {"labels": {"app": "x"}}, "spec": spec}
    value = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "n"}}
    if kind == "Pod":
        return value | {"spec": spec}
    return value | {
        "spec": {"jobTemplate": {"spec": {"template": template}}} if kind == "CronJob" else {"template": template}
    }


def in_config_map(*values: dict[str, Any], key: str = "pod.yaml") -> dict[str, Any]:
    return edited(CONFIG, (("data",), {key: yaml.safe_dump_all(values)}))


SPECS: list[tuple[list[tuple[tuple[str | int, ...], Any]], str]] = [
    ([(("hostPID",), True)], "DF210"),
    ([(("containers", 0, "securityContext", "privileged"), True)], "DF210"),
    ([(("volumes", 0), {"name": "data", "hostPath": {"path": "/var/run"}})], "DF210"),
    ([(("containers", 0, "securityContext", "capabilities"), {})], "DF211"),
    ([(("serviceAccountName",), "admin")], "DF205"),
    ([(("automountServiceAccountToken",), GONE)], "DF206"),
    ([(("volumes",), GONE), (("containers", 0, "volumeMounts"), GONE)], "DF110"),
    ([(("containers", 0, "readinessProbe"), GONE)], "DF305"),
    ([(("containers", 0, "resources", "limits"), GONE)], "DF504"),
    ([(("containers", 1), {"name": "new", "image": "busybox:latest"})], "DF403"),
]


@pytest.mark.parametrize(("edits", "rule"), SPECS)
@pytest.mark.parametrize("kind", ["Pod", "CronJob", "ReplicationController", "Job"])
@pytest.mark.parametrize("inside", [False, True])
def test_a_pod_is_judged_wherever_its_template_is(edits: list[Any], rule: str, kind: str, inside: bool) -> None:
    spec = copy.deepcopy(POD_SPEC)
    spec["containers"].append({"name": "old", "image": "busybox:1"})
    before, after = (workload(kind, value) for value in (spec, edited(yaml.safe_dump(spec), *edits)))
    if inside:
        first = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "first"}}
        before, after = in_config_map(first, before), in_config_map(first, after)
    risks = [risk for risk in judge(changed(before, after)) if risk.rule == rule]
    assert risks
    where = {"Pod": "spec", "CronJob": "spec.jobTemplate.spec.template.spec"}.get(kind, "spec.template.spec")
    for risk in risks:
        assert (f"{kind} x in ConfigMap n/c" if inside else f"{kind} n/x") in risk.sentence
        path = f'data["pod.yaml"]:[1].{where}' if inside else where
        assert risk.path.startswith(path) or not risk.path


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (
            [(("spec", "driver", "securityContext", "privileged"), True)],
            (
                "DF210",
                "Container spark-kubernetes-driver of NAME (driver) gets privileged.",
                "spec.driver.securityContext.privileged",
            ),
        ),
        (
            [(("spec", "executor", "hostNetwork"), True)],
            ("DF210", "NAME (executor) gets hostNetwork.", "spec.executor.hostNetwork"),
        ),
        (
            [(("spec", "driver", "podSecurityContext", "runAsUser"), 0)],
            ("DF211", "NAME (driver) runs as root (runAsUser 0).", "spec.driver.securityContext.runAsUser"),
        ),
        (
            [(("spec", "driver", "serviceAccount"), "admin")],
            ("DF205", "NAME (driver) uses service account admin instead of web.", "spec.driver.serviceAccountName"),
        ),
        (
            [(("spec", "executor", "memory"), "512m")],
            (
                "DF504",
                "Container spark-kubernetes-executor of NAME (executor): memory limits 1Gi → 512Mi.",
                "spec.executor.resources.limits.memory",
            ),
        ),
        (
            [(("spec", "volumes"), [])],
            ("DF110", "NAME (driver) no longer has volume data (data).", "spec.driver.volumes[name=data]"),
        ),
    ],
)
@pytest.mark.parametrize("form", ["resource", "ConfigMap", "schedule", "schedule in JSON"])
def test_the_pods_of_a_spark_application_are_judged(
    edits: list[Any], expected: tuple[str, str, str], form: str
) -> None:
    before, after = edited(yaml.safe_dump(SPARK)), edited(yaml.safe_dump(SPARK), *edits)
    name, prefix = "SparkApplication n/job", ""
    if "schedule" in form:
        before, after = (
            value | {"kind": "ScheduledSparkApplication", "spec": {"schedule": "@daily", "template": value["spec"]}}
            for value in (before, after)
        )
        name = "ScheduledSparkApplication n/job"
    if form == "ConfigMap":
        before, after, prefix = in_config_map(before), in_config_map(after), 'data["pod.yaml"]:'
        name = "SparkApplication job in ConfigMap n/c"
    elif form == "schedule in JSON":
        before, after = (edited(CONFIG, (("data",), {"a.json": json.dumps(value)})) for value in (before, after))
        name, prefix = "ScheduledSparkApplication job in ConfigMap n/c", 'data["a.json"]:'
    rule, sentence, path = expected
    path = prefix + (path.replace("spec.", "spec.template.", 1) if "schedule" in form else path)
    assert (rule, sentence.replace("NAME", name), path) in [
        (risk.rule, risk.sentence, risk.path) for risk in judge(changed(before, after))
    ]


def test_a_new_pod_in_a_config_map_is_judged() -> None:
    pod = workload("Pod", {"hostIPC": True, "containers": [{"name": "a", "image": "busybox"}]})
    for before in (None, edited(CONFIG)):
        assert rules(before, in_config_map(pod)) >= {"DF210", "DF403"}


def test_what_a_config_map_holds_beside_pods_is_not_judged() -> None:
    dashboard = {"kind": "Pod", "title": "no manifest", "spec": {"hostPID": True, "containers": []}}
    template = edited(CONFIG, (("data",), {"a.yaml": "kind: Pod\nspec: {hostPID: {{ true }}"}))
    assert rules(edited(CONFIG), in_config_map(dashboard)) == {"DF307"}
    assert rules(edited(CONFIG), template) == {"DF307"}


def test_a_document_in_a_config_map_changes_what_pods_read() -> None:
    before, after = ({"level": level} for level in ("info", "debug"))
    assert rules(in_config_map(before, key="app.yaml"), in_config_map(after, key="app.yaml")) == {"DF307"}
    old, new = (in_config_map(value, key="app.yaml") | {"immutable": True} for value in (before, after))
    assert rules(old, new) == {"DF307", "DF310"}


def test_what_takes_another_place_is_deleted_there() -> None:
    assert rules(edited(PVC), edited(PVC, (("metadata", "namespace"), "m"))) == {"DF101"}
    moved = edited(WORKLOAD, (("metadata", "name"), "other"))
    assert rules(edited(WORKLOAD), moved) == {"DF311"}
    newer = edited(PDB.replace("policy/v1", "policy/v1beta1"))
    assert rules(newer, edited(PDB)) == set()


def test_what_changes_its_application() -> None:
    assert rules(edited(CONFIG), edited(CONFIG), moved_from="other") == {"DF607"}


@pytest.mark.parametrize(
    "text", [PVC, STATEFUL, WORKLOAD, ROLE, BINDING, POLICY, SERVICE, APPLICATION, INGRESS, JOB]
)
def test_a_label_is_no_risk(text: str) -> None:
    assert rules(edited(text), edited(text, (("metadata", "labels"), {"team": "a"}))) == set()


def test_every_rule_has_a_change_that_meets_it() -> None:
    elsewhere = {"DF113", "DF114", "DF311", "DF315", "DF507", "DF607", "DF609", "DF616"}
    met = elsewhere.union(*(expected for *_, expected in [*CHANGED, *REMOVED, *ADDED]))
    assert met == set(RULES)


def test_a_job_that_argo_cd_makes_anew_can_change() -> None:
    hook = (("metadata", "annotations"), {"argocd.argoproj.io/hook": "Sync"})
    args = ((*POD, "containers", 0, "args"), ["b"])
    assert rules(edited(JOB, hook), edited(JOB, hook, args)) == set()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("Replace=true", set()),
        ("Prune=false, Force=true", set()),
        ("Replace=false", {"DF304"}),
        ("NoReplace=true", {"DF304"}),
        ("Force=trueish", {"DF304"}),
        ("", {"DF304"}),
    ],
)
def test_a_job_that_argo_cd_replaces_can_change(options: str, expected: set[str]) -> None:
    annotation = (("metadata", "annotations"), {OPTIONS: options})
    args = ((*POD, "containers", 0, "args"), ["b"])
    assert rules(edited(JOB, annotation), edited(JOB, annotation, args)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, set())),
        ("high", (Level.HIGH, set())),
        ("high, LOW", (Level.LOW, set())),
        ("df101,medium", (Level.MEDIUM, {"DF101"})),
    ],
)
def test_thresholds(text: str, expected: Any) -> None:
    assert parse_threshold(text) == expected


@pytest.mark.parametrize("text", ["DF999", "severe", "high;low"])
def test_wrong_thresholds(text: str) -> None:
    with pytest.raises(HarnessError, match="--fail-on takes"):
        parse_threshold(text)
