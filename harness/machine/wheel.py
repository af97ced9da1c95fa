"""Hatchling's hook for the wheel: puts into it what the commands of an installation take from the checkout.

Every wheel gets the sources of the Go programs, the DAGs, and the locks of what commands fetch. With the variable
HARNESS_PROGRAMS, as `make dist` sets it, it also gets the programs that the review and the validation run, compiled
for this machine's platform.
"""

import os
import sysconfig
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCKS: Final = ("requirements/java.txt", "requirements/jars.json")
PROGRAMS: Final = ("builder", "kubeconform", "kube-score", "apiserver", "texts", "gitleaks")


class Hook(BuildHookInterface):  # type: ignore[type-arg]  # its configuration is hatchling's own affair
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        included: dict[str, str] = build_data["force_include"]
        root = Path(self.root)
        for path in [root / "tools", *root.glob("dags/*.py"), *(root / lock for lock in LOCKS)]:
            included[str(path)] = f"harness/sources/{path.relative_to(root)}"
        if not os.environ.get("HARNESS_PROGRAMS"):
            return
        from harness.machine.tools import tool

        for name in PROGRAMS:
            program = tool(name)
            included[str(program)] = f"harness/sources/programs/{program.parent.name}/{name}"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag(sysconfig.get_platform())}"


def platform_tag(platform: str) -> str:
    """The platforms that static programs of a machine run on: on Linux with any C library.

    >>> platform_tag("linux-x86_64"), platform_tag("macosx-14.0-arm64")
    ('manylinux2014_x86_64.musllinux_1_1_x86_64', 'macosx_14_0_arm64')
    """
    system, _, machine = platform.partition("-")
    if system == "linux":
        return f"manylinux2014_{machine}.musllinux_1_1_{machine}"
    return platform.replace("-", "_").replace(".", "_")
