import signal
import subprocess
import sys

from tests.processes import started

TIDIES_UP = """
import sys, time
try:
    print("works", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(1)
    print("tidied up", flush=True)
"""


def test_a_command_that_is_interrupted_may_tidy_up() -> None:
    module = "harness.clusters.up.steps"
    here = f"import sys; from {module} import run_to_its_end as run; run([sys.executable, '-c', sys.argv[1]])"
    with started([sys.executable, "-c", here, TIDIES_UP], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "works\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "tidied up\n"
    assert process.returncode != 0
