"""Pinned upstream bases, had from the Go module cache.

A kustomization names an upstream base as `https://github.com/<org>/<repo>//<path>?ref=<tag>`. The projects used
here are Go modules, so Go's proxy and checksum database serve the same tag, verified, where GitHub may not be
reached. The part of the module that the base needs becomes a small git repository with that tag, which is taken
instead.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from harness.console import working
from harness.errors import HarnessError
from harness.files import write
from harness.machine.cache import built, cache_root, content_key
from harness.machine.process import run, telling_line
from harness.manifests.cache import Cache
from harness.manifests.git_urls import GITHUB, parse_git_url
from harness.paths import INSTALLED, ROOT

_SUFFIXES: Final = frozenset(
    {".yaml", ".yml", ".json", ".lua", ".env", ".properties", ".txt", ".sh", ".toml", ".ini"}
)
"""What a kustomization can read; the rest of a module is source code."""
_TAG: Final = re.compile(r"v(?P<major>\d+)\.\d+\.\d+(?:-[\w.]+)?")
_IDENTITY: Final = (
    re.compile(r"^apiVersion: *[\"']?([\w./-]+)", re.MULTILINE),
    re.compile(r"^kind: *[\"']?(\w+)", re.MULTILINE),
    re.compile(r"^metadata:\n(?:(?: .*)?\n)*?  name: *[\"']?([\w.:-]+)", re.MULTILINE),
)
_PATIENCE_SECONDS: Final = 2.0
_NEWER_GO: Final = "requires go >="


class NotFetchedError(HarnessError):
    """A remote base is not at hand, and may not or cannot be fetched."""


@dataclass(frozen=True)
class Remote:
    """One upstream base.

    Attributes:
        ssh_user: Who asks for it, where its URL is one for SSH.
    """

    url: str
    org: str
    repo: str
    path: str
    tag: str
    ssh_user: str = ""

    @property
    def module(self) -> str:
        """Go's path of the module: from major version 2 on, it ends with the version."""
        major = int(self.tag[1:].partition(".")[0])
        return f"github.com/{self.org}/{self.repo}" + (f"/v{major}" if major > 1 else "")

    @property
    def base_url(self) -> str:
        return f"https://github.com/{self.org}/{self.repo}"

    @property
    def clone_url(self) -> str:
        """What kustomize asks git for."""
        return f"{self.ssh_user}@{GITHUB}:{self.org}/{self.repo}" if self.ssh_user else self.base_url


def trusted_hosts(checkout: Path, allowed: Iterable[str] | None, *, offline: bool = False) -> frozenset[str]:
    """The hosts that may be asked for a checkout's remote bases; GitHub is one for the harness's own checkout."""
    if offline:
        return frozenset()
    return frozenset([*(host.lower() for host in allowed or ()), *([GITHUB] if checkout == ROOT else [])])


def is_remote(reference: str) -> bool:
    """Whether a kustomization's reference leaves the checkout."""
    return "://" in reference or parse_git_url(reference) is not None


def parse_remote(reference: str) -> Remote:
    """Reads an upstream base's URL.

    Raises:
        ValueError: Not a folder of a GitHub repository pinned to a release tag.
    """
    url = parse_git_url(reference)
    if (
        url is None
        or url.host != GITHUB
        or url.repository.count("/") != 1
        or url.scheme not in ("", "https", "ssh")
    ):
        raise ValueError("an upstream base must be https://github.com/<org>/<repo>//<path>?ref=<tag>")
    if _TAG.fullmatch(url.ref) is None:
        raise ValueError("it must be pinned to a release tag, as in ?ref=v1.2.3")
    org, _, repo = url.repository.partition("/")
    return Remote(reference, org, repo, url.path, url.ref, url.user if url.is_ssh else "")


def mirrors(remotes: Iterable[Remote], *, offline: bool = False) -> dict[str, str]:
    """Local repositories for these bases, by the URL that each stands for, from the Go module cache.

    A tag that the module proxy does not have is left to GitHub, unless `offline`.

    Raises:
        HarnessError: A base is available from neither.
    """
    local: dict[str, str] = {}
    wanted: dict[str, list[Remote]] = {}
    for remote in remotes:
        wanted.setdefault(remote.base_url, []).append(remote)
    for base_url, bases in wanted.items():
        if len({remote.tag for remote in bases}) > 1:
            raise HarnessError(f"{base_url} is used with more than one tag in one kustomization: use one.")
        try:
            repository = _repository(bases, offline=offline).as_uri()
            local |= {url: repository for remote in bases for url in (base_url, remote.clone_url)}
        except HarnessError as error:
            if offline:
                raise NotFetchedError(
                    f"{bases[0].url} is not in the cache, and {GITHUB} is not allowed: see --allow-host"
                ) from None
            if not _answers(GITHUB):
                raise NotFetchedError(str(error)) from None
    return local


