"""An AppProject that is narrowed or removed under its Applications is a risk."""

from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.tools

OWN = "https://git.example.com/ops/fleet.git"
WIDE: dict[str, Any] = {
    "sourceRepos": ["https://git.example.com/ops/*", "!https://git.example.com/ops/old"],
    "destinations": [
        {"namespace": "w*", "server": "https://kubernetes.default.svc"},
        {"namespace": "!secret", "name": "in-cluster"},
    ],
    "clusterResourceWhitelist": [{"group": "*", "kind": "Namespace"}],
}
BUILT = (
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n---\n"
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n---\n"
    "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: thing}\n"
)


def project(**spec: Any) -> str:
    return yaml.safe_dump(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "shop"}, "spec": spec}
    )


def application(name: str, **destination: str) -> str:
    spec = {
        "project": "shop",
        "source": {"repoURL": "git@git.example.com:ops/fleet", "path": "apps/web"},
        "destination": {"namespace": "web", **(destination or {"name": "in-cluster"})},
    }
    return yaml.safe_dump(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name}, "spec": spec}
    )


def files(**spec: Any) -> dict[str, str]:
    other = application("other").replace("project: shop", "project: default")
    return {
        "argocd/project.yaml": project(**spec),
        "clusters/prod/web.yaml": application("web"),
        "clusters/prod/other.yaml": other,
        "apps/web/all.yaml": BUILT,
    }


def risks(checkout: Any) -> list[str]:
    return [risk.sentence for *_, risk in checkout.review().risks if risk.rule == "DF616"]


@pytest.mark.parametrize(
    ("narrowed", "why"),
    [
        ({"sourceRepos": ["https://git.example.com/other/*"]}, "its source git@git.example.com:ops/fleet"),
        ({"sourceRepos": ["*", "!https://git.example.com/ops/fleet"]}, "its source git@git.example.com:ops/fleet"),
        ({"sourceRepos": ["https://git.example.com/*"]}, "its source git@git.example.com:ops/fleet"),
        ({"destinations": [{"namespace": "shop", "server": "*"}]}, "its destination web"),
        ({"destinations": [{"namespace": "*", "server": "https://other.example.com"}]}, "its destination web"),
        (
            {"destinations": [{"namespace": "*", "server": "*"}, {"namespace": "!web", "server": "*"}]},
            "its destination web",
        ),
        ({"clusterResourceWhitelist": []}, "its Namespace web"),
        ({"clusterResourceBlacklist": [{"group": "", "kind": "Name*"}]}, "its Namespace web"),
        ({"namespaceResourceBlacklist": [{"group": "apps", "kind": "*"}]}, "its Deployment web"),
        ({"namespaceResourceWhitelist": [{"group": "apps", "kind": "Deployment"}]}, "its Thing thing"),
    ],
)
def test_what_a_project_no_longer_permits(checkout: Any, narrowed: dict[str, Any], why: str) -> None:
    checkout.commit(files(**WIDE))
    checkout.write(files(**WIDE | narrowed))
    assert risks(checkout) == [f"AppProject shop no longer permits Application web: {why}."]


@pytest.mark.parametrize(
    "changed",
    [
        {"sourceRepos": ["https://git.example.com/**"]},
        {"sourceRepos": [OWN]},
        {"destinations": [{"namespace": "{web,shop}", "name": "in-*"}]},
        {"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "web"}]},
        {"namespaceResourceBlacklist": [{"group": "batch", "kind": "*"}]},
        {"namespaceResourceWhitelist": [{"group": "*", "kind": "*"}]},
    ],
)
def test_what_a_project_still_permits_is_no_risk(checkout: Any, changed: dict[str, Any]) -> None:
    checkout.commit(files(**WIDE))
    checkout.write(files(**WIDE | changed))
    assert risks(checkout) == []


def test_what_was_not_permitted_before_is_no_risk(checkout: Any) -> None:
    checkout.commit(files(**WIDE | {"sourceRepos": []}))
    checkout.write(files(**WIDE | {"sourceRepos": ["https://x.example.com"]}))
    assert risks(checkout) == []


def test_a_removed_project_is_a_risk_for_its_applications(checkout: Any) -> None:
    checkout.commit(files(**WIDE) | {"argocd/x.yaml": project(**WIDE).replace("name: shop", "name: unused")})
    checkout.write({"argocd/project.yaml": None, "argocd/x.yaml": None})
    assert risks(checkout) == ["AppProject shop is removed, but Application web is of it."]
