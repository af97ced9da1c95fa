"""Go programs, built from modules whose go.mod and go.sum pin every source.

>>> programs(ROOT / "images/minio", {"minio": "github.com/minio/minio"})
PosixPath('…/lakehouse-platform/go/minio-3f0c…')

Each such module is a folder with a go.mod that names the main packages as `tool`s and carries upstream's own
`replace` lines (those of a dependency count for nothing). What is fetched and compiled on the way is kept until the
programs are done, so that building goes on where an interruption stopped it.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from harness.console import working
from harness.errors import HarnessError
from harness.machine.cache import built, cache_root, content_key, is_being_built
from harness.machine.packages import NETWORK_HINT, REQUIREMENTS, package_folder
from harness.machine.process import run
from harness.machine.proxy.certificates import with_certificates
from harness.paths import INSTALLED

GO_LOCK: Final = REQUIREMENTS / "go.txt"
_NOT_IN_STD: Final = "is not in std"
_STANDARD_LIBRARY: Final = "standard-library"
_LEAST_ROOM: Final = 50_000_000
_OTHER_CAUSES: Final = {
    # A package that could not be fetched has a position, too; only the compiler names the package above it.
    r"^# \S+.*\n(.+\.go:\d+.*)$": "correct the source there, or the version in go.mod",
    r"(.*signal: killed.*)$": "see whether memory ran out, free some, and run it again",
    r"(.*(?:missing go\.sum entry|updates to go\.\w+ needed).*)$": "run 'go mod tidy' beside go.mod",
    r"(.*(?:checksum mismatch|SECURITY ERROR).*)$": (
        "find out who changed the module, or whether a proxy on the way serves another one"
    ),
}
"""What else stops a build, by what Go prints, with the next step."""
LDFLAGS: Final = "-s -w"
"""No symbol table and no debugging information: a third less."""


def programs(
    module: Path,
    packages: Mapping[str, str],
    *,
    ldflags: str = LDFLAGS,
    users_caches: bool = False,
    on_line: Callable[[str], None] | None = None,
) -> Path:
    """The folder of the cache that holds main packages, as static programs, and nothing else; built on first use.

    Args:
        module: The folder of the go.mod that pins them.
        packages: The import path of each, by the program's name.
        ldflags: The linker's flags; `-X` sets a version that upstream's own build would.
        users_caches: Use the user's own caches of Go, for small programs that share most of it. Kubernetes, Argo CD
            and the other images would leave 18 GB there.
        on_line: Gets Go's own lines, for a caller that shows progress itself.
    """
    target = programs_folder(module, packages, ldflags=ldflags)
    on_the_way = _on_the_way() / target.name
    own_caches = {"GOCACHE": str(on_the_way / "objects"), "GOMODCACHE": str(on_the_way / "modules")}
    caches = {} if users_caches else own_caches

    def build(aside: Path) -> None:
        names = ", ".join(packages)
        command: list[str | Path] = [go(module), "build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly"]
        if caches:
            # Otherwise Go makes what it unpacks read-only, and it could not be removed.
            command.append("-modcacherw")
            _start_from(_standard_library(module), on_the_way / "objects")
        usually = "1 to 3 minutes" if users_caches else "up to 20 minutes"
        with working(f"compiling {names}", usually=usually) as say:
            run(
                [*command, f"-ldflags={ldflags}", "-o", f"{aside}/", *packages.values()],
                doing=f"build {names} from {module.name}/go.mod",
                hint=NETWORK_HINT,
                env=go_environment() | caches,
                cwd=module,
                explain=lambda said: _no_room(said, names) or _not_the_network(said, names, module),
                on_line=on_line or (lambda line: say(f"compiling {names}: {line}")),
            )
        for name, package in packages.items():
            (aside / program_name(package, module)).rename(aside / name)
        shutil.rmtree(on_the_way, ignore_errors=True)

    return built(target, build)


def _no_room(said: str, names: str) -> HarnessError | None:
    """The error for a build on a full disk, of which Go may say that a package is missing from its library."""
    is_full = any(shutil.disk_usage(folder).free < _LEAST_ROOM for folder in (cache_root(), tempfile.gettempdir()))
    if "no space left on device" not in said and not (is_full and _NOT_IN_STD in said):
        return None
    return HarnessError(
        f"Could not build {names}, because the disk is full: make room in {cache_root()}, in Go's own cache "
        f"and in {tempfile.gettempdir()}, then run it again."
    )


def _not_the_network(said: str, names: str, module: Path) -> HarnessError | None:
    """The error for a build that another try would not help."""
    for pattern, step in _OTHER_CAUSES.items():
        if match := re.search(pattern, said, re.MULTILINE):
            reason = match[1].strip().rstrip(".:")
            return HarnessError(f"Could not build {names} from {module.name}/go.mod ({reason}): {step}.")
    return None


def _standard_library(module: Path) -> Path:
    """Go's cache with the compiled standard library and nothing else; compiled on first use.

    Modules have caches of their own, which are removed after the build; without this folder each of them compiles
    the standard library, which takes 64 s of CPU.
    """

    def build(aside: Path) -> None:
        with working("compiling Go's standard library", usually="under 2 minutes"):
            run(
                [go(module), "build", "-trimpath", "std"],
                doing="build Go's standard library",
                hint="the installation of Go may be incomplete",
                env=go_environment() | {"GOCACHE": str(aside)},
                cwd=module,
                explain=lambda said: _no_room(said, "Go's standard library"),
            )

    return built(_programs_root() / f"{_STANDARD_LIBRARY}-{content_key(go_identity(module))}", build)


def _start_from(objects: Path, cache: Path) -> None:
    """Links compiled objects into a cache of Go, unless a build that was interrupted has left one."""
    if not cache.exists():
        shutil.copytree(objects, cache, copy_function=os.link)


def forget_interrupted() -> None:
    """Removes the compiled standard library and what builds have left that do not run."""
    for leftover in _on_the_way().glob("*"):
        if not is_being_built(_programs_root() / leftover.name):
            shutil.rmtree(leftover, ignore_errors=True)
    for library in _programs_root().glob(f"{_STANDARD_LIBRARY}-*"):
        shutil.rmtree(library, ignore_errors=True)


def _on_the_way() -> Path:
    return cache_root() / "go-builds"


def _programs_root() -> Path:
    return cache_root() / "go"


def programs_folder(module: Path, packages: Mapping[str, str], *, ldflags: str = LDFLAGS) -> Path:
    """Where `programs` keeps what it builds, whether or not it has been built; nothing is fetched."""
    code = sorted(path for path in module.glob("*.go") if not path.name.endswith("_test.go"))
    sources = [module / "go.mod", module / "go.sum", *code]
    named = [f"{name}={package}" for name, package in packages.items()]
    key = content_key(*sources, *named, ldflags, go_identity(module))
    return _programs_root() / f"{module.name}-{key}"


def program_name(package: str, module: Path) -> str:
    """The name that `go build` gives a main package: the path's last part that is no major version.

    >>> program_name("sigs.k8s.io/kustomize/kustomize/v5", Path("tools"))
    'kustomize'
    """
    path = _module_path(module) if package == "." else package
    parts = path.split("/")
    return parts[-2] if re.fullmatch(r"v\d+", parts[-1]) and len(parts) > 1 else parts[-1]


def tools_of(module: Path) -> dict[str, str]:
    """The main packages that the go.mod of `module` names as tools, by the names that Go gives the programs."""
    text = (module / "go.mod").read_text(encoding="utf-8")
    blocks = re.findall(r"^tool \((.*?)^\)", text, re.MULTILINE | re.DOTALL)
    packages = re.findall(r"^tool ([^\s(]+)", text, re.MULTILINE) + " ".join(blocks).split()
    return {program_name(package, module): package for package in packages}


def version_of(package: str, module: Path) -> str:
    """The version of the module that a package of go.mod comes from; empty when go.mod does not require it.

    >>> version_of("github.com/argoproj/argo-cd/v3/cmd", ROOT / "images/without-registry/argocd")
    'v3.6.1'
    """
    return _required(package, module)[1]


def sources_of(package: str, module: Path) -> Path:
    """The sources of the module that a package of go.mod comes from, in the user's module cache.

    They are fetched on first use, checked with the go.sum beside it, and read-only.
    """
    path, version = _required(package, module)
    answer = run(
        [go(module), "mod", "download", "-json", f"{path}@{version}"],
        doing=f"fetch the sources of {path}",
        hint=NETWORK_HINT,
        env=go_environment(),
        cwd=module,
    )
    return Path(json.loads(answer)["Dir"])


def _required(package: str, module: Path) -> tuple[str, str]:
    """Path and version of the module that go.mod requires for a package; both empty when it requires none."""
    text = (module / "go.mod").read_text(encoding="utf-8")
    required = re.findall(r"^(?:require )?\s*([\w./-]+) (v[\w.+-]+)", text, re.MULTILINE)
    fitting = [(path, version) for path, version in required if f"{package}/".startswith(f"{path}/")]
    return max(fitting, default=("", ""), key=lambda pair: len(pair[0]))


def go_environment() -> dict[str, str]:
    """What Go's commands run with: static programs, the toolchain at hand, and the machine's CA bundle."""
    return {**with_certificates(os.environ), "GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}


def go(module: Path) -> Path:
    """A Go that is new enough for `module`: the machine's, else the one that requirements/go.txt pins."""
    return _machines_go(module) or package_folder(_go_lock(module)) / "go" / "bin" / "go"


