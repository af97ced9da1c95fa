"""Network policies and the connections that manifests declare."""

import textwrap

import pytest

from harness.manifests.cluster import Cluster
from harness.validate.kubernetes import reach
from harness.validate.monitoring import scraping
from harness.validate.monitoring.scraping import relabelled
from tests.harness.validate.made import made

NAMESPACES = """---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: shop}}
---
apiVersion: v1
kind: Namespace
metadata: {name: store, labels: {team: data}}
"""
SERVER = """---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: store}
spec:
  template:
    metadata: {labels: {app: db}, annotations: {scrape: "true", port: "9187"}}
    spec:
      containers:
        - {name: db, image: db, ports: [{name: sql, containerPort: 5432}]}
        - {name: metrics, image: exporter, ports: [{name: metrics, containerPort: 9187}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: store}
spec: {selector: {app: db}, ports: [{name: sql, port: 5000, targetPort: sql}]}
"""
TO_DNS = (
    "{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, "
    "podSelector: {matchLabels: {k8s-app: kube-dns}}}], ports: [{protocol: UDP, port: 53}]}"
)
TO_DB = "{namespaceSelector: {matchLabels: {team: data}}, podSelector: {matchLabels: {app: db}}}"
FROM_WEB = "{namespaceSelector: {matchLabels: {team: shop}}, podSelector: {matchLabels: {app: web}}}"
OUT = f"{{to: [{TO_DB}], ports: [{{port: 5432}}]}}"
IN = f"{{from: [{FROM_WEB}], ports: [{{port: sql}}]}}"


def client(fields: str, account: str = "default") -> str:
    return f"""---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      serviceAccountName: {account}
      containers:
        - name: web
          image: web
{textwrap.indent(textwrap.dedent(fields).strip(), " " * 10)}
"""


def policy(name: str, namespace: str, rules: str, labels: str = "{}") -> str:
    return f"""---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec: {{podSelector: {labels}, {rules}}}
"""


def denied(*namespaces: str) -> str:
    return "".join(policy("deny", name, "policyTypes: [Ingress, Egress]") for name in namespaces)


def findings(text: str, cluster: Cluster | None = None) -> list[tuple[str, str]]:
    environment = made(NAMESPACES + text)
    violations = reach.check(environment, cluster or Cluster(), scraping.targets_of(environment))
    return [(violation.rule.id, violation.message) for violation in violations]


URL = "env: [{name: DB_URL, value: postgresql://me@db.store.svc.cluster.local:5000/x}]"
ALLOWED = denied("shop", "store") + policy("out", "shop", f"policyTypes: [Egress], egress: [{OUT}, {TO_DNS}]")
ALLOWED += policy("in", "store", f"ingress: [{IN}]", "{matchLabels: {app: db}}")


@pytest.mark.parametrize(
    "fields",
    [
        URL,
        "env: [{name: DB_HOST, value: db.store}]",
        "args: [--database, 'jdbc:postgresql://db.store:5000/x']",
        "command: [sh, -c, 'until nc -z db.store.svc 5000; do sleep 1; done']",
        "envFrom: [{configMapRef: {name: settings}}]",
    ],
)
def test_a_declared_connection_is_allowed_at_both_ends(fields: str) -> None:
    settings = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\n"
    text = client(fields) + SERVER + settings + "data: {DB_HOST: db.store}\n"
    assert findings(text) == []
    assert findings(text + ALLOWED) == []
    for cut, way in ((OUT, "policy of shop lets out on TCP 5432"), (IN, "policy of store lets in on TCP 5432")):
        ((rule, message),) = findings(text + ALLOWED.replace(cut, "{ports: [{port: 1}]}"))
        assert rule == "LH711"
        assert way.replace("policy", "NetworkPolicy") in message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("port: 5432", "port: 5000"),
        ("port: 5432", "protocol: UDP, port: 5432"),
        ("port: sql", "port: metrics"),
        ("team: shop", "team: other"),
        ("team: data", "team: other"),
        ("{from: [{namespaceSelector: {matchLabels: {team: shop}}, pod", "{from: [{pod"),
        ("podSelector: {matchLabels: {app: web}}", "podSelector: {matchLabels: {app: other}}"),
        ("{port: 5432}", "{port: 5433, endPort: 6000}"),
    ],
)
def test_it_is_allowed_on_that_port_from_that_pod(old: str, new: str) -> None:
    assert old in ALLOWED
    assert [rule for rule, _ in findings(client(URL) + SERVER + ALLOWED.replace(old, new))] == ["LH711"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{port: 5432}", "{port: 5000, endPort: 6000}"),
        (f"[{IN}]", "[{}]"),
        (
            "podSelector: {matchLabels: {app: web}}",
            "podSelector: {matchExpressions: [{key: app, operator: Exists}]}",
        ),
    ],
)
def test_other_ways_of_allowing_it(old: str, new: str) -> None:
    assert old in ALLOWED
    assert findings(client(URL) + SERVER + ALLOWED.replace(old, new)) == []


