"""The review as SARIF."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.review.model import Review
from harness.review.output.sarif import sarif

Reviews = Callable[..., Review]


def run(review: Review) -> dict[str, Any]:
    log = json.loads(sarif(review))
    assert log["version"] == "2.1.0"
    (only,) = log["runs"]
    assert isinstance(only, dict)
    return only


def test_every_result_has_its_rule(sample: Review) -> None:
    content = run(sample)
    rules = [rule["id"] for rule in content["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    for result in content["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"]


def test_a_risk_points_to_its_source(review: Reviews) -> None:
    removed, secret = run(review("loss"))["results"]
    assert (removed["ruleId"], removed["level"]) == ("DF101", "error")
    place = removed["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "base/deepstorage/claim.yaml"
    assert place["region"] == {"startLine": 1}
    assert removed["properties"]["side"] == "base"
    place = secret["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "overlays/eks/database/kustomization.yaml"


def test_a_risk_of_several_environments_is_one_result(review: Reviews) -> None:
    results = run(review("upgrade"))["results"]
    assert [(result["level"], result["properties"]["environments"]) for result in results] == [
        ("warning", ["eks", "minikube"]),
        ("note", ["eks", "minikube"]),
    ]


def test_what_was_not_reviewed_is_a_result(review: Reviews) -> None:
    results = {result["ruleId"]: result for result in run(review("broken"))["results"]}
    assert set(results) == {"DF401", "DF301", "not-rendered", "not-covered", "drift"}
    place = results["not-rendered"]["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == (
        "base/monitoring/kustomization.yaml",
        7,
    )
    assert "another repository" in results["not-covered"]["message"]["text"]


def test_rules_are_described(review: Reviews) -> None:
    described = {
        rule["id"]: rule["shortDescription"]["text"] for rule in run(review("loss"))["tool"]["driver"]["rules"]
    }
    assert described == {"DF101": "Volume claim removed", "DF801": "Secret changes"}


@pytest.mark.parametrize("name", ["upgrade", "loss"])
def test_fingerprints_tell_results_apart_and_outlive_a_run(name: str, review: Reviews) -> None:
    def prints() -> list[str]:
        return [result["partialFingerprints"]["harness/v1"] for result in run(review(name))["results"]]

    assert len(set(prints())) == len(prints()) == 2
    assert prints() == prints()
