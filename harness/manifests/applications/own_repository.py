"""Which URLs mean the repository that is reviewed."""

from collections.abc import Iterable

from harness.manifests.applications.deployer import ApplicationSource
from harness.manifests.applications.urls import normalised_url


class OwnRepository:
    def __init__(self, remotes: Iterable[str]) -> None:
        self._remotes = {normalised_url(url) for url in remotes}
        self._used: set[str] = set()
        self._own: set[str] = set()

    def learn(
        self, sources: Iterable[ApplicationSource], defined: Iterable[str], earlier: "OwnRepository | None"
    ) -> None:
        """Learns the URLs from the Application sources whose folders it has, and those of GitRepositories."""
        used = {(source.path, normalised_url(source.repository)) for source in sources}
        # Every repository has a top folder, so that it proves nothing.
        self._used = {url for path, url in used if path != "."} | (earlier._used if earlier else set())
        self._own = self._remotes & {*(url for _, url in used), *map(normalised_url, defined)}

    def is_proven(self, url: str) -> bool:
        return normalised_url(url) in (self._own or self._used)

    def is_possible(self, url: str) -> bool:
        """Whether a URL may mean it; any may where none is known to."""
        return not self._own or normalised_url(url) in self._own

    def has_file(self, url: str, exists: bool) -> bool:
        """Whether a file is its own; where no URL is known to mean it, one that exists is."""
        return normalised_url(url) in self._remotes or (not self._own and exists)
