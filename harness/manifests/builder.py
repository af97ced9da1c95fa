"""Builds roots of a tree: each sees only its own inputs, and is built again only when they changed."""

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Final, Self

from harness.console import working
from harness.errors import HarnessError
from harness.machine.cache import content_key
from harness.manifests.applications.templates import Filled, Filling
from harness.manifests.build import Answer, Build, Root
from harness.manifests.build_process import CRASHED, BuildProcess, Encoded, Request, TemplateRequest
from harness.manifests.cache import Cache
from harness.manifests.edits import edit
from harness.manifests.explain import explain, invalid_manifests
from harness.manifests.git_urls import GITHUB
from harness.manifests.inputs import RemoteReference
from harness.manifests.kubernetes_yaml import YamlError, check_size, load
from harness.manifests.problem import NOT_BUILT, Location, Problem
from harness.manifests.remote_charts import RemoteCharts
from harness.manifests.tree import UnreadableError
from harness.manifests.upstream import NotFetchedError, Remote, mirrors

_CACHE: Final = "built"
_MOST_AT_ONCE: Final = 8
"""Roots that a process is handed together, so that it does not wait for each."""
_MOST_CHARACTERS: Final = 3_000_000
"""Of one resource, with its comments: etcd takes 1.5 MB for one object."""
_MOST_DOCUMENTS: Final = 10_000
"""kustomize's time grows with the square of them: 3,000 take 7 seconds."""
_DOCUMENTS: Final = re.compile(r"^---.*\n", re.MULTILINE)
_FETCHED: Final = "git fetch "
_NOT_FETCHED: Final = "LH107"
_UNRESOLVED: Final = re.compile(r"(?:git fetch|Get) .*\blookup (?P<host>[\w.-]+)(?: on \S+)?: ", re.DOTALL)


