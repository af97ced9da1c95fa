"""Schemas: strict kubeconform for the supported Kubernetes versions and the CRDs in use.

Nothing is fetched while validating: Kubernetes' schemas come with the package `kubernetes-validate`, those of
custom resources from the CRDs in the rendered output, and for operators that the cluster brings itself from their
Go module.
"""

import importlib.metadata
import importlib.util
import json
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from harness.errors import HarnessError
from harness.files import scratch, write
from harness.machine.cache import built, content_key
from harness.machine.process import telling_line
from harness.manifests.cache import Cache, in_cache
from harness.manifests.custom_resources import CRD_MODULES, definitions_of
from harness.manifests.kubernetes_yaml import Step
from harness.manifests.values import dig, pointer_steps
from harness.validate import answers
from harness.validate.finding import Violation
from harness.validate.model import BuiltResource
from harness.validate.rule import ValidationRule

LH201: Final = ValidationRule(
    "LH201", "A resource matches its schema", "The API server rejects it or drops the field.", engine="kubeconform"
)
LH202: Final = ValidationRule(
    "LH202", "A resource's kind is known", "Without its CRD it cannot be applied.", engine="kubeconform"
)

KUBERNETES_VERSIONS: Final = ("1.34.0", "1.35.0", "1.36.0", "1.37.0")
"""The four newest minor versions: what the Kubernetes project and EKS support."""

_ERROR: Final = re.compile(r"- at '([^']*)': (.*?)(?=\s+- at '|\s*$)")
_UNKNOWN: Final = re.compile(r"additional properties (.*) not allowed")
_FORMAT: Final = "3"
"""Raised when what is cached changes its meaning."""
_PACKAGE: Final = "kubernetes-validate"


class Definitions:
    """What defines the custom resources in use: their manifests, else the operator's Go module."""

    def __init__(self, resources: Sequence[BuiltResource]) -> None:
        self._deployed = [item for item in resources if item.kind == "CustomResourceDefinition"]
        groups = {str(dig(item.value, "spec", "group")) for item in self._deployed}
        self._modules = sorted(({item.group for item in resources} & CRD_MODULES.keys()) - groups)

    @property
    def key(self) -> str:
        pins = [":".join(CRD_MODULES[group]) for group in self._modules]
        return content_key(*sorted({item.key for item in self._deployed}), *pins)

    def values(self) -> list[dict[str, Any]]:
        modules = (definition for group in self._modules for definition in definitions_of(group))
        return [*(item.value for item in self._deployed), *modules]


def check(resources: Sequence[BuiltResource]) -> list[Violation]:
    """Validates resources against their schemas.

    Raises:
        HarnessError: The schemas or kubeconform are unavailable.
    """
    from harness.machine.tools import tool_folder

    schemas = custom_schemas(resources)
    state = content_key(
        tool_folder("kubeconform").name, _package_version(), schemas.name, *KUBERNETES_VERSIONS, _FORMAT
    )
    known = answers.about(resources, Cache("conformance"), state, lambda new: _conform(new, schemas))
    return [violation for resource in resources for violation in _violations(resource, known[resource.key])]


def malformed(violations: Iterable[Violation]) -> dict[str, list[tuple[Step, ...]]]:
    """The fields that break a schema, by the resource's content key."""
    fields: dict[str, list[tuple[Step, ...]]] = {}
    for violation in violations:
        if violation.rule is LH201:
            unknown = _UNKNOWN.search(violation.message)
            names = re.findall(r"'([^']*)'", unknown[1]) if unknown else []
            paths = [(*violation.path, name) for name in names] or [violation.path]
            fields.setdefault(violation.resource.key, []).extend(paths)
    return fields


def _violations(resource: BuiltResource, results: dict[str, str]) -> Iterable[Violation]:
    """The violations of one resource; `results` has each version's errors as JSON."""
    by_error: dict[tuple[str, str], list[str]] = {}
    for version, errors in results.items():
        for path, message in json.loads(errors):
            by_error.setdefault((path, _in_order(message)), []).append(version.rpartition(".")[0])
    for (path, message), versions in by_error.items():
        if path == "?":
            api = resource.value.get("apiVersion")
            yield Violation(
                LH202, f"{resource}: no schema is known for {api} {resource.kind}.", resource, ("kind",)
            )
            continue
        where = "" if len(versions) == len(KUBERNETES_VERSIONS) else f" (Kubernetes {', '.join(versions)})"
        steps = tuple(int(step) if step.isdigit() else step for step in pointer_steps(path) if step)
        place = f" at {path}" if path else ""
        yield Violation(LH201, f"{resource}: {message}{place}{where}.", resource, steps)


