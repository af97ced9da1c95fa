"""Charts of repositories and registries."""

import re
from dataclasses import dataclass
from typing import Final

from harness.manifests.sensitive import masked

_EXACT: Final = re.compile(r"v?\d+\.\d+\.\d+(?:[-+][\w.+-]*)?")


@dataclass(frozen=True)
class RemoteChart:
    """A chart that is not in the tree.

    Attributes:
        repository: URL of its repository, or of its registry with the path above it; empty if it is unknown.
        name: Empty where the URL is that of the chart itself.
        version: May be a range; empty for the latest.
        digest: Of its manifest in a registry; it wins over the version.
    """

    repository: str
    name: str
    version: str = ""
    digest: str = ""

    def __str__(self) -> str:
        repository = masked(self.repository)
        named = " ".join(filter(None, (self.name or repository, self.digest or self.version)))
        return f"{named} of {repository}" if self.name and repository else named or "without a name"

    @property
    def is_pinned(self) -> bool:
        """Whether it is always the same chart."""
        return bool(self.digest or _EXACT.fullmatch(self.version))
