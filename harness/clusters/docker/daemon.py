"""Starts and stops Docker's daemon, with systemd or without.

Only a daemon that was started here is stopped: the cache has its process id.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.clusters.docker.client import daemon_version, require_daemon
from harness.console import working
from harness.errors import HarnessError
from harness.machine.cache import cache_root, locked
from harness.machine.process import run, telling_line

SYSTEM_CONFIGURATION: Final = Path("/etc/docker/daemon.json")
CONTAINERD_PID: Final = Path("/run/docker/containerd/containerd.pid")
"""Of the containerd that the daemon starts for itself."""
BUILD_CACHE: Final = "3GB"
"""Docker's own limit is tens of gigabytes, depending on the disk."""
START_SECONDS: Final = 60
# Popen complains about a child that outlives it, as this one is meant to.
_STARTED: Final[list[subprocess.Popen[bytes]]] = []
# It first stops its containers, each of which has ten seconds to end.
STOP_SECONDS: Final = 90
# Where systemd is the service manager, this folder exists (sd_booted(3)).
SYSTEMD: Final = Path("/run/systemd/system")


def state_folder() -> Path:
    folder = cache_root() / "docker"
    folder.mkdir(exist_ok=True)
    return folder


def log_file() -> Path:
    return state_folder() / "dockerd.log"


def start() -> bool:
    """Starts a daemon when none answers; returns whether it did."""
    if daemon_version():
        return False
    if os.geteuid() != 0:
        # Tells a missing permission from a missing daemon.
        require_daemon()
    with locked(state_folder() / ".lock"), working("starting Docker's daemon"):
        if daemon_version():
            return False
        if SYSTEMD.is_dir():
            _start_service()
        else:
            _start_process()
    return True


def stop() -> bool:
    """Stops the daemon that `start` started, with its containers; returns whether there was one."""
    with locked(state_folder() / ".lock"):
        if _service_marker().exists():
            _systemctl("stop", "docker.service", "docker.socket")
            _service_marker().unlink()
            return True
        process = started_here()
        if process is None:
            return False
        os.kill(process, signal.SIGTERM)
        with working("stopping Docker's daemon"):
            ended = _reached(lambda: started_here() is None, STOP_SECONDS)
            for child in _STARTED:
                child.poll()
            if not ended:
                raise HarnessError(
                    f"Docker's daemon (process {process}) did not stop within {STOP_SECONDS} s: see {log_file()}."
                )
        return True


def started_here() -> int | None:
    """The process id of the running daemon that was started here, or None."""
    try:
        process = int(_pid_file().read_text(encoding="ascii"))
        command = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    # Another process may have the id of a daemon that died.
    return process if f"--pidfile={_pid_file()}".encode() in command else None


def _start_service() -> None:
    _systemctl("start", "docker.service")
    _service_marker().touch()
    require_daemon()


def _systemctl(action: str, *units: str) -> None:
    hint = "'systemctl status docker' tells more"
    run(["systemctl", action, *units], doing=f"{action} Docker's daemon", hint=hint, env=os.environ)


def _start_process() -> None:
    _forget_the_dead()
    with log_file().open("wb") as log:
        try:
            process = subprocess.Popen(
                ["dockerd", f"--pidfile={_pid_file()}", *_configuration()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A Ctrl-C in this terminal must not stop it.
                start_new_session=True,
            )
        except OSError as error:
            raise HarnessError(
                f"Could not start Docker's daemon (dockerd: {error.strerror}): "
                f"'make e2e-deps' installs it on Debian or Ubuntu."
            ) from error
    _STARTED.append(process)
    if _reached(lambda: process.poll() is not None or daemon_version() is not None, START_SECONDS):
        if process.poll() is None:
            return
    else:
        process.terminate()
    said = telling_line(log_file().read_text(encoding="utf-8", errors="replace"))
    raise HarnessError(f"Docker's daemon did not come up ({said}): see {log_file()}.")


def _forget_the_dead() -> None:
    """Removes the process ids of a killed daemon: if other processes have them by now, it would not start."""
    for file, name in ((_pid_file(), "dockerd"), (CONTAINERD_PID, "containerd")):
        try:
            process = int(file.read_text(encoding="ascii"))
            running = Path(f"/proc/{process}/comm").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            running = ""
        if running != name:
            file.unlink(missing_ok=True)


def _configuration() -> list[str]:
    """The machine's own configuration, else one that limits the build cache."""
    if SYSTEM_CONFIGURATION.exists():
        return []
    file = state_folder() / "daemon.json"
    file.write_text(json.dumps({"builder": {"gc": {"enabled": True, "defaultKeepStorage": BUILD_CACHE}}}))
    return [f"--config-file={file}"]


def _reached(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def _pid_file() -> Path:
    return state_folder() / "dockerd.pid"


def _service_marker() -> Path:
    return state_folder() / "service-started"
