"""Builds kustomizations of a snapshot: each sees only its own inputs, and is built again only when they changed."""

import json
import os
import posixpath
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final

from harness.errors import HarnessError
from harness.manifests.build import explain
from harness.manifests.cache import Cache
from harness.manifests.edits import edit
from harness.manifests.git import SYMLINK
from harness.manifests.inputs import Inputs, Trouble
from harness.manifests.kubernetes_yaml import YamlError, load, split
from harness.manifests.snapshot import Snapshot
from harness.manifests.upstream import Remote, git_environment, parse_remote
from harness.review.redact import scrub

_FORMAT: Final = "diff-1"
_TIMEOUT_SECONDS: Final = 120
_ORIGIN: Final = re.compile(r"^    config\.kubernetes\.io/origin: \|\n((?:      .*\n)+)", re.MULTILINE)
_EMPTIED: Final = re.compile(r"^  annotations:\n(?!    )", re.MULTILINE)
_ORIGIN_PATH: Final = re.compile(r"^ +(?:path|configuredIn): (.+)$", re.MULTILINE)
_BLOCK: Final = re.compile(r"(?!(?:.*\n)*(?:\.\.\.|---)[ \t]*$)(?:[ \t]*(?:#.*)?\n)*[A-Za-z]", re.MULTILINE)
"""A mapping in block style and one document, to which a line can be appended."""
_DEPLOYER: Final = re.compile(
    r"^kind: [\"']?(?:Application|ApplicationSet|Kustomization)[\"']?[ \t]*$", re.MULTILINE
)


@dataclass(frozen=True)
class Text:
    """One rendered resource as text.

    Attributes:
        text: Its YAML.
        origin: The file that it comes from, from the repository's root; empty when not known.
    """

    text: str
    origin: str = ""


@dataclass
class Rendering:
    """What became of one source.

    Attributes:
        key: Content key of all that it is made of.
        folder: The folder that was rendered.
        troubles: Why it could not be rendered, or not all of it.
        files: The files that it read.
        deployers: The Applications and their like in it, parsed.
        partial: Whether what has no trouble was rendered nevertheless.
    """

    key: str
    folder: str
    troubles: list[Trouble] = field(default_factory=list)
    files: frozenset[str] = frozenset()
    deployers: list[dict[str, Any]] = field(default_factory=list)
    partial: bool = False
    _texts: list[Text] | None = None

    def texts(self) -> list[Text]:
        """The resources, read from the cache when first asked for.

        Raises:
            HarnessError: The cache was changed meanwhile.
        """
        if self._texts is None:
            cached = [] if self.troubles else Cache("diff").get(self.key)
            if cached is None:
                raise HarnessError(f"The cache in {Cache('diff').folder} was changed meanwhile: run it again.")
            self._texts = [Text(text, _join(self.folder, origin)) for text, origin in cached]
        return self._texts


@dataclass(frozen=True)
class Job:
    """A kustomization to be built.

    Attributes:
        inputs: What it reads.
        edits: What an Application changes in it before (fields of `spec.source.kustomize`, as JSON).
    """

    inputs: Inputs
    edits: str = ""


