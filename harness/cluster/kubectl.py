"""Runs kubectl, of the cluster's own version, against a kubeconfig file."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from harness.cluster.components import KUBECTL
from harness.setup.certificates import with_certificates
from harness.setup.process import run

LOOK: Final = "'harness cluster status' shows how the cluster is"


def kubectl_program() -> Path:
    """Where kubectl is; built on first use.

    Raises:
        HarnessError: It could not be built.
    """
    return KUBECTL.programs() / "kubectl"


def kubectl(
    kubeconfig: Path,
    *arguments: str | Path,
    doing: str,
    hint: str = LOOK,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Runs `kubectl ARGUMENTS` to its end.

    Args:
        kubeconfig: The file that names the cluster.
        arguments: The command's arguments.
        doing: What it is for, in words that go after "Could not".
        hint: What the user can do when it fails; without the full stop.
        on_line: Gets each line of its standard error as it comes.

    Returns:
        What it printed on its standard output.

    Raises:
        HarnessError: It could not be built, or did not exit with 0.
    """
    command = [kubectl_program(), *arguments]
    return run(command, doing=doing, hint=hint, env=kubectl_environment(kubeconfig), on_line=on_line)


def kubectl_environment(kubeconfig: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment in which kubectl, and whatever else reads KUBECONFIG, speaks to one cluster only."""
    return {**with_certificates(environ), "KUBECONFIG": str(kubeconfig)}
