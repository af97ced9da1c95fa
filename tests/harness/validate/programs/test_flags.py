"""The flags of programs: the list is that of their sources, and what is not in it is found."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from harness.machine.gobuild import sources_of
from harness.paths import ROOT
from harness.validate.programs import flags
from harness.validate.programs.flags import FILE, program_of, rejected
from tests.harness.validate.made import made

IMAGES: Final = ROOT / "images" / "without-registry"
TOOLKIT: Final = ("github.com/prometheus/exporter-toolkit", "web/kingpinflag/*.go")
SOURCES: Final = {
    "prometheus": (ROOT / "tools/texts", [("github.com/prometheus/prometheus", "cmd/prometheus/main.go")]),
    "alertmanager": (
        IMAGES / "alertmanager",
        [("github.com/prometheus/alertmanager", "cmd/alertmanager/main.go"), TOOLKIT],
    ),
    "statsd-exporter": (
        IMAGES / "statsd-exporter",
        [("github.com/prometheus/statsd_exporter", "main.go"), TOOLKIT],
    ),
    "postgres-exporter": (
        IMAGES / "postgres-exporter",
        [("github.com/prometheus-community/postgres_exporter", "cmd/postgres_exporter/main.go"), TOOLKIT],
    ),
    "kube-state-metrics": (
        IMAGES / "kube-state-metrics",
        [("k8s.io/kube-state-metrics/v2", "pkg/options/options.go"), ("k8s.io/klog/v2", "klog.go")],
    ),
    "spark-operator": (
        IMAGES / "spark-operator",
        [
            ("github.com/kubeflow/spark-operator/v2", "cmd/operator/controller/start.go"),
            ("sigs.k8s.io/controller-runtime", "pkg/log/zap/zap.go"),
            ("sigs.k8s.io/controller-runtime", "pkg/client/config/config.go"),
        ],
    ),
}
"""The module that pins each program, and the files that declare its flags."""
GENERAL: Final = {"help": "switch", "version": "switch"}
LOGGING: Final = {"log.level": "enum debug|info|warn|error", "log.format": "enum logfmt|json"}
"""What the package promslog declares by constants."""
PREFIXES: Final = {"postgres-exporter": {"collector.": "any"}}
"""Flags that are put together from the names of collectors."""

FEATURES: Final = re.compile(r'^\t\t\tcase "([\w-]+)"', re.MULTILINE)
"""What Prometheus' --enable-feature takes."""
KINGPIN: Final = re.compile(r'(?:\bFlag\(|OnlyFlag\(a,)\s*"([\w.-]+)"')
KIND: Final = re.compile(
    r"\.\s*(SetValue|Enums?|(?:Bool|Int|Uint|Float|Duration|Bytes|String|URL|\w*List|ExistingFile)\w*)\("
)
DEFAULT: Final = re.compile(r"Default\((?:[^()]|\([^()]*\))*\)")
PFLAG: Final = re.compile(r'\.(Bool|Int|Uint|Float|Duration|String|Var)(\w*?)P?\([^"\n]*"([\w-]+)"')
KINDS: Final = {
    "Bool": "bool",
    "Int": "int",
    "Uint": "uint",
    "Float": "float",
    "Duration": "duration",
    "Bytes": "bytes",
}
CONSTANT: Final = re.compile(r'Flag(?:Name)?\s*=\s*"([\w-]+)"')


def declared(code: str) -> Iterator[tuple[str, str]]:
    """The flags that a file of Go declares, with what their values have to be."""
    starts = list(KINGPIN.finditer(code))
    for number, match in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else match.end() + 1_000
        rest = DEFAULT.sub("", code[match.end() : end])
        kind = KIND.search(rest)
        yield match[1], kind_of(kind[1], rest[kind.end() :].partition(")")[0]) if kind else "text"
    if not starts:
        for match in PFLAG.finditer(code):
            # A list is separated by commas.
            yield match[3], "text" if "Slice" in match[2] else KINDS.get(match[1], "text")
        yield from ((name, "text") for name in CONSTANT.findall(code))