class Builder:
    """Builds kustomizations with one kustomize."""

    def __init__(self, options: Sequence[str] = ()) -> None:
        """Takes more options of `kustomize build`, such as --load-restrictor."""
        self._options = list(options)
        self._environment: dict[str, str] | None = None
        self._lock = Lock()

    def build(self, snapshot: Snapshot, jobs: Sequence[Job]) -> list[Rendering]:
        """Builds, at most as many at the same time as there are processors.

        Raises:
            HarnessError: kustomize itself cannot be had.
        """
        from harness.machine.tools import tool_folder

        version = tool_folder("kustomize").name
        found: dict[int, Rendering] = {}
        missing: list[tuple[int, Job, str]] = []
        for index, job in enumerate(jobs):
            key = job.inputs.key(snapshot, version, _FORMAT, job.edits, *self._options)
            rendering = Rendering(key, job.inputs.folder, list(job.inputs.troubles), frozenset(job.inputs.files))
            found[index] = rendering
            if rendering.troubles:
                continue
            kept = job.inputs.pinned and Cache("diff").path(key).is_file()
            deployers = Cache("diff-deployers").get(key) if kept else None
            if deployers is None:
                missing.append((index, job, key))
            else:
                rendering.deployers = deployers
        if missing:
            self._build_missing(snapshot, missing, found)
        return [found[index] for index in range(len(jobs))]

    def _build_missing(
        self, snapshot: Snapshot, missing: list[tuple[int, Job, str]], found: dict[int, Rendering]
    ) -> None:
        from harness.machine.tools import tool

        program = tool("kustomize")
        work = {key: job for _, job, key in missing}
        contents = {key: _contents(snapshot, job.inputs) for key, job in work.items()}

        def one(key: str) -> list[Text] | Trouble:
            return self._one(program, work[key], contents[key])

        with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            results = dict(zip(work, pool.map(one, work), strict=True))
        for index, job, key in missing:
            result = results[key]
            if isinstance(result, Trouble):
                found[index].troubles.append(result)
                continue
            found[index]._texts = [Text(text.text, _join(job.inputs.folder, text.origin)) for text in result]
            found[index].deployers = deployers_in(result)
            Cache("diff").put(key, [[text.text, text.origin] for text in result])
            Cache("diff-deployers").put(key, found[index].deployers)

    def _one(self, program: Path, job: Job, contents: dict[str, tuple[str, bytes]]) -> list[Text] | Trouble:
        file = job.inputs.kustomization
        try:
            with tempfile.TemporaryDirectory(prefix="harness-diff-") as name:
                root = Path(name).resolve()
                folder = _lay_out(root, contents, job)
                output = self._run(program, folder, job.inputs.remotes)
        except OSError as error:
            return Trouble(f"its files cannot be laid out for kustomize ({error.strerror})", file)
        except (HarnessError, ValueError) as error:
            return Trouble(str(error).rstrip("."), file)
        if isinstance(output, str):
            return [_with_origin(text) for text in split(output)]
        sentence = explain(output.stderr, folder).replace(f"{root}/", "")
        return Trouble(scrub(f"kustomize says: {sentence}", (content for _, content in contents.values())), file)

    def _run(self, program: Path, folder: Path, remotes: Iterable[str]) -> "str | subprocess.CompletedProcess[str]":
        try:
            done = subprocess.run(
                [program, "build", *self._options, str(folder)],
                env=self._with(remotes),
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            message = f"kustomize did not finish in {_TIMEOUT_SECONDS} s"
            return subprocess.CompletedProcess([], 1, "", message)
        return done.stdout if done.returncode == 0 else done

    def _with(self, references: Iterable[str]) -> dict[str, str]:
        """The environment of kustomize's process."""
        from harness.machine.proxy.certificates import with_certificates

        with self._lock:
            if self._environment is None:
                self._environment = with_certificates(os.environ)
        pinned: list[Remote] = []
        for reference in references:
            try:
                pinned.append(parse_remote(reference))
            except ValueError:
                continue  # kustomize asks git for it, without a detour
        return self._environment | git_environment(pinned) if pinned else self._environment


def _contents(snapshot: Snapshot, inputs: Inputs) -> dict[str, tuple[str, bytes]]:
    """Mode and content of each file and link that a kustomization reads, by path."""
    found = {}
    for path in sorted(inputs.files | inputs.links):
        entry = snapshot.entry(path)
        assert entry is not None  # noqa: S101 - the walk found it there
        found[path] = (entry.mode, snapshot.content(path))
    return found


def _lay_out(root: Path, contents: dict[str, tuple[str, bytes]], job: Job) -> Path:
    """Writes a kustomization's inputs below `root`, in their places; returns its folder."""
    for path, (mode, content) in contents.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if mode == SYMLINK:
            place.symlink_to(os.fsdecode(content))
        else:
            place.write_bytes(content)
    file = root / job.inputs.kustomization
    text = file.read_text(encoding="utf-8")
    fields = load(text)[0]
    # Each resource then names the file that it comes from.
    if not job.edits and "buildMetadata" not in fields and _BLOCK.match(text):
        text += "\nbuildMetadata: [originAnnotations]\n"
    else:
        if job.edits:
            edit(fields, json.loads(job.edits))
        fields["buildMetadata"] = sorted({*(fields.get("buildMetadata") or []), "originAnnotations"})
        text = json.dumps(fields)  # JSON is YAML in which no text can be taken for something else
    if file.is_symlink():
        file.unlink()
    file.write_text(text, encoding="utf-8")
    return root / job.inputs.folder


def _with_origin(text: str) -> Text:
    """Takes the origin out of a resource again."""
    found = _ORIGIN.search(text)
    if found is None:
        return Text(text)
    path = _ORIGIN_PATH.search(found[1])
    rest = _EMPTIED.sub("", text[: found.start()] + text[found.end() :])
    remote = "repo: " in found[1]
    return Text(rest, "" if remote or path is None else path[1].strip("\"'"))


def _join(folder: str, origin: str) -> str:
    return posixpath.normpath(posixpath.join(folder, origin)) if origin else ""


def deployers_in(rendered: Iterable[Text]) -> list[dict[str, Any]]:
    """The Applications, ApplicationSets and Flux Kustomizations among rendered resources."""
    found = []
    for text in rendered:
        if _DEPLOYER.search(text.text):
            try:
                documents = load(text.text)
            except YamlError:
                continue  # the comparison of the two texts says so
            found += [document for document in documents if isinstance(document, dict)]
    return found
