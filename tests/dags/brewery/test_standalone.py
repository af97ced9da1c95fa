"""`python -m brewery.ingestion`: exit codes, and one sentence instead of a traceback."""

import json
import os
import resource
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.pipeline.mock_api import MockApi
from tests.dags.brewery.conftest import Lake
from tests.processes import started, wait_for

Start = Callable[..., AbstractContextManager["subprocess.Popen[str]"]]
# The second page never comes, and a run waits for it.
HELD = "rate-limit:page=2,retry_after=1800"
PATIENT = {"BREWERY_RETRY_AFTER_MAX": "3600", "BREWERY_PAGE_DEADLINE": "3600"}


@pytest.fixture
def start(lake: Lake, repo: Path) -> Start:
    """Start the command for a URL; `limit` is the largest file in bytes that it may write."""

    def run(url: str, *, limit: int | None = None, **env: str) -> AbstractContextManager["subprocess.Popen[str]"]:
        quick = {"BREWERY_ATTEMPTS": "2", "BREWERY_BACKOFF_INITIAL": "0.01", "BREWERY_PAGE_SIZE": "50"}
        command = [sys.executable, "-m", "brewery.ingestion", "--date", "2025-01-31", "--api", f"{url}/v1"]
        return started(
            [*command, "--lakehouse", str(lake.root)],
            cwd=repo / "dags",
            env=os.environ | quick | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))) if limit else None,
        )

    return run


def test_a_run_is_reported_as_json(lake: Lake, start: Start) -> None:
    with MockApi(breweries=420) as api, start(api.url) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    result = json.loads(out)
    assert (result["records"], result["pages"], result["ingestion_date"]) == (420, 9, "2025-01-31")
    assert result["peak_memory_bytes"] < 250 * 2**20
    assert Path(result["manifest_path"]).is_file()


def test_an_api_that_is_not_json_is_one_sentence(lake: Lake, start: Start) -> None:
    with MockApi(breweries=420, faults=["not-json:path=any"]) as api, start(api.url) as process:
        out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "not JSON" in err
    assert not lake.root.exists()


def test_no_room_for_a_file_is_one_sentence_and_nothing_is_left(lake: Lake, start: Start) -> None:
    with MockApi(breweries=420) as api, start(api.url, limit=1000) as process:
        _, err = process.communicate()
    assert process.returncode == 1
    assert err.startswith("Could not write ")
    assert "the disk is full" in err
    assert len(err.splitlines()) == 1
    assert [path for path in lake.root.rglob("*") if path.is_file()] == []


def test_a_setting_that_cannot_be_used_is_one_sentence(start: Start) -> None:
    with start("http://127.0.0.1:9", BREWERY_CONCURRENCY="many") as process:
        _, err = process.communicate()
    assert process.returncode == 1
    assert err == "BREWERY_CONCURRENCY is 'many': set it to a whole number from 1 to 64.\n"


def fills_a_file() -> list[dict[str, str]]:
    """Two pages of breweries, the first as large as a bronze file even when compressed."""
    record = {"brewery_type": "micro", "country": "Austria", "state_province": "Wien"}
    return [{"id": f"{number:02d}", "name": secrets.token_hex(90_000), **record} for number in range(51)]


def test_an_interrupt_takes_its_files_away(lake: Lake, start: Start) -> None:
    with MockApi(data=fills_a_file(), faults=[HELD]) as api, start(api.url, **PATIENT) as process:
        wait_for(lambda: list(lake.root.rglob("page-*.jsonl.gz")), "page")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert err == "Interrupted: bronze is unchanged; run it again.\n"
    assert [path for path in lake.root.rglob("*") if path.is_file()] == []


def test_a_killed_process_leaves_nothing_that_counts(lake: Lake, start: Start) -> None:
    with MockApi(data=fills_a_file(), faults=[HELD]) as api:
        with start(api.url, **PATIENT) as process:
            wait_for(lambda: list(lake.root.rglob("page-*.jsonl.gz")), "page")
            process.kill()
            process.wait()
        assert list(lake.root.rglob("page-*.jsonl.gz"))
        assert list(lake.root.rglob("_manifest.json")) == []
        api.clear_faults()
        with start(api.url) as process:
            process.communicate()
    assert process.returncode == 0
    assert len(list(lake.root.rglob("_manifest.json"))) == 1
