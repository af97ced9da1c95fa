"""The scripts of the action and of the GitLab component, run as on a runner, with a stand-in for the host's API."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.review.output.markdown import MARKER
from tests.harness.review.output.test_ci import GITLAB, load, part

pytestmark = pytest.mark.tools

CLAIM = (
    "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce]}\n"
)
ROOT = "overlays/prod/kustomization.yaml"
API = """#!/bin/bash
case "$*" in *--paginate* | *sort=asc*) cat "$ANSWER" ;; *) echo "$@" >> "$CALLS" ;; esac
"""
HARNESS = f'#!/bin/bash\nexec "{sys.executable}" -m harness "$@"\n'


@dataclass
class Runner:
    """A job's machine: what the API answers, and what it was asked to write."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def answer(self, text: str) -> None:
        (self.folder / "answer").write_text(text)

    def calls(self) -> str:
        return (self.folder / "calls").read_text()

    def run(self, script: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder / "work",
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def runner(checkout: Any, tmp_path: Path) -> Runner:
    checkout.commit({ROOT: "resources: [claim.yaml]\n", "overlays/prod/claim.yaml": CLAIM})
    checkout.git("update-ref", "refs/remotes/origin/main", "HEAD")
    checkout.git("config", "remote.origin.url", str(checkout.root))
    checkout.git("config", "remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main")
    checkout.git("checkout", "-q", "-b", "change")
    checkout.commit({ROOT: "resources: []\nnamePrefix: x-\n", "overlays/prod/claim.yaml": None})
    for name, script in {"bin/gh": API, "bin/curl": API, "harness/bin/harness": HARNESS}.items():
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(script)
        program.chmod(0o755)
    (tmp_path / "calls").touch()
    (tmp_path / "work").symlink_to(checkout.root)
    folders = {"RUNNER_TEMP": tmp_path, "GITHUB_STEP_SUMMARY": tmp_path / "summary"}
    files = {"ANSWER": tmp_path / "answer", "CALLS": tmp_path / "calls"}
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return Runner(tmp_path, {"PATH": path, **{name: str(place) for name, place in {**folders, **files}.items()}})


def steps(context: dict[str, str]) -> dict[str, tuple[str, dict[str, str]]]:
    """The action's own scripts and their variables, by the first word of the step's name."""

    def filled(text: Any) -> str:
        return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", lambda match: context.get(match[1], ""), str(text))

    return {
        step["name"].split()[0]: (step["run"], {name: filled(text) for name, text in step["env"].items()})
        for step in part("all")
        if "run" in step and "env" in step
    }


CONTEXT = {
    "github.base_ref": "main",
    "github.repository": "o/r",
    "github.server_url": "https://github.example.com",
    "github.run_id": "42",
    "github.event.pull_request.number": "5",
    "inputs.folder": ".",
    "inputs.fail-on": "high",
    "inputs.options": "--env prod --accept nothing",
}


def test_the_action_reviews_comments_and_fails(runner: Runner) -> None:
    scripts = steps(CONTEXT)
    review, variables = scripts["Review"]
    done = runner.run(review, **variables)
    assert done.returncode == 0, done.stderr
    written = runner.folder / "work/review"
    text = (written / "review.md").read_text()
    assert text.rstrip().endswith(MARKER)
    assert "DF101" in text
    assert (runner.folder / "summary").read_text() == text
    assert "<html" in (written / "review.html").read_text()
    assert json.loads((written / "review.sarif").read_text())["runs"][0]["results"]

    comment, variables = scripts["Comment,"]
    runner.answer("")
    assert runner.run(comment, **variables).returncode == 0
    runner.answer("7\n9\n")
    assert runner.run(comment, **variables).returncode == 0
    assert runner.calls().splitlines() == [
        "api --method POST repos/o/r/issues/5/comments --field body=@review/review.md --silent",
        "api --method PATCH repos/o/r/issues/comments/7 --field body=@review/review.md --silent",
    ]

    last, variables = scripts["No"]
    assert runner.run(last, **variables).returncode == 3
    assert runner.run(last, **variables | {"FAIL_ON": "DF405"}).returncode == 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [({ROOT: "resources: [absent.yaml]\n"}, 1), ({"loose.yaml": "a: b\n", ROOT: "namePrefix: y-\n"}, 5)],
)
def test_what_is_incomplete_is_published_and_fails_at_the_end(
    runner: Runner, checkout: Any, files: dict[str, str], expected: int
) -> None:
    checkout.commit(files)
    scripts = steps(CONTEXT | {"inputs.fail-on": "DF405"})
    review, variables = scripts["Review"]
    assert runner.run(review, **variables).returncode == 0
    last, variables = scripts["No"]
    assert runner.run(last, **variables).returncode == expected


def test_an_option_that_does_not_exist_fails_the_review(runner: Runner) -> None:
    review, variables = steps(CONTEXT | {"inputs.options": "--nonsense $(touch ran)"})["Review"]
    assert runner.run(review, **variables).returncode != 0
    assert not (runner.folder / "work/ran").exists()


@pytest.mark.parametrize("token", ["", "glpat"])
def test_the_component_reviews_notes_and_fails(runner: Runner, token: str) -> None:
    job = load(GITLAB)["overlay-review"]
    harness = str(runner.folder / "harness/bin/harness")
    fetch = job["before_script"][0]
    script = "\n".join([fetch, *job["script"]]).replace("/opt/harness/bin/harness", harness)
    own = {"username": "project_1_bot", "body": f"x {MARKER}"}
    notes = [
        {"id": 3, "author": {"username": "eve"}, "body": MARKER},
        {"id": 4, "author": {"username": own["username"]}, "body": own["body"]},
    ]
    runner.answer(json.dumps(notes))
    variables = {
        "BASE": "origin/main",
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_JOB_URL": "https://gitlab.example.com/o/r/-/jobs/1",
        "NOTES": "https://gitlab.example.com/notes",
        "OPTIONS": "--env prod",
        "FAIL_ON": "high",
        "REVIEW_TOKEN": token,
    }
    done = runner.run(script, **variables)
    assert done.returncode == 3, done.stderr
    assert "DF101" in (runner.folder / "work/review/review.md").read_text()
    assert ("PUT" in runner.calls() and "/notes/4" in runner.calls()) is bool(token)
    runner.answer("[]")
    assert runner.run(script, **variables | {"FAIL_ON": "DF405"}).returncode == 0
    assert ("POST" in runner.calls()) is bool(token)