def git_environment(remotes: Iterable[Remote]) -> dict[str, str]:
    """The variables that make git, and so the `kustomize` program, serve these bases from the Go module cache."""
    settings = [("safe.directory", "*")]
    for base_url, repository in mirrors(remotes).items():
        settings += [(f"url.{repository}.insteadOf", url) for url in (base_url, f"{base_url}.git")]
    variables = {"GIT_CONFIG_COUNT": str(len(settings)), "GIT_TERMINAL_PROMPT": "0"}
    for index, (key, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return variables


def repositories(remotes: Iterable[Remote], *, offline: bool = False) -> list[tuple[Remote, Path]]:
    """A bare repository for each tag of an upstream project that is used, for who serves them to others.

    Returns:
        One of the project's bases, and the repository whose tag holds the folders of all of them.

    Raises:
        HarnessError: One is unavailable.
    """
    wanted: dict[tuple[str, str], list[Remote]] = {}
    for remote in remotes:
        wanted.setdefault((remote.base_url, remote.tag), []).append(remote)
    return [(bases[0], _repository(bases, offline=offline)) for bases in wanted.values()]


def module_folder(module: str, version: str, *, offline: bool = False) -> Path:
    """The folder of a Go module in the module cache; Go's checksum database vouches for it.

    It is fetched on first use, unless `offline`.

    Raises:
        HarnessError: It is unavailable.
    """
    from harness.machine.gobuild import any_go, go_environment

    if folder := _at_hand(module, version):
        return folder
    if INSTALLED and not shutil.which("go"):
        raise HarnessError(f"{module}@{version} is fetched with Go, which is not installed: install it.")
    hint = "check the network, or run it where the Go module cache has it"
    announced = nullcontext() if offline else working(f"fetching {module}@{version}", usually="under a minute")
    with announced, tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [str(any_go(ROOT / "tools")), "mod", "download", "-json", f"{module}@{version}"],
            cwd=empty,
            env=go_environment() | ({"GOPROXY": "off"} if offline else {}),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = {"Error": telling_line(done.stderr)}
    if _NEWER_GO in answer.get("Error", "") and "Zip" in answer:
        answer = {"Dir": str(_unpacked(Path(answer["Zip"]), module, version)), "Sum": answer.get("Sum")}
    if "Error" in answer:
        raise HarnessError(f"{module}@{version} could not be fetched ({telling_line(answer['Error'])}): {hint}.")
    with suppress(OSError):  # it only saves asking Go again
        record = _record(module, version)
        record.parent.mkdir(parents=True, exist_ok=True)
        write(record, json.dumps({"Dir": answer["Dir"], "Sum": answer.get("Sum")}))
    return Path(answer["Dir"])


def _record(module: str, version: str) -> Path:
    """The file that says where a module is."""
    return cache_root() / "modules" / f"{content_key(module, version)}.json"


def _at_hand(module: str, version: str) -> Path | None:
    try:
        folder = Path(json.loads(_record(module, version).read_text(encoding="utf-8"))["Dir"])
    except (OSError, ValueError, KeyError):
        return None
    return folder if folder.is_dir() else None


Identity = tuple[str, str, str]
"""The apiVersion, kind and name of a manifest."""


@cache
def identities(remote: Remote, *, whole: bool = False) -> list[Identity] | None:
    """What the manifests in a base's folder are, or those in the `whole` top folder above it.

    None where its module is not at hand.
    """
    module = _at_hand(remote.module, remote.tag)
    if module is None or ".." in remote.path.split("/"):
        return None
    folder = remote.path.partition("/")[0] if whole else remote.path
    # The manifests of a tag are always the same.
    kept, key = Cache("upstream"), content_key(remote.module, remote.tag, folder)
    known: list[Identity] | None = kept.get(key)
    if known is None:
        known = list(_identities(module / folder))
        kept.put(key, known)
    return [(version, kind, name) for version, kind, name in known]


def _identities(folder: Path) -> Iterator[Identity]:
    for path in sorted((*folder.rglob("*.yaml"), *folder.rglob("*.yml"))):
        for text in path.read_text(encoding="utf-8", errors="replace").split("\n---"):
            version, kind, name = (pattern.search(text) for pattern in _IDENTITY)
            if version and kind and name:
                yield version[1], kind[1], name[1]


def _unpacked(archive: Path, module: str, version: str) -> Path:
    """The sources of a module that Go fetched and verified, but left packed, since compiling takes a newer Go."""

    def build(aside: Path) -> None:
        with zipfile.ZipFile(archive) as sources:
            sources.extractall(aside)

    folder = built(cache_root() / "modules" / content_key(module, version), build)
    return folder / f"{module}@{version}"


def _repository(bases: list[Remote], *, offline: bool) -> Path:
    """A bare repository whose tag holds the top folders of the module in which the bases are."""
    remote, tops = bases[0], sorted({base.path.partition("/")[0] for base in bases})
    name = f"{remote.repo}-{content_key(remote.module, remote.tag, *tops)}"

    def build(aside: Path) -> None:
        source = module_folder(remote.module, remote.tag, offline=offline)
        work = aside / "work"
        for top in tops:
            for path in sorted((source / top).rglob("*")):
                if path.is_file() and path.suffix in _SUFFIXES:
                    target = work / path.relative_to(source)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
        if not work.is_dir():
            raise HarnessError(f"{remote.url} names a folder that {remote.module}@{remote.tag} does not have.")
        identity = ["-c", "user.name=harness", "-c", "user.email=harness@localhost", "-c", "commit.gpgsign=false"]
        _git(["init", "-q", "."], work)
        _git(["add", "-A", "-f"], work)
        _git([*identity, "commit", "-q", "-m", f"{remote.module}@{remote.tag}"], work)
        _git([*identity, "-c", "tag.gpgsign=false", "tag", remote.tag], work)
        _git(["clone", "-q", "--bare", str(work), str(aside / "repository")], aside)
        shutil.rmtree(work)

    return built(cache_root() / "upstream" / name, build) / "repository"


def _git(arguments: list[str], cwd: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    run(["git", *arguments], doing=f"run git {arguments[0]}", hint="install git", env=environment, cwd=cwd)


def _answers(host: str) -> bool:
    try:
        with socket.create_connection((host, 443), timeout=_PATIENCE_SECONDS):
            return True
    except OSError:
        return False
