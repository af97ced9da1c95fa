"""Locates a changed resource: the changed file that defines it, if known."""

import re
from collections.abc import Sequence
from functools import lru_cache

from harness.manifests.built_tree import BuiltTree
from harness.manifests.tree import Tree, UnreadableError
from harness.review.model import SideName, SourceLocation
from harness.review.risks.context import Change


class Locator:
    def __init__(self, base: BuiltTree, head: BuiltTree, changed: Sequence[str]) -> None:
        self._snapshots = {SideName.BASE: base.tree, SideName.HEAD: head.tree}
        self._changed = set(changed)
        self._inputs: dict[tuple[SideName, str], frozenset[str]] = {}
        for name, side in ((SideName.BASE, base), (SideName.HEAD, head)):
            for applications in side.environments.values():
                for application in applications:
                    files = [path for build in application.builds for path in build.root.inputs.files]
                    known = self._inputs.get((name, application.name), frozenset())
                    self._inputs[name, application.name] = known | frozenset(files)

    def locate(self, change: Change) -> SourceLocation | None:
        """The changed file that names the resource, else the file that defines it, else any changed file."""
        side = SideName.BASE if change.after is None else SideName.HEAD
        snapshot = self._snapshots[side]
        resource = change.resource
        name, origin = resource.identity.name, resource.origin
        changed = sorted(self._changed & self._inputs.get((side, resource.application), frozenset()))
        changed = [path for path in changed if snapshot.is_file(path)]
        if origin in changed:
            return self._at(snapshot, origin, resource.kind, name, side)
        for path in changed:
            line = _line(_text(snapshot, path), resource.kind, name)
            if line is not None:
                return SourceLocation(path, line, side)
        if origin:
            return self._at(snapshot, origin, resource.kind, name, side)
        return SourceLocation(changed[0], 1, side) if changed else None

    def _at(self, snapshot: Tree, path: str, kind: str, name: str, side: SideName) -> SourceLocation | None:
        if not snapshot.is_file(path):
            return None
        return SourceLocation(path, _line(_text(snapshot, path), kind, name) or 1, side)


def _text(snapshot: Tree, path: str) -> str:
    try:
        return snapshot.text(path)
    except UnreadableError:
        return ""


def _line(text: str, kind: str, name: str) -> int | None:
    """The line of the document or generator entry with this name, or None."""
    if name not in text:
        return None
    named = re.compile(rf"(?:^[\s-]*|[{{,]\s*)name: [\"']?{re.escape(name)}[\"']?\s*(?:$|[,}}])", re.MULTILINE)
    start, first = 1, None
    for document in _documents(text):
        match = named.search(document) if name in document else None
        if match:
            of_kind = re.search(rf"^kind: [\"']?{re.escape(kind)}[\"']?\s*$", document, re.MULTILINE)
            if of_kind:
                return start + document.count("\n", 0, of_kind.start())
            first = first or start + document.count("\n", 0, match.start(0))
        start += document.count("\n") + 1
    return first


@lru_cache(maxsize=1_000)
def _documents(text: str) -> list[str]:
    return re.split(r"^---[^\n]*\n", text, flags=re.MULTILINE)
