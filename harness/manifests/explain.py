"""Says in one sentence why kustomize could not build a root, and where to look; no value of a Secret is in it."""

import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

from harness.errors import closest
from harness.manifests.build import Kustomization
from harness.manifests.inputs import Inputs, document_of
from harness.manifests.kubernetes_yaml import YamlError, parse
from harness.manifests.patches import patches_of
from harness.manifests.problem import NOT_BUILT, Location, Problem
from harness.manifests.secret_values import redact, secret_values
from harness.manifests.tree import Tree, UnreadableError
from harness.manifests.values import dig, mapping, mappings, sequence, strings

_ID: Final = r"(?P<kind>\w+)\.[^/\"]*/(?P<name>[^\"\s:;]+?)(?:\.[^.\"\s:;]*)?"
"""Kustomize's name for a resource, such as `Role.v1.rbac.authorization.k8s.io/reader.jobs`."""

_NOT_YAML: Final = "{file} is not valid YAML: {what}."
_DEFINED_TWICE: Final = "{kind} {name} is defined twice."
_NO_PATCH_TARGET: Final = "No resource matches the patch for {kind} {name}."
_OPERATION_UNKNOWN: Final = "The JSON patch has the operation {operation}, which does not exist."
_IS_COMPONENT: Final = "{reference} is a component: name it in 'components'."
_IS_NO_COMPONENT: Final = "{reference} is named as a component, but it is a {kind}."
_NOTHING_TO_SCALE: Final = "'replicas' names {name}, which is no Deployment, StatefulSet or ReplicaSet here."
_NO_SUCH_FIELD: Final = "The JSON patch cannot {operation} {field}, which its target does not have."
_OPERATION_FAILS: Final = "The JSON patch cannot {operation} {field}: {what}."
_NO_SOURCE: Final = "A replacement takes its value from {kind} {name}, which does not exist."
_NO_FIELD: Final = "A replacement takes {field} from {kind} {name}, which does not have it."
_NO_TARGET_FIELD: Final = "A replacement sets {field}, which its target does not have."
_NOTHING_TO_MERGE: Final = "A generator cannot merge with {kind} {name}, which does not exist."
_LITERAL: Final = "{file} has a literal that is not KEY=VALUE."
_FILE_ENTRY: Final = "{file} has an entry of 'files' that is neither FILE nor KEY=FILE."
_NEITHER_PATCH: Final = "{file} has a patch that is neither a strategic merge patch nor a JSON patch."
_EMPTY_PATCH: Final = "{file} has a patch without 'patch' and 'path'."
_TWO_PATCHES: Final = "{file} has a patch with 'patch' and 'path': it may have one of them."
_UNAIMED_PATCH: Final = "{file} has a JSON patch without a target."
_NEVER_RUN: Final = "{file} needs the plugin or function {plugin}, which is never run."
_NOT_ALLOWED: Final = "{root} needs {url}, which is not allowed: see --allow-host."
_RULES: Final = {
    _NOT_YAML: "LH104",
    _DEFINED_TWICE: "LH108",
    _NEVER_RUN: NOT_BUILT,
    _NOT_ALLOWED: NOT_BUILT,
}
"""The rules of the sentences that break another one than LH101."""
_SENTENCES: Final[tuple[tuple[str, str], ...]] = (
    (
        r"MalformedYAMLError: yaml: (?:line (?P<line>\d+): )?(?P<what>.*?) in File: .*",
        _NOT_YAML,
    ),
    (rf".*already registered id: {_ID}", _DEFINED_TWICE),
    (
        r"invalid Kustomization: json: unknown field \"(?P<field>[^\"]+)\"",
        "{file} has the unknown field '{field}'.",
    ),
    (
        r"invalid Kustomization: json: cannot unmarshal (?P<wrong>\w+) into Go struct field \w+\.(?P<field>[\w.]+)"
        r" of type (?P<right>\S+)",
        "{file} has the wrong type in '{field}': {wrong} instead of {right}.",
    ),
    (
        r"missing metadata\.name in object \{\{\S* ?(?P<kind>\w*)\}.*",
        "{file} has a resource without metadata.name: {kind}.",
    ),
    (r"missing kind in object .*", "{file} has a resource without a kind."),
    (r"missing Resource metadata", "{file} has a resource without metadata."),
    (
        rf"(?:.*: )?(?:no resource matches strategic merge patch \"|no matches for Id ){_ID}[\";].*",
        _NO_PATCH_TARGET,
    ),
    (r".*unable to parse SM or JSON patch from .*", _NEITHER_PATCH),
    (
        r".*illegally qualifies as both an SM and JSON patch: .*",
        "{file} has a patch that is a strategic merge patch as well as a JSON patch.",
    ),
    (r".*must specify one of patch and path in .*", _EMPTY_PATCH),
    (r".*patch and path can't be set at the same time.*", _TWO_PATCHES),
    (r".*must specify a target for (?:JSON )?patch .*", _UNAIMED_PATCH),
    (
        r".*Multiple Strategic-Merge Patches in one `patches` entry is not allowed .*",
        "{file} has a patch with a target and several documents: give each its own entry.",
    ),
    (r".*invalid literal source .*, expected key=value", _LITERAL),
    (
        r".*(?:missing (?:key name|file path) for .* in source .*|source .* key name or file path contains '=')",
        _FILE_ENTRY,
    ),
    (
        r"error in (?P<operation>\w+) for path: '(?P<field>[^']*)': (?P<what>.*)",
        _OPERATION_FAILS,
    ),
    (
        r"(?P<operation>\w+) operation does not apply: doc is missing (?:path|key): "
        r"\"?(?P<field>[^\s\":]+)\"?(?:: .*)?",
        _NO_SUCH_FIELD,
    ),
    (r"Unexpected kind: (?P<operation>\S*)", _OPERATION_UNKNOWN),
    (
        r"(?:.*: )?resource with name (?P<name>\S+) does not match a config with the following GVK .*",
        _NOTHING_TO_SCALE,
    ),
    (r"(?:.*: )?expected kind != 'Component' for path '(?P<reference>[^']*)'.*", _IS_COMPONENT),
    (
        r".*security; file '(?P<reference>[^']*)' is not in or below '(?P<root>[^']*)'",
        "{reference} is outside {root}, and kustomize reads no such file: move it there, or make it a base.",
    ),
    (
        r"merging from generator .*Kind:\"(?P<kind>\w+)\".*Name:\"(?P<name>[^\"]*)\".* does not exist; .*",
        _NOTHING_TO_MERGE,
    ),
    (
        r"(?:.*: )?fieldPath `(?P<field>[^`]*)` is missing for replacement source (?P<kind>\w+)\.\S*?/"
        r"(?P<name>[^.\s]+)\S*",
        _NO_FIELD,
    ),
    (
        r"(?:.*: )?unable to find field [\"`](?P<field>[^\"`]*)[\"`] in replacement target.*",
        _NO_TARGET_FIELD,
    ),
    (
        rf"nothing selected by {_ID}(?::.*)?",
        _NO_SOURCE,
    ),
    (
        r".*expected kind 'Component' for path '(?P<reference>[^']*)' but got '(?P<kind>[^']*)'.*",
        _IS_NO_COMPONENT,
    ),
    (
        r".*must specify --enable-helm",
        "{file} inflates a Helm chart, which is not rendered.",
    ),
    (
        r"(?:.*: )?external plugins disabled; unable to load external plugin '(?P<plugin>[^']*)'",
        _NEVER_RUN,
    ),
    (
        r".*\b(?P<url>https?://\S+) is not an allowed host.*",
        _NOT_ALLOWED,
    ),
    (
        r"(?:.*: )?no repository may be fetched.*",
        "{root} names a repository in a form that is never fetched: write it as an HTTPS URL.",
    ),
    (
        r".*(?:failed to run '\S*git fetch|Get) .*\blookup (?P<host>[\w.-]+)(?: on \S+)?: .*",
        "{remote} cannot be fetched, because {host} cannot be resolved: check the network.",
    ),
    (
        r".*failed to run '\S*git fetch --depth=\d+ (?P<url>\S+) [^']*': (?:.*fatal: )?(?P<what>.*?)"
        r"(?: : exit status.*)?",
        "{url} cannot be fetched: {what}.",
    ),
    (
        r"no 'git' program on path.*",
        "{remote} cannot be fetched, because git is not on the PATH: install git, then run it again.",
    ),
    (
        r"remote chart (?P<chart>.*?): (?:limit: )?(?P<what>.*)",
        "The Helm chart {chart} cannot be rendered: {what}.",
    ),
    (r"chart (?P<chart>.*?): (?:limit: )?(?P<what>.*)", "The Helm chart in {chart} cannot be rendered: {what}."),
    (r"limit: (?P<what>.*)", "{root} cannot be built: {what}."),
    (r"kustomize crashed.*", "kustomize crashed while it built {root}."),
)

