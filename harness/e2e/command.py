"""`harness e2e`."""

from typing import Annotated

import typer


def e2e(
    keyword: Annotated[
        str,
        typer.Option(
            "-k",
            help="Only these scenarios, as pytest's -k; on a cluster that is up nothing else is done first.",
            metavar="EXPRESSION",
        ),
    ] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the cluster for another try.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Also those that break something on purpose, or take long.")
    ] = False,
) -> None:
    """Proves the platform: a kind cluster, every image, Argo CD, both DAGs over two days, then every scenario.

    A cluster that is up already is used and stays; one that this makes is removed at the end. When something fails,
    logs of everything are in .run/e2e.

    Exit codes: 0 all scenarios passed, 1 one did not, or the platform did not come up.
    """
    from harness.console import err
    from harness.deploy.phases import Phases
    from harness.e2e.run import prove

    prove(Phases(err), keyword=keyword, keep=keep, full=full)
