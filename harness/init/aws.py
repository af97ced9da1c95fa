"""What an environment needs of AWS, read from its resources: roles, entries of Secrets Manager, buckets."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.errors import HarnessError, UsageError
from harness.init.buckets import USER_ANNOTATION, Bucket, Policies, buckets, statements
from harness.manifests.catalogue import Catalogue, Secret
from harness.manifests.resource import Resource
from harness.manifests.values import dig, string_map
from harness.validate.programs.external_secrets import entries_read

ROLE_ANNOTATION: Final = "eks.amazonaws.com/role-arn"
ISSUER: Final = "ISSUER"
"""Stands in documents for the cluster's OIDC issuer without its scheme, which only AWS knows."""

_ARN: Final = re.compile(r"arn:([\w-]+):iam::(\d{12}):role(/(?:[\w+=,.@-]+/)*)([\w+=,.@-]+)")


@dataclass(frozen=True)
class Role:
    """A role of IAM.

    Attributes:
        accounts: The service accounts that may take it, as namespace:name.
        statements: Of its policy.
    """

    name: str
    path: str
    partition: str
    account: str
    accounts: tuple[str, ...]
    statements: tuple[dict[str, Any], ...]

    @property
    def trust(self) -> dict[str, Any]:
        condition = {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": [f"system:serviceaccount:{account}" for account in self.accounts],
        }
        provider = f"arn:{self.partition}:iam::{self.account}:oidc-provider/{ISSUER}"
        return _document(
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": condition},
            }
        )

    @property
    def policy(self) -> dict[str, Any]:
        return _document(*self.statements)


@dataclass(frozen=True)
class Needs:
    """All that has to be in one account."""

    account: str
    region: str
    roles: tuple[Role, ...]
    secrets: tuple[Secret, ...]
    buckets: tuple[Bucket, ...]


def needs(resources: Iterable[Resource], catalogue: Catalogue, policies: Policies, environment: str) -> Needs:
    """What the resources need.

    Raises:
        HarnessError: They need nothing, or something of it is not known.
    """
    resources = list(resources)
    kinds: dict[str, list[Resource]] = {}
    for resource in resources:
        kinds.setdefault(resource.kind, []).append(resource)
    regions, keys = _stores(kinds)
    arns: dict[str, list[Resource]] = {}
    for account in kinds.get("ServiceAccount", []):
        if arn := string_map(dig(account.value, "metadata", "annotations")).get(ROLE_ANNOTATION):
            arns.setdefault(arn, []).append(account)
    users = {_user(account) for accounts in arns.values() for account in accounts}
    there = buckets(resources, policies) if any(users) else {}
    store = _Store(policies, there)
    roles = [_role(arn, accounts, regions, keys, store) for arn, accounts in sorted(arns.items())]
    if not roles:
        raise UsageError(
            f"{environment} needs nothing of AWS: no ServiceAccount in it has a role ({ROLE_ANNOTATION})."
        )
    if len(numbers := {role.account for role in roles}) > 1 or len({*regions.values()}) > 1:
        several = ", ".join(sorted(numbers if len(numbers) > 1 else {*regions.values()}))
        raise HarnessError(f"{environment} uses more than one account or region ({several}): use one.")
    entries = {key: catalogue.entry(key) for key in sorted({key for read in keys.values() for key in read})}
    if unknown := [key for key, secret in entries.items() if secret is None]:
        raise HarnessError(
            f"Nothing says what {unknown[0]} holds: describe it in harness/manifests/catalogue.yaml."
        )
    secrets = tuple(secret for secret in entries.values() if secret)
    return Needs(roles[0].account, next(iter(regions.values()), ""), tuple(roles), secrets, tuple(there.values()))


@dataclass(frozen=True)
class _Store:
    """The object store: who may do what, in which buckets."""

    policies: Policies
    buckets: Mapping[str, Bucket]


_Account = tuple[str, str]
"""Namespace and name of a service account."""


def _stores(kinds: Mapping[str, list[Resource]]) -> tuple[dict[_Account, str], dict[_Account, set[str]]]:
    """Of each account by which a SecretStore reads: the region, and the entries that ExternalSecrets read."""
    regions: dict[_Account, str] = {}
    keys: dict[_Account, set[str]] = {}
    accounts: dict[tuple[str, str], _Account] = {}
    for store in kinds.get("SecretStore", []):
        aws = dig(store.value, "spec", "provider", "aws")
        if name := dig(aws, "auth", "jwt", "serviceAccountRef", "name"):
            account = accounts[store.namespace, store.name] = (store.namespace, str(name))
            regions[account] = str(dig(aws, "region"))
    for external in kinds.get("ExternalSecret", []):
        reference = str(dig(external.value, "spec", "secretStoreRef", "name"))
        if reader := accounts.get((external.namespace, reference)):
            keys.setdefault(reader, set()).update(key for key, _, _ in entries_read(external.value))
    return regions, keys


def _role(
    arn: str,
    accounts: list[Resource],
    regions: Mapping[_Account, str],
    keys: Mapping[_Account, set[str]],
    store: _Store,
) -> Role:
    match = _ARN.fullmatch(arn)
    if not match:
        raise HarnessError(f"{accounts[0]} names {arn!r}, which is not the ARN of a role: correct the annotation.")
    partition, number, path, name = match.groups()
    allowed: list[dict[str, Any]] = []
    for account in accounts:
        identity, user = (account.namespace, account.name), _user(account)
        if user:
            allowed += statements(user, store.policies, store.buckets, partition)
        if identity in keys:
            prefix = f"arn:{partition}:secretsmanager:{regions[identity]}:{number}:secret:"
            # AWS appends six random characters to an entry's name.
            entries = [f"{prefix}{key}-??????" for key in sorted(keys[identity])]
            allowed.append({"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": entries})
        elif not user:
            raise HarnessError(
                f"Nothing says what {account} does with {arn}: no SecretStore reads entries by it, and it has no "
                f"{USER_ANNOTATION}."
            )
    subjects = tuple(f"{account.namespace}:{account.name}" for account in accounts)
    # Several accounts may be the same user.
    once = tuple(item for index, item in enumerate(allowed) if item not in allowed[:index])
    return Role(name, path, partition, number, subjects, once)


def _user(account: Resource) -> str:
    """Whose policy of the object store an account has; empty for nobody's."""
    return string_map(dig(account.value, "metadata", "annotations")).get(USER_ANNOTATION, "")


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
