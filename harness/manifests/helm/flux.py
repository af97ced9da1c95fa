"""What a Flux HelmRelease renders a chart with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.manifests.helm.release import Layer, Release, escaped
from harness.manifests.helm.remote import RemoteChart
from harness.manifests.problem import Location
from harness.manifests.tree import Tree
from harness.manifests.values import dig, mapping


@dataclass(frozen=True)
class FluxChart:
    """A HelmRelease.

    Attributes:
        path: The chart's folder, where `chart` is empty.
        chart: A chart that is in no folder of a GitRepository.
        spec: Of the HelmRelease.
        files: The files of its chart that replace the chart's values.
        ignores_missing: Whether such a file may be missing.
        layers: Values from other resources.
    """

    name: str
    namespace: str
    path: str
    chart: RemoteChart | None
    spec: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    ignores_missing: bool = False
    layers: tuple[Layer, ...] = ()

    def release(self, tree: Tree, is_own: Callable[[str, str], bool]) -> Release:  # noqa: ARG002 - of Argo CD's alone
        """The release that it stands for."""
        release = Release(
            self.name,
            self.namespace,
            folder="" if self.chart else self.path,
            remote=self.chart,
            options={
                "skipCrds": dig(self.spec, "install", "crds") == "Skip",
                "skipTests": not dig(self.spec, "test", "enable"),
                "noDefaults": bool(self.files),
                "postRenderer": _post_renderer(self.spec),
                # Without its chart, the HelmRelease itself shows its own values.
                "shown": not self.layers,
            },
        )
        for path in self.files:
            if self.chart:
                release.add_inside(path, optional=self.ignores_missing)
            else:
                release.add_file(tree, path, Location(path), optional=self.ignores_missing)
        release.layers += self.layers
        if values := mapping(self.spec.get("values")):
            release.layers.append({"inline": json.dumps(values)})
        return release


def values_from(item: Mapping[str, Any], resource: Mapping[str, Any]) -> Layer | None:
    """The values that an item of `valuesFrom` takes from a ConfigMap; None where it has none."""
    text = mapping(resource.get("data")).get(str(item.get("valuesKey") or "values.yaml"))
    if not isinstance(text, str):
        return None
    path = item.get("targetPath")
    return {"set": f"{path}={escaped(text)}"} if path else {"inline": text}


def _post_renderer(spec: Mapping[str, Any]) -> dict[str, Any] | None:
    """The fields of a kustomization that does what its post-renderers do."""
    fields: dict[str, list[Any]] = {"patches": [], "images": []}
    for renderer in spec.get("postRenderers") or []:
        kustomize = mapping(mapping(renderer).get("kustomize"))
        for name in ("patches", "patchesJson6902"):
            fields["patches"] += [
                {**item, "patch": _text(item.get("patch"))} for item in map(mapping, kustomize.get(name) or [])
            ]
        fields["patches"] += [{"patch": _text(item)} for item in kustomize.get("patchesStrategicMerge") or []]
        fields["images"] += kustomize.get("images") or []
    return fields if any(fields.values()) else None


def _text(patch: Any) -> str:
    return patch if isinstance(patch, str) else json.dumps(patch)
