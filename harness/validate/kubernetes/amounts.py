"""Amounts: what pods and claims ask for, against quotas, limit ranges and the units that they are written in."""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from harness.manifests.kubernetes_yaml import Step
from harness.manifests.pods import SPARK_GROUP
from harness.manifests.quantity import quantity
from harness.manifests.values import dig, mapping, mappings, sequence
from harness.validate.finding import Violation
from harness.validate.kubernetes.api_resources import plural_of
from harness.validate.kubernetes.demand import Amounts, claims, container_amounts, greatest, pod_amounts
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.rule import ValidationRule

LH701: Final = ValidationRule(
    "LH701",
    "A namespace's pods and claims fit its quota at their greatest",
    "The API server rejects the last ones.",
)
LH702: Final = ValidationRule("LH702", "Containers and claims fit the LimitRange", "The API server rejects them.")
LH708: Final = ValidationRule(
    "LH708", "Memory and storage are whole bytes, and memory at least a mebibyte", "`512m` is half a byte."
)

LH709: Final = ValidationRule(
    "LH709",
    "The executors and cores of a Spark application are in order",
    "Spark refuses to start, or the API server refuses its pods.",
)

_MEBIBYTE: Final = 1024**2
_BYTES: Final = re.compile(r"(?:(?:requests|limits)\.)?(?:memory|storage|ephemeral-storage|hugepages-.*)|sizeLimit")
_COMPUTE: Final = re.compile(r"(?:requests|limits)\.(?:cpu|memory)")
_SHORT: Final = {
    "cpu": "requests.cpu",
    "memory": "requests.memory",
    "ephemeral-storage": "requests.ephemeral-storage",
}
_OF_CLASS: Final = ".storageclass.storage.k8s.io/"
_SHOWN: Final = 3


def check(environment: Environment) -> Iterator[Violation]:
    """Finds amounts that the API server refuses."""
    for quota in environment.of_kind("ResourceQuota"):
        yield from _quota(environment, quota)
    for limits in environment.of_kind("LimitRange"):
        yield from _limit_range(environment, limits)
    yield from _units(environment)
    for resource in environment.sound:
        if resource.group == SPARK_GROUP:
            yield from _spark(resource)


def _spark(resource: BuiltResource) -> Iterator[Violation]:
    """Amounts of a SparkApplication of which the first may not be above the second."""
    base: tuple[Step, ...] = ("spec",) if resource.kind == "SparkApplication" else ("spec", "template")
    spec = dig(resource.value, *base)
    dynamic = [("dynamicAllocation", name) for name in ("minExecutors", "initialExecutors", "maxExecutors")]
    roles = [((role, "coreRequest"), (role, "coreLimit")) for role in ("driver", "executor")]
    for low, high in ((dynamic[0], dynamic[1]), (dynamic[1], dynamic[2]), (dynamic[0], dynamic[2]), *roles):
        least, most = (dig(spec, *path) for path in (low, high))
        numbers = quantity(least), quantity(most)
        if numbers[0] is not None and numbers[1] is not None and numbers[0] > numbers[1]:
            where = "" if low[0] == "dynamicAllocation" else f" of its {low[0]}"
            message = f"{resource} has {low[1]} {least} above {high[1]} {most}{where}."
            yield Violation(LH709, message, resource, (*resource.inside, *base, *low))


def defaults_of(environment: Environment, namespace: str) -> dict[str, Amounts]:
    """What the LimitRanges of a namespace add to a container, as `default` and `defaultRequest`."""
    amounts: dict[str, Amounts] = {"default": {}, "defaultRequest": {}}
    for limits in environment.of_kind("LimitRange"):
        if limits.namespace != namespace:
            continue
        for item in mappings(dig(limits.value, "spec", "limits")):
            if item.get("type") != "Container":
                continue
            default = _numbers(item.get("max")) | _numbers(item.get("default"))
            request = default | _numbers(item.get("defaultRequest"))
            amounts["default"] = default | amounts["default"]
            amounts["defaultRequest"] = request | amounts["defaultRequest"]
    return amounts


def _numbers(value: Any) -> Amounts:
    return {str(name): number for name, text in mapping(value).items() if (number := quantity(text)) is not None}


