"""JupyterLab: behind its token, and the example notebooks run in it over the live tables."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.live.forward import Forwards
from tests.live.platform import Platform
from tests.oracle.lakehouse import Expected

pytestmark = pytest.mark.e2e

NOTEBOOKS = sorted((Path(__file__).parents[2] / "images" / "jupyter" / "notebooks").glob("*.ipynb"))
_TIMEOUT = (5, 30)


@pytest.fixture(scope="module")
def lab(forwards: Forwards) -> str:
    return f"http://{forwards.address('jupyter', 'jupyterlab', 8888)}"


@pytest.fixture(scope="module")
def outputs(platform: Platform, expected: Expected) -> dict[str, list[str]]:
    """What each notebook's cells show, executed where people would execute them."""
    return {notebook.stem: execute(platform, notebook.name) for notebook in NOTEBOOKS}


def execute(platform: Platform, notebook: str) -> list[str]:
    """Runs a notebook in JupyterLab's pod.

    Returns:
        The text of each code cell's outputs.
    """
    said = platform.cluster.execute(
        "jupyter",
        "deployment/jupyterlab",
        ["jupyter", "nbconvert", "--to=notebook", "--execute", "--stdout", f"/home/jovyan/examples/{notebook}"],
        doing=f"run {notebook}",
        timeout=300,
    )
    cells = [cell for cell in json.loads(said)["cells"] if cell["cell_type"] == "code"]
    return ["".join(text(output) for output in cell["outputs"]) for cell in cells]


def text(output: dict[str, Any]) -> str:
    printed = output.get("text") or output.get("data", {}).get("text/plain") or ""
    return printed if isinstance(printed, str) else "".join(printed)


def test_it_asks_for_its_token(platform: Platform, lab: str) -> None:
    token = platform.secret("jupyter", "jupyter-secrets")["token"]
    contents = f"{lab}/api/contents/examples"
    assert requests.get(contents, timeout=_TIMEOUT).status_code == requests.codes.forbidden
    answer = requests.get(contents, headers={"Authorization": f"token {token}"}, timeout=_TIMEOUT)
    assert {item["name"] for item in answer.json()["content"]} >= {notebook.name for notebook in NOTEBOOKS}


def test_gold_is_what_the_notebook_shows(outputs: dict[str, list[str]], expected: Expected) -> None:
    shown = "\n".join(outputs["01-gold-with-duckdb"])
    # DuckDB leaves rows of a long table out.
    by_type = {(row["brewery_type"], row["brewery_count"]) for row in expected.gold("breweries_by_type")}
    counted = {(name, int(count)) for name, count in re.findall(r"^│ ([a-z]+) +│ +(\d+) │$", shown, re.MULTILINE)}
    assert counted <= by_type
    assert len(counted) >= min(5, len(by_type))
    for row in expected.gold("daily_changes"):
        counts = r" +│ +".join(str(row[name]) for name in ("total", "added", "changed", "removed"))
        assert re.search(rf"│ {row['ingestion_date'].isoformat()} +│ +{counts} │", shown), row


def test_time_travel_works_from_a_notebook(outputs: dict[str, list[str]], expected: Expected) -> None:
    shown = "\n".join(outputs["02-time-travel-with-spark"])
    assert "MERGE" in shown
    counts = {int(number) for number in re.findall(r"\d+: (\d+)", shown)}
    assert len(expected.silver) in counts
