"""What an Application's source says is followed as Argo CD follows it."""

from typing import Any

import pytest
import yaml

from harness.review.model import Review

pytestmark = pytest.mark.tools

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: {value}}}\n"


def config(name: str, value: str = "b") -> str:
    return CONFIG.format(name=name, value=value)


def application(path: str, /, *, field: str = "source", **source: Any) -> str:
    spec: dict[str, Any] = {"project": "shop", "destination": {"namespace": "live"}}
    spec[field] = {"repoURL": "https://git.example.com/x", "path": path, "targetRevision": "main", **source}
    if field == "sourceHydrator":
        spec[field] = {"drySource": spec[field]}
    metadata = {"name": "web"}
    return yaml.safe_dump(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}
    )


def told(review: Review) -> list[str]:
    return sorted(
        f"{application.name}: {resource.change} {resource.identity.name}"
        for _, application, resource in review.walk()
        if resource.identity.kind != "Application"
    )


PATCH = '[{"op": "add", "path": "/spec/hostname", "value": "h"}]'
FILES = ["a.yaml", "b.yml", "c.json", "d.txt", "sub/a.yaml", "sub/e.yaml", "sub/more/f.yaml"]


@pytest.mark.parametrize(
    ("directory", "expected"),
    [
        ({}, ["a.yaml", "b.yml", "c.json"]),
        ({"recurse": True}, ["a.yaml", "b.yml", "c.json", "sub/a.yaml", "sub/e.yaml", "sub/more/f.yaml"]),
        ({"recurse": True, "include": "{a,sub/e}.yaml"}, ["a.yaml", "sub/e.yaml"]),
        ({"recurse": True, "include": "*/?.yaml"}, ["sub/a.yaml", "sub/e.yaml", "sub/more/f.yaml"]),
        ({"recurse": True, "exclude": "{*a.yaml,sub/{e,more/[f-h]}.yaml}"}, ["b.yml", "c.json"]),
        ({"include": "*.y*ml", "exclude": "[!b]*"}, ["b.yml"]),
        ({"recurse": True, "include": "sub/**", "exclude": "sub/more/*"}, ["sub/a.yaml", "sub/e.yaml"]),
        ({"disableExtensionFilter": True, "include": "d*"}, ["d.txt"]),
    ],
)
def test_files_of_a_directory(checkout: Any, directory: dict[str, Any], expected: list[str]) -> None:
    there = {"apps/web/README.md": "x\n"}
    checkout.commit({"clusters/prod/web.yaml": application("apps/web", directory=directory), **there})
    names = {file: f"n{number}" for number, file in enumerate(FILES)}
    checkout.write({f"apps/web/{file}": config(name) for file, name in names.items()})
    assert told(checkout.review()) == sorted(f"web: added {names[file]}" for file in expected)


def test_a_file_that_a_link_in_a_directory_leads_to(checkout: Any) -> None:
    checkout.write({"clusters/prod/web.yaml": application("apps/web"), "apps/web/a.yaml": config("a")})
    (checkout.root / "apps/web/b.yaml").symlink_to("../../shared/b.yaml")
    checkout.commit({"shared/b.yaml": config("b")})
    checkout.write({"shared/b.yaml": config("b", "c")})
    review = checkout.review()
    assert told(review) == ["web: changed b"]
    assert review.uncovered_files == ()


def test_a_directory_is_no_kustomization_if_the_application_says_so(checkout: Any) -> None:
    files = {"apps/web/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\n", "apps/web/a.yaml": config("a")}
    checkout.commit({"clusters/prod/web.yaml": application("apps/web", directory={"exclude": "k*"}), **files})
    checkout.write({"apps/web/a.yaml": config("a", "c")})
    assert told(checkout.review()) == ["web: changed a"]


def test_a_file_that_says_so_is_skipped(checkout: Any) -> None:
    checkout.commit({"clusters/prod/web.yaml": application("apps/web"), "apps/web/a.yaml": config("a")})
    checkout.write({"apps/web/b.yaml": f"# +argocd:skip-file-rendering\n{config('b')}"})
    assert told(checkout.review()) == []