def _quota(environment: Environment, quota: BuiltResource) -> Iterator[Violation]:
    namespace = quota.namespace
    defaults = defaults_of(environment, namespace)
    asked = [
        (pod, pod_amounts(pod, defaults), greatest(environment, pod))
        for pod in environment.pods
        if pod.namespace == namespace and _in_scope(quota, pod)
    ]
    for name, hard in _numbers(dig(quota.value, "spec", "hard")).items():
        key = _SHORT.get(name, name)
        parts = [(_called(pod), amounts.get(key, Fraction()) * count) for pod, amounts, count in asked]
        if key in ("pods", "count/pods"):
            parts = [(_called(pod), Fraction(count)) for pod, _, count in asked]
        elif key not in {known for _, amounts, _ in asked for known in amounts}:
            parts = list(_objects(environment, namespace, key))
        total = sum((number for _, number in parts), Fraction())
        if total > hard:
            most = sorted(parts, key=lambda part: -part[1])[:_SHOWN]
            who = ", ".join(f"{_shown(name, number)} by {who}" for who, number in most if number)
            wanted = f"{namespace} can ask for {_shown(name, total)}: {who}"
            message = f"{quota} allows {_shown(name, hard)} of {name}, and {wanted}."
            yield Violation(LH701, message, quota, ("spec", "hard", name))
        for pod, amounts, count in asked:
            if _COMPUTE.fullmatch(key) and count and not pod.role and key not in amounts:
                message = f"{pod.owner} sets no {key}, which {quota} requires of every pod."
                yield Violation(LH701, message, pod.owner, pod.spec_path)


def _called(pod: Pod) -> str:
    return f"{pod.owner.kind} {pod.owner.name}{f' ({pod.role}s)' if pod.role else ''}"


def _in_scope(quota: BuiltResource, pod: Pod) -> bool:
    """Whether a quota counts a pod."""
    spec = quota.value.get("spec")
    scopes = [{"scopeName": scope, "operator": "Exists"} for scope in sequence(dig(spec, "scopes"))]
    scopes += mappings(dig(spec, "scopeSelector", "matchExpressions"))
    if not scopes:
        return True
    ends = "activeDeadlineSeconds" in pod.spec
    best_effort = not pod_amounts(pod, {})
    priority = pod.spec.get("priorityClassName")
    held = {
        "Terminating": ends,
        "NotTerminating": not ends,
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
    }
    for one in scopes:
        operator, listed = one.get("operator"), priority in sequence(one.get("values"))
        if one.get("scopeName") == "PriorityClass":
            held["PriorityClass"] = {
                "Exists": priority is not None,
                "DoesNotExist": priority is None,
                "In": listed,
                "NotIn": not listed,
            }.get(str(operator), False)
        if not held.get(str(one.get("scopeName")), False):
            return False
    return True


def _objects(environment: Environment, namespace: str, key: str) -> Iterator[tuple[str, Fraction]]:
    """What counts against a quota on claims, or on a kind of resources."""
    storage_class, _, of_class = key.rpartition(_OF_CLASS)
    for resource, spec, count in claims(environment):
        if resource.namespace != namespace or storage_class not in ("", spec.get("storageClassName")):
            continue
        if of_class in ("persistentvolumeclaims", "count/persistentvolumeclaims"):
            yield f"{resource.kind} {resource.name}", Fraction(count)
        elif of_class == "requests.storage":
            size = quantity(dig(spec, "resources", "requests", "storage")) or Fraction()
            yield f"{resource.kind} {resource.name}", size * count
    for resource in environment.resources:
        if (
            resource.namespace == namespace
            and resource.kind != "PersistentVolumeClaim"
            and key in _counted(resource)
        ):
            yield resource.name, Fraction(1)


def _counted(resource: BuiltResource) -> Iterator[str]:
    """The quotas that count a resource."""
    plural = plural_of(resource.kind)
    yield f"count/{plural}.{resource.group}" if resource.group else f"count/{plural}"
    if not resource.group:
        yield plural
    if resource.kind == "Service":
        sort = dig(resource.value, "spec", "type")
        yield from ["services.loadbalancers"] if sort == "LoadBalancer" else []
        yield from ["services.nodeports"] if sort in ("LoadBalancer", "NodePort") else []


def _limit_range(environment: Environment, limits: BuiltResource) -> Iterator[Violation]:
    defaults = defaults_of(environment, limits.namespace)
    pods = [
        pod for pod in environment.pods if pod.namespace == limits.namespace and pod.owner.kind != "PodTemplate"
    ]
    for item in mappings(dig(limits.value, "spec", "limits")):
        if item.get("type") == "Container":
            for pod in pods:
                for path, container, _ in pod.containers():
                    who, amounts = f"{pod.owner} {container.get('name')}", container_amounts(container, defaults)
                    for said in (*_beyond(item, amounts), *_contradictions(amounts, container)):
                        message = f"{who} {said}, with {limits}."
                        yield Violation(LH702, message, pod.owner, (*path, "resources"))
        elif item.get("type") == "Pod":
            for pod in pods:
                for said in _beyond(item, pod_amounts(pod, defaults)):
                    yield Violation(LH702, f"{pod.owner} {said}, with {limits}.", pod.owner, pod.spec_path)
        elif item.get("type") == "PersistentVolumeClaim":
            for resource, spec, _ in claims(environment):
                size = quantity(dig(spec, "resources", "requests", "storage"))
                if resource.namespace == limits.namespace and size is not None:
                    amounts = {"requests.storage": size, "limits.storage": size}
                    for said in _beyond(item, amounts):
                        yield Violation(LH702, f"{resource} {said}, with {limits}.", resource, ("spec",))