def test_one_cause_is_one_finding() -> None:
    others = client(URL).replace("name: web, namespace", "name: other, namespace")
    ((_, message),) = findings(client(URL) + others + SERVER + ALLOWED.replace(IN, "{ports: [{port: 1}]}"))
    assert message == (
        "Deployment shop/web and 1 more connect to Service store/db:5000, "
        "which no NetworkPolicy of store lets in on TCP 5432."
    )


def test_a_finding_is_at_the_rule_that_has_the_peer() -> None:
    text = client(URL) + SERVER + ALLOWED.replace("port: sql", "port: 1")
    environment = made(NAMESPACES + text)
    (violation,) = reach.check(environment, Cluster(), scraping.targets_of(environment))
    assert (str(violation.resource), violation.path) == ("NetworkPolicy store/in", ("spec", "ingress", 0, "ports"))


def test_a_pod_that_names_a_host_may_ask_dns() -> None:
    ((rule, message),) = findings(
        client(URL) + SERVER + ALLOWED.replace(TO_DNS, "{ports: [{protocol: TCP, port: 53}]}")
    )
    assert (rule, "UDP 53" in message) == ("LH713", True)
    assert findings(client("args: [--quiet]") + denied("shop")) == []


BOUND = """---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: shop}
subjects: [{kind: ServiceAccount, name: web}]
"""


@pytest.mark.parametrize(
    ("egress", "ports", "reached"),
    [
        ("{ports: [{port: 443}]}", (443,), True),
        ("{ports: [{port: 443}]}", (8443,), False),
        ("{ports: [{port: 6443}]}", (443, 6443), True),
        ("{to: [{ipBlock: {cidr: 10.0.0.1/32}}]}", (443,), True),
        (
            "{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]}}]}",
            (443,),
            False,
        ),
        ("{to: [{namespaceSelector: {}}]}", (443,), False),
    ],
)
def test_an_account_with_permissions_reaches_the_api_server(
    egress: str, ports: tuple[int, ...], reached: bool
) -> None:
    text = client("args: [--quiet]", "web") + BOUND + denied("shop") + policy("api", "shop", f"egress: [{egress}]")
    assert [rule for rule, _ in findings(text, Cluster(api_ports=ports))] == ([] if reached else ["LH714"])
    assert findings(text.replace("name: web}]", "name: other}]"), Cluster(api_ports=ports)) == []


def test_the_api_server_reaches_a_webhook() -> None:
    hook = """---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: db}
webhooks: [{name: db.shop.io, clientConfig: {service: {namespace: store, name: db, port: 5000}}}]
"""
    assert [rule for rule, _ in findings(SERVER + hook + denied("store"))] == ["LH714"]
    assert (
        findings(SERVER + hook + denied("store") + policy("in", "store", "ingress: [{ports: [{port: 5432}]}]"))
        == []
    )


def test_a_load_balancer_has_clients_outside() -> None:
    text = SERVER.replace("spec: {selector", "spec: {type: LoadBalancer, selector") + denied("store")
    assert [rule for rule, _ in findings(text)] == ["LH715"]
    block = policy("in", "store", "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/16}}]}]")
    assert findings(text + block) == []


