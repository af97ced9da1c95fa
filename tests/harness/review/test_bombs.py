"""Roots that never end or make too much: one sentence names the root and why, and the rest is reviewed."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from harness.manifests.builder import Builder
from harness.review.output import FORMATS, render

pytestmark = pytest.mark.tools

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"
APPLICATION = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\n"
    "spec: {source: {path: overlays/one/chart}}\n"
)
Files = Mapping[str, str | None]
LIMITS = (
    "500ms of processor time",
    "200 MB of memory",
    "more memory than a root may take",
    "64 MB of manifests",
    "more than a cluster stores",
)
"""Which of them a bomb exceeds first depends on the machine."""
ENDLESS = ("calls itself without an end",)


@pytest.fixture
def repo(checkout: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two environments: a bomb goes off in the first, and the second changes honestly."""
    small = partial(Builder, limits=["-cpu=0.5", "-memory=200"])
    monkeypatch.setattr("harness.review.review.Builder", small)
    for name in ("one", "two"):
        checkout.write(
            {
                f"overlays/{name}/kustomization.yaml": "resources: [c.yaml]\n",
                f"overlays/{name}/c.yaml": CONFIG + "data: {a: b}\n",
            }
        )
    checkout.commit({})
    checkout.write({"overlays/two/c.yaml": CONFIG + "data: {a: c}\n"})
    return checkout


def judge(repo: Any, files: Files, why: tuple[str, ...]) -> None:
    repo.write({f"overlays/one/{name}": text for name, text in files.items()})
    review = repo.review()
    said = [problem.sentence for problem in review.problems] + [note.sentence for note in review.notes]
    (sentence,) = [one for one in said if any(word in one for word in why)]
    assert "one" in sentence
    assert len(sentence) < 500
    assert "crashed" not in sentence
    assert "two (1 changed)" in review.headline
    for form in FORMATS:
        assert len(render(review, form)) < 5_000_000
    assert review.problems or review.not_followed


def grown(start: str, step: str, end: str) -> str:
    return f"{{{{ $x := {start} }}}}{{{{ range until 10000000 }}}}{{{{ $x = {step} }}}}{{{{ end }}}}{{{{ {end} }}}}"


CYCLE = "{{ $x := dict }}{{ $_ := set $x `a` $x }}"
TEMPLATES = {
    "nested loops": ("{{ range until 90000 }}{{ range until 90000 }}{{ end }}{{ end }}", LIMITS),
    "a long range": ("{{ range until 2000000000 }}{{ end }}", LIMITS),
    "a long sequence": ("{{ seq 1 2000000000 }}", LIMITS),
    "2 GB of text": ("{{ repeat 2000000000 `x` }}", LIMITS),
    "more text than there is memory": ("{{ repeat 100000000000000 `x` }}", ("more memory than a root may take",)),
    "deep indentation": ("{{ nindent 2000000000 `x` }}", LIMITS),
    "doubled text": (grown("`x`", "print $x $x", "$x"), LIMITS),
    "doubled lists": (grown("list 1", "concat $x $x", "len $x"), LIMITS),
    "slow passwords": ("{{ range until 90000 }}{{ derivePassword 1 `long` `a` `b` `c` }}{{ end }}", LIMITS),
    "wide numbers": (
        "{{ range until 90000 }}{{ range until 90000 }}{{ printf `%999999d` 1 }}{{ end }}{{ end }}",
        LIMITS,
    ),
    "slow expressions": (
        "{{ range until 90000 }}{{ regexReplaceAll `(a?){900}` (repeat 90000 `a`) `b` }}{{ end }}",
        LIMITS,
    ),
    "a printed mapping in itself": (CYCLE + "{{ print $x }}", (*ENDLESS, *LIMITS)),
    "a copied mapping in itself": (CYCLE + "{{ deepCopy $x | len }}", (*ENDLESS, *LIMITS)),
    "a merged mapping in itself": (CYCLE + "{{ merge $x (deepCopy $x) | len }}", (*ENDLESS, *LIMITS)),
    "a deep mapping": (grown("dict", "dict `a` $x", "toYaml $x"), (*ENDLESS, *LIMITS)),
}
"""What a template does, and what is said of it."""


