"""`harness init`."""

import sys
from typing import Annotated

import typer

from harness.errors import UsageError
from harness.exits import ExitCode
from harness.options import Environment, Root
from harness.paths import checkout


def init(
    environment: Environment,
    repository: Annotated[str | None, typer.Option(help="URL of the git repository.", metavar="URL")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch that Argo CD follows.", metavar="BRANCH")] = None,
    registry: Annotated[str | None, typer.Option(help="Registry and owner of the images.", metavar="NAME")] = None,
    account: Annotated[str | None, typer.Option(help="AWS account.", metavar="DIGITS")] = None,
    region: Annotated[str | None, typer.Option(help="AWS region.", metavar="REGION")] = None,
    clients: Annotated[
        str | None, typer.Option(help="Network that may use MinIO's load balancer.", metavar="CIDR")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="List what is still a placeholder.")] = False,
    root: Root = None,
) -> None:
    """Set the repository, the registry and the AWS account of an environment.

    Writes into overlays/ENV, and asks for what no option gives. Running it again changes what the options name.
    With --check, the exit code is 3 while something is a placeholder.

    Examples:
        harness init minikube --repository https://github.com/you/platform.git
        harness init eks
        harness init eks --check
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
    options = {
        "repository": repository,
        "revision": revision,
        "registry": registry,
        "account": account,
        "region": region,
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
