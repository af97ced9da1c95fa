"""The starting configuration as text."""

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from glob import escape
from typing import Final

from harness.errors import HarnessError
from harness.manifests import discover
from harness.manifests.built_tree import BuiltTree
from harness.manifests.discover import SUFFIXES, DiscoveredRoot
from harness.manifests.settings import Settings
from harness.review.coverage import uncovered_files

_MOST_LISTED: Final = 20


def configuration(side: BuiltTree) -> str:
    """`[tool.harness.diff]` for a built side: what a review accepts, what it leaves out, and the environments."""
    unread = uncovered_files(side.tree.paths(), [side], ())
    read = side.read_files()
    stray = [path for path in unread if path.endswith(SUFFIXES) and not path.startswith(".")]
    lines = ["[tool.harness.diff]"]
    accepted = accepted_patterns(set(unread) - set(stray), {*read, *stray})
    if accepted:
        lines += ["# Changed files that nothing is deployed from.", "accept = ["]
        lines += [f"    {_quoted(pattern)}," for pattern in accepted]
        lines += ["]"]
    lines += _listed(
        "Nothing is built from these manifests. A review reports a change of one as not covered:", stray
    )
    notes = [
        f"{environment}/{application.name}: {note}"
        for environment, applications in sorted(side.environments.items())
        for application in applications
        for note in application.notes
    ]
    lines += _listed("Not followed; 'accept' takes ENVIRONMENT/APPLICATION:", notes)
    return "\n".join([*lines, "", *_environments(side)]) + "\n"


def accepted_patterns(files: Iterable[str], others: Iterable[str]) -> list[str]:
    """Patterns that cover files and none of some others: folders, endings, single files.

    >>> accepted_patterns(["docs/a.txt", "docs/b.svg", "apps/a.py", "Makefile"], ["apps/web.yaml"])
    ['*.py', 'Makefile', 'docs/**']
    """
    others = list(others)
    occupied = {folder for path in others for folder in _folders(path)}
    # `*.env` covers a file `.env` too, though that is no ending of it.
    placed = {
        (folder, f".{path.rpartition('.')[2]}") for path in others for folder in ("", posixpath.dirname(path))
    }
    names = {posixpath.basename(path) for path in others}
    patterns = set()
    for path in files:
        folder, name = posixpath.split(path)
        ending = _ending(path)
        free = next((one for one in _folders(path) if one not in occupied), "")
        if ending and ("", ending) not in placed and (not free or "/" in free):
            patterns.add(f"*{escape(ending)}")
        elif free:
            patterns.add(f"{escape(free)}/**")
        elif folder and ending and (folder, ending) not in placed:
            patterns.add(f"{escape(folder)}/*{escape(ending)}")
        else:
            # Without a slash, it would cover other files of this name.
            patterns.add(f"./{escape(name)}" if not folder and name in names else escape(path))
    return sorted(patterns)


def _folders(path: str) -> list[str]:
    """The folders that a file is in, the outermost first."""
    return [path[: match.start()] for match in re.finditer("/", path)]


def _ending(path: str) -> str:
    name = posixpath.basename(path)
    return name[name.rindex(".") :] if "." in name[1:] else ""


def _environments(side: BuiltTree) -> Iterator[str]:
    roots = discover.roots(side.tree, side.kustomizations, side.settings)
    folders: dict[str, set[str]] = defaultdict(set)
    for root in roots:
        folders[root.environment].add(root.top or root.folder)
    listed = {name: tuple(sorted(paths)) for name, paths in sorted(folders.items())}
    # Such a table replaces discovery, so it is active only where it says exactly the same.
    active = _same(side, roots, listed)
    yield f"# The environments that were discovered{'' if active else '; as a table, they replace discovery'}."
    sign = "" if active else "# "
    yield f"{sign}[tool.harness.diff.environments]"
    for name, paths in listed.items():
        key = name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)
        yield f"{sign}{key} = [{', '.join(map(_quoted, paths))}]"


def _same(side: BuiltTree, roots: Sequence[DiscoveredRoot], environments: Mapping[str, Sequence[str]]) -> bool:
    settings = Settings(environments={name: tuple(paths) for name, paths in environments.items()})
    try:
        configured = discover.roots(side.tree, side.kustomizations, settings)
    except HarnessError:
        return False
    both = [{(root.environment, root.folder, root.plain) for root in one} for one in (roots, configured)]
    return all(root.certain for root in roots) and both[0] == both[1]


def _listed(heading: str, items: Sequence[str]) -> Iterator[str]:
    if not items:
        return
    yield f"# {heading}"
    # What is not printable, a line's end included, would not stay in the comment.
    for item in items[:_MOST_LISTED]:
        yield f"#   {''.join(letter if letter.isprintable() else '?' for letter in item)}"
    if len(items) > _MOST_LISTED:
        yield f"#   and {len(items) - _MOST_LISTED} more"


def _quoted(text: str) -> str:
    """A TOML string; what is not printable becomes a question mark, which as a pattern fits it."""
    return json.dumps("".join(letter if letter.isprintable() else "?" for letter in text), ensure_ascii=False)
