"""A stranger's regular expression ends, or is not tried."""

import pytest

from harness.manifests.regular_expressions import readable


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+b", "(a|a)*b", "((a?){20})", "a?" * 30 + "a" * 30, ".*" * 8 + "x", "[", "(?i:a", "a{99999999999}"],
)
def test_what_is_not_tried(pattern: str) -> None:
    assert readable(pattern, 60) is None


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("([^:]+)(?::[0-9]+)?;([0-9]+)", "10.0.0.1:80;9090"),
        ("argocd-(dex|notifications)-.*", "argocd-dex-server"),
        ("(POD)?", ""),
        ("(.+);(.+);(.+);(.+)", "a;b;c;d"),
    ],
)
def test_what_is_tried(pattern: str, text: str) -> None:
    known = readable(pattern, len(text))
    assert known
    assert known.fullmatch(text)
