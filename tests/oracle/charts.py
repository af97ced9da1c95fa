"""Helm charts whose templates only name values, rendered without Helm; and variables, substituted without Flux."""

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

Values = Mapping[str, Any]
_ACTION: Final = re.compile(r"\{\{ \.(Values|Release)\.(\w+) \}\}")
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::[=-]([^}]*))?\}")


def is_chart(folder: Path) -> bool:
    return (folder / "Chart.yaml").is_file()


def rendered(chart: Path, name: str, layers: Sequence[Values], *, defaults: bool = True) -> list[str] | None:
    """The manifests that a chart renders to; None where a template does more than to name a value."""
    values: dict[str, Any] = {}
    for layer in (*([read(chart / "values.yaml")] if defaults else []), *layers):
        values |= layer
    known = {"Values": values, "Release": {"Name": name}}
    texts = [
        _ACTION.sub(lambda match: str(known[match[1]].get(match[2], "")), path.read_text(encoding="utf-8"))
        for path in sorted((chart / "templates").glob("**/*"))
        if path.is_file()
    ]
    return None if any("{{" in text for text in texts) or (chart / "charts").exists() else texts


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def application(tree: Path, name: str, folder: str, helm: Values) -> list[str] | None:
    """What Argo CD deploys of a chart."""
    files = [
        read(tree / (file[1:] if file.startswith("/") else posixpath.join(folder, file)))
        for file in helm.get("valueFiles", [])
    ]
    inline = helm.get("valuesObject") or yaml.safe_load(helm.get("values", "")) or {}
    parameters = {item["name"]: item["value"] for item in helm.get("parameters", [])}
    return rendered(tree / folder, helm.get("releaseName") or name, [*files, inline, parameters])


def helm_release(tree: Path, name: str, folder: str, spec: Values) -> list[str] | None:
    """What Flux deploys of a chart."""
    files = [read(tree / file) for file in spec["chart"]["spec"].get("valuesFiles", [])]
    layers = [*files, spec.get("values", {})]
    return rendered(tree / folder, spec.get("releaseName") or name, layers, defaults=not files)


def inflate(tree: Path, file: Path, fields: dict[str, Any]) -> None:
    """Writes what the charts of a kustomization render to beside it, and names that instead of them."""
    folder = file.parent
    home = folder / fields.get("helmGlobals", {}).get("chartHome", "charts")
    texts: list[str] = []
    for item in fields["helmCharts"]:
        chart = home / item["name"]
        if not is_chart(chart):
            return
        own = [read(folder / item["valuesFile"])] if "valuesFile" in item else []
        more = [read(folder / name) for name in item.get("additionalValuesFiles", [])]
        layers = [*own, item.get("valuesInline", {}), *more]
        made = rendered(chart, item.get("releaseName", "release-name"), layers)
        if made is None:
            return
        texts += made
    (folder / "inflated.yaml").write_text("---\n".join(texts), encoding="utf-8")
    rest = {key: value for key, value in fields.items() if key not in ("helmCharts", "helmGlobals")}
    rest["resources"] = [*(fields.get("resources") or []), "inflated.yaml"]
    file.write_text(json.dumps(rest), encoding="utf-8")


def substituted(text: str, variables: Mapping[str, str], *, is_complete: bool) -> str:
    """A manifest with the values of its variables; one that is unknown stays unless the variables are complete."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in variables and not is_complete:
            return match[0]
        return variables.get(match[1]) or match[2] or ""

    return _VARIABLE.sub(value, text)