@pytest.mark.parametrize(
    ("egress", "reached"),
    [
        ("{ports: [{port: 443}]}", True),
        ("{ports: [{port: 8443}]}", False),
        ("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}", True),
        ("{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}", False),
        ("{to: [{namespaceSelector: {}}]}", False),
    ],
)
def test_a_url_outside_is_reached(egress: str, reached: bool) -> None:
    text = client("env: [{name: SOURCE, value: 'https://api.brewery.org/v1'}]") + denied("shop")
    text += policy("out", "shop", f"policyTypes: [Egress], egress: [{egress}, {TO_DNS}]")
    assert [rule for rule, _ in findings(text)] == ([] if reached else ["LH715"])


@pytest.mark.parametrize(
    ("variable", "rule", "out"),
    [
        ("SOURCE: 'https://api.brewery.org/v1'", "LH715", "{ports: [{port: 443}]}"),
        ("DB_HOST: db.store", "LH711", OUT),
    ],
)
def test_of_several_readers_of_a_variable_one_is_enough(variable: str, rule: str, out: str) -> None:
    settings = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\n"
    reader = client("envFrom: [{configMapRef: {name: settings}}]")
    other = reader.replace("name: web, namespace", "name: other, namespace").replace("app: web", "app: other")
    text = f"{settings}data: {{{variable}}}\n{reader}{other}{SERVER}{denied('shop')}"
    text += policy("dns", "shop", f"policyTypes: [Egress], egress: [{TO_DNS}]")
    assert [told for told, _ in findings(text)] == [rule]
    allowed = policy("out", "shop", f"policyTypes: [Egress], egress: [{out}]", "{matchLabels: {app: other}}")
    assert findings(text + allowed) == []


SCRAPING = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: prometheus, namespace: shop}
data:
  prometheus.yml: |
    scrape_configs:
      - job_name: pods
        kubernetes_sd_configs: [{role: ROLE, namespaces: {names: [store]}}]
        relabel_configs:
          - {source_labels: [__meta_kubernetes_pod_annotation_scrape], regex: "true", action: keep}
          - source_labels: [__meta_kubernetes_pod_annotation_port]
            target_label: __meta_kubernetes_pod_container_port_number
            action: keepequal
