"""The parsers of what strangers write give a value or their own error, whatever the text.

`FUZZ_EXAMPLES=100000 make test PYTEST_ARGS=tests/harness/manifests/test_fuzz.py` tries as many, others each time.
Go then fuzzes the builder, too, guided by coverage; what breaks it is kept in tools/builder/testdata, from where
`go test` tries it again.

Hypothesis makes the texts for the Python parsers: atheris has no version with wheels for both Pythons of this
project, and none for ARM, where it has to be compiled with clang.
"""

import contextlib
import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.inert import one_line, visible, without_commands
from harness.machine.gobuild import go, go_environment
from harness.machine.tools import module_folder
from harness.manifests import settings as repository_settings
from harness.manifests.inputs import Kustomizations
from harness.manifests.kubernetes_yaml import YamlError, check_size, load, parse
from harness.manifests.tree import working_copy

_EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
fuzzed = settings(
    max_examples=int(_EXAMPLES or 200),
    derandomize=_EXAMPLES is None,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# fmt: off
_PIECES = [
    "a", "b: ", "- ", "? ", "[", "]", "{", "}", ",", ": ", "\n", "\n  ", "&x ", "*x ", "<<: ", "!!binary ", "!x ",
    "|\n", ">-\n", "'", '"', "#", "---\n", "...\n", "%YAML 1.1\n", "\t", "\x00", "\x85", "\ufeff", "\ud800", "0o7",
    "1e999", ".nan", "=", "~", "resources: ", "components: ", "patches: ", "path: ", "configMapGenerator: ",
    "files: ", "kind: Component\n", "generators: ", "..", "/etc/passwd", "https://x", "\x1b[2J", "::error::",
    "##[group]", "\u202e", "-" * 200, "[" * 200,
]
# fmt: on
TEXTS = st.lists(st.sampled_from(_PIECES) | st.text(max_size=4), max_size=25).map("".join)


@fuzzed
@given(text=TEXTS)
def test_any_text_is_yaml_or_not(text: str) -> None:
    try:
        values = load(text)
    except YamlError:
        with pytest.raises(YamlError):
            parse(text)
        return
    check_size(text)
    documents = parse(text)
    assert [document.value for document in documents] == values
    assert all(1 <= document.locate(("a", 0, "b"))[0] <= text.count("\n") + 2 for document in documents)


@fuzzed
@given(text=TEXTS)
def test_any_text_is_a_kustomization_or_a_problem(text: str, tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    inputs = Kustomizations(working_copy(tmp_path), {}).inputs(".")
    assert all(problem.message.endswith(".") for problem in inputs.problems)
    assert inputs.files <= {"kustomization.yaml"}


@fuzzed
@given(
    text=st.lists(
        st.sampled_from(["[tool.harness.diff]\n", "exclude", "=", "[", "]", '"**"', "{", "}", "1"]) | TEXTS
    )
)
def test_any_text_is_settings_or_an_error(text: list[str], tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes("".join(text).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(UsageError):
        repository_settings.of_checkout(tmp_path)


@fuzzed
@given(text=TEXTS)
def test_what_is_shown_neither_moves_a_cursor_nor_commands_a_log(text: str) -> None:
    shown = visible(text)
    assert not any(character < " " and character not in "\t\n" for character in shown)
    assert "\u202e" not in shown
    assert "\n" not in one_line(text)
    assert not any(line.lstrip().startswith("::") for line in without_commands(text).split("\n"))
    assert "##[" not in without_commands(text)


BUILDER = module_folder("builder")
FUZZERS = [
    name
    for path in sorted(BUILDER.glob("*_test.go"))
    for name in re.findall(r"^func (Fuzz\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.tools
@pytest.mark.skipif(
    _EXAMPLES is None, reason="go test tries generated texts; FUZZ_EXAMPLES has it search for others"
)
@pytest.mark.timeout(0)
@pytest.mark.parametrize("fuzzer", FUZZERS)
def test_the_builder_answers_whatever_it_is_given(fuzzer: str) -> None:
    done = subprocess.run(
        [go(BUILDER), "test", "-mod=readonly", "-run=^$", f"-fuzz=^{fuzzer}$", f"-fuzztime={_EXAMPLES}x", "."],
        cwd=BUILDER,
        env=go_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
