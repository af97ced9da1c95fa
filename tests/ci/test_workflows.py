"""The hosted workflows: pinned, without a way in, calling what exists, and doing what they say."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.paths import ROOT
from tests.docs.test_commands import problem

WORKFLOWS = {file.stem: file for file in (ROOT / ".github" / "workflows").glob("*.yml")}
CI, RELEASE = "ci", "release"
PINNED = re.compile(r"uses: (\./|[\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)")


def load(name: str) -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))
    return workflow


def triggers(name: str) -> dict[str, Any]:
    # To YAML 1.1, "on" is a truth value.
    found: dict[str, Any] = load(name)[True]
    return found


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in load(name)["jobs"].values():
        yield from job["steps"]


def script(name: str, step: str) -> str:
    [text] = [item["run"] for item in steps(name) if item.get("name") == step]
    return str(text)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_commit_and_name_their_version(name: str) -> None:
    lines = [line.strip().removeprefix("- ") for line in WORKFLOWS[name].read_text(encoding="utf-8").splitlines()]
    assert [line for line in lines if line.startswith("uses:") and not PINNED.fullmatch(line)] == []


def test_an_action_has_one_version() -> None:
    files = [*WORKFLOWS.values(), ROOT / "action.yml", *(ROOT / "docs" / "ci").glob("*.yml")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    used = re.findall(r"uses: ([\w-]+/[\w-]+)[\w/-]*@([0-9a-f]{40})", text)
    assert len(set(used)) == len(dict(used))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_scripts_are_shell_and_take_values_from_their_environment(name: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    for step in steps(name):
        text = step.get("run", "")
        assert "${{" not in text
        done = subprocess.run([bash, "-n"], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_pull_request_waits_for_no_check_that_its_paths_keep_from_running(name: str) -> None:
    assert "pull_request_target" not in triggers(name)
    assert not {"paths", "paths-ignore"} & set(triggers(name).get("pull_request") or {})


def test_the_required_check_needs_every_other_job() -> None:
    jobs = load(CI)["jobs"]
    gate = jobs.pop("required")
    needs = [gate["needs"]] if isinstance(gate["needs"], str) else gate["needs"]
    assert set(needs) == set(jobs)
    # A job whose needs failed is skipped, and a skipped check counts as passed.
    assert gate["if"] == "always()"
    [step] = gate["steps"]
    for result, passes in {"success": True, "failure": False, "cancelled": False, "skipped": False}.items():
        done = subprocess.run(["sh", "-ec", step["run"]], env={"RESULT": result}, check=False)
        assert (done.returncode == 0) is passes


def test_jobs_make_what_one_machine_makes_each_in_its_own() -> None:
    legs = load(CI)["jobs"]["run"]["strategy"]["matrix"]["include"]
    made = [target for leg in legs for target in leg["make"].split()]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [target for target in made if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
    at_once = set(re.findall(r"step \"make [\w-]+\" make ([\w-]+)", (ROOT / ".ci/run").read_text(encoding="utf-8")))
    assert at_once | {"lint", "validate"} == set(made)
    assert not any({"test", "e2e"} <= set(leg["make"].split()) for leg in legs)


def test_a_release_may_write_what_it_writes_and_nothing_else() -> None:
    workflow = load(RELEASE)
    assert workflow["permissions"] == {}
    [job] = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "write", "packages": "write", "id-token": "write"}
    assert triggers(RELEASE)["push"]["branches"] == ["main"]
    # It would otherwise fail for everybody who has no registry.
    assert job["if"] == "vars.RELEASE_REGISTRY != ''"


def test_a_release_runs_for_all_that_images_are_made_of() -> None:
    folders = {pattern.partition("/")[0] for pattern in triggers(RELEASE)["push"]["paths"]}
    read: set[str] = set()
    for image in ("airflow", "spark", "jupyter", "minio"):
        lines = (ROOT / "images" / image / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        own = lines[: next((at for at, line in enumerate(lines) if line.startswith("# Without the harness")), None)]
        read |= {line[1:].partition("/")[0] for line in own if line.startswith("!")}
    assert read <= folders


def test_a_release_calls_a_command_that_exists() -> None:
    [call] = re.findall(r"bin/harness (.*) >", script(RELEASE, "Build, push, and write the overlay"))
    assert not problem(call)


def test_images_are_signed_before_the_commit_that_deploys_them() -> None:
    names = [step.get("name") for step in steps(RELEASE)]
    signing = "SBOM and signature of what is new"
    assert names.index("Build, push, and write the overlay") < names.index(signing) < names.index("Commit")
    assert all(f"cosign {verb} --yes" in script(RELEASE, signing) for verb in ("sign", "attest"))


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_overlay_is_committed_where_it_changed_and_nothing_else(tmp_path: Path) -> None:
    origin, clone = tmp_path / "origin.git", tmp_path / "clone"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", origin], check=True)
    subprocess.run(["git", "clone", "--quiet", origin, clone], check=True, capture_output=True)
    (clone / "overlays").mkdir()
    (clone / "overlays" / "a.yaml").write_text("newTag: 1\n")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    git(clone, "add", ".")
    git(clone, *author, "commit", "--quiet", "--message", "First")
    git(clone, "push", "--quiet", "origin", "HEAD:main")

    def commit() -> str:
        environment = {**os.environ, "ENVIRONMENT": "eks"}
        command = ["bash", "-e", "-o", "pipefail", "-c", script(RELEASE, "Commit")]
        subprocess.run(command, cwd=clone, env=environment, check=True, capture_output=True)
        return git(origin, "log", "--format=%s", "main")

    (clone / "release.json").write_text("[]")
    assert commit() == "First"
    (clone / "overlays" / "a.yaml").write_text("newTag: 2\n")
    assert commit() == "Release images to eks\nFirst"
    assert git(origin, "show", "--name-only", "--format=", "main") == "overlays/a.yaml"
    assert commit() == "Release images to eks\nFirst"
