"""What the API server refuses, by its own code: defaults, validation, and CRDs' schemas and CEL rules.

`tools/apiserver` does with each resource what the API server of the test clusters' version does with one to create.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from harness.errors import HarnessError
from harness.machine.cache import content_key
from harness.machine.process import telling_line
from harness.manifests.cache import Cache
from harness.manifests.kubernetes_yaml import FieldPath, Step
from harness.manifests.pods import pods_of
from harness.manifests.quantity import quantity
from harness.manifests.values import dig, dig_named, mapping, mappings, sequence
from harness.validate import answers
from harness.validate.finding import Violation
from harness.validate.kubernetes.schemas import LH201, Definitions
from harness.validate.model import BuiltResource, Pod
from harness.validate.rule import ValidationRule

LH203: Final = ValidationRule(
    "LH203", "The API server accepts a resource", "It cannot be created, and no sync succeeds.", engine="apiserver"
)
LH213: Final = ValidationRule(
    "LH213",
    "A resource needs no feature gate that is off by default",
    "The API server refuses it.",
    engine="apiserver",
)
LH214: Final = ValidationRule(
    "LH214",
    "An operator can read the durations and schedules of a custom resource",
    "It does not start the resource, or stops itself; the API server takes any text there.",
    engine="Go's and cron's parsers",
)

Refusal = list[Any]
"""The role of the Spark pod that it is about, else empty; field, reason and detail, as the API server has them;
whether it would accept that with feature gates that are off by default."""

VERSION: Final[FieldPath] = ("apiVersion",)
"""The field of a resource whose version is served no more."""
_STEP: Final = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
_LONGEST: Final = 400
_REQUIRED: Final = "FieldValueRequired"
_ALLOCATED: Final = ("spec.healthCheckNodePort", _REQUIRED)
"""What the API server sets itself before it validates."""
_PRIVILEGED: Final = "disallowed by cluster policy"
"""What API servers refuse only without --allow-privileged; all that run in clusters have it."""
_UNREADABLE: Final = "Decode"
_REMOVED: Final = "Removed"
_BY_OPERATOR: Final = "Format"
_DROPPED: Final = "Dropped"
_GO_FIELD: Final = re.compile(r"(?:json: )?(cannot unmarshal .*) into Go struct field \w+\.(\S+) of type (\S+)")
_GO_RULE: Final = re.compile(r'Invalid value: \{"Rule":("(?:[^"\\]|\\.)*").*?\}: ')
_INVALID: Final = re.compile(r'Invalid value: ("(?:[^"\\]|\\.)*")')
_NOT_FOUND: Final = re.compile(r'Not found: "([^"]*)"')
_ONLY_VERSION: Final = ("spec", "validation")
"""Where the API server has the schema of a definition of one version."""
_LIMIT: Final = re.compile(r"must be less than or equal to (\S+) limit")
_AMOUNTS: Final = frozenset({"averageValue", "divisor", "maxSize", "sizeLimit", "storage"})
_AMOUNTS_BY_NAME: Final = frozenset(
    {"capacity", "default", "defaultRequest", "hard", "limits", "max", "maxLimitRequestRatio", "min", "requests"}
    | {"overhead", "podFixed"}
)
"""Fields whose own fields are amounts."""


def check(resources: Sequence[BuiltResource], malformed: Sequence[Violation]) -> list[Violation]:
    """The violations of resources that differ in content.

    Args:
        resources: Those of all environments.
        malformed: What the schemas already found in them, which is not reported a second time.

    Raises:
        HarnessError: The program is unavailable.
    """
    from harness.machine.tools import tool_folder

    reported: dict[str, set[tuple[Step, ...]]] = {}
    for violation in malformed:
        reported.setdefault(violation.resource.key, set()).add(violation.path)
    definitions = Definitions(resources)
    state = content_key(tool_folder("apiserver").name, definitions.key)
    known = answers.about(
        resources, Cache("apiserver"), state, lambda new: _refusals(new, definitions.values(), reported.keys())
    )
    return [
        violation
        for resource in resources
        for refusal in known[resource.key]
        if not _is_of_volume(resource, refusal)
        for violation in _violation(resource, refusal, reported.get(resource.key, set()))
    ]


def _refusals(
    resources: Sequence[BuiltResource], definitions: list[dict[str, Any]], malformed: Any
) -> dict[str, list[Refusal]]:
    from harness.machine.tools import ask

    asked: list[tuple[str, str, str]] = []
    for resource in resources:
        asked.append((resource.key, "", _named(resource)))
        if resource.key not in malformed:
            asked += [(resource.key, pod.role, json.dumps(_as_pod(pod))) for pod in pods_of(resource) if pod.role]
    text = json.dumps({"definitions": definitions, "resources": [value for _, _, value in asked]})
    done = ask("apiserver", "create", text=text)
    if done.returncode != 0:
        raise HarnessError(f"apiserver failed ({telling_line(done.stderr)}): run 'harness doctor'.")
    refusals: dict[str, list[Refusal]] = {resource.key: [] for resource in resources}
    for said in json.loads(done.stdout):
        key, role, _ = asked[said["index"]]
        refusals[key].append([role, said["field"], said["reason"], said["detail"], said["gated"]])
    return refusals


def _named(resource: BuiltResource) -> str:
    """The resource as JSON; the program that submits a template from a ConfigMap names it."""
    if resource.parent is None or resource.name or dig(resource.value, "metadata", "generateName"):
        return resource.as_json.decode()
    metadata = {**mapping(resource.value.get("metadata")), "name": "template"}
    return json.dumps({**resource.value, "metadata": metadata})


def _as_pod(pod: Pod) -> dict[str, Any]:
    """A Spark pod as it is submitted: the operator itself declares the volumes that Spark's configuration names."""
    declared = {volume.get("name") for volume in mappings(pod.spec.get("volumes"))}
    mounted = {
        str(mount.get("name"))
        for _, container, _ in pod.containers()
        for mount in mappings(container.get("volumeMounts"))
    }
    added = [{"name": name} for name in sorted(mounted - declared) if name.startswith("spark-")]
    spec = {**pod.spec, "volumes": [*mappings(pod.spec.get("volumes")), *added]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**pod.metadata, "name": pod.role}, "spec": spec}


