"""Workloads: budgets, autoscalers, ports and variables that contradict what stands beside them."""

import re
from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.kubernetes_yaml import Step
from harness.manifests.scaling import replicas, share, target_of
from harness.manifests.values import dig, mapping, mappings, sequence
from harness.validate.finding import Violation
from harness.validate.kubernetes.references import LH307
from harness.validate.kubernetes.secrets import Origins
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule

LH703: Final = ValidationRule(
    "LH703", "A disruption budget allows a disruption", "Draining the node of such a pod never ends."
)
LH704: Final = ValidationRule(
    "LH704", "One thing sets a workload's number of replicas", "Each resets what the other has set."
)
LH705: Final = ValidationRule(
    "LH705",
    "A port or container that is used by name is declared",
    "The probe fails, the policy allows nothing, or the container does not start.",
    is_about_absence=True,
    provided_by=frozenset({"labels"}),
)
LH706: Final = ValidationRule(
    "LH706", "Each port of a pod belongs to one container", "They share one address, so the second cannot listen."
)
LH707: Final = ValidationRule(
    "LH707",
    "A variable is defined before it is used",
    "The text `$(NAME)` reaches the program as it stands.",
    is_about_absence=True,
    provided_by=frozenset({"ConfigMap", "Secret", "ExternalSecret", "Service"}),
)

LH710: Final = ValidationRule(
    "LH710",
    "A CronJob's deadline leaves time to start it",
    "Kubernetes looks every ten seconds, and may never start it.",
)

_LEAST_DEADLINE: Final = 10
_SCALED: Final = ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController")
_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_REFERENCE: Final = re.compile(r"\$\$|\$\(([-._A-Za-z][-._A-Za-z0-9]*)\)")
_LIKE_A_VARIABLE: Final = re.compile(r"[A-Z_][A-Z0-9_]*")


def check(environment: Environment, origins: Origins) -> Iterator[Violation]:
    """Finds such contradictions."""
    yield from _budgets(environment)
    yield from _scalers(environment)
    yield from _policy_ports(environment)
    for pod in environment.pods:
        yield from _probes(pod)
        yield from _ports(pod)
        yield from _measured(pod)
        yield from _variables(environment, pod, origins)
    yield from _deadlines(environment)


def _deadlines(environment: Environment) -> Iterator[Violation]:
    for job in environment.of_kind("CronJob"):
        seconds = dig(job.value, "spec", "startingDeadlineSeconds")
        if isinstance(seconds, int) and seconds < _LEAST_DEADLINE:
            message = f"{job} may start no later than {seconds} s after its time, and is looked at every 10 s only."
            yield Violation(LH710, message, job, ("spec", "startingDeadlineSeconds"))


def replicas_of(environment: Environment, workload: BuiltResource) -> tuple[int, int]:
    """The least and the greatest number of a workload's replicas."""
    scaling = environment.scalers.get(target_of(workload.value))
    return replicas(workload.value, scaling[0].value if scaling else None)


def _budgets(environment: Environment) -> Iterator[Violation]:
    for budget in environment.of_kind("PodDisruptionBudget"):
        spec = mapping(budget.value.get("spec"))
        selector = spec.get("selector")
        if not isinstance(selector, dict):
            continue
        owners = {pod.owner for pod in environment.selected(budget.namespace, selector)}
        expected = sum(replicas_of(environment, owner)[0] for owner in owners if owner.kind in _SCALED)
        for name in ("maxUnavailable", "minAvailable"):
            number = share(spec.get(name), expected)
            allowed = number if name == "maxUnavailable" or number is None else expected - number
            if expected and allowed is not None and allowed <= 0:
                pods = "its only pod" if expected == 1 else f"all of its {expected} pods"
                message = f"{budget} keeps {pods} with {name} {spec[name]}, and so allows no disruption."
                yield Violation(LH703, message, budget, ("spec", name))


def _scalers(environment: Environment) -> Iterator[Violation]:
    for workload in environment.of_kind(*_SCALED):
        scaling = environment.scalers.get(target_of(workload.value), [])
        if scaling and dig(workload.value, "spec", "replicas") is not None:
            message = f"{workload} has a number of replicas, which {scaling[0]} sets as well."
            yield Violation(LH704, message, workload, ("spec", "replicas"))
        for other in scaling[1:]:
            message = f"{other} scales {workload}, which {scaling[0]} scales as well."
            yield Violation(LH704, message, other, ("spec", "scaleTargetRef"))


def _probes(pod: Pod) -> Iterator[Violation]:
    numbers = {port["containerPort"] for port in pod.ports() if isinstance(port.get("containerPort"), int)}
    for path, container, _ in pod.containers():
        declared = {str(port.get("name")) for port in mappings(container.get("ports"))}
        hooks = [("lifecycle", hook) for hook in ("postStart", "preStop")]
        for place in [*((probe,) for probe in _PROBES), *hooks]:
            for handler in ("httpGet", "tcpSocket"):
                port = dig(container, *place, handler, "port")
                if isinstance(port, str) and not port.isdigit() and port not in declared:
                    name, what = container.get("name"), place[-1]
                    message = f"{pod.owner} {name} uses the port {port} in its {what}, which it does not declare."
                    yield Violation(LH705, message, pod.owner, (*path, *place, handler, "port"))
                elif (
                    isinstance(port, int) and place[-1] in _PROBES and numbers and port not in numbers
                ):  # a hook may ask another pod
                    name, what = container.get("name"), place[-1]
                    has = ", ".join(map(str, sorted(numbers)))
                    message = f"{pod.owner} {name} asks port {port} in its {what}, and its pod declares {has}."
                    yield Violation(LH307, message, pod.owner, (*path, *place, handler, "port"))


