"""What a Dockerfile gets besides its files: Go programs, jars, kustomize, upstream's own scripts.

Each is a named build context (`COPY --from=NAME`). It replaces the stage of that name, where the Dockerfile has one
that makes the same without the harness.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.clusters.docker.image import TIME
from harness.clusters.images.recipes import Recipe
from harness.machine.cache import content_key
from harness.machine.gobuild import LDFLAGS, programs, programs_folder, sources_of, tools_of
from harness.machine.jars import jars, read_lock
from harness.machine.tools import tool, tool_folder

NAMES: Final = frozenset({"programs", "jars", "kustomize", "upstream"})
JARS: Final = ("delta", "s3")
UPSTREAMS: Final = ("hack/gpg-wrapper.sh", "hack/git-verify-wrapper.sh", "entrypoint.sh")
"""Scripts of Argo CD's that its program calls by name."""


def needed(recipe: Recipe) -> list[str]:
    """The contexts that a Dockerfile copies from, sorted."""
    text = recipe.dockerfile.read_text(encoding="utf-8")
    return sorted(NAMES & set(re.findall(r"--from=([\w-]+)", text)))


def identity(name: str, recipe: Recipe) -> str:
    """A name for a context that changes with its content; nothing is fetched or built."""
    match name:
        case "programs":
            return programs_folder(recipe.folder, tools_of(recipe.folder), ldflags=ldflags(recipe)).name
        case "jars":
            return content_key(*(f"{name} {digest}" for name, digest in _jars().items()))
        case "kustomize":
            return tool_folder("kustomize").name
        case _:
            return content_key(recipe.folder / "go.sum")


def provide(name: str, recipe: Recipe, folder: Path, say: Callable[[str], None]) -> None:
    """Fills the existing folder of a context, and says what is being done."""
    match name:
        case "programs":
            say("compiling")
            built = programs(recipe.folder, tools_of(recipe.folder), ldflags=ldflags(recipe), on_line=say)
            paths = sorted(built.iterdir())
        case "jars":
            say("fetching the jars of requirements/jars.json")
            paths = jars(*JARS)
        case "kustomize":
            say("compiling kustomize")
            paths = [tool("kustomize")]
        case _:
            sources = sources_of(next(iter(tools_of(recipe.folder).values())), recipe.folder)
            paths = [sources / path for path in UPSTREAMS]
    for path in paths:
        shutil.copyfile(path, folder / path.name)
        (folder / path.name).chmod(0o644 if path.suffix == ".jar" else 0o755)
        os.utime(folder / path.name, (TIME, TIME))


def ldflags(recipe: Recipe) -> str:
    file = recipe.folder / "ldflags"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else LDFLAGS


def _jars() -> dict[str, str]:
    lock = read_lock()
    return {jar: digest for group in JARS for jar, digest in lock[group].jars.items()}
