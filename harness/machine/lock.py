"""`python -m harness.machine.lock`: resolves all dependencies again and writes the locks in requirements/."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from harness.console import err, exit_code_of
from harness.files import write
from harness.machine.jars import update_lock
from harness.machine.packages import NETWORK_HINT, REQUIREMENTS, uv
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates

# Name of the lock, its Python, and the earlier lock whose versions it shares.
LOCKS: Final[tuple[tuple[str, str, str | None], ...]] = (
    ("bootstrap", "3.11", None),
    ("test", "3.11", None),
    ("run", "3.11", "test"),
    ("review", "3.11", "test"),
    ("java", "3.11", None),
    ("go", "3.11", None),
    ("spark33", "3.10", None),
    ("spark4", "3.11", None),
    ("airflow3", "3.11", None),
    # The images have Debian bookworm's Python, whatever this machine has.
    ("image-airflow", "3.11.2", "test"),
    ("image-spark", "3.11.2", "test"),
    ("image-jars", "3.11.2", "test"),
    ("image-jupyter", "3.11.2", "test"),
    ("image-mock-api", "3.11.2", "test"),
    ("image-reflector-stand-in", "3.11.2", "test"),
)


def main() -> int:
    """Writes all locks or, when one cannot be resolved, none."""
    with tempfile.TemporaryDirectory(prefix="lock-") as folder:
        aside = Path(folder) / REQUIREMENTS.name
        shutil.copytree(REQUIREMENTS, aside)
        for name, python, shared in LOCKS:
            err.print(f"requirements/{name}.txt …")
            compile_lock(aside, name, python, shared)
        err.print("requirements/jars.json …")
        update_lock(aside / "jars.json")
        for path in sorted(aside.iterdir()):
            target = REQUIREMENTS / path.name
            if not target.exists() or target.read_bytes() != path.read_bytes():
                write(target, path.read_bytes())
                err.print(f"changed: requirements/{path.name}")
    return 0


def compile_lock(folder: Path, name: str, python: str, shared: str | None) -> None:
    """Compiles `<name>.in` to `<name>.txt` with the newest allowed versions, for `python` or newer."""
    command: list[str | Path] = [uv(), "pip", "compile", "--quiet", "--upgrade", f"{name}.in", "-o", f"{name}.txt"]
    # No header and no index: a lock names packages, and each machine knows from where it takes them.
    command += ["--universal", "--python-version", python, "--generate-hashes", "--no-annotate", "--no-header"]
    if shared:
        command += ["-c", f"{shared}.txt"]
    run(
        command,
        doing=f"resolve requirements/{name}.in",
        hint=NETWORK_HINT,
        env=with_certificates(os.environ),
        cwd=folder,
    )


if __name__ == "__main__":
    sys.exit(exit_code_of(main))
