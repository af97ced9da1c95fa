"""The generators of ApplicationSets that need no cluster: which parameters they have for the templates."""

import itertools
import operator
import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from harness.manifests.applications.templates import Filled, FillGo, Filling, Names, Parameters, flat, go_text
from harness.manifests.globs import path_match
from harness.manifests.kubernetes_yaml import YamlError, load
from harness.manifests.tree import UnreadableError
from harness.manifests.values import canonical, mapping, mappings, strings

_MOST_GENERATED: Final = 1_000
"""Applications that a generator makes; a matrix of matrices makes any number."""
_LONGEST_NAME: Final = 253
_UNANSWERED: Final = {
    "clusters": "a cluster",
    "clusterDecisionResource": "a cluster",
    "scmProvider": "the host of the repositories",
    "pullRequest": "the host of the repositories",
    "plugin": "the plugin's server",
}
_MISSING: Final = ("map has no entry for key", "can't evaluate field")
"""What Go says of a parameter that a template lacks."""


@dataclass
class Repository:
    """What the generators look at.

    Attributes:
        read: Reads a file.
        is_own: Whether a URL is this repository's.
        fill: Fills Go templates.
    """

    folders: Sequence[str]
    files: Sequence[str] = ()
    read: Callable[[str], str] = lambda _: ""
    is_own: Callable[[str], bool] = lambda _: True
    fill: FillGo = field(default=lambda fillings, _: [(None, "Go templates are not filled") for _ in fillings])


class NotResolvedError(ValueError):
    """Why the parameters of a generator are not known, as the end of a sentence."""


class Templates:
    """The language in which an ApplicationSet is written."""

    def __init__(self, spec: dict[str, Any], repository: Repository) -> None:
        self.is_go = bool(spec.get("goTemplate"))
        self._options = strings(spec.get("goTemplateOptions"))
        self._fill = repository.fill
        self._names = Names()

    def fill(self, fillings: Sequence[Filling], *, strict: bool = False) -> list[Filled]:
        """Fills values, each with its own parameters; `strict` takes a missing parameter for an error."""
        if not self.is_go:
            return [self._names.fill(value, parameters) for value, parameters in fillings]
        others = [option for option in self._options if not option.startswith("missingkey=")]
        options = [*others, "missingkey=error"] if strict else self._options
        return self._fill(fillings, options) if fillings else []

    def filled(self, value: Any, parameters: Parameters) -> Any:
        ((result, error),) = self.fill([(value, parameters)])
        if error:
            raise NotResolvedError(f"generators cannot be filled ({error})")
        return result


