"""`harness report`: the summary of a lakehouse that is already there."""

from pathlib import Path
from typing import Annotated

import typer

from brewery.contract.limits import Limits
from harness.console import out
from harness.files import write_output
from harness.options import LAKEHOUSE, Lakehouse, output


def report(
    lakehouse: Lakehouse = LAKEHOUSE,
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
    from harness.pipeline.lakehouse.s3 import lakehouse_at

    address = lakehouse_at(lakehouse)
    path = (target or address.near("report.html")).expanduser().resolve()
    summary = summarise(address.root, warn_gone=Limits.from_env().warn_gone)
    if print_:
        from harness.pipeline.report.tables import print_summary

        print_summary(summary, out)
        return
    from harness.pipeline.report.html import render

    write_output(path, render(summary))
    out.print(f"Report: {path}", highlight=False, markup=False, soft_wrap=True)