"""


@pytest.mark.parametrize("role", ["pod", "endpoints"])
def test_what_prometheus_discovers_is_reached(role: str) -> None:
    reader = client("volumeMounts: [{name: config, mountPath: /etc/prometheus}]")
    reader += "      volumes: [{name: config, configMap: {name: prometheus}}]\n"
    text = SCRAPING.replace("ROLE", role) + reader + SERVER
    ((rule, message),) = findings(text + denied("store"))
    assert rule == "LH712"
    assert message.endswith(
        "connects to StatefulSet store/db, which no NetworkPolicy of store lets in on TCP 9187."
    )
    allowed = policy("in", "store", "ingress: [{ports: [{port: metrics}]}]")
    assert findings(text + denied("store") + allowed) == []
    assert findings(text.replace('scrape: "true"', 'scrape: "false"') + denied("store")) == []


@pytest.mark.parametrize(
    ("job", "out", "reached"),
    [
        ("", "{ports: [{port: 443}]}", False),
        ("", "{ports: [{port: 10250}]}", True),
        ("", "{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 10250}]}", True),
        (", relabel_configs: [{target_label: __address__, replacement: 'a:443'}]", "{ports: [{port: 443}]}", True),
    ],
)
def test_kubelets_are_reached_where_they_are_asked(job: str, out: str, reached: bool) -> None:
    reader = client("volumeMounts: [{name: config, mountPath: /etc/prometheus}]")
    reader += "      volumes: [{name: config, configMap: {name: prometheus}}]\n"
    head = SCRAPING.partition("      - job_name")[0]
    text = f"{head}      - {{job_name: nodes, kubernetes_sd_configs: [{{role: node}}]{job}}}\n"
    text += reader + denied("shop")
    text += policy("out", "shop", f"policyTypes: [Egress], egress: [{out}]")
    assert [rule for rule, _ in findings(text)] == ([] if reached else ["LH712"])


@pytest.mark.parametrize(
    ("old", "new", "scraped"),
    [
        ("", "", True),
        ('prometheus.io/port: "9187"', 'prometheus.io/port: "9188"', False),
        ("names: [store]", "names: [shop]", False),
        ("namespaces: {names: [store]}", "namespaces: {own_namespace: true}", False),
        (", namespaces: {names: [store]}", "", True),
        ("names: [store]}", 'names: [store]}, selectors: [{role: pod, label: "app=db"}]', True),
        ("names: [store]}", 'names: [store]}, selectors: [{role: pod, label: "app=web"}]', False),
        ("containerPort: 9187", "containerPort: 9000", False),
        ('prometheus.io/scrape: "true"', 'prometheus.io/scrape: "false"', True),
    ],
)
def test_a_pod_that_asks_to_be_scraped_is_discovered(old: str, new: str, scraped: bool) -> None:
    reader = client("volumeMounts: [{name: config, mountPath: /etc/prometheus}]")
    reader += "      volumes: [{name: config, configMap: {name: prometheus}}]\n"
    text = SCRAPING.replace("ROLE", "pod") + reader + SERVER
    text = text.replace("annotation_scrape", "annotation_prometheus_io_scrape")
    text = text.replace("annotation_port", "annotation_prometheus_io_port")
    text = text.replace(
        '{scrape: "true", port: "9187"}', '{prometheus.io/scrape: "true", prometheus.io/port: "9187"}'
    )
    assert old in text
    environment = made(text.replace(old, new) if old else text)
    assert len(list(scraping.check(environment, scraping.targets_of(environment)))) == (not scraped)


def test_drivers_and_executors_reach_each_other() -> None:
    spark = """---
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: job, namespace: shop}
spec: {driver: {labels: {app: spark}}, executor: {labels: {app: spark}}}
"""
    assert {rule for rule, _ in findings(spark + denied("shop"))} == {"LH711"}
    both = "policyTypes: [Ingress, Egress], ingress: [{from: [PEER]}], egress: [{to: [PEER]}]"
    allowed = policy("spark", "shop", both.replace("PEER", "{podSelector: {matchLabels: {app: spark}}}"))
    assert findings(spark + denied("shop") + allowed) == []


@pytest.mark.parametrize(
    ("rule", "result"),
    [
        ({"source_labels": ["a", "b"], "regex": "1;2", "action": "keep"}, {"a": "1", "b": "2"}),
        ({"source_labels": ["a"], "regex": "1.", "action": "keep"}, None),
        ({"source_labels": ["a"], "regex": "1", "action": "drop"}, None),
        ({"source_labels": ["a"], "target_label": "b", "action": "keepequal"}, None),
        ({"source_labels": ["a"], "target_label": "b", "action": "dropequal"}, {"a": "1", "b": "2"}),
        ({"source_labels": ["a"], "replacement": "$1:40", "target_label": "b"}, {"a": "1", "b": "1:40"}),
        (
            {"source_labels": ["a"], "regex": "(.)(x)?", "replacement": "${1}-$2", "target_label": "b"},
            {"a": "1", "b": "1-"},
        ),
        ({"replacement": "x", "target_label": "b"}, {"a": "1", "b": "x"}),
        ({"source_labels": ["a"], "regex": "(", "action": "keep"}, None),
    ],
)
def test_relabelling(rule: dict[str, str], result: dict[str, str] | None) -> None:
    assert relabelled({"a": "1", "b": "2"}, [rule]) == result


@pytest.mark.parametrize(
    ("spec", "ignored"),
    [
        ("policyTypes: [Ingress], egress: [{}]", ["egress"]),
        ("policyTypes: [Egress], ingress: [{}]", ["ingress"]),
        ("policyTypes: [Egress], ingress: []", []),
        ("policyTypes: [Ingress, Egress], egress: [{}]", []),
        ("egress: [{}]", []),
    ],
)
def test_rules_of_a_direction_that_the_types_lack_are_ignored(spec: str, ignored: list[str]) -> None:
    text = f"kind: NetworkPolicy\nmetadata: {{name: a, namespace: shop}}\nspec: {{podSelector: {{}}, {spec}}}\n"
    environment = made(f"apiVersion: networking.k8s.io/v1\n{text}")
    found = [one for one in reach.check(environment, Cluster(), {}) if one.rule is reach.LH717]
    assert [one.message.split()[5].rstrip(",") for one in found] == ignored