def _in_order(message: str) -> str:
    """A message with the names of unknown fields in order: kubeconform has them in another each time.

    >>> _in_order("additional properties 'b', 'a' not allowed")
    "additional properties 'a', 'b' not allowed"
    """
    unknown = _UNKNOWN.search(message)
    return message.replace(unknown[1], ", ".join(sorted(unknown[1].split(", ")))) if unknown else message


def _conform(resources: list[BuiltResource], crd_schemas: Path) -> dict[str, dict[str, str]]:
    errors_of: dict[str, dict[str, str]] = {resource.key: {} for resource in resources}
    schemas = {version: _kubernetes_schemas(version, resources) for version in KUBERNETES_VERSIONS}
    judged = {version: _same_schemas(resources, schemas, version) for version in KUBERNETES_VERSIONS}
    with scratch("conform-") as folder:
        for index, resource in enumerate(resources):
            text = json.dumps(resource.value, ensure_ascii=False)  # YAML has no surrogate pairs
            for version in {versions[index] for versions in judged.values()}:
                (folder / version).mkdir(exist_ok=True)
                (folder / version / f"{index}.json").write_text(text, encoding="utf-8")
        with ThreadPoolExecutor(2) as pool:
            answers = pool.map(
                lambda version: _kubeconform(folder / version, version, schemas[version], crd_schemas),
                KUBERNETES_VERSIONS,
            )
            by_version = dict(zip(KUBERNETES_VERSIONS, answers, strict=True))
    for version, versions in judged.items():
        for index, resource in enumerate(resources):
            if (errors := by_version[versions[index]].get(index)) is not None:
                errors_of[resource.key][version] = json.dumps(errors)
    return errors_of


def _same_schemas(resources: list[BuiltResource], schemas: dict[str, Path], version: str) -> list[str]:
    """For each resource, the first version that has the same schema of it: custom resources have one for all."""
    same = {
        name: next(
            other
            for other in KUBERNETES_VERSIONS
            if _schema_key(schemas[other] / name) == _schema_key(schemas[version] / name)
        )
        for name in {_schema_name(resource) for resource in resources}
    }
    return [same[_schema_name(resource)] for resource in resources]


@lru_cache(maxsize=10_000)
def _schema_key(file: Path) -> str:
    return content_key(file) if file.is_file() else ""


