import pytest

from harness.manifests.patterns import covers, matches


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("apps/web", ["apps/web"], ["apps/web/prod", "web", "x/apps/web"]),
        ("./apps/web/", ["apps/web"], ["apps"]),
        ("apps/*", ["apps/web"], ["apps", "apps/web/prod"]),
        ("apps/**", ["apps", "apps/web", "apps/web/prod"], ["apps2", "x/apps"]),
        ("**/prod", ["prod", "web/prod", "apps/web/prod"], ["prod/web", "production"]),
        ("components/*/production/**", ["components/web/production/eu"], ["components/production/eu"]),
        ("a/**/b/**/c", ["a/b/c", "a/x/y/b/c", "a/b/b/z/c"], ["a/c", "a/b", "a/b/c/d"]),
        ("env-[ab]?", ["env-a1"], ["env-c1", "env-a", "env-a/1"]),
        (".", ["."], ["apps"]),
        ("**", [".", "apps", "apps/web"], []),
    ],
)
def test_a_pattern_fits_a_whole_path(pattern: str, fitting: list[str], others: list[str]) -> None:
    assert [path for path in fitting if not matches(path, pattern)] == []
    assert [path for path in others if matches(path, pattern)] == []


@pytest.mark.parametrize(
    ("patterns", "fitting", "others"),
    [
        (["*.md"], ["a.md", "docs/a.md"], ["a.md/b", "amd"]),
        (["docs/*.md"], ["docs/a.md"], ["docs/x/a.md", "a.md"]),
        (["live/metrics", "Makefile"], ["live/metrics", "x/Makefile"], ["live/metrics2", "Makefile/x"]),
        ([], [], ["a"]),
    ],
)
def test_a_pattern_without_a_slash_fits_a_name_anywhere(
    patterns: list[str], fitting: list[str], others: list[str]
) -> None:
    assert [path for path in fitting if not covers(path, patterns)] == []
    assert [path for path in others if covers(path, patterns)] == []


def test_many_wildcards_take_no_time() -> None:
    assert not matches("/".join(["a"] * 200), "/".join(["**/a"] * 60) + "/b")
