"""`harness images release` on a copy of the tree, with a Docker and a registry that are dictionaries."""

import json
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from harness.clusters.images import build, release, work
from harness.clusters.images.command import app
from harness.clusters.images.wanted import Wanted, wanted
from harness.clusters.images.work import Origin, Plan
from harness.errors import HarnessError, UsageError
from harness.exits import ExitCode
from harness.manifests.builder import build_all
from harness.manifests.environments import roots

pytestmark = pytest.mark.tools
OWN = ["airflow", "spark", "jupyter", "minio"]
REGISTRY = "registry.acme.io/data"


@pytest.fixture
def tree(tmp_path: Path, repo: Path) -> Path:
    for folder in (
        "base",
        "components",
        "overlays",
        "images",
        "dags",
        "spark",
        "requirements",
        "tests/e2e",
        "harness",
    ):
        shutil.copytree(repo / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repo / "pyproject.toml", tmp_path)
    return tmp_path


class Machine:
    """What Docker and the registry have: names of images, and what happened to them since the last look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.docker: set[str] = set()
        self.registry: dict[str, str] = {}
        self.log: list[str] = []
        self.refuses = False
        monkeypatch.setattr("harness.clusters.images.command.require_daemon", lambda: None)
        for module in (build, work):
            monkeypatch.setattr(module, "image_label", lambda *_: None)
        monkeypatch.setattr(release, "image_id", lambda name: "sha256:1" if name in self.docker else None)
        monkeypatch.setattr(release, "ensure_base", lambda **_: "sha256:base")
        monkeypatch.setattr(release, "answers", lambda image: image.startswith("registry.acme.io/"))
        monkeypatch.setattr(release, "digest", self.registry.get)
        for name in ("ensure", "push", "pull"):
            monkeypatch.setattr(release, name, getattr(self, name))

    def ensure(self, images: Sequence[Wanted], *, only: Collection[str]) -> list[Plan]:
        # Building JupyterLab's image needs to know that of Spark.
        assert any(image.repository.endswith("spark") for image in images)
        new = [name for name in only if name not in self.docker]
        self.log += [f"build {name}" for name in new]
        self.docker |= set(new)
        return [Plan(name, Origin.BUILD if name in new else Origin.PRESENT) for name in only]

    def push(self, image: str) -> None:
        if self.refuses:
            raise HarnessError(f"Could not push {image} (denied): check your right to push to it.")
        self.log.append(f"push {image}")
        self.registry[image] = f"sha256:{len(self.registry):064}"

    def pull(self, image: str) -> None:
        self.log.append(f"pull {image}")

    def happened(self) -> list[str]:
        """In short: without registries and tags."""
        log, self.log[:] = list(self.log), []
        return [f"{line.split()[0]} {line.split(':')[0].rpartition('lakehouse')[2][1:]}" for line in log]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def run(tree: Path, environment: str, *options: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["release", environment, *options, "--root", str(tree)])
    if isinstance(done.exception, HarnessError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def tagged(tree: Path, environment: str = "minikube") -> dict[str, dict[str, str]]:
    """The overlay's entries of the platform's own images."""
    file = tree / f"overlays/{environment}/images/kustomization.yaml"
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))["images"]
    return {name[10:]: entry for entry in entries if (name := entry["name"]).startswith("lakehouse/")}


def edit(tree: Path, file: str) -> None:
    (tree / file).write_text((tree / file).read_text(encoding="utf-8") + "\n# Changed.\n", encoding="utf-8")


def test_tags_change_with_what_images_are_made_of(tree: Path, machine: Machine, repo: Path) -> None:
    edited = ("dags/brew_process_transformation.py", "spark/lakehouse/silver.py")
    run(tree, "minikube")
    first = tagged(tree)
    assert machine.happened() == [f"build {name}" for name in OWN]
    assert {entry["newTag"][:6] for entry in first.values()} == {"0.1.0-"}
    assert not [entry for entry in first.values() if "digest" in entry or "newName" in entry]

    before = (tree / "overlays/minikube/images/kustomization.yaml").stat()
    assert "Nothing to change" in run(tree, "minikube")
    assert machine.happened() == []
    assert (tree / "overlays/minikube/images/kustomization.yaml").stat() == before

    edit(tree, edited[0])
    assert "Wrote overlays/minikube/images/kustomization.yaml" in run(tree, "minikube")
    assert changed(first, tagged(tree)) == {"airflow"}
    edit(tree, edited[1])
    run(tree, "minikube")
    # JupyterLab's image is built on that of Spark.
    assert changed(first, tagged(tree)) == {"airflow", "spark", "jupyter"}
    for file in edited:
        shutil.copy(repo / file, tree / file)
    run(tree, "minikube")
    assert tagged(tree) == first


def changed(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_what_is_rendered_has_the_tags_settings_and_templates_too(tree: Path, machine: Machine) -> None:
    run(tree, "minikube")
    tags = {name: entry["newTag"] for name, entry in tagged(tree).items()}

    users = {image.name: image.users for image in wanted("minikube", tree) if image.own}
    assert users.keys() == {f"lakehouse/{name}:{tag}" for name, tag in tags.items()}
    [settings] = [
        item.value["data"]
        for build in build_all(roots(tree, "minikube"))
        for item in build.resources
        if (item.kind, item.name) == ("ConfigMap", "spark-settings")
    ]
    assert settings["SPARK_IMAGE"] == f"lakehouse/spark:{tags['spark']}"
    assert any("airflow-pod-template" in user for user in users[f"lakehouse/airflow:{tags['airflow']}"])


def test_a_registry_keeps_what_it_has(tree: Path, machine: Machine) -> None:
    run(tree, "minikube", "--push", REGISTRY)
    assert machine.happened() == [*(f"build {name}" for name in OWN), *(f"push {name}" for name in OWN)]
    entries = tagged(tree)
    for name, entry in entries.items():
        assert entry["newName"] == f"{REGISTRY}/lakehouse-{name}"
        assert entry["digest"] == machine.registry[f"{entry['newName']}:{entry['newTag']}"]
    assert f"{REGISTRY}/lakehouse-spark:{entries['spark']['newTag']}@{entries['spark']['digest']}" in {
        image.name for image in wanted("minikube", tree)
    }

    # Another machine, on which nothing has been built.
    machine.docker.clear()
    assert "Nothing to change" in run(tree, "minikube", "--push", REGISTRY)
    assert machine.happened() == []
    edit(tree, "requirements/image-jupyter.txt")
    run(tree, "minikube", "--push", REGISTRY)
    assert machine.happened() == ["pull spark", "build jupyter", "push jupyter"]
    assert changed(entries, tagged(tree)) == {"jupyter"}

    # What is built here and nowhere else has no digest; what was pushed keeps its own.
    edit(tree, "dags/brew_process_transformation.py")
    run(tree, "minikube")
    assert {name for name, entry in tagged(tree).items() if "digest" not in entry} == {"airflow"}


def test_what_was_done_is_json(tree: Path, machine: Machine) -> None:
    first = json.loads(run(tree, "minikube", "--push", REGISTRY, "--format", "json"))
    again = json.loads(run(tree, "minikube", "--push", REGISTRY, "--format", "json"))

    assert {(row["image"], row["origin"], row["changed"]) for row in first} == {
        (f"lakehouse/{name}", "built", True) for name in OWN
    }
    assert {(row["origin"], row["changed"]) for row in again} == {("registry", False)}
    assert machine.registry == {f"{row['repository']}:{row['tag']}": row["digest"] for row in again}


def test_another_overlays_images_are_named(tree: Path, machine: Machine) -> None:
    before = tagged(tree)
    run(tree, "e2e", code=ExitCode.NOT_COVERED)

    assert machine.happened() == ["build mock-api"]
    assert tagged(tree) == before
    assert any(image.name.startswith("lakehouse/mock-api:0.1.0-") for image in wanted("e2e", tree))


def test_a_release_that_fails_leaves_the_overlay(tree: Path, machine: Machine) -> None:
    before = (tree / "overlays/minikube/images/kustomization.yaml").read_bytes()
    machine.refuses = True

    with pytest.raises(HarnessError, match=r"^Could not push .* \(denied\)"):
        run(tree, "minikube", "--push", REGISTRY)
    assert (tree / "overlays/minikube/images/kustomization.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("environment", "options", "why"),
    [
        ("minkube", [], r"^There is no environment 'minkube'; did you mean 'minikube'\?$"),
        ("minikube", ["--push", "https://docker.io/you"], r"^--push 'https://docker.io/you' is no registry"),
        ("minikube", ["--push", "docker.io/You"], r"^--push 'docker.io/You' is no registry"),
        ("eks", ["--push", REGISTRY], rf"'harness init eks --registry {REGISTRY}' changes that\.$"),
    ],
)
def test_a_wrong_command_line(tree: Path, machine: Machine, environment: str, options: list[str], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        run(tree, environment, *options)
    assert machine.happened() == []


def test_a_registry_that_does_not_answer_is_said_before_anything_is_built(tree: Path, machine: Machine) -> None:
    with pytest.raises(HarnessError, match=r"^The registry away\.acme\.io does not answer: check"):
        run(tree, "minikube", "--push", "away.acme.io/data")
    assert machine.happened() == []


def test_a_registry_that_hides_its_digests(tree: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "digest", lambda _: None)
    with pytest.raises(
        HarnessError, match=r"does not say the digest of registry\.acme\.io/data/lakehouse-airflow:"
    ):
        run(tree, "minikube", "--push", REGISTRY)


def test_a_checkout_without_a_version(tree: Path, machine: Machine) -> None:
    (tree / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    with pytest.raises(HarnessError, match=r"pyproject\.toml does not name the platform's version"):
        run(tree, "minikube")
