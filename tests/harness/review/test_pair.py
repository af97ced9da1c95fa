"""Pairing: each resource of a side is in exactly one pair; moves and renames are resources."""

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from harness.manifests.build import plain_manifests
from harness.manifests.generated_names import HASH, Names, generated_names
from harness.manifests.resource import Identity, Resource
from harness.review.pair import ReviewedResource, pair, pair_across, parse


def resource(
    kind: str = "Deployment",
    name: str = "a",
    namespace: str = "n",
    api: str = "apps/v1",
    app: str = "x",
    **spec: Any,
) -> ReviewedResource:
    value = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    return ReviewedResource.of(value, identity=Identity(api, kind, namespace, name), application=app)


RESOURCES = st.lists(
    st.builds(
        resource,
        st.sampled_from(["Deployment", "StatefulSet", "Role", "ClusterRole"]),
        st.sampled_from("abc"),
        st.sampled_from(["n", "m", ""]),
        st.sampled_from(["apps/v1", "apps/v1beta1", "v1"]),
        st.sampled_from("xy"),
        replicas=st.integers(1, 2),
    ),
    max_size=6,
)


@given(RESOURCES, RESOURCES)
def test_every_resource_is_in_exactly_one_pair(
    before: list[ReviewedResource], after: list[ReviewedResource]
) -> None:
    for pairs in (pair(before, after), pair_across(pair(before, after))):
        assert sorted(id(item.before) for item in pairs if item.before) == sorted(map(id, before))
        assert sorted(id(item.after) for item in pairs if item.after) == sorted(map(id, after))


def _only(before: ReviewedResource, after: ReviewedResource) -> bool:
    pairs = pair([before], [after])
    return len(pairs) == 1


def test_a_newer_version_a_moved_group_another_kind_and_another_namespace_are_the_same_resource() -> None:
    assert _only(resource(api="policy/v1beta1"), resource(api="policy/v1"))
    assert _only(resource("Ingress", api="extensions/v1beta1"), resource("Ingress", api="networking.k8s.io/v1"))
    assert _only(resource("Deployment", replicas=1), resource("StatefulSet", serviceName="a"))
    assert _only(resource("Role", api="r/v1"), resource("ClusterRole", api="r/v1"))
    assert _only(resource(namespace="n", replicas=1), resource(namespace="m", replicas=1))


def test_a_new_name_with_the_same_content_is_a_rename_and_with_other_content_is_not() -> None:
    spec: dict[str, Any] = {"replicas": 1, "image": "i", "port": 80, "user": "u"}
    assert _only(resource(name="old", **spec), resource(name="new", **spec, more=1))
    assert not _only(resource(name="old", **spec), resource(name="new", replicas=3, image="j", port=81))


def test_the_likest_one_is_the_renamed_one() -> None:
    old = resource(name="old", a=1, b=2, c=3, d=4, e=5)
    near, nearer = resource(name="near", a=1, b=2, c=3, d=4, e=6), resource(name="nearer", a=1, b=2, c=3, d=4, e=5)
    pairs = pair([old], [near, nearer])
    assert next(item.after for item in pairs if item.before is old) is nearer


def test_an_exact_identity_goes_before_everything_else() -> None:
    kept, moved = resource(namespace="n", replicas=1), resource(namespace="m", replicas=2)
    after = [resource(namespace="m", replicas=1), resource(namespace="n", replicas=2)]
    pairs = {item.before: item.after for item in pair([kept, moved], after)}
    assert (pairs[kept], pairs[moved]) == (after[1], after[0])


def test_what_moves_to_another_application_is_found() -> None:
    before, after = resource(app="x"), resource(app="y")
    pairs = pair_across(pair([before], []) + pair([], [after]))
    assert [(item.before, item.after) for item in pairs] == [(before, after)]


def bare(*names: str, kind: str = "ConfigMap", written: bool = False) -> Mapping[str, str]:
    values = [{"apiVersion": "v1", "kind": kind, "metadata": {"name": name}} for name in names]
    hashed = [not written and bool(HASH.search(name)) for name in names]
    return generated_names(
        Resource.of(value, hashed=is_hashed) for value, is_hashed in zip(values, hashed, strict=True)
    ).bare


def test_generated_names_lose_their_hash_unless_two_would_be_the_same() -> None:
    assert bare("c-2ffbg4k9mm", "plain", "not-a-hash-aeiou") == {"c-2ffbg4k9mm": "c"}
    assert bare("c-2ffbg4k9mm", "c-9gkm77dd5h") == {}
    assert bare("c-2ffbg4k9mm", "c") == {}
    assert bare("c-2ffbg4k9mm", kind="Service") == {}
    assert bare("c-2ffbg4k9mm", written=True) == {}


def test_resources_without_a_namespace_go_where_the_application_goes() -> None:
    manifests = [
        Resource.of({"apiVersion": "v1", "kind": kind, "metadata": {"name": "s"}})
        for kind in ("Service", "Namespace")
    ]
    assert [item.identity.namespace for item in parse(manifests, "app", "there", Names())] == ["there", ""]


def test_lists_are_taken_apart_and_what_is_no_resource_is_kept() -> None:
    items = "".join(f"- {{apiVersion: v1, kind: Service, metadata: {{name: {name}}}}}\n" for name in "ab")
    listed = f"apiVersion: v1\nkind: List\nitems:\n{items}"
    manifests = [
        *plain_manifests(listed),
        *plain_manifests("just: text", "x.yaml"),
        *plain_manifests("- 1", "y.yaml"),
    ]
    resources = parse(manifests, "app", "", Names())
    assert [item.identity.name for item in resources] == ["a", "b", "x.yaml", "y.yaml"]
