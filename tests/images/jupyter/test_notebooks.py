"""The example notebooks: well formed, without results, and they run over the tables that the pipeline leaves."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

NOTEBOOKS = sorted((Path(__file__).parents[3] / "images" / "jupyter" / "notebooks").glob("*.ipynb"))


def cells(notebook: Path) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return content


def code(notebook: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(notebook) if cell["cell_type"] == "code"]


def run(notebook: Path) -> tuple[list[Any], dict[str, Any]]:
    """Executes the cells in order.

    Returns:
        The value of each cell whose last line is an expression, and the variables at the end.
    """
    variables: dict[str, Any] = {}
    values = []
    for source in code(notebook):
        lines = source.splitlines()
        start = max(i for i, line in enumerate(lines) if not line.startswith((" ", ")", '"')))
        head, last = "\n".join(lines[:start]), "\n".join(lines[start:])
        try:
            expression = compile(last, notebook.name, "eval")
        except SyntaxError:
            exec(compile(source, notebook.name, "exec"), variables)  # noqa: S102 - a notebook is code
            continue
        exec(compile(head, notebook.name, "exec"), variables)  # noqa: S102 - a notebook is code
        values.append(eval(expression, variables))  # noqa: S307 - a notebook is code
    return values, variables


@pytest.fixture
def lakehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKEHOUSE_URI", str(tmp_path))
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return tmp_path


def write(root: Path, table: str, rows: list[dict[str, Any]]) -> None:
    write_deltalake(root / table, pa.Table.from_pylist(rows), mode="overwrite")


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01-gold-with-duckdb", "02-time-travel-with-spark"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_well_formed_and_has_no_results(notebook: Path) -> None:
    document = json.loads(notebook.read_text(encoding="utf-8"))
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in document["cells"]}) == len(document["cells"])
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None


def test_gold_is_read_with_duckdb(lakehouse: Path) -> None:
    places = [("Ireland", "Dublin", 7), ("Ireland", "Cork", 4), ("Austria", "Wien", 2)]
    write(
        lakehouse,
        "gold/breweries_by_type_and_location",
        [
            {"country": c, "state_province": s, "city": s, "brewery_type": "micro", "brewery_count": n}
            for c, s, n in places
        ],
    )
    write(lakehouse, "gold/breweries_by_type", [{"brewery_type": "micro", "brewery_count": 13}])
    write(
        lakehouse,
        "gold/breweries_by_country",
        [{"country": "Ireland", "brewery_count": 11}, {"country": "Austria", "brewery_count": 2}],
    )
    write(
        lakehouse,
        "gold/location_coverage",
        [{"country": "Ireland", "with_phone": 0.5}, {"country": "Austria", "with_phone": 1.0}],
    )
    days = [{"ingestion_date": dt.date(2026, 3, day), "total": 10 + day} for day in (1, 2)]
    write(lakehouse, "gold/daily_changes", days)

    (by_type, by_place, coverage, changes), _ = run(NOTEBOOKS[0])

    assert by_type.fetchall() == [("micro", 13)]
    assert [row[1] for row in by_place.fetchall()] == ["Dublin", "Cork", "Wien"]
    assert coverage.project("country").fetchall() == [("Ireland",)]
    assert changes.project("total").fetchall() == [(12,), (11,)]


@pytest.mark.spark
def test_versions_are_read_with_spark(lakehouse: Path, spark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # The notebook's getOrCreate finds this session, which has the jars that its image would have.
    names = ("a", "b", "c")
    rows = [{"id": name, "name": name.title(), "country": "Ireland", "is_current": True} for name in names]
    write(lakehouse, "silver/breweries", rows[:2])
    write(lakehouse, "silver/breweries", rows[1:])

    values, _ = run(NOTEBOOKS[1])

    assert {0: 2, 1: 2} in values
    new, gone = capsys.readouterr().out.split("| id|name|country|")[-2:]
    assert "|  c|   C|Ireland|" in new
    assert "|  a|   A|Ireland|" in gone
    assert "|  b|" not in new + gone
