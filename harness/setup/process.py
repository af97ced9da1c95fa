"""Runs a program of the set-up; a failure is one sentence with the program's own last words.

Only the standard library: this runs before anything is installed.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError


def run(
    command: Sequence[str | Path], *, doing: str, hint: str, env: Mapping[str, str], cwd: Path | None = None
) -> str:
    """Runs `command` to its end without a standard input.

    Args:
        command: Program and arguments.
        doing: What it is for, in words that go after "Could not".
        hint: What the user can do when it fails; a sentence's second half, without the full stop.
        env: Its whole environment.
        cwd: Its folder; the current one when None.

    Returns:
        What it printed on its standard output.

    Raises:
        HarnessError: It did not start, or did not exit with 0.
    """
    try:
        done = subprocess.run(
            [str(word) for word in command],
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=dict(env),
            cwd=cwd,
        )
    except OSError as error:
        raise HarnessError(f"Could not {doing} ({command[0]}: {error.strerror}): {hint}.") from error
    if done.returncode != 0:
        raise HarnessError(f"Could not {doing} ({telling_line(done.stderr or done.stdout)}): {hint}.")
    return done.stdout


def telling_line(output: str) -> str:
    r"""The line of a failed program's output that says most: the last that speaks of an error, else the last.

    >>> telling_line("Resolving…\nerror: no such host\n  see the log\n")
    'error: no such host'
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines:
        return "it said nothing"
    words = ("error", "exception", "failed", "unresolved", "not found", "mismatch")
    telling = [line for line in lines if any(word in line.lower() for word in words)]
    line = (telling or lines)[-1]
    # The JVM's preamble; what follows it is the message.
    return re.sub(r'^Exception in thread "\w+" ([\w$]+\.)+[\w$]+: ', "", line).rstrip(".:")[:300]
