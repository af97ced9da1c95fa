"""The comparison of two versions of a resource: nothing that means something is missed, nothing else is shown."""

import copy
import random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.manifests.generated_names import Names
from harness.manifests.kubernetes_yaml import load
from harness.manifests.values import canonical
from harness.review.fields import compare
from harness.review.model import FieldKind

Manifest = dict[str, Any]


def deployment(**container: Any) -> Manifest:
    main = {
        "name": "web",
        "image": "registry.example.com/web:1.0",
        "args": ["serve", "--verbose"],
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}],
        "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9091}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/scratch"}],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
        **container,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {
            "replicas": 2,
            "template": {
                "spec": {
                    "containers": [main, {"name": "proxy", "image": "proxy:2"}],
                    "volumes": [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
                    "tolerations": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}],
                }
            },
        },
    }


def shown(before: Manifest, after: Manifest) -> list[tuple[str, str, Any, Any]]:
    return [(item.path, str(item.kind), item.before, item.after) for item in compare(before, after).changes]


@pytest.mark.parametrize(
    ("kind", "path", "items"),
    [
        (
            "StatefulSet",
            ("spec", "volumeClaimTemplates"),
            [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}],
        ),
        ("PersistentVolumeClaim", ("spec", "accessModes"), ["ReadWriteOnce", "ReadOnlyMany"]),
        ("Deployment", ("spec", "selector", "matchExpressions"), [{"key": "a"}, {"key": "b"}]),
        ("Pod", ("spec", "containers"), [{"name": "a"}, {"name": "b"}]),
        ("Job", ("spec", "template", "spec", "tolerations"), [{"key": "a"}, {"key": "b"}]),
    ],
)
def test_an_order_that_is_rejected_or_restarts_pods_is_shown(kind: str, path: tuple[str, ...], items: Any) -> None:
    def holding(value: Any) -> Manifest:
        for step in reversed(path):
            value = {step: value}
        return {"apiVersion": "apps/v1" if kind != "Pod" else "v1", "kind": kind, **value}

    assert [item[:2] for item in shown(holding(items), holding(items[::-1]))] == [(".".join(path), "reordered")]


@pytest.mark.parametrize("kind", ["Pod", "Namespace", "PersistentVolume"])
def test_a_label_of_a_tool_that_others_may_select_by_is_shown(kind: str) -> None:
    before, after = (
        {"apiVersion": "v1", "kind": kind, "metadata": {"labels": {"helm.sh/chart": chart}}}
        for chart in ("a-1", "a-2")
    )
    assert [item[0] for item in shown(before, after)] == ['metadata.labels["helm.sh/chart"]']


WEB = "spec.template.spec.containers[name=web]"


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"image": "web:2"}, [(f"{WEB}.image", "set", "registry.example.com/web:1.0", "web:2")]),
        ({"args": ["serve"]}, [(f"{WEB}.args[1]", "removed", "--verbose", None)]),
        (
            {"args": ["--verbose", "serve"]},
            [(f"{WEB}.args", "reordered", ["serve", "--verbose"], ["--verbose", "serve"])],
        ),
        (
            {"env": [{"name": "B", "value": "$(A)"}, {"name": "A", "value": "1"}]},
            [(f"{WEB}.env", "reordered", ["name=A", "name=B"], ["name=B", "name=A"])],
        ),
        (
            {"env": [{"name": "A", "value": "2"}, {"name": "B", "value": "$(A)"}]},
            [(f"{WEB}.env[name=A].value", "set", "1", "2")],
        ),
        (
            {"ports": [{"name": "http", "containerPort": 8081}, {"name": "metrics", "containerPort": 9091}]},
            [(f"{WEB}.ports[name=http].containerPort", "set", 8080, 8081)],
        ),
        (
            {"volumeMounts": [{"name": "tmp", "mountPath": "/data"}, {"name": "tmp", "mountPath": "/scratch"}]},
            [(f"{WEB}.volumeMounts[mountPath=/data].name", "set", "data", "tmp")],
        ),
        ({"tty": True}, [(f"{WEB}.tty", "added", None, True)]),
        (
            {"resources": {"requests": {"cpu": "0.4", "memory": "1024Mi"}}},
            [(f"{WEB}.resources.requests.cpu", "set", "500m", "0.4")],
        ),
    ],
)
def test_a_change_of_a_container_is_named_by_its_keys(container: Manifest, expected: list[Any]) -> None:
    assert shown(deployment(), deployment(**container)) == expected


