"""`harness e2e`."""

from typing import Annotated

import typer

from harness.errors import HarnessError


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
    eks: Annotated[
        bool,
        typer.Option("--eks", help="The EKS overlay instead: accepted whole, healthy apart from what needs AWS."),
    ] = False,
) -> None:
    """Proves the platform: a kind cluster, every image, Argo CD, both DAGs over two days, then every scenario.

    A cluster that is up already is used and stays; one that this makes is removed at the end. When something fails,
    logs of everything are in .run/e2e.

    With --eks the cluster is another one, lakehouse-eks: an environment has cluster-wide resources, so that two of
    them cannot be on one.

    Exit codes: 0 all scenarios passed, 1 one did not, or the platform did not come up, 2 --full with --eks,
    130 interrupted.
    """
    from harness.clusters.deploy.phases import Phases
    from harness.clusters.e2e.run import EKS, PLATFORM, prove
    from harness.console import err

    if eks and full:
        raise HarnessError("Nothing of the EKS overlay is broken on purpose: leave out --full.", exit_code=2)
    prove(Phases(err), suite=EKS if eks else PLATFORM, keyword=keyword, keep=keep, full=full)
