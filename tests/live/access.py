"""What docs/architecture.md says about access, and what a cluster answers when it is asked."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from harness.errors import HarnessError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

NOBODY_NEEDS_TO_ASK: Final = frozenset(
    {
        "create selfsubjectreviews.authentication.k8s.io",
        "create selfsubjectaccessreviews.authorization.k8s.io",
        "create selfsubjectrulesreviews.authorization.k8s.io",
        "get clustertrustbundles.certificates.k8s.io",
        "list clustertrustbundles.certificates.k8s.io",
        "watch clustertrustbundles.certificates.k8s.io",
    }
)
"""What Kubernetes lets everybody do who has an account."""


@dataclass(frozen=True, order=True)
class Right:
    """One thing that an account may do: `pods/log` is a resource; the whole cluster has no name as a namespace."""

    verb: str
    resource: str
    group: str
    namespace: str

    @classmethod
    def parse(cls, text: str) -> "Right":
        """Read `VERB RESOURCE[.GROUP] in NAMESPACE`, or `… everywhere`."""
        match = re.fullmatch(r"(\S+) ([^\s.]+)(?:\.(\S+))? (?:in (\S+)|everywhere)", text)
        if match is None:
            raise HarnessError(
                f"{text!r} is no right: write 'VERB RESOURCE[.GROUP] in NAMESPACE' or '… everywhere'."
            )
        verb, resource, group, namespace = match.groups()
        return cls(verb, resource, group or "", namespace or "")

    def __str__(self) -> str:
        dotted = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {dotted} {f'in {self.namespace}' if self.namespace else 'everywhere'}"


@dataclass(frozen=True)
class Account:
    """What is expected of a service account (`namespace/name`); `complete`: it may do nothing else."""

    name: str
    may: frozenset[Right]
    complete: bool
    may_not: frozenset[Right]


def read(file: Path, namespaces: Iterable[str] = ()) -> dict[str, Account]:
    """Accounts by name, from YAML.

    Under each account: `may`, resource -> verbs for each namespace (`everywhere` for the cluster, `each` for all of
    `namespaces` without an entry); `and_more`, true where `may` is not all; `may_not`, rights as `Right.parse`
    reads them.
    """
    accounts = {}
    for name, entry in yaml.safe_load(file.read_text(encoding="utf-8")).items():
        may = dict(entry.get("may") or {})
        may = dict.fromkeys(namespaces, may.pop("each", {})) | may
        rights = frozenset(
            Right.parse(f"{verb} {resource} {where if where == 'everywhere' else f'in {where}'}")
            for where, resources in may.items()
            for resource, verbs in resources.items()
            for verb in verbs
        )
        denied = frozenset(map(Right.parse, entry.get("may_not") or []))
        accounts[name] = Account(name, rights, not entry.get("and_more", False), denied)
    return accounts


def documented(text: str) -> list[str]:
    """Accounts (`namespace/name`) in the first column of the table below a Markdown text's heading "Access"."""
    section = re.split(r"^## ", text.partition("## Access\n")[2], flags=re.MULTILINE)[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return [account for row in rows for account in re.findall(r"`([\w-]+/[\w-]+)`", row)]


def granted(rules: Iterable[Mapping[str, Any]], namespace: str) -> Iterator[Right]:
    """The rights in a SelfSubjectRulesReview's resource rules, wildcards as they are.

    Rules for named resources count as well: whoever may touch one may touch that one.
    """
    for rule in rules:
        for verb in rule.get("verbs") or []:
            for group in rule.get("apiGroups") or [""]:
                for resource in rule.get("resources") or []:
                    right = Right(verb, resource, group, namespace)
                    if str(right).removesuffix(f" in {namespace}") not in NOBODY_NEEDS_TO_ASK:
                        yield right


class Asked:
    """Asks a cluster what accounts may do, as its administrator."""

    def __init__(self, client: "ApiClient") -> None:
        """Takes a client with the right to ask."""
        from kubernetes import client as kubernetes

        self._kubernetes = kubernetes
        self._client = client
        self._authorization = kubernetes.AuthorizationV1Api(client)

    def may(self, account: str, right: Right) -> bool:
        """Whether an account (`namespace/name`) may do something, as `kubectl auth can-i --as` asks."""
        namespace, _, name = account.partition("/")
        resource, _, subresource = right.resource.partition("/")
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{namespace}:{name}",
                "groups": [
                    "system:serviceaccounts",
                    f"system:serviceaccounts:{namespace}",
                    "system:authenticated",
                ],
                "resourceAttributes": {
                    "verb": right.verb,
                    "group": right.group,
                    "resource": resource,
                    "subresource": subresource,
                    "namespace": right.namespace,
                },
            },
        }
        return bool(self._authorization.create_subject_access_review(body).status.allowed)

    def all_rights(self, account: str, namespace: str) -> set[Right]:
        """Everything that an account may do in a namespace, asked in its own name."""
        owner, _, name = account.partition("/")
        client = self._kubernetes.ApiClient(self._client.configuration)
        # Kubernetes adds the groups that every service account is in.
        client.set_default_header("Impersonate-User", f"system:serviceaccount:{owner}:{name}")
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        answer = self._kubernetes.AuthorizationV1Api(client).create_self_subject_rules_review(body)
        rules = [
            {"verbs": rule.verbs, "apiGroups": rule.api_groups, "resources": rule.resources}
            for rule in answer.status.resource_rules
        ]
        return set(granted(rules, namespace))
