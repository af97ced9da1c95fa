"""What each exit code means, for every command; docs/reference/exit-codes.md has the table."""

from enum import IntEnum


class ExitCode(IntEnum):
    """An exit code; its `meaning` is the same for all commands."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> "ExitCode":
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    OK = 0, "The command did what it was asked to do."
    FAILED = 1, "The command could not finish; the error names the cause and the next step."
    USAGE = 2, "The command line is wrong: an unknown command, option, environment, ref or folder."
    ATTENTION = (
        3,
        "The command finished and its result needs attention: findings, a risk, something missing or unhealthy.",
    )
    IN_USE = 4, "Another run uses the same lakehouse."
    NOT_COVERED = 5, "The command finished, but its result does not cover everything that it should."
    HUNG_UP = 129, "Stopped by SIGHUP, as when the terminal is closed."
    INTERRUPTED = 130, "Interrupted with Ctrl-C."
    CLOSED_PIPE = 141, "The program that read the output ended, as `head` does."
    TERMINATED = 143, "Stopped by SIGTERM."
