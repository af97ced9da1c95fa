"""`harness mock-api` as a process."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.errors import UsageError
from harness.pipeline.mock_api.command import mock_api
from tests.processes import started

PROGRAM = "import typer; from harness.pipeline.mock_api.command import mock_api; typer.run(mock_api)"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_until_it_is_interrupted(repo: Path, how: signal.Signals) -> None:
    options = ["--port", "0", "--breweries", "1234", "--day", "0", "--fault", "new-field:field=x", "--seed", "7"]
    with started(
        [sys.executable, "-c", PROGRAM, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=repo,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first, example, _ = (process.stdout.readline() for _ in range(3))
        url = re.search(r"at (\S+)/v1 with 1,234 breweries, day 0", first)
        assert url, first
        assert f"curl '{url[1]}/v1/breweries?per_page=3'" in example
        (brewery,) = requests.get(f"{url[1]}/v1/breweries?per_page=1", timeout=120).json()
        assert "x" in brewery
        process.send_signal(how)
        assert process.wait() == 0
        assert process.stdout.read() == "Mock API stopped.\n"
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("options", "word"),
    [({"data": Path("a.csv"), "day": 3}, "--day"), ({"simulate_changes": True}, "--data")],
)
def test_options_that_would_have_no_effect_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        mock_api(**options)
