"""`harness init`."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import HarnessError, UsageError
from harness.exits import ExitCode
from harness.options import Environment, Root
from harness.paths import checkout

if TYPE_CHECKING:
    from harness.init.settings import Setting


class AwsFormat(StrEnum):
    """How `--aws` prints."""

    COMMANDS = "commands"
    TERRAFORM = "terraform"


def init(
    environment: Environment,
    repository: Annotated[str | None, typer.Option(help="URL of the git repository.", metavar="URL")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch that Argo CD follows.", metavar="BRANCH")] = None,
    registry: Annotated[str | None, typer.Option(help="Registry and owner of the images.", metavar="NAME")] = None,
    account: Annotated[str | None, typer.Option(help="AWS account.", metavar="DIGITS")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region.", metavar="REGION")] = None,
    database: Annotated[
        str | None, typer.Option(help="Address of the RDS instance, with components/aws-rds.", metavar="HOST")
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="Domain of the web interfaces, with components/sign-in.", metavar="NAME")
    ] = None,
    issuer: Annotated[
        str | None, typer.Option(help="Issuer of the OIDC provider, with components/sign-in.", metavar="URL")
    ] = None,
    authorization_endpoint: Annotated[
        str | None, typer.Option(help="The provider's, from its discovery document.", metavar="URL")
    ] = None,
    token_endpoint: Annotated[str | None, typer.Option(help="Likewise.", metavar="URL")] = None,
    userinfo_endpoint: Annotated[str | None, typer.Option(help="Likewise.", metavar="URL")] = None,
    clients: Annotated[
        str | None, typer.Option(help="Network that may use MinIO's load balancer.", metavar="CIDR")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="List what is still a placeholder.")] = False,
    aws: Annotated[
        AwsFormat | None,
        typer.Option("--aws", help="Print what it needs of AWS: for the AWS CLI, or Terraform's JSON."),
    ] = None,
    root: Root = None,
) -> None:
    """Set the repository, the registry and the AWS account of an environment.

    Writes into overlays/ENV, and asks for what no option gives. Running it again changes what the options name.
    With --check, the exit code is 3 while something is a placeholder. --aws prints how to create the roles, secrets
    and buckets that the rendered overlay names; it calls nothing.

    Examples:
        harness init minikube --repository https://github.com/you/platform.git
        harness init eks
        harness init eks --check
        harness init eks --aws commands
    """
    from harness.init import settings
    from harness.manifests.environments import overlay

    folder = overlay(checkout(root), environment)
    known = settings.of(folder)
    if check:
        open_ = [setting for setting in known if setting.is_placeholder(folder)]
        for setting in open_:
            typer.echo(f"--{setting.name}: {setting.value(folder)} in {setting.file} ({setting.question})")
        if open_:
            raise typer.Exit(ExitCode.ATTENTION)
        typer.echo(f"Nothing in {environment} is a placeholder.")
        return
    if aws:
        typer.echo(_aws(checkout(root), environment, aws, known), nl=False)
        return
    options = {
        "repository": repository,
        "revision": revision,
        "registry": registry,
        "account": account,
        "region": region,
        "database": database,
        "domain": domain,
        "issuer": issuer,
        "authorization-endpoint": authorization_endpoint,
        "token-endpoint": token_endpoint,
        "userinfo-endpoint": userinfo_endpoint,
        "clients": clients,
    }
    given = {name: value for name, value in options.items() if value is not None}
    names = {setting.name for setting in known}
    if unused := [name for name in given if name not in names]:
        raise UsageError(f"{environment} has no setting --{unused[0]}: it has --{', --'.join(sorted(names))}.")
    values = {setting: given[setting.name] for setting in known if setting.name in given}
    missing = [setting for setting in known if setting.name not in given and setting.is_placeholder(folder)]
    if missing and not sys.stdin.isatty():
        raise UsageError(f"{environment} needs --{', --'.join(setting.name for setting in missing)}: give them.")
    for setting in missing:
        values[setting] = typer.prompt(f"{setting.question[0].upper()}{setting.question[1:]}")
    checked = {setting: setting.checked(value, folder) for setting, value in values.items()}
    changed = settings.write(folder, checked)
    for file in changed:
        typer.echo(f"{'wrote' if file.exists() else 'removed'} {file.relative_to(folder.parent.parent)}")
    typer.echo(f"Commit and push this, then: harness validate {environment}" if changed else "Nothing to change.")


def _aws(checkout: Path, environment: str, form: AwsFormat, known: list["Setting"]) -> str:
    from harness.init.aws import needs
    from harness.init.aws_commands import commands
    from harness.init.aws_terraform import terraform
    from harness.init.buckets import policies
    from harness.manifests.builder import build_all
    from harness.manifests.catalogue import of_checkout
    from harness.manifests.environments import overlay, roots

    folder = overlay(checkout, environment)
    if open_ := [item for item in known if item.file.startswith("aws/") and item.is_placeholder(folder)]:
        raise UsageError(
            f"{environment} has a placeholder as --{open_[0].name}: 'harness init {environment}' sets it."
        )
    builds = build_all(roots(checkout, environment))
    for problem in (problem for build in builds for problem in build.problems):
        raise HarnessError(f"{problem.location}: {problem.message} 'harness validate' lists all problems.")
    resources = [resource for build in builds for resource in build.resources]
    required = needs(resources, of_checkout(checkout), policies(checkout), environment)
    return (commands if form is AwsFormat.COMMANDS else terraform)(required, environment)
