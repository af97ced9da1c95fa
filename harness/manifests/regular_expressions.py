"""Regular expressions that manifests hold: a stranger may have written them, and most are in Go's syntax."""

import re
from functools import lru_cache
from math import comb
from typing import Final

_NESTED: Final = re.compile(r"\)[*+{]")
"""Repetitions of what may hold repetitions."""
_REPEATED: Final = re.compile(r"[*+{]")
_MOST_TRIES: Final = 5_000_000
"""Ways of matching that are tried, at worst; some tenths of a second."""


def readable(pattern: str, length: int) -> re.Pattern[str] | None:
    """A pattern for texts of a length; None where it cannot be read or, unlike in Go, may take long.

    >>> readable("(a+)+b", 10), readable("[", 10), bool(readable("([^:]+)(?::[0-9]+)?", 100))
    (None, None, True)
    """
    repeated = len(_REPEATED.findall(pattern))
    tries = comb(length + repeated, repeated) * 2 ** min(pattern.count("?"), 64)
    return None if _NESTED.search(pattern) or tries > _MOST_TRIES else _compiled(pattern)


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
