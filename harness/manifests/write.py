"""Writes a rendered environment as files: one for each resource, and all of it as one stream."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.errors import HarnessError
from harness.manifests.build import Build
from harness.manifests.resource import Resource

_MARK: Final = ".rendered"
"""A file that tells a folder that may be replaced from one that may not."""


def stream(builds: Sequence[Build]) -> str:
    """All resources as one YAML stream, as `kubectl apply -f -` reads it."""
    return "".join(f"---\n{resource.text}" for build in builds for resource in build.resources)


def write(builds: Sequence[Build], folder: Path) -> int:
    """Replaces `folder` by the rendered resources.

    `<unit>/<namespace>/<kind>-<name>.yaml` each (`cluster` for what has no namespace), and `all.yaml`. The folder
    is made aside and renamed, so that a reader sees the old one or the new one.

    Returns:
        How many resources were written.

    Raises:
        HarnessError: `folder` is something else than an earlier rendering, or cannot be written.
    """
    if folder.exists() and not (folder / _MARK).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise HarnessError(
            f"{folder} exists and was not written by 'harness render': name another --output, or remove it."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise HarnessError(f"{folder} cannot be written ({error.strerror}): name another --output.") from error
    try:
        new = aside / "new"
        count = _fill(new, builds)
        new.chmod(0o755)
        if folder.exists():
            folder.rename(aside / "old")
        new.rename(folder)
    except OSError as error:
        raise HarnessError(
            f"{folder} cannot be written ({error.strerror}): make room, or name another --output."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return count


def _fill(folder: Path, builds: Sequence[Build]) -> int:
    folder.mkdir()
    (folder / _MARK).touch()
    (folder / "all.yaml").write_text(stream([build for build in builds if build.root.in_whole]), encoding="utf-8")
    count = 0
    for build in builds:
        for resource in build.resources:
            path = folder / build.root.name / file_name(resource)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                group = str(resource.value.get("apiVersion", "")).partition("/")[0]
                path = path.with_name(f"{group}.{path.name}")
            path.write_text(resource.text, encoding="utf-8")
            count += 1
    return count


def file_name(resource: Resource) -> str:
    """Where a resource is written below its unit's folder.

    >>> file_name(Resource.of({"kind": "Role", "metadata": {"name": "a:b", "namespace": "n"}}))
    'n/role-a_b.yaml'
    """
    name = re.sub(r"[^\w.-]", "_", resource.name)
    return f"{resource.namespace or 'cluster'}/{resource.kind.lower()}-{name}.yaml"
