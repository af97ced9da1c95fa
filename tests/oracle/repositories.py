"""Small repositories of kustomizations, charts and what deploys them, and a change in one: what hypothesis makes.

To widen it, add a field to `Root` or `Deployer`, draw it in `repositories`, write it in `Repository.files` and
change it in `_CHANGES`; what kustomize does not build, tests/oracle/charts.py has to.
"""

import copy
import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Files = dict[str, str]
"""Content by path; a content that starts with `-> ` is the target of a symbolic link."""
LINK: Final = "-> "
FOLDERS: Final = (
    "apps/web/base",
    "apps/web/overlays/prod",
    "apps/web/overlays/dev",
    "base",
    "clusters/prod",
    "clusters/prod/web",
    "components/logging",
    "components/web/prod",
    "envs/dev/api",
    "examples/a",
    "k8s",
    "overlays/prod",
    "overlays/prod/web",
    "overlays/prod/api",
    "tests/web",
    "vendor/x",
)
_KINDS: Final = ("ConfigMap", "Deployment", "PersistentVolumeClaim", "Service", "Widget")
_APIS: Final = {"Deployment": "apps/v1", "Widget": "example.com/v1"}
_NAMES: Final = ("data", "web", "ca-2222222222")


@dataclass
class Manifest:
    kind: str
    name: str
    namespace: str = ""
    value: int | str = 1
    link: bool = False
    comment: str = ""
    is_variable: bool = False

    def template(self, index: int) -> "Manifest":
        """A chart's template of it, whose value is one of the chart's."""
        name, value = f"{{{{ .Release.Name }}}}-{self.name}", f"{{{{ .Values.v{index} }}}}"
        return replace(self, name=name, value=value, is_variable=False)

    def text(self) -> str:
        metadata = {"name": self.name} | ({"namespace": self.namespace} if self.namespace else {})
        return f"{self.comment}{json.dumps({**self._head(), 'metadata': metadata, **self._body()})}\n"

    def _head(self) -> dict[str, Any]:
        return {"apiVersion": _APIS.get(self.kind, "v1"), "kind": self.kind}

    def _body(self) -> dict[str, Any]:
        value = f"${{VALUE:={self.value}}}" if self.is_variable else self.value
        if self.kind == "ConfigMap":
            return {"data": {"value": str(value)}}
        if self.kind == "Deployment":
            labels = {"app": self.name}
            volume = {"name": "c", "configMap": {"name": "generated"}}
            pod = {"containers": [{"name": "web", "image": f"web:{value}"}], "volumes": [volume]}
            return {
                "spec": {
                    "replicas": 1,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": pod},
                }
            }
        return {"spec": {"value": value}}


@dataclass
class Root:
    """A folder with a kustomization, with a chart, or with manifests only.

    Attributes:
        inflated: The templates of a chart that a kustomization inflates.
        values: What the kustomization sets of that chart's values.
    """

    folder: str
    kind: str = "Kustomization"
    file: str = "kustomization.yaml"
    header: bool = True
    manifests: list[Manifest] = field(default_factory=list)
    includes: list[int] = field(default_factory=list)
    components: list[int] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    generators: list[dict[str, Any]] = field(default_factory=list)
    inflated: list[Manifest] = field(default_factory=list)
    values: dict[str, int] = field(default_factory=dict)

    def path(self, name: str) -> str:
        return posixpath.join(self.folder, name)


