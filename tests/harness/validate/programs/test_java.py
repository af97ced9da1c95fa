"""Java's options: the list is that of a Java 17, and Java itself refuses what is found."""

import re
import subprocess
from pathlib import Path

import pytest

from harness.machine.java import java_home, probe
from harness.validate.programs.java import FILE, check, problem_of
from tests.harness.validate.made import made

VERSION = 17


@pytest.fixture(scope="module")
def java() -> Path:
    program = java_home() / "bin" / "java"
    runtime = probe(program, "test")
    if runtime is None or runtime.version != VERSION:
        pytest.skip(f"needs Java {VERSION}: unset JAVA_HOME, and take the Java of another version off the PATH")
    return program


def test_the_list_is_that_of_java(java: Path, request: pytest.FixtureRequest) -> None:
    unlocked = ("-XX:+UnlockDiagnosticVMOptions", "-XX:+UnlockExperimentalVMOptions", "-XX:+PrintFlagsFinal")
    done = subprocess.run([java, *unlocked, "-version"], capture_output=True, text=True, check=True)
    found = re.findall(r"^ *(\w+) (\w+) +=.*?\{([\w ]+)\}", done.stdout, re.MULTILINE)
    listed = {
        f"{name} {kind}" + next((f" {lock}" for lock in ("diagnostic", "experimental") if lock in attributes), "")
        for kind, name, attributes in found
        # Others are of one processor or collector only.
        if kind in ("bool", "int", "uint", "intx", "uintx", "size_t", "uint64_t", "double", "ccstr", "ccstrlist")
    }
    current = "\n".join(sorted(listed)) + "\n"
    if request.config.getoption("--update-goldens"):
        FILE.write_text(current, encoding="utf-8")
    assert {*FILE.read_text(encoding="utf-8").split("\n")} >= {"UseG1GC bool", "MaxRAMPercentage double"}
    assert FILE.read_text(encoding="utf-8") == current, "--update-goldens updates it"


REFUSED = [
    ("-XX:+UseG1CG", "does not know -XX:+UseG1CG: use UseG1GC"),
    ("-XX:UseG1GC", "has to be -XX:+UseG1GC or -XX:-UseG1GC"),
    ("-XX:+UseG1GC=true", "has to be -XX:+UseG1GC or -XX:-UseG1GC"),
    ("-XX:+MaxGCPauseMillis", "has to be -XX:MaxGCPauseMillis=VALUE"),
    ("-XX:MaxGCPauseMillis=fast", "has to have a whole number"),
    ("-XX:MaxRAMPercentage=75%", "has to have a number"),
    ("-XX:MaxMetaspaceSize=256MiB", "has to have a whole number"),
    ("-XX:+PrintCompilation2", "needs -XX:+UnlockDiagnosticVMOptions before it"),
    ("-XX:G1NewSizePercent=10", "needs -XX:+UnlockExperimentalVMOptions before it"),
    ("-Xms512Mi", "-Xms512Mi has to have a size such as 512m"),
    ("-Xss", "-Xss has to have a size such as 512m"),
    ("-Da=b Dc=d", "takes Dc=d for the class to run"),
]
TAKEN = [
    "",
    "-XX:-DontCompileHugeMethods -XX:-UsePerfData -Dlog4j2.disableJmx=true",
    "-XX:+UseG1GC -XX:MaxRAMPercentage=75 -XX:MaxGCPauseMillis=200 -XX:MaxMetaspaceSize=256m",
    "-Xms512m -Xss4m -XX:HeapDumpPath=/tmp -XX:+HeapDumpOnOutOfMemoryError",
    "-XX:+UnlockExperimentalVMOptions -XX:G1NewSizePercent=10",
    "--add-opens java.base/java.lang=ALL-UNNAMED -Dname='a value'",
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_java_refuses(text: str, said: str) -> None:
    assert said in problem_of(text)


@pytest.mark.parametrize("text", [*TAKEN, "-XX:+UseG1CG -XX:+IgnoreUnrecognizedVMOptions", "$(OPTIONS)"])
def test_what_java_takes(text: str) -> None:
    assert problem_of(text) == ""


@pytest.mark.parametrize("text", [text for text, _ in REFUSED])
def test_java_itself_refuses_it(text: str, java: Path) -> None:
    assert subprocess.run([java, *text.split(), "-version"], capture_output=True, check=False).returncode != 0


@pytest.mark.parametrize("text", [text for text in TAKEN if "'" not in text])
def test_java_itself_takes_it(text: str, java: Path) -> None:
    assert subprocess.run([java, *text.split(), "-version"], capture_output=True, check=False).returncode == 0


def test_the_variables_of_a_container() -> None:
    environment = made(
        """
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: b}
spec:
  containers:
    - name: c
      image: d
      env:
        - {name: JAVA_TOOL_OPTIONS, value: -XX:+UseG1CG}
        - {name: OTHER, value: -XX:+UseG1CG}
"""
    )
    (violation,) = check(environment)
    assert violation.message.startswith("Pod b/a sets JAVA_TOOL_OPTIONS, in which Java does not know -XX:+UseG1CG")
    assert violation.path == ("spec", "containers", "c", "env", "JAVA_TOOL_OPTIONS")
