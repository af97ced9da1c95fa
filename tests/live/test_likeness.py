from typing import Any

import pytest

from tests.live.likeness import differences, identity


def pod(**spec: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "a", "labels": {"x": "1"}}, "spec": spec}


def test_states_and_the_servers_own_notes_do_not_count() -> None:
    live = pod(hostname="b") | {"status": {"phase": "Running"}}
    live["metadata"] = live["metadata"] | {"uid": "0", "resourceVersion": "7", "generation": 3, "managedFields": []}
    assert differences(pod(hostname="b"), live) == []


@pytest.mark.parametrize(
    ("other", "path"),
    [
        (pod(containers=[{"image": "a:2"}]), "spec.containers[0].image"),
        (pod(containers=[{"image": "a:1"}, {"image": "b:1"}]), "spec.containers"),
        (pod(containers=[{"image": "a:1"}], hostname="b"), "spec.hostname"),
        (pod(), "spec.containers"),
        (pod(containers=[{"image": "a:1"}]) | {"metadata": {"name": "a", "labels": {}}}, "metadata.labels.x"),
    ],
)
def test_a_difference_is_told_by_its_place_whichever_way_round(other: dict[str, Any], path: str) -> None:
    one = pod(containers=[{"image": "a:1"}])
    assert differences(one, other) == [path]
    assert differences(other, one) == [path]


def test_what_has_no_namespace_is_known_by_kind_and_name() -> None:
    assert identity(pod()) == ("Pod", "", "a")
    assert identity({"kind": "Pod", "metadata": {"name": "a", "namespace": "n"}}) == ("Pod", "n", "a")
