"""Patterns of strangers: what they fit, and that they end."""

import pytest

from harness.manifests.globs import argocd_glob, path_match
from harness.manifests.patches import selects


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("*a*b", ["ab", "xaxab", "aab"], ["aba", "a/b", ""]),
        ("a*", ["a", "ab"], ["ba", "a/b"]),
        ("*/*.yaml", ["a/b.yaml"], ["b.yaml", "a/b/c.yaml"]),
        ("[a-c]?[^x]", ["abc", "c12"], ["dbc", "abx"]),
        (r"\*\?", ["*?"], ["ab"]),
        ("a**b", ["ab", "axb"], ["a/b"]),
        ("[a", ["[a"], ["a"]),
    ],
)
def test_patterns_of_folders(pattern: str, fitting: list[str], others: list[str]) -> None:
    assert [path for path in fitting if not path_match(pattern).fullmatch(path)] == []
    assert [path for path in others if path_match(pattern).fullmatch(path)] == []


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("{a,b*}{,c}.yaml", ["a.yaml", "ac.yaml", "b/x.yaml", "b.yaml"], ["c.yaml", "a"]),
        ("{a{b,c},d}", ["ab", "ac", "d"], ["a", "abd"]),
        ("*x*", ["x", "a/x/b"], ["a/b"]),
        ("a,b", ["a,b"], ["a"]),
        ("a}", ["a}"], ["a"]),
        ("{a", [], ["{a", "a"]),
    ],
)
def test_patterns_of_argo_cd(pattern: str, fitting: list[str], others: list[str]) -> None:
    assert [path for path in fitting if not argocd_glob(pattern).fullmatch(path)] == []
    assert [path for path in others if argocd_glob(pattern).fullmatch(path)] == []


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("https://*/ops/*", ["https://a.b/ops/x"], ["https://a/b/ops/x", "https://a.b/ops/x/y"]),
        ("https://**/ops/*-x", ["https://a/b/ops/c-x", "https://a/ops/ops/c-x"], ["https://a/ops/b/c-x"]),
        ("**a*b**c", ["abc", "x/ab/c", "a/ab/a/c"], ["a/b/c", "ab/c/d"]),
    ],
)
def test_patterns_of_urls(pattern: str, fitting: list[str], others: list[str]) -> None:
    assert [url for url in fitting if not argocd_glob(pattern, is_url=True).fullmatch(url)] == []
    assert [url for url in others if argocd_glob(pattern, is_url=True).fullmatch(url)] == []


def test_no_pattern_is_without_an_end() -> None:
    """Each would be tried in more ways than anybody could wait for."""
    assert not path_match("*a" * 50 + "*b").fullmatch("a" * 2_000)
    assert not argocd_glob("*a" * 50 + "*b").fullmatch("a" * 2_000)
    assert not argocd_glob("**a*a" * 20 + "*b", is_url=True).fullmatch("a" * 500)
    assert not argocd_glob("{a,aa,*}" * 30 + "b").fullmatch("a" * 500)
    assert not argocd_glob("{" * 5_000).fullmatch("a")


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a|a)*b", "a*a*a*a*a*a*a*a*b", "((a*)*)*b", "(" * 5_000, "a{2,}" * 9]
)
def test_no_selector_is_without_an_end(pattern: str) -> None:
    assert selects(pattern, "a" * 200)


@pytest.mark.parametrize(("pattern", "expected"), [("web-.*|api", True), ("web", False), ("", True), ("[", True)])
def test_what_selectors_select(pattern: str, expected: bool) -> None:
    assert selects(pattern, "web-1") is expected