class Generators:
    """The generators of one ApplicationSet."""

    def __init__(self, templates: Templates, repository: Repository) -> None:
        self._templates = templates
        self._repository = repository

    def parameters(
        self, generator: dict[str, Any], given: Parameters | None = None, depth: int = 0
    ) -> list[Parameters]:
        """The parameters of a generator of one kind, into which those of a matrix's first one are filled.

        Raises:
            NotResolvedError: They are not known here.
        """
        (kind, *_) = [*kinds(generator), "nothing"]
        if kind in _UNANSWERED:
            raise NotResolvedError(f"generator {kind!r} cannot be resolved without {_UNANSWERED[kind]}")
        body = mapping((self._interpolated(generator, given) if given else generator).get(kind))
        if kind == "list":
            made = self._list(body)
        elif kind == "git":
            made = self._git(body)
        elif kind in ("matrix", "merge"):
            if depth > 1:
                raise NotResolvedError(f"generator {kind!r} is nested deeper than Argo CD allows")
            inner = mappings(body.get("generators"))
            made = self._matrix(inner, depth) if kind == "matrix" else self._merge(body, inner, depth)
        else:
            raise NotResolvedError(f"generator {kind!r} is not known")
        if len(made) > _MOST_GENERATED:
            raise NotResolvedError(f"generator {kind!r} makes more than {_MOST_GENERATED:,} Applications")
        selector = generator.get("selector")
        return made if selector is None else [item for item in made if _selected(flat(item), mapping(selector))]

    def _interpolated(self, generator: dict[str, Any], given: Parameters) -> dict[str, Any]:
        """The generator, filled; values for which parameters are missing are filled later, with its own."""
        filled: dict[str, Any] = {}
        for kind, body in generator.items():
            if kind in ("matrix", "merge") and isinstance(body, dict):
                inner = [self._interpolated(item, given) for item in mappings(body.get("generators"))]
                filled[kind] = {**body, "generators": inner}
            elif kind == "git" and isinstance(body, dict):
                rest = {name: value for name, value in body.items() if name != "values"}
                filled[kind] = {**self._templates.filled(rest, given), "values": self._early(body, given)}
            else:
                filled[kind] = self._templates.filled(body, given)
        return filled

    def _early(self, body: dict[str, Any], given: Parameters) -> dict[str, Any]:
        values = mapping(body.get("values"))
        early = {}
        results = self._templates.fill([(value, given) for value in values.values()], strict=True)
        for (key, value), (result, error) in zip(values.items(), results, strict=True):
            if error and not any(said in error for said in _MISSING):
                raise NotResolvedError(f"generators cannot be filled ({error})")
            early[key] = value if error else result
        return early

    def _list(self, body: dict[str, Any]) -> list[Parameters]:
        elements = mappings(body.get("elements"))
        made = elements if self._templates.is_go else [_element(element) for element in elements]
        if text := body.get("elementsYaml"):
            try:
                documents = load(str(text))
            except YamlError as error:
                raise NotResolvedError(f"generator 'list' has elements that are not valid YAML ({error})") from None
            made = [*made, *mappings(documents[0] if documents else [])]
        return made

    def _git(self, body: dict[str, Any]) -> list[Parameters]:
        url = str(body.get("repoURL") or "")
        if url and not self._repository.is_own(url):
            raise NotResolvedError(f"generator 'git' reads another repository ({url})")
        if directories := mappings(body.get("directories")):
            folders = [path for path in self._repository.folders if _is_wanted_folder(path, directories)]
            made = [self._located({}, folder, "", body) for folder in folders]
        else:
            patterns = mappings(body.get("files"))
            files = [path for path in self._repository.files if _is_wanted(path, patterns, _is_in_pathspec)]
            made = [
                self._located(item, posixpath.dirname(file) or ".", posixpath.basename(file), body)
                for file in files
                for item in self._contents(file)
            ]
        values = mapping(body.get("values"))
        if not values:
            return made
        filled = self._templates.fill([(values, parameters) for parameters in made])
        for parameters, (result, error) in zip(made, filled, strict=True):
            if error:
                raise NotResolvedError(f"generators cannot be filled ({error})")
            parameters |= {"values": result} if self._templates.is_go else flat({"values": result})
        return made

    def _contents(self, file: str) -> list[dict[str, Any]]:
        try:
            documents = load(self._repository.read(file))
        except UnreadableError as error:
            raise NotResolvedError(f"generator 'git' reads a file that cannot be read ({error})") from None
        except YamlError as error:
            raise NotResolvedError(f"generator 'git' reads {file}, which is not valid YAML ({error})") from None
        first = documents[0] if documents else {}
        return mappings(first) if isinstance(first, list) else [mapping(first)]

    def _located(self, content: dict[str, Any], folder: str, file: str, body: dict[str, Any]) -> Parameters:
        prefix = str(body.get("pathParamPrefix") or "")
        names = {"path": folder, "basename": posixpath.basename(folder)}
        names["basenameNormalized"] = normalise(names["basename"])
        if file:
            names |= {"filename": file, "filenameNormalized": normalise(file)}
        segments = folder.split("/")
        if self._templates.is_go:
            path = {"path": {**names, "segments": segments}}
            return {**content, **({prefix: path} if prefix else path)}
        name = f"{prefix}.path" if prefix else "path"
        located = {name: folder, **{f"{name}.{key}": value for key, value in names.items() if key != "path"}}
        return {**flat(content), **located, **{f"{name}[{index}]": step for index, step in enumerate(segments)}}

    def _matrix(self, inner: Sequence[dict[str, Any]], depth: int) -> list[Parameters]:
        if len(inner) != 2:
            raise NotResolvedError(f"generator 'matrix' has {len(inner)} generators instead of two")
        made: list[Parameters] = []
        for one in self.parameters(inner[0], None, depth + 1):
            for other in self.parameters(inner[1], one, depth + 1):
                made.append(overlaid(other, one) if self._templates.is_go else _combined(one, other))
            if len(made) > _MOST_GENERATED:
                break
        return made

    def _merge(self, body: dict[str, Any], inner: Sequence[dict[str, Any]], depth: int) -> list[Parameters]:
        keys = strings(body.get("mergeKeys"))
        if len(inner) < 2 or not keys:
            raise NotResolvedError("generator 'merge' lacks a second generator or mergeKeys")
        (base, *others) = [_by_keys(keys, self.parameters(item, None, depth + 1)) for item in inner]
        for other, key in itertools.product(others, base):
            if key in other:
                overlay = overlaid if self._templates.is_go else operator.or_
                base[key] = overlay(base[key], other[key])
        return list(base.values())