class Builder:
    """Builds roots, as many at the same time as there are processors; use it as a context manager."""

    def __init__(
        self,
        options: Sequence[str] = (),
        *,
        hosts: Collection[str] = (),
        limits: Sequence[str] = (),
        pinned: bool = False,
    ) -> None:
        """Hosts that are not among `hosts` are asked for nothing; what the cache has of theirs is used.

        A host with a scheme is asked for charts as it is written, whatever its address.

        With `pinned`, remote bases have to be pinned to release tags.

        `limits` are options of tools/builder that change how much time and memory a root may take.
        """
        self._options = list(options)
        self._hosts = {host for host in hosts if "://" not in host}
        self._charts = RemoteCharts(self._hosts, {*hosts} - self._hosts)
        self._limits = limits
        self._pinned = pinned
        self._cache = Cache(_CACHE)
        self._read: dict[str, Answer] = {}
        self._unfetched: dict[str, Answer] = {}
        self._unavailable: dict[tuple[Remote, ...], HarnessError] = {}
        self._processes: list[BuildProcess] = []
        self._idle: SimpleQueue[BuildProcess] = SimpleQueue()
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.close()
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def build(self, roots: Sequence[Root]) -> list[Build]:
        """Builds roots, each content once.

        Raises:
            HarnessError: The builder is unavailable, or its options are wrong.
        """
        from harness.machine.tools import tool_folder

        version = tool_folder("builder").name
        if self._pinned:
            for root in roots:
                root.inputs.problems += root.inputs.unpinned(root.tree)
        self._add_charts(roots)
        keys = [root.inputs.key(root.tree, version, *self._options) for root in roots]
        answers: dict[str, Answer | Problem] = {}
        missing: dict[str, Root] = {}
        for key, root in zip(keys, roots, strict=True):
            if root.inputs.problems or key in answers or key in missing:
                continue
            cached = self._cached(key) if root.inputs.pinned else None
            if cached is None:
                missing[key] = root
            else:
                answers[key] = cached
        if missing:
            answers |= self._build_missing(missing)
        return [_result(root, key, answers.get(key)) for key, root in zip(keys, roots, strict=True)]

    def _add_charts(self, roots: Iterable[Root]) -> None:
        """Gives roots the charts of elsewhere that they need, or names those that are not at hand."""
        every = [(root.inputs, release) for root in roots for release in root.inputs.charts if "needs" in release]
        wanted = self._charts.wanted(list(dict.fromkeys(need for _, release in every for need in release["needs"])))
        with working(f"fetching {wanted[0].chart}") if wanted else nullcontext():
            fetched = [(item.chart, self._started().submit(self._exchange, [item])) for item in wanted]
            for chart, future in fetched:
                (answer,) = future.result()
                self._charts.take(chart, answer)
        for inputs, release in every:
            if "needs" in release:  # several Applications may have the same inputs
                inputs.unrendered |= self._charts.complete(release)

    def _cached(self, key: str) -> Answer | None:
        if key not in self._read and (content := self._cache.read(key)) is not None:
            try:
                self._read[key] = Answer.decoded(content)
            except (ValueError, KeyError):
                return None
        return self._read.get(key)

    def _build_missing(self, missing: dict[str, Root]) -> dict[str, Answer | Problem]:
        answers: dict[str, Answer | Problem] = {}
        requests: dict[str, Request] = {}
        running: list[tuple[list[str], Future[list[Answer]]]] = []
        workers = os.cpu_count() or 2
        most = max(1, min(_MOST_AT_ONCE, len(missing) // (2 * workers)))
        for key, root in missing.items():
            if refused := self._refused(root):
                answers[key] = refused
                continue
            try:
                request = self._request(root)
                if fetched := [remote for remote in root.inputs.remotes if not request.has_mirror(remote)]:
                    running.append(([key], self._started().submit(self._fetch, request, fetched)))
                else:
                    requests[key] = request
            except UnreadableError as error:
                answers[key] = error.problem(Location(root.inputs.kustomization, 1))
            except NotFetchedError as error:
                answers[key] = Problem(_NOT_FETCHED, f"{str(error).rstrip('.')}.", root.remote_location)
            except (HarnessError, ValueError) as error:
                answers[key] = Problem(NOT_BUILT, f"{str(error).rstrip('.')}.", root.remote_location)
            if len(requests) == most:
                running.append(self._start(requests))
                requests = {}
        if requests:
            running.append(self._start(requests))
        with _announced(missing.values()):
            for keys, future in running:
                for key, answer in zip(keys, future.result(), strict=True):
                    answers[key] = answer
                    if _is_lasting(missing[key], answer):
                        self._read[key] = answer
                        self._cache.write(key, answer.encoded())
        return answers

    def fill(self, fillings: Sequence[Filling], options: Sequence[str]) -> list[Filled]:
        """Fills Go templates.

        Raises:
            HarnessError: The builder is unavailable.
        """
        from harness.machine.tools import tool_folder

        request = TemplateRequest(fillings, options)
        key = content_key(tool_folder("builder").name, request.encoded().decode())
        answer = self._cached(key)
        if answer is None:
            _, future = self._start({key: request})
            (answer,) = future.result()
            if error := answer.header.get("error"):
                return [(None, error)] * len(fillings)
            self._read[key] = answer
            self._cache.write(key, answer.encoded())
        return [(filled["value"], filled.get("error", "")) for filled in answer.header["filled"]]

    def _start(self, requests: Mapping[str, Encoded]) -> tuple[list[str], "Future[list[Answer]]"]:
        return list(requests), self._started().submit(self._exchange, list(requests.values()))

    def _started(self) -> ThreadPoolExecutor:
        if self._threads is None:
            count = os.cpu_count() or 2
            self._processes = [BuildProcess(_program(), self._options, self._limits) for _ in range(count)]
            for process in self._processes:
                self._idle.put(process)
            self._threads = ThreadPoolExecutor(count)
        return self._threads

    def _exchange(self, requests: Sequence[Encoded]) -> list[Answer]:
        process = self._idle.get()
        try:
            return process.build(requests)
        finally:
            self._idle.put(process)

    def _fetch(self, request: Request, remotes: Sequence[RemoteReference]) -> list[Answer]:
        """Answers a root with remote bases; what could not be fetched is not asked for again in this run."""
        for remote in remotes:
            if failed := self._unfetched.get(remote.host) or self._unfetched.get(remote.url):
                return [failed]
        answers = self._exchange([request])
        for error in (answer.header.get("error") or "" for answer in answers):
            if match := _UNRESOLVED.search(error):
                self._unfetched[match["host"]] = answers[0]
            elif _FETCHED in error:
                self._unfetched |= {remote.url: answers[0] for remote in remotes if remote.url in error}
        return answers

    def _mirrors(self, remotes: Sequence[Remote]) -> dict[str, str]:
        known = tuple(remotes)
        if known in self._unavailable:
            raise self._unavailable[known]
        try:
            return mirrors(known, offline=GITHUB not in self._hosts)
        except HarnessError as error:
            self._unavailable[known] = error
            raise

    def _request(self, root: Root) -> Request:
        tree, inputs = root.tree, root.inputs
        local = self._mirrors(inputs.remote_bases) if inputs.remotes else {}
        contents = {path: tree.content(path) for path in sorted(inputs.files)}
        documents = 0
        for path in inputs.manifests:
            try:
                text = tree.text(path)
                documents += len(_DOCUMENTS.findall(text)) + 1
                if documents > _MOST_DOCUMENTS:
                    raise UnreadableError(
                        f"{path} gives {inputs.folder} more than {_MOST_DOCUMENTS:,} documents, for which "
                        "kustomize takes more time than a root may take",
                        "LH106",
                        Location(path, 1),
                    )
                _check_resources(path, text)
                check_size(text)
            except YamlError as error:
                raise UnreadableError(
                    f"{path} is not valid YAML: {error}", "LH104", Location(path, error.line)
                ) from None
        links = {path: os.fsdecode(tree.content(path)) for path in sorted(inputs.links)}
        if inputs.edits or inputs.generated is not None:
            if inputs.generated is None:
                fields = load(tree.text(tree.resolve(inputs.kustomization)))[0]
            else:
                fields = dict(inputs.generated)
            edit(fields, dict(inputs.edits))
            links.pop(inputs.kustomization, None)
            # JSON is YAML in which no text can be taken for something else.
            contents[inputs.kustomization] = json.dumps(fields).encode()
        for chart in inputs.charts:
            contents |= self._charts.contents(chart)
        return Request(
            inputs.folder,
            contents,
            links,
            hosts=sorted(self._hosts) if inputs.remotes else (),
            mirrors=local,
            after_build=inputs.after_build,
            reads_anywhere=inputs.is_flux,
            charts=inputs.charts,
        )

    def _refused(self, root: Root) -> Problem | None:
        """Why the first remote reference that may not be fetched may not."""
        for remote in root.inputs.remotes:
            if remote.parsed():
                continue
            if not remote.host:
                message = f"{remote.url} is not fetched: write it as an HTTPS URL without user and port."
            elif remote.host not in self._hosts:
                message = f"{remote.url} is not fetched, because {remote.host} is not allowed: see --allow-host."
            else:
                continue
            return Problem(_NOT_FETCHED, message, remote.location(root.tree))
        return None


def _check_resources(path: str, text: str) -> None:
    """Refuses a resource that no cluster could store: kustomize's time grows with the square of its fields."""
    line = 1
    for document in _DOCUMENTS.split(text) if len(text) > _MOST_CHARACTERS else ():
        if len(document) > _MOST_CHARACTERS:
            message = f"{path} has a resource of {len(document):,} characters, more than a cluster stores"
            raise UnreadableError(message, "LH106", Location(path, line))
        line += document.count("\n") + 1


@cache
def _program() -> Path:
    from harness.machine.tools import tool

    return tool("builder")


def _announced(roots: Iterable[Root]) -> AbstractContextManager[object]:
    """Says what git fetches on the way, if it fetches anything from elsewhere."""
    elsewhere = [remote.url for root in roots for remote in root.inputs.remotes if remote.parsed() is None]
    return working(f"fetching {elsewhere[0]}") if elsewhere else nullcontext()


def _is_lasting(root: Root, answer: Answer) -> bool:
    """Whether a root would be answered in the same way again: it was built, or cannot be, whatever the machine."""
    error = answer.header.get("error")
    return not error or not (root.inputs.remotes or root.inputs.charts or error.startswith(("limit:", CRASHED)))


def _result(root: Root, key: str, answer: Answer | Problem | None) -> Build:
    if root.inputs.problems or answer is None:
        return Build(root, key, root.inputs.problems)
    if isinstance(answer, Problem):
        return Build(root, key, [answer], unfetched=answer.rule == _NOT_FETCHED)
    if said := answer.header.get("error"):
        invalid = [] if _FETCHED in said else invalid_manifests(root.tree, root.inputs)
        problems = invalid or [explain(said, root.tree, root.inputs, _program())]
        return Build(root, key, problems, unfetched=bool(_FETCHED in said or _UNRESOLVED.search(said)))
    return Build(root, key, answer=answer)


def build_all(roots: Sequence[Root], *, hosts: Collection[str] = (GITHUB,)) -> list[Build]:
    """Builds roots whose remote bases have to be pinned to release tags, for who trusts them.

    Raises:
        HarnessError: The builder is unavailable.
    """
    with Builder(hosts=hosts, pinned=True) as builder:
        builds = builder.build(roots)
    for build in builds:
        for what, why in build.root.inputs.unrendered.items():
            location = Location(build.root.inputs.kustomization, 1)
            build.problems.append(
                Problem("LH101", f"{what[:1].upper()}{what[1:]}{why and f', because {why}'}.", location)
            )
    return builds
