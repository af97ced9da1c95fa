"""Who may do what in the cluster, asked of the cluster, against docs/architecture.md."""

from pathlib import Path
from typing import Final

import pytest

from harness.clusters.kind.kubectl import Kubectl
from tests.live.access import Account, Asked, Right, read
from tests.live.platform import NAMESPACES, Platform

pytestmark = pytest.mark.e2e

ACCOUNTS: Final = read(Path(__file__).with_name("access.yaml"), NAMESPACES)
UPSTREAM: Final = frozenset(name for name in ACCOUNTS if not ACCOUNTS[name].complete)


@pytest.fixture(scope="module")
def asked(platform: Platform) -> Asked:
    return Asked(platform.client)


@pytest.fixture(params=sorted(ACCOUNTS))
def account(request: pytest.FixtureRequest) -> Account:
    return ACCOUNTS[request.param]


def accounts_of(cluster: Kubectl, namespace: str) -> set[str]:
    return {f"{namespace}/{item['metadata']['name']}" for item in cluster.get("serviceaccounts", namespace)}


def test_an_account_may_do_what_it_has_to(asked: Asked, account: Account) -> None:
    assert [str(right) for right in sorted(account.may) if not asked.may(account.name, right)] == []


def test_an_account_may_not_do_what_would_hurt(asked: Asked, account: Account) -> None:
    assert [str(right) for right in sorted(account.may_not) if asked.may(account.name, right)] == []


@pytest.mark.parametrize("name", sorted(ACCOUNTS.keys() - UPSTREAM))
def test_an_account_may_do_nothing_else_in_the_platform(asked: Asked, name: str) -> None:
    granted = {right for namespace in NAMESPACES for right in asked.all_rights(name, namespace)}
    assert {str(right) for right in granted} == {str(right) for right in ACCOUNTS[name].may}


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_an_account_without_a_line_in_the_documentation_may_nothing(
    cluster: Kubectl, asked: Asked, namespace: str
) -> None:
    others = accounts_of(cluster, namespace) - ACCOUNTS.keys()
    if namespace == "cicd":
        # Argo CD's own parts, whose rights within their namespace come from upstream.
        others = {name for name in others if not name.startswith("cicd/argocd-")}
    assert f"{namespace}/default" in others | ACCOUNTS.keys()
    rights = {
        f"{name}: {right}" for name in others for where in NAMESPACES for right in asked.all_rights(name, where)
    }
    assert rights == set()


def test_argo_cds_other_parts_stay_in_their_namespace(cluster: Kubectl, asked: Asked) -> None:
    others = {name for name in accounts_of(cluster, "cicd") - ACCOUNTS.keys() if name.startswith("cicd/argocd-")}
    elsewhere = [namespace for namespace in NAMESPACES if namespace != "cicd"]
    rights = {
        f"{name}: {right}" for name in others for where in elsewhere for right in asked.all_rights(name, where)
    }
    assert others
    assert rights == set()


def test_nobody_is_an_administrator(cluster: Kubectl, asked: Asked) -> None:
    everything = Right.parse("* *.* everywhere")
    names = {name for namespace in NAMESPACES for name in accounts_of(cluster, namespace)}
    assert len(names) > 20
    assert [name for name in sorted(names) if asked.may(name, everything)] == []


def test_asking_tells_yes_from_no(asked: Asked) -> None:
    """What Kubernetes itself has been given is told as such."""
    assert asked.may("kube-system/namespace-controller", Right.parse("delete pods in processing"))
    assert not asked.may("processing/nobody", Right.parse("delete pods in processing"))
