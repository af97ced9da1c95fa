"""The benchmark measures what it says: the generated repository has its Applications, and the change is found."""

from pathlib import Path

import pytest

from harness.bench import review as bench

pytestmark = pytest.mark.tools


def test_every_figure_is_of_a_review_that_found_the_change(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench.tempfile, "tempdir", str(tmp_path))  # type: ignore[attr-defined]  # its own import
    figures = bench._generated(tmp_path / "generated", 6)
    assert [figure.name for figure in figures] == ["6 Applications, cold", "6 Applications, one file changed"]
    assert all(figure.seconds > 0 and figure.plain for figure in figures)
    assert len(list((tmp_path / "generated" / "overlays").glob("*/applications/app-*.yaml"))) == 6
