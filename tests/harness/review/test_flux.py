"""Flux's Kustomizations are built as Flux does it, and every resource is reported once."""

from typing import Any

import pytest
import yaml

from harness.review.model import Review

pytestmark = pytest.mark.tools

URL = "https://git.example.com/ops/fleet"


def flux(name: str, path: str, **spec: Any) -> str:
    fields = {"path": path, "prune": True, "sourceRef": {"kind": "GitRepository", "name": "fleet"}, **spec}
    return yaml.safe_dump(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": name, "namespace": "flux-system"},
            "spec": fields,
        }
    )


def repository(name: str, url: str, **spec: Any) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": name, "namespace": "flux-system"},
            "spec": {"url": url, **spec},
        }
    )


def config(name: str, namespace: str = "web", kind: str = "ConfigMap", **data: str) -> str:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    field = "data" if kind == "ConfigMap" else "stringData"
    return yaml.safe_dump({"apiVersion": "v1", "kind": kind, "metadata": metadata, field: data})


def fleet(**apps: Any) -> dict[str, str]:
    """A cluster whose root Kustomization includes another one, for apps that are Kustomizations of their own."""
    return {
        "clusters/prod/flux-system/kustomization.yaml": "resources: [sync.yaml]\n",
        "clusters/prod/flux-system/sync.yaml": repository("fleet", URL)
        + "---\n"
        + flux("flux-system", "./clusters/prod"),
        "clusters/prod/apps.yaml": flux("apps", "./apps", **apps),
        "clusters/prod/settings.yaml": config("settings", "flux-system", DOMAIN="example.com"),
        "apps/web/kustomization.yaml": "resources: [flux.yaml]\n",
        "apps/web/flux.yaml": flux("web", "./apps/web/app"),
        "apps/web/app/web.yaml": config("web", host="${DOMAIN}"),
        "apps/web/app/more/also.yml": config("also", key="value"),
    }


def told(review: Review) -> list[str]:
    return sorted(
        f"{environment.name} {application.name}: {resource.change} {resource.identity}"
        for environment, application, resource in review.walk()
    )


def rendered(review: Review, name: str) -> dict[str, Any]:
    (text,) = [item.after_yaml for *_, item in review.walk() if item.identity.name == name]
    value: dict[str, Any] = yaml.safe_load(text)
    return value


@pytest.fixture
def repo(checkout: Any) -> Any:
    checkout.git("remote", "add", "origin", "git@git.example.com:ops/fleet.git")
    return checkout


SUBSTITUTED = {"postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": "settings"}]}}
IN_CHILDREN = {
    "patches": [
        {
            "target": {"kind": "Kustomization"},
            "patch": yaml.safe_dump(
                {"apiVersion": "x", "kind": "Kustomization", "metadata": {"name": "any"}, "spec": SUBSTITUTED}
            ),
        }
    ]
}


def test_every_manifest_below_a_folder_is_built_once(repo: Any) -> None:
    repo.commit(fleet())
    assert repo.review().headline == "Touches no environment (prod)."
    repo.write({"apps/web/app/more/also.yml": config("also", key="other"), "apps/web/app/new.yaml": config("new")})
    review = repo.review()
    assert told(review) == ["prod web: added ConfigMap web/new", "prod web: changed ConfigMap web/also"]
    assert (review.problems, review.notes, review.uncovered_files) == ((), (), ())


def test_a_patch_of_the_parent_changes_the_child_and_a_setting_what_it_deploys(repo: Any) -> None:
    repo.commit(fleet(**IN_CHILDREN))
    repo.write({"clusters/prod/settings.yaml": config("settings", "flux-system", DOMAIN="example.org")})
    review = repo.review()
    assert told(review) == [
        "prod flux-system: changed ConfigMap flux-system/settings",
        "prod web: changed ConfigMap web/web",
    ]
    assert rendered(review, "web")["data"] == {"host": "example.org"}


def test_what_the_parent_changes_is_shown_in_the_child(repo: Any) -> None:
    repo.commit(fleet())
    repo.write(fleet(**IN_CHILDREN))
    assert told(repo.review()) == [
        "prod apps: changed Kustomization flux-system/web",
        "prod flux-system: changed Kustomization flux-system/apps",
        "prod web: changed ConfigMap web/web",
    ]


