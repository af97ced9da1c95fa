"""`harness render`."""

from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from harness.errors import HarnessError
from harness.manifests import write as writing
from harness.manifests.builder import build_all
from harness.manifests.command import render
from harness.manifests.environments import roots
from harness.manifests.write import write

pytestmark = pytest.mark.tools


def run(root: Path, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(render)
    return CliRunner().invoke(app, ["here", *arguments, "--root", str(root)])


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_each_resource_is_a_file(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(checkout, "--output", str(out))
    assert result.exit_code == 0, result.output
    assert files(out) == {
        ".rendered",
        "all.yaml",
        "one/one/configmap-thing.yaml",
        "two/two/configmap-thing.yaml",
    }
    documents = list(yaml.safe_load_all((out / "all.yaml").read_text()))
    assert [document["metadata"]["namespace"] for document in documents] == ["one", "two"]


def test_a_dash_prints_one_stream(checkout: Path) -> None:
    result = run(checkout, "--only", "two", "--output", "-")
    (document,) = yaml.safe_load_all(result.stdout)
    assert document["metadata"] == {"name": "thing", "namespace": "two"}


def test_what_is_gone_is_gone_from_the_folder(checkout: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(checkout, "--output", str(out))
    run(checkout, "--only", "one", "--output", str(out))
    assert files(out) == {".rendered", "all.yaml", "one/one/configmap-thing.yaml"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkout", "out"]


def test_a_folder_of_somebody_else_is_kept(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    result = run(checkout, "--output", str(tmp_path / "mine"))
    assert isinstance(result.exception, HarnessError)
    assert files(tmp_path / "mine") == {"letter.txt"}


def test_a_failure_leaves_the_old_folder(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    builds = build_all(roots(checkout, "here"))
    write(builds, out)
    before = files(out)

    def full(resource: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "file_name", full)
    with pytest.raises(HarnessError, match="No space"):
        write(builds, out)
    assert files(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkout", "out"]


def test_a_part_that_cannot_be_built_exits_with_1_and_its_place(checkout: Path) -> None:
    (checkout / "overlays/here/one/kustomization.yaml").write_text("resources:\n  - absent.yaml\n")
    result = run(checkout)
    assert isinstance(result.exception, HarnessError)
    assert str(result.exception) == "1 of 2 roots of here could not be built: see above."
    assert "overlays/here/one/kustomization.yaml:2: absent.yaml does not exist" in result.output


def test_an_unknown_part_exits_with_2(checkout: Path) -> None:
    result = run(checkout, "--only", "three")
    assert isinstance(result.exception, HarnessError)
    assert result.exception.exit_code == 2
    assert "choose from one, two" in str(result.exception)
