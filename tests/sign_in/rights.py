"""What each person may do once signed in, as components/sign-in/README.md has it, and how to ask."""

import requests

# In Airflow: list users, list connections, change a DAG (404: the right is there, the DAG is not).
AIRFLOW = {"ada": (200, 200, 404), "oli": (403, 200, 404), "uma": (403, 403, 404), "vic": (403, 403, 403)}
# Whether Argo CD lets each sync, see Applications; eve signs in and sees nothing.
ARGOCD = {
    "ada": ("yes", "yes"),
    "oli": ("yes", "yes"),
    "uma": ("no", "yes"),
    "vic": ("no", "yes"),
    "eve": ("no", "no"),
}
# What oauth2-proxy answers who wants to get to JupyterLab.
JUPYTER = {"ada": 403, "oli": 403, "uma": 403, "vic": 200, "eve": 403}


def in_airflow(person: requests.Session, url: str) -> tuple[int, ...]:
    answers = (
        person.get(f"{url}/api/v1/users", timeout=120),
        person.get(f"{url}/api/v1/connections", timeout=120),
        person.patch(f"{url}/api/v1/dags/none", json={"is_paused": True}, timeout=120),
    )
    return tuple(answer.status_code for answer in answers)


def in_argocd(person: requests.Session, url: str) -> tuple[str, ...]:
    asked = f"{url}/api/v1/account/can-i/applications"
    return tuple(
        person.get(f"{asked}/{right}/lakehouse/database", timeout=120).json()["value"] for right in ("sync", "get")
    )
