"""Bad input: one sentence that names the thing, a documented exit code, and the rest reviewed."""

import os
import secrets
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.review.command import diff
from harness.review.model import Review

pytestmark = pytest.mark.tools

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\nspec: {{ports: [{{port: 80}}]}}\n"


def overlay(name: str, resources: str = "service.yaml", **files: str | bytes) -> dict[str, str | bytes]:
    folder = f"overlays/{name}"
    return {
        f"{folder}/kustomization.yaml": f"resources: [{resources}]\n",
        f"{folder}/service.yaml": SERVICE.format(name),
        **{f"{folder}/{path}": content for path, content in files.items()},
    }


@pytest.fixture
def repo(checkout: Any) -> Any:
    checkout.commit({**overlay("one"), **overlay("two")})
    return checkout


def sentence(review: Review) -> str:
    (problem,) = review.problems
    return f"{problem.side} {problem.environment}: {problem.sentence}"


@pytest.mark.parametrize("ref", ["nowhere", "--output=x", "HEAD:overlays", "", "-1"])
def test_what_is_no_commit_is_named_and_never_taken_for_an_option(repo: Any, ref: str) -> None:
    with pytest.raises(HarnessError, match=rf"There is no commit '{ref}'.*git fetch") as caught:
        repo.review(ref)
    assert caught.value.exit_code == 2
    assert repo.git("status", "--porcelain") == ""


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="is not in a git repository") as caught:
        diff("HEAD", root=tmp_path)
    assert caught.value.exit_code == 2
    with pytest.raises(HarnessError, match="is not a folder"):
        diff("HEAD", root=tmp_path / "none")


def test_shallow_clone(repo: Any, tmp_path: Path) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.commit({})
    repo.commit({})
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", "--depth=1", repo.root.as_uri(), str(clone)], check=True)
    with pytest.raises(HarnessError, match=r"shallow.*git fetch --unshallow.*fetch-depth: 0") as caught:
        diff(first, root=clone)
    assert caught.value.exit_code == 2


def test_shallow_clone_without_the_merge_base(repo: Any, tmp_path: Path) -> None:
    repo.git("branch", "other")
    repo.commit({})
    repo.git("checkout", "-q", "other")
    repo.commit({"x": "y"})
    clone = tmp_path / "clone"
    url = repo.root.as_uri()
    subprocess.run(["git", "clone", "-q", "--depth=1", "--no-single-branch", url, str(clone)], check=True)
    with pytest.raises(HarnessError, match=r"does not reach back to the merge base of .*--unshallow"):
        diff("origin/main", "origin/other", root=clone)


def test_no_common_ancestor(repo: Any) -> None:
    repo.git("checkout", "-q", "--orphan", "island")
    repo.commit(overlay("three"))
    with pytest.raises(HarnessError, match=r"no common ancestor.*--direct") as caught:
        repo.review("main", "island")
    assert caught.value.exit_code == 2
    headline = repo.review("main", "island", direct=True).headline
    assert headline == "Touches three (1 added), not one or two."


def test_changes_of_base_since_the_branch_left_it_are_not_of_the_branch(repo: Any) -> None:
    repo.git("checkout", "-q", "-b", "branch")
    repo.commit({"overlays/one/service.yaml": SERVICE.format("one").replace("80", "81")})
    repo.git("checkout", "-q", "main")
    repo.commit({"overlays/two/service.yaml": SERVICE.format("two").replace("80", "82")})
    assert repo.review("main", "branch").headline == "Touches one (1 changed), not two."
    assert repo.review("main", "branch", direct=True).headline == "Touches one (1 changed) and two (1 changed)."


def test_bare_repository(repo: Any, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(repo.root), str(bare)], check=True)
    with pytest.raises(HarnessError, match="bare repository"):
        diff("HEAD", root=bare)
    diff("HEAD", "HEAD", root=bare)


def test_no_environment(checkout: Any) -> None:
    checkout.commit({"README": "nothing"})
    with pytest.raises(HarnessError, match="There is no kustomization and no Application"):
        checkout.review()


