"""What a removal does, as Argo CD and Flux decide it by finalizers, pruning, hooks and options."""

from typing import Any

import pytest
import yaml

from harness.manifests.applications.policies import policy_of
from harness.review.model import ChangeKind, Review

pytestmark = pytest.mark.tools

FINALIZER = "resources-finalizer.argocd.argoproj.io"
CLAIM = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: n, annotations: {X}}\n"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: n, annotations: {X}}\n"
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, namespace: n}\n"
ROOT = "overlays/one/kustomization.yaml"


def application(*finalizers: str, automated: Any = None, options: Any = (), name: str = "web") -> str:
    policy: dict[str, Any] = {"syncOptions": list(options)} if options else {}
    if automated is not None:
        policy["automated"] = automated
    value = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "finalizers": list(finalizers)},
        "spec": {
            "source": {"repoURL": "https://g.example.com/r", "path": f"overlays/one/{name}"},
            "syncPolicy": policy,
        },
    }
    return yaml.safe_dump(value)


def kustomization(**spec: Any) -> str:
    value = {
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": "Kustomization",
        "metadata": {"name": "web"},
        "spec": {"path": "./overlays/one/web", "sourceRef": {"kind": "GitRepository", "name": "r"}, **spec},
    }
    return yaml.safe_dump(value)


def write(checkout: Any, deployer: str, *resources: str) -> None:
    files = {f"overlays/one/web/{number}.yaml": text for number, text in enumerate((CONFIG, *resources))}
    checkout.commit(
        {
            ROOT: "resources: [web.yaml]\n",
            "overlays/one/web.yaml": deployer,
            "overlays/one/web/kustomization.yaml": f"resources: [{', '.join(name[17:] for name in files)}]\n",
            **files,
        }
    )


def risks(review: Review) -> dict[str, str]:
    return {risk.rule: risk.sentence for *_, risk in review.risks}


def removal(checkout: Any, deployer: str, resource: str) -> dict[str, str]:
    """The risks where only the resource is removed."""
    write(checkout, deployer, resource)
    checkout.write(
        {"overlays/one/web/kustomization.yaml": "resources: [0.yaml]\n", "overlays/one/web/1.yaml": None}
    )
    return risks(checkout.review())


def removal_of_all(checkout: Any, deployer: str, resource: str) -> dict[str, str]:
    """The risks where the Application is removed."""
    write(checkout, deployer, resource)
    checkout.write({ROOT: "resources: []\nconfigMapGenerator: [{name: x}]\n"})
    return risks(checkout.review())


PRUNES = {"prune": True}


@pytest.mark.parametrize(
    ("deployer", "resource", "why"),
    [
        (application(FINALIZER, automated={}), CLAIM, "web does not prune"),
        (application(automated={"prune": False, "selfHeal": True}), NAMESPACE, "web does not prune"),
        (application(automated=PRUNES), NAMESPACE.replace("X", "SYNC: Prune=false"), "Prune=false"),
        (application(automated=PRUNES), CLAIM.replace("X", "SYNC: 'Validate=false, Prune=false'"), "Prune=false"),
        (application(automated=PRUNES), CLAIM.replace("X", "SYNC: Prune=confirm"), "confirms its pruning"),
        (application(automated=PRUNES, options=["Prune=false"]), CLAIM, "Prune=false"),
        (application(automated=PRUNES), CLAIM.replace("X", "argocd.argoproj.io/hook: PreSync"), "hooks"),
        (kustomization(prune=False), CLAIM, "web does not prune"),
        (kustomization(), NAMESPACE, "web does not prune"),
        (kustomization(prune=True), CLAIM.replace("X", "FLUX/prune: disabled"), "prune: disabled"),
        (kustomization(prune=True), CLAIM.replace("X", "FLUX/reconcile: Disabled"), "reconcile: Disabled"),
    ],
)
def test_what_is_not_pruned_stays(checkout: Any, deployer: str, resource: str, why: str) -> None:
    told = removal(checkout, deployer, _spelled(resource))
    assert set(told) == {"DF610"}
    assert why in told["DF610"]
    assert "stays in the cluster" in told["DF610"]


