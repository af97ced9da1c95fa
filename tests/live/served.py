"""The platform's repository on the git server in the cluster, for tests that commit to it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.clusters.deploy.causes import is_ready
from harness.clusters.deploy.git import Scratch, with_files
from harness.clusters.deploy.served import BRANCH, FOLDER, NAMESPACE, REPOSITORY, SERVER, Served, options
from harness.clusters.deploy.wait import ARGOCD


def revision(application: Mapping[str, Any]) -> str:
    """The commit that an Application has compared itself with."""
    return str(application["status"].get("sync", {}).get("revision", ""))


class ServedBranch(Served):
    """The branch that Argo CD follows."""

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
                git.run(*options(), "fetch", "--quiet", self.address(REPOSITORY), BRANCH)
                commit = with_files(git, "FETCH_HEAD", changes, message)
                self.push(git, REPOSITORY, f"{commit}:refs/heads/{BRANCH}")
        return commit

    def revert(self, commit: str) -> None:
        """Commits the files of an earlier commit again, as a revert of all later ones does."""
        who = ("-c", "user.name=developer", "-c", "user.email=developer@localhost")
        words = ("commit-tree", f"{commit}^{{tree}}", "-p", BRANCH, "-m", f"Revert to {commit[:8]}")
        self.reset(self._git(*who, *words, doing=f"revert to {commit[:8]}").strip())

    def followed(self) -> bool | None:
        """For `wait.until`: whether all of Argo CD's Applications have deployed the head and are well."""
        head = self.head()
        applications = self.cluster.get("applications.argoproj.io", ARGOCD)
        return all(is_ready(item) and revision(item) == head for item in applications) or None

    def reset(self, commit: str) -> None:
        """Makes an earlier commit the head again, as a force push does."""
        self._git("update-ref", f"refs/heads/{BRANCH}", commit, doing=f"go back to {commit[:8]}")

    def _git(self, *arguments: str, doing: str) -> str:
        command = ["git", f"--git-dir={FOLDER}/{REPOSITORY}", *arguments]
        return self.cluster.execute(NAMESPACE, SERVER, command, doing=doing)
