"""Building: the same as kustomize builds of the whole checkout, and again only when something changed."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.machine.proxy.certificates import with_certificates
from harness.machine.tools import tool
from harness.manifests import upstream
from harness.manifests.build import Answer, Build, Root
from harness.manifests.build_process import BuildProcess, Request
from harness.manifests.builder import Builder, build_all
from harness.manifests.environments import roots
from harness.manifests.helm.release import Release
from harness.manifests.inputs import Kustomizations, chart_inputs
from harness.manifests.tree import working_copy
from harness.manifests.upstream import Remote, git_environment, mirrors, parse_remote
from harness.paths import ROOT

pytestmark = pytest.mark.tools

Write = Callable[[Mapping[str, str]], Path]
LAYOUTS = Path(__file__).parents[1] / "review" / "layouts"


def root_at(checkout: Path, folder: str, edits: Mapping[str, Any] | None = None) -> Root:
    tree = working_copy(checkout)
    return Root(folder, tree, Kustomizations(tree).inputs(folder, edits))


def plain(checkout: Path, folder: str, *options: str) -> str:
    """What `kustomize build` says of a folder of a checkout."""
    done = subprocess.run(
        [tool("kustomize"), "build", *options, str(checkout / folder)],
        env=with_certificates(os.environ) | git_environment(root_at(checkout, folder).inputs.remote_bases),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def text(build: Build) -> str:
    assert build.problems == []
    return "---\n".join(manifest.text for manifest in build.resources)


def built(checkout: Path, folder: str, edits: Mapping[str, Any] | None = None) -> str:
    with Builder() as builder:
        (build,) = builder.build([root_at(checkout, folder, edits)])
    return text(build)


def test_the_builder_has_the_kustomize_that_is_pinned() -> None:
    """Argo CD and people build with the program; each of kustomize's modules has one version."""

    def required(folder: Path) -> dict[str, str]:
        text = (folder / "go.mod").read_text(encoding="utf-8")
        versions = dict(re.findall(r"^\t(\S+) (v\S+)", text, re.MULTILINE))
        return versions | dict(re.findall(r"^replace (\S+) => \S+ (v\S+)", text, re.MULTILINE))

    ours, pinned = required(ROOT / "tools/builder"), required(ROOT / "tools")
    kustomize = {name for name in ours.keys() & pinned.keys() if name.startswith("sigs.k8s.io/kustomize/")}
    assert len(kustomize) == 3
    assert {name: ours[name] for name in kustomize} == {name: pinned[name] for name in kustomize}


def test_every_root_of_this_repository_is_built_as_kustomize_builds_it() -> None:
    tree = working_copy(ROOT)
    folders = [
        folder
        for top in ("overlays", "base", "tests/e2e")
        for folder in Kustomizations(tree).folders(top)
        if Kustomizations(tree).fields(folder).get("kind") != "Component"
        and not Kustomizations(tree).inputs(folder).remotes
    ]
    with Builder() as builder:
        builds = builder.build([root_at(ROOT, folder) for folder in folders])
    assert len(folders) > 30
    for folder, build in zip(folders, builds, strict=True):
        assert text(build) == plain(ROOT, folder), folder


@pytest.mark.parametrize("layout", sorted(path.name for path in LAYOUTS.iterdir()))
def test_every_root_of_other_layouts_is_built_as_kustomize_builds_it(layout: str, tmp_path: Path) -> None:
    shutil.copytree(LAYOUTS / layout, tmp_path, dirs_exist_ok=True)
    kustomizations = Kustomizations(working_copy(tmp_path))
    for folder in kustomizations.folders():
        if kustomizations.fields(folder).get("kind") != "Component":
            assert built(tmp_path, folder) == plain(tmp_path, folder), folder