@pytest.mark.parametrize(
    ("deployer", "resource", "rule"),
    [
        (application(automated=PRUNES), CLAIM, "DF101"),
        (application(automated=PRUNES), NAMESPACE, "DF105"),
        (application(automated=PRUNES), CLAIM.replace("X", "SYNC: Delete=false"), "DF101"),
        (application(automated=PRUNES, options=["Prune=false"]), CLAIM.replace("X", "SYNC: Prune=true"), "DF101"),
        (application(), CLAIM, "DF101"),
        (kustomization(prune=True), NAMESPACE, "DF105"),
        (kustomization(prune=True), CLAIM.replace("X", "SYNC: Validate=false"), "DF101"),
    ],
)
def test_what_is_pruned_is_deleted(checkout: Any, deployer: str, resource: str, rule: str) -> None:
    told = removal(checkout, deployer, _spelled(resource))
    assert set(told) == {rule}
    assert "is deleted" in told[rule]


def _spelled(text: str) -> str:
    text = text.replace("SYNC", "argocd.argoproj.io/sync-options").replace("FLUX", "kustomize.toolkit.fluxcd.io")
    return text.replace(", annotations: {X}", "")


@pytest.mark.parametrize(
    ("deployer", "resource"),
    [
        (application(automated=PRUNES), CLAIM),
        (application("other.example.com"), NAMESPACE),
        (kustomization(prune=False), CLAIM),
        (kustomization(prune=True, deletionPolicy="Orphan"), NAMESPACE),
        (kustomization(prune=True, suspend=True), CLAIM),
    ],
)
def test_an_application_that_does_not_cascade_orphans(checkout: Any, deployer: str, resource: str) -> None:
    told = removal_of_all(checkout, deployer, _spelled(resource))
    assert set(told) == {"DF601", "DF610"}
    assert "orphaned" in told["DF601"]
    assert not [sentence for sentence in told.values() if "is deleted" in sentence]


@pytest.mark.parametrize(
    ("deployer", "resource", "rule"),
    [
        (application(FINALIZER), CLAIM, "DF101"),
        (application(f"{FINALIZER}/background"), NAMESPACE, "DF105"),
        (application(FINALIZER), CLAIM.replace("X", "SYNC: Prune=false"), "DF101"),
        (kustomization(prune=False, deletionPolicy="Delete"), CLAIM, "DF101"),
        (kustomization(prune=True), CLAIM.replace("X", "SYNC: Delete=false"), "DF101"),
    ],
)
def test_an_application_that_cascades_deletes(checkout: Any, deployer: str, resource: str, rule: str) -> None:
    told = removal_of_all(checkout, deployer, _spelled(resource))
    assert set(told) == {"DF601", rule}
    assert "everything that it deployed" in told["DF601"]


@pytest.mark.parametrize(
    "resource",
    [
        CLAIM.replace("X", "SYNC: Delete=false"),
        NAMESPACE.replace("X", "helm.sh/resource-policy: keep"),
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b.c}\nspec: {}\n",
    ],
)
def test_what_a_cascade_spares_stays(checkout: Any, resource: str) -> None:
    assert set(removal_of_all(checkout, application(FINALIZER), _spelled(resource))) == {"DF601", "DF610"}