def test_jsonnet_is_named_and_not_covered(checkout: Any) -> None:
    files = {"apps/web/a.yaml": config("a"), "apps/web/b.jsonnet": "{}"}
    checkout.commit({"clusters/prod/web.yaml": application("apps/web"), **files})
    checkout.write({"apps/web/b.jsonnet": "{a: 1}", "apps/web/a.yaml": config("a", "c")})
    review = checkout.review()
    assert told(review) == ["web: changed a"]
    assert "web: apps/web/b.jsonnet is Jsonnet, which is not evaluated." in [note.sentence for note in review.notes]
    assert (review.not_followed, review.uncovered_files) == (("prod/web",), ("apps/web/b.jsonnet",))
    assert review.problems == ()


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"plugin": {"name": "x"}}, "a config management plugin is not run"),
        ({"kustomize": {"namePrefix": "x"}, "directory": {"recurse": True}}, "only one of kustomize and directory"),
        ({"kustomize": {"newOption": "x"}}, "its kustomize option newOption is not followed"),
    ],
)
def test_what_is_not_followed_is_named(checkout: Any, source: dict[str, Any], why: str) -> None:
    checkout.commit({"clusters/prod/web.yaml": application("apps/web", **source), "apps/web/a.yaml": config("a")})
    (note,) = checkout.review().notes
    assert why in note.sentence


def test_options_that_say_nothing_do_not_decide(checkout: Any) -> None:
    options: dict[str, Any] = {
        "kustomize": {},
        "directory": {"recurse": False, "jsonnet": {}},
        "helm": {"parameters": []},
    }
    files = {"apps/web/kustomization.yaml": "resources: [a.yaml]\n", "apps/web/a.yaml": config("a")}
    checkout.commit({"clusters/prod/web.yaml": application("apps/web", **options), **files})
    checkout.write({"apps/web/a.yaml": config("a", "c")})
    assert told(checkout.review()) == ["web: changed a"]


def test_a_hydrated_application_is_what_its_dry_source_makes(checkout: Any) -> None:
    dry = application("apps/web", field="sourceHydrator")
    checkout.commit({"clusters/prod/web.yaml": dry, "apps/web/a.yaml": config("a")})
    checkout.write({"apps/web/a.yaml": config("a", "c")})
    assert told(checkout.review()) == ["web: changed a"]


def test_options_of_a_kustomization_with_variables_of_argo_cd(checkout: Any) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec: {containers: [{name: a, image: 'a:1'}]}\n"
    files = {"apps/web/kustomization.yaml": "resources: [pod.yaml]\n", "apps/web/pod.yaml": pod}
    checkout.commit({"clusters/prod/web.yaml": application("apps/web"), **files})
    kustomize = {
        "namePrefix": "p-",
        "nameSuffix": "-s",
        "namespace": "there",
        "images": ["a=b/$ARGOCD_APP_NAME:${ARGOCD_APP_REVISION_SHORT}"],
        "commonLabels": {"path": "${ARGOCD_APP_PROJECT_NAME}-$$x-$NOTHING"},
        "labelWithoutSelector": True,
        "commonAnnotations": {"at": "$ARGOCD_APP_SOURCE_PATH", "to": "${ARGOCD_APP_NAMESPACE}"},
        "commonAnnotationsEnvsubst": True,
        "patches": [{"patch": PATCH, "target": {"kind": "Pod"}}],
        "kubeVersion": "1.33",
        "apiVersions": ["x/v1"],
    }
    checkout.write({"clusters/prod/web.yaml": application("apps/web", kustomize=kustomize)})
    review = checkout.review()
    assert review.problems == ()
    (text,) = [item.after_yaml for *_, item in review.walk() if item.identity.kind == "Pod" and item.after_yaml]
    value = yaml.safe_load(text)
    assert value["metadata"] == {
        "name": "p-pod-s",
        "namespace": "there",
        "labels": {"path": "shop-$x-"},
        "annotations": {"at": "apps/web", "to": "live"},
    }
    assert value["spec"] == {"hostname": "h", "containers": [{"name": "a", "image": "b/web:revision"}]}


@pytest.mark.parametrize("target", ["nothing", "../apps", "../../outside"])
def test_a_generator_that_reads_a_link_to_no_file_is_named(checkout: Any, target: str) -> None:
    fields = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "set"},
        "spec": {
            "generators": [{"git": {"files": [{"path": "config/*"}]}}],
            "template": {"metadata": {"name": "x"}, "spec": {"source": {"path": "apps"}}},
        },
    }
    checkout.write(
        {"clusters/prod/set.yaml": yaml.safe_dump(fields), "config/.keep": "", "apps/a.yaml": config("a")}
    )
    (checkout.root / "config/link.yaml").symlink_to(target)
    checkout.commit({})
    review = checkout.review()
    assert any("generator 'git' reads a file that cannot be read" in note.sentence for note in review.notes)
    assert review.not_followed == ("prod/set",)