@dataclass
class Deployer:
    """What deploys a root; `listed` ones are in a kustomization, others are plain manifests.

    Attributes:
        values: Of the chart, or the variables that Flux substitutes.
        place: The field that has them, or the one that names the file or the ConfigMap.
    """

    kind: str
    name: str
    root: int
    edits: dict[str, Any] = field(default_factory=dict)
    listed: bool = False
    values: dict[str, int] = field(default_factory=dict)
    place: str = ""

    @property
    def values_file(self) -> str:
        return f"settings/{self.name}.yaml"

    def text(self, folder: str, *, is_chart: bool = False) -> str:
        source: dict[str, Any] = {"repoURL": "https://git.example.com/x.git", "path": folder}
        if self.edits:
            source["kustomize"] = self.edits
        if is_chart and self.values:
            source["helm"] = {self.place: self._helm(folder)}
        head: dict[str, Any] = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": self.kind,
            "metadata": {"name": self.name},
        }
        reference = {"kind": "GitRepository", "name": "x"}
        spec: dict[str, Any] = {"source": source, "destination": {"server": "https://kubernetes.default.svc"}}
        if self.kind == "Kustomization":
            head["apiVersion"] = "kustomize.toolkit.fluxcd.io/v1"
            spec = {"path": f"./{folder}", "prune": True, "sourceRef": reference}
            if self.values:
                spec["postBuild"] = self._post_build()
        elif self.kind == "HelmRelease":
            head["apiVersion"] = "helm.toolkit.fluxcd.io/v2"
            chart: dict[str, Any] = {"chart": f"./{folder}", "sourceRef": reference}
            spec = {"chart": {"spec": chart}}
            if self.values and self.place == "valueFiles":
                chart["valuesFiles"] = [self.values_file]
            elif self.values:
                spec["values"] = self.values
        elif self.kind == "ApplicationSet":
            placeholder = "{{path.basename}}" if self.edits else "one"
            generators: list[dict[str, Any]] = [{"list": {"elements": [{"path": folder}]}}]
            if self.edits:
                generators = [{"git": {"directories": [{"path": posixpath.join(posixpath.dirname(folder), "*")}]}}]
            template = {**spec, "source": {**source, "path": "{{path}}"}}
            template["source"].pop("kustomize", None)
            spec = {
                "generators": generators,
                "template": {"metadata": {"name": f"{self.name}-{placeholder}"}, "spec": template},
            }
        return json.dumps({**head, "spec": spec}) + "\n"

    def _helm(self, folder: str) -> Any:
        if self.place == "valueFiles":
            return [posixpath.relpath(self.values_file, folder)]
        if self.place == "parameters":
            return [{"name": name, "value": str(value)} for name, value in self.values.items()]
        return json.dumps(self.values) if self.place == "values" else self.values

    def _post_build(self) -> dict[str, Any]:
        if self.place == "substitute":
            return {"substitute": {name: str(value) for name, value in self.values.items()}}
        return {"substituteFrom": [{"kind": "ConfigMap", "name": f"settings-{self.name}"}]}

    def config(self) -> str:
        data = {name: str(value) for name, value in self.values.items()}
        metadata = {"name": f"settings-{self.name}"}
        return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}) + "\n"