def _beyond(item: dict[str, Any], amounts: Amounts) -> Iterator[str]:
    """How amounts break one item of a LimitRange."""
    for name, least in _numbers(item.get("min")).items():
        request = amounts.get(f"requests.{name}")
        if request is None:
            yield f"requests no {name}, and must request at least {_shown(name, least)}"
        elif request < least:
            yield f"requests {_shown(name, request)} of {name}, and must request at least {_shown(name, least)}"
    for name, most in _numbers(item.get("max")).items():
        limit = amounts.get(f"limits.{name}")
        if limit is None:
            yield f"has no limit of {name}, and may have at most {_shown(name, most)}"
        elif limit > most:
            yield f"has a limit of {_shown(name, limit)} of {name}, and may have at most {_shown(name, most)}"
    for name, ratio in _numbers(item.get("maxLimitRequestRatio")).items():
        request, limit = (amounts.get(f"{kind}.{name}") for kind in ("requests", "limits"))
        if request and limit and limit / request > ratio:
            times = f"{float(limit / request):g} times its request, and may have {float(ratio):g} times"
            yield f"has a limit of {name} {times}"


def _contradictions(amounts: Amounts, container: dict[str, Any]) -> Iterator[str]:
    """Requests above a limit of which one is a LimitRange's; the API server judges those that both stand there."""
    given = {kind: mapping(dig(container, "resources", kind)) for kind in ("requests", "limits")}
    for key, request in amounts.items():
        kind, _, name = key.partition(".")
        limit = amounts.get(f"limits.{name}")
        both_given = name in given["requests"] and name in given["limits"]
        if kind == "requests" and limit is not None and request > limit and not both_given:
            yield f"requests {_shown(name, request)} of {name} above its limit of {_shown(name, limit)}"


def _shown(name: str, number: Fraction) -> str:
    """An amount as people write it."""
    if not re.search(r"memory|storage", name):
        return f"{float(number):g}"
    for letter, power in (("Gi", 3), ("Mi", 2), ("Ki", 1)):
        if number >= 1024**power:
            return f"{float(round(number / 1024**power, 2)):g}{letter}"
    return f"{float(number):g}"


def _units(environment: Environment) -> Iterator[Violation]:
    for resource, path, value in _byte_fields(environment):
        number = quantity(value)
        if number is None or number <= 0:
            continue
        if number.denominator != 1:
            said = "which is no whole number of bytes: m stands for thousandths"
        elif str(path[-1]).rpartition(".")[2] == "memory" and number < _MEBIBYTE and path[-2] != "hard":
            said = "which is less than a mebibyte: add a unit such as Mi"
        else:
            continue
        yield Violation(LH708, f"{resource} sets {path[-1]} to {value}, {said}.", resource, path)


def _byte_fields(environment: Environment) -> Iterator[tuple[BuiltResource, tuple[Step, ...], Any]]:
    """Every field that is an amount of bytes."""
    for pod in environment.pods:
        holders: list[tuple[tuple[Step, ...], Any]] = [((*pod.spec_path, "resources"), pod.spec.get("resources"))]
        holders += [((*path, "resources"), container.get("resources")) for path, container, _ in pod.containers()]
        for path, resources in holders:
            for kind in ("requests", "limits"):
                for name, value in mapping(dig(resources, kind)).items():
                    # Spark writes `512m` for mebibytes, which is no quantity.
                    if _BYTES.fullmatch(str(name)):
                        yield pod.owner, (*path, kind, str(name)), value
        for index, volume in enumerate(mappings(pod.spec.get("volumes"))):
            size = dig(volume, "emptyDir", "sizeLimit")
            place = (*pod.spec_path, "volumes", str(volume.get("name") or index), "emptyDir", "sizeLimit")
            yield pod.owner, place, size
    for resource in environment.resources:
        spec = resource.value.get("spec")
        if resource.kind == "ResourceQuota":
            yield from _in_mapping(resource, ("spec", "hard"), dig(spec, "hard"))
        elif resource.kind == "LimitRange":
            for index, item in enumerate(mappings(dig(spec, "limits"))):
                for name in ("min", "max", "default", "defaultRequest"):
                    yield from _in_mapping(resource, ("spec", "limits", index, name), item.get(name))
        elif resource.kind == "PersistentVolumeClaim":
            yield from _in_mapping(resource, ("spec", "resources", "requests"), dig(spec, "resources", "requests"))
        for index, template in enumerate(mappings(dig(spec, "volumeClaimTemplates"))):
            place = ("spec", "volumeClaimTemplates", index, "spec", "resources", "requests")
            yield from _in_mapping(resource, place, dig(template, *place[3:]))


def _in_mapping(
    resource: BuiltResource, path: tuple[Step, ...], value: Any
) -> Iterator[tuple[BuiltResource, tuple[Step, ...], Any]]:
    for name, amount in mapping(value).items():
        if _BYTES.fullmatch(str(name)):
            yield resource, (*path, str(name)), amount