def test_numbers_that_python_takes_as_booleans_differ() -> None:
    assert shown(deployment(tty=1), deployment(tty=True)) == [(f"{WEB}.tty", "set", 1, True)]


def test_roles_are_compared_as_sets() -> None:
    def role(*rules: Manifest) -> Manifest:
        return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": list(rules)}

    pods = {"apiGroups": [""], "resources": ["pods", "pods/log"], "verbs": ["get", "list"]}
    jobs = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}
    mixed = {"apiGroups": [""], "resources": ["pods/log", "pods"], "verbs": ["list", "get"]}
    fields = compare(role(pods, jobs), role(jobs, mixed))
    assert fields.changes == []
    more = {**mixed, "verbs": ["list", "delete", "get"]}
    assert shown(role(pods, jobs), role(jobs, more)) == [("rules[1].verbs[1]", "added", None, "delete")]


def test_a_list_that_is_not_known_keeps_its_order() -> None:
    def resource(*steps: str) -> Manifest:
        return {"apiVersion": "example.com/v1", "kind": "Pipeline", "spec": {"verbs": list(steps)}}

    assert shown(resource("a", "b"), resource("b", "a")) == [("spec.verbs", "reordered", ["a", "b"], ["b", "a"])]


def test_items_with_a_key_twice_are_compared_in_order() -> None:
    before = deployment(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])
    after = deployment(env=[{"name": "A", "value": "1"}, {"name": "A", "value": "3"}])
    assert shown(before, after) == [(f"{WEB}.env[1].value", "set", "2", "3")]


