"""Python packages that carry a program (a Java runtime, a Go toolchain), each in a folder of its own.

Not in the virtual environment: that holds exactly what its lock names, and these are for some machines only.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from harness.errors import HarnessError
from harness.machine.cache import built, cache_root, content_key
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
NETWORK_HINT = (
    "check the network, and set HTTPS_PROXY and SSL_CERT_FILE if you are behind a proxy with its own certificate"
)


def package_folder(lock: Path) -> Path:
    """The folder in which the packages of `lock` are installed, fetched by uv on first use.

    Args:
        lock: A requirements file with exact versions and hashes.
    """

    def install(folder: Path) -> None:
        command: list[str | Path] = [uv(), "pip", "install", "--quiet", "--python", sys.executable]
        command += ["--require-hashes", "--no-deps", "--target", folder, "-r", lock]
        run(
            command,
            doing=f"install what requirements/{lock.name} names",
            hint=NETWORK_HINT,
            env=with_certificates(os.environ),
        )

    key = content_key(lock, sysconfig.get_platform())
    return built(cache_root() / "packages" / f"{lock.stem}-{key}", install)


def uv() -> Path:
    """The uv that the virtual environment was made with, else one on the PATH."""
    ours = Path(sys.prefix) / "bin" / "uv"
    if ours.is_file():
        return ours
    if found := shutil.which("uv"):
        return Path(found)
    raise HarnessError("uv is not in this Python's environment: run 'make setup', which makes one that has it.")
