"""Who gets in to Airflow's web interface, and as what: the OIDC provider says who somebody is, groups say the rest.

Flask-AppBuilder reads the names in capitals.
"""

import os
from collections.abc import Iterable
from typing import Any

from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from flask_appbuilder.const import AUTH_OAUTH

# A group of the provider, and the role of Airflow that its members have; who is in several has the first.
ROLES = {
    "lakehouse-admins": "Admin",
    "lakehouse-operators": "Op",
    "lakehouse-users": "User",
    "lakehouse-viewers": "Viewer",
}


def role_of(groups: Iterable[Any]) -> str | None:
    """The one role that members of these groups have."""
    members = {*map(str, groups)}
    return next((role for group, role in ROLES.items() if group in members), None)


def account_of(claims: dict[str, Any]) -> dict[str, str]:
    """Airflow's account for the claims of an ID token.

    Raises:
        PermissionError: Their groups have no role here.
    """
    groups = claims.get("groups")
    role = role_of(groups if isinstance(groups, list) else [])
    if role is None:
        raise PermissionError(f"{claims['sub']} is in none of the groups {', '.join(ROLES)}")
    name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    return {
        # The provider never gives it to somebody else, as it may do with a name or an address.
        "username": str(claims["sub"]),
        "email": str(claims.get("email") or f"{claims['sub']}@localhost"),
        "first_name": str(claims.get("given_name") or name),
        "last_name": str(claims.get("family_name") or ""),
        "role": role,
    }


class SecurityManager(FabAirflowSecurityManagerOverride):
    """Takes the ID token, which Authlib has verified; whoever has no role here is refused."""

    def get_oauth_user_info(self, provider: str, resp: dict[str, Any]) -> dict[str, str]:  # noqa: ARG002 - the parent's
        return account_of(resp["userinfo"])


SECURITY_MANAGER_CLASS = SecurityManager
AUTH_TYPE = AUTH_OAUTH
OAUTH_PROVIDERS = [
    {
        "name": "oidc",
        "icon": "fa-key",
        "token_key": "access_token",
        "remote_app": {
            "client_id": os.environ["OIDC_CLIENT_ID"],
            "client_secret": os.environ["OIDC_CLIENT_SECRET"],
            "server_metadata_url": f"{os.environ['OIDC_ISSUER'].rstrip('/')}/.well-known/openid-configuration",
            "client_kwargs": {"scope": "openid profile email groups", "code_challenge_method": "S256"},
        },
    }
]
# An account is made at the first login, and has the role that the groups give at each.
AUTH_USER_REGISTRATION = True
AUTH_USER_REGISTRATION_ROLE_JMESPATH = "role"
AUTH_ROLES_SYNC_AT_LOGIN = True
# As Airflow's own file has it.
WTF_CSRF_ENABLED = True