def any_go(module: Path) -> Path:
    """A Go that compiles nothing, of any version: the machine's, else the one for `module`."""
    machines = shutil.which("go")
    return Path(machines) if machines else go(module)


def go_identity(module: Path) -> str:
    """What tells one toolchain's output from another's, without fetching any: a version, or the lock's text."""
    program = _machines_go(module)
    version = _version_of(program, program.stat().st_mtime_ns) if program else None
    return ".".join(map(str, version)) if version else _go_lock(module).read_text(encoding="utf-8")


def _go_lock(module: Path) -> Path:
    if INSTALLED:
        version = ".".join(map(str, needed_version(module)))
        raise HarnessError(
            f"This installation has no {module.name} and needs Go {version} or newer to compile it: "
            "install Go, or the wheel that 'make dist' builds for this platform."
        )
    return GO_LOCK


def needed_version(module: Path) -> tuple[int, ...]:
    line = re.search(r"^go (\d+(?:\.\d+)*)", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if line is None:
        raise HarnessError(f"{module / 'go.mod'} has no 'go' line: run 'go mod tidy' there.")
    return tuple(map(int, line[1].split(".")))


def parse_go_version(output: str) -> tuple[int, ...] | None:
    """The version in what `go version` prints; None for one that is not a release.

    >>> parse_go_version("go version go1.26.8 linux/amd64")
    (1, 26, 8)
    """
    match = re.search(r"\bgo(\d+(?:\.\d+)+)", output)
    return tuple(map(int, match[1].split("."))) if match else None


def _module_path(module: Path) -> str:
    line = re.search(r"^module (\S+)", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    return line[1] if line else module.name


def _machines_go(module: Path) -> Path | None:
    path = shutil.which("go")
    if path is None:
        return None
    version = _version_of(Path(path), Path(path).stat().st_mtime_ns)
    return Path(path) if version and version >= needed_version(module) else None


@functools.lru_cache
def _version_of(program: Path, changed: int) -> tuple[int, ...] | None:  # noqa: ARG001 - part of the cache's key
    try:
        done = subprocess.run(
            [program, "version"], capture_output=True, text=True, check=False, timeout=60, env=go_environment()
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_go_version(done.stdout) if done.returncode == 0 else None
