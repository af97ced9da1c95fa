"""Says in one sentence why kustomize could not build a root, and where to look; no value of a Secret is in it."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from harness.manifests.inputs import Inputs, document_of
from harness.manifests.kubernetes_yaml import YamlError, load, parse
from harness.manifests.problem import Location, Problem
from harness.manifests.tree import Tree, UnreadableError

REDACTED: Final = "<redacted>"
_ID: Final = r"(?P<kind>\w+)\.[^/\"]*/(?P<name>[^\"\s:;]+?)(?:\.[^.\"\s:;]*)?"
"""Kustomize's name for a resource, such as `Role.v1.rbac.authorization.k8s.io/reader.jobs`."""

_SENTENCES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        r"MalformedYAMLError: yaml: (?:line (?P<line>\d+): )?(?P<what>.*?) in File: .*",
        "LH104",
        "{file} is not valid YAML: {what}.",
    ),
    (rf".*already registered id: {_ID}", "LH108", "{kind} {name} is defined twice."),
    (
        r"invalid Kustomization: json: unknown field \"(?P<field>[^\"]+)\"",
        "LH101",
        "{file} has the unknown field '{field}'.",
    ),
    (
        r"invalid Kustomization: json: cannot unmarshal (?P<wrong>\w+) into Go struct field \w+\.(?P<field>[\w.]+)"
        r" of type (?P<right>\S+)",
        "LH101",
        "{file} has the wrong type in '{field}': {wrong} instead of {right}.",
    ),
    (
        r"missing metadata\.name in object \{\{\S* ?(?P<kind>\w*)\}.*",
        "LH101",
        "{file} has a resource without metadata.name: {kind}.",
    ),
    (r"missing kind in object .*", "LH101", "{file} has a resource without a kind."),
    (r"missing Resource metadata", "LH101", "{file} has a resource without metadata."),
    (
        rf"(?:.*: )?(?:no resource matches strategic merge patch \"|no matches for Id ){_ID}[\";].*",
        "LH101",
        "No resource matches the patch for {kind} {name}.",
    ),
    (
        r".*unable to parse SM or JSON patch from .*",
        "LH101",
        "{file} has a patch that is neither a strategic merge patch nor a JSON patch.",
    ),
    (
        r"error in (?P<operation>\w+) for path: '(?P<field>[^']*)': (?P<what>.*)",
        "LH101",
        "The JSON patch cannot {operation} {field}: {what}.",
    ),
    (
        r".*security; file '(?P<reference>[^']*)' is not in or below '(?P<root>[^']*)'",
        "LH101",
        "{reference} is outside {root}, and kustomize reads no such file: move it there, or make it a base.",
    ),
    (
        r"merging from generator .*Kind:\"(?P<kind>\w+)\".*Name:\"(?P<name>[^\"]*)\".* does not exist; .*",
        "LH101",
        "A generator cannot merge with {kind} {name}, which does not exist.",
    ),
    (
        rf"nothing selected by {_ID}(?::.*)?",
        "LH101",
        "A replacement takes its value from {kind} {name}, which does not exist.",
    ),
    (
        r".*expected kind 'Component' for path '(?P<reference>[^']*)' but got '(?P<kind>[^']*)'.*",
        "LH101",
        "{reference} is named as a component, but it is a {kind}.",
    ),
    (
        r".*must specify --enable-helm",
        "LH101",
        "{file} inflates a Helm chart, for which 'kustomize-options' needs --enable-helm (docs/diff.md).",
    ),
    (
        r".*failed to run '\S*git fetch --depth=\d+ (?P<url>\S+) [^']*': (?:.*fatal: )?(?P<what>.*?)"
        r"(?: : exit status.*)?",
        "LH101",
        "{url} cannot be fetched: {what}.",
    ),
    (r"limit: (?P<what>.*)", "LH101", "{root} cannot be built: {what}."),
    (r"kustomize crashed.*", "LH101", "kustomize crashed while it built {root}."),
)


