"""The order of the phases, what is skipped, and what is said when one fails."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from harness.cluster.cluster import Cluster
from harness.deploy.phases import Phases
from harness.e2e import run as suite
from harness.errors import HarnessError


class FakeCluster(Cluster):
    """A cluster that is there, or not."""

    def exists(self) -> bool:
        return self.name in there


there: set[str] = set()


class Commands:
    """Commands that were run; one of them may fail."""

    def __init__(self, failing: str = "nothing") -> None:
        self.failing = failing
        self.run: list[str] = []

    def __call__(self, command: Sequence[str]) -> int:
        line = " ".join(command[2:]).removeprefix("harness ")
        self.run.append(line)
        if line.startswith("cluster up"):
            there.add("probe")
        if line.startswith("cluster down"):
            there.discard("probe")
        return int(line.startswith(self.failing))

    @property
    def names(self) -> list[str]:
        return [" ".join(line.split()[:2]) for line in self.run]


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there.clear()
    monkeypatch.setattr(suite, "REPORT", tmp_path / "report.xml")


def prove(commands: Commands, *, keyword: str = "", keep: bool = False, full: bool = False) -> str:
    output = io.StringIO()
    suite.prove(
        Phases(Console(file=output)),
        keyword=keyword,
        keep=keep,
        full=full,
        cluster=FakeCluster("probe"),
        run=commands,
    )
    return output.getvalue()


def test_everything_from_nothing_and_nothing_is_left() -> None:
    commands = Commands()
    said = prove(commands)
    assert commands.names == [
        "cluster up",
        "images build",
        "images load",
        "deploy e2e",
        "pytest tests/e2e",
        "cluster down",
    ]
    assert "images to the cluster: 0 min 0 s" in said
    assert not there


def test_a_kept_cluster_stays() -> None:
    prove(Commands(), keep=True)
    assert there == {"probe"}


def test_a_cluster_that_was_there_is_brought_up_to_date_and_stays() -> None:
    there.add("probe")
    commands = Commands()
    prove(commands)
    assert commands.names == ["images build", "images load", "deploy e2e", "pytest tests/e2e"]
    assert there == {"probe"}


def test_chosen_scenarios_on_a_cluster_that_is_up_run_at_once() -> None:
    there.add("probe")
    commands = Commands()
    prove(commands, keyword="gold and not version")
    assert commands.names == ["pytest tests/e2e"]
    assert commands.run[0].endswith("-k gold and not version")


def test_what_breaks_things_runs_only_when_asked_for() -> None:
    usual, full = Commands(), Commands()
    prove(usual)
    prove(full, full=True)
    assert "-m not full" in usual.run[4]
    assert "not full" not in full.run[4]


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        ("images build", "The phase 'images' failed: its error is above. The logs are in .*logs-"),
        ("deploy", "The phase 'platform' failed: its error is above. The logs are in "),
        ("pytest", "The phase 'scenarios' failed: pytest could not run them. The logs are in "),
        ("cluster up", "The phase 'cluster' failed: its error is above. "),
    ],
)
def test_a_failure_names_its_phase_leaves_logs_and_removes_the_cluster(failing: str, message: str) -> None:
    commands = Commands(failing)
    with pytest.raises(HarnessError, match=message):
        prove(commands)
    assert commands.names[-2:] == ["cluster logs", "cluster down"]


def test_logs_that_cannot_be_had_do_not_hide_the_cause() -> None:
    there.add("probe")

    class Broken(Commands):
        def __call__(self, command: Sequence[str]) -> int:
            return super().__call__(command) or int("logs" in command)

    with pytest.raises(HarnessError, match=r"'images' failed: .* The logs could not be collected"):
        prove(Broken("images build"))


def test_a_failed_scenario_is_told_in_its_own_words() -> None:
    class Reporting(Commands):
        def __call__(self, command: Sequence[str]) -> int:
            code = super().__call__(command)
            if code:
                suite.REPORT.write_text(
                    '<testsuite><testcase classname="tests.e2e.test_gold" name="test_a">'
                    '<failure message="rows differ"/></testcase></testsuite>'
                )
            return code

    with pytest.raises(HarnessError, match=r"failed: tests/e2e/test_gold.py::test_a: rows differ\. The logs"):
        prove(Reporting("pytest"))