def _policy_ports(environment: Environment) -> Iterator[Violation]:
    """A policy names a port as the pods declare it that are connected to."""
    everywhere = {str(port.get("name")) for pod in environment.pods for port in pod.ports()}
    for policy in environment.of_kind("NetworkPolicy"):
        spec = policy.value.get("spec")
        own = environment.selected(policy.namespace, mapping(dig(spec, "podSelector")))
        declared = {str(port.get("name")) for pod in own for port in pod.ports()}
        for direction, names in (("ingress", declared), ("egress", everywhere)):
            for index, rule in enumerate(mappings(dig(spec, direction))):
                for number, port in enumerate(mappings(rule.get("ports"))):
                    name = port.get("port")
                    if isinstance(name, str) and own and name not in names:
                        whose = "none of its pods declares" if direction == "ingress" else "no pod declares"
                        message = f"{policy} allows the port {name}, which {whose}."
                        yield Violation(LH705, message, policy, ("spec", direction, index, "ports", number))


def _ports(pod: Pod) -> Iterator[Violation]:
    owners: dict[tuple[str, str], str] = {}
    for path, container, first in pod.containers():
        # An init container has ended before the others start.
        for index, port in enumerate(mappings(container.get("ports")) if not first else ()):
            number, protocol = str(port.get("containerPort")), str(port.get("protocol", "TCP"))
            name = str(container.get("name"))
            other = owners.setdefault((number, protocol), name)
            if other != name:
                message = f"{pod.owner} {name} listens on port {number}, as {other} in the same pod does."
                place = (*path, "ports", str(port.get("name") or index), "containerPort")
                yield Violation(LH706, message, pod.owner, place)


def _measured(pod: Pod) -> Iterator[Violation]:
    """The containers whose requests and limits become a variable or a file."""
    names = {str(container.get("name")) for _, container, _ in pod.containers()}
    places: list[tuple[tuple[Step, ...], Any]] = [
        ((*path, "env", str(variable.get("name")), "valueFrom", "resourceFieldRef"), dig(variable, "valueFrom"))
        for path, container, _ in pod.containers()
        for variable in mappings(container.get("env"))
    ]
    for volume in mappings(pod.spec.get("volumes")):
        path: tuple[Step, ...] = (*pod.spec_path, "volumes", str(volume.get("name")))
        projected = [
            ((*path, "projected", "sources", index, "downwardAPI"), source.get("downwardAPI"))
            for index, source in enumerate(mappings(dig(volume, "projected", "sources")))
        ]
        for below, files in (((*path, "downwardAPI"), volume.get("downwardAPI")), *projected):
            for index, item in enumerate(mappings(dig(files, "items"))):
                places.append(((*below, "items", index, "resourceFieldRef"), item))
    for path, holder in places:
        name = dig(holder, "resourceFieldRef", "containerName")
        if name is not None and name not in names:
            message = f"{pod.owner} reads the resources of the container {name}, which it does not have."
            yield Violation(LH705, message, pod.owner, (*path, "containerName"))


def _variables(environment: Environment, pod: Pod, origins: Origins) -> Iterator[Violation]:
    linked = {f"{service.name.upper().replace('-', '_')}_" for service in environment.of_kind("Service")}
    linked.add("KUBERNETES_")
    for path, container, _ in pod.containers():
        known, complete = _from_elsewhere(pod, container, origins)
        variables = mappings(container.get("env"))
        names = [str(variable.get("name")) for variable in variables]
        texts = [
            ((*path, "env", name), variable.get("value")) for name, variable in zip(names, variables, strict=True)
        ]
        for index, (place, text) in enumerate(texts):
            for used in _used(text):
                if used in known or used in names[:index] or used.startswith(tuple(linked)):
                    continue
                if used in names[index:]:
                    said = "before it is defined: move it up"
                elif complete:
                    said = "which is not defined"
                else:
                    continue
                yield _undefined(pod, container, used, said, place)
        for field in ("command", "args"):
            for index, text in enumerate(sequence(container.get(field))):
                for used in _used(text):
                    # `$(date)` is a shell's.
                    unknown = used not in known and used not in names and not used.startswith(tuple(linked))
                    if complete and unknown and _LIKE_A_VARIABLE.fullmatch(used):
                        place = (*path, field, index)
                        yield _undefined(pod, container, used, "which is not defined", place)


def _undefined(pod: Pod, container: dict[str, Any], used: str, said: str, path: tuple[Any, ...]) -> Violation:
    comma = "" if said.startswith("before") else ","
    where = next(step for step in reversed(path) if isinstance(step, str))
    message = f"{pod.owner} {container.get('name')} uses $({used}) in {where}{comma} {said}."
    return Violation(LH707, message, pod.owner, path)


def _used(text: Any) -> list[str]:
    """The variables that Kubernetes would replace in a text; `$$` stands for a dollar sign."""
    return [name for name in _REFERENCE.findall(text) if name] if isinstance(text, str) else []


def _from_elsewhere(pod: Pod, container: dict[str, Any], origins: Origins) -> tuple[set[str], bool]:
    """The variables of `envFrom`, and whether these are all."""
    names: set[str] = set()
    complete = True
    for source in mappings(container.get("envFrom")):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if isinstance(source.get(field), dict):
                origin = origins.get((kind, pod.namespace, str(dig(source, field, "name"))))
                complete = complete and origin is not None and origin.keys is not None
                names |= {f"{source.get('prefix') or ''}{key}" for key in (origin and origin.keys) or ()}
    return names, complete
