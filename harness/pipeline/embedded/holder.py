"""Who holds a lakehouse, as its lock says it to the next run."""

import datetime as dt
import json
import os
import re
import shlex
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Holder:
    """A process that writes to a lakehouse.

    Attributes:
        since: When it took the lock (UTC).
        command: The command line of its user.
    """

    pid: int
    host: str
    since: str
    command: str

    @classmethod
    def this_process(cls) -> Self:
        # A password within an address is nobody else's business.
        arguments = [re.sub(r"(?<=://)[^/@\s]*@", "***@", argument) for argument in sys.argv[1:]]
        since = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
        return cls(os.getpid(), socket.gethostname(), since, shlex.join(["harness", *arguments]))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The holder that a lock names; None where it names none, as while it is being written."""
        try:
            about = json.loads(text)
            return cls(int(about["pid"]), str(about["host"]), str(about["since"]), str(about["command"]))
        except (ValueError, TypeError, KeyError):
            return None

    def fields(self) -> dict[str, str | int]:
        return asdict(self)

    @property
    def ended_here(self) -> bool:
        """Whether it was a process of this machine that has ended."""
        return self.host == socket.gethostname() and not Path(f"/proc/{self.pid}").exists()


def in_use(lakehouse: str, holder: Holder | None) -> str:
    """Why a lakehouse cannot be written to now."""
    if holder is None:
        return (
            f"Another run is starting to write to {lakehouse}: wait for it to end, or name another folder with "
            "--lakehouse."
        )
    if holder.ended_here:
        return (
            f"What `{holder.command}` (process {holder.pid}, since {holder.since}) started for {lakehouse} is "
            "still ending although it was killed: run the command again in some seconds."
        )
    where = "" if holder.host == socket.gethostname() else f" on {holder.host}"
    return (
        f"`{holder.command}` (process {holder.pid}{where}, since {holder.since}) is writing to {lakehouse}: wait "
        f"for it to end, stop it with `kill {holder.pid}`, or name another folder with --lakehouse."
    )
