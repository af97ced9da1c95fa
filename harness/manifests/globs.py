"""Patterns for paths, in the dialects of the programs that read them."""

import re
from functools import cache


@cache
def path_match(pattern: str) -> re.Pattern[str]:
    """Go's path.Match, in which nothing but a slash goes from folder to folder.

    >>> [bool(path_match("apps/*/prod").fullmatch(path)) for path in ("apps/web/prod", "apps/a/b/prod")]
    [True, False]
    """
    return _compiled(pattern, star="[^/]*", stars="[^/]*", any_character="[^/]", negation="^")


@cache
def argocd_glob(pattern: str, *, is_url: bool = False) -> re.Pattern[str]:
    """Argo CD's patterns: `*` is any text, in a URL one without a slash, and `{a,b}` is a choice.

    >>> [bool(argocd_glob("{a,b/*}.yaml").fullmatch(path)) for path in ("a.yaml", "b/c/d.yaml", "c.yaml")]
    [True, True, False]
    """
    star, any_character = ("[^/]*", "[^/]") if is_url else (".*", ".")
    return _compiled(pattern, star=star, stars=".*", any_character=any_character, negation="!", braces=True)


def _compiled(
    pattern: str, *, star: str, stars: str, any_character: str, negation: str, braces: bool = False
) -> re.Pattern[str]:
    """A pattern that cannot be read matches nothing."""
    parts: list[str] = []
    at = depth = 0
    while at < len(pattern):
        character, at = pattern[at], at + 1
        if character == "*":
            count = len(pattern[at:]) - len(pattern[at:].lstrip("*"))
            parts.append(stars if count else star)
            at += count
        elif character == "?":
            parts.append(any_character)
        elif character == "[" and (end := pattern.find("]", at + 1)) > 0:
            inside, at = pattern[at:end], end + 1
            excluded = "^" if inside.startswith(negation) else ""
            listed = re.escape(inside[len(excluded) :]).replace(r"\-", "-")
            parts.append(f"[{excluded}{listed}]")
        elif character == "\\" and at < len(pattern):
            parts.append(re.escape(pattern[at]))
            at += 1
        elif braces and character == "{":
            parts.append("(?:")
            depth += 1
        elif braces and character == "}" and depth:
            parts.append(")")
            depth -= 1
        elif braces and character == "," and depth:
            parts.append("|")
        else:
            parts.append(re.escape(character))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error:
        return re.compile("(?!)")
