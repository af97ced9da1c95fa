"""The gate's figures reach StatsD under the names that the exporter's mapping knows."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from brewery.contract.figures import Figures
from brewery.contract.upkeep import Upkeep

pytestmark = pytest.mark.airflow

PUBLISHED = Figures("run", 10, 8, 8, 1, 1, 0, 1_700_000_000.5, 1_700_000_100.5, {"type_known": 3.0}, 3, 1)
REFUSED = Figures("run", 10, 8, None, 1, 1, 2, 1_700_000_000.5, None, {"type_known": 0.0}, 3, 1)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What is sent while the test runs."""
    from airflow.stats import Stats

    figures: dict[str, float] = {}
    monkeypatch.setattr(Stats, "gauge", lambda name, value: figures.__setitem__(name, value))
    return figures


def leave(lakehouse: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_URI", str(lakehouse))
    (lakehouse / "quality").mkdir()
    (lakehouse / "quality" / "figures.json").write_text(text)


def test_figures_survive_the_file() -> None:
    assert Figures.from_json(REFUSED.to_json()) == REFUSED


@pytest.mark.parametrize("text", ["", "[]", '{"run_id": "x"}', "null"])
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the figures"):
        Figures.from_json(text)


def test_a_published_run_sends_every_figure(
    tmp_path: Path, sent: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from brewery.orchestration.figures import send_figures

    leave(tmp_path, PUBLISHED.to_json(), monkeypatch)
    send_figures({})
    assert sent == {
        "lakehouse.records.bronze": 10,
        "lakehouse.records.silver": 8,
        "lakehouse.records.gold": 8,
        "lakehouse.rejected": 1,
        "lakehouse.duplicates": 1,
        "lakehouse.gone": 3,
        "lakehouse.in_quarantine": 1,
        "lakehouse.failed_expectations": 0,
        "lakehouse.warnings.type_known": 3,
        "lakehouse.ingested": 1_700_000_000.5,
        "lakehouse.gold_published": 1_700_000_100.5,
    }


def test_a_refused_run_leaves_golds_figures_as_they_were(
    tmp_path: Path, sent: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from brewery.orchestration.figures import send_figures

    leave(tmp_path, REFUSED.to_json(), monkeypatch)
    send_figures({})
    assert sent["lakehouse.failed_expectations"] == 2
    assert not {"lakehouse.records.gold", "lakehouse.gold_published"} & sent.keys()


def test_what_cannot_be_read_is_no_failure_of_the_gate(
    tmp_path: Path, sent: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from brewery.orchestration.figures import send_figures

    leave(tmp_path, "half a fi", monkeypatch)
    send_figures({})
    monkeypatch.setenv("LAKEHOUSE_URI", str(tmp_path / "elsewhere"))
    send_figures({})
    assert sent == {}


def test_the_exporter_maps_every_name(repo: Path) -> None:
    from brewery.orchestration.figures import gauges

    mapping = yaml.safe_load((repo / "base/orchestrator/files/statsd-mapping.yaml").read_text())["mappings"]
    patterns = [re.escape(m["match"]).replace(r"\*", "[^.]+") for m in mapping if m.get("match_type") != "regex"]
    names = [*gauges(PUBLISHED), "lakehouse.dag_failed.brew-process-transformation"]
    unmapped = [n for n in names if not any(re.fullmatch(p, f"airflow.{n}") for p in patterns)]
    assert unmapped == []


def test_a_dag_says_how_its_newest_run_ended(sent: dict[str, float]) -> None:
    from brewery.orchestration.figures import dag_failed, dag_succeeded

    context = {"dag_run": SimpleNamespace(dag_id="some-dag")}
    dag_failed(context)
    assert sent == {"lakehouse.dag_failed.some-dag": 1}
    dag_succeeded(context)
    assert sent == {"lakehouse.dag_failed.some-dag": 0}


def test_the_effect_of_the_maintenance_is_sent(
    tmp_path: Path, sent: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from brewery.orchestration.figures import send_upkeep

    monkeypatch.setenv("LAKEHOUSE_URI", str(tmp_path))
    send_upkeep({})
    assert sent == {}
    (tmp_path / "quality").mkdir()
    (tmp_path / "quality" / "upkeep.json").write_text(Upkeep(130, 90, 1_700_000_000.5).to_json())
    send_upkeep({})
    assert sent == {
        "lakehouse.maintenance.files": 90,
        "lakehouse.maintenance.removed_files": 40,
        "lakehouse.maintenance_ended": 1_700_000_000.5,
    }
