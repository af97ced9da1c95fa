"""Every form in which kustomize takes a folder of a Git repository: from the cache, or named."""

from pathlib import Path

import pytest

from harness.manifests import upstream
from harness.manifests.build import Build, Root
from harness.manifests.builder import Builder
from harness.manifests.git_urls import GitUrl, parse_git_url
from harness.manifests.inputs import Kustomizations
from harness.manifests.tree import working_copy

FORMS = [
    "https://github.com/example/thing//config/base?ref=v1.0.0",
    "https://github.com/example/thing/config/base?ref=v1.0.0",
    "https://github.com/example/thing.git/config/base?version=v1.0.0",
    "HTTPS://GitHub.com/example/thing//config/base?timeout=90s&ref=v1.0.0",
    "github.com/example/thing/config/base?ref=v1.0.0",
    "github.com:example/thing//config/base?ref=v1.0.0",
    "git@github.com:example/thing.git//config/base?ref=v1.0.0",
    "git@github.com:example/thing/config/base?ref=v1.0.0",
    "org-123@github.com:example/thing//config/base?ref=v1.0.0",
    "ssh://git@github.com/example/thing.git//config/base?ref=v1.0.0",
    "git::https://github.com/example/thing.git//config/base?ref=v1.0.0",
    "git::git@github.com:example/thing.git//config/base?ref=v1.0.0&submodules=false",
    "git::ssh://git@github.com/example/thing//config/base?ref=v1.0.0",
]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("https://example.com/a/b//c/d?ref=x", GitUrl("https", "", "example.com", "a/b", "c/d", "x")),
        ("https://example.com/a/b", GitUrl("https", "", "example.com", "a/b", "", "")),
        ("git@example.com:a/b.git", GitUrl("", "git", "example.com", "a/b", "", "")),
        ("git@example.com/a/b/c", GitUrl("", "git", "example.com", "a/b", "c", "")),
        ("git@example.com:a/b/c.git//d", GitUrl("", "git", "example.com", "a/b/c", "d", "")),
        ("ssh://git@example.com:2222/a/b.git/c", GitUrl("ssh", "git", "example.com:2222", "a/b", "c", "")),
        (
            "https://dev.azure.com/org/project/_git/repo/path/to?ref=main",
            GitUrl("https", "", "dev.azure.com", "org/project/_git/repo", "path/to", "main"),
        ),
        (
            "https://me@dev.azure.com/org/project/_git/repo//path",
            GitUrl("https", "me", "dev.azure.com", "org/project/_git/repo", "path", ""),
        ),
        ("git@ssh.dev.azure.com:v3/o/p/r//x", GitUrl("", "git", "ssh.dev.azure.com", "v3/o/p/r", "x", "")),
        ("../base", None),
        ("./a/b.yaml", None),
        ("example.com/a/b", None),
        ("git/a/b", None),
        ("a@b", None),
        ("https://example.com/x.yaml", None),
        ("https://github.com/a/b//../../x", None),
    ],
)
def test_urls_are_read_as_kustomize_reads_them(reference: str, expected: GitUrl | None) -> None:
    assert parse_git_url(reference) == expected


@pytest.mark.tools
@pytest.mark.parametrize("reference", FORMS)
def test_every_form_is_built_from_the_cache(
    reference: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "module/config/base"
    module.mkdir(parents=True)
    (module / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    (module / "a.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cached}\n")
    monkeypatch.setattr(upstream, "module_folder", lambda *_, **__: tmp_path / "module")
    monkeypatch.setattr(upstream, "cache_root", lambda: tmp_path / "cache")
    monkeypatch.setattr("harness.manifests.cache.cache_root", lambda: tmp_path / "cache")
    build = _built(tmp_path, reference)
    assert build.problems == []
    assert [item.name for item in build.resources] == ["cached"]


@pytest.mark.tools
@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("git@git.example.com:a/b.git//c?ref=v1.0.0", "write it as an HTTPS URL without user and port"),
        ("ssh://git@git.example.com/a/b//c?ref=v1.0.0", "write it as an HTTPS URL without user and port"),
        ("ssh://git@github.com:22/a/b//c?ref=v1.0.0", "write it as an HTTPS URL without user and port"),
        ("git@github.com:a/b//c?ref=main", "write it as an HTTPS URL without user and port"),
        ("https://me@dev.azure.com/o/p/_git/r//x", "write it as an HTTPS URL without user and port"),
        ("https://dev.azure.com/o/p/_git/r//x?ref=main", "dev.azure.com is not allowed: see --allow-host"),
        ("git::https://git.example.com/a/b//c", "git.example.com is not allowed: see --allow-host"),
        ("file:///srv/git/a/b", "write it as an HTTPS URL"),
    ],
)
def test_what_is_not_fetched_is_named(reference: str, why: str, tmp_path: Path) -> None:
    (problem,) = _built(tmp_path, reference).problems
    assert problem.message.startswith(f"{reference} is not fetched")
    assert why in problem.message


def _built(folder: Path, reference: str) -> Build:
    (folder / "root").mkdir()
    (folder / "root/kustomization.yaml").write_text(f"resources:\n- {reference}\n")
    tree = working_copy(folder)
    with Builder() as builder:
        (build,) = builder.build([Root("root", tree, Kustomizations(tree).inputs("root"))])
    return build
