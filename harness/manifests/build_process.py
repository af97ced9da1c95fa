"""A process of the program in tools/builder, which builds one root after the other with kustomize's library."""

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from harness.errors import HarnessError
from harness.machine.proxy.certificates import with_certificates
from harness.manifests.build import Answer
from harness.manifests.inputs import RemoteReference

CRASHED: Final = "kustomize crashed"
_NESTED: Final = "limit: it nests or calls itself without an end"
_TOO_LARGE: Final = "limit: it takes more memory than a root may take"
_CAUSES: Final = {
    re.compile(rb"fatal error: .*stack overflow"): _NESTED,
    re.compile(rb"fatal error: .*(out of memory|cannot (allocate|map|reserve)|newosproc)"): _TOO_LARGE,
    # Of Go's runtime itself, where memory ran out: a nil pointer in a program is "[signal SIGSEGV …" of a panic.
    re.compile(rb"^SIGSEGV", re.MULTILINE): _TOO_LARGE,
}
"""What Go says when it ends a process, and what that means."""
_GRACE_SECONDS: Final = 2


class Encoded(Protocol):
    """What the program is asked."""

    def encoded(self) -> bytes: ...


@dataclass(frozen=True)
class Request:
    """A root to build.

    Attributes:
        files: Content of each file that it reads.
        links: Target of each symbolic link on the way to them.
        hosts: Hosts that may be asked for remote bases.
        mirrors: Local repositories, by the URL of the repository that each stands for.
        after_build: What Flux changes in the resources.
        reads_anywhere: Whether files from outside the root may be read.
        charts: What Helm renders (type helmRelease in tools/builder).
    """

    folder: str
    files: Mapping[str, bytes]
    links: Mapping[str, str] = field(default_factory=dict)
    hosts: Sequence[str] = ()
    mirrors: Mapping[str, str] = field(default_factory=dict)
    after_build: Mapping[str, Any] = field(default_factory=dict)
    reads_anywhere: bool = False
    charts: Sequence[Mapping[str, Any]] = ()

    def has_mirror(self, remote: RemoteReference) -> bool:
        base = remote.parsed()
        return base is not None and base.clone_url in self.mirrors

    def encoded(self) -> bytes:
        header = {
            "folder": self.folder,
            "files": [{"path": path, "size": len(content)} for path, content in self.files.items()],
            "links": dict(self.links),
            "access": {"hosts": list(self.hosts), "mirrors": dict(self.mirrors)},
            "afterBuild": dict(self.after_build) or None,
            "anywhere": self.reads_anywhere,
            "charts": list(self.charts),
        }
        return b"".join([json.dumps(header).encode(), b"\n", *self.files.values()])


@dataclass(frozen=True)
class TemplateRequest:
    """Go templates to fill.

    Attributes:
        fillings: Values whose texts are templates, each with the parameters that fill them.
        options: Options of Go's text/template.
    """

    fillings: Sequence[tuple[Any, Mapping[str, Any]]]
    options: Sequence[str] = ()

    def encoded(self) -> bytes:
        each = [{"value": value, "parameters": dict(parameters)} for value, parameters in self.fillings]
        header = {"templates": {"options": list(self.options), "each": each}}
        return json.dumps(header, sort_keys=True).encode() + b"\n"


class BuildProcess:
    """A process that is started when it is needed, and started again when a root was too much for it."""

    def __init__(self, program: Path, options: Sequence[str] = (), limits: Sequence[str] = ()) -> None:
        self._command = [str(program), *limits, "--", *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def build(self, requests: Sequence[Encoded]) -> list[Answer]:
        """Answers requests one after the other; one that fails does not keep the others from being answered.

        Raises:
            HarnessError: The options are wrong.
        """
        answers: list[Answer] = []
        while len(answers) < len(requests) and not self._closed:
            answers += self._exchange(requests[len(answers) :])
        return answers

    def _exchange(self, requests: Sequence[Encoded]) -> list[Answer]:
        """As many answers as the process gives before it ends.

        A process that has built before may be ending, or be short of memory because of earlier roots: only a root
        that ends a new process has made kustomize crash.
        """
        used = self._process
        process = self._started()
        assert process.stdin is not None  # noqa: S101 - opened as a pipe
        assert process.stdout is not None  # noqa: S101 - likewise
        try:
            process.stdin.write(b"".join(request.encoded() for request in requests))
            process.stdin.flush()
        except BrokenPipeError:
            pass  # what it said before it ended can be read
        answers: list[Answer] = []
        for _ in requests:
            answer = Answer(process.stdout.readline())
            if not answer.line.endswith(b"\n"):
                cause = self._end()
                if answers or process is used:
                    return answers
                return [Answer(json.dumps({"resources": [], "error": cause}).encode())]
            if refused := answer.header.get("refused"):
                raise HarnessError(
                    f"The options of kustomize cannot be used ({refused}): see docs/diff.md.",
                    exit_code=2,
                )
            answer.payload = process.stdout.read(answer.size)
            answers.append(answer)
        return answers

    def close(self) -> None:
        """Ends the process, and what it has started."""
        self._closed = True
        self._end()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            # A group of its own: what it starts can be ended with it.
            self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the process
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env={**with_certificates(os.environ), "GOTRACEBACK": "none"},
                process_group=0,
            )
        return self._process

    def _end(self) -> str:
        """Ends the process; returns why it had ended by itself, if it had."""
        process, self._process = self._process, None
        if process is None:
            return CRASHED
        try:
            if process.stdin is not None:
                process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        with self._said as said:
            said.seek(0)
            last_words = said.read()
        return next((cause for pattern, cause in _CAUSES.items() if pattern.search(last_words)), CRASHED)
