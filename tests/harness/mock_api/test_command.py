"""`harness mock-api` as a process."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

PROGRAM = "import typer; from harness.mock_api.command import mock_api; typer.run(mock_api)"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_interrupted(repo: Path, how: signal.Signals) -> None:
    options = ["--port", "0", "--breweries", "1234", "--day", "0", "--fault", "new-field:field=x", "--seed", "7"]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=repo,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = re.search(r"at (\S+)/v1 with 1,234 breweries, day 0", first)
        assert url, first
        (brewery,) = requests.get(f"{url[1]}/v1/breweries?per_page=1", timeout=10).json()
        assert "x" in brewery
        process.send_signal(how)
        rest, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f"curl '{url[1]}/v1/breweries?per_page=3'" in rest
    assert rest.endswith("Mocked API stopped.\n")
    assert errors == ""