def explain(said: str, tree: Tree, inputs: Inputs) -> Problem:
    """Turns kustomize's message, an error in an error in an error, into a problem."""
    folder, file, text = _innermost(" ".join(said.split()), inputs)
    for pattern, broken, sentence in _SENTENCES:
        match = re.fullmatch(pattern, text)
        if match:
            rule, details = broken, {"root": inputs.folder, **match.groupdict()}
            message = sentence.format(file=file, **details)
            line = details.get("line") or _line_of(tree, file, str(details.get("field") or ""))
            break
    else:
        rule, message = "LH101", f"kustomize cannot build {folder}: {text.rstrip('.')}."
        quoted = re.search(r'"(\w+)"', text)
        line = _line_of(tree, file, quoted[1] if quoted else "")
    remote = next((remote for remote in inputs.remotes if remote.url.split("//")[-1].split("?")[0] in said), None)
    location = remote.location(tree) if remote and "cannot be fetched" in message else Location(file, int(line))
    return Problem(rule, scrub(message, _contents(tree, inputs)), location)


def invalid_manifests(tree: Tree, inputs: Inputs) -> list[Problem]:
    problems = []
    for path in inputs.manifests:
        try:
            parse(tree.text(path))
        except YamlError as error:
            message = f"{path} is not valid YAML: {error}."
            problems.append(Problem("LH104", message, Location(path, error.line)))
        except UnreadableError as error:
            problems.append(Problem(error.rule, f"{error}.", Location(path, 1)))
    return problems


def _innermost(text: str, inputs: Inputs) -> tuple[str, str, str]:
    """The folder, the file and the message of the error that the others are about."""
    folder, file = inputs.folder, inputs.kustomization

    def kustomization(path: str) -> str:
        return next((name for name in inputs.kustomizations if posixpath.dirname(name) == path), file)

    while True:
        if match := re.match(r"accumulating (?:resources|components): ", text):
            text = text[match.end() :]
        elif match := re.match(r"accumulation err='\w+ resources from '([^']*)': ", text):
            named = posixpath.normpath(posixpath.join(folder, match[1]))
            text = text[match.end() :]
            if named in inputs.files or named in inputs.links:
                file, text = named, text.partition("': must build at directory")[0]
            else:
                text = text.partition("must resolve to a file': ")[2] or text.partition("': ")[2] or text
        elif match := re.match(
            r"(?:recursed \w+ (?:of|from) path|couldn't make target for path) '([^']*)': ", text
        ):
            folder, file, text = match[1], kustomization(match[1]), text[match.end() :]
        elif match := re.match(r"\w+ resources from '([^']*)': ", text):
            file, text = posixpath.normpath(posixpath.join(folder, match[1])), text[match.end() :]
        else:
            return folder, file, text


def _line_of(tree: Tree, file: str, field: str) -> int:
    document = document_of(tree, file) if field else None
    if document is None:
        return 1
    line, depth = document.locate(tuple(field.split(".")))
    if depth:
        return line
    match = re.search(rf"^[\s-]*{re.escape(field)}:", tree.text(file), re.MULTILINE)
    return tree.text(file).count("\n", 0, match.end()) + 1 if match else line


def _contents(tree: Tree, inputs: Inputs) -> Iterator[bytes]:
    for path in inputs.files:
        try:
            yield tree.content(path)
        except UnreadableError:
            continue


_SECRET: Final = re.compile(rb"""["']?kind["']?\s*:\s*["']?Secret\b|secretGenerator""")
_WORD: Final = re.compile(r"[^\s:=,\"'{}\[\]()`]{4,}")
_NODE: Final = re.compile(r"value: \{.*?\}(?=\s|$|;|,)|value: \S.*$")


def scrub(message: str, inputs: Iterable[bytes]) -> str:
    """A message without what may be a secret's value: kustomize quotes what it stumbles over."""
    words: set[str] = set()
    for content in inputs:
        if _SECRET.search(content) or (b"=" in content and b":" not in content):
            words |= set(_WORD.findall("\n".join(_values(content.decode("utf-8", "replace")))))
    hidden: Callable[[re.Match[str]], str] = lambda match: REDACTED if match[0] in words else match[0]  # noqa: E731
    return _WORD.sub(hidden, _NODE.sub("value: …", message))


def _values(text: str) -> Iterator[str]:
    """What may be secret in a file: values of Secrets and of their generators; all of it where that is unclear."""
    try:
        documents = load(text)
    except YamlError:
        yield text
        return
    for document in documents:
        if not isinstance(document, dict):
            yield text
        elif "secretGenerator" in document or document.get("kind") != "Secret":
            yield from _texts({key: item for key, item in document.items() if key not in _PUBLIC})
        else:
            yield from _texts({key: item for key, item in document.items() if key not in ("kind", "apiVersion")})


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in ("name", "namespace"):
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)


_PUBLIC: Final = frozenset({"apiVersion", "kind", "resources", "bases", "components", "namespace"})
