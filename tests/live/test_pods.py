from typing import Any

import pytest

from tests.live.pods import Seen, held


def pod(name: str, waiting: dict[str, str] | None = None, *, init: bool = False) -> dict[str, Any]:
    state = {"waiting": waiting} if waiting else {"running": {}}
    statuses = "initContainerStatuses" if init else "containerStatuses"
    return {
        "metadata": {"namespace": "processing", "name": name, "labels": {"spark-role": "driver"}},
        "spec": {"serviceAccountName": "spark"},
        "status": {"phase": "Pending", statuses: [{"name": "main", "state": state}]},
    }


@pytest.mark.parametrize("init", [False, True])
def test_a_pod_that_cannot_start_is_named_with_the_reason(init: bool) -> None:
    never = {"reason": "ErrImageNeverPull", "message": "the image is not there"}
    sentence = held([pod("well"), pod("held", never, init=init)])
    expected = "Pod processing/held cannot start its container main: ErrImageNeverPull (the image is not there)."
    assert sentence == expected


PASSING = ("ContainerCreating", "PodInitializing", "ErrImagePull", "CrashLoopBackOff")


@pytest.mark.parametrize("waiting", [*({"reason": reason} for reason in PASSING), None])
def test_what_may_still_pass_holds_nothing(waiting: dict[str, str] | None) -> None:
    new = {"metadata": {"namespace": "n", "name": "without a status yet"}}
    assert held([new, pod("starting", waiting)]) is None


def test_what_counts_of_a_pod_is_kept() -> None:
    assert Seen.of(pod("d")) == Seen("processing", "d", {"spark-role": "driver"}, "spark", "Pending")
