"""`harness diff init`."""

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from harness.errors import UsageError
from harness.options import Root


def diff_init(
    show: Annotated[bool, typer.Option("--print", help="Print the configuration instead of writing it.")] = False,
    root: Root = None,
) -> None:
    """Write a starting configuration of the review to pyproject.toml.

    It lists the environments that are discovered, files that a review need not cover, and what it leaves out. An
    existing configuration is never overwritten. (A ref of this name is refs/heads/init.)

    Examples:
        harness diff init
        harness diff init --print
    """
    from harness.files import write
    from harness.inert import without_commands
    from harness.manifests.git import Repository
    from harness.manifests.settings import FILE
    from harness.manifests.tree import Store, git_tree
    from harness.review.init.configuration import configuration
    from harness.review.review import Permissions, built

    with Repository(root or Path()) as repository:
        file = repository.root / FILE
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        tree = git_tree(repository.working_tree(), Store(repository.root, repository))
        (side,) = built(repository, [tree], Permissions())
        text = configuration(side)
    if show:
        typer.echo(without_commands(text), nl=False)
        return
    if "diff" in tomllib.loads(before).get("tool", {}).get("harness", {}):
        raise UsageError(f"{file} already has [tool.harness.diff]: edit it, or see a new one with --print.")
    after = f"{before.rstrip()}\n\n{text}".lstrip()
    try:
        tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} cannot be extended ({error}): insert what --print shows yourself.") from None
    write(file, after)
    count = len(side.environments)
    typer.echo(
        f"{file} now has [tool.harness.diff] for {count} environment{'' if count == 1 else 's'}: "
        "look through it, and commit it.",
        err=True,
    )