def test_a_folder_of_a_child_in_its_parents_folder_is_reported_once(repo: Any) -> None:
    repo.commit(fleet())
    repo.commit({"apps/web/kustomization.yaml": None})
    repo.write({"apps/web/app/web.yaml": config("web", host="other")})
    assert told(repo.review()) == ["prod web: changed ConfigMap web/web"]


def test_common_metadata_names_and_namespace(repo: Any) -> None:
    repo.commit(fleet())
    common = {"commonMetadata": {"labels": {"team": "shop"}, "annotations": {"by": "flux"}}}
    repo.write(
        {"apps/web/flux.yaml": flux("web", "./apps/web/app", targetNamespace="live", namePrefix="my-", **common)}
    )
    review = repo.review()
    assert "prod web: added ConfigMap live/my-web" in told(review)
    metadata = rendered(review, "my-web")["metadata"]
    assert (metadata["labels"], metadata["annotations"]) == ({"team": "shop"}, {"by": "flux"})


def test_images_and_components(repo: Any) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: pod}\nspec: {containers: [{name: a, image: 'a:1'}]}\n"
    component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [c.yaml]\n"
    repo.commit(
        {
            **fleet(),
            "apps/web/app/pod.yaml": pod,
            "parts/x/kustomization.yaml": component,
            "parts/x/c.yaml": config("c"),
        }
    )
    spec = {"images": [{"name": "a", "newTag": "2"}], "components": ["../../../parts/x", "../../../parts/none"]}
    repo.write({"apps/web/flux.yaml": flux("web", "./apps/web/app", ignoreMissingComponents=True, **spec)})
    review = repo.review()
    assert "prod web: added ConfigMap web/c" in told(review)
    assert rendered(review, "pod")["spec"]["containers"][0]["image"] == "a:2"
    repo.write({"apps/web/flux.yaml": flux("web", "./apps/web/app", **spec)})
    assert any("parts/none" in problem.sentence for problem in repo.review().problems)


def test_ignored_files_are_not_built(repo: Any) -> None:
    ignored = {
        ".sourceignore": "/apps/web/app/skip*\n!skipped-not.yaml\n",
        "apps/web/app/.sourceignore": "# comment\n\nmore/\n",
    }
    repo.commit({**fleet(), **ignored})
    repo.write(
        {
            "apps/web/app/skip.yaml": config("skip"),
            "apps/web/app/skipped-not.yaml": config("shown"),
            "apps/web/app/more/also.yml": config("also", key="other"),
            "apps/web/app/.sops.yaml": "creation_rules: []\n",
        }
    )
    review = repo.review()
    assert told(review) == ["prod web: added ConfigMap web/shown"]
    assert sorted(review.uncovered_files) == [
        "apps/web/app/.sops.yaml",
        "apps/web/app/more/also.yml",
        "apps/web/app/skip.yaml",
    ]


def test_a_folder_with_a_kustomization_counts_as_a_whole(repo: Any) -> None:
    repo.commit(
        {
            **fleet(),
            "apps/web/app/part/kustomization.yml": "resources: [listed.yaml]\nnamePrefix: p-\n",
            "apps/web/app/part/listed.yaml": config("listed"),
        }
    )
    repo.write(
        {"apps/web/app/part/listed.yaml": config("listed", a="b"), "apps/web/app/part/other.yaml": config("other")}
    )
    review = repo.review()
    assert told(review) == ["prod web: changed ConfigMap web/p-listed"]
    assert review.uncovered_files == ("apps/web/app/part/other.yaml",)


def test_a_kustomization_of_flux_reads_files_from_anywhere_in_the_repository(repo: Any) -> None:
    repo.commit(
        {
            **fleet(),
            "apps/web/app/kustomization.yaml": "resources: [web.yaml, ../../../shared/s.yaml]\n",
            "shared/s.yaml": config("shared"),
        }
    )
    repo.write({"shared/s.yaml": config("shared", a="b")})
    review = repo.review()
    assert (told(review), review.problems) == (["prod web: changed ConfigMap web/shared"], ())


