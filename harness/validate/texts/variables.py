"""The variables of containers, as far as the manifests say what they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, mappings, string_map
from harness.validate.model import BuiltResource, Environment, Pod


@dataclass(frozen=True)
class Variable:
    """A variable of a container.

    Attributes:
        value: None where the container takes it from elsewhere.
        resource: What sets it: the pod's owner, or a ConfigMap.
        path: The field that sets it.
    """

    name: str
    value: str | None
    resource: BuiltResource
    path: tuple[Step, ...]


def each_variable(environment: Environment) -> Iterator[Variable]:
    """The variables of all containers; one that several of them take from a ConfigMap is there once."""
    seen: set[tuple[str, str, tuple[Step, ...]]] = set()
    for pod in environment.pods:
        for place, container, _ in pod.containers():
            for variable in variables_of(environment, pod, place, container):
                key = (variable.resource.key, variable.name, variable.path)
                if key not in seen:
                    seen.add(key)
                    yield variable


def variables_of(
    environment: Environment, pod: Pod, place: tuple[Step, ...], container: dict[str, Any]
) -> Iterator[Variable]:
    """Those of ConfigMaps first, which its own ones override; `place` is the container's path."""
    for source in mappings(container.get("envFrom")):
        config = environment.get("ConfigMap", pod.namespace, str(dig(source, "configMapRef", "name")))
        if config is None:
            continue
        prefix = str(source.get("prefix") or "")
        for key, text in string_map(config.value.get("data")).items():
            yield Variable(prefix + key, text, config, ("data", key))
    for item in mappings(container.get("env")):
        name = str(item.get("name"))
        value = None if "valueFrom" in item else str(item.get("value") or "")
        yield Variable(name, value, pod.owner, (*place, "env", name))
