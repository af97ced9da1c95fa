"""The examples for continuous integration: valid, without a way in, and calling what exists."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.testing
import yaml

from harness.cli import app
from harness.review.output import FORMATS
from harness.review.output.markdown import MARKER

ROOT = Path(__file__).parents[4]
WORKFLOWS = (".github/workflows/overlay-review.yml", "docs/ci/github-actions-diff.yml")
GITLAB = "docs/ci/gitlab-diff.yml"
# What an attacker cannot choose: no names of branches, no titles, no texts.
HARMLESS = {
    "github.token",
    "github.repository",
    "github.server_url",
    "github.run_id",
    "github.workflow",
    "github.ref",
}
HARMLESS |= {"github.event.pull_request.number", "github.event.pull_request.head.sha", "runner.os"}
HARMLESS |= {"vars.HARNESS_REPOSITORY", "vars.HARNESS_REF"}


def load(file: str) -> dict[str, Any]:
    content = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def steps(workflow: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in workflow["jobs"].items():
        for step in job["steps"]:
            yield name, step


def scripts(file: str) -> list[str]:
    content = load(file)
    if file == GITLAB:
        job = content["overlay-review"]
        return [*job["before_script"], *job["script"]]
    return [step["run"] for _, step in steps(content) if "run" in step]


@pytest.mark.parametrize("file", WORKFLOWS)
def test_nothing_untrusted_becomes_part_of_a_script(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    for script in scripts(file):
        assert "${{" not in script
    used = set(re.findall(r"\$\{\{\s*([\w.]+)\s*\}\}", text))
    assert used - HARMLESS == {"github.base_ref"}, "only in env, whence the script takes it quoted"
    assert "pull_request_target" not in text


@pytest.mark.parametrize("file", WORKFLOWS)
def test_what_runs_foreign_code_may_only_read(file: str) -> None:
    workflow = load(file)
    assert workflow["permissions"] == {}
    permissions = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert permissions == {
        "review": {"contents": "read"},
        "publish": {"pull-requests": "write", "security-events": "write"},
    }
    uses: dict[str, list[str]] = {name: [] for name in permissions}
    for name, step in steps(workflow):
        uses[name].append(step.get("uses", ""))
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False
    assert not [use for use in uses["publish"] if use.startswith("actions/checkout")]
    assert "head.repo.full_name == github.repository" in workflow["jobs"]["publish"]["if"]
    assert "harness" not in " ".join(
        step["run"] for name, step in steps(workflow) if name == "publish" and "run" in step
    )


@pytest.mark.parametrize("file", WORKFLOWS)
def test_the_whole_history_is_there(file: str) -> None:
    reviewed = next(step for _, step in steps(load(file)) if step.get("uses", "").startswith("actions/checkout"))
    assert reviewed["with"]["fetch-depth"] == 0


@pytest.mark.parametrize("file", [*WORKFLOWS, GITLAB])
def test_scripts_are_shell(file: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    for script in scripts(file):
        done = subprocess.run([bash, "-n"], input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", [*WORKFLOWS, GITLAB, ".pre-commit-hooks.yaml"])
def test_every_option_exists(file: str) -> None:
    """A call of the review with an option or a format that is gone would only fail in somebody's pipeline."""
    help_text = typer.testing.CliRunner().invoke(app, ["diff", "--help"], env={"COLUMNS": "200"}).stdout
    if file == ".pre-commit-hooks.yaml":
        (hook,) = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
        assert hook["entry"] == "harness diff"
        calls = [" ".join(hook["args"])]
    else:
        calls = [
            line
            for script in scripts(file)
            for line in script.splitlines()
            if "harness diff" in line or "review --" in line
        ]
        assert [line for line in calls if "--fail-on high" in line]
        assert set(re.findall(r"--format (\w+)", " ".join(calls))) == {"markdown", "html", "sarif"} <= set(FORMATS)
    options = set(re.findall(r"--[a-z-]+", " ".join(calls)))
    assert options
    assert [option for option in options if option not in help_text] == []


@pytest.mark.parametrize("file", [*WORKFLOWS, GITLAB])
def test_the_comment_is_found_by_its_mark(file: str) -> None:
    assert MARKER in (ROOT / file).read_text(encoding="utf-8")