@dataclass
class Repository:
    roots: list[Root]
    deployers: list[Deployer] = field(default_factory=list)
    more: Files = field(default_factory=dict)

    def kustomizations(self) -> list[int]:
        return [number for number, root in enumerate(self.roots) if root.kind == "Kustomization"]

    def files(self) -> Files:
        files = dict(self.more)
        for root in self.roots:
            self._write(root, files)
        for listed in (True, False):
            folder = "argocd" if listed else "flux"
            names = []
            for deployer in self.deployers:
                if deployer.listed == listed:
                    root = self.roots[deployer.root]
                    names.append(f"{deployer.name}.yaml")
                    files[f"{folder}/{names[-1]}"] = deployer.text(root.folder, is_chart=root.kind == "Chart")
                    if deployer.values and deployer.place == "valueFiles":
                        files[deployer.values_file] = json.dumps(deployer.values) + "\n"
                    if deployer.values and deployer.place == "substituteFrom":
                        names.append(f"settings-{deployer.name}.yaml")
                        files[f"{folder}/{names[-1]}"] = deployer.config()
            if listed and names:
                files[f"{folder}/kustomization.yaml"] = json.dumps({"resources": names}) + "\n"
        return files

    def with_values(self) -> list[Root | Deployer]:
        there: list[Root | Deployer] = [*self.roots, *self.deployers]
        return [item for item in there if item.values]

    def kustomized(self) -> list[Root]:
        return [root for root in self.roots if root.kind not in ("Plain", "Chart")]

    def _write(self, root: Root, files: Files) -> None:
        if root.kind == "Chart":
            _write_chart(root.folder, root.manifests, files)
            return
        names = []
        for index, manifest in enumerate(root.manifests):
            name = f"{index}-{manifest.kind.lower()}.yaml"
            names.append(name)
            if manifest.link:
                files[root.path(name)] = f"{LINK}{index}.txt"
                files[root.path(f"{index}.txt")] = manifest.text()
            else:
                files[root.path(name)] = manifest.text()
        if root.kind == "Plain":
            return
        fields: dict[str, Any] = {}
        if root.header or root.kind == "Component":
            version = "v1alpha1" if root.kind == "Component" else "v1beta1"
            fields = {"apiVersion": f"kustomize.config.k8s.io/{version}", "kind": root.kind}
        fields["resources"] = [*names, *(self._path(root, index) for index in root.includes)]
        fields["components"] = [self._path(root, index) for index in root.components]
        fields["configMapGenerator"] = root.generators
        if root.inflated:
            _write_chart(root.path("charts/web"), root.inflated, files)
            fields["helmCharts"] = [{"name": "web", "releaseName": "inflated", "valuesInline": root.values}]
        options = dict(root.options)
        if "patchFile" in options:
            files[root.path("patch.json")] = json.dumps(options.pop("patchFile"))
            options["patches"] = [{"path": "patch.json", "target": {"kind": "Deployment"}}]
        fields |= options
        files[root.path(root.file)] = json.dumps({key: value for key, value in fields.items() if value}) + "\n"

    def _path(self, root: Root, index: int) -> str:
        return posixpath.relpath(self.roots[index].folder, root.folder)


def _write_chart(folder: str, manifests: list[Manifest], files: Files) -> None:
    name = posixpath.basename(folder)
    files[f"{folder}/Chart.yaml"] = json.dumps({"apiVersion": "v2", "name": name, "version": "1.0.0"}) + "\n"
    values = {f"v{index}": manifest.value for index, manifest in enumerate(manifests)}
    files[f"{folder}/values.yaml"] = json.dumps(values) + "\n"
    for index, manifest in enumerate(manifests):
        template = f"{folder}/templates/{index}-{manifest.kind.lower()}.yaml"
        files[template] = manifest.template(index).text()
        if manifest.link:
            files[f"{folder}/{index}.txt"] = files[template]
            files[template] = f"{LINK}../{index}.txt"


def _manifests() -> st.SearchStrategy[Manifest]:
    return st.builds(
        Manifest,
        kind=st.sampled_from(_KINDS),
        name=st.sampled_from(_NAMES),
        namespace=st.sampled_from(["", "", "team"]),
        link=st.sampled_from([False, False, False, True]),
        is_variable=st.sampled_from([False, False, True]),
    )


def _several_manifests() -> st.SearchStrategy[list[Manifest]]:
    return st.lists(_manifests(), min_size=1, max_size=2, unique_by=lambda item: (item.kind, item.name))


def _replace(value: int) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": "/spec/replicas", "value": value}]


_OPTIONS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {},
    {},
    {"namePrefix": "one-"},
    {"namespace": "two"},
    {"images": [{"name": "web", "newTag": "5"}]},
    {"patches": [{"patch": json.dumps(_replace(3)), "target": {"kind": "Deployment"}}]},
    {"patchFile": _replace(4)},
    {"generatorOptions": {"disableNameSuffixHash": True}},
    {"labels": [{"pairs": {"part": "x"}}]},
)
_GENERATED: Final[tuple[dict[str, Any], ...]] = (
    {"name": "generated", "literals": ["a=1"]},
    {"name": "generated", "literals": ["a=1"], "options": {"disableNameSuffixHash": True}},
    {"name": "data", "literals": ["a=1"]},
)


