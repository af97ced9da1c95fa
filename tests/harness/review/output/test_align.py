"""Two texts side by side: nothing gets lost, and what belongs together stands together."""

from hypothesis import given
from hypothesis import strategies as st

from harness.review.output.align import CONTEXT, Fold, Row, side_by_side, within

LINES = st.lists(st.sampled_from(["a: 1", "a: 2", "b: 1", "- c", "- d", "", "  e: f g", "  e: f h"]), max_size=40)


def texts(rows: list[Row | Fold]) -> tuple[list[str], list[str]]:
    """Both texts, put together again from what is shown and what is folded."""
    left: list[str] = []
    right: list[str] = []
    for row in rows:
        if isinstance(row, Fold):
            left += row.lines
            right += row.lines
            continue
        for side, number, pieces in ((left, row.left_number, row.left), (right, row.right_number, row.right)):
            if number is not None:
                side.append("".join(piece.text for piece in pieces))
                assert number == len(side)
    return left, right


@given(LINES, LINES)
def test_both_texts_are_whole_and_numbered(before: list[str], after: list[str]) -> None:
    assert texts(side_by_side(before, after)) == (before, after)


@given(LINES, LINES)
def test_equal_rows_are_equal_and_others_differ(before: list[str], after: list[str]) -> None:
    for row in side_by_side(before, after):
        if isinstance(row, Row) and row.left_number and row.right_number:
            assert (row.left == row.right) == (row.kind == "equal")


def test_versions_of_a_line_stand_beside_each_other() -> None:
    rows = side_by_side(
        ["kind: A", "  image: x:1", "  end: 1"], ["kind: A", "  new: 1", "  image: x:2", "  end: 1"]
    )
    assert [row.kind for row in rows if isinstance(row, Row)] == ["equal", "add", "change", "equal"]


def test_context_is_kept_and_the_rest_folded() -> None:
    before = [f"line {number}" for number in range(40)]
    rows = side_by_side(before, [*before[:20], "new", *before[20:]])
    assert [len(row.lines) for row in rows if isinstance(row, Fold)] == [20 - CONTEXT, 20 - CONTEXT]
    assert len([row for row in rows if isinstance(row, Row)]) == 2 * CONTEXT + 1


def test_equal_texts_are_one_fold() -> None:
    assert side_by_side(["a", "b"], ["a", "b"]) == [Fold(("a", "b"))]


@given(st.text(max_size=60), st.text(max_size=60))
def test_marks_cover_exactly_what_differs(before: str, after: str) -> None:
    left, right = within(before, after)
    assert "".join(piece.text for piece in left) == before
    assert "".join(piece.text for piece in right) == after
    unmarked = [["".join(p.text for p in side if not p.marked).split()] for side in (left, right)]
    assert unmarked[0] == unmarked[1]


def test_marks_run_on_over_spaces() -> None:
    _, right = within("key: one two three", "key: four five")
    assert [piece.text for piece in right if piece.marked] == ["four five"]


def test_texts_as_long_as_generated_ones_are_aligned_line_by_line() -> None:
    """A quadratic comparison would take minutes here, and the test's time limit would end it."""
    before = [
        f"{'  ' * (number % 7)}type: string" if number % 3 else f"field-{number}:" for number in range(20_000)
    ]
    after = [line.replace("field-9:", "field-x:") for line in before]
    after[15_001:15_001] = ["new: 1"]
    rows = side_by_side(before, after)
    assert texts(rows) == (before, after)
    assert len([row for row in rows if isinstance(row, Row) and row.kind != "equal"]) < 20
