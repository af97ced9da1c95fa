from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import HarnessError
from harness.machine import gobuild
from harness.machine.cache import locked
from harness.machine.gobuild import (
    go,
    needed_version,
    parse_go_version,
    program_name,
    programs,
    programs_folder,
)
from tests.harness.programs import program

HELLO = {"hello": "example.org/hello"}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that pins one program, `hello`; nothing to download."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "greetings"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.org/hello\n\ngo 1.24.0\n")
    (folder / "go.sum").write_text("")
    return folder


UseGo = Callable[..., Path]


@pytest.fixture
def use_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UseGo:
    """Puts a fake `go` of a version first on the PATH."""

    def use(version: str, *, fails: bool = False) -> Path:
        go = fake_go(tmp_path / f"go-{version}{'-fails' if fails else ''}", version, fails=fails)
        monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
        return go

    return use


def fake_go(folder: Path, version: str, *, fails: bool = False) -> Path:
    """A `go` that tells its version, and builds a file for each package that tells what it was built with."""
    failure = "echo 'go: downloading x' >&2; echo 'verifying x: checksum mismatch' >&2; exit 1\n" if fails else ""
    return program(
        folder / "go",
        f'if [ "$1" = version ]; then echo "go version go{version} linux/amd64"; exit; fi\n'
        'if [ "$3" = std ]; then echo compiled >> "$HARNESS_CACHE_DIR/std"; touch "$GOCACHE/std"; exit; fi\n'
        'ls "$GOCACHE" >> "$HARNESS_CACHE_DIR/found"\n'
        'mkdir -p "$GOCACHE" "$GOMODCACHE/x@v1" && touch "$GOCACHE/object" "$GOMODCACHE/x@v1/x.go"\n'
        # As Go does with what it unpacks, unless it is told otherwise.
        'case "$*" in *-modcacherw*) ;; *) chmod a-w "$GOMODCACHE/x@v1" ;; esac\n'
        f'{failure}echo "$*" | grep -q -- -mod=readonly || exit 9\n'
        'while [ "$1" != -o ]; do shift; done\nout=$2; shift 2\n'
        'for package; do echo "$GOTOOLCHAIN $CGO_ENABLED $package" > "$out/${package##*/}"; done',
    )


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27 darwin/arm64", (1, 27)),
        ("go version devel +a1b2 linux/amd64", None),
        ("", None),
    ],
)
def test_parse_go_version(output: str, expected: tuple[int, ...] | None) -> None:
    assert parse_go_version(output) == expected


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("sigs.k8s.io/kind", "kind"),
        ("go.etcd.io/etcd/server/v3", "server"),
        ("github.com/argoproj/argo-cd/v3/cmd", "cmd"),
        (".", "hello"),
    ],
)
def test_the_name_that_go_gives_a_program(package: str, expected: str, module: Path) -> None:
    assert program_name(package, module) == expected


def test_a_new_enough_go_of_the_machine_is_used(module: Path, use_go: UseGo) -> None:
    program = use_go("1.24.0")

    assert go(module) == program
    # No toolchain is downloaded behind the user's back, and no program needs a libc.
    assert (programs(module, HELLO) / "hello").read_text() == "local 0 example.org/hello\n"


def test_compiling_is_announced_in_a_log_once(
    module: Path, use_go: UseGo, capsys: pytest.CaptureFixture[str]
) -> None:
    use_go("1.24.0")
    for _ in range(2):
        programs(module, HELLO, users_caches=True)
    assert capsys.readouterr().err == "compiling hello (usually 1 to 3 minutes) …\n"


@pytest.mark.parametrize("version", [None, "1.23.9", "1.9.7"])
def test_no_go_or_an_older_one_gives_way_to_the_packaged(
    version: str | None, module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(fake_go(tmp_path / "bin", version).parent) if version else str(tmp_path))
    monkeypatch.setattr(gobuild, "package_folder", lambda lock: tmp_path / lock.stem)

    assert go(module) == tmp_path / "go" / "go" / "bin" / "go"
    assert programs_folder(module, HELLO).name.startswith("greetings-")


def test_several_programs_at_once_under_names_of_our_own(module: Path, use_go: UseGo) -> None:
    use_go("1.26.0")

    folder = programs(module, {"argocd": "example.org/argo/cmd", "etcd": "example.org/etcd/server"})

    assert sorted(path.name for path in folder.iterdir()) == ["argocd", "etcd"]
    assert (folder / "argocd").read_text() == "local 0 example.org/argo/cmd\n"


def test_whatever_changes_the_programs_is_another_build(module: Path, use_go: UseGo) -> None:
    use_go("1.26.0")
    folders = [
        programs_folder(module, HELLO),
        programs_folder(module, {"greet": "example.org/hello"}),
        programs_folder(module, HELLO, ldflags="-X main.version=1"),
    ]
    use_go("1.26.1")
    folders.append(programs_folder(module, HELLO))
    (module / "go.sum").write_text("example.org/x v1.0.0 h1:x\n")
    folders.append(programs_folder(module, HELLO))
    (module / "go.mod").write_text("module example.org/hello\n\ngo 1.24.1\n")
    folders.append(programs_folder(module, HELLO))
    (module / "main.go").write_text("package main\n")
    folders.append(programs_folder(module, HELLO))

    assert len(set(folders)) == 7
    assert needed_version(module) == (1, 24, 1)