_KEY_TWICE: Final = re.compile(r"mapping key \"[^\"]*\" already defined at line \d+")
_FILE_PAIR: Final = re.compile(r"[^=]+=[^=]+")
_GENERATORS: Final = ("configMapGenerator", "secretGenerator")
_CULPRITS: Final[dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any], dict[str, Any]], bool]]]] = {
    _NO_SOURCE: (("replacements",), lambda item, said: dig(item, "source", "name") == said["name"]),
    _NOTHING_TO_MERGE: (_GENERATORS, lambda item, said: item.get("name") == said["name"]),
    _LITERAL: (_GENERATORS, lambda item, _: any("=" not in one[1:] for one in strings(item.get("literals")))),
    _FILE_ENTRY: (
        _GENERATORS,
        lambda item, _: any("=" in one and not _FILE_PAIR.fullmatch(one) for one in strings(item.get("files"))),
    ),
    _NOTHING_TO_SCALE: (("replicas",), lambda item, said: item.get("name") == said["name"]),
    _EMPTY_PATCH: (("patches",), lambda item, _: not item.get("patch") and not item.get("path")),
    _TWO_PATCHES: (("patches",), lambda item, _: bool(item.get("patch") and item.get("path"))),
}
"""The fields of a kustomization that a sentence may be about, and which of their entries it is about."""