@pytest.mark.parametrize("where", ["found", "nowhere"])
def test_variables_of_a_secret_are_named_and_stay_as_written(repo: Any, where: str) -> None:
    spec = {"postBuild": {"substitute": {"A": "one"}, "substituteFrom": [{"kind": "Secret", "name": "hidden"}]}}
    secret = config("hidden", "flux-system", "Secret", HOST="ENC[x]")
    files = {**fleet(), "apps/web/flux.yaml": flux("web", "./apps/web/app", **spec)}
    repo.commit({**files, **({"clusters/prod/hidden.yaml": secret} if where == "found" else {})})
    repo.write({"apps/web/app/web.yaml": config("web", a="${A}", b="${HOST:=x}", c="${OTHER:=other}")})
    review = repo.review()
    other = "other" if where == "found" else "${OTHER:=other}"
    assert rendered(review, "web")["data"] == {"a": "one", "b": "${HOST:=x}", "c": other}
    (note,) = review.notes
    assert note.sentence.startswith("Variables from the Secret flux-system/hidden are shown as they are written")
    assert review.not_followed == ()


def test_settings_that_are_missing_are_named_unless_they_are_optional(repo: Any) -> None:
    origin = {"kind": "ConfigMap", "name": "nothing"}
    needed = flux("web", "./apps/web/app", postBuild={"substituteFrom": [origin]})
    repo.commit({**fleet(), "apps/web/flux.yaml": needed})
    assert repo.review().not_followed == ("prod/web",)
    optional = flux("web", "./apps/web/app", postBuild={"substituteFrom": [{**origin, "optional": True}]})
    repo.commit({"apps/web/flux.yaml": optional})
    assert repo.review().headline == "Touches no environment (prod)."


@pytest.mark.parametrize("apps", [IN_CHILDREN, SUBSTITUTED])
def test_settings_may_be_deployed_by_another_kustomization(repo: Any, apps: dict[str, Any]) -> None:
    repo.commit(
        {
            **fleet(**apps),
            "apps/settings.yaml": config("shown", value="${DOMAIN}"),
            "clusters/prod/settings.yaml": flux("vars", "./vars"),
            "vars/settings.yaml": config("settings", "flux-system", DOMAIN="a"),
        }
    )
    repo.write({"vars/settings.yaml": config("settings", "flux-system", DOMAIN="b")})
    review = repo.review()
    shown = (
        "prod web: changed ConfigMap web/web" if apps is IN_CHILDREN else "prod apps: changed ConfigMap web/shown"
    )
    assert told(review) == sorted([shown, "prod vars: changed ConfigMap flux-system/settings"])
    assert review.not_followed == ()


def test_what_a_kustomization_waits_for_is_named_if_it_is_missing(repo: Any) -> None:
    repo.commit(fleet())
    others = [{"name": "apps"}, {"name": "gone"}]
    repo.write({"apps/web/flux.yaml": flux("web", "./apps/web/app", dependsOn=others)})
    (note,) = repo.review().notes
    assert note.sentence == ("web waits for the Kustomization flux-system/gone, which is not in this environment.")
    assert note.changed


@pytest.mark.parametrize(
    ("reference", "more", "why"),
    [
        ({"kind": "OCIRepository", "name": "image"}, {}, "its source is the OCIRepository flux-system/image"),
        ({"kind": "Bucket", "name": "b", "namespace": "n"}, {}, "its source is the Bucket n/b"),
        (
            {"kind": "GitRepository", "name": "other"},
            {"clusters/prod/other.yaml": repository("other", "https://git.example.com/other/place")},
            "deploys apps/web/app of another repository (https://git.example.com/other/place)",
        ),
    ],
)
def test_other_sources_are_named(repo: Any, reference: Any, more: dict[str, str], why: str) -> None:
    repo.commit({**fleet(), "apps/web/flux.yaml": flux("web", "./apps/web/app", sourceRef=reference), **more})
    review = repo.review()
    (note,) = review.notes
    assert why in note.sentence
    assert review.not_followed == ("prod/web",)
