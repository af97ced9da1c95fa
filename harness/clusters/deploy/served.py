"""The git server in the cluster, from which Argo CD pulls: this checkout, and the pinned upstream bases.

Objects are pushed through `kubectl exec`, so the server itself takes nothing from anybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from harness.clusters.deploy.git import Scratch
from harness.clusters.kind.kubectl import Kubectl
from harness.manifests.upstream import Remote, repositories

NAMESPACE: Final = "outside"
"""For what is outside of the cluster in production: the git host, and in the tests the Brewery API."""
BRANCH: Final = "main"
REPOSITORY: Final = "lakehouse-platform.git"
URL: Final = f"git://git-server.{NAMESPACE}.svc.cluster.local/{REPOSITORY}"
"""From where Argo CD pulls this checkout."""

SERVER: Final = "deployment/git-server"
FOLDER: Final = "/srv/git"
_OPTIONS: Final = (
    # Git runs no program as a transport unless told.
    ("protocol.ext.allow", "always"),
    ("push.followTags", "false"),
    ("push.gpgSign", "false"),
)


@dataclass(frozen=True)
class Served:
    """The git server of one cluster."""

    cluster: Kubectl

    def serve(self, git: Scratch, commit: str) -> None:
        self._make(REPOSITORY)
        self.push(git, REPOSITORY, f"+{commit}:refs/heads/{BRANCH}")

    def serve_upstream(self, remotes: Iterable[Remote]) -> None:
        """Serves the pinned tags of upstream bases, from the Go module cache."""
        for remote, repository in repositories(remotes):
            name = f"{remote.org}/{remote.repo}.git"
            self._make(name)
            with Scratch(repository) as git:
                self.push(git, name, f"+refs/tags/{remote.tag}:refs/tags/{remote.tag}")

    def _make(self, name: str) -> None:
        folder = f"{FOLDER}/{name}"
        doing = f"make {name} on the git server"
        # An existing one stays as it is.
        make = ["git", "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", folder]
        self.cluster.execute(NAMESPACE, SERVER, make, doing=doing)
        # A shallow checkout, as on a build machine, may be pushed.
        allow = ["git", f"--git-dir={folder}", "config", "receive.shallowUpdate", "true"]
        self.cluster.execute(NAMESPACE, SERVER, allow, doing=doing)

    def push(self, git: Scratch, name: str, refspec: str) -> None:
        git.run(*options(), "push", "--quiet", "--no-verify", self.address(name), refspec)

    def address(self, name: str) -> str:
        return transport(self.cluster.exec_words(NAMESPACE, SERVER), f"{FOLDER}/{name}")


def transport(words: Sequence[str], folder: str) -> str:
    """The address, for git's transport `ext::`, of a repository where `words` run a command.

    >>> transport(["kubectl", "--kubeconfig", "/a b", "exec", "--"], "/srv/x.git")
    'ext::kubectl --kubeconfig /a%  b exec -- %S /srv/x.git'
    """
    escaped = [word.replace("%", "%%").replace(" ", "% ") for word in words]
    return "ext::" + " ".join([*escaped, "%S", folder])


def options() -> list[str]:
    return [word for name, value in _OPTIONS for word in ("-c", f"{name}={value}")]
