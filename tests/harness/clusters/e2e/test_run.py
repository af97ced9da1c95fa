import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from harness.clusters.deploy.phases import Phases
from harness.clusters.e2e import run as suite
from harness.clusters.kind.cluster import Cluster
from harness.errors import HarnessError


class FakeCluster(Cluster):
    """A cluster that is there, or not."""

    def exists(self) -> bool:
        return self.name in there


there: set[str] = set()


class Commands:
    """Commands that were run; one of them may fail."""

    def __init__(self, failing: str = "nothing", code: int = 1) -> None:
        self.failing = failing
        self.code = code
        self.run: list[str] = []

    def __call__(self, command: Sequence[str]) -> int:
        line = " ".join(command[2:]).removeprefix("harness ")
        self.run.append(line)
        if line.startswith("cluster up"):
            there.add("probe")
        if line.startswith("cluster down"):
            there.discard("probe")
        return self.code if line.startswith(self.failing) else 0

    @property
    def names(self) -> list[str]:
        return [" ".join(line.split()[:2]) for line in self.run]


@pytest.fixture(autouse=True)
def nothing_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    there.clear()
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path))
    kubeconfig = Cluster("probe").kubeconfig
    kubeconfig.parent.mkdir(parents=True)
    kubeconfig.touch()
    monkeypatch.setattr(suite, "REPORT", tmp_path / "report.xml")


def prove(
    commands: Commands,
    *,
    what: suite.Suite = suite.PLATFORM,
    keyword: str = "",
    keep: bool = False,
    full: bool = False,
) -> str:
    output = io.StringIO()
    suite.prove(
        Phases(Console(file=output)),
        suite=what,
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


@pytest.mark.parametrize("keyword", ["", "gold"])
def test_a_cluster_of_another_cache_folder_fails_before_anything_runs(keyword: str) -> None:
    there.add("probe")
    Cluster("probe").kubeconfig.unlink()
    commands = Commands()
    with pytest.raises(HarnessError, match=r"^The cluster probe has no kubeconfig in .*: set HARNESS_CACHE_DIR to"):
        prove(commands, keyword=keyword)
    assert commands.run == []


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


def test_the_eks_overlay_gets_what_no_registry_has_from_the_tests_images() -> None:
    commands = Commands("images build eks", code=3)
    prove(commands, what=suite.EKS)
    assert [line.split(" --kubeconfig")[0].split(" --verbose")[0] for line in commands.run] == [
        "cluster up --name probe",
        "images build eks",
        "images load eks --cluster probe",
        "images build e2e --only reflector-stand-in",
        "images load e2e --cluster probe --only reflector-stand-in",
        "deploy eks",
        "pytest tests/eks",
        "cluster down --name probe",
    ]


def test_with_a_registry_the_eks_overlay_needs_no_stand_ins() -> None:
    commands = Commands()
    prove(commands, what=suite.EKS)
    assert not [line for line in commands.run if "e2e" in line.split(" --")[0]]


def test_the_platforms_own_environment_lacks_no_image() -> None:
    with pytest.raises(HarnessError, match="The phase 'images' failed"):
        prove(Commands("images build e2e", code=3))


SUITES = (suite.PLATFORM, suite.EKS, suite.AWS, suite.SIGN_IN, suite.NODES)


@pytest.mark.parametrize("what", SUITES, ids=lambda what: what.environment)
def test_all_of_it_happens_on_the_suites_cluster(what: suite.Suite) -> None:
    commands = Commands()
    prove(commands, what=what)
    deploy = next(line for line in commands.run if line.startswith("deploy"))
    assert deploy.endswith("/clusters/probe/kubeconfig --context kind-probe")
    assert len({other.cluster for other in SUITES}) == len(SUITES)


def test_the_suite_of_two_workers_marks_one_of_them_before_the_platform_comes() -> None:
    commands = Commands()
    prove(commands, what=suite.NODES)
    assert commands.run[0] == "cluster up --name probe --workers 2"
    assert commands.names.index("tests.nodes.prepare probe") < commands.names.index("deploy nodes")


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


@pytest.mark.parametrize(
    ("cases", "cause"),
    [("", "no scenario has that name"), ('<testcase classname="t" name="a"/>', "pytest stopped before the last")],
)
def test_scenarios_that_ended_without_a_failure_are_told_from_none(cases: str, cause: str) -> None:
    class Reporting(Commands):
        def __call__(self, command: Sequence[str]) -> int:
            if "pytest" in command:
                suite.REPORT.write_text(
                    f"<testsuites><testsuite>{cases}</testsuite></testsuites>", encoding="utf-8"
                )
            return super().__call__(command)

    with pytest.raises(HarnessError, match=cause):
        prove(Reporting("pytest"))


@pytest.mark.parametrize(("keep", "said", "left"), [(True, "stays", {"probe"}), (False, "does not stay", set())])
def test_an_interruption_says_what_becomes_of_the_cluster(keep: bool, said: str, left: set[str]) -> None:
    class Interrupted(Commands):
        def __call__(self, command: Sequence[str]) -> int:
            code = super().__call__(command)
            if "pytest" in self.run[-1]:
                raise KeyboardInterrupt
            return code

    with pytest.raises(HarnessError, match=f"Interrupted: the cluster probe {said}") as error:
        prove(Interrupted(), keep=keep)
    assert error.value.exit_code == 130
    assert there == left
