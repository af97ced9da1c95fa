"""`harness run` whose worker waits to be stopped, beside a program in the place of Spark's Java process.

`python -m tests.harness.pipeline.embedded.idle run …` is the command, `… idle DATE EVENTS LIFELINE LOCK` its
worker: the front, the guard and the worker's way to an end are the real ones.
"""

import datetime as dt
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from harness import cli
from harness.pipeline.embedded import supervisor, worker

JAVA = "cat"
"""As Java does, it holds the lock, has a session of its own, and ends when the worker closes its input."""


def wait(date: dt.date, emit: Callable[[Any], None], lock: int) -> None:
    java = subprocess.Popen([JAVA], stdin=subprocess.PIPE, pass_fds=(lock,), start_new_session=True)
    try:
        time.sleep(3600)
    finally:
        java.communicate()


if __name__ == "__main__":
    if sys.argv[1] == "run":
        supervisor.WORKER = "tests.harness.pipeline.embedded.idle"
        cli.main()
    worker.run = wait
    sys.exit(worker.main(sys.argv[1:]))
