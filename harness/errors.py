"""The errors that reach a user, each as one sentence.

Only the standard library: this is imported before anything is installed.
"""

import errno
import signal
from collections.abc import Iterable, Mapping
from typing import Final

from harness.exits import ExitCode


class HarnessError(Exception):
    """Something that the user has to know and can act on, in one sentence: the thing, the cause, the next step."""

    def __init__(self, message: str, *, exit_code: int = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(HarnessError):
    """The command line names something that does not exist or makes no sense."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=ExitCode.USAGE)


class Terminated(KeyboardInterrupt):
    """SIGTERM; whatever cleans up after Ctrl-C does so after this as well."""


class HungUp(KeyboardInterrupt):
    """SIGHUP, as when the terminal is closed."""


STOPS: Final[Mapping[int, type[KeyboardInterrupt]]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
    signal.SIGHUP: HungUp,
}
"""The signals that stop a command."""


def interrupted(request: KeyboardInterrupt, consequence: str = "") -> HarnessError:
    """The error of a command that was stopped, with what becomes of its work."""
    word, code = {
        Terminated: ("Terminated", ExitCode.TERMINATED),
        HungUp: ("Hung up", ExitCode.HUNG_UP),
    }.get(type(request), ("Interrupted", ExitCode.INTERRUPTED))
    return HarnessError(f"{word}: {consequence}." if consequence else f"{word}.", exit_code=code)


def closest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The known name that was probably meant; empty where none is as similar as `cutoff`, from 0 to 1."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(name, known, 1, cutoff)), "")


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that does not exist, with the one that was probably meant.

    >>> str(unknown("environment", "minkube", ["eks", "minikube"]))
    "There is no environment 'minkube'; did you mean 'minikube'?"
    """
    names = list(known)
    if close := closest(name, names):
        return UsageError(f"There is no {kind} {name!r}; did you mean {close!r}?")
    return UsageError(f"There is no {kind} {name!r}: choose from {', '.join(names) or 'none'}.")


def of_system(error: OSError) -> HarnessError:
    """The error for what the operating system refused, such as a write to a full disk."""
    steps = {
        errno.ENOSPC: "free some space",
        errno.EDQUOT: "free some space",
        errno.EACCES: "check its permissions",
        errno.EPERM: "check its permissions",
        errno.ENOENT: "check the path",
        errno.EROFS: "choose a folder that is writable",
        errno.ECONNREFUSED: "check the network",
        errno.ENETUNREACH: "check the network",
    }
    thing = f"{error.filename}: " if error.filename else ""
    step = steps.get(error.errno or 0, "correct this")
    return HarnessError(f"{thing}{(error.strerror or str(error)).rstrip('.')}; {step}, then run the command again.")
