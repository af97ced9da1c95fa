"""At most one class of a kind is the default."""

import pytest

from harness.validate.kubernetes.defaults import check
from tests.harness.validate.made import made

PRIORITY = (
    "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nvalue: 1\n"
    "metadata: {name: NAME}\nglobalDefault: SWITCH\n"
)
STORAGE = (
    "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nprovisioner: a\n"
    "metadata: {name: NAME, annotations: {storageclass.kubernetes.io/is-default-class: 'SWITCH'}}\n"
)
INGRESS = (
    "apiVersion: networking.k8s.io/v1\nkind: IngressClass\n"
    "metadata: {name: NAME, annotations: {ingressclass.kubernetes.io/is-default-class: 'SWITCH'}}\n"
)


@pytest.mark.parametrize("manifest", [PRIORITY, STORAGE, INGRESS])
@pytest.mark.parametrize(("switches", "wrong"), [(("true", "false"), 0), (("true",) * 2, 1), (("true",) * 3, 2)])
def test_defaults(manifest: str, switches: tuple[str, ...], wrong: int) -> None:
    every = [manifest.replace("NAME", f"n{at}").replace("SWITCH", switch) for at, switch in enumerate(switches)]
    found = [violation.message for violation in check(made("---\n".join(every)))]
    assert [f" n{at} is the default, as " in message for at, message in enumerate(found, 1)] == [True] * wrong


def test_defaults_of_two_kinds() -> None:
    text = "---\n".join(one.replace("NAME", "a").replace("SWITCH", "true") for one in (PRIORITY, STORAGE, INGRESS))
    assert list(check(made(text))) == []