def test_a_build_that_fails_is_one_sentence(module: Path, use_go: UseGo) -> None:
    use_go("1.26.0", fails=True)

    with pytest.raises(
        HarnessError, match=r"^Could not build hello from greetings/go\.mod \(.*checksum mismatch\)"
    ):
        programs(module, HELLO)

    assert not programs_folder(module, HELLO).exists()


@pytest.mark.parametrize(
    ("said", "free", "is_full"),
    [
        ("write /x: no space left on device", 10**12, True),
        ("package embed is not in std (/go/src/embed)", 0, True),
        ("package embed is not in std (/go/src/embed)", 10**12, False),
        ("verifying x: checksum mismatch", 0, False),
    ],
)
def test_a_full_disk_is_said_to_be_full(
    module: Path, use_go: UseGo, monkeypatch: pytest.MonkeyPatch, said: str, free: int, is_full: bool
) -> None:
    go = use_go("1.26.0", fails=True)
    go.write_text(go.read_text().replace("verifying x: checksum mismatch", said))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(HarnessError, match=r"^Could not build hello") as caught:
        programs(module, HELLO)
    assert ("because the disk is full: make room in" in str(caught.value)) is is_full


@pytest.mark.parametrize(
    ("said", "reason", "step"),
    [
        ("# example.org/hello\n./main.go:3:2: undefined: x", "./main.go:3:2: undefined: x", "correct the source"),
        ("main.go:3:2: example.org/x@v1: Get: no such host", "no such host", "network"),
        ("example.org/big: /go/compile: signal: killed", "signal: killed", "memory ran out"),
        ("main.go:3:2: missing go.sum entry for module x", "missing go.sum entry for module x", "'go mod tidy'"),
        ("go: updates to go.mod needed", "updates to go.mod needed", "'go mod tidy'"),
        ("verifying x: checksum mismatch", "checksum mismatch", "who changed the module"),
    ],
)
def test_the_next_step_of_a_build_that_failed_fits_its_cause(
    module: Path, use_go: UseGo, said: str, reason: str, step: str
) -> None:
    go = use_go("1.26.0", fails=True)
    go.write_text(go.read_text().replace("verifying x: checksum mismatch", said))
    with pytest.raises(HarnessError) as caught:
        programs(module, HELLO)
    before, _, after = str(caught.value).rpartition("): ")
    assert before.startswith("Could not build hello from greetings/go.mod (")
    assert before.endswith(reason)
    assert step in after


def test_what_was_fetched_and_compiled_stays_only_until_the_programs_are_there(
    module: Path, use_go: UseGo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, modules = tmp_path / "own", tmp_path / "modules"
    monkeypatch.setenv("GOCACHE", str(own))
    monkeypatch.setenv("GOMODCACHE", str(modules))
    objects = tmp_path / "cache" / "go-builds"
    use_go("1.26.0", fails=True)
    with pytest.raises(HarnessError):
        programs(module, HELLO)
    # The next try goes on from there.
    (left,) = objects.iterdir()
    assert (left / "objects/object").is_file()
    assert (left / "modules/x@v1/x.go").is_file()

    use_go("1.26.0")
    programs(module, HELLO)
    assert list(objects.iterdir()) == []
    assert not own.exists()
    assert not modules.exists()

    programs(module, {"greet": "example.org/hello"}, users_caches=True)
    assert (own / "object").is_file()
    assert (modules / "x@v1/x.go").is_file()


def test_modules_share_the_compiled_standard_library(module: Path, use_go: UseGo, tmp_path: Path) -> None:
    use_go("1.26.0")
    for name in ("hello", "greet"):
        programs(module, {name: "example.org/hello"})
    assert (tmp_path / "cache" / "std").read_text() == "compiled\n"
    assert (tmp_path / "cache" / "found").read_text() == "std\nstd\n"

    (library,) = (tmp_path / "cache" / "go").glob("standard-library-*")
    gobuild.forget_interrupted()
    assert not library.exists()


def test_what_interrupted_builds_have_left_can_go(module: Path, use_go: UseGo, tmp_path: Path) -> None:
    use_go("1.26.0", fails=True)
    with pytest.raises(HarnessError):
        programs(module, HELLO)
    (leftover,) = (tmp_path / "cache" / "go-builds").iterdir()
    with locked(tmp_path / "cache" / "go" / f".{leftover.name}.lock"):
        gobuild.forget_interrupted()
        assert leftover.exists(), "a build is running"
    gobuild.forget_interrupted()
    assert not leftover.exists()