@st.composite
def repositories(draw: Draw) -> Repository:
    count = draw(st.integers(2, 5))
    folders = draw(st.lists(st.sampled_from(FOLDERS), min_size=count, max_size=count, unique=True))
    roots: list[Root] = []
    for index, folder in enumerate(folders):
        kinds = ["Kustomization"] * 4 + (["Component", "Aggregate", "Plain", "Chart", "Chart"] if index else [])
        kind = draw(st.sampled_from(kinds))
        earlier = [number for number in range(index) if roots[number].kind == "Kustomization"]
        components = [number for number in range(index) if roots[number].kind == "Component"]
        several = st.lists(st.sampled_from(earlier), max_size=2, unique=True) if earlier else st.just([])
        root = Root(folder, kind)
        roots.append(root)
        if kind == "Aggregate":
            root.kind, root.includes = "Kustomization", draw(several)
            if root.includes:
                continue
        root.manifests = draw(_several_manifests())
        if kind in ("Plain", "Chart"):
            continue
        root.header = draw(st.booleans())
        root.file = draw(st.sampled_from(["kustomization.yaml"] * 3 + ["kustomization.yml", "Kustomization"]))
        root.options = copy.deepcopy(draw(st.sampled_from(_OPTIONS)))
        root.generators = copy.deepcopy(draw(st.lists(st.sampled_from(_GENERATED), max_size=1)))
        if kind == "Kustomization":
            root.includes = draw(several)
            if draw(st.sampled_from([False, False, False, True])):
                root.inflated = draw(_several_manifests())
                root.values = draw(st.sampled_from([{}, {"v0": 7}]))
            if components:
                root.components = draw(st.lists(st.sampled_from(components), max_size=1))
    deployable = [number for number, root in enumerate(roots) if root.kind != "Component"]
    repository = Repository(roots)
    for number in range(draw(st.sampled_from([0, 1, 1, 2, 2])) if deployable else 0):
        deployer = Deployer(
            kind=draw(st.sampled_from(["Application", "Application", "ApplicationSet", "Kustomization"])),
            name=f"app{number}",
            root=draw(st.sampled_from(deployable)),
            listed=draw(st.booleans()),
        )
        if roots[deployer.root].kind == "Plain":
            deployer.kind = "Application"
        elif roots[deployer.root].kind == "Chart":
            _deploy_chart(draw, deployer)
        elif deployer.kind == "Kustomization":
            deployer.values = draw(st.sampled_from([{}, {"VALUE": 5}, {"VALUE": 5}]))
            deployer.place = draw(st.sampled_from(["substitute", "substituteFrom"]))
        elif deployer.kind != "Kustomization" and draw(st.integers(0, 3)) == 0:
            deployer.edits = {"namePrefix": "app-"}
        repository.deployers.append(deployer)
    return repository


def _deploy_chart(draw: Draw, deployer: Deployer) -> None:
    deployer.kind = draw(st.sampled_from(["Application", "Application", "ApplicationSet", "HelmRelease"]))
    deployer.values = draw(st.sampled_from([{}, {"v0": 7}, {"v0": 7, "v1": 8}]))
    places = ["valueFiles", "values", "valuesObject", "parameters"]
    deployer.place = draw(st.sampled_from(places[: 2 if deployer.kind == "HelmRelease" else None]))
    deployer.listed |= deployer.kind == "HelmRelease"


def _change_value(draw: Draw, repository: Repository) -> None:
    manifest = _any_manifest(draw, repository)
    manifest.value = int(manifest.value) + 1


def _change_nothing(draw: Draw, repository: Repository) -> None:
    _any_manifest(draw, repository).comment = "# a comment\n"


def _rename(draw: Draw, repository: Repository) -> None:
    _any_manifest(draw, repository).name = draw(st.sampled_from(["other", "ca-4444444444", "data"]))


def _remove(draw: Draw, repository: Repository) -> None:
    """Leaves one in a folder that is nothing else, because an Application whose folder is gone cannot be built."""
    fitting = [root for root in repository.roots if len(root.manifests) > (root.kind == "Plain")]
    draw(st.sampled_from(fitting)).manifests.pop()


def _add(draw: Draw, repository: Repository) -> None:
    draw(st.sampled_from(repository.roots)).manifests.append(draw(_manifests()))


def _include_less(draw: Draw, repository: Repository) -> None:
    draw(st.sampled_from([root for root in repository.roots if root.includes])).includes.pop()


