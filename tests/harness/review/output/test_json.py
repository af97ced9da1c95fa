"""The review for programs keeps to its schema."""

import json
from collections.abc import Callable

import jsonschema  # type: ignore[import-untyped]  # it has no types of its own
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from harness.review.model import Review
from harness.review.output.json import as_json, schema


@pytest.fixture(scope="session")
def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def test_samples_keep_to_the_schema(sample: Review, validator: jsonschema.Draft202012Validator) -> None:
    validator.validate(json.loads(as_json(sample)))


@settings(max_examples=60)
@given(data=st.data())
def test_any_review_keeps_to_the_schema(
    data: st.DataObject, reviews: SearchStrategy[Review], validator: jsonschema.Draft202012Validator
) -> None:
    review = data.draw(reviews)
    text = as_json(review)
    text.encode("utf-8")
    content = json.loads(text)
    validator.validate(content)
    named = [
        (environment["name"], resource["after"] or resource["before"])
        for environment in content["environments"]
        for application in environment["applications"]
        for resource in application["resources"]
    ]
    assert [(place, identity["name"]) for place, identity in named] == [
        (environment.name, resource.identity.name) for environment, _, resource in review.walk()
    ]


def test_the_schema_takes_nothing_else(
    review: Callable[..., Review], validator: jsonschema.Draft202012Validator
) -> None:
    content = json.loads(as_json(review("loss")))
    content["environments"][0]["applications"][1]["resources"][0]["fields"][0]["before"] = "a secret's value"
    assert not validator.is_valid(content)
    content = json.loads(as_json(review("loss")))
    content["more"] = 1
    assert not validator.is_valid(content)


def test_values_keep_their_types(review: Callable[..., Review]) -> None:
    content = json.loads(as_json(review("moved")))
    fields = content["environments"][0]["applications"][1]["resources"][1]["fields"]
    assert [(field["before"], field["after"]) for field in fields] == [(3, "3"), (True, None), ("", None)]


def test_summary_fields(review: Callable[..., Review]) -> None:
    content = json.loads(as_json(review("loss")))
    assert content["worst"] == "high"
    assert content["totals"] == {"added": 0, "changed": 1, "moved": 0, "removed": 1, "folded": 0}
    assert content["head"] == {"ref": "working tree", "commit": None}
    assert [environment["touched"] for environment in content["environments"]] == [True, False]