def test_an_application_of_an_application_that_does_not_prune_stays_with_its_resources(checkout: Any) -> None:
    write(checkout, application(automated={}), application(FINALIZER, name="inner"))
    checkout.commit(
        {
            "overlays/one/inner/kustomization.yaml": "resources: [a.yaml]\n",
            "overlays/one/inner/a.yaml": _spelled(CLAIM),
        }
    )
    checkout.write({"overlays/one/web/kustomization.yaml": "resources: [0.yaml]\n"})
    told = [risk.sentence for *_, risk in checkout.review().risks]
    assert len(told) == 2
    assert all("stays" in sentence for sentence in told)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("path: overlays/one/web", "path: overlays/one/web, plugin: {name: x}"),
        ("path: overlays/one/web", "chart: web, targetRevision: 1.0.0"),
        ("path: overlays/one/web", "path: overlays/one/web, kustomize: {unheardOf: 1}"),
    ],
)
def test_what_is_no_longer_built_is_not_removed(checkout: Any, old: str, new: str) -> None:
    text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\n"
    text += "spec: {source: {repoURL: r, path: overlays/one/web}}\n"
    write(checkout, text, _spelled(NAMESPACE))
    checkout.write({"overlays/one/web.yaml": text.replace(old, new)})
    review = checkout.review()
    assert {resource.identity.kind for *_, resource in review.walk()} == {"Application"}
    assert review.not_followed == ("one/web",)


def test_a_path_that_is_typed_wrong_is_a_problem(checkout: Any) -> None:
    text = application()
    write(checkout, text, _spelled(NAMESPACE))
    checkout.write({"overlays/one/web.yaml": text.replace("path: overlays/one/web", "path: overlays/one/wbe")})
    review = checkout.review()
    assert [problem.sentence for problem in review.problems] == ["overlays/one/wbe does not exist."]
    assert not review.notes
    assert {resource.identity.kind for *_, resource in review.walk()} == {"Application"}


@pytest.mark.parametrize("folder", ["shop", "deeper/web", "web2"])
def test_a_folder_is_renamed(checkout: Any, folder: str) -> None:
    files = {"kustomization.yaml": "resources: [a.yaml, b.yaml]\n", "a.yaml": CONFIG, "b.yaml": _spelled(CLAIM)}
    checkout.commit({f"envs/one/web/{name}": text for name, text in files.items()})
    moved = {f"envs/one/{folder}/{name}": text for name, text in files.items()}
    checkout.write({**{f"envs/one/web/{name}": None for name in files}, **moved})
    assert not list(checkout.review().walk())
    checkout.write({f"envs/one/{folder}/a.yaml": CONFIG + "data: {a: b}\n"})
    ((_, application_, resource),) = checkout.review().walk()
    assert (application_.change, resource.change) == (ChangeKind.CHANGED, ChangeKind.CHANGED)
    assert "DF607" not in risks(checkout.review())


def test_a_resource_that_moves_between_folders_is_contested_by_nobody(checkout: Any) -> None:
    roots = dict.fromkeys(("a", "b"), "resources: [a.yaml]\n")
    checkout.commit(
        {f"envs/one/{name}/kustomization.yaml": text for name, text in roots.items()}
        | {
            "envs/one/a/a.yaml": CONFIG,
            "envs/one/b/a.yaml": _spelled(NAMESPACE),
            "envs/one/a/b.yaml": _spelled(CLAIM),
        }
        | {"envs/one/a/kustomization.yaml": "resources: [a.yaml, b.yaml]\n"}
    )
    checkout.write(
        {
            "envs/one/a/kustomization.yaml": "resources: [a.yaml]\n",
            "envs/one/b/kustomization.yaml": "resources: [a.yaml, b.yaml]\n",
            "envs/one/b/b.yaml": _spelled(CLAIM),
            "envs/one/a/b.yaml": None,
        }
    )
    ((_, _, resource),) = checkout.review().walk()
    assert (resource.change, resource.risks) == (ChangeKind.MOVED, ())


def generated(sync: str = "", finalizers: Any = (), **spec: Any) -> str:
    """An ApplicationSet that makes an Application of each folder."""
    url = "https://g.example.com/r"
    template = {
        "metadata": {"name": "{{path.basename}}", "finalizers": list(finalizers)},
        "spec": {"source": {"repoURL": url, "path": "{{path}}"}, "syncPolicy": {"automated": PRUNES}},
    }
    generator = {"git": {"repoURL": url, "directories": [{"path": "overlays/one/*"}]}}
    policy = {"applicationsSync": sync} if sync else {}
    value = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "all"},
        "spec": {"generators": [generator], "template": template, "syncPolicy": {**policy, **spec}},
    }
    return yaml.safe_dump(value)