def config_map(**data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


def test_a_document_in_a_config_map_is_compared_field_by_field() -> None:
    before = config_map(**{"app.yaml": "server: {port: 1, hosts: [a, b]}\n"})
    after = config_map(**{"app.yaml": "# new\nserver:\n  hosts: [a, b]\n  port: 2\n"})
    assert shown(before, after) == [('data["app.yaml"]:server.port', "set", 1, 2)]


def test_a_document_that_differs_in_layout_only_is_shown_as_text() -> None:
    (change,) = compare(config_map(**{"a.yaml": "a: 1\n"}), config_map(**{"a.yaml": "# why\na: 1\n"})).changes
    assert change.lines == ("@@ -1 +1,2 @@", "+# why", " a: 1")


def test_lines_that_look_like_the_header_of_a_diff_are_shown() -> None:
    (change,) = compare(config_map(sql="-- a\n-- b\nc\n"), config_map(sql="++ a\nc\n")).changes
    assert [line for line in change.lines if line[0] in "+-"] == ["--- a", "--- b", "+++ a"]


def test_a_text_that_only_loses_its_last_newline_is_shown() -> None:
    (change,) = compare(config_map(a="x\ny\n"), config_map(a="x\ny")).changes
    assert change.lines


def test_secrets_show_keys_only() -> None:
    def secret(**data: str) -> Manifest:
        return {"apiVersion": "v1", "kind": "Secret", "data": data}

    fields = compare(secret(a="canary1", b="canary2"), secret(a="canary3", c="canary4"))
    assert [(item.path, str(item.kind), item.secret) for item in fields.changes] == [
        ("data.a", "set", True),
        ("data.b", "removed", True),
        ("data.c", "added", True),
    ]
    assert "canary" not in repr(fields)
    whole = compare({"apiVersion": "v1", "kind": "Secret"}, secret(a="canary1"))
    assert [item.path for item in whole.changes] == ["data.a"]
    assert "canary" not in repr(whole)


def test_a_secret_inside_a_config_map_is_not_shown_either() -> None:
    def holding(value: str) -> Manifest:
        return config_map(**{"x.yaml": f"apiVersion: v1\nkind: Secret\nstringData:\n  key: {value}\n"})

    fields = compare(holding("canary1"), holding("canary2"))
    assert [item.path for item in fields.changes] == ['data["x.yaml"]:stringData.key']
    assert "canary" not in repr(fields)
    assert "canary" not in repr(compare(config_map(), holding("canary1")))
    assert "canary" not in repr(compare(config_map(**{"x.yaml": "}{"}), holding("canary1")))


@pytest.mark.parametrize(
    ("path", "before", "after", "reason"),
    [
        (("metadata", "labels", "helm.sh/chart"), "web-1", "web-2", "managed label"),
        (("metadata", "annotations", "checksum/config"), "0" * 64, "1" * 64, "checksum"),
        (("metadata", "creationTimestamp"), None, "2026", "field of the server"),
        (("spec", "replicas"), 2, 2.0, "spelling of a number"),
    ],
)
def test_what_means_nothing_is_counted(path: tuple[str, ...], before: Any, after: Any, reason: str) -> None:
    fields = compare(_with(deployment(), path, before), _with(deployment(), path, after))
    assert (fields.changes, dict(fields.folded)) == ([], {reason: 1})


def test_a_checksum_that_is_none_and_a_label_in_a_selector_are_shown() -> None:
    for path in [
        ("metadata", "annotations", "checksum/mode"),
        ("spec", "selector", "matchLabels", "helm.sh/chart"),
    ]:
        fields = compare(_with(deployment(), path, "fast"), _with(deployment(), path, "slow"))
        assert len(fields.changes) == 1


def test_generated_names_are_folded_wherever_they_are() -> None:
    before, after = Names({"c-2ffbg4k9mm": "c"}), Names({"c-9gkm77dd5h": "c"})
    fields = compare(deployment(args=["c-2ffbg4k9mm"]), deployment(args=["c-9gkm77dd5h"]), before, after)
    assert (fields.changes, dict(fields.folded)) == ([], {"generated name": 1})
    other = compare(deployment(args=["d-2ffbg4k9mm"]), deployment(args=["d-9gkm77dd5h"]), before, after)
    assert len(other.changes) == 1


def _with(manifest: Manifest, path: tuple[str, ...], value: Any) -> Manifest:
    at = manifest
    for step in path[:-1]:
        at = at.setdefault(step, {})
    at[path[-1]] = value
    return manifest


SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text("ab1.\n", max_size=3)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "env", "ports", "verbs", "data", "x", "labels"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
APIS = st.sampled_from(
    [("v1", "ConfigMap"), ("apps/v1", "Deployment"), ("example.com/v1", "Thing"), ("v1", "Secret")]
)


def _meaning(value: Any) -> Any:
    """A value with numbers as numbers are: what is left when spellings are folded."""
    if isinstance(value, dict):
        return {key: _meaning(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_meaning(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


@given(APIS, TREES, TREES)
def test_any_difference_is_shown_or_counted(api: tuple[str, str], left: Any, right: Any) -> None:
    before, after = ({"apiVersion": api[0], "kind": api[1], "spec": value} for value in (left, right))
    fields = compare(before, after)
    differs = canonical(_meaning(before)) != canonical(_meaning(after))
    assert bool(fields.changes or fields.folded) >= differs
    if set(fields.folded) <= {"spelling of a number"}:
        assert bool(fields.changes) == differs
    assert len(fields.changes) == len(fields.paths)


def _shuffled(value: Any, source: random.Random, key: str = "") -> Any:
    """The same manifest in other words: keys in another order, and numbers in another spelling."""
    if isinstance(value, dict):
        items = [(name, _shuffled(item, source, name)) for name, item in value.items()]
        source.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [_shuffled(item, source) for item in value]
    if key == "cpu":
        return source.choice(["500m", "0.5", 0.5, "500000u"])
    return source.choice(["1Gi", "1024Mi", "1073741824", 1073741824]) if key == "memory" else value


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from(['"', "'", None]))
def test_what_is_only_written_in_another_way_is_no_change(seed: int, flow: bool, quote: str | None) -> None:
    source = random.Random(seed)
    before = deployment()
    other = yaml.safe_dump(_shuffled(before, source), sort_keys=False, default_flow_style=flow, default_style=quote)
    (after,) = load("# a comment\n" + other)
    assert compare(before, after).changes == []


@given(st.integers(0, 10**6), st.data())
def test_one_real_change_is_found_in_any_layout(seed: int, data: st.DataObject) -> None:
    before = deployment()
    after = copy.deepcopy(before)
    places = list(_scalars(after))
    holder, step = data.draw(st.sampled_from(places))
    holder[step] = f"{holder[step]}-x"
    changes = compare(before, _shuffled(after, random.Random(seed), "")).changes
    # The shuffling rewrites memory and cpu, unless they are what changed.
    assert changes or step in ("cpu", "memory")


def _scalars(value: Any) -> Any:
    for step, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, dict | list):
            yield from _scalars(item)
        else:
            yield value, step


def test_a_removed_and_an_added_field_have_their_kinds() -> None:
    before, after = deployment(), deployment()
    del before["spec"]["replicas"]
    assert [item.kind for item in compare(before, after).changes] == [FieldKind.ADDED]
    assert [item.kind for item in compare(after, before).changes] == [FieldKind.REMOVED]
