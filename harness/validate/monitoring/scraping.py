"""What Prometheus scrapes: the pods that its configuration discovers, by their labels and annotations."""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Final

from harness.errors import closest
from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.regular_expressions import readable
from harness.manifests.values import dig, mappings, string_map, strings
from harness.validate.finding import Violation
from harness.validate.kubernetes.hosts import texts_of
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule
from harness.validate.texts.parsed import json_line, yaml_documents

LH716: Final = ValidationRule(
    "LH716",
    "A pod that asks to be scraped is discovered",
    "Prometheus never asks it, and no alert says so.",
    is_about_absence=True,
    provided_by=frozenset({"ConfigMap"}),
)

Targets = dict[Pod, list[tuple[Pod, int]]]
"""What each pod discovers by the configuration that it reads: pods and their ports."""

_SCRAPE: Final = "prometheus.io/scrape"
_BY_ANNOTATION: Final = "annotation_prometheus_io_scrape"
_PREFIX: Final = "prometheus.io/"
_ANNOTATION: Final = re.compile(r"_annotation_(prometheus_io_\w+)")
_META: Final = "__meta_kubernetes_"
_NO_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
_GROUP: Final = re.compile(r"\$(?:\{(\w+)\}|(\d+))")
_ADDRESS: Final = "pod"
_ENDPOINTS: Final = ("endpoints", "endpointslice")


def check(environment: Environment, targets: Targets) -> Iterator[Violation]:
    """Finds pods whose annotation asks for what no configuration of Prometheus does."""
    yield from _of_no_pod(environment)
    yield from _of_no_namespace(environment)
    configured = [
        text
        for config in environment.of_kind("ConfigMap")
        for text in string_map(config.value.get("data")).values()
        if _BY_ANNOTATION in text
    ]
    if not configured:
        return
    read = {name for text in configured for name in _ANNOTATION.findall(text)}
    scraped = {pod.owner for discovered in targets.values() for pod, _ in discovered}
    for pod in environment.pods:
        annotations, path = string_map(pod.metadata.get("annotations")), (*pod.path, "metadata", "annotations")
        if annotations.get(_SCRAPE, "false") != "false" and pod.owner not in scraped:
            message = f"{pod.owner} asks to be scraped, and Prometheus does not discover it on any of its ports."
            yield Violation(LH716, message, pod.owner, path)
        for name in annotations:
            if name.startswith(_PREFIX) and _NO_LABEL.sub("_", name) not in read:
                message = f"{pod.owner} has the annotation {name}, which no scrape configuration reads."
                yield Violation(LH716, message, pod.owner, (*path, name))


def _of_no_pod(environment: Environment) -> Iterator[Violation]:
    """Finds discoveries that select pods by a value that no pod has of a label that some have."""
    values: dict[str, set[str]] = {}
    for pod in environment.pods:
        for name, value in pod.labels.items():
            values.setdefault(name, set()).add(value)
    for config, key, path, discovery in _discoveries(environment):
        for inner, selector in enumerate(mappings(discovery.get("selectors"))):
            given = str(selector.get("label") or "") if selector.get("role") == "pod" else ""
            for label in given.replace("==", "=").replace(" ", "").split(","):
                name, equals, value = label.partition("=")
                if equals and name in values and value not in values[name]:
                    close = closest(value, values[name])
                    instead = f": use {close}" if close else ""
                    message = f"{config} discovers in {key} by the label {label}, which no pod has{instead}."
                    yield _violation(message, config, key, (*path, "selectors", inner, "label"))


def _of_no_namespace(environment: Environment) -> Iterator[Violation]:
    """Finds discoveries in namespaces that nothing is in."""
    for config, key, path, discovery in _discoveries(environment):
        for inner, name in enumerate(strings(dig(discovery, "namespaces", "names"))):
            if name not in environment.namespaces and (close := closest(name, environment.namespaces)):
                message = f"{config} discovers in {key} in the namespace {name}, which does not exist: use {close}."
                yield _violation(message, config, key, (*path, "namespaces", "names", inner))


def _violation(message: str, config: BuiltResource, key: str, path: FieldPath) -> Violation:
    return Violation(LH716, message, config, ("data", key), json_line(config.value["data"][key], path))


def _discoveries(environment: Environment) -> Iterator[tuple[BuiltResource, str, FieldPath, dict[str, Any]]]:
    """Each discovery of the scrape jobs, with its ConfigMap, key and path in the text."""
    for config in environment.of_kind("ConfigMap"):
        for key, text in string_map(config.value.get("data")).items():
            if "scrape_configs:" not in text or not ("selectors:" in text or "namespaces:" in text):
                continue
            for document in yaml_documents(text):
                for index, job in enumerate(mappings(dig(document, "scrape_configs"))):
                    for number, discovery in enumerate(mappings(job.get("kubernetes_sd_configs"))):
                        yield config, key, ("scrape_configs", index, "kubernetes_sd_configs", number), discovery


def targets_of(environment: Environment, refused: Container[tuple[BuiltResource, str]] = ()) -> Targets:
    """The targets by the configurations that Prometheus does not refuse."""
    return {pod: list(dict.fromkeys(_discovered(environment, pod, refused))) for pod in environment.pods}