@pytest.mark.parametrize(
    ("deployer", "why"),
    [
        (generated(), ""),
        (generated("sync"), ""),
        (generated("create-delete"), ""),
        (generated("create-only"), "web stays, because all has applicationsSync: create-only"),
        (generated("create-update"), "web stays, because all has applicationsSync: create-update"),
        (generated(preserveResourcesOnDeletion=True), "web is removed without a finalizer"),
        (generated(finalizers=[FINALIZER], preserveResourcesOnDeletion=True), ""),
    ],
)
def test_an_application_set_decides_whether_its_applications_are_deleted(
    checkout: Any, deployer: str, why: str
) -> None:
    write(checkout, deployer, _spelled(CLAIM))
    checkout.write({f"overlays/one/web/{name}": None for name in ("kustomization.yaml", "0.yaml", "1.yaml")})
    told = risks(checkout.review())
    assert ("DF101" in told) is (why == "")
    assert why in told.get("DF610", "")


def test_applications_are_deleted_with_their_application_set(checkout: Any) -> None:
    told = removal_of_all(checkout, generated("create-only"), _spelled(CLAIM))
    assert "DF101" in told
    assert "DF610" not in told


@pytest.mark.parametrize(("sync", "is_named"), [("", False), ("create-update", False), ("create-only", True)])
def test_an_application_set_that_does_not_update_is_named(checkout: Any, sync: str, is_named: bool) -> None:
    text = generated(sync)
    write(checkout, text, _spelled(CLAIM))
    checkout.write({"overlays/one/web.yaml": text.replace("prune: true", "prune: false")})
    said = [note.sentence for note in checkout.review().notes]
    assert said == (
        ["web is compared as if it were updated, but the ApplicationSet all has applicationsSync: create-only."]
        if is_named
        else []
    )


def test_what_a_generator_changes_in_an_application_is_shown(checkout: Any) -> None:
    url = "https://g.example.com/r"
    source = {"repoURL": url, "path": "overlays/one/{{name}}", "targetRevision": "{{revision}}"}
    value = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "all"},
        "spec": {
            "generators": [{"git": {"repoURL": url, "files": [{"path": "list/*.yaml"}]}}],
            "template": {
                "metadata": {"name": "{{name}}"},
                "spec": {"source": source, "destination": {"name": "{{cluster}}"}},
            },
        },
    }
    write(checkout, yaml.safe_dump(value), _spelled(CLAIM))
    checkout.commit({"list/web.yaml": "name: web\nrevision: v1\ncluster: a\n"})
    checkout.write({"list/web.yaml": "name: web\nrevision: v2\ncluster: a\n"})
    ((_, _, resource),) = checkout.review().walk()
    assert [(item.path, item.after) for item in resource.fields] == [("spec.source.targetRevision", "v2")]
    assert {risk.rule for risk in resource.risks} == {"DF605"}
    checkout.write({"list/web.yaml": "name: web\nrevision: v1\ncluster: b\n"})
    assert "DF606" in risks(checkout.review())


@pytest.mark.parametrize(
    ("patch", "rule"), [("", "DF101"), ("spec: {syncPolicy: {automated: {prune: false}}}", "DF610")]
)
def test_the_policy_of_a_generated_application_is_its_own(checkout: Any, patch: str, rule: str) -> None:
    value = yaml.safe_load(generated())
    value["spec"]["templatePatch"] = patch
    assert set(removal(checkout, yaml.safe_dump(value), _spelled(CLAIM))) == {rule}


def test_an_application_set_gives_its_applications_a_finalizer() -> None:
    template = {"metadata": {"name": "x"}, "spec": {}}
    policies = {"a": {}, "b": {"preserveResourcesOnDeletion": True}}
    sets = {
        name: {"kind": "ApplicationSet", "spec": {"syncPolicy": policy, "template": template}}
        for name, policy in policies.items()
    }
    assert policy_of(sets["a"]).cascades
    assert not policy_of(sets["b"]).cascades
