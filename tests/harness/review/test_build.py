"""Building: the same as kustomize builds of the whole checkout, and again only when something changed."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.machine.proxy.certificates import with_certificates
from harness.machine.tools import tool
from harness.manifests.cache import Cache
from harness.manifests.git import Repository
from harness.manifests.inputs import Kustomizations
from harness.manifests.kubernetes_yaml import split
from harness.manifests.snapshot import Snapshot, Store
from harness.manifests.tree import walk
from harness.manifests.upstream import git_environment
from harness.paths import ROOT
from harness.review.build import Builder, Job

pytestmark = pytest.mark.tools


def plain(root: Path, folder: str) -> list[str]:
    """What `kustomize build` says of a folder of a checkout."""
    remotes = [remote for remote, _, _ in walk(root / folder).remotes]
    done = subprocess.run(
        [tool("kustomize"), "build", str(root / folder)],
        env=with_certificates(os.environ) | git_environment(remotes),
        capture_output=True,
        text=True,
        check=True,
    )
    return split(done.stdout)


def built(root: Path, folder: str, edits: str = "") -> list[str]:
    with Repository(root) as repository:
        snapshot = Snapshot(repository.working_tree(), Store(repository))
        (rendering,) = Builder().build(snapshot, [Job(Kustomizations(snapshot, {}).inputs(folder), edits)])
        assert rendering.troubles == []
        return [text.text for text in rendering.texts()]


@pytest.mark.parametrize("environment", sorted(path.name for path in (ROOT / "overlays").iterdir()))
def test_our_overlays_are_built_as_kustomize_builds_them(environment: str) -> None:
    for name in ("cicd/applications", "database", "orchestrator", "monitoring/grafana"):
        folder = f"overlays/{environment}/{name}"
        assert built(ROOT, folder) == plain(ROOT, folder)


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


def test_every_file_that_a_kustomization_reads_is_in_its_key(checkout: Any) -> None:
    checkout.commit(FILES)
    assert built(checkout.root, "app") == plain(checkout.root, "app")
    with Repository(checkout.root) as repository:
        store = Store(repository)

        def key() -> str:
            snapshot = Snapshot(repository.working_tree(), store)
            return Kustomizations(snapshot, {}).inputs("app").key(snapshot)

        keys = {key()}
        for name, text in FILES.items():
            checkout.write({name: f"{text}\n"})
            keys.add(key())
            checkout.write({name: text})
        assert len(keys) == len(FILES) + 1
        checkout.write({"app/unread.txt": "x", "other/kustomization.yaml": "resources: []\n"})
        assert key() in keys


def test_a_kustomization_of_which_nothing_changed_is_not_built_again(
    checkout: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.commit({**FILES, "app/a.txt": str(checkout.root)})
    first = built(checkout.root, "app")
    monkeypatch.setattr(Builder, "_run", lambda *_: pytest.fail("it was built again"))
    assert built(checkout.root, "app") == first
    checkout.commit({"app/unread.txt": "x"})
    assert built(checkout.root, "app") == first


@pytest.mark.parametrize("cache", ["diff", "diff-deployers"])
def test_half_of_a_cached_rendering_is_built_anew(checkout: Any, cache: str) -> None:
    checkout.commit({**FILES, "app/a.txt": f"{checkout.root}{cache}"})
    first = built(checkout.root, "app")
    with Repository(checkout.root) as repository:
        snapshot = Snapshot(repository.working_tree(), Store(repository))
        (rendering,) = Builder().build(snapshot, [Job(Kustomizations(snapshot, {}).inputs("app"))])
        Cache(cache).path(rendering.key).unlink()
    assert built(checkout.root, "app") == first


def test_a_branch_of_another_repository_is_not_taken_from_the_cache(checkout: Any) -> None:
    remotes = {"https://example.com/a//b?ref=v1.2.3": True, "https://example.com/a//b?ref=main": False}
    for remote, pinned in remotes.items():
        checkout.commit({"app/kustomization.yaml": f"resources: ['{remote}']\n"})
        with Repository(checkout.root) as repository:
            snapshot = Snapshot(repository.working_tree(), Store(repository))
            assert Kustomizations(snapshot, {}).inputs("app").pinned is pinned


@pytest.mark.parametrize(
    ("options", "edit"),
    [
        ('{"namePrefix": "x-"}', ["set", "nameprefix", "x-"]),
        ('{"nameSuffix": "-x"}', ["set", "namesuffix", "--", "-x"]),
        ('{"namespace": "n"}', ["set", "namespace", "n"]),
        ('{"images": ["web=r/web:2"]}', ["set", "image", "web=r/web:2"]),
        ('{"images": ["web:3"]}', ["set", "image", "web:3"]),
        ('{"images": ["web@sha256:0000"]}', ["set", "image", "web@sha256:0000"]),
        ('{"replicas": [{"name": "web", "count": "4"}]}', ["set", "replicas", "web=4"]),
        ('{"commonLabels": {"a": "b"}}', ["add", "label", "a:b"]),
        (
            '{"commonLabels": {"a": "b"}, "labelWithoutSelector": true}',
            ["add", "label", "--without-selector", "a:b"],
        ),
        ('{"commonAnnotations": {"a": "b"}}', ["add", "annotation", "a:b"]),
    ],
)
def test_what_an_application_sets_is_what_kustomize_edit_sets(checkout: Any, options: str, edit: list[str]) -> None:
    files = {
        "app/kustomization.yaml": "resources: [web.yaml]\nimages: [{name: web, newTag: '1'}]\n",
        "app/web.yaml": (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n"
            "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n"
            "    spec: {containers: [{name: web, image: web}]}\n"
        ),
    }
    checkout.commit(files)
    found = built(checkout.root, "app", options)
    subprocess.run([tool("kustomize"), "edit", *edit], cwd=checkout.root / "app", check=True, capture_output=True)
    assert found == plain(checkout.root, "app")
