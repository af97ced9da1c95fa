"""The Services that a pod names in commands, environment and mounted configuration."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, mappings, sequence, string_map
from harness.validate.model import Environment, Pod

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
        for name, place, port in _QUALIFIED.findall(text):
            yield place, name, int(port) if port else None
        for match in _SHORT.finditer(text):
            where = match["place"] or namespace
            # One bare word is a name only where it cannot be anything else.
            if (where, match["name"]) in self.known and (match["start"] or match["place"] or match["port"]):
                yield where, match["name"], int(match["port"]) if match["port"] else None


def service_names(environment: Environment) -> ServiceNames:
    known = frozenset((service.namespace, service.name) for service in environment.of_kind("Service"))
    return ServiceNames(known)


def names_in(environment: Environment, pod: Pod) -> Iterator[tuple[tuple[Step, ...], str, bool]]:
    """The texts in which a pod may name Services: (path, text, whether only an init container reads it)."""
    volumes = {
        str(volume.get("name")): str(dig(volume, "configMap", "name"))
        for volume in mappings(pod.spec.get("volumes"))
        if dig(volume, "configMap", "name")
    }
    if pod.role:
        for key, text in string_map(dig(pod.owner.value, "spec", "sparkConf")).items():
            yield (*pod.owner.inside, "spec", "sparkConf", str(key)), str(text), False
    for path, container, first in pod.containers():
        for field in ("command", "args"):
            for text in sequence(container.get(field)):
                yield (*path, field), str(text), first
        for variable in mappings(container.get("env")):
            if "value" in variable:
                name, text = str(variable.get("name")), str(variable["value"])
                address = _ADDRESS.search(name) and "//" not in text
                yield (*path, "env", name), f"//{text}" if address else text, first
        read = [volumes.get(str(mount.get("name"))) for mount in mappings(container.get("volumeMounts"))]
        read += [str(dig(source, "configMapRef", "name")) for source in mappings(container.get("envFrom"))]
        for mounted in read:
            config = environment.get("ConfigMap", pod.namespace, mounted) if mounted else None
            for text in string_map(config.value.get("data")).values() if config else ():
                yield path, str(text), first
