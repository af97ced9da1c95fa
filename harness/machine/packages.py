"""Python packages that contain a program (a Java runtime, a Go toolchain), each in a folder of its own.

Only some machines need them, so they are not in the virtual environment.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from harness.console import working
from harness.errors import HarnessError
from harness.machine.cache import built, cache_root, content_key
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates
from harness.paths import ROOT

REQUIREMENTS = ROOT / "requirements"
NETWORK_HINT = (
    "check the network, and set HTTPS_PROXY and SSL_CERT_FILE if you are behind a proxy with its own certificate"
)


def package_folder(lock: Path) -> Path:
    """The folder with the packages of `lock`, which uv fetches on first use."""

    def install(folder: Path) -> None:
        command: list[str | Path] = [uv(), "pip", "install", "--quiet", "--python", sys.executable]
        command += ["--require-hashes", "--no-deps", "--target", folder, "-r", lock]
        with working(f"fetching the packages of requirements/{lock.name}", usually="under a minute"):
            run(
                command,
                doing=f"install what requirements/{lock.name} names",
                hint=NETWORK_HINT,
                env=with_certificates(os.environ),
            )

    key = content_key(lock, sysconfig.get_platform())
    return built(cache_root() / "packages" / f"{lock.stem}-{key}", install)


def uv() -> Path:
    """Uv of the virtual environment, else of the PATH."""
    ours = Path(sys.prefix) / "bin" / "uv"
    if ours.is_file():
        return ours
    if program := shutil.which("uv"):
        return Path(program)
    raise HarnessError("uv is missing in this Python's environment: run 'make setup', which installs it.")
