"""How each image can be built: the folder below images/ with its Dockerfile, and what that is given.

The platform's own images are `lakehouse/<name>` (or `…/lakehouse-<name>` in a registry of one's own) and lie in
`images/<name>`. Upstream's, built here only where no registry answers, lie in `images/without-registry/<name>`.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.clusters.without_registry.upstream import FOLDER, UPSTREAM
from harness.paths import ROOT

_OWN: Final = re.compile(r"(?:.*/)?lakehouse[/-](?P<name>[a-z0-9-]+)")
_TESTS: Final = ("tests/e2e", "tests/sign_in")
"""The folders with the images that only tests run."""


@dataclass(frozen=True)
class Recipe:
    """How one image is built.

    Attributes:
        own: Whether it is the platform's own; else it stands in for upstream's.
        version: The command that prints the version of what is in it; empty when that is known otherwise.
    """

    folder: Path
    own: bool
    version: tuple[str, ...] = ()
    root: Path = ROOT

    @property
    def dockerfile(self) -> Path:
        return self.folder / "Dockerfile"

    @property
    def ignore(self) -> Path:
        return self.folder / "Dockerfile.dockerignore"


def recipe(repository: str, root: Path = ROOT) -> Recipe | None:
    """How the image of a repository is built, or None when it can only be pulled."""
    if own := _OWN.fullmatch(repository):
        tests = (root / folder / own["name"].replace("-", "_") for folder in _TESTS)
        for folder in (root / "images" / own["name"], *tests):
            if (folder / "Dockerfile").is_file():
                return Recipe(folder, own=True, root=root)
        return None
    for ending, upstream in UPSTREAM.items():
        if f"/{repository}".endswith(f"/{ending}"):
            return Recipe(root / FOLDER / upstream.folder, own=False, version=upstream.version, root=root)
    return None
