"""`harness report`: the summary of a lakehouse that is already there."""

from pathlib import Path
from typing import Annotated

import typer

from brewery.contract.limits import Limits
from harness.console import out
from harness.files import write_output
from harness.options import Lakehouse, output
from harness.paths import RUN_DIR


def report(
    lakehouse: Lakehouse = RUN_DIR / "lakehouse",
    target: Annotated[Path | None, output("HTML file to write. Default: report.html beside the lakehouse.")] = None,
    print_: Annotated[bool, typer.Option("--print", help="Print the gold tables and write no file.")] = False,
) -> None:
    """Write the HTML report of an existing lakehouse.

    Examples:
        harness report
        harness report --lakehouse /data/lakehouse -o report.html
        harness report --print
    """
    # Imported here: `harness --help` should not wait for Arrow and the maps.
    from harness.pipeline.lakehouse.read import summarise

    root = lakehouse.expanduser().resolve()
    summary = summarise(root, warn_gone=Limits.from_env().warn_gone)
    if print_:
        from harness.pipeline.report.tables import print_summary

        print_summary(summary, out)
        return
    from harness.pipeline.report.html import render

    path = (target or root.parent / "report.html").expanduser().resolve()
    write_output(path, render(summary))
    out.print(f"Report: {path}", highlight=False, markup=False, soft_wrap=True)
