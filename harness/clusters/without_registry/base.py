"""The image that the Dockerfiles begin with, `debian:bookworm-slim`: upstream's, or one from Debian's packages."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from harness.clusters.docker.client import docker, image_id
from harness.clusters.docker.image import INPUTS, TIME
from harness.clusters.docker.registry import answers
from harness.errors import HarnessError
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates

BASE: Final = "debian:bookworm-slim"
SUITE: Final = "bookworm"
# What upstream's slim variant leaves out as well; licences stay.
_LEFT_OUT: Final = ("man", "doc", "info", "locale", "lintian")
# What images/settle.sh removes: were it there, each image's layer would record at what time it went.
_TRACES: Final = (
    *("var/lib/apt/lists/*", "var/cache/apt/*", "var/cache/debconf/*", "var/cache/ldconfig/*"),
    *("var/lib/dpkg/*-old",),
    *("var/log/apt", "var/log/*.log", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-"),
)
_HINT: Final = "check the network; Debian's packages come from the mirror that mmdebstrap asks"


def ensure_base(*, pull: bool, refresh: bool = False) -> str:
    """Makes the base image, or pulls it if allowed and possible, and returns its id.

    An existing one is kept, except to get the newest packages (`refresh`).
    """
    present = image_id(BASE)
    if present and not refresh:
        return present
    if pull and answers(BASE):
        docker("pull", "--quiet", BASE, doing=f"pull {BASE}")
    else:
        _assemble()
    return image_id(BASE) or ""


def _assemble() -> None:
    if not shutil.which("mmdebstrap"):
        raise HarnessError(
            f"No registry answers for {BASE}, and mmdebstrap, which makes it from Debian's packages, is missing: "
            "install it (on Debian or Ubuntu, as root: make e2e-deps)."
        )
    with tempfile.TemporaryDirectory(prefix="base-") as folder:
        archive = Path(folder) / "base.tar"
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _LEFT_OUT]
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", *excluded]
        command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
        command += ['--customize-hook=cd "$1" && rm -rf ' + " ".join(_TRACES), SUITE, str(archive)]
        run(
            command,
            doing=f"make {BASE} from Debian's packages",
            hint=_HINT,
            env={**with_certificates(os.environ), "SOURCE_DATE_EPOCH": str(TIME)},
        )
        label = f'LABEL {INPUTS}="mmdebstrap {SUITE}"'
        docker("import", "--change", 'CMD ["bash"]', "--change", label, archive, BASE, doing=f"import {BASE}")
