"""What pods ask for: requests and limits as the API server counts them, and how many pods there can be at once."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

from harness.manifests.pods import binary
from harness.manifests.quantity import quantity
from harness.manifests.scaling import share, whole
from harness.manifests.values import dig, mapping, mappings, string_map
from harness.validate.kubernetes.workloads import replicas_of
from harness.validate.model import BuiltResource, Environment, Pod
from harness.validate.texts.variables import variables_of

Amounts = dict[str, Fraction]
"""By the name of a quota: `requests.cpu`, `limits.memory`."""

_TASKS: Final = "AIRFLOW__CORE__PARALLELISM"
"""How many tasks a scheduler of Airflow runs at once, each in a pod of its own."""
_MEBIBYTE: Final = Fraction(1024**2)
_LEAST_OVERHEAD: Final = 384 * _MEBIBYTE


def container_amounts(container: dict[str, Any], defaults: dict[str, Amounts]) -> Amounts:
    """What a container asks for, with the defaults of its namespace's LimitRanges."""
    asked: dict[str, dict[str, Fraction]] = {}
    for kind in ("requests", "limits"):
        given = mapping(dig(container, "resources", kind))
        asked[kind] = {
            str(name): number for name, value in given.items() if (number := quantity(value)) is not None
        }
    # The API server first copies limits, then the admission plug-in adds what is missing.
    requests, limits = asked["limits"] | asked["requests"], asked["limits"]
    requests = defaults.get("defaultRequest", {}) | requests
    limits = defaults.get("default", {}) | limits
    return {f"requests.{name}": number for name, number in requests.items()} | {
        f"limits.{name}": number for name, number in limits.items()
    }


def pod_amounts(pod: Pod, defaults: dict[str, Amounts]) -> Amounts:
    """What a pod asks for: its containers together, or its largest init container beside the sidecars before it."""
    together: Amounts = {}
    peak: Amounts = {}
    for _, container, first in pod.containers():
        for name, number in container_amounts(container, defaults).items():
            so_far = together.get(name, Fraction())
            if first:
                peak[name] = max(peak.get(name, Fraction()), so_far + number)
            else:
                together[name] = so_far + number
    asked = together | {name: max(number, together.get(name, Fraction())) for name, number in peak.items()}
    if pod.role:
        overhead = _overhead(pod)
        asked |= {name: number + overhead for name, number in asked.items() if name.endswith(".memory")}
    return asked | container_amounts({"resources": pod.spec.get("resources")}, {})


def _overhead(pod: Pod) -> Fraction:
    """What Spark adds to a container's memory for everything outside of the Java heap."""
    spec = mapping(pod.owner.value.get("spec"))
    spec = mapping(spec.get("template")) or spec
    section = mapping(spec.get(pod.role))
    if (own := quantity(binary(section.get("memoryOverhead")))) is not None:
        return own
    factor = quantity(spec.get("memoryOverheadFactor"))
    if factor is None:
        factor = Fraction(1, 10) if spec.get("type") in ("Java", "Scala") else Fraction(2, 5)
    memory = quantity(binary(section.get("memory"))) or Fraction()
    return max(factor * memory // _MEBIBYTE * _MEBIBYTE, _LEAST_OVERHEAD)


def greatest(environment: Environment, pod: Pod) -> int:
    """How many pods of a template there are at most at once, during a rollout."""
    owner, spec = pod.owner, mapping(pod.owner.value.get("spec"))
    if pod.role:
        return _executors(spec) if pod.role == "executor" else 1
    if owner.parent is not None and owner.kind == "Pod":
        return max([1, *_tasks(environment, owner.parent)])
    if owner.kind == "PodTemplate":
        return 0
    if owner.kind in ("Job", "CronJob"):
        job = spec if owner.kind == "Job" else mapping(dig(spec, "jobTemplate", "spec"))
        at_once = whole(job.get("parallelism"), 1)
        return min(at_once, whole(job.get("completions"), at_once))
    count = replicas_of(environment, owner)[1]
    if owner.kind != "Deployment" or dig(spec, "strategy", "type") == "Recreate":
        return count
    return count + (share(dig(spec, "strategy", "rollingUpdate", "maxSurge") or "25%", count) or 0)


def _executors(spec: dict[str, Any]) -> int:
    """The most executors of a SparkApplication."""
    spec = mapping(spec.get("template")) or spec
    conf = string_map(spec.get("sparkConf"))
    if dig(spec, "dynamicAllocation", "enabled") or conf.get("spark.dynamicAllocation.enabled") == "true":
        most = dig(spec, "dynamicAllocation", "maxExecutors") or conf.get("spark.dynamicAllocation.maxExecutors")
    else:
        most = dig(spec, "executor", "instances") or conf.get("spark.executor.instances")
    return int(str(most)) if str(most).isdigit() else 1


def _tasks(environment: Environment, template: BuiltResource) -> Iterator[int]:
    """How many pods each program makes at once of a template that it mounts."""
    for pod in environment.pods:
        mounted = {str(dig(volume, "configMap", "name")) for volume in mappings(pod.spec.get("volumes"))}
        if pod.namespace != template.namespace or template.name not in mounted or pod.owner.parent:
            continue
        for place, container, _ in pod.containers():
            variables = {one.name: one.value for one in variables_of(environment, pod, place, container)}
            if (at_once := variables.get(_TASKS) or "").isdigit():
                yield int(at_once) * replicas_of(environment, pod.owner)[1]


def claims(environment: Environment) -> Iterator[tuple[BuiltResource, dict[str, Any], int]]:
    """The claims of an environment: (resource, the claim's spec, how many there are)."""
    for resource in environment.resources:
        if resource.kind == "PersistentVolumeClaim":
            yield resource, mapping(resource.value.get("spec")), 1
        elif resource.kind == "StatefulSet":
            for template in mappings(dig(resource.value, "spec", "volumeClaimTemplates")):
                yield resource, mapping(template.get("spec")), replicas_of(environment, resource)[1]
    for pod in environment.pods:
        for volume in mappings(pod.spec.get("volumes")):
            template = dig(volume, "ephemeral", "volumeClaimTemplate")
            if isinstance(template, dict):
                yield pod.owner, mapping(template.get("spec")), greatest(environment, pod)
