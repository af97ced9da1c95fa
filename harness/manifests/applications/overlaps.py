"""What is built more than once, because a folder is part of another one's build."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from harness.manifests.applications.application import Application
from harness.manifests.build import Build


def included_folders(roots: Iterable[Build], deployed: Iterable[Build]) -> set[str]:
    """The folders of roots that are wholly part of what is deployed from a folder above."""
    by_kustomization: set[str] = set()
    by_folder: set[str] = set()
    for build in deployed:
        if build.root.inputs.generated is not None:
            by_kustomization |= build.root.inputs.files
        elif build.plain is not None:
            by_folder |= build.root.inputs.files
    return {
        root.folder
        for root in roots
        if (files := root.root.inputs.files)
        and files <= (by_kustomization | by_folder if root.plain is not None else by_kustomization)
    }


def mark_repeated(applications: Sequence[Application]) -> None:
    """Leaves a resource to the Application of the lower folder where another one includes that folder."""
    by_folder: dict[str, list[tuple[Application, Build]]] = defaultdict(list)
    for application in applications:
        for build in application.builds:
            by_folder[build.folder].append((application, build))
    for lower, below in itertools.chain.from_iterable(by_folder.values()):
        for upper, above in (item for folder in _folders_above(below.folder) for item in by_folder.get(folder, ())):
            if upper is lower or above.root.inputs.files.isdisjoint(below.root.inputs.files):
                continue
            shared = {(item.origin, str(item)) for item in below.resources}
            upper.repeated |= {
                key for item in above.resources if (key := (item.origin, str(item))) in shared and item.origin
            }


def _folders_above(folder: str) -> list[str]:
    """The folders that a folder is in; the top folder counts as in itself.

    >>> _folders_above("apps/web/prod"), _folders_above(".")
    (['.', 'apps', 'apps/web'], ['.'])
    """
    names = folder.split("/")
    return [".", *("/".join(names[:count]) for count in range(1, len(names)))]
