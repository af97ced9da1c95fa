import re
from pathlib import Path

import pytest

from harness.clusters.images import contexts
from harness.clusters.images.build import builds_on_spark
from harness.clusters.images.inputs import allowed, files
from harness.clusters.images.recipes import Recipe, recipe
from harness.clusters.images.wanted import wanted
from harness.clusters.without_registry.upstream import FOLDER, UPSTREAM
from harness.machine.gobuild import sources_of, tools_of, version_of
from harness.manifests.images import reference

FOLDERS = ["airflow", "jupyter", "minio", "mock-api", "oidc-provider", "reflector-stand-in", "spark"]


@pytest.mark.parametrize(
    ("repository", "folder"),
    [
        ("lakehouse/airflow", "images/airflow"),
        ("docker.io/example/lakehouse-airflow", "images/airflow"),
        ("lakehouse/reflector-stand-in", "tests/e2e/reflector_stand_in"),
        ("docker.io/library/redis", "images/without-registry/redis"),
        ("public.ecr.aws/docker/library/redis", "images/without-registry/redis"),
        ("mirror.example/quay/argoproj/argocd", "images/without-registry/argocd"),
    ],
)
def test_where_an_image_is_built(repository: str, folder: str, repo: Path) -> None:
    built_from = recipe(repository, repo)

    assert built_from is not None
    assert built_from.folder == repo / folder
    assert built_from.own is not folder.startswith(FOLDER)


@pytest.mark.parametrize("repository", ["docker.io/grafana/grafana", "lakehouse/nothing", "example/notredis"])
def test_an_image_that_can_only_be_pulled(repository: str, repo: Path) -> None:
    assert recipe(repository, repo) is None


def all_recipes(repo: Path) -> dict[str, Recipe]:
    known = {name: recipe(f"lakehouse/{name}", repo) for name in FOLDERS}
    known |= {name: recipe(name, repo) for name in UPSTREAM}
    return {name: value for name, value in known.items() if value is not None}


def test_every_recipe_is_whole(repo: Path) -> None:
    recipes = all_recipes(repo)
    assert len(recipes) == len(FOLDERS) + len(UPSTREAM)
    for name, image in recipes.items():
        text = image.dockerfile.read_text()
        assert files(image.dockerfile.with_name("Dockerfile.dockerignore"), repo) is not None, name
        assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE) or builds_on_spark(image), name
        assert not re.search(r"^USER (?:0|root)\s*$(?![\s\S]*^USER [1-9])", text, re.MULTILINE), name
        if (image.folder / "go.mod").is_file():
            assert "programs" in contexts.needed(image), name
            assert (image.folder / "go.sum").stat().st_size, name


def test_no_recipe_is_for_nothing(repo: Path) -> None:
    """Each image that stands in for upstream's has a recipe, and each recipe an image that an environment names."""
    folders = {path.parent.name for path in (repo / FOLDER).glob("*/Dockerfile")}
    assert {upstream.folder for upstream in UPSTREAM.values()} == folders - {"kind-node"}

    named = {image.repository for name in ("minikube", "sign-in") for image in wanted(name, repo)}
    assert {ending for ending in UPSTREAM if not any(f"/{name}".endswith(f"/{ending}") for name in named)} == set()


def test_what_go_mod_names_is_what_dockerfiles_copy(repo: Path) -> None:
    for name, image in all_recipes(repo).items():
        if (image.folder / "go.mod").is_file():
            text = image.dockerfile.read_text()
            copied = re.search(r"^COPY --from=programs (.+) \S+$", text, re.MULTILINE)
            assert copied, name
            assert set(copied[1].split()) == {f"/{program}" for program in tools_of(image.folder)}, name


def test_programs_of_the_sign_in_suite_are_of_the_tags_that_its_overlay_names(repo: Path) -> None:
    """cert-manager's program is ours, so that its module's version counts."""
    tags = dict(reference(image.name)[:2] for image in wanted("sign-in", repo))
    modules = {
        "docker.io/library/traefik": "github.com/traefik/traefik/v3",
        "quay.io/jetstack/cert-manager-controller": "github.com/cert-manager/cert-manager",
        "quay.io/oauth2-proxy/oauth2-proxy": "github.com/oauth2-proxy/oauth2-proxy/v7",
    }
    for repository, module in modules.items():
        image = recipe(repository, repo)
        assert image is not None
        assert version_of(module, image.folder) == tags[repository]
        assert tags[repository].removeprefix("v") in contexts.ldflags(image)


def test_no_other_environment_builds_them(repo: Path) -> None:
    for name in ("minikube", "e2e", "aws", "eks"):
        named = " ".join(image.repository for image in wanted(name, repo))
        assert not re.search("traefik|cert-manager|oauth2-proxy|oidc-provider", named), name


def test_argo_cd_and_the_operator_are_of_the_tag_that_the_overlay_names(repo: Path) -> None:
    """Their manifests and definitions are of that version, too."""
    tags = dict(reference(image.name)[:2] for image in wanted("minikube", repo))
    for repository in ("quay.io/argoproj/argocd", "ghcr.io/kubeflow/spark-operator/controller"):
        image = recipe(repository, repo)
        assert image is not None
        tool = next(iter(tools_of(image.folder).values()))
        assert version_of(tool, image.folder).removeprefix("v") == tags[repository].removeprefix("v")
        assert tags[repository].removeprefix("v") in contexts.ldflags(image)


def test_what_the_harness_hands_in_is_not_asked_for(repo: Path) -> None:
    names = allowed(repo / "images" / "minio" / "Dockerfile.dockerignore")

    assert names == ["images/settle.sh"]


@pytest.mark.tools
def test_argo_cds_own_image_brings_the_kustomize_that_is_pinned_here(repo: Path) -> None:
    """Argo CD renders with the program of its image, whose version its sources name."""
    recipe_of_argo_cd = recipe("quay.io/argoproj/argocd", repo)
    assert recipe_of_argo_cd is not None
    package = next(iter(tools_of(recipe_of_argo_cd.folder).values()))
    versions = (sources_of(package, recipe_of_argo_cd.folder) / "hack" / "tool-versions.sh").read_text()
    for folder in ("tools", "tools/builder"):
        pinned = version_of("sigs.k8s.io/kustomize/kustomize/v5", repo / folder)
        assert f"\nKUSTOMIZE_VERSION={pinned.removeprefix('v')}\n" in versions, folder


def test_settings_are_judged_by_the_versions_that_run(repo: Path) -> None:
    """The program that reads the settings of these images links their code."""
    tags = dict(reference(image.name)[:2] for image in wanted("minikube", repo))
    helper = repo / "tools" / "texts"
    for image, module in (
        ("prom/alertmanager", "github.com/prometheus/alertmanager"),
        ("prom/statsd-exporter", "github.com/prometheus/statsd_exporter"),
    ):
        (tag,) = (tag for name, tag in tags.items() if name.endswith(image))
        assert version_of(module, helper) == tag, image
