"""`harness quarantine` on a lakehouse with a refused run."""

import datetime as dt
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brewery.contract.decisions import SNAPSHOT_GATE, Decision, DecisionError
from brewery.contract.manifest import BronzePage, Manifest, SourceProfile
from brewery.quarantine import read_decisions, record
from brewery.storage import Storage
from harness.errors import HarnessError, UsageError
from harness.pipeline.quarantine.command import app

DATE = dt.date(2025, 1, 3)


def commit(storage: Storage, date: dt.date, run_id: str) -> None:
    now = dt.datetime.now(dt.UTC)
    file = BronzePage("page-00001.jsonl.gz", 1, 1, 1, "")
    manifest = Manifest(date, run_id, "", 1, 1, [file], SourceProfile(), now, now)
    storage.write(storage.layout.manifest(date, run_id), manifest.to_json().encode())


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """A lakehouse with a run that counts and one that was refused."""
    storage = Storage.for_uri(str(tmp_path / "lakehouse"))
    commit(storage, dt.date(2025, 1, 2), "good")
    commit(storage, DATE, "bad")
    now = dt.datetime.now(dt.UTC)
    record(storage, Decision("refused", [(DATE, "bad")], now, SNAPSHOT_GATE, "too small", "good"))
    return storage


def run(storage: Storage, *arguments: str) -> list[str]:
    options = ["--lakehouse", storage.layout.root]
    return CliRunner().invoke(app, [*arguments, *options], catch_exceptions=False).output.splitlines()


def test_a_run_is_listed_until_somebody_decides(storage: Storage) -> None:
    (line,) = run(storage, "list")
    assert line.startswith("2025-01-03 bad: in quarantine since ")
    assert line.endswith(" UTC: too small")
    lines = run(storage, "accept", "--date", "2025-01-03", "--by", "Ada", "--reason", "it is\nright")
    assert lines[0] == "No run is in quarantine."
    assert lines[1].startswith("2025-01-03 bad: accepted on ")
    assert lines[1].endswith(" UTC by Ada: it is right")
    assert run(storage, "list") == lines
    assert "discarded on" in run(storage, "discard", "--date", "2025-01-03", "--reason", "it is not")[-1]
    assert [decision.verdict for decision in read_decisions(storage)] == ["refused", "accepted", "discarded"]
    assert read_decisions(storage)[-1].by


def test_the_files_are_the_audit_trail(storage: Storage) -> None:
    run(storage, "accept", "--date", "2025-01-03", "--by", "Ada", "--reason", "right")
    newest = max(Path(storage.layout.decisions).iterdir())
    values = json.loads(newest.read_text())
    assert dt.datetime.fromisoformat(values.pop("at")).tzinfo
    assert values == {
        "format": "brewery-decision",
        "verdict": "accepted",
        "runs": [{"ingestion_date": "2025-01-03", "run_id": "bad"}],
        "by": "Ada",
        "reason": "right",
        "before": None,
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["accept", "--date", "2025-01-02", "--reason", "x"], "Run good of 2025-01-02 is not in quarantine"),
        (["accept", "--date", "2025-01-04", "--reason", "x"], "There is no committed run of 2025-01-04"),
        (["accept", "--date", "2025-01-03", "--reason", " "], "give --reason"),
        (
            ["discard", "--date", "2025-01-03", "--date", "2025-01-09", "--reason", "x"],
            "run of 2025-01-09",
        ),
    ],
)
def test_what_cannot_be_decided(storage: Storage, arguments: list[str], sentence: str) -> None:
    with pytest.raises(DecisionError, match=sentence):
        run(storage, *arguments)
    assert len(read_decisions(storage)) == 1


def test_a_date_that_is_none(storage: Storage) -> None:
    with pytest.raises(UsageError, match="yesterday: write each date"):
        run(storage, "accept", "--date", "yesterday", "--reason", "x")


def test_no_lakehouse_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="There is no run in"):
        run(Storage.for_uri(str(tmp_path / "nowhere")), "list")


@pytest.mark.parametrize("content", ["", "[]", '{"format": "other"}', '{"format": "brewery-decision"}'])
def test_a_file_that_is_no_decision_is_named(storage: Storage, content: str) -> None:
    path = Path(storage.layout.decisions) / "20250101T000000Z.json"
    path.write_text(content)
    with pytest.raises(DecisionError, match=r"20250101T000000Z\.json is not a decision on a run"):
        run(storage, "list")
