"""Building: in parts, only what changed, and upstream bases without a network."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from harness.errors import HarnessError
from harness.manifests import build as building
from harness.manifests import upstream
from harness.manifests.build import Build, build_all
from harness.manifests.environments import units
from harness.manifests.upstream import Remote, git_environment, parse_remote

pytestmark = pytest.mark.tools


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Path], tuple[list[Build], list[str]]]:
    """Builds an environment, with a cache of its own; also tells which folders kustomize was started for."""
    started: list[str] = []
    kustomize = building._kustomize

    def counted(program: Path, folder: Path, *arguments: object, **options: bool) -> str:
        started.append(folder.name)
        return kustomize(program, folder, *arguments, **options)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(building, "_kustomize", counted)
    monkeypatch.setattr("harness.manifests.cache.cache_root", lambda: tmp_path / "cache")

    def run(root: Path) -> tuple[list[Build], list[str]]:
        started.clear()
        return build_all(units(root, "here"), offline=True), sorted(started)

    return run


def test_resources_are_what_kustomize_says(
    built: Callable[[Path], tuple[list[Build], list[str]]], checkout: Path
) -> None:
    builds, started = built(checkout)
    assert started == ["one", "two"]
    assert [(item.kind, item.namespace, item.name) for build in builds for item in build.resources] == [
        ("ConfigMap", "one", "thing"),
        ("ConfigMap", "two", "thing"),
    ]
    assert all(yaml.safe_load(item.text) == item.value for build in builds for item in build.resources)


def test_only_what_changed_is_built_again(
    built: Callable[[Path], tuple[list[Build], list[str]]], checkout: Path
) -> None:
    first, _ = built(checkout)
    again, started = built(checkout)
    assert started == []
    assert [build.resources for build in again] == [build.resources for build in first]
    file = checkout / "overlays/here/two/kustomization.yaml"
    file.write_text(file.read_text() + "nameSuffix: -x\n")
    changed, started = built(checkout)
    assert started == ["two"]
    assert changed[1].resources[0].name == "thing-x"


def test_a_broken_cache_entry_is_built_again(
    built: Callable[[Path], tuple[list[Build], list[str]]], checkout: Path, tmp_path: Path
) -> None:
    built(checkout)
    for entry in (tmp_path / "cache/manifests/builds").iterdir():
        entry.write_text("{ half")
    builds, started = built(checkout)
    assert started == ["one", "two"]
    assert all(build.resources for build in builds)


def test_a_part_that_fails_does_not_stop_the_others(
    built: Callable[[Path], tuple[list[Build], list[str]]], checkout: Path
) -> None:
    (checkout / "overlays/here/one/kustomization.yaml").write_text("resource: [x]\n")
    builds, _ = built(checkout)
    assert [bool(build.problems) for build in builds] == [True, False]
    assert builds[0].problems[0].message == (
        'kustomize cannot build one: invalid Kustomization: json: unknown field "resource".'
    )


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A Go module with manifests among its code."""
    folder = tmp_path / "module"
    (folder / "config/base").mkdir(parents=True)
    (folder / "config/shared").mkdir()
    (folder / "main.go").write_text("package main\n")
    (folder / "config/tool.go").write_text("package config\n")
    (folder / "config/base/kustomization.yaml").write_text("resources: [../shared]\n")
    (folder / "config/shared/kustomization.yaml").write_text("resources: [role.yaml]\n")
    role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: upstream\n"
    (folder / "config/shared/role.yaml").write_text(role)
    return folder


def test_an_upstream_base_comes_from_the_module(
    built: Callable[[Path], tuple[list[Build], list[str]]],
    checkout: Path,
    module: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, str]] = []

    def folder_of(name: str, version: str, *, offline: bool) -> Path:
        asked.append((name, version))
        return module

    monkeypatch.setattr(upstream, "module_folder", folder_of)
    monkeypatch.setattr(upstream, "cache_root", lambda: tmp_path / "cache")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (checkout / "overlays/here/one/kustomization.yaml").write_text(
        "resources: ['https://github.com/example/thing//config/base?ref=v2.1.0']\n"
    )
    builds, _ = built(checkout)
    assert builds[0].problems == []
    assert [resource.name for resource in builds[0].resources] == ["upstream"]
    assert asked == [("github.com/example/thing/v2", "v2.1.0")]
    assert not (tmp_path / "gitconfig").exists()


def test_a_base_that_cannot_be_had_is_one_sentence(
    built: Callable[[Path], tuple[list[Build], list[str]]], checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, version: str, *, offline: bool) -> Path:
        raise HarnessError(f"{name}@{version} could not be had (no such host): check the network.")

    monkeypatch.setattr(upstream, "module_folder", refused)
    file = checkout / "overlays/here/one/kustomization.yaml"
    file.write_text("resources:\n  - https://github.com/example/absent//config?ref=v1.0.0\n")
    builds, _ = built(checkout)
    (problem,) = builds[0].problems
    assert problem.message == "github.com/example/absent@v1.0.0 could not be had (no such host): check the network."
    assert problem.file == file


def test_two_tags_of_one_upstream_are_refused() -> None:
    bases = [Remote(f"u{tag}", "example", "thing", "config", tag) for tag in ("v1.0.0", "v1.1.0")]
    with pytest.raises(HarnessError, match="more than one tag"):
        git_environment(bases, offline=True)


@pytest.mark.parametrize(
    ("reference", "module"),
    [
        (
            "https://github.com/argoproj/argo-cd//manifests/cluster-install?ref=v3.3.0",
            "github.com/argoproj/argo-cd/v3",
        ),
        ("https://github.com/a/b.git//c?ref=v1.2.3", "github.com/a/b"),
        ("github.com/a/b/c/d?ref=v0.1.0", "github.com/a/b"),
        ("https://github.com/a/b//c?timeout=90s&ref=v2.0.0-rc.1", "github.com/a/b/v2"),
    ],
)
def test_the_module_of_a_base(reference: str, module: str) -> None:
    assert parse_remote(reference).module == module


@pytest.mark.parametrize(
    "reference",
    [
        "https://github.com/a/b//c",
        "https://github.com/a/b//c?ref=main",
        "https://github.com/a/b//c?ref=1.2.3",
        "https://gitlab.com/a/b//c?ref=v1.2.3",
        "https://raw.githubusercontent.com/a/b/v1.2.3/c.yaml",
    ],
)
def test_what_is_not_pinned_is_refused(reference: str) -> None:
    with pytest.raises(ValueError, match=r"tag|must be"):
        parse_remote(reference)
