"""What a Flux HelmRelease renders a chart with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from harness.manifests.helm.release import Layer, Release
from harness.manifests.helm.remote import RemoteChart
from harness.manifests.problem import Location
from harness.manifests.tree import Tree
from harness.manifests.values import dig, mapping, string_map

VALUES_KEY: Final = "values.yaml"


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
        common = common_metadata(self.spec)
        release = Release(
            self.name,
            self.namespace,
            folder="" if self.chart else self.path,
            remote=self.chart,
            options={
                "skipCrds": dig(self.spec, "install", "crds") == "Skip",
                "skipTests": not dig(self.spec, "test", "enable"),
                "noDefaults": bool(self.files),
                "postRenderer": _post_renderer(self.spec, is_needed=any(common.values())),
                # Without its chart, the HelmRelease itself shows its own values.
                "shown": not self.layers,
            },
        )
        release.after_build = common if any(common.values()) else {}
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
    text = mapping(resource.get("data")).get(str(item.get("valuesKey") or VALUES_KEY))
    if not isinstance(text, str):
        return None
    path = item.get("targetPath")
    if not path:
        return {"inline": text}
    if item.get("literal"):
        return {"setLiteral": f"{path}={text}"}
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return {"setString": f"{path}={text[1:-1]}"} if quoted else {"set": f"{path}={text}"}


def common_metadata(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What Flux adds to all resources, as tools/builder takes it (type afterBuild)."""
    common = mapping(spec.get("commonMetadata"))
    return {name: string_map(common.get(name)) for name in ("labels", "annotations")}


def _post_renderer(spec: Mapping[str, Any], *, is_needed: bool) -> dict[str, Any] | None:
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
    return fields if is_needed or any(fields.values()) else None


def _text(patch: Any) -> str:
    return patch if isinstance(patch, str) else json.dumps(patch)
