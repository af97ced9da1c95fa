"""`harness render`."""

from pathlib import Path
from typing import Annotated

import typer

from harness.errors import HarnessError, unknown
from harness.options import AllowHost, Environment, Offline, Root, output
from harness.paths import checkout


def render(
    environment: Environment,
    target: Annotated[
        Path | None, output("Folder to replace; - prints one YAML stream. Default: build/render/ENV.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this root, such as orchestrator; repeatable.", metavar="NAME")
    ] = None,
    allow_host: AllowHost = None,
    offline: Offline = False,
    root: Root = None,
) -> None:
    """Build the overlay of an environment.

    Writes a file for each resource, and all of them to all.yaml.

    Examples:
        harness render minikube
        harness render eks --only orchestrator -o -
    """
    from harness.console import err
    from harness.inert import one_line, without_commands
    from harness.manifests.builder import build_all
    from harness.manifests.environments import roots
    from harness.manifests.upstream import trusted_hosts
    from harness.manifests.write import stream, write

    folder = checkout(root)
    parts = roots(folder, environment)
    if only:
        missing = sorted(set(only) - {part.name for part in parts})
        if missing:
            raise unknown(f"root of {environment}", missing[0], (part.name for part in parts))
        parts = [part for part in parts if part.name in only]
    builds = build_all(parts, hosts=trusted_hosts(folder, allow_host, offline=offline))
    problems = [problem for build in builds for problem in build.problems]
    for problem in problems:
        said = without_commands(one_line(f"{problem.location}: {problem.message}"))
        err.print(said, highlight=False, markup=False, soft_wrap=True)
    if problems:
        count = len({build.root.name for build in builds if build.problems})
        raise HarnessError(f"{count} of {len(builds)} roots of {environment} could not be built: see above.")
    if str(target) == "-":
        typer.echo(stream(builds), nl=False)
        return
    rendered = (target or folder / "build" / "render" / environment).absolute()
    written = write(builds, rendered)
    err.print(f"{written} resources of {environment} in {rendered}", highlight=False, soft_wrap=True)
