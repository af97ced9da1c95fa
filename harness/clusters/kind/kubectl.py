"""Drives one cluster with kubectl, of the version of the clusters that `harness cluster up` makes.

>>> Kubectl(Path("kubeconfig"), "kind-lakehouse", kubectl_program()).get("pods", "database")[0]["metadata"]["name"]
'postgres-0'
"""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clusters.kind.objects import Object
from harness.clusters.without_registry.components import KUBECTL, KUBERNETES
from harness.errors import HarnessError
from harness.machine.process import telling_line
from harness.machine.proxy.certificates import with_certificates

_AWAY: Final = re.compile(r"refused|unable to connect|no such host|timeout|timed out", re.IGNORECASE)
"""kubectl's words when nothing answers."""


def status_hint(cluster: str) -> str:
    """What to do about a kind cluster that does not answer, as the end of an error."""
    return f"'harness cluster status --name {cluster}' shows its state"


def kubectl_program() -> Path:
    """The program; what the node image was built from has it, too."""
    of_node = KUBERNETES.programs_folder()
    return (of_node if of_node.is_dir() else KUBECTL.programs()) / "kubectl"


@dataclass(frozen=True)
class Kubectl:
    """A cluster, as one context of a kubeconfig names it, and the kubectl program."""

    kubeconfig: Path
    context: str
    program: Path

    @property
    def command(self) -> list[str]:
        # An empty context is the file's current one.
        return [str(self.program), "--kubeconfig", str(self.kubeconfig), "--context", self.context]

    def current_context(self) -> str:
        return self.run("config", "current-context", doing=f"find the current context of {self.kubeconfig}").strip()

    def run(
        self, *arguments: str, doing: str, hint: str | None = None, stdin: str = "", timeout: float = 120
    ) -> str:
        """Runs `kubectl ARGUMENTS` to its end; when that fails, the error is "Could not {doing} (…): {hint}."

        Without a hint, the next step is what the failure suggests.
        """
        try:
            done = subprocess.run(
                [*self.command, *arguments],
                input=stdin,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=timeout,
                # For a kubeconfig whose credentials come from a program that asks its cloud for them.
                env=with_certificates(os.environ),
            )
        except OSError as error:
            raise HarnessError(
                f"Could not {doing} ({self.program}: {error.strerror}): run 'harness doctor'."
            ) from error
        except subprocess.TimeoutExpired:
            late = f"{self.context} took longer than {timeout:.0f} s: is the cluster overloaded?"
            raise HarnessError(f"Could not {doing}: {late}") from None
        if done.returncode != 0:
            said = telling_line(done.stderr or done.stdout)
            raise HarnessError(f"Could not {doing} ({said}): {hint or self._hint(said)}.")
        return done.stdout

    def _hint(self, said: str) -> str:
        if not _AWAY.search(said):
            return "correct that, and try again"
        if self.context.startswith("kind-"):
            return status_hint(self.context.removeprefix("kind-"))
        return "see whether the cluster runs"

    def get(self, kinds: str, namespace: str | None = None, *selection: str) -> list[Object]:
        """Objects of some kinds (`pods,jobs`), in one namespace or all, as selected by more options."""
        where = ["--namespace", namespace] if namespace else ["--all-namespaces"]
        options = ["--output=json", "--ignore-not-found", *selection]
        said = self.run("get", kinds, *where, *options, doing=f"list {kinds}")
        return list(json.loads(said)["items"]) if said.strip() else []

    def apply(self, manifests: str, *, doing: str) -> None:
        """Applies YAML documents server-side, and takes over fields that others own."""
        options = ["--server-side", "--force-conflicts", "--field-manager=harness-deploy", "--filename=-"]
        self.run("apply", *options, doing=doing, stdin=manifests)

    def exec_words(self, namespace: str, target: str) -> list[str]:
        """The command line before a command that runs in a pod, connected to its input and output."""
        return [*self.command, *_exec(namespace, target)]

    def execute(
        self, namespace: str, target: str, command: Sequence[str], *, doing: str, timeout: float = 120
    ) -> str:
        """Runs a command in a pod (`pod/NAME`, `deployment/NAME`) and returns what it printed."""
        return self.run(*_exec(namespace, target), *command, doing=doing, timeout=timeout)


def _exec(namespace: str, target: str) -> list[str]:
    return ["exec", "--stdin", "--quiet", f"--namespace={namespace}", target, "--"]
