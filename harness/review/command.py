"""`harness diff`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.review.model import Review

_FAILED: Final = 3


def diff(
    base: Annotated[
        str,
        typer.Argument(help="The ref to compare with, such as origin/main.", metavar="BASE", show_default=False),
    ] = "",
    head: Annotated[
        str, typer.Argument(help="The ref to review.", metavar="HEAD", show_default="the working tree")
    ] = "",
    form: Annotated[
        str, typer.Option("--format", "-f", help="text, markdown, html, json or sarif.", metavar="FORMAT")
    ] = "text",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead of printing.", metavar="FILE")
    ] = None,
    limit: Annotated[int, typer.Option(help="Most characters of the Markdown.", metavar="N")] = 65_536,
    link: Annotated[str, typer.Option(help="URL of the whole review, for what the Markdown leaves out.")] = "",
    fail_on: Annotated[
        str,
        typer.Option(
            help="Exit with 3 at a risk of this level or above, or of these rules.", metavar="LEVEL|RULE,…"
        ),
    ] = "",
    environment: Annotated[
        list[str] | None, typer.Option("--env", "-e", help="Only this environment; repeatable.", metavar="ENV")
    ] = None,
    parity: Annotated[
        tuple[str, str] | None,
        typer.Option(help="How these two environments differ from each other.", metavar="ENV ENV"),
    ] = None,
    at: Annotated[
        str,
        typer.Option(help="With --parity and without BASE: the ref to look at.", show_default="the working tree"),
    ] = "",
    direct: Annotated[
        bool, typer.Option("--direct", help="Compare with BASE itself, not with where HEAD parted from it.")
    ] = False,
    repo: Annotated[
        Path, typer.Option("--repo", "-C", help="The repository, or a folder in it.", metavar="PATH")
    ] = Path(),
) -> None:
    """Reviews a change of the overlays: what it does to each environment, with its risks.

    Exit codes: 0 reviewed, 1 something could not be rendered, 2 wrong use, 3 a risk that --fail-on names.
    """
    from harness.review.output import FORMATS
    from harness.review.review import parity_at, review
    from harness.review.risks.judge import parse_threshold

    if form not in FORMATS:
        raise HarnessError(f"--format takes {', '.join(FORMATS)}, not {form!r}.", exit_code=2)
    level, rules = parse_threshold(fail_on)
    if base and at:
        raise HarnessError("--at is for --parity without BASE: give one of the two.", exit_code=2)
    if base:
        found = review(repo, base, head, direct=direct, environments=environment or (), compared=parity)
    elif parity:
        found = parity_at(repo, at, *parity)
    else:
        raise HarnessError("Name the ref to compare with, as in 'harness diff origin/main'.", exit_code=2)

    _show(found, form, output, limit, link)
    if any(problem.side != "base" for problem in found.problems):
        raise HarnessError("The review is not complete: something could not be rendered; it is named above.")
    hits = [risk for *_, risk in found.risks if risk.rule in rules or (level is not None and risk.level >= level)]
    if hits:
        count = f"{len(hits)} risk{'' if len(hits) == 1 else 's'}"
        raise HarnessError(f"{count} of what --fail-on names, the worst: {hits[0].sentence}", exit_code=_FAILED)


def _show(found: "Review", form: str, output: Path | None, limit: int, link: str) -> None:
    """Prints the review, or writes it aside and renames it."""
    from harness.console import err, out
    from harness.review.output import render
    from harness.review.output.groups import headline

    colour = output is None and out.is_terminal and not out.no_color
    text = render(found, form, width=out.width, colour=colour, limit=limit, link=link)
    # Git's file names may be any bytes; what is no UTF-8 in them is shown as a replacement character.
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if output is None:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    aside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text if text.endswith("\n") else f"{text}\n", encoding="utf-8")
        aside.replace(output)
    except OSError as error:
        raise HarnessError(f"{output} cannot be written ({error.strerror}): name another --output.") from error
    err.print(f"{headline(found)} See {output}.", highlight=False, markup=False, soft_wrap=True)
