"""The files that pods read from ConfigMaps."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.manifests.values import dig, mappings, string_map
from harness.validate.model import BuiltResource, Environment, Pod


@dataclass(frozen=True)
class MountedFile:
    """A key of a ConfigMap, at the path at which a container reads it."""

    config: BuiltResource
    key: str
    path: str
    container: dict[str, Any]


def mounted_files(environment: Environment) -> Iterator[MountedFile]:
    for pod in environment.pods:
        volumes = {str(volume.get("name")): volume for volume in mappings(pod.spec.get("volumes"))}
        for _, container, _ in pod.containers():
            for mount in mappings(container.get("volumeMounts")):
                at, below = str(mount.get("mountPath") or ""), str(mount.get("subPath") or "")
                for config, key, name in _files(environment, pod, volumes.get(str(mount.get("name")), {})):
                    if not below or name == below:
                        yield MountedFile(config, key, at if below else posixpath.join(at, name), container)


def _files(environment: Environment, pod: Pod, volume: dict[str, Any]) -> Iterator[tuple[BuiltResource, str, str]]:
    """The ConfigMap, key and file name of each file in a volume."""
    for source in (volume, *mappings(dig(volume, "projected", "sources"))):
        config = environment.get("ConfigMap", pod.namespace, str(dig(source, "configMap", "name")))
        if config is None:
            continue
        items = mappings(dig(source, "configMap", "items"))
        names = {str(item.get("key")): str(item.get("path")) for item in items} or {
            key: key for key in string_map(config.value.get("data"))
        }
        yield from ((config, key, name) for key, name in names.items())


def mount_paths(environment: Environment) -> dict[tuple[str, str, str], set[str]]:
    """The paths at which pods read the keys of ConfigMaps, by namespace, name and key."""
    paths: dict[tuple[str, str, str], set[str]] = {}
    for file in mounted_files(environment):
        paths.setdefault((file.config.namespace, file.config.name, file.key), set()).add(file.path)
    return paths


def mounted_places(container: Mapping[str, Any]) -> list[str]:
    """The paths at which a container mounts volumes."""
    return [posixpath.normpath(str(mount.get("mountPath"))) for mount in mappings(container.get("volumeMounts"))]
