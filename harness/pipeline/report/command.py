"""`harness report`: the summary of a lakehouse that is already there."""

from pathlib import Path
from typing import Annotated

import typer

from harness.console import out as console
from harness.paths import RUN_DIR


def report(
    lakehouse: Annotated[
        Path, typer.Option(help="Folder of the lakehouse.", show_default=".run/lakehouse")
    ] = RUN_DIR / "lakehouse",
    out: Annotated[
        Path | None, typer.Option(help="The HTML file. Default: report.html beside the lakehouse.")
    ] = None,
    print_: Annotated[bool, typer.Option("--print", help="Only print the gold tables, and write no file.")] = False,
) -> None:
    """Write the HTML report of a lakehouse again, or print its gold tables."""
    # Imported here: `harness --help` should not wait for Arrow and the maps.
    from harness.pipeline.lakehouse.read import summarise

    summary = summarise(lakehouse.expanduser().resolve())
    if print_:
        from harness.pipeline.report.tables import print_summary

        print_summary(summary, console)
        return
    from harness.pipeline.report.html import write_report

    root = lakehouse.expanduser().resolve()
    written = write_report(summary, (out or root.parent / "report.html").expanduser().resolve())
    console.print(f"Report: {written}", highlight=False, markup=False, soft_wrap=True)
