"""The report as a file: whole, escaped, and in one piece on disk."""

import datetime as dt
import doctest
import html.parser
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

import harness.pipeline.report.html
from harness.errors import HarnessError
from harness.files import write_output
from harness.pipeline.lakehouse.model import (
    Check,
    City,
    Count,
    Disappeared,
    Failure,
    Gate,
    Refusal,
    RejectedRecord,
    StageTime,
    Summary,
)
from harness.pipeline.lakehouse.read import summarise
from harness.pipeline.report.html import render, render_failure
from lakehouse.gold import GOLD
from lakehouse.quality.expectations import Example

EVIL = "<script>alert('1')</script>"


@pytest.fixture
def summary(lakehouse: Path) -> Summary:
    return summarise(lakehouse, [StageTime("bronze_to_silver", 11.4)], {"Spark": "3.5.8"})


class Outline(html.parser.HTMLParser):
    """Headings, ids, scripts, external references, and each table row as its cells' text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[tuple[int, str]] = []
        self.ids: list[str] = []
        self.scripts = 0
        self.references: list[str] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "data", "srcset", "poster"):
                self.references.append(value or "")
        if tag == "script":
            self.scripts += 1
        elif tag in ("h1", "h2", "h3"):
            self.headings.append((int(tag[1]), ""))
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data
        elif {"h1", "h2", "h3"} & set(self._open):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)


def test_examples() -> None:
    result = doctest.testmod(harness.pipeline.report.html)
    assert result.attempted >= 2
    assert result.failed == 0


def test_figures_are_those_of_the_lakehouse(summary: Summary) -> None:
    outline = Outline(render(summary))
    rows = [[cell.strip() for cell in row] for row in outline.rows]
    assert ["micro", "", "3", "60.0%"] in rows
    assert ["United States", "", "4", "80.0%"] in rows
    assert ["Oregon United States", "", "3", "60.0%"] in rows
    assert ["Antwerp Belgium", "", "1", "20.0%"] in rows
    assert ["Belgium", "1", "100%", "100%", "100%", "0%"] in rows
    assert ["2026-03-02", "5", "−1", "", "+1", "3", "2", "2"] in rows  # noqa: RUF001 - a minus sign
    assert ["2026-03-01", "5", "0", "first load", "+5", "0", "1", "0"] in rows
    assert ["missing id", "", "2"] in rows
    assert ["! warn", "types are known", "1", "0", "silver/breweries"] in rows
    assert ["bronze to silver", "", "11.4 s"] in rows
    assert ["United States", "45.52°", "-122.65°", "2"] in rows


def test_the_page_has_one_title_and_no_level_skipped(summary: Summary) -> None:
    outline = Outline(render(summary))
    levels = [level for level, _ in outline.headings]
    assert outline.headings[0] == (1, "5 breweries in 2 countries")
    assert levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    assert len(outline.ids) == len(set(outline.ids))


def test_sections_that_the_menu_names_exist(summary: Summary) -> None:
    outline = Outline(render(summary))
    targets = [reference[1:] for reference in outline.references if reference.startswith("#")]
    assert len(targets) >= 9
    assert set(targets) <= set(outline.ids)


def test_nothing_comes_from_elsewhere(summary: Summary) -> None:
    text = render(summary)
    outside = [r for r in Outline(text).references if not r.startswith("#") and r != "data:,"]
    assert outside == []
    assert not re.search(r"@import|url\(\s*['\"]?(?!#)", text)
    assert "default-src 'none'" in text


def test_whatever_comes_from_the_data_is_escaped(summary: Summary) -> None:
    assert summary.gate is not None
    evil_check = Check(EVIL, EVIL, EVIL, "error", passed=False, observed=EVIL, expected=EVIL)
    evil = replace(
        summary,
        root=EVIL,
        by_type=[Count(EVIL, 3)],
        by_country=[Count(EVIL, 3)],
        cities=[City(EVIL, EVIL, EVIL, 3)],
        coverage=[replace(summary.coverage[0], country=EVIL)],
        cells=[replace(summary.cells[0], country=EVIL)],
        rejected_reasons={EVIL: 1},
        rejected_examples=[RejectedRecord(dt.date(2026, 3, 2), EVIL, EVIL, [EVIL], EVIL)],
        gate=Gate(EVIL, summary.gate.ingestion_date, summary.gate.checked_at, [evil_check]),
        stages=[StageTime(EVIL, 1)],
        versions={EVIL: EVIL},
    )
    text = render(evil)
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert") > 15
    assert Outline(text).scripts == 1


def test_a_first_day_has_nothing_to_compare(summary: Summary) -> None:
    text = render(replace(summary, daily_changes=summary.daily_changes[:1]))
    assert "The first snapshot in this lakehouse." in text
    assert "One day so far." in text


@pytest.mark.parametrize("table", GOLD)
def test_a_missing_gold_table_is_named_and_the_rest_is_shown(lakehouse: Path, table: str) -> None:
    whole = Outline(render(summarise(lakehouse)))
    shutil.rmtree(lakehouse / "gold" / table)
    text = render(summarise(lakehouse))
    outline = Outline(text)
    assert f"<code>gold/{table}</code>: not in this lakehouse" in text
    assert 0 < len(outline.rows) < len(whole.rows)
    assert {r[1:] for r in outline.references if r.startswith("#")} <= set(outline.ids)
    assert "The first snapshot" not in text


def test_a_failed_gate_leads(summary: Summary) -> None:
    assert summary.gate is not None
    failed = Check("gold", "gold/x", "adds up", "error", passed=False, observed="3", expected="4")
    text = render(replace(summary, gate=replace(summary.gate, checks=[*summary.gate.checks, failed])))
    assert "The quality gate failed 1 check: gold is unchanged." in text
    rows = [row for row in Outline(text).rows if row and row[0].strip()[2:] in ("pass", "warn", "fail")]
    assert [row[0].strip() for row in rows] == ["✕ fail", "! warn", "✓ pass"]


def test_a_warning_shows_its_examples(summary: Summary) -> None:
    assert summary.gate is not None
    examples = [Example("id-1", "<b>Bold</b>", "name: <b>Bold</b>"), Example("", "phone", "50% null\u202e")]
    warning = Check(
        "publish", "silver/x", "steady", "warn", passed=False, observed="2", expected="0", examples=examples
    )
    text = render(replace(summary, gate=replace(summary.gate, checks=[warning])))
    assert "id-1 · &lt;b&gt;Bold&lt;/b&gt; · name: &lt;b&gt;Bold&lt;/b&gt;" in text
    assert "phone · 50% null\\u202e" in text


def test_lost_records_are_called_lost(summary: Summary) -> None:
    assert "Every record is accounted for" in render(summary)
    lossy = [*summary.runs[:-1], replace(summary.latest, bronze_records=12)]
    text = render(replace(summary, runs=lossy))
    assert "Every record is accounted for" not in text
    assert "The figures do not add up" in text
    assert "leaves +3" in text


def test_an_empty_lakehouse_still_has_a_report(summary: Summary) -> None:
    nothing = replace(
        summary,
        by_type=[],
        by_country=[],
        states=[],
        cities=[],
        coverage=[],
        daily_changes=[],
        current=0,
        cells=[],
        without_coordinates=0,
        rejected_reasons={},
        rejected_examples=[],
        gate=None,
        stages=[],
    )
    assert Outline(render(nothing)).headings[0] == (1, "0 breweries in 0 countries")


def test_the_file_is_whole_or_not_there(summary: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "reports" / "report.html"
    write_output(target, render(summary))
    before = target.read_text()
    assert before.rstrip().endswith("</html>")
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]

    def full(self: Path, _: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(
        HarnessError, match=r"report\.html cannot be written \(No space left on device\): name another"
    ):
        write_output(target, render(summary))
    assert target.read_text() == before
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]


def test_a_place_that_cannot_be_written_is_named(summary: Summary, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match=r"report\.html cannot be written \((File exists|Not a directory)\)"):
        write_output(tmp_path / "file" / "report.html", render(summary))
    with pytest.raises(HarnessError, match=r"cannot be written \(it is a folder\)"):
        write_output(tmp_path, render(summary))


def test_a_run_that_did_not_succeed_says_so_first(summary: Summary) -> None:
    text = render(replace(summary, failure=Failure(dt.date(2026, 3, 3), "bronze_to_silver failed: <drop>.")))
    assert "✕ The run of 2026-03-03 did not succeed.</strong> bronze_to_silver failed: &lt;drop&gt;." in text
    assert text.index("did not succeed") < text.index('<dl class="figures">')
    assert "did not succeed" not in render(summary)


def test_a_run_in_quarantine_is_named_with_what_to_do(summary: Summary) -> None:
    refusal = Refusal(dt.date(2026, 3, 3), "r3", dt.datetime(2026, 3, 3, 6, tzinfo=dt.UTC), "drop is 0.9")
    text = render(replace(summary, quarantine=[refusal]))
    assert "2026-03-03 is in quarantine</strong> since 2026-03-03 06:00 UTC" in text
    assert "and not in the figures: drop is 0.9" in text
    assert "harness quarantine accept --date 2026-03-03" in text


def test_breweries_that_disappeared_are_named_at_the_top(summary: Summary) -> None:
    gone = Disappeared(dt.date(2026, 3, 2), 38, 0.19, ["Able", "B & C"])
    text = render(replace(summary, disappeared=gone))
    assert "38 breweries are gone on 2026-03-02</strong>, 19.0% of the day before: Able, B" in text
    assert "B &amp; C and 36 more." in text
    assert text.index("38 breweries are gone") < text.index('<dl class="figures">')


def test_a_failure_before_there_are_figures_has_a_report() -> None:
    text = render_failure(Failure(dt.date(2026, 3, 1), "ingest_to_bronze failed: the API is down."), [])
    assert "The run of 2026-03-01 did not succeed.</strong> ingest_to_bronze failed: the API is down." in text
    assert "The figures below" not in text
