"""Real logins over HTTPS through the Ingress controller, each with the rights of the groups."""

import base64
import secrets
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.live.platform import Platform
from tests.sign_in.people import GROUPS
from tests.sign_in.rights import AIRFLOW as RIGHTS_IN_AIRFLOW
from tests.sign_in.rights import ARGOCD as RIGHTS_IN_ARGOCD
from tests.sign_in.rights import JUPYTER as ANSWERS_OF_JUPYTER
from tests.sign_in.rights import in_airflow, in_argocd
from tests.sign_in_cluster.entrance import AIRFLOW, ARGOCD, JUPYTER, Entrance
from tests.sign_in_cluster.prepare import PROVIDER

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

# As components/sign-in/README.md has them registered with the provider.
CALLBACKS = {
    f"https://{AIRFLOW}/login/oidc": f"https://{AIRFLOW}/oauth-authorized/oidc",
    f"https://{ARGOCD}/auth/login": f"https://{ARGOCD}/auth/callback",
    f"https://{JUPYTER}/lab": f"https://{JUPYTER}/oauth2/callback",
}


@pytest.mark.parametrize("page", CALLBACKS)
def test_people_are_sent_to_the_provider_and_back_to_a_registered_address(entrance: Entrance, page: str) -> None:
    answer = entrance.browser("eve").get(page, allow_redirects=False, timeout=120)
    place = urlsplit(answer.headers["Location"])
    assert f"{place.scheme}://{place.netloc}{place.path}" == f"https://{PROVIDER}/oidc/authorize"
    assert parse_qs(place.query)["redirect_uri"] == [CALLBACKS[page]]


@pytest.mark.parametrize("name", RIGHTS_IN_AIRFLOW)
def test_airflow_lets_each_do_what_the_role_may(entrance: Entrance, name: str) -> None:
    person = entrance.browser(name)
    page = person.get(f"https://{AIRFLOW}/login/oidc", timeout=120)
    assert (page.status_code, page.url) == (200, f"https://{AIRFLOW}/home")
    assert in_airflow(person, f"https://{AIRFLOW}") == RIGHTS_IN_AIRFLOW[name]


def test_an_admin_of_the_provider_is_admin_in_airflow(entrance: Entrance) -> None:
    person = entrance.browser("ada")
    person.get(f"https://{AIRFLOW}/login/oidc", timeout=120)
    users = person.get(f"https://{AIRFLOW}/api/v1/users", timeout=120).json()["users"]
    assert [user["roles"] for user in users if user["username"] == "ada"] == [[{"name": "Admin"}]]
    # Nobody else is there but by a login, and nobody is called admin.
    assert {user["username"] for user in users} <= GROUPS.keys() - {"eve"}


def test_airflow_refuses_a_stranger_and_a_password(entrance: Entrance, platform: Platform) -> None:
    stranger = entrance.browser("eve")
    page = stranger.get(f"https://{AIRFLOW}/login/oidc", timeout=120)
    assert page.url.startswith(f"https://{AIRFLOW}/login/")
    dags = f"https://{AIRFLOW}/api/v1/dags"
    assert stranger.get(dags, timeout=120).status_code in (401, 403)
    password = platform.secret("orchestrator", "airflow-secrets")["admin-password"]
    assert entrance.browser("").get(dags, auth=("admin", password), timeout=120).status_code in (401, 403)


@pytest.mark.parametrize("name", RIGHTS_IN_ARGOCD)
def test_argo_cd_signs_each_in_with_the_groups_rights(entrance: Entrance, name: str) -> None:
    person = entrance.browser(name)
    # Its pages are not in the image that is built without a registry; the cookie is there all the same.
    person.get(f"https://{ARGOCD}/auth/login?return_url=https://{ARGOCD}/applications", timeout=120)
    info = person.get(f"https://{ARGOCD}/api/v1/session/userinfo", timeout=120).json()
    assert info["loggedIn"] is True, info
    assert (info["groups"], info["iss"]) == (GROUPS[name], f"https://{PROVIDER}/oidc")
    assert in_argocd(person, f"https://{ARGOCD}") == RIGHTS_IN_ARGOCD[name]


def test_a_viewer_sees_the_applications_and_syncs_none(entrance: Entrance, platform: Platform) -> None:
    there = {item["metadata"]["name"] for item in platform.cluster.get("applications.argoproj.io", "cicd")}
    answers = {}
    for name in ("vic", "oli", "eve"):
        person = entrance.browser(name)
        person.get(f"https://{ARGOCD}/auth/login", timeout=120)
        listed = person.get(f"https://{ARGOCD}/api/v1/applications", timeout=120).json()["items"] or []
        sync = f"https://{ARGOCD}/api/v1/applications/database/sync"
        answer = person.post(sync, json={"dryRun": True}, timeout=120)
        answers[name] = ({item["metadata"]["name"] for item in listed}, answer.status_code)
    assert answers == {"vic": (there, 403), "oli": (there, 200), "eve": (set(), 403)}


def test_argo_cd_takes_no_password(entrance: Entrance, platform: Platform) -> None:
    nobody = entrance.browser("")
    password = {"username": "admin", "password": secrets.token_hex(8)}
    assert nobody.post(f"https://{ARGOCD}/api/v1/session", json=password, timeout=120).status_code == 401
    assert nobody.get(f"https://{ARGOCD}/api/v1/applications", timeout=120).status_code == 401


@pytest.mark.parametrize("name", ANSWERS_OF_JUPYTER)
def test_one_group_gets_to_jupyterlab(entrance: Entrance, name: str) -> None:
    page = entrance.browser(name).get(f"https://{JUPYTER}/lab", timeout=120)
    assert page.status_code == ANSWERS_OF_JUPYTER[name]
    assert ("jupyter-config-data" in page.text) is (ANSWERS_OF_JUPYTER[name] == 200)


def test_a_kernel_of_jupyterlab_talks_through_the_ingress(entrance: Entrance) -> None:
    person = entrance.browser("vic")
    person.get(f"https://{JUPYTER}/lab", timeout=120)
    kernels = f"https://{JUPYTER}/api/kernels"
    kernel = person.post(kernels, json={"name": "python3"}, timeout=120).json()["id"]
    try:
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
            "Origin": f"https://{JUPYTER}",
        }
        with person.get(f"{kernels}/{kernel}/channels", headers=handshake, stream=True, timeout=120) as answer:
            assert answer.status_code == 101
    finally:
        person.delete(f"{kernels}/{kernel}", timeout=120)