def test_unknown_environment(repo: Any) -> None:
    with pytest.raises(HarnessError, match=r"no environment 'three'.*one, two") as caught:
        repo.review(environments=["three"])
    assert caught.value.exit_code == 2


BROKEN: list[tuple[dict[str, str | bytes], str]] = [
    ({"kustomization.yaml": "resources: [gone.yaml]\n"}, "gone.yaml does not exist, but it is referenced here"),
    ({"kustomization.yaml": "resources: [{]\n"}, "kustomization.yaml is not valid YAML"),
    ({"kustomization.yaml": "- a\n"}, "is not one kustomization"),
    ({"kustomization.yaml": b"resources: [\xff]\n"}, "is not UTF-8 at byte 12"),
    ({"service.yaml": "kind: [\n"}, "overlays/one/service.yaml is not valid YAML"),
    ({"service.yaml": b"\x00\x01\xfe\xff binary"}, "overlays/one/service.yaml is not UTF-8 at byte 2"),
    ({"service.yaml": SERVICE.format("one").encode("utf-16")}, "overlays/one/service.yaml is not UTF-8 at byte 0"),
    (
        {"service.yaml": SERVICE.format("o\0e")},
        "service.yaml is not valid YAML: it contains a character that YAML does not allow",
    ),
    ({"kustomization.yaml": "resources: [service.yaml]\n".encode("utf-16")}, "kustomization.yaml is not UTF-8"),
    ({"service.yaml": "name: only\n"}, "overlays/one/service.yaml has a resource without metadata"),
    ({"kustomization.yaml": "resources: [../one]\n"}, "include each other: overlays/one → overlays/one"),
    ({"kustomization.yaml": "resources: [../../..]\n"}, "../../.. is outside the repository"),
    ({"kustomization.yaml": "resources: [/etc/passwd]\n"}, "/etc/passwd is outside the repository"),
    ({"kustomization.yaml": "resources: [service.yaml]\nhelmCharts: [{name: x}]\n"}, "Helm"),
]


@pytest.mark.parametrize(("files", "expected"), BROKEN)
def test_one_side_that_does_not_build_is_named_and_the_rest_reviewed(
    repo: Any, files: dict[str, str | bytes], expected: str
) -> None:
    repo.write({f"overlays/one/{name}": content for name, content in files.items()})
    repo.write({"overlays/two/service.yaml": SERVICE.format("two").replace("80", "82")})
    review = repo.review()
    assert expected in sentence(review)
    assert sentence(review).startswith("head one: ")
    assert tempfile.gettempdir() not in sentence(review)
    assert review.headline == (
        "Touches two (1 changed); it is unknown whether it touches one, because 1 part could not be built."
    )
    with pytest.raises(HarnessError, match="is incomplete") as caught:
        diff("HEAD", root=repo.root)
    assert caught.value.exit_code == 1


def test_a_base_that_does_not_build_is_no_failure_of_the_head(repo: Any) -> None:
    repo.commit({"overlays/one/kustomization.yaml": "resources: [gone.yaml]\n"})
    repo.write({"overlays/one/kustomization.yaml": "resources: [service.yaml]\n"})
    assert sentence(repo.review()).startswith("base one: ")
    diff("HEAD", root=repo.root)


def test_what_is_broken_at_both_sides_is_said_once(repo: Any) -> None:
    repo.commit({"overlays/one/kustomization.yaml": "resources: [gone.yaml]\n"})
    assert sentence(repo.review()).startswith("both one: ")


