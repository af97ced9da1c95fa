"""A setting that no replacement reads is found, wherever the replacements are; what pods read is not judged."""

from pathlib import Path

import pytest

from harness.validate.check import validate

pytestmark = pytest.mark.tools

REPLACEMENT = r"""
  - source: {kind: ConfigMap, name: extra, fieldPath: 'data.web\.owner'}
    targets:
      - select: {kind: Deployment, name: web}
        fieldPaths: [metadata.annotations.owner]
        options: {create: true}
"""
DATA = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: app}\ndata: {web.owner: shop, other: a}\n"
)


def messages(root: Path) -> list[str]:
    return [finding.message for finding in validate(root, ("north",)).findings if finding.rule == "LH212"]


def test_a_transformer_reads_settings_as_well(sound: Path) -> None:
    app = sound / "overlays/north/app"
    (app / "extra.yaml").write_text(DATA)
    kind = "apiVersion: builtin\nkind: ReplacementTransformer\nmetadata: {name: settings}\n"
    (app / "settings.yaml").write_text(f"{kind}replacements:{REPLACEMENT}")
    kustomization = app / "kustomization.yaml"
    kustomization.write_text(f"{kustomization.read_text()}transformers: [settings.yaml]\n")
    assert messages(sound) == ["ConfigMap app/extra sets other, which no replacement reads: remove it."]


def test_what_a_pod_reads_is_not_judged(sound: Path) -> None:
    app = sound / "overlays/north/app"
    (app / "extra.yaml").write_text(DATA)
    kustomization, patch = app / "kustomization.yaml", app / "patch.yaml"
    kustomization.write_text(f"{kustomization.read_text()}replacements:{REPLACEMENT}")
    container = "{name: web, envFrom: [{configMapRef: {name: extra}}]}"
    patch.write_text(f"{patch.read_text()}  template: {{spec: {{containers: [{container}]}}}}\n")
    assert messages(sound) == []
