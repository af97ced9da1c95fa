"""What a custom resource's schema no longer accepts."""

from collections.abc import Iterator
from typing import Any, Final

from harness.manifests.values import canonical, dig, mapping, sequence, strings
from harness.review.fieldpath import path_text

Narrowing = tuple[str, str]
"""(what is no longer accepted, as the end of a sentence; path in the schema)"""

_LOWER: Final = ("minimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "maxLength", "maxItems", "maxProperties")
_EXACT: Final = ("pattern", "format", "multipleOf", "uniqueItems", "exclusiveMinimum", "exclusiveMaximum", "not")
_COMBINED: Final = ("allOf", "anyOf", "oneOf")
_OPEN: Final = "x-kubernetes-preserve-unknown-fields"
_CHECKS: Final = "x-kubernetes-validations"


def narrowings(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[Narrowing]:
    """What a schema accepts that its successor does not."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    here = path_text(path) or "it"
    for sentence in _narrowed(before, after):
        yield f"{here} {sentence}", path_text(path)
    old, new = mapping(before.get("properties")), mapping(after.get("properties"))
    for name, schema in old.items():
        if name in new:
            yield from narrowings(schema, new[name], (*path, name))
        elif after.get(_OPEN) is not True:
            yield f"{path_text((*path, name))} is removed", path_text((*path, name))
    for name in ("items", "additionalProperties"):
        yield from narrowings(before.get(name), after.get(name), path)


def _narrowed(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    types = [before.get("type"), after.get("type")]
    if types[1] and types[0] != types[1] and types != ["integer", "number"]:
        yield f"has type {types[1]} instead of {types[0] or 'any'}"
    allowed = [{canonical(item): item for item in sequence(side.get("enum"))} for side in (before, after)]
    if allowed[1] and not allowed[0]:
        yield f"accepts only {', '.join(map(str, allowed[1].values()))}"
    elif gone := [str(item) for key, item in allowed[0].items() if allowed[1] and key not in allowed[1]]:
        yield f"no longer accepts {', '.join(gone)}"
    if required := sorted(set(strings(after.get("required"))) - set(strings(before.get("required")))):
        yield f"requires {', '.join(required)}"
    for names, sign in ((_LOWER, 1), (_UPPER, -1)):
        for name in names:
            old, new = before.get(name), after.get(name)
            if isinstance(new, int | float) and (not isinstance(old, int | float) or sign * (new - old) > 0):
                yield f"has {name} {new}, was {'not set' if old is None else old}"
    for name in _EXACT:
        if after.get(name) and canonical(before.get(name)) != canonical(after.get(name)):
            yield f"has another {name}"
    for name in _COMBINED:
        if after.get(name) and canonical(before.get(name)) != canonical(after.get(name)):
            yield f"has other conditions in {name}"
    rules = {canonical(dig(item, "rule")) for item in sequence(before.get(_CHECKS))}
    for item in sequence(after.get(_CHECKS)):
        if canonical(dig(item, "rule")) not in rules:
            yield f"has the new condition {dig(item, 'rule')}"
    if before.get("nullable") is True and after.get("nullable") is not True:
        yield "no longer accepts null"
    if before.get(_OPEN) is True and after.get(_OPEN) is not True:
        yield "drops unknown fields"
    if before.get("additionalProperties") not in (None, False) and after.get("additionalProperties") in (
        None,
        False,
    ):
        yield "no longer accepts other keys"
