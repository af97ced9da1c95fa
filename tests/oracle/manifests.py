"""The oracle for the review: all that two trees deploy, built with the `kustomize` program, and how it differs.

It shares nothing with the review but the program's version. A kustomization that no other one includes is built by
itself, and so is what an Application deploys; a folder without a kustomization is its manifests. Charts and
variables are in tests/oracle/charts.py.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import yaml

from tests.oracle import charts

NAMES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_HASHED: Final = re.compile(r"(.+)-([bcdfghkmt2456789]{10})")
_EMPTY: Final = "Error: kustomization.yaml is empty"
"""The program refuses it, the library builds nothing of it."""
SUFFIXES: Final = (".yaml", ".yml", ".json")
DEPLOYERS: Final = {
    ("argoproj.io", "Application"),
    ("argoproj.io", "ApplicationSet"),
    ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    ("helm.toolkit.fluxcd.io", "HelmRelease"),
}


@dataclass(frozen=True, order=True)
class Deployed:
    """A folder that is deployed.

    Attributes:
        name: The Application's; empty for a root that none deploys.
        edits: The fields that it sets in the kustomization, as JSON.
        is_flux: Whether folders below one without a kustomization belong to it.
        post_build: Where Flux takes variables from, as JSON.
        chart: What the chart in the folder is rendered with, as JSON: the fields of a HelmRelease or of an
            Application's `helm`.
        generated: The spec of the Application, where an ApplicationSet makes it, as JSON.
    """

    name: str
    folder: str
    edits: str = "{}"
    is_flux: bool = False
    post_build: str = "{}"
    chart: str = ""
    generated: str = ""


@dataclass(frozen=True, order=True)
class Item:
    """A resource that only one side has as it is.

    Attributes:
        side: `before` or `after`.
        owner: The Application that deploys it, or the folder that it is in.
        names: Its name, and the one without the hash of its content where a generator appended that.
    """

    side: str
    owner: str
    kind: str
    namespace: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.side}: {self.kind} {self.namespace}/{self.names[0]} of {self.owner}"


@dataclass
class Folder:
    """What a folder deploys.

    Attributes:
        path: Where it is.
        reached: The folders that it is made of, its own included.
        resources: Its resources, generated names marked; None where they cannot be built.
        bare: The generated names, and each without its hash.
        aggregate: Whether it only lists others, each of which may be deployed by itself.
        is_root: Whether nothing deploys it.
        generated: As of `Deployed`.
    """

    path: str
    reached: frozenset[str]
    resources: Counter[str] | None
    bare: Mapping[str, str] = field(default_factory=dict)
    aggregate: bool = False
    is_root: bool = False
    generated: str = ""


@dataclass
class Verdict:
    """How a review compares with the truth.

    Attributes:
        unbuilt: The folders that cannot be built on one side, of which nothing is known.
    """

    changed: list[Item] = field(default_factory=list)
    unreported: list[Item] = field(default_factory=list)
    falsely: list[Item] = field(default_factory=list)
    unbuilt: list[str] = field(default_factory=list)


_NOTHING: Final = Folder("", frozenset(), Counter())


def truth(tree: Path, kustomize: Path) -> dict[str, Folder]:
    """Builds all of a tree: what each Application deploys by its name, each other root by its folder."""
    _inflate_charts(tree)
    fields = dict(_kustomizations(tree))
    references = {folder: set(_references(tree, folder, value)) for folder, value in fields.items()}
    included = {child for children in references.values() for child in children}
    roots = [
        folder for folder, value in fields.items() if value.get("kind") != "Component" and folder not in included
    ]
    roots += _loose(tree, fields)
    waiting = [Deployed("", folder) for folder in roots]
    built: dict[Deployed, list[str] | None] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while waiting:
            texts = list(pool.map(lambda job: _build(tree, kustomize, job), waiting))
            built.update(zip(waiting, texts, strict=True))
            deployed = {job for made in texts for text in made or () for job in _deployed(tree, text)}
            waiting = sorted(deployed - set(built))
    claimed = {job.folder for job in built if job.name}
    claimed |= {
        folder
        for job in built
        if job.is_flux and not job.chart and job.folder not in fields
        for folder in roots
        if Path(job.folder) in Path(folder).parents
    }
    settings = {(name, home): data for texts in built.values() for name, home, data in _settings(texts or ())}
    folders: dict[str, Folder] = {}
    for job, texts_of in built.items():
        if not job.name and job.folder in claimed:
            continue
        filled = texts_of and [_substituted(text, json.loads(job.post_build), settings) for text in texts_of]
        made = _folder(job.folder, frozenset(_reached(job.folder, references)), filled)
        made.aggregate = len(references.get(job.folder, ())) == len(
            fields.get(job.folder, {}).get("resources", [""])
        )
        made.is_root, made.generated = not job.name, job.generated
        name = job.name or job.folder
        folders[name] = _both(folders[name], made) if name in folders else made
    return folders


def _loose(tree: Path, kustomizations: Iterable[str]) -> Iterator[str]:
    """The folders without a kustomization in which there is an Application or its like."""
    for parent, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if not name.startswith(".")]
        folder = os.path.relpath(parent, tree)
        files = [Path(parent, name) for name in names if name.endswith(SUFFIXES)]
        if folder not in kustomizations and any(
            _is_deployer(value) and value["kind"] != "HelmRelease"
            for file in files
            for value in documents(file.read_text(encoding="utf-8", errors="replace"))
        ):
            yield folder


def _is_deployer(value: Mapping[str, Any]) -> bool:
    group = str(value.get("apiVersion")).partition("/")[0]
    return (group, value.get("kind")) in DEPLOYERS


def _deployed(tree: Path, text: str) -> Iterator[Deployed]:
    """The folders that an Application, an ApplicationSet or one of Flux's deploys, and with what."""
    if not any(group in text for group, _ in DEPLOYERS):
        return
    for value in filter(_is_deployer, documents(text)):
        spec, name = value.get("spec") or {}, str(_metadata(value).get("name"))
        if value["kind"] == "HelmRelease":
            chart = spec.get("chart", {}).get("spec", {})
            folder = os.path.normpath(chart.get("chart") or ".")
            if chart.get("sourceRef", {}).get("kind") == "GitRepository" and charts.is_chart(tree / folder):
                yield Deployed(name, folder, is_flux=True, chart=json.dumps(spec))
        elif value["kind"] == "Kustomization":
            folder = os.path.normpath(spec.get("path") or ".")
            if (tree / folder).is_dir():
                yield Deployed(name, folder, is_flux=True, post_build=json.dumps(_post_build(value)))
        else:
            for application, one in _applications(tree, value):
                generated = _sorted(one) if value["kind"] == "ApplicationSet" else ""
                for source in [one["source"]] if "source" in one else one.get("sources", []):
                    folder = os.path.normpath(source.get("path") or ".")
                    if charts.is_chart(tree / folder):
                        chart = json.dumps(source.get("helm") or {})
                        yield Deployed(application, folder, chart=chart, generated=generated)
                    elif (tree / folder).is_dir():
                        edits = json.dumps(source.get("kustomize") or {})
                        yield Deployed(application, folder, edits, generated=generated)


