"""Names of the columns for fields that the contract does not know."""

import pytest

from lakehouse import columns
from lakehouse.definitions import SILVER_BREWERIES
from lakehouse.errors import LakehouseError

hypothesis = pytest.importorskip("hypothesis", reason="the Spark 3.3 leg has no hypothesis; the main leg runs this")
st = hypothesis.strategies

NAMES = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    [
        "rating",
        "Rating",
        "a.b",
        "a b",
        "",
        "run_id",
        "value",
        "_metadata",
        "_change_type",
        "\u00e9",
        "e\u0301",
        "field",
    ]
)


def comments(assigned: dict[str, str]) -> dict[str, str]:
    return {column: columns.comment_of(field) for column, field in assigned.items()}


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.sets(NAMES), max_size=5))
def test_each_field_has_a_column_of_its_own_that_it_keeps(days: list[set[str]]) -> None:
    existing: dict[str, str] = {}
    alone = {field: next(iter(columns.assign([field], {}))) for day in days for field in day}
    for day in days:
        assigned = columns.assign(day, existing)
        assert sorted(assigned.values()) == sorted(day)
        # Neither other fields of the day nor those of earlier days have a say in it.
        assert {field: column for column, field in assigned.items()} == {field: alone[field] for field in day}
        existing |= comments(assigned)
    own = set(SILVER_BREWERIES.column_names)
    assert not own & set(existing)
    assert all(name == name.lower() and name.isascii() and not name.startswith("_") for name in existing)


def test_a_plain_name_is_the_columns() -> None:
    assert columns.assign(["rating", "opening_hours", "select", "2nd_phone"], {}) == {
        name: name for name in ("rating", "opening_hours", "select", "2nd_phone")
    }


def test_any_other_name_is_readable_as_far_as_it_can_be() -> None:
    (hours,) = columns.assign(["Opening Hours"], {})
    (japanese,) = columns.assign(["営業時間"], {})
    (long,) = columns.assign(["x" * 1_000], {})
    assert hours.startswith("opening_hours_")
    assert japanese.startswith("field_")
    assert len(long) < 64


@pytest.mark.parametrize(
    "name", ["営業時間", 'a"b', "a'b", "a\\b", "${env:HOME}", "\0\n\u2028\u202e", "", "e\u0301"]
)
def test_the_comment_says_which_field_it_is(name: str) -> None:
    (column,) = columns.assign([name], {})
    comment = columns.comment_of(name)
    assert comment.isprintable()
    assert columns.assign([name, "other"], {column: comment})[column] == name


def test_columns_of_earlier_lakehouses_keep_their_names() -> None:
    """Of letters, digits and `_`, with `source_` before a name that silver has; no comment names the field."""
    old = {
        name: f"Field {name} of the source, as text; not known to this version of the pipeline"
        for name in ("rating", "opening_hours", "source_run_id", "field", "5")
    }
    fields = ["rating", "Rating", "Opening Hours", "opening hours", "run_id", "営業時間", "電話番号", "5"]
    assigned = columns.assign(fields, old)
    kept = {column: field for column, field in assigned.items() if column in old}
    assert kept == {
        "rating": "rating",
        "opening_hours": "Opening Hours",
        "source_run_id": "run_id",
        "field": "営業時間",
        "5": "5",
    }
    assert sorted(assigned.values()) == sorted(fields)
    # From then on, the comment says so.
    later = columns.assign(["opening_hours", "opening hours", "Opening Hours"], {**old, **comments(assigned)})
    assert later["opening_hours"] == "Opening Hours"
    assert {column for column, field in later.items() if field == "opening hours"} <= set(assigned)


def test_a_field_with_the_name_of_another_fields_column_has_another_one() -> None:
    (taken,) = columns.assign(["Opening Hours"], {})
    both = columns.assign(["Opening Hours", taken], {})
    assert sorted(both.values()) == sorted(["Opening Hours", taken])
    later = columns.assign([taken], {taken: columns.comment_of("Opening Hours")})
    assert taken not in later


def test_too_many_fields_are_refused_with_a_sentence() -> None:
    with pytest.raises(LakehouseError, match=r'^Silver would have 10,000 columns .*"0", "1", "10".* 1,000: see '):
        columns.assign(map(str, range(10_000)), {})
    existing = {f"old_{number}": columns.comment_of(f"old_{number}") for number in range(999)}
    assert columns.assign(["new"], existing) == {"new": "new"}
    with pytest.raises(LakehouseError, match="1,001 columns"):
        columns.assign(["new", "newer"], existing)


def test_a_lakehouse_that_has_more_columns_goes_on_with_those() -> None:
    existing = {f"old_{number}": columns.comment_of(f"old_{number}") for number in range(1_200)}
    assert columns.assign(["old_7"], existing) == {"old_7": "old_7"}
    with pytest.raises(LakehouseError):
        columns.assign(["old_7", "new"], existing)
