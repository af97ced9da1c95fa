"""Patterns for paths, as in `[tool.harness.diff]`, `--accept` and `--path`."""

import posixpath
from collections.abc import Iterable
from fnmatch import fnmatchcase


def matches(path: str, pattern: str) -> bool:
    """Whether a pattern fits a whole path: `*` and `?` within a name, `**` for any number of folders, even none.

    >>> [matches("apps/web/prod", pattern) for pattern in ("apps/*/prod", "apps/**", "**/prod", "apps/*", "prod")]
    [True, True, True, False, False]
    >>> matches("apps", "apps/**")
    True
    """
    names = path.split("/")
    reached = {0}
    for part in posixpath.normpath(pattern).split("/"):
        if part == "**":
            reached = set(range(min(reached), len(names) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(names) and fnmatchcase(names[at], part)}
        if not reached:
            return False
    return len(names) in reached


def covers(path: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern fits a path; one without a slash fits a name in any folder.

    >>> [covers(path, ["docs/**", "*.md"]) for path in ("docs/a/b.txt", "a/b.md", "docs2/a")]
    [True, True, False]
    """
    return any(matches(path, pattern if "/" in pattern else f"**/{pattern}") for pattern in patterns)