def kind_of(method: str, argument: str) -> str:
    if method == "SetValue" and re.search(
        r"Duration|Interval|Timeout|Delay|Deadline|Delta|Tolerance|Grace", argument
    ):
        return "days"
    if method.startswith("Enum") and '"' in argument:
        return "enum " + "|".join(re.findall(r'"([^"]+)"', argument))
    name = next((name for name in KINDS if method.startswith(name)), "")
    if name == "Bool":
        # kingpin takes no value for one.
        return "switch"
    if method.endswith("List") or (method.endswith("s") and name != "Bytes"):
        return "list"
    return KINDS.get(name, "text")


def from_sources() -> dict[str, dict[str, str]]:
    known: dict[str, dict[str, str]] = {}
    for program, (module, files) in SOURCES.items():
        found = GENERAL | PREFIXES.get(program, {})
        for package, pattern in files:
            paths = sorted(sources_of(package, module).glob(pattern))
            assert paths, (package, pattern)
            code = "\n".join(path.read_text(encoding="utf-8") for path in paths)
            found |= LOGGING if "promslog" in code else {}
            found |= dict(declared(code))
            if program == "prometheus":
                found["enable-feature"] = f"some {'|'.join(sorted(FEATURES.findall(code)))}"
        known[program] = dict(sorted(found.items()))
    return known


def test_the_list_is_that_of_the_sources(kept: Callable[[Path, str], None]) -> None:
    current = json.dumps(from_sources(), indent=0) + "\n"
    kept(FILE, current)


