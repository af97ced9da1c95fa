"""`harness render`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import HarnessError
from harness.paths import ROOT


def render(
    environment: Annotated[str, typer.Argument(help="The environment: a folder below overlays/.", metavar="ENV")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to replace with the rendered files; - prints one YAML stream.", metavar="DIR"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this part of it, such as orchestrator; repeatable.", metavar="NAME"),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never ask GitHub for an upstream base.")] = False,
    root: Annotated[Path, typer.Option(help="The checkout to render.", show_default="this one")] = ROOT,
) -> None:
    """Builds an environment's overlay: one file for each resource, and all of it in all.yaml.

    Exit codes: 0 built, 1 something could not be built, 2 no such environment or part.
    """
    from harness.console import err
    from harness.manifests.build import build_all
    from harness.manifests.environments import units
    from harness.manifests.write import stream, write

    root = root.resolve()
    parts = units(root, environment)
    if only:
        missing = sorted(set(only) - {unit.name for unit in parts})
        if missing:
            known = ", ".join(unit.name for unit in parts)
            raise HarnessError(f"{environment} has no part {missing[0]!r}: it has {known}.", exit_code=2)
        parts = [unit for unit in parts if unit.name in only]
    builds = build_all(parts, offline=offline)
    problems = [problem for build in builds for problem in build.problems]
    for problem in problems:
        place = problem.file.relative_to(root) if problem.file.is_relative_to(root) else problem.file
        line = f":{problem.line}" if problem.line else ""
        err.print(f"{place}{line}: {problem.message}", highlight=False, markup=False, soft_wrap=True)
    if problems:
        count = len({build.unit.name for build in builds if build.problems})
        raise HarnessError(f"{count} of {len(builds)} parts of {environment} could not be built: see above.")
    if out is not None and str(out) == "-":
        typer.echo(stream(builds), nl=False)
        return
    folder = (out or ROOT / "build" / "render" / environment).absolute()
    written = write(builds, folder)
    err.print(f"{written} resources of {environment} in {folder}", highlight=False, soft_wrap=True)