def _discovered(
    environment: Environment, prometheus: Pod, refused: Container[tuple[BuiltResource, str]]
) -> Iterator[tuple[Pod, int]]:
    for text in texts_of(environment, prometheus):
        if text.config is None or text.config in refused or "scrape_configs:" not in text.value:
            continue
        documents = yaml_documents(text.value)
        for job in (job for document in documents for job in mappings(dig(document, "scrape_configs"))):
            for discovery in mappings(job.get("kubernetes_sd_configs")):
                for pod, labels in _candidates(environment, discovery, prometheus.namespace):
                    kept = relabelled(labels, mappings(job.get("relabel_configs")))
                    port = str((kept or {}).get("__address__")).rpartition(":")[2]
                    if port.isdigit():
                        yield pod, int(port)


def kubelets_of(environment: Environment, prometheus: Pod) -> tuple[BuiltResource, str] | None:
    """The configuration by which a pod asks the kubelet of each node; None where it has none."""
    for text in texts_of(environment, prometheus):
        for document in yaml_documents(text.value) if text.config and "role: node" in text.value else ():
            for job in mappings(dig(document, "scrape_configs")):
                roles = [
                    str(discovery.get("role")).lower() for discovery in mappings(job.get("kubernetes_sd_configs"))
                ]
                elsewhere = any(
                    rule.get("target_label") == "__address__" for rule in mappings(job.get("relabel_configs"))
                )
                if "node" in roles and not elsewhere:
                    return text.config
    return None


def relabelled(labels: Mapping[str, str], rules: list[dict[str, Any]]) -> dict[str, str] | None:
    """A target's labels after relabelling, as Prometheus does it; None where it is dropped."""
    result = dict(labels)
    for rule in rules:
        action = str(rule.get("action", "replace")).lower()
        separator = str(rule.get("separator", ";"))
        value = separator.join(result.get(name, "") for name in strings(rule.get("source_labels")))
        if (pattern := readable(str(rule.get("regex", "(.*)")), len(value))) is None:
            return None
        match = pattern.fullmatch(value)
        target = str(rule.get("target_label", ""))
        if (action == "keep" and not match) or (action == "drop" and match):
            return None
        if action in ("keepequal", "dropequal") and (value == result.get(target, "")) is (action == "dropequal"):
            return None
        if action == "replace" and match:
            result[_filled(target, match)] = _filled(str(rule.get("replacement", "$1")), match)
        elif action in ("lowercase", "uppercase"):
            result[target] = value.lower() if action == "lowercase" else value.upper()
    return result


def _filled(template: str, match: re.Match[str]) -> str:
    def group(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except IndexError:
            return ""

    return _GROUP.sub(group, template)


def _candidates(
    environment: Environment, discovery: dict[str, Any], own: str
) -> Iterator[tuple[Pod, dict[str, str]]]:
    """What one discovery lists, before it is relabelled: one for each port."""
    namespaces = strings(dig(discovery, "namespaces", "names"))
    namespaces += [own] if dig(discovery, "namespaces", "own_namespace") else []
    role = str(discovery.get("role")).lower()
    for pod in environment.pods:
        if namespaces and pod.namespace not in namespaces:
            continue
        if role == "pod" and _selected(discovery, pod.labels, role):
            yield from ((pod, labels) for labels in _of_pod(pod))
    for service in environment.of_kind("Service") if role in _ENDPOINTS else ():
        if (namespaces and service.namespace not in namespaces) or not _selected(discovery, service.labels, role):
            continue
        selector = dig(service.value, "spec", "selector")
        for pod in environment.selected(service.namespace, {"matchLabels": selector}) if selector else ():
            for labels in _of_pod(pod):
                yield (
                    pod,
                    labels
                    | _described("service", service.labels, service.annotations)
                    | {f"{_META}service_name": service.name},
                )


def _selected(discovery: dict[str, Any], labels: Mapping[str, str], role: str) -> bool:
    for selector in mappings(discovery.get("selectors")):
        for requirement in str(selector.get("label") or "").split(",") if selector.get("role") == role else ():
            name, _, value = requirement.partition("=")
            if name and value and labels.get(name.strip("! ")) != value.strip("= ") and not name.endswith("!"):
                return False
    return True


def _of_pod(pod: Pod) -> Iterator[dict[str, str]]:
    labels = _described("pod", pod.labels, string_map(pod.metadata.get("annotations"))) | {
        f"{_META}namespace": pod.namespace,
        f"{_META}pod_name": pod.owner.name,
        f"{_META}pod_phase": "Running",
        f"{_META}pod_ready": "true",
        f"{_META}pod_ip": _ADDRESS,
        "__address__": _ADDRESS,
    }
    ports = [
        (container, port)
        for _, container, first in pod.containers()
        for port in mappings(container.get("ports"))
        if not first
    ]
    for container, port in ports:
        number = str(port.get("containerPort"))
        yield labels | {
            f"{_META}pod_container_name": str(container.get("name")),
            f"{_META}pod_container_port_name": str(port.get("name") or ""),
            f"{_META}pod_container_port_number": number,
            f"{_META}endpoint_port_name": str(port.get("name") or ""),
            "__address__": f"{_ADDRESS}:{number}",
        }
    if not ports:
        yield labels


def _described(what: str, labels: Mapping[str, str], annotations: Mapping[str, str]) -> dict[str, str]:
    return {
        f"{_META}{what}_{sort}_{_NO_LABEL.sub('_', name)}": value
        for sort, items in (("label", labels), ("annotation", annotations))
        for name, value in items.items()
    }
