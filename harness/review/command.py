"""`harness diff`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from harness.errors import HarnessError, UsageError
from harness.exits import ExitCode
from harness.options import FORMAT, AllowHost, Root, environment_names, output

if TYPE_CHECKING:
    from harness.review.model import Review


def diff(
    base: Annotated[
        str,
        typer.Argument(help="Ref to compare with, such as origin/main.", metavar="BASE", show_default=False),
    ] = "",
    head: Annotated[
        str, typer.Argument(help="Ref to review.", metavar="HEAD", show_default="the working tree")
    ] = "",
    form: Annotated[Literal["text", "markdown", "html", "json", "sarif"], FORMAT] = "text",
    target: Annotated[Path | None, output("File to write instead of printing.")] = None,
    limit: Annotated[int, typer.Option(help="Maximum length of the Markdown.", metavar="CHARACTERS")] = 65_536,
    link: Annotated[
        str, typer.Option(help="URL of the full review, for what the Markdown leaves out.", metavar="URL")
    ] = "",
    fail_on: Annotated[
        str,
        typer.Option(
            help="Exit with 3 if there is a risk of this level or above, or of these rules.",
            metavar="LEVEL|RULE,...",
        ),
    ] = "",
    environment: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            "-e",
            help="Only this environment; repeatable.",
            metavar="ENV",
            autocompletion=environment_names,
        ),
    ] = None,
    parity: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Show how these two environments differ.", metavar="ENV ENV"),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            help="With --parity and without BASE: the ref to look at.",
            metavar="REF",
            show_default="the working tree",
        ),
    ] = "",
    direct: Annotated[
        bool, typer.Option("--direct", help="Compare with BASE itself instead of the merge base.")
    ] = False,
    allow_host: AllowHost = None,
    kustomize_option: Annotated[
        list[str] | None,
        typer.Option(help="Option of `kustomize build` for both sides; repeatable.", metavar="OPTION"),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            help="Changed files, or ENV/APPLICATION, that need not be covered; repeatable.", metavar="PATTERN"
        ),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(help="Only what this file or folder defines or deploys; repeatable.", metavar="PATH"),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only this kind, such as Deployment or deployment.apps; repeatable.", metavar="KIND"),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Only resources of this name (or pattern); repeatable.", metavar="NAME")
    ] = None,
    namespace: Annotated[
        list[str] | None, typer.Option(help="Only this namespace (or pattern); repeatable.", metavar="NAMESPACE")
    ] = None,
    selector: Annotated[
        str, typer.Option("--selector", "-l", help="Only resources with these labels.", metavar="SELECTOR")
    ] = "",
    max_lines: Annotated[int, typer.Option(help="Most lines of the text; 0 for all.", metavar="LINES", min=0)] = 0,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print the headline and the number of risks only, on one line.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print errors, and what filters hide, but no review.")
    ] = False,
    root: Root = None,
) -> None:
    """Review what a change does to each environment, and its risks.

    docs/diff.md explains the review. The exit code is 3 when there is a risk that --fail-on names, and 5 when the
    review does not cover everything that changed. What --path, --kind, --name, --namespace and --selector leave out
    is not judged, but counted in the headline.

    Examples:
        harness diff origin/main
        harness diff v1.0 v1.1 --env eks
        harness diff origin/main --format markdown -o review.md --fail-on high
        harness diff --parity minikube eks
        harness diff origin/main --kind StatefulSet --selector app=web --summary
    """
    from harness.review.filters import Filters, parse_selector
    from harness.review.model import SideName
    from harness.review.review import Permissions, parity_at, review
    from harness.review.risks.judge import parse_threshold

    level, rules = parse_threshold(fail_on)
    filters = Filters(path or (), kind or (), name or (), namespace or (), parse_selector(selector))
    if max_lines and form != "text":
        raise UsageError("--max-lines is for the text: --limit shortens the Markdown.")
    if base and at:
        raise UsageError("--at is for --parity without BASE: give one of the two.")
    repository = root or Path()
    permissions = Permissions(allow_host or (), kustomize_option or (), accept or ())
    if base:
        result = review(
            repository,
            base,
            head,
            direct=direct,
            environments=environment or (),
            compared=parity,
            permissions=permissions,
            filters=filters,
        )
    elif str(filters):
        raise UsageError(f"{filters} chooses among changes: name the ref to compare with, as in 'origin/main'.")
    elif parity:
        result = parity_at(repository, at, *parity, permissions)
    else:
        raise UsageError("Name the ref to compare with, as in 'harness diff origin/main'.")

    _show(result, form, target, limit, link, max_lines, only="summary" if summary else "errors" if quiet else "")
    if any(problem.side is not SideName.BASE for problem in result.problems):
        raise HarnessError("The review is incomplete: see above what could not be built.")
    hits = [risk for *_, risk in result.risks if risk.rule in rules or (level is not None and risk.level >= level)]
    if hits:
        count = f"{len(hits)} risk{'' if len(hits) == 1 else 's'}"
        raise HarnessError(
            f"{count} matched by --fail-on, the worst: {hits[0].sentence}", exit_code=ExitCode.ATTENTION
        )
    if result.uncovered:
        raise HarnessError(
            f"The review does not cover everything: {result.uncovered}. Look at it, or name it with --accept.",
            exit_code=ExitCode.NOT_COVERED,
        )


def _show(
    review: "Review", form: str, target: Path | None, limit: int, link: str, max_lines: int, *, only: str
) -> None:
    """Prints or writes the review; `only` its `summary`, or what goes to the standard error in any case."""
    from harness.console import colour, width
    from harness.files import write_output
    from harness.inert import one_line, without_commands
    from harness.review.output import render
    from harness.review.output.groups import headline, summary

    if target is not None or not only:
        text = render(review, form, width=width(), colour=target is None and colour(), limit=limit, link=link)
        # Git's file names may be any bytes; what is no UTF-8 in them is shown as a replacement character.
        text = _shortened(text, max_lines).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if target is not None:
        write_output(target, text)
    elif not only:
        text = without_commands(text)
        typer.echo(text, nl=not text.endswith("\n"))
    if only == "summary":
        typer.echo(without_commands(one_line(summary(review))))
    elif only and review.hidden:
        typer.echo(without_commands(one_line(headline(review))), err=True)
    elif target is not None and not only:
        typer.echo(without_commands(f"{one_line(headline(review))} See {target}."), err=True)


def _shortened(text: str, most: int) -> str:
    lines = text.splitlines(keepends=True)
    left = len(lines) - most
    if not most or left <= 0:
        return text
    return f"{''.join(lines[:most])}… {left} more line{'' if left == 1 else 's'}: raise --max-lines.\n"
