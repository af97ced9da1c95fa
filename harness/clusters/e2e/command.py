"""`harness e2e`."""

from typing import Annotated

import typer

from harness import console
from harness.errors import UsageError
from harness.paths import require_own_checkout


def e2e(
    keyword: Annotated[
        str,
        typer.Option(
            "-k",
            help="Only these scenarios, as with pytest's -k; a cluster that is up is used as it is.",
            metavar="EXPRESSION",
        ),
    ] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the cluster at the end.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Include scenarios that break something or take long.")
    ] = False,
    eks: Annotated[
        bool, typer.Option("--eks", help="Prove the EKS overlay instead: accepted, healthy apart from AWS's part.")
    ] = False,
    aws: Annotated[
        bool,
        typer.Option("--aws", help="Prove components/aws-s3 and aws-rds instead: store and database outside."),
    ] = False,
) -> None:
    """Prove the platform end to end on a kind cluster.

    It builds every image, deploys with Argo CD, runs both DAGs over two days, then every scenario. A cluster that
    is up is used and kept; otherwise one is created and removed at the end. After a failure, .run/e2e has the logs.
    With --eks the cluster is another one, lakehouse-eks; with --aws, lakehouse-aws.

    Examples:
        harness e2e --keep
        harness e2e -k gold
        harness e2e --eks
    """
    from harness.clusters.deploy.phases import Phases
    from harness.clusters.e2e.run import AWS, EKS, PLATFORM, prove

    require_own_checkout()
    if (eks or aws) and full:
        raise UsageError(f"--full has no scenarios for {'--eks' if eks else '--aws'}: leave out --full.")
    if eks and aws:
        raise UsageError("--eks and --aws are two suites: give one.")
    suite = EKS if eks else AWS if aws else PLATFORM
    prove(Phases(console.err), suite=suite, keyword=keyword, keep=keep, full=full)