def _is_of_volume(resource: BuiltResource, refusal: Refusal) -> bool:
    """Whether it is only that a volume, which is there, is refused itself."""
    _, field, _, detail, _ = refusal
    missing = _NOT_FOUND.match(detail)
    return bool(
        missing
        and ".volumeMounts[" in field
        and any(
            volume.get("name") == missing[1]
            for pod in pods_of(resource)
            for volume in mappings(pod.spec.get("volumes"))
        )
    )


def _violation(resource: BuiltResource, refusal: Refusal, reported: set[tuple[Step, ...]]) -> Iterator[Violation]:
    role, field, reason, detail, gated = refusal
    if (field, reason) == _ALLOCATED or detail.endswith(_PRIVILEGED):
        return
    steps = steps_of(field)
    if limited := _LIMIT.search(detail):
        steps = (*steps, limited[1])
    if reason == _UNREADABLE and "quantities must match" in detail and not role:
        steps = next(_no_quantities(resource.value), ())
        field = ".".join(map(str, steps))
    missing = reason == _REQUIRED and steps[:-1] in reported
    if reported and reason != _REMOVED and (not steps or steps in reported or missing):
        return
    if reason == _UNREADABLE and not role and (unread := _GO_FIELD.search(detail)):
        field, detail = unread[2], f"{unread[1]} into {unread[3]}"
        steps = steps_of(field)
    if steps[:2] == _ONLY_VERSION and resource.kind == "CustomResourceDefinition":
        steps = ("spec", "versions", 0, "schema", *steps[2:])
        field = field.replace("spec.validation", "spec.versions[0].schema", 1)
    detail = _GO_RULE.sub(lambda found: f"Invalid value: {json.dumps(json.loads(found[1]))}: ", detail)
    said = detail if len(detail) <= _LONGEST else f"{detail[: _LONGEST // 2]} … {detail[-_LONGEST // 2 :]}"
    subject = f"{resource} {role}".strip()
    where = f"{field}: " if steps else ""
    path = (
        next(pod.spec_path for pod in pods_of(resource) if pod.role == role)
        if role
        else _by_name(resource.value, steps)
    )
    if not role and (invalid := _INVALID.match(detail)):
        path = _entry(resource.value, path, json.loads(invalid[1]))
    rule = {_UNREADABLE: LH201, _BY_OPERATOR: LH214}.get(reason, LH213 if gated else LH203)
    if reason == _DROPPED:
        yield Violation(
            rule, f"{subject} loses {field}: the API server leaves it out, and says nothing.", resource, path
        )
        return
    verdict = "cannot be read by its operator" if rule is LH214 else "is refused"
    yield Violation(rule, f"{subject} {verdict}: {where}{said.rstrip('.')}.", resource, path)


def _no_quantities(value: Any, path: FieldPath = ()) -> Iterator[FieldPath]:
    """The fields that hold an amount and cannot be read: the API server names none of them."""
    if isinstance(value, dict):
        for key, item in value.items():
            is_amount = key in _AMOUNTS or (path and path[-1] in _AMOUNTS_BY_NAME)
            if is_amount and isinstance(item, str) and quantity(item) is None:
                yield (*path, key)
            yield from _no_quantities(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _no_quantities(item, (*path, index))


def steps_of(field: str) -> tuple[Step, ...]:
    """The steps of a field as the API server names it.

    >>> steps_of("spec.containers[0].resources.limits[nvidia.com/gpu]")
    ('spec', 'containers', 0, 'resources', 'limits', 'nvidia.com/gpu')
    """
    steps = [key or name for key, name in _STEP.findall(field)]
    return tuple(int(step) if step.isdigit() else step for step in steps)


def _by_name(value: Any, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps with items of lists by their name: a patch has others before them than the result."""
    named: list[Step] = []
    for step in steps:
        if isinstance(step, int):
            items = sequence(value)
            value = items[step] if step < len(items) else None
            named.append(str(dig(value, "name") or step) if isinstance(dig(value, "name"), str) else step)
        else:
            if step not in mapping(value) and step in mapping(dig(value, "metadata")):
                named.append("metadata")  # the API server names the labels of a pod template without it
                value = dig(value, "metadata")
            value = dig(value, step)
            named.append(step)
    return tuple(named)


def _entry(value: Any, path: tuple[Step, ...], wrong: str) -> tuple[Step, ...]:
    """The path of the one entry of a mapping that is wrong: the API server names the mapping."""
    entries = mapping(dig_named(value, path))
    wrongs = [key for key, item in entries.items() if wrong in (key, item)]
    return (*path, wrongs[0]) if len(wrongs) == 1 else path
