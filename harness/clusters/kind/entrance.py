"""The entrance to a cluster: ports of this machine that lead to its Services, kept by a process in the background.

Its state is a file in the cluster's folder. It ends with `shut`, or by itself when that file is gone.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.clusters.kind.forward import Forward, listens
from harness.errors import HarnessError
from harness.files import write

if TYPE_CHECKING:
    import psutil

Doors = Mapping[int, list[str]]
"""Ports of this machine, and the `kubectl port-forward` that leads from each to a Service."""

_MODULE: Final = "harness.clusters.kind.entrance"
_FOLDER: Final = "HARNESS_ENTRANCE"
"""The variable that tells whose processes these are: even those of an entrance that was killed."""
_STATE: Final = "entrance.json"
_OPEN_SECONDS: Final = 120
_STOP_SECONDS: Final = 10
_LOOK_SECONDS: Final = 1.0
# Popen complains about a child that outlives it, as this one is meant to.
_STARTED: Final[list[subprocess.Popen[bytes]]] = []


def open_doors(folder: Path, doors: Doors) -> None:
    """Opens doors, and waits until they are; an entrance that has just these stays."""
    if not _is_kept(folder) or _doors(folder) != doors:
        shut(folder)
        write(folder / _STATE, json.dumps(doors))
        _STARTED.append(
            subprocess.Popen(
                [sys.executable, "-m", _MODULE],
                env={**os.environ, _FOLDER: str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # A Ctrl-C in this terminal must not stop it.
                start_new_session=True,
            )
        )
    end = time.monotonic() + _OPEN_SECONDS
    while closed := [port for port in doors if not listens(port)]:
        if time.monotonic() > end:
            raise HarnessError(
                f"Port {closed[0]} leads nowhere after {_OPEN_SECONDS} s ({' '.join(doors[closed[0]][-4:])}): see "
                "whether the Service's pod is ready, then run the command again."
            )
        time.sleep(0.2)


def shut(folder: Path) -> None:
    """Ends the entrance of a cluster's folder, and what it started."""
    import psutil

    (folder / _STATE).unlink(missing_ok=True)
    processes = _processes(folder)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, late = psutil.wait_procs(processes, timeout=_STOP_SECONDS)
    for process in late:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for child in _STARTED:
        child.poll()


def open_ports(folder: Path) -> frozenset[int]:
    """The ports of this machine that the entrance of a cluster's folder has, or has left when it was killed."""
    return frozenset(_doors(folder)) if _processes(folder) else frozenset()


def _doors(folder: Path) -> Doors:
    try:
        doors = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        return {int(port): list(command) for port, command in doors.items()}
    except (OSError, ValueError):
        return {}


def _is_kept(folder: Path) -> bool:
    import psutil

    for process in _processes(folder):
        with contextlib.suppress(psutil.Error):
            if _MODULE in process.cmdline():
                return True
    return False


def _processes(folder: Path) -> "list[psutil.Process]":
    import psutil

    ours = []
    for process in psutil.process_iter():
        # Those of other users cannot be asked, and some end meanwhile.
        with contextlib.suppress(psutil.Error):
            if process.environ().get(_FOLDER) == str(folder):
                ours.append(process)
    return ours


def keep(folder: Path, stopping: threading.Event) -> None:
    """Keeps the doors of a folder's state open until it is gone, or until told to stop."""
    forwards = [Forward(command, port) for port, command in _doors(folder).items()]
    for forward in forwards:
        forward.start()
    while not stopping.wait(_LOOK_SECONDS) and (folder / _STATE).exists():
        pass
    for forward in forwards:
        forward.stop()


def _main() -> None:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    keep(Path(os.environ[_FOLDER]), stopping)


if __name__ == "__main__":
    _main()