def _applications(tree: Path, value: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """An Application, or those of an ApplicationSet that only fills in a path: the name and the spec of each."""
    spec = value.get("spec") or {}
    if value["kind"] == "Application":
        yield str(_metadata(value).get("name")), spec
        return
    template = spec.get("template") or {}  # where it has no name, generators do
    text = json.dumps([_metadata(template).get("name") or "{{", template.get("spec") or {}])
    for generator in spec.get("generators") or []:
        for path in _elements(tree, generator):
            filled = text.replace("{{path}}", path).replace("{{path.basename}}", Path(path).name)
            if "{{" not in filled:
                name, one = json.loads(filled)
                yield name, one


def _post_build(value: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of a Flux Kustomization, and where others come from: kind, name and namespace of each."""
    fields = (value.get("spec") or {}).get("postBuild") or {}
    home = str(_metadata(value).get("namespace") or "")
    origins = [[item["kind"], item["name"], home] for item in fields.get("substituteFrom", [])]
    return {"substitute": fields.get("substitute", {}), "from": origins} if fields else {}


def _settings(texts: Iterable[str]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name, namespace and data of each ConfigMap."""
    for text in texts:
        if re.search(r"^kind: ConfigMap$|\"kind\": \"ConfigMap\"", text, re.MULTILINE):
            for value in documents(text):
                if value.get("kind") == "ConfigMap":
                    metadata = _metadata(value)
                    data = {key: str(one) for key, one in (value.get("data") or {}).items()}
                    yield str(metadata.get("name")), str(metadata.get("namespace") or ""), data


def _substituted(
    text: str, post_build: Mapping[str, Any], settings: Mapping[tuple[str, str], dict[str, str]]
) -> str:
    if not post_build:
        return text
    variables: dict[str, str] = {}
    origins = [settings.get((name, home)) for kind, name, home in post_build["from"] if kind == "ConfigMap"]
    for data in origins:
        variables |= data or {}
    variables |= post_build["substitute"]
    is_complete = None not in origins and len(origins) == len(post_build["from"])
    return charts.substituted(text, variables, is_complete=is_complete) if variables else text


def _elements(tree: Path, generator: Mapping[str, Any]) -> Iterator[str]:
    if "list" in generator:
        yield from (element["path"] for element in generator["list"].get("elements", []) if "path" in element)
    for directory in generator.get("git", {}).get("directories") or []:
        yield from (os.path.relpath(path, tree) for path in sorted(tree.glob(directory["path"])) if path.is_dir())


def compare(base: Mapping[str, Folder], head: Mapping[str, Folder], review: Mapping[str, Any]) -> Verdict:
    """Compares a review, as JSON, with the difference between two truths."""
    verdict = Verdict()
    reached: dict[str, frozenset[str]] = {}
    unclear: set[str] = set()
    renamed = _renamed(base, head)
    for name in sorted({*base, *head} - {*renamed.values()}):
        before, after = base.get(renamed.get(name, name), _NOTHING), head.get(name, _NOTHING)
        reached[name] = before.reached | after.reached | {name}
        if name in renamed:
            reached[renamed[name]] = reached[name]
            unclear |= reached[name]  # in another environment, its resources are others
        if before.generated and after.generated and before.generated != after.generated:
            verdict.changed += [Item(side, name, "Application", "", (name,)) for side in ("before", "after")]
        if before.resources is None or after.resources is None:
            verdict.unbuilt.append(name)
            unclear |= reached[name]
        elif _handed_over(name, base, head) or _handed_over(name, head, base):
            unclear |= reached[name]  # who deploys it changes, and perhaps no resource
        else:
            verdict.changed += _difference(renamed.get(name, name), name, before, after)
    waiting = list(verdict.changed)
    # Those whose owner is known come first, so that no other takes their items.
    reported = sorted(_reported(review, {*base, *head}), key=lambda pair: pair[0].owner not in reached)
    for item, moved in reported:
        fitting = [other for other in waiting if _means(item, other, moved or reached[other.owner])]
        match = next((other for other in fitting if other.owner == item.owner), None) or next(iter(fitting), None)
        if match is not None:
            waiting.remove(match)
        elif (
            not moved
            and item.owner not in unclear
            and not any(_means(item, other, reached[other.owner]) for other in verdict.changed)
        ):
            verdict.falsely.append(item)
    both = [*base.items(), *head.items()]
    for other in waiting:
        parts = reached[other.owner] if any(item.aggregate for name, item in both if name == other.owner) else set()
        deployers = {name for name, item in both if item.path in parts}
        if not any(_means(item, other, {*parts, *deployers}) for item, _ in reported):
            verdict.unreported.append(other)
    return verdict


def _handed_over(name: str, side: Mapping[str, Folder], other: Mapping[str, Folder]) -> bool:
    """Whether what deploys a folder deploys another one on the other side, or something else deploys the folder."""
    if name not in side:
        return False
    if name in other:
        both = side[name], other[name]
        return both[0].is_root != both[1].is_root or (not both[0].is_root and both[0].path != both[1].path)
    return any(folder.path == side[name].path for folder in other.values())


def _renamed(base: Mapping[str, Folder], head: Mapping[str, Folder]) -> dict[str, str]:
    """The folders that nothing deploys and that only have another name in their environment, by the new one."""
    gone, come = _only(base, head), _only(head, base)
    return {
        new: old
        for new, folder in come.items()
        for old, other in gone.items()
        if _environment(new) == _environment(old) and folder & other
    }


def _only(side: Mapping[str, Folder], other: Mapping[str, Folder]) -> dict[str, Counter[str]]:
    """The resources of the folders that nothing deploys and that another side does not have."""
    there = {folder for item in other.values() for folder in item.reached}
    return {
        name: item.resources for name, item in side.items() if item.is_root and item.resources and name not in there
    }


def _environment(folder: str) -> str:
    return re.sub(r"(?:.*/)?(?:overlays|clusters|environments|envs)/([^/]+).*|.*/", r"\1", folder)


def _reported(review: Mapping[str, Any], names: Collection[str]) -> Iterator[tuple[Item, bool]]:
    """What a review shows, and whether it moved from an Application to another one.

    An Application that is not known here stands for its folder.
    """
    for environment in review["environments"]:
        for application in environment["applications"]:
            for resource in application["resources"]:
                for side in ("before", "after"):
                    if identity := resource[side]:
                        names = (identity["name"],)
                        is_known = application["argocd"] and application["name"] in names
                        owner = application["name" if is_known else "path"]
                        item = Item(side, owner, identity["kind"], identity["namespace"], names)
                        yield item, bool(resource["movedFrom"])


def _means(item: Item, other: Item, owners: Collection[str] | bool) -> bool:
    """Whether a reported item is another one, given who may own it; True for anybody."""
    return (
        item.side == other.side
        and item.kind == other.kind
        and item.names[0] in other.names
        and other.namespace in (item.namespace, "")
        and (isinstance(owners, bool) or item.owner in owners)
    )


def _difference(left_name: str, right_name: str, before: Folder, after: Folder) -> list[Item]:
    assert before.resources is not None
    assert after.resources is not None
    gone, come = before.resources - after.resources, after.resources - before.resources
    left = Counter(map(_canonical, gone.elements()))
    right = Counter(map(_canonical, come.elements()))
    return [
        *(_item("before", left_name, text, before.bare) for text in (left - right).elements()),
        *(_item("after", right_name, text, after.bare) for text in (right - left).elements()),
    ]


def _item(side: str, folder: str, text: str, bare: Mapping[str, str]) -> Item:
    value = json.loads(text)
    name = str(_metadata(value).get("name"))
    full = next((hashed for hashed, short in bare.items() if name == _marked(short)), name)
    namespace = str(_metadata(value).get("namespace") or "")
    return Item(side, folder, str(value["kind"]), namespace, (full, *([bare[full]] if full in bare else [])))


def _folder(path: str, reached: frozenset[str], texts: Sequence[str] | None) -> Folder:
    if texts is None:
        return Folder(path, reached, None)
    bare = dict(name for text in texts for name in _generated(text))
    if not bare:
        return Folder(path, reached, Counter(texts))
    pattern = re.compile("|".join(map(re.escape, sorted(bare, key=len, reverse=True))))
    marked = (pattern.sub(lambda match: _marked(bare[match[0]]), text) for text in texts)
    return Folder(path, reached, Counter(marked), bare)


def _both(left: Folder, right: Folder) -> Folder:
    both = None if left.resources is None or right.resources is None else left.resources + right.resources
    bare = {**left.bare, **right.bare}
    return replace(left, reached=left.reached | right.reached, resources=both, bare=bare)


def _marked(bare: str) -> str:
    return f"{bare}-(generated)"


def _generated(text: str) -> Iterator[tuple[str, str]]:
    """The name of a ConfigMap or Secret that ends with the hash of its content, and the name without it."""
    if re.search(r"^kind: (?:ConfigMap|Secret)$", text, re.MULTILINE):
        for value in documents(text):
            name = str(_metadata(value).get("name"))
            if (match := _HASHED.fullmatch(name)) and _hash(value) == match[2]:
                yield name, match[1]


def _hash(value: Mapping[str, Any]) -> str:
    """Kustomize's hash, which never changes, because all names would; it does not see the name."""
    content = {"kind": value["kind"], "name": "", "data": value.get("data", "")}
    if value["kind"] == "Secret":
        content["type"] = value.get("type", "")
    more = "binaryData" if value["kind"] == "ConfigMap" else "stringData"
    if more in value:
        content[more] = value[more]
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for plain in "&<>":
        text = text.replace(plain, f"\\u{ord(plain):04x}")
    return hashlib.sha256(text.encode()).hexdigest()[:10].translate(str.maketrans("013ae", "ghkmt"))


def _metadata(value: Mapping[str, Any]) -> dict[str, Any]:
    return value.get("metadata") or {}


def _canonical(text: str) -> str:
    return _sorted(next(iter(documents(text))))


def _sorted(value: Any) -> str:
    """JSON with sorted keys; YAML's keys may be of several types, which have no order before they are texts."""
    return json.dumps(json.loads(json.dumps(value, default=str)), sort_keys=True)


class _Loader(yaml.CSafeLoader):
    """YAML without dates and bytes, in which `=` is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":value"))]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor("tag:yaml.org,2002:binary", lambda _, node: node.value)


def documents(text: str) -> list[Any]:
    """The mappings in a YAML text; none where it is no YAML."""
    try:
        return [item for item in yaml.load_all(text, Loader=_Loader) if isinstance(item, dict)]
    except (yaml.YAMLError, ValueError):
        return []


def _kustomizations(tree: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for parent, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "node_modules"]
        if name := next((name for name in NAMES if name in names), None):
            text = Path(parent, name).read_text(encoding="utf-8", errors="replace")
            yield os.path.relpath(parent, tree), next(iter(documents(text)), {})


def _references(tree: Path, folder: str, fields: Mapping[str, Any]) -> Iterator[str]:
    for name in ("resources", "bases", "components"):
        for entry in fields.get(name) or []:
            path = Path(tree, folder, str(entry))
            if path.is_dir():
                yield os.path.relpath(path.resolve(), tree.resolve())


def _reached(folder: str, references: Mapping[str, Iterable[str]]) -> set[str]:
    reached, waiting = set(), [folder]
    while waiting:
        at = waiting.pop()
        if at not in reached:
            reached.add(at)
            waiting += references.get(at, ())
    return reached


def _inflate_charts(tree: Path) -> None:
    for folder, fields in _kustomizations(tree):
        if fields.get("helmCharts"):
            file = next(path for name in NAMES if (path := tree / folder / name).exists())
            with contextlib.suppress(FileNotFoundError):
                charts.inflate(tree, file, fields)


def _chart(tree: Path, job: Deployed) -> list[str] | None:
    render = charts.helm_release if job.is_flux else charts.application
    try:
        texts = render(tree, job.name, job.folder, json.loads(job.chart))
    except FileNotFoundError:
        return None
    return None if texts is None else [_sorted(value) for text in texts for value in documents(text)]


def _build(tree: Path, kustomize: Path, job: Deployed) -> list[str] | None:
    folder, edits = job.folder, job.edits
    if job.chart:
        return _chart(tree, job)
    if not any(Path(tree, folder, name).exists() for name in NAMES):
        files = sorted(path for path in Path(tree, folder).glob("*") if path.suffix in SUFFIXES)
        values = [
            value for file in files for value in documents(file.read_text(encoding="utf-8", errors="replace"))
        ]
        plain = [_sorted(value) for value in values]
        below = [path for path in sorted(Path(tree, folder).iterdir()) if path.is_dir() and job.is_flux]
        inner = [_build(tree, kustomize, replace(job, folder=os.path.relpath(path, tree))) for path in below]
        return None if None in inner else plain + [text for texts in inner for text in texts or ()]
    if edits != "{}":
        edited = os.path.relpath(tempfile.mkdtemp(prefix=f"{folder}.", dir=tree), tree)
        shutil.copytree(tree / folder, tree / edited, symlinks=True, dirs_exist_ok=True)
        file = next(path for name in NAMES if (path := tree / edited / name).exists())
        (fields,) = documents(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps({**fields, **json.loads(edits)}), encoding="utf-8")
        folder = edited
    done = subprocess.run(
        [kustomize, "build", str(tree / folder)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        return [] if done.stderr.startswith(_EMPTY) else None
    return [text for text in re.split(r"^---\n", done.stdout, flags=re.MULTILINE) if text]
