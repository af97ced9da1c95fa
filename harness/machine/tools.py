"""The Go programs that the harness drives, built from the pinned sources in `tools/go.mod`.

>>> tool("kustomize")
PosixPath('…/lakehouse-platform/go/tools-3f0c…/kustomize')

To add one: `cd tools && go get -tool <package>@<version> && go mod tidy`, and a line in `TOOLS`. If its
dependencies conflict with the others', it gets a module of its own in `tools/<name>/`.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.machine.gobuild import programs, programs_folder
from harness.paths import ROOT


@dataclass(frozen=True)
class GoTool:
    """A Go program: its import path, and the folder whose go.mod pins it."""

    package: str
    module: str = "tools"


TOOLS: Final[Mapping[str, GoTool]] = {
    "kustomize": GoTool("sigs.k8s.io/kustomize/kustomize/v5"),
    "kubeconform": GoTool("github.com/yannh/kubeconform/cmd/kubeconform"),
    "kind": GoTool("sigs.k8s.io/kind"),
    "kube-score": GoTool("github.com/zegl/kube-score/cmd/kube-score", "tools/kube-score"),
    "gitleaks": GoTool("github.com/zricethezav/gitleaks/v8", "tools/gitleaks"),
    "apiserver": GoTool(".", "tools/apiserver"),
    "builder": GoTool(".", "tools/builder"),
    "texts": GoTool(".", "tools/texts"),
}

_SHORT_LIVED: Final = {"GOGC": "off", "GOMEMLIMIT": "1GiB"}
"""Go then collects garbage only near the limit; at its own settings, that takes a sixth of gitleaks' time."""


def tool(name: str) -> Path:
    """A program, built on first use (some minutes for all of them on two cores)."""
    folder = _shipped(name) or programs(module_folder(name), {name: TOOLS[name].package}, users_caches=True)
    return folder / name


def ask(name: str, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a program that answers and ends, with `text` as its standard input."""
    return subprocess.run(
        [tool(name), *arguments],
        input=text,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, **_SHORT_LIVED},
    )


def tool_folder(name: str) -> Path:
    """The folder of the program, whether or not it has been built."""
    return _shipped(name) or programs_folder(module_folder(name), {name: TOOLS[name].package})


def _shipped(name: str) -> Path | None:
    """The folder of the program in a wheel that has it."""
    return next((program.parent for program in (ROOT / "programs").glob(f"*/{name}")), None)


def module_folder(name: str) -> Path:
    if name not in TOOLS:
        raise HarnessError(f"There is no tool {name!r}: the harness has {', '.join(sorted(TOOLS))}.")
    return ROOT / TOOLS[name].module
