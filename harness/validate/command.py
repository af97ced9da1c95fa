"""`harness validate`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import HarnessError
from harness.paths import ROOT


def validate(
    environments: Annotated[
        list[str] | None,
        typer.Argument(help="Folders below overlays/; all when none is named.", metavar="ENV"),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, json, sarif or junit.")] = "text",
    output: Annotated[Path | None, typer.Option(help="Write the findings there instead.", metavar="FILE")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never ask GitHub for an upstream base.")] = False,
    root: Annotated[Path, typer.Option(help="The checkout to validate.", show_default="this one")] = ROOT,
) -> None:
    """Judges the rendered overlays: schemas, references, wave order, policy, parity. docs/validate.md has the
    rules.

    Exit codes: 0 no findings, 1 findings, 2 no such environment or format, 3 a tool could not be had.
    """
    from harness.validate.check import validate as judge
    from harness.validate.output import FORMATS, render, tally

    if form not in FORMATS:
        raise HarnessError(f"There is no format {form!r}: there are {', '.join(FORMATS)}.", exit_code=2)
    root = root.resolve()
    try:
        report = judge(root, environments or (), offline=offline)
    except HarnessError as error:
        raise HarnessError(str(error), exit_code=3 if error.exit_code == 1 else error.exit_code) from error
    if not report.environments:
        raise HarnessError(
            f"{root} has no environment: make a folder with a kustomization below overlays/.", exit_code=2
        )
    content = render(report, form)
    if output is None:
        typer.echo(content, nl=False)
    else:
        _write(output, content)
    if form != "text" or output is not None:
        typer.echo(tally(report), err=True)
    if report.findings:
        raise typer.Exit(1)


def _write(file: Path, content: str) -> None:
    aside = file.with_name(f".{file.name}.writing")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(content, encoding="utf-8")
        aside.replace(file)
    except OSError as error:
        raise HarnessError(
            f"{file} cannot be written ({error.strerror}): name another --output.", exit_code=2
        ) from error
