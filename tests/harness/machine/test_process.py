import os
import sys

import pytest

from harness.errors import HarnessError
from harness.machine.process import run, telling_line


def test_output_of_a_program_that_succeeds() -> None:
    assert run([sys.executable, "-c", "print('ä')"], doing="x", hint="y", env={"PYTHONUTF8": "1"}) == "ä\n"


def test_a_failure_carries_the_programs_own_words() -> None:
    program = "import sys; sys.stderr.write('Resolving\\nerror: no such host\\n  more in the log\\n'); sys.exit(3)"

    with pytest.raises(HarnessError, match=r"^Could not fetch jars \(error: no such host\): check the network\.$"):
        run([sys.executable, "-c", program], doing="fetch jars", hint="check the network", env={})


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(
        HarnessError, match=r"^Could not build \(/no/such/go: No such file or directory\): install Go"
    ):
        run(["/no/such/go"], doing="build", hint="install Go", env={})


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("", "it said nothing"),
        ("one\ntwo\n", "two"),
        ('Exception in thread "main" java.lang.RuntimeException: [unresolved: x]', "[unresolved: x]"),
        ("ERROR: a\nException: b.\n\tat x.y.Z\n", "Exception: b"),
    ],
)
def test_telling_line(output: str, expected: str) -> None:
    assert telling_line(output) == expected


def test_progress_comes_line_by_line_and_stays_out_of_the_output() -> None:
    program = "import sys; sys.stderr.write('one\\ntwo\\n'); print('result')"
    seen: list[str] = []

    assert run([sys.executable, "-c", program], doing="x", hint="y", env={}, on_line=seen.append) == "result\n"
    assert seen == ["one", "two"]


def test_a_program_ends_with_the_one_who_waits_for_it() -> None:
    program = "import sys, os, time; sys.stderr.write(f'{os.getpid()}\\n'); sys.stderr.flush(); time.sleep(600)"
    pid = 0

    def interrupt(line: str) -> None:
        nonlocal pid
        pid = int(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([sys.executable, "-c", program], doing="x", hint="y", env={}, on_line=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
