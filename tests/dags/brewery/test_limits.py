import pytest

from brewery.contract.limits import LimitError, Limits


def test_what_is_unset_or_empty_keeps_its_default() -> None:
    assert Limits.from_env({"LAKEHOUSE_MAX_DROP": ""}) == Limits()
    given = {"LAKEHOUSE_MAX_DROP": "0.5", "LAKEHOUSE_MAX_AGE_HOURS": "1000", "LAKEHOUSE_WARN_GONE": "0"}
    assert Limits.from_env(given) == Limits(drop=0.5, max_age_hours=1000, warn_gone=0)


@pytest.mark.parametrize("value", ["20 %", "1.5", "-0.1", "nan", "inf"])
def test_a_share_that_is_none_is_named(value: str) -> None:
    with pytest.raises(LimitError, match=f"LAKEHOUSE_MAX_REJECTED_SHARE is '{value}': set it to a share"):
        Limits.from_env({"LAKEHOUSE_MAX_REJECTED_SHARE": value})