def kinds(generator: dict[str, Any]) -> list[str]:
    return [name for name, body in generator.items() if name != "selector" and body is not None]


def overlaid(base: Any, over: Any) -> Any:
    """A value with another one over it, mapping by mapping."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    return base | {key: overlaid(base.get(key), value) for key, value in over.items()}


def normalise(name: str) -> str:
    """A name as Kubernetes takes it.

    >>> normalise("_My App_")
    'my-app'
    """
    return re.sub(r"[^-a-z0-9.]", "-", name.lower())[:_LONGEST_NAME].strip("-.")


def _element(element: dict[str, Any]) -> Parameters:
    values = {f"values.{key}": value for key, value in mapping(element.get("values")).items()}
    made = {key: value for key, value in element.items() if key != "values"} | values
    for key, value in made.items():
        if not isinstance(value, str):
            raise NotResolvedError(f"generator 'list' has an element whose {key} is no text")
    return made


def _combined(one: Parameters, other: Parameters) -> Parameters:
    texts = {key: go_text(value) for key, value in one.items()}
    for key, value in other.items():
        if texts.setdefault(key, go_text(value)) != go_text(value):
            raise NotResolvedError(f"generator 'matrix' has two values for {key}")
    return texts


def _by_keys(keys: Sequence[str], made: Sequence[Parameters]) -> dict[str, Parameters]:
    by_keys: dict[str, Parameters] = {}
    for parameters in made:
        key = canonical([parameters.get(name) for name in keys])
        if key in by_keys:
            raise NotResolvedError(f"generator 'merge' has parameters that are the same in {', '.join(keys)}")
        by_keys[key] = parameters
    return by_keys


def _is_wanted(path: str, patterns: Sequence[dict[str, Any]], matches: Callable[[str, str], bool]) -> bool:
    fitting = [item for item in patterns if matches(path, str(item.get("path") or ""))]
    return bool(fitting) and not any(item.get("exclude") for item in fitting)


def _is_wanted_folder(path: str, patterns: Sequence[dict[str, Any]]) -> bool:
    hidden = path == "." or any(step.startswith(".") for step in path.split("/"))
    return not hidden and _is_wanted(path, patterns, lambda _, pattern: bool(path_match(pattern).fullmatch(path)))


def _is_in_pathspec(path: str, pattern: str) -> bool:
    """Whether `git ls-files` lists a file for a pattern, in which `*` goes through folders."""
    pattern = posixpath.normpath(pattern)
    return fnmatchcase(path, pattern) or path.startswith(f"{pattern}/")


def _selected(labels: dict[str, str], selector: dict[str, Any]) -> bool:
    wanted = {str(key): str(value) for key, value in mapping(selector.get("matchLabels")).items()}
    requirements = mappings(selector.get("matchExpressions"))
    return wanted.items() <= labels.items() and all(_meets(labels, item) for item in requirements)


def _meets(labels: dict[str, str], requirement: dict[str, Any]) -> bool:
    value, values = labels.get(str(requirement.get("key"))), strings(requirement.get("values"))
    wanted = str(requirement.get("operator"))
    if wanted in ("In", "NotIn"):
        return (value in values) is (wanted == "In")
    if wanted in ("Exists", "DoesNotExist"):
        return (value is not None) is (wanted == "Exists")
    raise NotResolvedError(f"selector has the operator {wanted!r}, which Kubernetes does not know")
