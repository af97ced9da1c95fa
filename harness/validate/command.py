"""`harness validate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.errors import UsageError
from harness.exits import ExitCode
from harness.files import write_output
from harness.inert import one_line, without_commands
from harness.options import FORMAT, AllowHost, KustomizeOption, Offline, Root, environment_names, output
from harness.paths import repository


def validate(
    environments: Annotated[
        list[str] | None,
        typer.Argument(
            help="Environments; all by default.",
            metavar="ENV",
            autocompletion=environment_names,
        ),
    ] = None,
    form: Annotated[Literal["text", "json", "sarif", "junit"], FORMAT] = "text",
    target: Annotated[Path | None, output("File to write instead of printing.")] = None,
    allow_host: AllowHost = None,
    kustomize_option: KustomizeOption = None,
    offline: Offline = False,
    root: Root = None,
) -> None:
    """Check overlays: schemas, references, wave order, policy, parity.

    docs/validate.md explains which rules judge which repository. The exit code is 3 when there are findings.

    Examples:
        harness validate
        harness validate minikube --format json
        harness validate --format sarif -o validate.sarif
    """
    from harness.manifests.upstream import trusted_hosts
    from harness.validate.check import validate as judge
    from harness.validate.output import render, tally

    folder = repository(root)
    hosts = trusted_hosts(folder, allow_host, offline=offline)
    report = judge(folder, environments or (), hosts=hosts, options=kustomize_option or ())
    if not report.environments:
        raise UsageError(
            f"{folder} has no environment, because it has neither a kustomization nor an Application: "
            "name a checkout with -C."
        )
    content = render(report, form)
    if target is None:
        typer.echo(without_commands(content), nl=False)
    else:
        write_output(target, content)
    if form != "text" or target is not None:
        typer.echo(without_commands(one_line(tally(report))), err=True)
    if report.findings or report.is_partial:
        raise typer.Exit(ExitCode.ATTENTION)
