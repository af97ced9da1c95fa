"""Patterns for paths, in the dialects of the programs that read them."""

import re
from functools import cache


@cache
def path_match(pattern: str) -> re.Pattern[str]:
    """Go's path.Match, in which nothing but a slash goes from folder to folder.

    >>> [bool(path_match("apps/*/prod").fullmatch(path)) for path in ("apps/web/prod", "apps/a/b/prod")]
    [True, False]
    """
    return _compiled(pattern, any_text="[^/]*", any_character="[^/]", negation="^")


@cache
def argocd_glob(pattern: str) -> re.Pattern[str]:
    """Argo CD's include and exclude, in which `*` stands for any text, and `{a,b}` for a choice.

    >>> [bool(argocd_glob("{a,b/*}.yaml").fullmatch(path)) for path in ("a.yaml", "b/c/d.yaml", "c.yaml")]
    [True, True, False]
    """
    return _compiled(pattern, any_text=".*", any_character=".", negation="!", braces=True)


def _compiled(
    pattern: str, *, any_text: str, any_character: str, negation: str, braces: bool = False
) -> re.Pattern[str]:
    """A pattern that cannot be read matches nothing."""
    parts: list[str] = []
    at = depth = 0
    while at < len(pattern):
        character, at = pattern[at], at + 1
        if character == "*":
            parts.append(any_text)
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
