"""`harness report` on a lakehouse that is there, and on one that is not."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from harness.errors import HarnessError
from harness.pipeline.report.command import report

app = typer.Typer()
app.command()(report)


def test_writes_the_report_beside_the_lakehouse(lakehouse: Path) -> None:
    result = CliRunner().invoke(app, ["--lakehouse", str(lakehouse)], catch_exceptions=False)
    written = lakehouse.parent / "report.html"
    assert result.exit_code == 0
    assert "5 breweries in 2 countries" in written.read_text()


def test_writes_it_where_it_is_told(lakehouse: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "index.html"
    CliRunner().invoke(app, ["--lakehouse", str(lakehouse), "--output", str(target)], catch_exceptions=False)
    assert target.is_file()
    assert not (lakehouse.parent / "report.html").exists()


def test_print_writes_no_file(
    lakehouse: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    report(str(lakehouse), print_=True)
    assert "gold/breweries_by_type" in capsys.readouterr().out
    assert not (lakehouse.parent / "report.html").exists()


def test_no_lakehouse_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="There is no lakehouse at"):
        report(str(tmp_path / "nowhere"))
