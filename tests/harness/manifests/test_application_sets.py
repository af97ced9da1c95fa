"""ApplicationSets: the Applications that Argo CD makes of them, in both of its template languages."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from harness.manifests.applications.application_sets import application_set
from harness.manifests.applications.deployer import Deployer
from harness.manifests.applications.generators import Repository
from harness.manifests.builder import Builder

PLAIN = "{metadata: {name: '{{app}}-{{env}}'}, spec: {source: {path: 'apps/{{app}}/{{env}}'}}}"
GO = "{metadata: {name: '{{.app}}-{{.env}}'}, spec: {source: {path: 'apps/{{.app}}/{{.env}}'}}}"
FILES = {
    "apps/web/prod/config.yaml": "app: web\nenv: prod\nteam: {name: shop, size: 3}\n",
    "apps/web/test/config.json": '[{"app": "web", "env": "test"}, {"app": "web", "env": "more"}]',
    "apps/api/prod/config.yaml": "app: api\nenv: prod\n",
    "apps/.hidden/prod/empty.yaml": "",
}


@pytest.fixture(scope="module")
def builder() -> Iterator[Builder]:
    with Builder(limits=["-cpu=20", "-memory=512"]) as builder:
        yield builder


class Sets:
    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def made(self, spec: str, template: str = "", files: Mapping[str, str] = FILES) -> list[Deployer]:
        fields: dict[str, Any] = yaml.safe_load(spec)
        fields.setdefault("template", yaml.safe_load(template or (GO if fields.get("goTemplate") else PLAIN)))
        folders = sorted({"/".join(path.split("/")[:depth]) for path in files for depth in range(1, 4)})
        own = "https://git.example.com/own"
        repository = Repository(folders, sorted(files), files.__getitem__, own.__eq__, self._builder.fill)
        return list(application_set({"metadata": {"name": "set"}, "spec": fields}, repository))

    def names(self, *arguments: Any, **options: Any) -> list[str]:
        made = self.made(*arguments, **options)
        assert [deployer.problem for deployer in made] == [""] * len(made)
        return [deployer.name for deployer in made]

    def problem(self, *arguments: Any) -> str:
        (made,) = self.made(*arguments)
        return made.problem


@pytest.fixture
def sets(builder: Builder) -> Sets:
    return Sets(builder)


pytestmark = pytest.mark.tools
BOTH = pytest.mark.parametrize(("go", "dot"), [("false", ""), ("true", ".")])


@BOTH
@pytest.mark.parametrize(
    ("generators", "expected"),
    [
        ("[{list: {elements: [{app: web, env: prod}]}}]", ["web-prod"]),
        ("[{list: {elements: [], elementsYaml: '[{app: web, env: prod}]'}}]", ["web-prod"]),
        (
            "[{matrix: {generators: [{list: {elements: [{app: web}, {app: api}]}},"
            " {list: {elements: [{env: prod}, {env: test}]}}]}}]",
            ["web-prod", "web-test", "api-prod", "api-test"],
        ),
        ("[{git: {files: [{path: apps/*/config.yaml}]}}]", ["api-prod", "web-prod"]),
        ("[{git: {files: [{path: apps/web}]}}]", ["web-prod", "web-test", "web-more"]),
        (
            "[{git: {files: [{path: 'apps/*config.*'}, {path: apps/web/test/*, exclude: true}]}}]",
            ["api-prod", "web-prod"],
        ),
        (
            "[{merge: {mergeKeys: [app], generators: ["
            "{list: {elements: [{app: web, env: prod}, {app: api, env: x}]}},"
            " {list: {elements: [{app: api, env: test}, {app: other, env: prod}]}}]}}]",
            ["web-prod", "api-test"],
        ),
        (
            "[{merge: {mergeKeys: [app], generators: ["
            "{matrix: {generators: [{list: {elements: [{app: web}]}}, {list: {elements: [{env: prod}]}}]}},"
            " {list: {elements: [{app: web, env: live}]}}]}}]",
            ["web-live"],
        ),
        (
            "[{list: {elements: [{app: web, env: prod}, {app: api, env: test}]},"
            " selector: {matchLabels: {app: api}}}]",
            ["api-test"],
        ),
        (
            "[{list: {elements: [{app: web, env: prod}, {app: api, env: test}]},"
            " selector: {matchExpressions: [{key: env, operator: NotIn, values: [test]},"
            " {key: app, operator: Exists}, {key: nothing, operator: DoesNotExist}]}}]",
            ["web-prod"],
        ),
        (
            "[{list: {elements: [{app: web, env: prod}],"
            " template: {metadata: {name: 'own-{{DOTapp}}'}, spec: {project: own}}}}]",
            ["own-web"],
        ),
    ],
)
def test_generators_in_both_languages(sets: Sets, go: str, dot: str, generators: str, expected: list[str]) -> None:
    assert sets.names(f"goTemplate: {go}\ngenerators: {generators.replace('DOT', dot)}") == expected


@pytest.mark.parametrize(
    ("go", "element", "pattern", "expected"),
    [
        ("false", "[{env: prod}]", "{{env}}", ["prod-api-prod", "prod-web-prod"]),
        ("true", "[{env: prod}]", "{{.env}}", ["prod-api-prod", "prod-web-prod"]),
        ("true", "[{all: [test, prod]}]", "{{first .all}}", ["test-web-test", "test-web-more"]),
    ],
)
def test_the_second_generator_of_a_matrix_uses_the_first(
    sets: Sets, go: str, element: str, pattern: str, expected: list[str]
) -> None:
    first = "list: {elements: ELEMENT}" if go == "true" else "list: {elementsYaml: 'ELEMENT'}"
    spec = (
        f"goTemplate: {go}\ngenerators: [{{matrix: {{generators: [{{{first.replace('ELEMENT', element)}}},"
        f" {{git: {{files: [{{path: 'apps/*/{pattern}/config.*'}}]}}}}]}}}}]"
    )
    dot = "." if go == "true" else ""
    template = f"{{metadata: {{name: '{{{{{dot}path.basename}}}}-{{{{{dot}app}}}}-{{{{{dot}env}}}}'}}}}"
    names = {made.name for made in sets.made(spec, template) if "has no Application source" in made.problem}
    assert names == set(expected)


@pytest.mark.parametrize("options", ["[]", "[missingkey=error]"])
def test_values_of_a_matrix_use_what_is_known_and_wait_for_the_rest(sets: Sets, options: str) -> None:
    spec = (
        f"goTemplate: true\ngoTemplateOptions: {options}\n"
        "generators: [{matrix: {generators: [{list: {elements: [{cluster: eu}]}},"
        " {git: {directories: [{path: apps/web/*}], "
        "values: {where: '{{.cluster}}', folder: '{{.path.basename}}'}}}]}}]"
    )
    template = (
        "{metadata: {name: '{{.values.where}}-{{.values.folder}}'}, spec: {source: {path: '{{.path.path}}'}}}"
    )
    assert sets.names(spec, template) == ["eu-prod", "eu-test"]


def test_directories_are_matched_folder_by_folder(sets: Sets) -> None:
    template = "{metadata: {name: '{{at.path[1]}}-{{at.path.basenameNormalized}}'}, spec: {source: {path: x}}}"
    wanted = "[{path: 'apps/*/*'}, {path: 'apps/[^w]*/*', exclude: true}]"
    spec = f"generators: [{{git: {{directories: {wanted}, pathParamPrefix: at}}}}]"
    assert sets.names(spec, template) == ["web-prod", "web-test"]
    top = "{metadata: {name: '{{path}}'}, spec: {source: {path: x}}}"
    assert sets.names("generators: [{git: {directories: [{path: '**'}]}}]", top) == ["apps"]


def test_files_give_their_place_and_what_is_in_them(sets: Sets) -> None:
    spec = "generators: [{git: {files: [{path: apps/web/prod/*}], values: {v: '{{team.name}}'}}}]"
    texts = "{{path}} {{path.basename}} {{path.filename}} {{path.filenameNormalized}} {{path[2]}} {{team.size}}"
    texts += " {{values.v}}"
    plain = f"{{metadata: {{name: '{texts}'}}, spec: {{source: {{path: x}}}}}}"
    expected = ["apps/web/prod prod config.yaml config.yaml prod 3 shop"]
    assert sets.names(spec, plain) == expected
    go = plain.replace("{{path}}", "{{path.path}}").replace("{{path[2]}}", "{{index path.segments 2}}")
    go = go.replace("{{", "{{.").replace("{{.index path", "{{index .path")
    assert sets.names(f"goTemplate: true\n{spec.replace('{{', '{{.')}", go) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ .app | upper | trunc 2 }}", "WE"),
        ("{{ normalize .name }}", "a-name"),
        ("{{ slugify 10 true .name }}", "a-name"),
        ("{{ (fromYaml .more).x }}", "1"),
        ("{{ index (fromYamlArray .list) 1 }}", "b"),
        ("{{ toYaml .map | indent 1 }}", " x: 1"),
        ('{{ dig "x" "none" .map }}', "1"),
        ('{{ if eq .app "web" }}yes{{ else }}no{{ end }}', "yes"),
        ("{{ .missing }}", "<no value>"),
        ("{{ .big }}", "1e+06"),
        ('{{ range $i, $x := splitList "-" .app }}{{ $i }}{{ $x }}{{ end }}', "0web"),
    ],
)
def test_functions_of_go_templates(sets: Sets, text: str, expected: str) -> None:
    element = "{app: web, name: 'A_Name!', more: 'x: 1', list: '[a, b]', map: {x: 1}, big: 1000000}"
    template = {"metadata": {"name": text}, "spec": {"source": {"path": "x"}}}
    spec = f"goTemplate: true\ngenerators: [{{list: {{elements: [{element}]}}}}]"
    assert sets.names(spec, yaml.safe_dump(template)) == [expected]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{{ env "HOME" }}', 'function "env" not defined'),
        ('{{ expandenv "$HOME" }}', 'function "expandenv" not defined'),
        ('{{ getHostByName "localhost" }}', 'function "getHostByName" not defined'),
        ("{{ .app", "unclosed action"),
        ("{{ .missing.deeper }}", "missing"),
        ('{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}', "depth"),
        ("{{ range until 100000 }}aaaaaaaaaaaaaaaaaaaaaaaaa{{ end }}", "more than 1048576 bytes"),
        ("{{ range untilStep 0 2000000000 1 }}{{ end }}", "limit: it takes more"),
    ],
)
def test_a_template_that_fails_is_named(sets: Sets, text: str, why: str) -> None:
    spec = "goTemplate: true\ngoTemplateOptions: [missingkey=error]\ngenerators: [{list: {elements: [{app: web}]}}]"
    assert why in sets.problem(spec, yaml.safe_dump({"metadata": {"name": text}}))


def test_one_application_that_fails_leaves_the_others(sets: Sets) -> None:
    spec = (
        "goTemplate: true\ngoTemplateOptions: [missingkey=error]\n"
        "generators: [{list: {elements: [{app: web}, {app: api, env: prod}]}}]"
    )
    assert [(made.name, bool(made.problem)) for made in sets.made(spec)] == [("set", True), ("api-prod", False)]


def test_a_template_patch_is_merged_and_keeps_the_project(sets: Sets) -> None:
    spec = (
        "goTemplate: true\ngenerators: [{list: {elements: [{app: web, env: prod, prune: true}]}}]\n"
        "templatePatch: |\n  spec:\n    project: other\n    source: {path: null,"
        " directory: {recurse: {{ .prune }}}}\n"
        "    {{- if .prune }}\n    destination: {namespace: {{ .app }}}\n    {{- end }}\n"
        "    sources: [{path: 'b/{{ .env }}'}]\n"
    )
    template = "{metadata: {name: x}, spec: {project: one, source: {path: a, repoURL: u}, sources: [{path: c}]}}"
    (made,) = sets.made(spec, template)
    assert yaml.safe_load(made.definition) == {
        "project": "one",
        "source": {"repoURL": "u", "directory": {"recurse": True}},
        "destination": {"namespace": "web"},
        "sources": [{"path": "b/prod"}],
    }


def test_a_template_of_a_generator_lies_over_that_of_the_set(sets: Sets) -> None:
    spec = (
        "generators: [{list: {elements: [{app: web}], template: {metadata: {labels: {a: b}},"
        " spec: {source: {path: 'own/{{app}}'}}}}}]"
    )
    template = "{metadata: {name: '{{app}}', labels: {c: d}}, spec: {project: p, source: {path: x, repoURL: u}}}"
    (made,) = sets.made(spec, template)
    assert yaml.safe_load(made.definition) == {"project": "p", "source": {"path": "own/web", "repoURL": "u"}}
    assert made.name == "web"


@pytest.mark.parametrize(
    ("generator", "why"),
    [
        ("clusters: {}", "generator 'clusters' cannot be resolved without a cluster"),
        ("clusterDecisionResource: {}", "generator 'clusterDecisionResource' cannot be resolved without a cluster"),
        ("scmProvider: {}", "without the host of the repositories"),
        ("pullRequest: {}", "without the host of the repositories"),
        ("plugin: {}", "without the plugin's server"),
        ("new: {}", "generator 'new' is not known"),
        ("git: {repoURL: 'https://git.example.com/other', directories: [{path: '*'}]}", "reads another repository"),
        ("git: {files: [{path: broken.yaml}]}", "broken.yaml, which is not valid YAML"),
        ("list: {elements: [{app: 1}]}", "an element whose app is no text"),
        ("matrix: {generators: [{list: {}}]}", "1 generators instead of two"),
        ("merge: {generators: [{list: {}}, {list: {}}]}", "mergeKeys"),
        (
            "merge: {mergeKeys: [a], generators: [{list: {elements: [{a: x, b: c}, {a: x}]}}, {list: {}}]}",
            "are the same in a",
        ),
        (
            "matrix: {generators: [{list: {elements: [{a: x}]}}, {list: {elements: [{a: y}]}}]}",
            "two values for a",
        ),
        ("matrix: {generators: [{clusters: {}}, {list: {elements: [{a: x}]}}]}", "'clusters' cannot be resolved"),
    ],
)
def test_what_is_not_followed_is_named(sets: Sets, generator: str, why: str) -> None:
    files = {**FILES, "broken.yaml": "a: ["}
    (made,) = sets.made(f"generators: [{{{generator}}}]", files=files)
    assert made.problem.startswith("is an ApplicationSet whose ")
    assert why in made.problem


def test_names_that_nothing_fills_are_named(sets: Sets) -> None:
    spec = "generators: [{list: {elements: [{app: web}]}}]"
    assert sets.problem(spec) == "is generated by the ApplicationSet set, in which nothing fills {{env}}"
    helm = "{metadata: {name: '{{app}}'}, spec: {source: {path: x, helm: {values: 'a: {{ .Values.b }}'}}}}"
    assert sets.names(spec, helm) == ["web"]
