"""Runs a program of the set-up; a failure is one sentence with the program's own last words.

Only the standard library: this runs before anything is installed.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError


def run(
    command: Sequence[str | Path],
    *,
    doing: str,
    hint: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    together: bool = False,
    explain: Callable[[str], HarnessError | None] = lambda _: None,
) -> str:
    """Runs `command` to its end without a standard input; `on_line` gets each line of its standard error.

    With `together`, its standard output counts as part of its standard error, and both are returned. `explain` has
    the error for what a failed program printed; where it has none, the error is "Could not {doing} (…): {hint}."
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as results:
        try:
            process = subprocess.Popen(
                [str(word) for word in command],
                encoding="utf-8",
                errors="replace",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if together else results,
                stderr=subprocess.STDOUT if together else subprocess.PIPE,
                env=dict(env),
                cwd=cwd,
            )
        except OSError as error:
            raise HarnessError(f"Could not {doing} ({command[0]}: {error.strerror}): {hint}.") from error
        lines = []
        with process:
            try:
                for line in process.stdout or process.stderr or ():
                    lines.append(line)
                    if on_line:
                        on_line(line.rstrip("\n"))
            except BaseException:
                process.terminate()
                raise
        results.seek(0)
        output = "".join(lines) if together else results.read()
    if process.returncode != 0:
        said = "".join(lines) or output
        raise explain(said) or HarnessError(f"Could not {doing} ({telling_line(said)}): {hint}.")
    return output


def telling_line(output: str) -> str:
    r"""The line of a failed program's output that says most: the last that speaks of an error, else the last.

    >>> telling_line("Resolving…\nerror: no such host\n  see the log\n")
    'error: no such host'
    >>> telling_line("internal/oserror\ncompile: signal: killed\ngithub.com/pkg/errors\n")
    'compile: signal: killed'
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if not lines:
        return "it said nothing"
    # A single word names what is being done, such as the package that Go compiles.
    lines = [line for line in lines if " " in line] or lines
    words = ("error", "exception", "failed", "unresolved", "not found", "mismatch", "killed", "refused", "no space")
    telling = [line for line in lines if any(word in line.lower() for word in words)]
    line = (telling or lines)[-1]
    # The JVM's preamble; what follows it is the message.
    return re.sub(r'^Exception in thread "\w+" ([\w$]+\.)+[\w$]+: ', "", line).rstrip(".:")[:300]