def _kubeconform(folder: Path, version: str, schemas: Path, crd_schemas: Path) -> dict[int, list[tuple[str, str]]]:
    """The errors of one version by the resource's index: (path, message); path `?` for an unknown kind."""
    from harness.machine.tools import ask

    if not folder.is_dir():
        return {}
    options = ["-strict", "-output", "json", "-n", "2", "-kubernetes-version", version]
    options += ["-schema-location", f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"]
    options += [
        "-schema-location",
        f"{crd_schemas}/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json",
    ]
    done = ask("kubeconform", *options, str(folder))
    try:
        answer = json.loads(done.stdout)["resources"]
    except (ValueError, KeyError):
        said = telling_line(done.stderr or done.stdout)
        raise HarnessError(f"kubeconform failed ({said}): run 'harness doctor'.") from None
    errors_of: dict[int, list[tuple[str, str]]] = {}
    for item in answer or []:
        index = int(Path(item["filename"]).stem)
        if item["status"] == "statusError" and "could not find schema" in item["msg"]:
            errors_of[index] = [("?", "")]
        elif item.get("validationErrors"):
            # Its list has only the outermost error of each branch; the message has them all.
            errors = [(path, said) for path, said in _ERROR.findall(item["msg"]) if said != "validation failed"]
            errors_of[index] = errors or [
                (str(error["path"]), str(error["msg"])) for error in item["validationErrors"]
            ]
        elif item["status"] in ("statusInvalid", "statusError"):
            errors_of[index] = [("", telling_line(str(item["msg"])))]
    return errors_of


def _package_version() -> str:
    try:
        return importlib.metadata.version(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise HarnessError(f"The Python package {_PACKAGE} is not installed: run 'make setup'.") from None


def _kubernetes_schemas(version: str, resources: Iterable[BuiltResource]) -> Path:
    """A folder with self-contained schemas of the kinds in use."""
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or spec.origin is None:
        raise HarnessError(f"The Python package {_PACKAGE} is broken: run 'make setup'.")
    source = Path(spec.origin).parent / "kubernetes-json-schema" / f"v{version}-local-strict"
    names = {_schema_name(resource) for resource in resources}
    return in_cache(lambda folder: _bundled(names, source, folder / "schemas" / f"{_package_version()}-{version}"))


def _bundled(names: set[str], source: Path, target: Path) -> Path:
    definitions: dict[str, Any] | None = None
    for name in sorted(names):
        if (target / name).exists() or not (source / name).is_file():
            continue
        if definitions is None:
            definitions = json.loads((source / "_definitions.json").read_bytes())["$defs"]
        target.mkdir(parents=True, exist_ok=True)
        bundled = bundle(json.loads((source / name).read_bytes()), definitions)
        write(target / name, json.dumps(bundled))
    return target


def _schema_name(resource: BuiltResource) -> str:
    version = str(resource.value.get("apiVersion") or "").rpartition("/")[2]
    group = f"-{resource.group.partition('.')[0]}" if resource.group else ""
    return f"{resource.kind}{group}-{version}.json".lower()


def bundle(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Makes a schema self-contained: includes what it references in `_definitions.json`."""
    needed: dict[str, Any] = {}

    def rewrite(value: Any) -> Any:
        if isinstance(value, list):
            return [rewrite(item) for item in value]
        if not isinstance(value, dict):
            return value
        result = {
            key: rewrite(item) for key, item in value.items() if key != "description" or isinstance(item, dict)
        }
        reference = value.get("$ref")
        if isinstance(reference, str):
            name = reference.rpartition("/")[2]
            if name not in needed:
                needed[name] = None
                needed[name] = rewrite(definitions[name])
            result["$ref"] = f"#/$defs/{name}"
        return result

    bundled: dict[str, Any] = rewrite(schema)
    return bundled | {"$defs": needed}


def custom_schemas(resources: Sequence[BuiltResource]) -> Path:
    """A folder with a strict JSON schema for each version of each custom resource."""
    definitions = Definitions(resources)

    def build(aside: Path) -> None:
        for definition in definitions.values():
            for version in dig(definition, "spec", "versions") or []:
                schema = dig(version, "schema", "openAPIV3Schema")
                if isinstance(schema, dict):
                    kind = str(dig(definition, "spec", "names", "kind")).lower()
                    path = aside / str(dig(definition, "spec", "group")) / f"{kind}_{version['name']}.json"
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(json.dumps(custom_schema(schema)), encoding="utf-8")

    def below(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return built(folder / f"crds-{definitions.key}", build)

    return in_cache(below)


def custom_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A CRD's OpenAPI schema as a strict JSON schema: an unknown field is an error.

    The API server drops such fields without a word, which is why strictness matters. Structural schemas are
    described in Kubernetes' documentation of CustomResourceDefinitions.
    """
    result: dict[str, Any] = _strict(schema)
    result.setdefault("properties", {})
    result["properties"] |= {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    return result


def _strict(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties"):
            result[key] = {name: _strict(item) for name, item in value.items()}
        elif key in ("items", "additionalProperties", "not"):
            result[key] = _strict(value)
        elif key in ("allOf", "anyOf", "oneOf"):
            # These only narrow what the properties beside them declare, so they stay open.
            result[key] = value
        elif key in ("type", "enum", "required", "pattern", "format") or key.startswith(("min", "max")):
            result[key] = value
    if schema.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
        result["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get("x-kubernetes-embedded-resource"):
        result.setdefault("properties", {})
        result["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {}}
    opened = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if "properties" in result and not opened:
        result["additionalProperties"] = False
    if schema.get("nullable") and isinstance(result.get("type"), str):
        result["type"] = [result["type"], "null"]
    return result