@pytest.mark.parametrize("attack", TEMPLATES)
def test_a_bomb_in_a_chart(repo: Any, attack: str) -> None:
    text, why = TEMPLATES[attack]
    files: Files = {
        "kustomization.yaml": None,
        "a.yaml": APPLICATION,
        "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
        "chart/templates/c.yaml": f"{CONFIG}data: {{a: '{text}'}}\n",
    }
    judge(repo, files, why)


@pytest.mark.parametrize("attack", ["nested loops", "2 GB of text", "doubled text", "a printed mapping in itself"])
def test_a_bomb_in_an_application_set(repo: Any, attack: str) -> None:
    text, why = TEMPLATES[attack]
    template = {"metadata": {"name": f"a{text}"}, "spec": {"source": {"path": "overlays/one"}}}
    spec = {"goTemplate": True, "generators": [{"list": {"elements": [{"a": "b"}]}}], "template": template}
    value = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "one"},
        "spec": spec,
    }
    judge(repo, {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": json.dumps(value)}, why)


def generated(elements: int, uses: int, length: int, *, go: bool) -> str:
    use = "{{.a}}" if go else "{{a}}"
    template = {"metadata": {"name": "a", "labels": {str(number): use for number in range(uses)}}}
    pairs = [{"a": "x" * length, "b": str(number)} for number in range(elements)]
    spec = {"goTemplate": go, "generators": [{"list": {"elements": pairs}}], "template": template}
    return json.dumps(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "metadata": {"name": "one"}, "spec": spec}
    )


@pytest.mark.parametrize("go", [True, False])
@pytest.mark.parametrize(("elements", "uses", "length"), [(1, 300, 100_000), (60, 300, 1_000)])
def test_parameters_that_multiply(repo: Any, go: bool, elements: int, uses: int, length: int) -> None:
    files = {"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": generated(elements, uses, length, go=go)}
    judge(repo, files, ("more than 10 MB", *LIMITS))


DEEP = "{a: " * 100_000 + "b" + "}" * 100_000
PREFIXES = {
    f"base/{number}/{name}/kustomization.yaml": f"resources: [../../{number + 1}]\nnamePrefix: {name}-\n"
    for number in range(30)
    for name in "ab"
} | {f"base/{number}/kustomization.yaml": "resources: [a, b]\n" for number in range(30)}
KUSTOMIZATIONS: dict[str, tuple[Files, tuple[str, ...]]] = {
    "a patch that doubles": (
        {
            "kustomization.yaml": "resources: [c.yaml]\npatches: [{target: {kind: ConfigMap}, path: p.json}]\n",
            "p.json": json.dumps(
                [{"op": "copy", "from": "/data", "path": f"/data/x{number}"} for number in range(60)]
            ),
        },
        (*LIMITS, "nested more than 128"),
    ),
    "replacements that double": (
        {
            "kustomization.yaml": "resources: [c.yaml]\nreplacements:\n"
            + "".join(
                "- {source: {kind: ConfigMap, fieldPath: data}, targets: [{select: {kind: ConfigMap}, "
                f"fieldPaths: [data.x{number}], options: {{create: true}}}}]}}\n"
                for number in range(60)
            )
        },
        (*LIMITS, "nested more than 128"),
    ),
    "a deep patch": (
        {
            "kustomization.yaml": "resources: [c.yaml]\npatches: [{path: p.yaml}]\n",
            "p.yaml": f"{CONFIG}data: {DEEP}\n",
        },
        ("nested",),
    ),
    "a deep patch in the kustomization": (
        {
            "kustomization.yaml": json.dumps(
                {"resources": ["c.yaml"], "patches": [{"patch": f"{CONFIG}data: {DEEP}\n"}]}
            )
        },
        ("neither a strategic merge patch",),
    ),
    "variables that multiply": (
        {
            "kustomization.yaml": "resources: [c.yaml, d.yaml]\nconfigurations: [v.yaml]\n"
            "vars: [{name: A, objref: {apiVersion: v1, kind: ConfigMap, name: d}, "
            "fieldref: {fieldpath: data.a}}]\n",
            "v.yaml": "varReference: [{path: data/b, kind: ConfigMap}]\n",
            "c.yaml": f"{CONFIG}data: {{b: '{'$(A)' * 10_000}'}}\n",
            "d.yaml": CONFIG.replace("name: b", "name: d") + f"data: {{a: {'x' * 100_000}}}\n",
        },
        LIMITS,
    ),
    "a file in a thousand keys": (
        {
            "kustomization.yaml": json.dumps(
                {"configMapGenerator": [{"name": "g", "files": [f"a{number}=big" for number in range(1_000)]}]}
            ),
            "big": "x" * 2_000_000,
        },
        LIMITS,
    ),
    "a long prefix on every resource": (
        {
            "kustomization.yaml": f"resources: [c.yaml]\nnamePrefix: {'x' * 200_000}\n",
            "c.yaml": "---\n".join(CONFIG.replace("name: b", f"name: b{number}") for number in range(500)),
        },
        LIMITS,
    ),
    "bases that double": (
        {"kustomization.yaml": "resources: [base/0]\n", "base/30/kustomization.yaml": "resources: [c.yaml]\n"}
        | {"base/30/c.yaml": CONFIG}
        | PREFIXES,
        LIMITS,
    ),
    "thousands of definitions": (
        {
            "kustomization.yaml": "helmCharts: [{name: c, releaseName: c, includeCRDs: true}]\n",
            "charts/c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
        }
        | {
            f"charts/c/crds/{number}.yaml": CONFIG.replace("name: b", f"name: b{number}") for number in range(6_000)
        },
        LIMITS,
    ),
    "a template in the name of a release": (
        {
            "kustomization.yaml": "helmCharts: [{name: c, nameTemplate: '{{ repeat 2000000000 `a` }}'}]\n",
            "charts/c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
        },
        LIMITS,
    ),
    "a resource that no cluster stores": (
        {
            "kustomization.yaml": "helmCharts: [{name: c, releaseName: c}]\n",
            "charts/c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
            "charts/c/templates/c.yaml": CONFIG + "data: {a: '{{ repeat 4000000 `a` }}'}\n",
        },
        LIMITS,
    ),
    "more manifests than anybody reads": (
        {
            "kustomization.yaml": "helmCharts: [{name: c, releaseName: c}]\n",
            "charts/c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
            "charts/c/templates/c.yaml": "{{ range until 40 }}\n---\n"
            + CONFIG.replace("name: b", "name: b{{ . }}")
            + "data: {a: '{{ repeat 1000000 `a` }}'}\n{{ end }}",
        },
        LIMITS,
    ),
}


@pytest.mark.parametrize("attack", KUSTOMIZATIONS)
def test_a_bomb_in_a_kustomization(repo: Any, attack: str) -> None:
    judge(repo, *KUSTOMIZATIONS[attack])


def test_a_bomb_in_variables_of_flux(repo: Any) -> None:
    use = "${A//a/${A//a/${A//a/${A//a/${A}}}}}"
    spec = {"path": "./overlays/one/app", "postBuild": {"substitute": {"A": "a" * 3_000}}}
    value = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "one", "namespace": "n"},
        "spec": spec,
    }
    files = {
        "kustomization.yaml": "resources: [k.yaml]\n",
        "k.yaml": json.dumps(value),
        "app/kustomization.yaml": "resources: [c.yaml]\n",
        "app/c.yaml": CONFIG + f"data: {{a: '{use}'}}\n",
    }
    judge(repo, files, LIMITS)


@pytest.mark.parametrize("name", ["env `HOME`", "expandenv `$HOME`", "getHostByName `localhost`"])
def test_the_name_of_a_release_tells_nothing_of_the_machine(repo: Any, name: str) -> None:
    template = f"{{{{ {name} | sha256sum | trunc 20 }}}}"
    files = {
        "kustomization.yaml": json.dumps({"helmCharts": [{"name": "c", "nameTemplate": template}]}),
        "charts/c/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    }
    judge(repo, files, ("not defined",))
