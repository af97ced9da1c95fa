"""The summary as a terminal shows it."""

import io
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.pipeline.lakehouse.model import Check, City, Gate, Summary
from harness.pipeline.lakehouse.read import summarise
from harness.pipeline.report.tables import day_line, gate_lines, print_summary
from lakehouse.gold import GOLD
from lakehouse.quality.expectations import Example


def printed(summary: Summary, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    print_summary(summary, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def cells(text: str, first: str) -> list[list[str]]:
    """The lines that start with a word, split where columns are apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.startswith(first)]


@pytest.fixture
def summary(lakehouse: Path) -> Summary:
    return summarise(lakehouse)


def test_each_gold_table_has_its_rows(summary: Summary) -> None:
    text = printed(replace(summary, other_gold=[]))
    assert cells(text, "micro") == [["micro", "3", "60.0%"]]
    assert cells(text, "United States") == [
        ["United States", "4", "80.0%"],
        ["United States", "75.0%", "25.0%", "25.0%", "25.0%"],
    ]
    assert cells(text, "Antwerp") == [["Antwerp", "unknown", "Belgium", "1"]]
    assert cells(text, "2026-03-02") == [["2026-03-02", "5", "+1", "3", "−1", "2", "2"]]  # noqa: RUF001 - minus
    assert ["9", "5", "2", "2", "0"] in cells(text, " ")
    assert cells(text, "total") == [["total", "5"], ["total", "5"]]


@pytest.mark.parametrize("table", GOLD)
def test_a_missing_gold_table_is_named_and_the_rest_is_shown(lakehouse: Path, table: str) -> None:
    shutil.rmtree(lakehouse / "gold" / table)
    text = printed(summarise(lakehouse))
    assert f"gold/{table}: not in this lakehouse" in text
    titles = [line.split(",")[0].strip() for line in text.splitlines() if line.startswith("gold/")]
    assert {f"gold/{name}" for name in GOLD if name != table} <= set(titles)
    assert f"gold/{table}" not in titles


def test_counts_are_right_aligned(summary: Summary) -> None:
    lines = printed(replace(summary, cities=[City("A", "B", "C", 12_345), City("D", "E", "F", 6)])).splitlines()
    (big,) = [line.rstrip() for line in lines if line.startswith("A ")]
    (small,) = [line.rstrip() for line in lines if line.startswith("D ")]
    assert len(big) == len(small)
    assert big.endswith("12,345")


def test_nothing_is_wider_than_the_terminal(summary: Summary) -> None:
    long = City("Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" * 2, "S" * 60, "C" * 60, 1_234_567)
    text = printed(replace(summary, cities=[long]))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "1,234,567" in text


def test_names_are_not_markup(summary: Summary) -> None:
    assert "[bold red]Ghent[/]" in printed(replace(summary, cities=[City("[bold red]Ghent[/]", None, "X", 1)]))


def test_the_last_day_on_one_line(summary: Summary) -> None:
    expected = "day 2 (2026-03-02): +1 ~3 −1, 2 rejected, 2 duplicates"  # noqa: RUF001 - a minus sign
    assert day_line(2, summary.daily_changes[-1]) == expected
    assert expected in printed(summary).splitlines()


def test_the_gate_names_what_did_not_pass(summary: Summary) -> None:
    assert [line.plain for line in gate_lines(summary)] == [
        "quality gate: passed (1 pass, 1 warn)",
        "  warn silver/breweries: types are known (observed 1, expected 0)",
    ]


def test_a_warning_shows_its_examples(summary: Summary) -> None:
    assert summary.gate is not None
    examples = [Example("id-1", "Zero", "0.0, 0.0")]
    warning = Check(
        "publish", "silver/x", "points", "warn", passed=False, observed="7", expected="= 0", examples=examples
    )
    assert [line.plain for line in gate_lines(replace(summary, gate=replace(summary.gate, checks=[warning])))][
        1:
    ] == [
        "  warn silver/x: points (observed 7, expected = 0)",
        "      id-1 · Zero · 0.0, 0.0",
    ]


def test_a_failed_gate_says_that_gold_stayed(summary: Summary) -> None:
    assert summary.gate is not None
    check = Check("gold", "gold/x", "adds up", "error", passed=False, observed="3", expected="4")
    gate = Gate("r", summary.gate.ingestion_date, summary.gate.checked_at, [check])
    assert [line.plain for line in gate_lines(replace(summary, gate=gate))] == [
        "quality gate: failed, gold is unchanged (0 pass, 1 fail)",
        "  fail gold/x: adds up (observed 3, expected 4)",
    ]


def test_no_gate_yet(summary: Summary) -> None:
    assert [line.plain for line in gate_lines(replace(summary, gate=None))] == ["quality gate: has not run yet"]


def test_unaccounted_records_show(
    tmp_path: Path, lakehouse_rows: dict[str, Any], write: Callable[..., Path]
) -> None:
    lakehouse_rows["days"][1]["bronze_records"] = 12
    text = printed(summarise(write(tmp_path / "l", **lakehouse_rows)))
    assert ["12", "5", "2", "2", "3"] in cells(text, " ")
