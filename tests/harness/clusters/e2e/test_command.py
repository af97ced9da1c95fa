from typing import Any

import pytest

from harness.clusters.e2e import run as suite
from harness.clusters.e2e.command import e2e
from harness.errors import HarnessError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `prove` was asked for."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(suite, "prove", lambda _phases, **options: calls.append(options))
    return calls


def test_the_platform_unless_the_eks_overlay_is_asked_for(asked: list[dict[str, Any]]) -> None:
    e2e(full=True)
    e2e(eks=True, keep=True, keyword="volumes")
    assert [call["suite"].environment for call in asked] == ["e2e", "eks"]
    assert [call["full"] for call in asked] == [True, False]
    assert (asked[1]["keep"], asked[1]["keyword"]) == (True, "volumes")


def test_each_suite_has_an_option_and_there_is_one_at_a_time(asked: list[dict[str, Any]]) -> None:
    e2e(eks=True)
    e2e(aws=True)
    e2e(sign_in=True)
    assert [call["suite"].environment for call in asked] == ["eks", "aws", "sign-in"]
    with pytest.raises(HarnessError, match="--aws and --sign-in are 2 suites") as caught:
        e2e(aws=True, sign_in=True)
    assert caught.value.exit_code == 2
    assert len(asked) == 3


def test_nothing_of_the_eks_overlay_is_broken(asked: list[dict[str, Any]]) -> None:
    with pytest.raises(HarnessError, match="--full has no scenarios") as caught:
        e2e(eks=True, full=True)
    assert caught.value.exit_code == 2
    assert asked == []
