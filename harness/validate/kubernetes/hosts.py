"""The Services that a pod names in commands, environment and mounted configuration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from harness.manifests.kubernetes_yaml import FieldPath
from harness.manifests.values import dig, mappings, sequence, string_map
from harness.validate.model import BuiltResource, Environment, Pod

_QUALIFIED: Final = re.compile(
    r"(?<![\w-])([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\.([a-z0-9-]+)\.svc\b(?:\.cluster\.local)?(?::(\d+))?"
)
_SHORT: Final = re.compile(
    r"(?:(?P<start>//|@)|(?:^|(?<=[\s,=\"'])))(?P<name>[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)(?:\.(?P<place>[a-z0-9-]+))?"
    r"(?::(?P<port>\d{2,5})\b|(?=[/\s\"',]|$))"
)
_ADDRESS: Final = re.compile(r"HOST|SERVER|ENDPOINT|ADDR|URL|URI")
"""Variables whose value is an address even when it is one bare word."""


@dataclass(frozen=True)
class ServiceNames:
    """Recognises the Services of an environment in text."""

    known: frozenset[tuple[str, str]]

    def named(self, text: str, namespace: str) -> Iterator[tuple[str, str, int | None]]:
        """The Services that a text names, seen from a namespace, as (namespace, name, port or None).

        `name.namespace.svc` is one in any case; `name.namespace` and `name` only where such a Service exists.
        """
        yield from _named(self.known, text, namespace)


@lru_cache(maxsize=4_000)
def _named(known: frozenset[tuple[str, str]], text: str, namespace: str) -> tuple[tuple[str, str, int | None], ...]:
    """Found once: several rules read the same texts, and many pods the same configuration."""
    named: list[tuple[str, str, int | None]] = [
        (place, name, int(port) if port else None) for name, place, port in _QUALIFIED.findall(text)
    ]
    for match in _SHORT.finditer(text):
        where = match["place"] or namespace
        # One bare word is a name only where it cannot be anything else.
        if (where, match["name"]) in known and (match["start"] or match["place"] or match["port"]):
            named.append((where, match["name"], int(match["port"]) if match["port"] else None))
    return tuple(dict.fromkeys(named))


def service_names(environment: Environment) -> ServiceNames:
    known = frozenset((service.namespace, service.name) for service in environment.of_kind("Service"))
    return ServiceNames(known)


@dataclass(frozen=True)
class PodText:
    """A text in which a pod may name hosts.

    Attributes:
        path: The field of the pod's owner.
        first: Whether only an init container reads it.
        config: The ConfigMap that has it, and its key; None where it is in the pod's own manifest.
    """

    path: FieldPath
    value: str
    first: bool = False
    config: tuple[BuiltResource, str] | None = None

    def place(self, pod: Pod, name: str, port: int | None) -> tuple[BuiltResource, FieldPath, int | None]:
        """The resource and the field that name a Service, and the line of the text in it."""
        if self.config is None:
            return pod.owner, self.path, None
        config, key = self.config
        named = re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])" + (rf".*:{port}\b" if port else ""))
        lines = enumerate(self.value.splitlines(), 1)
        return config, ("data", key), next((number for number, line in lines if named.search(line)), None)


def texts_of(environment: Environment, pod: Pod) -> Iterator[PodText]:
    """Commands, arguments, environment and mounted configuration of a pod.

    Manifests that it submits are not among them: what these name is other pods' to use.
    """
    volumes = {
        str(volume.get("name")): str(dig(volume, "configMap", "name"))
        for volume in mappings(pod.spec.get("volumes"))
        if dig(volume, "configMap", "name")
    }
    if pod.role:
        for key, text in string_map(dig(pod.owner.value, "spec", "sparkConf")).items():
            yield PodText((*pod.owner.inside, "spec", "sparkConf", str(key)), str(text))
    for path, container, first in pod.containers():
        for field in ("command", "args"):
            for text in sequence(container.get(field)):
                yield PodText((*path, field), str(text), first)
        for variable in mappings(container.get("env")):
            if "value" in variable:
                name = str(variable.get("name"))
                yield PodText((*path, "env", name), _address(name, str(variable["value"])), first)
        mounts = {volumes.get(str(mount.get("name"))) for mount in mappings(container.get("volumeMounts"))}
        sources = {str(dig(source, "configMapRef", "name")) for source in mappings(container.get("envFrom"))}
        for name in sorted({name for name in mounts if name} | sources):
            config = environment.get("ConfigMap", pod.namespace, name)
            for key, text in string_map(config.value.get("data")).items() if config else ():
                if config and (config.key, key) not in environment.submitted:
                    yield PodText(path, _address(key, text) if name in sources else text, first, (config, key))


def _address(variable: str, value: str) -> str:
    """A variable's value, marked as an address where its name says so."""
    return f"//{value}" if _ADDRESS.search(variable) and "//" not in value else value