def test_links_in_the_repository_are_followed_and_out_of_it_refused(repo: Any) -> None:
    link = repo.root / "overlays/one/linked.yaml"
    link.symlink_to("real/service.yaml")
    files = overlay("one", "linked.yaml")
    repo.commit({**files, "overlays/one/real/service.yaml": SERVICE.format("shared")})
    repo.write({"overlays/one/real/service.yaml": SERVICE.format("shared").replace("80", "81")})
    assert repo.review().headline == "Touches one (1 changed), not two."
    link.unlink()
    link.symlink_to("../../../outside.yaml")
    (repo.root.parent / "outside.yaml").write_text(SERVICE.format("outside"), encoding="utf-8")
    assert "overlays/one/linked.yaml is a link that leads outside the repository" in sentence(repo.review())
    link.unlink()
    link.symlink_to("linked.yaml")
    assert "circular links" in sentence(repo.review())


def test_links_to_folders_are_followed(repo: Any) -> None:
    (repo.root / "overlays/one/base").symlink_to("../../shared")
    repo.commit(
        {
            **overlay("one", "base"),
            "shared/kustomization.yaml": "resources: [service.yaml]\n",
            "shared/service.yaml": SERVICE.format("shared"),
        }
    )
    repo.write({"shared/service.yaml": SERVICE.format("shared").replace("80", "81")})
    review = repo.review()
    assert review.problems == ()
    assert review.headline.startswith("Touches one (1 changed)")


def test_submodules_are_not_read(repo: Any, checkouts: Callable[[str], Any]) -> None:
    other = checkouts("other")
    other.commit({"kustomization.yaml": "resources: [service.yaml]\n", "service.yaml": SERVICE.format("sub")})
    repo.git("submodule", "--quiet", "add", str(other.root), "sub")
    repo.commit(overlay("one", "../../sub"))
    assert "is in the submodule sub, which is not read" in sentence(repo.review())


def test_huge_files_are_refused(repo: Any) -> None:
    repo.write({"overlays/one/service.yaml": "# " + "x" * 10_000_001})
    assert "has 10,000,003 bytes" in sentence(repo.review())


def test_a_folder_of_plain_manifests_with_a_broken_file_is_reviewed_without_it(
    layout: Callable[[str], Any],
) -> None:
    repo = layout("flat")
    repo.write({"manifests/shop/service.yaml": "{", "manifests/shop/jobs/cleanup.yaml": None})
    review = repo.review()
    assert {problem.file for problem in review.problems} == {"manifests/shop/service.yaml"}
    changed = {str(resource.identity) for *_, resource in review.walk()}
    assert changed == {"CronJob shop/cleanup"}


def test_applications_are_not_taken_as_gone_when_what_defines_them_is_broken(checkout: Any) -> None:
    application = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\n"
        "spec: {source: {path: manifests/web, repoURL: x}, destination: {namespace: web}}\n"
    )
    checkout.commit(
        {
            "overlays/one/kustomization.yaml": "resources: [web.yaml]\n",
            "overlays/one/web.yaml": application,
            "manifests/web/service.yaml": SERVICE.format("web"),
        }
    )
    checkout.write({"overlays/one/kustomization.yaml": "resources: [gone.yaml]\n"})
    review = checkout.review()
    assert [resource for *_, resource in review.walk()] == []
    assert any("web is not compared, because overlays/one" in problem.sentence for problem in review.problems)


def test_what_moved_to_an_application_that_base_cannot_render_is_not_taken_as_deleted(repo: Any) -> None:
    both = {**overlay("one/a"), **overlay("one/b"), "overlays/one/kustomization.yaml": "resources: [a, b]\n"}
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: kept}\n"
    repo.commit({"overlays/one/service.yaml": None, **both, "overlays/one/a/service.yaml": namespace})
    repo.commit({"overlays/one/b/kustomization.yaml": "resources: [gone.yaml]\n"})
    repo.write({**both, "overlays/one/b/service.yaml": namespace})
    review = repo.review()
    assert [problem.side for problem in review.problems] == ["base"]
    changes = {f"{resource.change} {resource.identity}" for *_, resource in review.walk()}
    assert changes == {"moved Namespace kept", "added Service one/a"}
    assert "DF105" not in {risk.rule for *_, risk in review.risks}


