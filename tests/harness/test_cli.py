import contextlib
import fcntl
import os
import pty
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from harness.cli import COMMANDS, app, load
from harness.exits import ExitCode
from tests.processes import started

COLOUR = re.compile(r"\033\[(?:\d+;)*[349]\d[;m]")
HARNESS = [sys.executable, "-m", "harness"]


def harness(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [*HARNESS, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=environment
    )


def in_process(repo: Path, what: str) -> subprocess.CompletedProcess[str]:
    """A command that does this instead of its work."""
    program = (
        "import os, sys, urllib.error; from harness import cli; from harness.machine import command\n"
        "def raise_(error): raise error\n"
        f"command._show = lambda *_: {what}\n"
        "sys.argv = ['harness', 'setup', '--java']; cli.main()"
    )
    return subprocess.run([sys.executable, "-c", program], cwd=repo, capture_output=True, text=True, check=False)


def on_a_terminal(folder: Path, arguments: tuple[str, ...], **variables: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    with started(
        [*HARNESS, *arguments], cwd=folder, stdout=writer, stderr=writer, env={**environment, **variables}
    ):
        os.close(writer)
        output = b""
        with contextlib.suppress(OSError):
            while part := os.read(reader, 65_536):
                output += part
    os.close(reader)
    return output.decode()


def commands() -> Iterator[tuple[str, Any]]:
    """Every command and group, by its full name."""
    yield "", get_command(app)
    for name in COMMANDS:
        command = load(name)
        yield name, command
        for child, subcommand in getattr(command, "commands", {}).items():
            yield f"{name} {child}", subcommand


EVERY = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_map_summarises_a_command_as_its_own_help_does(name: str) -> None:
    assert load(name).short_help == COMMANDS[name].summary


def test_the_help_lists_every_command_and_imports_none(repo: Path) -> None:
    done = harness(repo, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert [name for name in COMMANDS if f"  {name} " not in done.stdout] == []
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "harness.cli" in imported
    assert {name for name in imported if name.endswith(".command") or name.startswith("rich.")} == set()


@pytest.mark.parametrize("name", EVERY)
def test_help_needs_no_option_shows_flags_plainly_and_gives_examples(name: str) -> None:
    command = EVERY[name]
    context = command.make_context("harness", [], resilient_parsing=True)
    text = command.get_help(context)
    assert "<bool>" not in text
    examples = re.findall(r"^ +(harness .+)$", text.partition("Examples:")[2].partition("\n\n")[0], re.MULTILINE)
    assert examples
    for example in examples:
        assert example.startswith(f"harness {name}")
        parse(shlex.split(example)[1:])


def parse(words: list[str]) -> None:
    """Parses a command line as an invocation would, without running it."""
    command: Any = get_command(app)
    context = typer.Context(command)
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        context = typer.Context(command, info_name=name, parent=context)
    command.make_context(context.info_name, words, parent=context.parent)


def test_options_have_the_same_names_everywhere() -> None:
    names: dict[str, set[tuple[str, ...]]] = {}
    for command in EVERY.values():
        for option in command.params:
            for name in option.opts:
                names.setdefault(name, set()).add(tuple(option.opts))
    assert {name: forms for name, forms in names.items() if len(forms) > 1} == {}
    assert {"--json", "--out", "--repo", "--report"} & set(names) == set()
    assert names["--output"] == {("--output", "-o")}
    assert names["--root"] == {("--root", "-C")}
    assert names["--format"] == {("--format", "-f")}


@pytest.mark.parametrize("name", ["images list", "cluster status", "doctor", "secrets list", "validate", "diff"])
def test_results_come_as_json(name: str) -> None:
    (form,) = (option for option in EVERY[name].params if "--format" in option.opts)
    assert "json" in form.type_descriptor.choices


def test_completion_is_installed_at_the_top_level_only() -> None:
    with_completion = {
        name for name, command in EVERY.items() if any("completion" in option.name for option in command.params)
    }
    assert with_completion == {""}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(repo: Path, shell: str) -> None:
    script = harness(repo, _HARNESS_COMPLETE=f"source_{shell}").stdout
    assert f"_HARNESS_COMPLETE=complete_{shell}" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("va", {"validate"}),
        ("images l", {"list", "load"}),
        ("validate m", {"minikube"}),
        ("render e", {"eks"}),
        ("diff --env m", {"minikube"}),
        ("validate --fo", {"--format"}),
        ("validate --format s", {"sarif"}),
        ("secrets apply --con", {"--context"}),
    ],
)
def test_commands_options_and_environments_complete(repo: Path, line: str, expected: set[str]) -> None:
    words = f"harness {line}"
    variables = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    bash = harness(repo / "docs", **variables, _HARNESS_COMPLETE="complete_bash")
    assert set(bash.stdout.split()) == expected
    fish = {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert expected <= set(harness(repo, **fish, _HARNESS_COMPLETE="complete_fish").stdout.split())
    zsh = harness(repo, _TYPER_COMPLETE_ARGS=words, _HARNESS_COMPLETE="complete_zsh").stdout
    assert all(f'"{word}"' in zsh for word in expected)


def test_the_version(repo: Path) -> None:
    assert re.fullmatch(r"harness \d+\.\d+\.\d+\n", harness(repo, "--version").stdout)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("vlidate",), "No such command 'vlidate'. Did you mean 'validate'? Try 'harness --help'."),
        (("images", "lst"), "No such command 'lst'. Did you mean 'list'? Try 'harness images --help'."),
        (("validate", "minkube"), "There is no environment 'minkube'; did you mean 'minikube'?"),
        (("run", "--breweries", "none"), "Invalid value for '--breweries': 'none' is not a whole number."),
        (("run", "--breweries", "0"), "0 is not at least 1."),
        (("mock-api", "--port", "70000"), "70000 is not at least 0 and at most 65535."),
        (("doctor", "runn"), "'runn' is not one of 'run', 'test', 'test-compat', 'e2e'."),
        (("render",), "Missing argument 'ENV'."),
        (("diff", "--format", "pdf"), "'text', 'markdown', 'html', 'json', 'sarif'"),
        (("validate", "--fromat", "json"), "--format"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(repo: Path, arguments: tuple[str, ...], says: str) -> None:
    done = harness(repo, *arguments)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_outside_a_checkout_is_refused(tmp_path: Path) -> None:
    for arguments in (("validate",), ("render", "minikube"), ("images", "list"), ("validate", "-C", "none")):
        done = harness(tmp_path, *arguments)
        if "Docker" not in done.stderr:
            assert done.returncode == ExitCode.USAGE
            assert done.stderr.endswith("a checkout with -C.\n")


def test_what_proves_or_times_the_harness_itself_refuses_another_checkout(tmp_path: Path, repo: Path) -> None:
    (tmp_path / "overlays").mkdir()
    for arguments in (("e2e",), ("bench",)):
        done = harness(tmp_path, *arguments)
        assert done.returncode == ExitCode.USAGE
        assert done.stderr.startswith(f"error: This harness is of {repo}, not {tmp_path}")


def test_commands_act_on_the_checkout_around_the_current_folder(tmp_path: Path, repo: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(repo / "tests" / "harness" / "validate" / "sound", checkout)
    for folder in (checkout, checkout / "overlays" / "north"):
        assert harness(folder, "validate", "north").stdout.startswith("No findings: north ")
    assert "No findings: north " in harness(tmp_path, "validate", "north", "-C", "checkout").stdout
    assert harness(checkout / "base", "render", "north").returncode == ExitCode.OK
    assert (checkout / "build" / "render" / "north" / "all.yaml").is_file()


def test_a_command_loads_no_other_command(repo: Path) -> None:
    """A reviewer's `harness diff` should not wait for imports that only the pipeline needs."""
    heavy = ["harness.pipeline.embedded", "fsspec", "kubernetes", "pyspark", "cryptography", "rich", "pydantic"]
    code = (
        "import sys; from harness.cli import app\n"
        "try: app(['diff', '--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=repo, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_review_and_a_validation_load_neither_rich_nor_pydantic(repo: Path) -> None:
    """Either takes a quarter of a second to import, which is half of what a small review may take."""
    for arguments in (("diff", "HEAD"), ("validate", "minikube")):
        done = harness(repo, *arguments, PYTHONPROFILEIMPORTTIME="1")
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "harness.cli" in imported
        assert imported & {"rich.console", "pydantic"} == set()


def test_a_closed_pipe_ends_a_command_silently(repo: Path) -> None:
    for arguments in (("--help",), ("diff", "HEAD", "--format", "json"), ("doctor",)):
        command = [*HARNESS, *arguments]
        with started(command, cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == ""
        assert process.returncode == ExitCode.CLOSED_PIPE, arguments


def test_a_full_disk_is_one_sentence(repo: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [*HARNESS, "--help"], cwd=repo, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == "error: No space left on device; free some space, then run the command again.\n"


@pytest.mark.parametrize(
    ("sign", "code", "says"),
    [
        (signal.SIGINT, ExitCode.INTERRUPTED, "error: Interrupted.\n"),
        (signal.SIGTERM, ExitCode.TERMINATED, "error: Terminated.\n"),
        (signal.SIGHUP, ExitCode.HUNG_UP, "error: Hung up.\n"),
    ],
)
def test_a_signal_ends_a_command_with_a_sentence(repo: Path, sign: signal.Signals, code: int, says: str) -> None:
    done = in_process(repo, f"os.kill(os.getpid(), {int(sign)})")
    assert done.returncode == code
    assert done.stderr == says


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (
            "FileNotFoundError(2, 'No such file or directory', 'data.csv')",
            "data.csv: No such file or directory; check",
        ),
        ("OSError(28, 'No space left on device', '/data/x')", "/data/x: No space left on device; free some space"),
        ("PermissionError(13, 'Permission denied', '/etc/x')", "/etc/x: Permission denied; check its permissions"),
        ("urllib.error.URLError('Network is unreachable')", "<urlopen error Network is unreachable>; correct this"),
        ("ConnectionRefusedError(111, 'Connection refused')", "Connection refused; check the network"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(repo: Path, raised: str, says: str) -> None:
    done = in_process(repo, f"raise_({raised})")
    assert done.returncode == ExitCode.FAILED
    assert done.stderr == f"error: {says}, then run the command again.\n" or says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
@pytest.mark.parametrize(
    ("arguments", "styled"), [(("doctor",), COLOUR), (("nope",), COLOUR), (("diff", "HEAD"), re.compile("\033"))]
)
def test_no_colour_on_a_terminal_where_none_is_wanted(
    repo: Path, arguments: tuple[str, ...], styled: re.Pattern[str], variables: dict[str, str]
) -> None:
    assert styled.search(on_a_terminal(repo, arguments, TERM="xterm-256color"))
    assert styled.search(on_a_terminal(repo, arguments, **{"TERM": "xterm-256color", **variables})) is None
