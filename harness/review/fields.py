"""Compares two versions of a resource field by field, and folds differences without effect."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from harness.manifests.generated_names import Names
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.pods import TEMPLATES
from harness.manifests.quantity import quantity
from harness.manifests.values import canonical, same
from harness.review.fieldpath import FieldPath, Inside, Key, Step, path_text
from harness.review.lists import KeyOf, key_of, ordered
from harness.review.model import FieldChange, FieldKind
from harness.review.secrecy import Scope

GENERATED_NAME: Final = "generated name"
CHECKSUM: Final = "checksum"
MANAGED: Final = "managed label"
SERVER: Final = "field of the server"
ORDER: Final = "order without meaning"
QUANTITY: Final = "spelling of a quantity"
NUMBER: Final = "spelling of a number"
LAYOUT: Final = "layout of the YAML"

_MANAGED_KEYS: Final = frozenset(
    {
        "app.kubernetes.io/managed-by",
        "helm.sh/chart",
        "chart",
        "heritage",
        "argocd.argoproj.io/tracking-id",
        "argocd.argoproj.io/installation-id",
        "meta.helm.sh/release-name",
        "meta.helm.sh/release-namespace",
        "kustomize.toolkit.fluxcd.io/checksum",
        "config.kubernetes.io/origin",
        "config.k8s.io/id",
        "internal.config.kubernetes.io/index",
    }
)
_SELECTED: Final = ("Pod", "Namespace", "PersistentVolume")
"""Kinds that others select by their labels."""
_IMMUTABLE: Final[dict[str, tuple[FieldPath, ...]]] = {
    "PersistentVolumeClaim": (("spec",),),
    "StatefulSet": (("spec", "volumeClaimTemplates"), ("spec", "selector")),
    **dict.fromkeys(("Deployment", "DaemonSet", "ReplicaSet", "Job"), (("spec", "selector"),)),
}
"""Fields whose lists the API server compares item by item, and rejects in another order."""
_CHECKSUM_KEY: Final = re.compile(
    r"(?:^|.*[/.-])(?:checksum|config-?hash|configmap-?hash|secret-?hash)(?:[/.-].*|$)"
)
_DIGEST: Final = re.compile(r"[0-9a-fA-F]{8,128}|sha256:[0-9a-f]{64}")
_SERVER_METADATA: Final = frozenset(
    {"creationTimestamp", "resourceVersion", "uid", "generation", "selfLink", "managedFields"}
)
_QUANTITY_PARENTS: Final = frozenset(
    {"requests", "limits", "hard", "capacity", "allocatable", "default", "defaultRequest", "max", "min", "podFixed"}
)
_QUANTITY_NAME: Final = re.compile(
    r"cpu|memory|storage|ephemeral-storage|pods|hugepages-.*|(?:requests|limits|count)[./].*|[\w.-]+/[\w.-]+"
)
_DOCUMENT: Final = re.compile(r".*\.(?:ya?ml|json)")
_MAX_DOCUMENT: Final = 2_000_000
_ALIKE: Final = 0.4
"""The share of equal leaves from which on two items without a key are taken to be the same one."""


@dataclass
class Fields:
    changes: list[FieldChange] = field(default_factory=list)
    paths: list[FieldPath] = field(default_factory=list)
    folded: Counter[str] = field(default_factory=Counter)
    folded_paths: list[tuple[str, FieldPath]] = field(default_factory=list)


_NO_NAMES: Final = Names()


def compare(
    before: dict[str, Any],
    after: dict[str, Any],
    before_names: Names = _NO_NAMES,
    after_names: Names = _NO_NAMES,
    passwords: frozenset[str] = frozenset(),
) -> Fields:
    """Compares two versions of a resource.

    The values of secrets do not enter the result; `passwords` are names that a schema declares to be such.
    """
    comparison = _Comparison(after, before_names, after_names, passwords)
    comparison.value(before, after, ())
    return comparison.fields


class _Comparison:
    def __init__(
        self, resource: dict[str, Any], before_names: Names, after_names: Names, passwords: frozenset[str]
    ) -> None:
        self.fields = Fields()
        self._group = str(resource.get("apiVersion") or "").rpartition("/")[0]
        self._kind = str(resource.get("kind") or "")
        self._scope = Scope(self._group, self._kind, known=passwords)
        self._before_names, self._after_names = before_names, after_names

    def _is_exact(self, path: FieldPath) -> bool:
        """Whether another order matters: pods of another template restart, and an immutable field is rejected."""
        inner = _inner(path)
        if any(inner[: len(prefix)] == prefix for prefix in _IMMUTABLE.get(self._kind, ())):
            return True
        template = TEMPLATES.get(self._kind)
        return template is not None and inner[: len(template)] == template and inner[:1] != ("metadata",)

    def value(self, before: Any, after: Any, path: FieldPath) -> None:
        if same(before, after):
            return
        outer = self._scope
        self._scope = outer.at(path, before, after)
        self._differing(before, after, path)
        self._scope = outer

    def _differing(self, before: Any, after: Any, path: FieldPath) -> None:
        if isinstance(before, dict) and isinstance(after, dict):
            self._mapping(before, after, path)
        elif isinstance(before, list) and isinstance(after, list):
            self._list(before, after, path)
        else:
            self._scalar(before, after, path)

    def _mapping(self, before: dict[str, Any], after: dict[str, Any], path: FieldPath) -> None:
        for key in (*before, *(key for key in after if key not in before)):
            here = (*path, key)
            if key not in after:
                self._one_side(before[key], here, FieldKind.REMOVED)
            elif key not in before:
                self._one_side(after[key], here, FieldKind.ADDED)
            else:
                self.value(before[key], after[key], here)

    def _one_side(self, value: Any, path: FieldPath, kind: FieldKind) -> None:
        if self._fold_by_place(path, value, value):
            return
        outer = self._scope
        self._scope = outer.at(path, value)
        by_key = path[-1] in ("labels", "annotations") or self._scope.mapping_of_secrets(path)
        if isinstance(value, dict) and value and by_key:
            for key, item in value.items():
                self._one_side(item, (*path, key), kind)
            self._scope = outer
            return
        self._scope = outer
        if kind is FieldKind.ADDED:
            self._change(kind, path, None, value)
        else:
            self._change(kind, path, value, None)

    def _scalar(self, before: Any, after: Any, path: FieldPath) -> None:
        if self._fold_by_place(path, before, after):
            return
        if _is_quantity(path) and quantity(before) is not None and quantity(before) == quantity(after):
            self._fold(QUANTITY, path)
        elif _is_number(before) and _is_number(after) and before == after:
            self._fold(NUMBER, path)
        elif isinstance(before, str) and isinstance(after, str):
            bare = self._before_names.strip(before), self._after_names.strip(after)
            if bare[0] == bare[1] and bare[0] != before and bare[1] != after:
                self._fold(GENERATED_NAME, path)
            elif not self._inside(before, after, path):
                self._change(FieldKind.SET, path, before, after)
        else:
            self._change(FieldKind.SET, path, before, after)

    def _fold_by_place(self, path: FieldPath, before: Any, after: Any) -> bool:
        if path == ("status",) or (len(path) == 2 and path[0] == "metadata" and path[1] in _SERVER_METADATA):
            self._fold(SERVER, path)
            return True
        if len(path) < 3 or path[-2] not in ("labels", "annotations") or path[-3] != "metadata":
            return False
        key = str(path[-1])
        selected = path[-2] == "labels" and self._kind in _SELECTED
        if key in _MANAGED_KEYS and len(path) == 3 and not selected:
            self._fold(MANAGED, path)
            return True
        if path[-2] == "annotations" and _CHECKSUM_KEY.fullmatch(key) and _digest(before) and _digest(after):
            self._fold(CHECKSUM, path)
            return True
        return False

    def _inside(self, before: str, after: str, path: FieldPath) -> bool:
        """Compares the documents embedded in two texts; returns whether they differ."""
        name = next((step for step in reversed(path) if isinstance(step, str)), "")
        if not (_DOCUMENT.fullmatch(name) or name == "values") or max(len(before), len(after)) > _MAX_DOCUMENT:
            return False
        if self._scope.hides(path):
            return False
        try:
            old, new = load(before), load(after)
        except YamlError:
            return False
        if len(old) != len(new) or not all(isinstance(item, dict | list) for item in (*old, *new)):
            return False
        count = len(self.fields.changes)
        outer = self._group, self._kind, self._scope
        for index, (left, right) in enumerate(zip(old, new, strict=True)):
            if isinstance(right, dict) and isinstance(right.get("apiVersion"), str):
                self._group = right["apiVersion"].rpartition("/")[0]
                self._kind = str(right.get("kind") or "")
            self._scope = outer[2].inside((*path, Inside(index)), right)
            self.value(left, right, (*path, Inside(index)))
            self._group, self._kind, self._scope = outer
        return len(self.fields.changes) > count

    def _list(self, before: list[Any], after: list[Any], path: FieldPath) -> None:
        key = key_of(path, before, after)
        if key is not None:
            self._keyed(before, after, path, key)
            return
        keep_order = ordered(path, self._group, keyed=False) or self._is_exact(path)
        left, right = [canonical(item) for item in before], [canonical(item) for item in after]
        if Counter(left) == Counter(right):
            if keep_order:
                self._change(FieldKind.REORDERED, path, before, after)
            else:
                self._fold(ORDER, path)
        elif keep_order:
            self._sequence(before, after, left, right, path)
        else:
            self._set(before, after, left, right, path)

    def _keyed(self, before: list[Any], after: list[Any], path: FieldPath, key: KeyOf) -> None:
        old = {str(key(item)): item for item in before}
        new = {str(key(item)): item for item in after}
        common_before = [name for name in old if name in new]
        common_after = [name for name in new if name in old]
        if common_before != common_after:
            if ordered(path, self._group, keyed=True) or self._is_exact(path):
                self._change(FieldKind.REORDERED, path, list(old), list(new))
            else:
                self._fold(ORDER, path)
        for name in (*old, *(name for name in new if name not in old)):
            here = (*path, Key(name))
            if name not in new:
                self._change(FieldKind.REMOVED, here, old[name], None)
            elif name not in old:
                self._change(FieldKind.ADDED, here, None, new[name])
            else:
                self.value(old[name], new[name], here)

    def _set(self, before: list[Any], after: list[Any], left: list[str], right: list[str], path: FieldPath) -> None:
        gone, come = unmatched(left, right), unmatched(right, left)
        for old in list(gone):
            best = max(come, key=lambda new: _likeness(before[old], after[new]), default=None)
            if best is not None and _likeness(before[old], after[best]) >= _ALIKE:
                gone.remove(old)
                come.remove(best)
                self.value(before[old], after[best], (*path, best))
        for index in gone:
            self._item(before[index], path, index, FieldKind.REMOVED)
        for index in come:
            self._item(after[index], path, index, FieldKind.ADDED)

    def _sequence(
        self, before: list[Any], after: list[Any], left: list[str], right: list[str], path: FieldPath
    ) -> None:
        matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
        for _, start, end, new_start, new_end in (code for code in matcher.get_opcodes() if code[0] != "equal"):
            paired = min(end - start, new_end - new_start)
            for offset in range(paired):
                self.value(before[start + offset], after[new_start + offset], (*path, new_start + offset))
            for index in range(start + paired, end):
                self._item(before[index], path, index, FieldKind.REMOVED)
            for index in range(new_start + paired, new_end):
                self._item(after[index], path, index, FieldKind.ADDED)

    def _item(self, item: Any, path: FieldPath, index: int, kind: FieldKind) -> None:
        before, after = (None, item) if kind is FieldKind.ADDED else (item, None)
        self._change(kind, (*path, index), before, after)

    def _change(self, kind: FieldKind, path: FieldPath, before: Any, after: Any) -> None:
        text = path_text(path)
        self.fields.paths.append(path)
        scope = self._scope.at(path, before, after)
        old, new = (None if value is None else scope.shown(value, path) for value in (before, after))
        untold = same(old, new) and not same(before, after)
        if untold or scope.hides(path, *(value for value in (before, after) if value is not None)):
            self.fields.changes.append(FieldChange(text, kind, secret=True))
            return
        lines: tuple[str, ...] = ()
        if isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new):
            lines = tuple(_unified(old, new))
        self.fields.changes.append(FieldChange(text, kind, old, new, lines=lines))

    def _fold(self, reason: str, path: FieldPath) -> None:
        self.fields.folded[reason] += 1
        self.fields.folded_paths.append((reason, path))


def _inner(path: FieldPath) -> FieldPath:
    """The part of the path below the innermost embedded document."""
    for index in range(len(path) - 1, -1, -1):
        if isinstance(path[index], Inside):
            return path[index + 1 :]
    return path


def unmatched(texts: Iterable[str], others: Iterable[str]) -> list[int]:
    """The indexes of the texts that `others` lacks; duplicates count."""
    left = Counter(others)
    indexes = []
    for index, text in enumerate(texts):
        if left[text] > 0:
            left[text] -= 1
        else:
            indexes.append(index)
    return indexes


def _likeness(before: Any, after: Any) -> float:
    """The share of leaves that two items have in common; 0 unless both are mappings."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return 0.0
    left, right = set(leaves(before)), set(leaves(after))
    return len(left & right) / max(len(left | right), 1)


def leaves(value: Any, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], str]]:
    """Each scalar, empty list and empty mapping of a value, with its path; list items count without their index."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for item in value:
            yield from leaves(item, path)
    else:
        yield path, canonical(value)


def _unified(before: str, after: str) -> Iterator[str]:
    shown = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    if not shown:
        yield "@@ end of text @@"
        yield f"-{before[-20:]!r}"
        yield f"+{after[-20:]!r}"
    yield from shown


def _is_quantity(path: FieldPath) -> bool:
    name = path[-1] if path else ""
    if not isinstance(name, str):
        return False
    if name in ("sizeLimit", "divisor"):
        return True
    parent = path[-2] if len(path) > 1 else ""
    return isinstance(parent, str) and parent in _QUANTITY_PARENTS and bool(_QUANTITY_NAME.fullmatch(name))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None
