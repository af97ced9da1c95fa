from pathlib import Path

import pytest

from harness.clusters.images import work
from harness.clusters.images.build import Job
from harness.clusters.images.display import Display
from harness.clusters.images.recipes import Recipe
from harness.clusters.images.wanted import Wanted
from harness.clusters.images.work import Origin, Plan, plan, selected
from harness.errors import HarnessError

IMAGES = [
    Wanted(name, ())
    for name in (
        "docker.io/grafana/grafana:12.2.0",
        "docker.io/library/postgres:15",
        "lakehouse/jupyter:1",
        "lakehouse/spark:1",
    )
]


class Machine:
    """What Docker has (labels by name), and which registries answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there: dict[str, str | None] = {}
        self.answering: set[str] = set()
        monkeypatch.setattr(work, "image_id", lambda name: name if name in self.there else None)
        monkeypatch.setattr(work, "image_label", lambda name, _: self.there.get(name))
        monkeypatch.setattr(work, "answers", lambda name: name in self.answering)
        monkeypatch.setattr("harness.clusters.images.build.image_label", lambda name, _: self.there.get(name))

    def origins(self, *, registry: bool = True) -> dict[str, Origin]:
        return {part.name: part.origin for part in plan(IMAGES, registry=registry, base="sha256:a")}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_without_a_registry_all_is_built_that_can_be(machine: Machine) -> None:
    assert machine.origins() == {
        "lakehouse/spark:1": Origin.BUILD,
        "docker.io/grafana/grafana:12.2.0": Origin.NONE,
        "docker.io/library/postgres:15": Origin.BUILD,
        "lakehouse/jupyter:1": Origin.BUILD,
    }


def test_what_a_registry_has_is_pulled_and_our_own_is_built(machine: Machine) -> None:
    machine.answering = {image.name for image in IMAGES}

    origins = machine.origins()
    assert origins["docker.io/library/postgres:15"] is Origin.PULL
    assert origins["docker.io/grafana/grafana:12.2.0"] is Origin.PULL
    assert origins["lakehouse/spark:1"] is Origin.BUILD
    assert machine.origins(registry=False)["docker.io/library/postgres:15"] is Origin.BUILD


def test_upstreams_own_image_is_kept_and_a_stale_one_of_ours_is_built_again(machine: Machine) -> None:
    machine.there = {"grafana/grafana:12.2.0": None, "postgres:15": "old", "lakehouse/spark:1": "old"}

    origins = machine.origins()
    assert origins["docker.io/grafana/grafana:12.2.0"] is Origin.PRESENT
    assert origins["docker.io/library/postgres:15"] is Origin.BUILD
    assert origins["lakehouse/spark:1"] is Origin.BUILD


def test_nothing_is_done_for_what_has_not_changed(machine: Machine) -> None:
    machine.there = {
        part.name.removeprefix("docker.io/library/"): part.job.key
        for part in plan(IMAGES, registry=False, base="sha256:a")
        if part.job
    }

    assert {origin for name, origin in machine.origins().items() if "grafana" not in name} == {Origin.PRESENT}


def test_spark_comes_first_and_an_image_on_it_brings_it_along(machine: Machine) -> None:
    plans = plan(IMAGES, registry=False, base="sha256:a")

    assert plans[0].name == "lakehouse/spark:1"
    assert [part.name for part in selected(plans, ["lakehouse/jupyter:1"])] == [
        "lakehouse/spark:1",
        "lakehouse/jupyter:1",
    ]
    assert selected(plans, []) == plans


def test_without_a_spark_image_one_sentence(machine: Machine) -> None:
    images = [image for image in IMAGES if "spark" not in image.name]

    with pytest.raises(HarnessError, match=r"^lakehouse/jupyter:1 is built on the platform's Spark image"):
        plan(images, registry=False, base="sha256:a")


def test_all_that_can_be_built_is_and_each_reason_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built: list[str] = []

    def build(job: Job, say: object, *, fresh: bool) -> None:
        if job.name in ("spark", "redis"):
            raise HarnessError(f"Could not build {job.name}: :x: [y].")
        built.append(job.name)

    monkeypatch.setattr(work, "build", build)
    how = Recipe(Path("nowhere"), own=True)
    plans = [
        Plan(name, Origin.BUILD, Job(name, how, "key", spark))
        for name, spark in (("spark", None), ("jupyter", "spark"), ("redis", None), ("airflow", None))
    ]

    with pytest.raises(HarnessError, match=r"^Could not build spark: :x: \[y\]\.$"):
        work._work(plans, Display(), fresh=False)

    assert built == ["airflow"]
    assert capsys.readouterr().err.count("Could not build redis: :x: [y].") == 1
