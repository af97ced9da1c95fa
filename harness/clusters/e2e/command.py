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
    sign_in: Annotated[
        bool,
        typer.Option(
            "--sign-in", help="Prove components/sign-in instead: Ingress, certificates, logins with OIDC."
        ),
    ] = False,
    nodes: Annotated[
        bool, typer.Option("--nodes", help="Prove instead that a drained node of two loses nothing.")
    ] = False,
) -> None:
    """Prove the platform end to end on a kind cluster.

    It builds every image, deploys with Argo CD, runs both DAGs over two days, then every scenario. A cluster that
    is up is used and kept; otherwise one is created and removed at the end. After a failure, .run/e2e has the logs.
    With --eks, --aws, --sign-in and --nodes the cluster is another one: lakehouse-eks, lakehouse-aws,
    lakehouse-sign-in, lakehouse-nodes. The last has two workers.

    Examples:
        harness e2e --keep
        harness e2e -k gold
        harness e2e --eks
    """
    from harness.clusters.deploy.phases import Phases
    from harness.clusters.e2e.run import AWS, EKS, NODES, PLATFORM, SIGN_IN, prove

    require_own_checkout()
    others = {
        "--eks": (eks, EKS),
        "--aws": (aws, AWS),
        "--sign-in": (sign_in, SIGN_IN),
        "--nodes": (nodes, NODES),
    }
    given = {option: suite for option, (is_given, suite) in others.items() if is_given}
    if given and full:
        raise UsageError(f"--full has no scenarios for {next(iter(given))}: leave out --full.")
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are {len(given)} suites: give one.")
    suite = next(iter(given.values()), PLATFORM)
    prove(Phases(console.err), suite=suite, keyword=keyword, keep=keep, full=full)