def explain(said: str, tree: Tree, inputs: Inputs, program: Path) -> Problem:
    """Turns the message of the builder's program, an error in an error in an error, into a problem."""
    folder, file, text = _innermost(" ".join(said.split()), inputs)
    if _KEY_TWICE.search(text) and (repeated := _repeated_key(tree, inputs)):
        return repeated
    remote = next(
        (remote for remote in inputs.remotes if remote.url.split("//")[-1].split("?")[0] in said),
        inputs.remotes[0] if inputs.remotes else None,
    )

    def shown(text: str) -> str:
        return redact(text, secret_values(tree, inputs), _content(program))

    for pattern, sentence in _SENTENCES:
        if match := re.fullmatch(pattern, text):
            if host := match.groupdict().get("host"):
                # It may have been said of another root, which has only the host in common with this one.
                remote = next((remote for remote in inputs.remotes if remote.host == host), remote)
            details = {
                "root": inputs.folder,
                "file": file,
                "remote": remote.url if remote else "",
                **match.groupdict(),
            }
            if "what" in details:
                details["what"] = shown(details["what"])
            rule, message = _RULES.get(sentence, "LH101"), sentence.format(**details)
            named = re.search(r"([\w./-]+):(\d+)", text) if "chart" in details else None
            if named and named[1] in inputs.files:
                file, details["line"] = named[1], named[2]
            line = details.get("line") or _line_of(tree, file, str(details.get("field") or ""))
            if sentence in (_NO_FIELD, _NO_TARGET_FIELD):
                culprit = _of_replacement(tree, inputs, **match.groupdict())
            elif sentence == _DEFINED_TWICE:
                culprit = _named_twice(tree, inputs)
            else:
                culprit = _culprit(tree, file, sentence, match.groupdict())
            break
    else:
        rule, message = "LH101", f"kustomize cannot build {folder}: {shown(text).rstrip('.')}."
        quoted = re.search(r'"(\w+)"', text)
        line = _line_of(tree, file, quoted[1] if quoted else "")
        culprit = None
    if culprit:
        return Problem(rule, message, culprit)
    location = remote.location(tree) if remote and "cannot be fetched" in message else Location(file, int(line))
    return Problem(rule, message, location)


@cache
def _content(program: Path) -> bytes:
    """A large program's, which is asked for with every message."""
    return program.read_bytes()


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
        elif match := re.match(
            r"accumulateDirectory: \"(?:recursed accumulation of|couldn't make target for) path '([^']*)': ", text
        ):
            folder, file = match[1], kustomization(match[1])
            text = text[match.end() :].removesuffix('"').replace('\\"', '"')
        elif match := re.match(r"\w+ resources from '([^']*)': ", text):
            file, text = posixpath.normpath(posixpath.join(folder, match[1])), text[match.end() :]
        else:
            return folder, file, text


