"""The git server in the cluster, from which Argo CD pulls: this checkout, and the pinned upstream bases.

Objects are pushed through `kubectl exec`, so the server itself takes nothing from anybody.

>>> Served(cluster).commit({"base/misc/note.yaml": b"…"}, "Add a note")
'3f1c…'
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clusters.deploy.git import Scratch, with_files
from harness.clusters.kind.kubectl import Kubectl
from harness.manifests.upstream import Remote, repositories

NAMESPACE: Final = "outside"
"""For what is outside of the cluster in production: the git host, and in the tests the Brewery API."""
BRANCH: Final = "main"
REPOSITORY: Final = "lakehouse-platform.git"
URL: Final = f"git://git-server.{NAMESPACE}.svc.cluster.local/{REPOSITORY}"
"""From where Argo CD pulls this checkout."""

_SERVER: Final = "deployment/git-server"
_FOLDER: Final = "/srv/git"
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
        """Makes a commit the head of the served branch."""
        self._make(REPOSITORY)
        self._push(git, REPOSITORY, f"+{commit}:refs/heads/{BRANCH}")

    def serve_upstream(self, remotes: Iterable[Remote]) -> None:
        """Serves the pinned tags of upstream bases, from the Go module cache."""
        for remote, repository in repositories(remotes):
            name = f"{remote.org}/{remote.repo}.git"
            self._make(name)
            with Scratch(repository) as git:
                self._push(git, name, f"+refs/tags/{remote.tag}:refs/tags/{remote.tag}")

    def head(self) -> str:
        return self._git("rev-parse", BRANCH, doing="read the served branch").strip()

    def read(self, path: str) -> str:
        return self._git("show", f"{BRANCH}:{path}", doing=f"read {path} of the served branch")

    def commit(self, changes: Mapping[str, bytes | None], message: str) -> str:
        """Commits to the served branch, as a push to the platform's repository does; None removes a file."""
        with tempfile.TemporaryDirectory(prefix="harness-served-") as folder:
            git = Scratch(Path(folder))
            git.run("init", "--quiet", "--bare")
            with git:
                git.run(*_options(), "fetch", "--quiet", self._address(REPOSITORY), BRANCH)
                commit = with_files(git, "FETCH_HEAD", changes, message)
                self._push(git, REPOSITORY, f"{commit}:refs/heads/{BRANCH}")
        return commit

    def reset(self, commit: str) -> None:
        """Makes an earlier commit the head again, as a force push does."""
        self._git("update-ref", f"refs/heads/{BRANCH}", commit, doing=f"go back to {commit[:8]}")

    def _make(self, name: str) -> None:
        folder = f"{_FOLDER}/{name}"
        doing = f"make {name} on the git server"
        # An existing one stays as it is.
        make = ["git", "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", folder]
        self.cluster.execute(NAMESPACE, _SERVER, make, doing=doing)
        # A shallow checkout, as on a build machine, may be pushed.
        allow = ["git", f"--git-dir={folder}", "config", "receive.shallowUpdate", "true"]
        self.cluster.execute(NAMESPACE, _SERVER, allow, doing=doing)

    def _git(self, *arguments: str, doing: str) -> str:
        command = ["git", f"--git-dir={_FOLDER}/{REPOSITORY}", *arguments]
        return self.cluster.execute(NAMESPACE, _SERVER, command, doing=doing)

    def _push(self, git: Scratch, name: str, refspec: str) -> None:
        git.run(*_options(), "push", "--quiet", "--no-verify", self._address(name), refspec)

    def _address(self, name: str) -> str:
        return transport(self.cluster.exec_words(NAMESPACE, _SERVER), f"{_FOLDER}/{name}")


def transport(words: Sequence[str], folder: str) -> str:
    """The address, for git's transport `ext::`, of a repository where `words` run a command.

    >>> transport(["kubectl", "--kubeconfig", "/a b", "exec", "--"], "/srv/x.git")
    'ext::kubectl --kubeconfig /a%  b exec -- %S /srv/x.git'
    """
    escaped = [word.replace("%", "%%").replace(" ", "% ") for word in words]
    return "ext::" + " ".join([*escaped, "%S", folder])


def _options() -> list[str]:
    return [word for name, value in _OPTIONS for word in ("-c", f"{name}={value}")]
