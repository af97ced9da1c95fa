"""`harness bench`: how long the pipeline and the review take, beside what one would write by hand."""

import datetime as dt
import re
from typing import Annotated, Final, Literal

import typer

from harness import files
from harness.console import err, out
from harness.errors import HarnessError
from harness.paths import ROOT, require_own_checkout

PAGE: Final = ROOT / "docs" / "reference" / "benchmarks.md"
CHART: Final = ROOT / "docs" / "images" / "benchmarks.svg"
SIZES: Final = (10_000, 100_000, 1_000_000)


def bench(
    size: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Number of breweries; repeatable. Default: 10000, 100000 and 1000000.", metavar="N"
        ),
    ] = None,
    only: Annotated[Literal["pipeline", "diff"] | None, typer.Option(help="Time one of the two.")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put the figures into docs/reference/benchmarks.md and its chart.")
    ] = False,
) -> None:
    """Time the pipeline and the overlay review.

    The pipeline runs at several sizes beside DuckDB and delta-rs, the review beside kustomize.

    Examples:
        harness bench
        harness bench --only pipeline --size 10000
    """
    require_own_checkout()
    if only in (None, "pipeline"):
        _pipeline(tuple(size or SIZES), write)
    if only in (None, "diff"):
        _diff(write)


def _pipeline(sizes: tuple[int, ...], write: bool) -> None:
    from harness.bench.page import chart, markdown
    from harness.bench.pipeline import machine, measure

    results = {size: measure(size, lambda line: err.print(line, highlight=False)) for size in sizes}
    command = "make bench" if sizes == SIZES else f"harness bench {' '.join(f'--size {size}' for size in sizes)}"
    text = markdown(command, machine(), results, dt.datetime.now(dt.UTC).date())
    out.print(text, highlight=False, markup=False, soft_wrap=True)
    if write:
        files.write(CHART, chart(results))
        _write("pipeline", text)


def _diff(write: bool) -> None:
    from harness.bench.page import review_markdown
    from harness.bench.pipeline import machine
    from harness.bench.review import bench_diff

    text = review_markdown(machine(), bench_diff(), dt.datetime.now(dt.UTC).date())
    out.print(text, highlight=False, markup=False, soft_wrap=True)
    if write:
        _write("diff", text)


def _write(section: str, text: str) -> None:
    files.write(PAGE, with_section(PAGE.read_text(encoding="utf-8"), section, text))


def with_section(page: str, name: str, text: str) -> str:
    """The page with the text between `<!-- name -->` and `<!-- /name -->` replaced."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(page):
        raise HarnessError(
            f"the page has no section between <!-- {name} --> and <!-- /{name} -->: restore both marks."
        )
    return pattern.sub(lambda match: f"{match[1]}{text}{match[2]}", page)
