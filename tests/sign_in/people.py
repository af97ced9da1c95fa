"""Who signs in, and a browser for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import requests

GROUPS: Final[Mapping[str, list[str]]] = {
    "ada": ["staff", "lakehouse-admins"],
    "oli": ["lakehouse-operators"],
    "uma": ["lakehouse-users"],
    "vic": ["lakehouse-viewers", "lakehouse-notebook"],
    "eve": ["staff"],
}
"""By name, as the provider knows them; nobody lets eve in."""


def browser(name: str, authority: Path) -> requests.Session:
    """One that the provider knows as this person."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(authority)
    session.cookies.set("person", name)
    return session