def pod(image: str, arguments: str, more: str = "") -> str:
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: a, namespace: app}}
spec: {{containers: [{{name: a, image: {image}, args: [{arguments}]{more}}}]}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: app}}
"""


def messages(text: str) -> list[str]:
    return [violation.message.partition(" passes ")[2] for violation in flags.check(made(text))]


PROMETHEUS = "quay.io/prometheus/prometheus:v3"
OPERATOR = "ghcr.io/kubeflow/spark-operator/controller"
STATE = "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2"
PORTS = ", ports: [{containerPort: 9187}]"


@pytest.mark.parametrize(
    ("image", "arguments", "said"),
    [
        (
            PROMETHEUS,
            "--storage.tsdb.retention.tme=30d",
            "which it does not know: use --storage.tsdb.retention.time",
        ),
        (PROMETHEUS, "--storage.tsdb.retention.time=30days", "which has to be a duration such as 15d"),
        (PROMETHEUS, "--storage.tsdb.retention.size=4 GB", "which has to be a size such as 512MB"),
        (PROMETHEUS, "--query.max-samples=many", "which has to be a whole number"),
        (PROMETHEUS, "--log.level=warning", "which has to be debug or info or warn or error"),
        (
            PROMETHEUS,
            "--web.enable-lifecycle=true",
            "which takes no value: leave it out, or write --no- before its name",
        ),
        (PROMETHEUS, "--enable-feature=exemplar-storag", "which has no exemplar-storag: use exemplar-storage"),
        (PROMETHEUS, "--config.file=/a, --config.file=/b", "which is there twice: it takes it once"),
        (PROMETHEUS, "config.file=/a", "which is no flag: use --config.file"),
        (PROMETHEUS, "-config.file=/a", "which is no flag: use --config.file"),
        ("prom/alertmanager", "--config.files=/a", "which it does not know: use --config.file"),
        ("prom/alertmanager", "--cluster.peer-timeout=1d", "which has to be a duration such as 1m30s"),
        ("prom/statsd-exporter", "--statsd.cache-type=fifo", "which has to be lru or random"),
        (OPERATOR, "controller, start, --controller-thread=4", "which it does not know: use --controller-threads"),
        (OPERATOR, "controller, start, --enable-metrics=yes", "which has to be true or false"),
        (OPERATOR, "--namespaces=ap", "which names the namespace ap, that does not exist: use app"),
        (STATE, "--resources=cronjob", "which names the resource cronjob, that does not exist: use cronjobs"),
        (STATE, "--port=none", "which has to be a whole number"),
    ],
)
def test_a_flag_that_a_program_refuses(image: str, arguments: str, said: str) -> None:
    (message,) = messages(pod(image, f"{arguments}, --help"))
    assert message.endswith(f"{said}.")


@pytest.mark.parametrize(
    ("image", "arguments"),
    [
        (PROMETHEUS, "--storage.tsdb.retention.time=1y30d, --storage.tsdb.retention.size=4GB, --config.file=/a"),
        (PROMETHEUS, "--config.file, /a, --no-storage.tsdb.wal-compression, '--$(FLAG)=1'"),
        (PROMETHEUS, "--, --unknown"),
        (
            PROMETHEUS,
            "--web.enable-lifecycle, --enable-feature=native-histograms, --enable-feature=exemplar-storage",
        ),
        ("prom/alertmanager", "--cluster.peer=a:1, --cluster.peer=b:1"),
        (STATE, "--port=1, --port=2"),
        ("prom/alertmanager", "--cluster.listen-address=, --data.retention=120h"),
        ("quay.io/prometheuscommunity/postgres-exporter", "--collector.stat_statements, --no-collector.wal"),
        (STATE, "'--resources=pods,cronjobs', --namespaces=app, --v=2"),
        (OPERATOR, "webhook, start, '--namespaces='"),
        ("example/other", "--unknown=1"),
        (f"{PROMETHEUS}, command: [/bin/prometheus-with-more]", "--unknown=1"),
    ],
)
def test_a_flag_that_a_program_takes(image: str, arguments: str) -> None:
    assert messages(pod(image, arguments)) == []


@pytest.mark.parametrize(
    ("address", "more", "said"),
    [
        (":9188", PORTS, True),
        ("0.0.0.0:9188", PORTS, True),
        (":9187", PORTS, False),
        ("127.0.0.1:9188", PORTS, False),
        (":9188", "", False),
    ],
)
def test_a_port_that_the_container_does_not_declare(address: str, more: str, said: bool) -> None:
    found = messages(
        pod("quay.io/prometheuscommunity/postgres-exporter", f"'--web.listen-address={address}'", more)
    )
    assert (
        found
        == ["--web.listen-address to postgres-exporter, on which its container has no port: it declares 9187."]
        * said
    )


def test_the_program_of_a_command_is_judged() -> None:
    assert program_of({"image": "example/any/prometheus", "command": ["/bin/prometheus"]})[0] == "prometheus"
    assert (
        program_of({"image": "prom/statsd-exporter", "command": ["/bin/statsd_exporter"]})[0] == "statsd-exporter"
    )


def test_a_value_is_not_repeated() -> None:
    assert "secret" not in rejected("int", "secret")


@pytest.mark.parametrize(("size", "beyond"), [("4GB", False), ("5GB", False), ("6GB", True), ("40GB", True)])
def test_what_prometheus_keeps_fits_its_volume(size: str, beyond: bool) -> None:
    text = f"""
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: a, namespace: app}}
spec:
  template:
    spec:
      containers:
        - name: a
          image: prom/prometheus
          args: [--storage.tsdb.path=/data, --storage.tsdb.retention.size={size}]
          volumeMounts: [{{name: data, mountPath: /data}}]
  volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{resources: {{requests: {{storage: 5Gi}}}}}}}}]
"""
    said = "--storage.tsdb.retention.size to prometheus, which is more than the volume at /data holds."
    assert messages(text) == [said] * beyond


@pytest.mark.parametrize(("path", "count"), [("/data", 0), ("/data/a", 0), ("/other", 1), ("/database", 1)])
def test_data_that_cannot_be_written(path: str, count: int) -> None:
    more = ", volumeMounts: [{name: a, mountPath: /data}], securityContext: {readOnlyRootFilesystem: true}"
    found = messages(pod(PROMETHEUS, f"--storage.tsdb.path={path}", more))
    assert [message.endswith("its root is read-only.") for message in found] == [True] * count


def test_a_flag_without_its_value() -> None:
    (message,) = messages(pod(PROMETHEUS, "--config.file=/a, --log.level"))
    assert message == "--log.level to prometheus, which needs a value."