def _culprit(tree: Tree, file: str, sentence: str, said: dict[str, Any]) -> Location | None:
    """The entry of a kustomization that a sentence is about, where that can be told."""
    document = document_of(tree, file)
    if document is None:
        return None
    kustomization = Kustomization(file, document)
    for patch in patches_of(tree, kustomization):
        value = patch.document.value
        if (
            (sentence == _NO_PATCH_TARGET and patch.target is None and patch.is_for(said["kind"], said["name"]))
            or (sentence == _UNAIMED_PATCH and patch.target is None and isinstance(value, list))
            or (sentence == _NEITHER_PATCH and not isinstance(value, dict | list))
        ):
            return patch.location(*(("metadata", "name") if sentence == _NO_PATCH_TARGET else ()))
        for index, operation, _ in patch.operations():
            failed = (operation.get("op"), operation.get("path"))
            if sentence in (_OPERATION_FAILS, _NO_SUCH_FIELD) and failed == (said["operation"], said["field"]):
                return patch.location(index, "path")
            if sentence == _OPERATION_UNKNOWN and failed[0] == said["operation"]:
                return patch.location(index, "op")
    if sentence in (_IS_COMPONENT, _IS_NO_COMPONENT):
        field = "resources" if sentence == _IS_COMPONENT else "components"
        for index, item in enumerate(sequence(kustomization.fields.get(field))):
            if _resolved(file, item) == said["reference"]:
                return kustomization.location(field, index)
    fields, is_culprit = _CULPRITS.get(sentence, ((), None))
    for field in fields:
        for index, item in enumerate(sequence(kustomization.fields.get(field))):
            if is_culprit and is_culprit(mapping(item), said):
                return kustomization.location(field, index)
    return None


def _resolved(file: str, reference: Any) -> str:
    """The path that a file names."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), str(reference)))


def _named_twice(tree: Tree, inputs: Inputs) -> Location | None:
    """The second entry of a kustomization for one file."""
    for file in inputs.kustomizations:
        document = document_of(tree, file)
        seen: set[str] = set()
        for index, item in enumerate(sequence(dig(document and document.value, "resources"))):
            if document and _resolved(file, item) in seen:
                return Location(file, document.locate(("resources", index))[0])
            seen.add(_resolved(file, item))
    return None


def _of_replacement(tree: Tree, inputs: Inputs, field: str, kind: str = "", name: str = "") -> Location | None:
    """The variable that a missing source probably is, else the line that names the field."""
    lines: dict[str, Location] = {}
    for path in _variables_of(tree, inputs, name) if kind in ("ConfigMap", "Secret") else ():
        with suppress(UnreadableError, KeyError):
            for number, line in enumerate(tree.text(path).splitlines(), 1):
                lines[line.partition("=")[0].strip()] = Location(path, number)
    if close := closest(field.removeprefix("data."), lines, 0.7):
        return lines[close]
    written = re.compile(rf"(?<![\w.\\]){re.escape(field)}(?![\w.\\])")
    for path in (*inputs.kustomizations, *inputs.manifests):
        with suppress(UnreadableError, KeyError):
            text = tree.text(tree.resolve(path))
            if match := written.search(text):
                return Location(path, text.count("\n", 0, match.start()) + 1)
    return None


def _variables_of(tree: Tree, inputs: Inputs, name: str) -> Iterator[str]:
    """The files of variables of the generators of a name."""
    for file in inputs.kustomizations:
        document = document_of(tree, file)
        for field in _GENERATORS:
            for item in mappings(dig(document and document.value, field)):
                for path in (*strings(item.get("envs")), str(item.get("env"))) if item.get("name") == name else ():
                    yield posixpath.normpath(posixpath.join(posixpath.dirname(file), path))


def _repeated_key(tree: Tree, inputs: Inputs) -> Problem | None:
    """The key that a file has twice: kustomize names its line, but not the file."""
    for path in (*inputs.manifests, *inputs.kustomizations):
        try:
            documents = parse(tree.text(tree.resolve(path)))
        except (UnreadableError, YamlError, KeyError):
            continue
        for document in documents:
            if repeated := document.repeated_key():
                key, first, second = repeated
                message = f"{path} has the key '{key}' twice in one mapping, in lines {first} and {second}."
                return Problem("LH104", message, Location(path, second))
    return None


def _line_of(tree: Tree, file: str, field: str) -> int:
    document = document_of(tree, file) if field else None
    if document is None:
        return 1
    line, depth = document.locate(tuple(int(step) if step.isdigit() else step for step in field.split(".")))
    if depth:
        return line
    match = re.search(rf"^[\s-]*{re.escape(field)}:", tree.text(file), re.MULTILINE)
    return tree.text(file).count("\n", 0, match.end()) + 1 if match else line