def _include_no_component(draw: Draw, repository: Repository) -> None:
    draw(st.sampled_from([root for root in repository.roots if root.components])).components.pop()


def _move(draw: Draw, repository: Repository) -> None:
    """Moves a folder, and all that refers to it."""
    free = sorted({*FOLDERS} - {root.folder for root in repository.roots})
    draw(st.sampled_from(repository.roots)).folder = draw(st.sampled_from(free))


def _change_options(draw: Draw, repository: Repository) -> None:
    root = draw(st.sampled_from(repository.kustomized()))
    root.options = copy.deepcopy(draw(st.sampled_from(_OPTIONS)))


def _change_generators(draw: Draw, repository: Repository) -> None:
    root = draw(st.sampled_from(repository.kustomized()))
    changed = copy.deepcopy(draw(st.sampled_from(_GENERATED)))
    changed["literals"] = draw(st.sampled_from([["a=1"], ["a=2"]]))
    root.generators = draw(st.sampled_from([[changed], []]))


def _no_longer_deployed(draw: Draw, repository: Repository) -> None:
    repository.deployers.remove(draw(st.sampled_from(repository.deployers)))


def _deploy_another(draw: Draw, repository: Repository) -> None:
    deployer = draw(st.sampled_from([item for item in repository.deployers if item.kind != "HelmRelease"]))
    if repository.roots[deployer.root].kind == "Chart":
        deployer.values = {}
    deployer.root = draw(st.sampled_from(repository.kustomizations()))


def _change_values(draw: Draw, repository: Repository) -> None:
    values = draw(st.sampled_from(repository.with_values())).values
    name = draw(st.sampled_from(sorted(values)))
    if draw(st.booleans()):
        values[name] += 1
    else:
        del values[name]


def _edit_otherwise(draw: Draw, repository: Repository) -> None:
    deployer = draw(st.sampled_from([item for item in repository.deployers if item.kind == "Application"]))
    if repository.roots[deployer.root].kind == "Kustomization":
        deployer.edits = draw(st.sampled_from([{}, {"namePrefix": "x-"}, {"namespace": "three"}]))


def _link(draw: Draw, repository: Repository) -> None:
    manifest = _any_manifest(draw, repository)
    manifest.link = not manifest.link


def _add_a_stray_file(draw: Draw, repository: Repository) -> None:
    folder = draw(st.sampled_from(FOLDERS))
    repository.more[f"{folder}/stray.yaml"] = Manifest("ConfigMap", "stray").text()


def _any_manifest(draw: Draw, repository: Repository) -> Manifest:
    manifests = [manifest for root in repository.roots for manifest in (*root.manifests, *root.inflated)]
    manifest: Manifest = draw(st.sampled_from(manifests))
    return manifest


_CHANGES: Final[dict[Callable[[Draw, Repository], None], Callable[[Repository], Any]]] = {
    _change_value: lambda _: True,
    _rename: lambda _: True,
    _remove: lambda repository: any(len(root.manifests) > (root.kind == "Plain") for root in repository.roots),
    _add: lambda _: True,
    _include_less: lambda repository: any(root.includes for root in repository.roots),
    _include_no_component: lambda repository: any(root.components for root in repository.roots),
    _move: lambda _: True,
    _change_options: Repository.kustomized,
    _change_generators: Repository.kustomized,
    _no_longer_deployed: lambda repository: repository.deployers,
    _deploy_another: lambda repository: (
        any(item.kind != "HelmRelease" for item in repository.deployers) and repository.kustomizations()
    ),
    _change_values: Repository.with_values,
    _edit_otherwise: lambda repository: any(item.kind == "Application" for item in repository.deployers),
    _link: lambda _: True,
    _add_a_stray_file: lambda _: True,
    _change_nothing: lambda _: True,
}
"""What may change, and where it can."""


@st.composite
def changes(draw: Draw) -> tuple[Files, Files]:
    """The files of a repository before and after a change."""
    before = draw(repositories())
    after = copy.deepcopy(before)
    draw(st.sampled_from([change for change, fits in _CHANGES.items() if fits(before)]))(draw, after)
    return before.files(), after.files()
