"""URLs of folders in Git repositories, as kustomize reads them."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

GITHUB: Final = "github.com"
_SCHEME: Final = re.compile(r"(?P<scheme>ssh|https?|file)://", re.IGNORECASE)
_USER: Final = re.compile(r"(?P<user>[a-zA-Z][a-zA-Z0-9-]*)@")
_SEGMENTS: Final = 2
"""How many names a repository has where nothing says where its name ends."""


@dataclass(frozen=True)
class GitUrl:
    """A folder of a repository.

    Attributes:
        scheme: Empty for `user@host:path`, and for GitHub's without one.
        host: With the port, if it has one.
        repository: The path of the repository, without `.git`.
        path: The folder in it.
        ref: Empty for the default branch.
    """

    scheme: str
    user: str
    host: str
    repository: str
    path: str
    ref: str

    @property
    def is_ssh(self) -> bool:
        return self.scheme == "ssh" or bool(self.user and not self.scheme)


def parse_git_url(reference: str) -> GitUrl | None:
    """Reads a reference of a kustomization; None for one that means a file or a folder of the same tree."""
    address, _, query = reference.partition("?")
    rest = re.sub(r"^git::", "", address, flags=re.IGNORECASE)
    scheme = user = ""
    if match := _SCHEME.match(rest):
        scheme, rest = match["scheme"].lower(), rest[match.end() :]
    if match := _USER.match(rest):
        user, rest = match["user"], rest[match.end() :]
    is_github = rest.lower().startswith((f"{GITHUB}/", f"{GITHUB}:"))
    if not (scheme or user or is_github):
        return None
    separator = re.search("/" if scheme else "[/:]", rest)
    if separator is None or not separator.start():
        return None
    host, located = rest[: separator.start()].lower(), rest[separator.end() :]
    repository, path = _split(located)
    if not repository.removesuffix(".git") or path.split("/")[0] == "..":
        return None
    options = parse_qs(query)
    ref = (options.get("ref") or options.get("version") or [""])[0]
    return GitUrl(scheme, user, host, repository.removesuffix(".git"), path.strip("/"), ref)


def _split(located: str) -> tuple[str, str]:
    """The repository, and the folder in it."""
    before, marker, after = located.partition("_git/")
    if marker:
        name, _, path = after.partition("/")
        return f"{before}{marker}{name}", path
    if "//" in located:
        repository, _, path = located.partition("//")
        return repository, path
    before, marker, after = located.partition(".git")
    if marker:
        return f"{before}{marker}", after
    names = located.split("/")
    if len(names) < _SEGMENTS:
        return "", ""
    return "/".join(names[:_SEGMENTS]), "/".join(names[_SEGMENTS:])