def test_no_kustomize(repo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise HarnessError("builder could not be built: check the network.")

    # What was built once is in the cache.
    repo.write({"overlays/one/service.yaml": SERVICE.format(f"n{secrets.token_hex(4)}")})
    monkeypatch.setattr("harness.manifests.builder._program", missing)
    with pytest.raises(HarnessError, match="builder could not be built"):
        repo.review()


def test_the_checkout_is_left_alone(repo: Any) -> None:
    repo.git("config", "gc.auto", "0")
    repo.write({"overlays/one/service.yaml": SERVICE.format("one").replace("80", "81"), "new.yaml": "a: 1"})
    repo.git("add", "new.yaml")

    def state() -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for path in sorted(repo.root.rglob("*"))
            if path.is_file()
        }

    before = state()
    repo.review()
    assert state() == before


def test_the_working_tree_is_what_is_on_disk(repo: Any) -> None:
    repo.write({".gitignore": "ignored/\n"})
    repo.commit({})
    repo.write(
        {
            "overlays/one/kustomization.yaml": "resources: [service.yaml, untracked.yaml]\n",
            "overlays/one/untracked.yaml": SERVICE.format("untracked"),
            "ignored/overlays/three/kustomization.yaml": "resources: []\n",
        }
    )
    repo.write({"overlays/two/service.yaml": SERVICE.format("two").replace("80", "81")})
    repo.git("add", "overlays/two/service.yaml")
    repo.write({"overlays/two/service.yaml": SERVICE.format("two").replace("80", "82")})
    review = repo.review()
    assert review.headline == "Touches one (1 added) and two (1 changed)."
    (change,) = [resource for environment, _, resource in review.walk() if environment.name == "two"]
    assert [field.after for field in change.fields] == [None, {"port": 82}]


def test_a_git_hook_leads_to_the_repository_that_is_asked_for(repo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(repo.root.parent / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", os.devnull)
    assert repo.review().headline.startswith("Touches no environment")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "Name the ref to compare with"),
        ({"base": "HEAD", "fail_on": "terrible"}, "--fail-on takes"),
        ({"base": "HEAD", "at": "HEAD"}, "--at is for --parity"),
    ],
)
def test_wrong_use(repo: Any, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(HarnessError, match=expected) as caught:
        diff(**options, root=repo.root)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "table",
    [
        "unknown = 1",
        "environments = 3",
        'exclude = "x"',
        "environments.a = [1]",
        'environments.a = ["none"]',
        "[",
        'parity = [{path = "x"}]',
    ],
)
def test_wrong_configuration(repo: Any, table: str) -> None:
    repo.write({"pyproject.toml": f"[tool.harness.diff]\n{table}\n"})
    with pytest.raises(HarnessError) as caught:
        repo.review()
    assert caught.value.exit_code == 2
    assert "pyproject.toml" in str(caught.value) or "[tool.harness.diff]" in str(caught.value)


def test_fail_on(repo: Any, tmp_path: Path) -> None:
    repo.write({"overlays/one/service.yaml": SERVICE.format("one").replace("ports:", "type: LoadBalancer, ports:")})
    for threshold in ("high", "low", "DF701", "df701,DF101"):
        with pytest.raises(HarnessError, match="Service one has type LoadBalancer") as caught:
            diff("HEAD", root=repo.root, fail_on=threshold, target=tmp_path / "out.txt")
        assert caught.value.exit_code == 3
    diff("HEAD", root=repo.root, fail_on="DF101", target=tmp_path / "out.txt")
    assert "LoadBalancer" in (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json", "sarif"])
def test_file_names_that_are_not_utf8(repo: Any, form: Any, tmp_path: Path) -> None:
    name = os.fsdecode(b"overlays/one/caf\xe9.yaml")
    repo.write({name: SERVICE.format("unread")})
    with pytest.raises(HarnessError, match=r"does not cover everything.*caf"):
        diff("HEAD", root=repo.root, form=form, target=tmp_path / "out")
    assert (tmp_path / "out").read_text(encoding="utf-8")
