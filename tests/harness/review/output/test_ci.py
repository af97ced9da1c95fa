"""The review in continuous integration: valid, without a way in, and calling what exists."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.review.output import FORMATS
from harness.review.output.markdown import MARKER
from tests.docs.test_commands import problem

ROOT = Path(__file__).parents[4]
ACTION = "action.yml"
OWN = ".github/workflows/overlay-review.yml"
EXAMPLE = "docs/ci/github-actions-diff.yml"
GITLAB = "templates/overlay-review/template.yml"
HOOKS = ".pre-commit-hooks.yaml"
PINNED = re.compile(r"[\w-]+/[\w/-]+@[0-9a-f]{40}")
# What an attacker cannot choose: no names of branches, no titles, no texts.
HARMLESS = {
    "github.action_path",
    "github.event.pull_request.base.sha",
    "github.event.pull_request.head.sha",
    "github.event.pull_request.number",
    "github.ref",
    "github.repository",
    "github.run_id",
    "github.server_url",
    "github.token",
    "github.workflow",
    "runner.os",
    "steps.sources.outputs.digest",
}


def documents(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / file).read_text(encoding="utf-8")))


def load(file: str) -> dict[str, Any]:
    return documents(file)[-1]


def steps(file: str) -> Iterator[dict[str, Any]]:
    content = load(file)
    jobs = content["jobs"].values() if "jobs" in content else [content["runs"]]
    for job in jobs:
        yield from job["steps"]


def scripts(file: str) -> list[str]:
    if file == GITLAB:
        job = load(file)["overlay-review"]
        return [*job["before_script"], *job["script"]]
    return [step["run"] for step in steps(file) if "run" in step]


def part(name: str) -> list[dict[str, Any]]:
    """The steps of the action that run for a part, where the pull request is no fork's."""
    meets = {
        "inputs.part != 'publish'": name != "publish",
        "inputs.part == 'publish'": name == "publish",
        "inputs.part != 'review'": name != "review",
        "github.event.pull_request.head.repo.full_name == github.repository": True,
    }
    return [step for step in steps(ACTION) if all(meets[word] for word in step["if"].split(" && "))]


@pytest.mark.parametrize("file", [ACTION, OWN, EXAMPLE])
def test_nothing_untrusted_becomes_part_of_a_script(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    for script in scripts(file):
        assert "${{" not in script
    used = {name for name in re.findall(r"\$\{\{\s*([\w.-]+)\s*\}\}", text) if not name.startswith("inputs.")}
    assert used - HARMLESS <= {"github.base_ref"}, "only in env, whence the script takes it quoted"
    assert "pull_request_target" not in text


def test_each_input_is_declared_and_used() -> None:
    text = (ROOT / ACTION).read_text(encoding="utf-8")
    assert set(re.findall(r"\binputs\.([\w-]+)", text)) == set(load(ACTION)["inputs"])
    interface, _ = documents(GITLAB)
    text = (ROOT / GITLAB).read_text(encoding="utf-8")
    assert set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", text)) == set(interface["spec"]["inputs"])


@pytest.mark.parametrize("file", [ACTION, OWN, EXAMPLE, ".github/workflows/ci.yml"])
def test_foreign_actions_are_pinned_by_their_commit(file: str) -> None:
    uses = [step["uses"] for step in steps(file) if "uses" in step]
    foreign = [use for use in uses if use not in ("./", "OWNER/lakehouse-platform@COMMIT")]
    assert [use for use in foreign if not PINNED.fullmatch(use)] == []
    text = (ROOT / file).read_text(encoding="utf-8")
    assert len(re.findall(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", text, re.MULTILINE)) == len(foreign)


@pytest.mark.parametrize("file", [OWN, EXAMPLE])
def test_what_reads_foreign_files_may_not_write(file: str) -> None:
    workflow = load(file)
    assert workflow["permissions"] == {}
    review, publish = workflow["jobs"]["review"], workflow["jobs"]["publish"]
    assert review["permissions"] == {"contents": "read"}
    assert publish["permissions"].items() >= {"pull-requests": "write", "security-events": "write"}.items()
    assert "head.repo.full_name == github.repository" in publish["if"]
    for job, name in ((review, "review"), (publish, "publish")):
        *checkouts, action = job["steps"]
        assert action["with"] == {"part": name}
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    assert review["steps"][0]["with"]["fetch-depth"] == 0
    refs = [step["with"]["ref"] for step in publish["steps"] if "checkout" in step["uses"]]
    assert set(refs) <= {"${{ github.event.pull_request.base.sha }}"}


def test_this_repository_uses_its_own_action() -> None:
    assert [step["uses"] for step in steps(OWN) if "checkout" not in step["uses"]] == ["./", "./"]


def test_a_review_writes_nothing_and_a_publication_runs_nothing_of_the_pull_request() -> None:
    review, publish = part("review"), part("publish")
    assert [step for step in review if "GH_TOKEN" in step.get("env", {}) or "sarif" in step.get("uses", "")] == []
    assert [step.get("uses", "run").partition("@")[0] for step in publish] == [
        "actions/download-artifact",
        "run",
        "github/codeql-action/upload-sarif",
    ]
    assert "harness/bin" not in publish[1]["run"]
    every = [step for step in steps(ACTION) if "download-artifact" not in step.get("uses", "")]
    assert part("all") == every


def test_a_fork_gets_no_comment() -> None:
    writing = [step for step in part("all") if "GH_TOKEN" in step.get("env", {}) or "sarif" in step.get("uses", "")]
    assert len(writing) == 2
    assert all("head.repo.full_name == github.repository" in step["if"] for step in writing)


def test_a_comment_is_brought_up_to_date() -> None:
    (comment,) = [step for step in steps(ACTION) if "GH_TOKEN" in step.get("env", {})]
    assert MARKER in comment["env"]["MINE"]
    assert ["PATCH" in comment["run"], "POST" in comment["run"]] == [True, True]
    assert MARKER in (ROOT / GITLAB).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", [ACTION, GITLAB])
def test_scripts_are_shell(file: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    for script in scripts(file):
        done = subprocess.run([bash, "-n"], input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", [ACTION, GITLAB, HOOKS])
def test_every_option_exists(file: str) -> None:
    """A call of the review with an option or a format that is gone would only fail in somebody's pipeline."""
    if file == HOOKS:
        (hook,) = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
        assert (hook["entry"], hook["language"]) == ("harness diff", "python")
        calls = [" ".join(hook["args"])]
    else:
        text = "\n".join(scripts(file)).replace("\\\n", "")
        calls = re.findall(r"(?:bin/harness\"? diff|^ *(?:- )?review(?= --)) (.*?)(?:\|\||$)", text, re.MULTILINE)
        assert len(calls) == 5
        assert "--fail-on" in calls[-1]
        assert set(re.findall(r"--format (\w+)", " ".join(calls))) == {"markdown", "html", "sarif"} <= set(FORMATS)
    assert [why for call in calls if (why := problem(f"diff {call}"))] == []


def test_what_the_action_installs_is_there() -> None:
    text = " ".join(scripts(ACTION))
    named = [*re.findall(r"GITHUB_ACTION_PATH/([\w./-]+)", text), "requirements/review.txt", "tools/builder"]
    assert [path for path in named if not (ROOT / path).exists()] == []
    (setup,) = [step for step in steps(ACTION) if "setup-go" in step.get("uses", "")]
    assert setup["with"]["go-version-file"] == "${{ github.action_path }}/tools/builder/go.mod"
