"""The values that a root keeps secret, and messages without them: kustomize quotes what it stumbles over."""

import base64
import json
import posixpath
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from harness.manifests.inputs import Inputs
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.patches import selects
from harness.manifests.sensitive import REDACTED, is_plain, is_sensitive
from harness.manifests.tree import Tree, UnreadableError
from harness.manifests.values import dig, mappings, sequence, strings

_SHORTEST: Final = 3
_WORD: Final = re.compile(r"[^\s:=,\"'{}\[\]()`]{4,}")
_SECRET: Final = re.compile(r"""["']?kind["']?\s*:\s*["']?Secret""")
_PUBLIC: Final = frozenset({"apiVersion", "kind", "type", "immutable", "metadata"})
_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_PATCHED: Final = re.compile(r"/?|/(?:data|stringData)(?:/.*)?")


def redact(message: str, secrets: set[str], program: bytes) -> str:
    """A program's message without secrets. A phrase of the program's own text is none, whatever the secrets are."""
    forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
    if not forms:
        return message

    def hidden(match: re.Match[str]) -> str:
        before = re.search(r"\w+\W*$", message[: match.start()])
        after = re.match(r"\W*\w+", message[match.end() :])
        phrases = [before and before[0] + match[0], after and match[0] + after[0]]
        own = any(phrase and phrase.encode() in program for phrase in phrases)
        return match[0] if own else REDACTED

    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.sub("|".join(map(_alone, longest_first)), hidden, message)


def _alone(form: str) -> str:
    """Matches a text where it is no part of a word; one of letters alone neither where it is part of a path."""
    word = r"\w./-" if form.isalpha() else r"\w"
    left = rf"(?:(?<![{word}])|(?<=\\[nrt]))" if re.match(r"\w", form) else ""
    right = rf"(?!\.?[{word}])" if re.search(r"\w$", form) else ""
    return left + re.escape(form) + right


def _forms(secret: str) -> Iterator[str]:
    """How a message may show a value: on one line, encoded, escaped, abbreviated, or in parts."""
    yield " ".join(secret.split())
    yield base64.b64encode(secret.encode()).decode()
    with suppress(ValueError):
        yield " ".join(base64.b64decode(secret, validate=True).decode().split())
    yield json.dumps(secret)[1:-1]
    if len(secret) > 10:
        yield " ".join(f"{secret[:7]}...".split())
    yield from _WORD.findall(secret)


def secret_values(tree: Tree, inputs: Inputs) -> set[str]:
    """What the Secrets, the generators of Secrets and the patches for Secrets hold that a root reads."""
    values = set(_Reader(tree, inputs.folder).walk(dict(inputs.edits)))
    for path in inputs.kustomizations + inputs.manifests:
        reader = _Reader(tree, posixpath.dirname(path))
        values |= set(reader.documents(reader.file(posixpath.basename(path))))
    return values


class _Reader:
    """Finds secret values in a file, and in those that it refers to from its folder."""

    def __init__(self, tree: Tree, folder: str) -> None:
        self._tree, self._folder = tree, folder

    def file(self, name: str) -> str:
        try:
            return self._tree.text(self._tree.resolve(posixpath.join(self._folder, name)))
        except (UnreadableError, KeyError):
            return ""

    def documents(self, text: str) -> Iterator[str]:
        try:
            yield from self.walk([item for item in load(text) if isinstance(item, dict | list)])
        except YamlError:
            if _SECRET.search(text):
                yield text

    def walk(self, value: Any) -> Iterator[str]:
        if isinstance(value, str) and "kind" in value:
            yield from self.documents(value)
        elif isinstance(value, list):
            for item in value:
                yield from self.walk(item)
        elif isinstance(value, dict) and value.get("kind") == "Secret":
            yield from _of_secret(value)
        elif isinstance(value, dict):
            generators = sequence(value.get("secretGenerator"))
            for generator in [*generators, value] if value.get("kind") == "SecretGenerator" else generators:
                yield from self._generator(generator)
            for generator in mappings(value.get("configMapGenerator")):
                for literal in strings(generator.get("literals")):
                    name, _, text = literal.partition("=")
                    yield from _of_names({name: text}) if name and text else [literal]
            if "target" in value or value.keys() & {"patch", "jsonOp"}:
                yield from self._patch(value)
            yield from _of_names(value)
            yield from self.walk(list(value.values()))

    def _generator(self, generator: Any) -> Iterator[str]:
        fields = generator if isinstance(generator, dict) else {"literals": generator}
        for literal in _texts(fields.get("literals")):
            yield from _of_pair(literal)
        for name in strings(fields.get("files")):
            yield self.file(name.partition("=")[2] or name)
        for name in _texts([fields.get("envs"), fields.get("env")]):
            for line in self.file(name).splitlines():
                yield from _of_pair(line)

    def _patch(self, patch: dict[str, Any]) -> Iterator[str]:
        """What a patch writes into Secrets. Without a target, its own kind tells whether it is for a Secret."""
        target, kind = patch.get("target"), dig(patch, "target", "kind")
        if not selects(kind, "Secret"):
            return
        text = str(patch.get("patch") or patch.get("jsonOp") or self.file(str(patch.get("path"))))
        try:
            documents = load(text)
        except YamlError:
            documents = [text]
        for document in documents:
            if isinstance(document, dict) and target:
                yield from _of_secret(document)
            elif isinstance(document, str):
                yield document
            for operation in mappings(document):
                if _PATCHED.fullmatch(str(operation.get("path"))):
                    yield from _texts(operation.get("value"))


def _of_names(value: dict[str, Any]) -> Iterator[str]:
    """The values whose names say that they are secret, as in variables, parameters and values of charts."""
    named = {str(key): item for key, item in value.items()}
    if name := named.get("name"):
        named |= {str(name): [named.get(field) for field in ("value", "default")]}
    for key, item in named.items():
        if is_sensitive(key) and not isinstance(item, dict):
            yield from (text for text in _texts(item) if not is_plain(text))


def _of_pair(pair: str) -> Iterator[str]:
    _, equals, value = pair.partition("=")
    yield value if equals else pair
    yield value.strip("\"'")


def _of_secret(secret: dict[str, Any]) -> Iterator[str]:
    metadata = secret.get("metadata")
    yield from _texts(dig(metadata, "annotations", _LAST_APPLIED) if isinstance(metadata, dict) else metadata)
    yield from _texts([item for key, item in secret.items() if key not in _PUBLIC])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif value is not None:
        yield value if isinstance(value, str) else json.dumps(value)