FILES: dict[str, str] = {
    "app/kustomization.yaml": (
        "resources: [service.yaml]\ngenerators: [generator.yaml]\ntransformers: [transformer.yaml]\n"
        "configMapGenerator: [{name: c, files: [a.txt, b=c.txt], envs: [e.env]}]\n"
        "replacements: [{path: replacement.yaml}]\npatches: [{path: patch.yaml}]\nopenapi: {path: schema.json}\n"
    ),
    "app/service.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n",
    "app/generator.yaml": (
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: [generated.txt]\n"
    ),
    "app/transformer.yaml": (
        "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: t}\n"
        "path: more.yaml\ntarget: {kind: Service}\n"
    ),
    "app/more.yaml": "- op: add\n  path: /metadata/labels\n  value: {more: x}\n",
    "app/patch.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {clusterIP: None}\n",
    "app/replacement.yaml": (
        "source: {kind: Service, name: s, fieldPath: metadata.name}\n"
        "targets: [{select: {kind: Service}, fieldPaths: [spec.externalName], options: {create: true}}]\n"
    ),
    "app/schema.json": "{}\n",
    "app/a.txt": "a",
    "app/c.txt": "c",
    "app/e.env": "E=1\n",
    "app/generated.txt": "generated",
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files into a folder; returns it."""
    folder = tmp_path / "repository"

    def put(files: Mapping[str, str]) -> Path:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")
        return folder

    return put


def test_every_file_that_a_root_reads_is_in_its_key(write: Write) -> None:
    checkout = write(FILES)
    assert built(checkout, "app") == plain(checkout, "app")

    def key() -> str:
        root = root_at(checkout, "app")
        return root.inputs.key(root.tree)

    keys = {key()}
    for name, content in FILES.items():
        write({name: f"{content}\n"})
        keys.add(key())
        write({name: content})
    assert len(keys) == len(FILES) + 1
    write({"app/unread.txt": "x", "other/kustomization.yaml": "resources: []\n"})
    assert key() in keys


def test_a_schema_of_one_root_is_not_used_for_the_next(write: Write) -> None:
    own_schema = (
        '{"definitions": {"v1.Service": {"x-kubernetes-group-version-kind": [{"group": "", "version": "v1", '
        '"kind": "Service"}], "type": "object", "properties": {"spec": {"type": "object"}}}}}'
    )
    patch = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80, name: http}]}\n"
    patched = {"kustomization.yaml": "resources: [service.yaml]\npatches: [{path: patch.yaml}]\n"}
    files = {**patched, "service.yaml": FILES["app/service.yaml"], "patch.yaml": patch}
    with_schema = f"{files['kustomization.yaml']}openapi: {{path: schema.json}}\n"
    checkout = write(
        {
            **{f"{folder}/{name}": content for folder in ("a", "b", "c") for name, content in files.items()},
            "b/kustomization.yaml": with_schema,
            "b/schema.json": own_schema,
        }
    )
    process = BuildProcess(tool("builder"))
    builder = Builder()
    try:
        answers = process.build([builder._request(root_at(checkout, folder)) for folder in ("a", "b", "c")])
    finally:
        process.close()
    for folder, answer in zip(("a", "b", "c"), answers, strict=True):
        texts = [manifest.text for manifest in answer.manifests(folder)]
        assert "---\n".join(texts) == plain(checkout, folder), folder


@pytest.mark.parametrize(
    "metadata", ["", "[originAnnotations]", "[transformerAnnotations]", "[managedByLabel, originAnnotations]"]
)
@pytest.mark.parametrize(
    "style", ["resources: [service.yaml]\nnamePrefix: a-\nnameSuffix: -z", "{{resources: [service.yaml]{}}}"]
)
def test_origins_are_told_and_not_written(write: Write, metadata: str, style: str) -> None:
    field = f"buildMetadata: {metadata}" if metadata else ""
    content = style.format(f", {field}" if field else "") if "{{" in style else f"{style}\n{field}\n"
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: s, annotations: {}}\n"
    checkout = write({"app/kustomization.yaml": content, "app/service.yaml": service})
    with Builder() as builder:
        (build,) = builder.build([root_at(checkout, "app")])
    assert [manifest.origin for manifest in build.resources] == ["app/service.yaml"]
    assert text(build) == plain(checkout, "app")


def test_links_are_followed_where_kustomize_follows_them(write: Write) -> None:
    service = FILES["app/service.yaml"]
    checkout = write({"app/kustomization.yaml": "resources: [linked.yaml, base]\n", "app/real.yaml": service})
    write({"shared/kustomization.yaml": "resources: [s.yaml]\n", "shared/s.yaml": service.replace("s}", "t}")})
    (checkout / "app/linked.yaml").symlink_to("real.yaml")
    (checkout / "app/base").symlink_to("../shared")
    assert built(checkout, "app") == plain(checkout, "app")
    (checkout / "app/linked.yaml").unlink()
    (checkout / "app/linked.yaml").symlink_to("../shared/s.yaml")
    write({"app/kustomization.yaml": "resources: [linked.yaml]\n"})
    with Builder() as builder:
        (build,) = builder.build([root_at(checkout, "app")])
    assert "outside" in build.problems[0].message
    with Builder(["--load-restrictor=LoadRestrictionsNone"]) as builder:
        (build,) = builder.build([root_at(checkout, "app")])
    assert text(build) == plain(checkout, "app", "--load-restrictor=LoadRestrictionsNone")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--enable-alpha-plugins", "--enable-alpha-plugins is not supported"),
        ("--output=x", "--output is not supported"),
        ("--no-such-option", "unknown flag: --no-such-option"),
        ("--load-restrictor=All", "illegal flag value"),
        ("folder", '"folder" is no option'),
    ],
)
def test_an_option_that_cannot_be_used_is_named(write: Write, option: str, said: str) -> None:
    checkout = write(FILES)
    with Builder([option]) as builder, pytest.raises(HarnessError, match=said) as caught:
        builder.build([root_at(checkout, "app")])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [("-cpu", "0.2", "processor time"), ("-memory", "64", "memory"), ("-wall", "0.1", "100ms")],
)
def test_a_root_that_takes_too_much_is_named_and_the_others_are_built(
    write: Write, limit: str, value: str, said: str
) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for name, below in zip("bcdef", "abcde", strict=True):
        bomb += f"{name}: &{name} [{', '.join([f'*{below}'] * 9)}]\n"
    checkout = write(
        {
            **FILES,
            "app/a.txt": f"{limit}{value}",
            "bomb/kustomization.yaml": "resources: [bomb.yaml]\n",
            "bomb/bomb.yaml": f"apiVersion: v1\nkind: Bomb\nmetadata: {{name: b}}\n{bomb}",
            "next/kustomization.yaml": "resources: [../app]\nnamePrefix: next-\n",
        }
    )
    with Builder(limits=[limit, value]) as builder:
        process = BuildProcess(tool("builder"), (), [limit, value])
        builder._processes.append(process)
        requests = [builder._request(root_at(checkout, folder)) for folder in ("bomb", "next")]
        first, second = process.build(requests)
    assert said in first.header["error"]
    assert second.header["resources"] or said in second.header["error"]


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Path], tuple[list[Build], list[str]]]:
    """Builds an environment, with a cache of its own; also tells which roots were built."""
    asked: list[str] = []
    request = Builder._request

    def counted(self: Builder, root: Root) -> object:
        asked.append(root.name)
        return request(self, root)

    monkeypatch.setattr(Builder, "_request", counted)
    monkeypatch.setattr("harness.manifests.cache.cache_root", lambda: tmp_path / "cache")

    def run(root: Path) -> tuple[list[Build], list[str]]:
        asked.clear()
        return build_all(roots(root, "here"), hosts=("github.com",)), sorted(asked)

    return run


Cached = Callable[[Path], tuple[list[Build], list[str]]]


def test_resources_are_what_kustomize_says(cached: Cached, checkout: Path) -> None:
    builds, asked = cached(checkout)
    assert asked == ["one", "two"]
    assert [(item.kind, item.namespace, item.name) for build in builds for item in build.resources] == [
        ("ConfigMap", "one", "thing"),
        ("ConfigMap", "two", "thing"),
    ]


def test_only_what_changed_is_built_again(cached: Cached, checkout: Path) -> None:
    first, _ = cached(checkout)
    again, asked = cached(checkout)
    assert asked == []
    assert list(map(text, again)) == list(map(text, first))
    file = checkout / "overlays/here/two/kustomization.yaml"
    file.write_text(file.read_text() + "nameSuffix: -x\n")
    changed, asked = cached(checkout)
    assert asked == ["two"]
    assert changed[1].resources[0].name == "thing-x"


@pytest.mark.parametrize("broken", [b"{ half", b'{"resources":[{"origin":"","kind":"","yaml":9,"json":9}]}\nx'])
def test_a_broken_cache_entry_is_built_again(cached: Cached, checkout: Path, tmp_path: Path, broken: bytes) -> None:
    cached(checkout)
    for entry in (tmp_path / "cache/manifests/built").iterdir():
        entry.write_bytes(broken)
    builds, asked = cached(checkout)
    assert asked == ["one", "two"]
    assert all(build.resources for build in builds)


def test_a_root_that_fails_does_not_stop_the_others(cached: Cached, checkout: Path) -> None:
    (checkout / "overlays/here/one/kustomization.yaml").write_text("nameSuffix: x\nresource: [x]\n")
    builds, _ = cached(checkout)
    assert [bool(build.problems) for build in builds] == [True, False]
    (problem,) = builds[0].problems
    assert str(problem.location) == "overlays/here/one/kustomization.yaml:2"
    assert problem.message == "overlays/here/one/kustomization.yaml has the unknown field 'resource'."


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


def test_a_remote_base_comes_from_the_module(
    cached: Cached, checkout: Path, module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def folder_of(name: str, version: str, *, offline: bool) -> Path:
        asked.append((name, version))
        return module

    monkeypatch.setattr(upstream, "module_folder", folder_of)
    monkeypatch.setattr(upstream, "cache_root", lambda: tmp_path / "cache")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    (checkout / "overlays/here/one/kustomization.yaml").write_text(
        "resources: ['https://github.com/example/thing//config/base?ref=v2.1.0']\n"
    )
    builds, _ = cached(checkout)
    assert builds[0].problems == []
    assert [resource.name for resource in builds[0].resources] == ["upstream"]
    assert asked == [("github.com/example/thing/v2", "v2.1.0")]
    assert not (tmp_path / "gitconfig").exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_module_becomes_a_repository_only_with_git(
    cached: Cached, checkout: Path, module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "module_folder", lambda *_, **__: module)
    monkeypatch.setattr(upstream, "cache_root", lambda: tmp_path / "cache")
    monkeypatch.setenv("PATH", str(tmp_path))
    (checkout / "overlays/here/one/kustomization.yaml").write_text(
        "resources: ['https://github.com/example/thing//config/base?ref=v2.1.0']\n"
    )
    builds, _ = cached(checkout)
    (problem,) = builds[0].problems
    assert problem.message == "Could not run git init (git: No such file or directory): install git."


def test_a_base_that_cannot_be_fetched_is_one_sentence(
    cached: Cached, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(name: str, version: str, *, offline: bool) -> Path:
        raise HarnessError(f"{name}@{version} could not be fetched (no such host): check the network.")

    monkeypatch.setattr(upstream, "module_folder", refused)
    file = checkout / "overlays/here/one/kustomization.yaml"
    file.write_text("resources:\n  - https://github.com/example/absent//config?ref=v1.0.0\n")
    builds, _ = cached(checkout)
    (problem,) = builds[0].problems
    assert (
        problem.message
        == "github.com/example/absent@v1.0.0 could not be fetched (no such host): check the network."
    )
    assert str(problem.location) == "overlays/here/one/kustomization.yaml:2"


def test_two_tags_of_one_upstream_are_refused() -> None:
    bases = [Remote(f"u{tag}", "example", "thing", "config", tag) for tag in ("v1.0.0", "v1.1.0")]
    with pytest.raises(HarnessError, match="more than one tag"):
        mirrors(bases, offline=True)


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


@pytest.mark.parametrize(
    ("remote", "pinned"),
    [("https://example.com/a//b?ref=v1.2.3", True), ("https://example.com/a//b?ref=main", False)],
)
def test_a_branch_of_another_repository_is_not_taken_from_the_cache(
    write: Write, remote: str, pinned: bool
) -> None:
    checkout = write({"app/kustomization.yaml": f"resources: ['{remote}']\n"})
    assert root_at(checkout, "app").inputs.pinned is pinned


@pytest.mark.parametrize(
    ("options", "edit"),
    [
        ({"namePrefix": "x-"}, ["set", "nameprefix", "x-"]),
        ({"nameSuffix": "-x"}, ["set", "namesuffix", "--", "-x"]),
        ({"namespace": "n"}, ["set", "namespace", "n"]),
        ({"images": ["web=r/web:2"]}, ["set", "image", "web=r/web:2"]),
        ({"images": ["web:3"]}, ["set", "image", "web:3"]),
        ({"images": ["web@sha256:0000"]}, ["set", "image", "web@sha256:0000"]),
        ({"replicas": [{"name": "web", "count": "4"}]}, ["set", "replicas", "web=4"]),
        ({"commonLabels": {"a": "b"}}, ["add", "label", "a:b"]),
        (
            {"commonLabels": {"a": "b"}, "labelWithoutSelector": True},
            ["add", "label", "--without-selector", "a:b"],
        ),
        ({"commonAnnotations": {"a": "b"}}, ["add", "annotation", "a:b"]),
    ],
)
def test_what_an_application_sets_is_what_kustomize_edit_sets(
    write: Write, options: dict[str, Any], edit: list[str]
) -> None:
    files = {
        "app/kustomization.yaml": "resources: [web.yaml]\nimages: [{name: web, newTag: '1'}]\n",
        "app/web.yaml": (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n"
            "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n"
            "    spec: {containers: [{name: web, image: web}]}\n"
        ),
    }
    checkout = write(files)
    edited = built(checkout, "app", options)
    subprocess.run([tool("kustomize"), "edit", *edit], cwd=checkout / "app", check=True, capture_output=True)
    assert edited == plain(checkout, "app")


@pytest.mark.parametrize(
    ("template", "limit", "said"),
    [
        ("{{ range until 90000 }}{{ range until 90000 }}{{ end }}{{ end }}", ["-cpu", "0.5"], "processor time"),
        ("{{ range until 90000 }}{{ repeat 90000 `x` }}{{ end }}", ["-memory", "200"], "memory"),
        ("{{ repeat 100000000000000 `x` }}", [], "more memory than a root may take"),
        (
            "{kind: A, metadata: {name: b}, spec: {{ repeat 4000000 `x` }}}",
            [],
            "A b has 4000046 bytes, more than a cluster stores",
        ),
    ],
)
def test_a_chart_without_an_end_ends_at_the_limits(
    tmp_path: Path, template: str, limit: list[str], said: str
) -> None:
    (tmp_path / "chart/templates").mkdir(parents=True)
    (tmp_path / "chart/Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    (tmp_path / "chart/templates/x.yaml").write_text(template)
    tree = working_copy(tmp_path)
    with Builder(limits=limit) as builder:
        (build,) = builder.build([Root("chart", tree, chart_inputs(tree, Release("a", "b", "chart")))])
    (problem,) = build.problems
    assert said in problem.message


def test_what_cannot_be_built_is_not_tried_again(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = write({"a/kustomization.yaml": f"resources: []\nnamePrefx: {os.getpid()}\n"})
    with Builder() as builder:
        (first,) = builder.build([root_at(checkout, "a")])
    monkeypatch.setattr(BuildProcess, "build", None)
    with Builder() as builder:
        (second,) = builder.build([root_at(checkout, "a")])
    assert [problem.message for problem in second.problems] == [problem.message for problem in first.problems] != []


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("resources:\n  - {url}\n", "base?ref=v1.0.0"),
        ("resources:\n  - {url}\n", "one.yaml"),
        ("configMapGenerator:\n  - {{name: a, files: ['a={url}']}}\n", "one.json"),
        ("secretGenerator:\n  - {{name: a, envs: ['{url}']}}\n", "one.env"),
        ("namePrefix: a-\npatches: [{{path: '{url}'}}]\n", "one.yaml"),
    ],
)
def test_a_host_that_cannot_be_resolved_is_asked_for_once(
    field: str, path: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [f"app-{number}" for number in range(6)]
    urls = [f"https://git.invalid/org/{folder}//{path}" for folder in folders]
    checkout = write(
        {f"{folder}/kustomization.yaml": field.format(url=url) for folder, url in zip(folders, urls, strict=True)}
        | {"local/kustomization.yaml": "configMapGenerator: [{name: here, literals: [a=b]}]\n"}
    )
    asked: list[int] = []
    build = BuildProcess.build

    def counted(self: BuildProcess, requests: Sequence[Request]) -> list[Answer]:
        asked.extend(1 for request in requests if b"git.invalid" in request.encoded())
        return build(self, requests)

    monkeypatch.setattr("harness.manifests.builder.os.cpu_count", lambda: 1)
    monkeypatch.setattr(BuildProcess, "build", counted)
    with Builder(hosts={"git.invalid"}) as builder:
        *remote, local = builder.build([root_at(checkout, folder) for folder in [*folders, "local"]])
    assert [str(problem.location) for built in remote for problem in built.problems] == [
        f"{folder}/kustomization.yaml:2" for folder in folders
    ]
    assert [problem.message for built in remote for problem in built.problems] == [
        f"{url} cannot be fetched, because git.invalid cannot be resolved: check the network." for url in urls
    ]
    assert [resource.kind for resource in local.resources] == ["ConfigMap"]
    assert len(asked) == 1


def test_a_repository_that_cannot_be_fetched_is_asked_for_once(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = [f"https://git.example.com/org/{name}//base?ref=v1.0.0" for name in ("gone", "gone", "other")]
    checkout = write(
        {f"app-{index}/kustomization.yaml": f"# {index}\nresources:\n  - {url}\n" for index, url in enumerate(urls)}
    )
    asked: list[str] = []

    def failing(self: BuildProcess, requests: Sequence[Request]) -> list[Answer]:
        (request,) = requests
        (content,) = request.files.values()
        url = content.decode().split()[-1]
        asked.append(url)
        said = f"accumulating resources: accumulation err='accumulating resources from '{url}': x': "
        said += "failed to run '/git fetch --depth=1 https://git.example.com/org v1.0.0': fatal: not found"
        return [Answer(json.dumps({"resources": [], "error": said}).encode())]

    monkeypatch.setattr("harness.manifests.builder.os.cpu_count", lambda: 1)
    monkeypatch.setattr(BuildProcess, "build", failing)
    with Builder(hosts={"git.example.com"}) as builder:
        builds = builder.build([root_at(checkout, f"app-{index}") for index in range(3)])
    assert asked == [urls[0], urls[2]]
    assert [str(built.problems[0].location) for built in builds] == [
        f"app-{index}/kustomization.yaml:3" for index in range(3)
    ]
