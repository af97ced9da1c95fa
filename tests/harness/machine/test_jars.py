import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.machine import jars as module
from harness.machine.jars import jars, missing, read_lock, spark_home, update_lock

CONTENT = {"org.example_lib-1.0.jar": b"library", "org.example_dep-2.0.jar": b"dependency"}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of one group, and an empty cache."""
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    path = tmp_path / "jars.json"
    hashes = {name: digest(content) for name, content in CONTENT.items()}
    path.write_text(json.dumps({"lib": {"coordinates": ["org.example:lib:1.0"], "jars": hashes}}))
    return path


Serve = Callable[[dict[str, bytes]], list[Sequence[str]]]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Puts a resolver in place that brings the files it is given; returns the list of what it was asked for."""

    def install(content: dict[str, bytes]) -> list[Sequence[str]]:
        asked: list[Sequence[str]] = []

        def resolve(coordinates: Sequence[str], folder: Path, excludes: Sequence[str]) -> list[Path]:
            asked.append(coordinates)
            for name, data in content.items():
                (folder / name).write_bytes(data)
            return [folder / name for name in content]

        monkeypatch.setattr(module, "resolve", resolve)
        return asked

    return install


def test_fetched_once_and_checked(lock: Path, serve: Serve) -> None:
    asked = serve(CONTENT)
    assert missing("lib", lock=lock) == list(CONTENT)

    first = jars("lib", lock=lock)
    second = jars("lib", lock=lock)

    assert {path.name: path.read_bytes() for path in first} == CONTENT
    assert first == second
    assert asked == [("org.example:lib:1.0",)]
    assert missing("lib", lock=lock) == []


def test_a_jar_with_another_hash_is_refused(lock: Path, serve: Serve, tmp_path: Path) -> None:
    serve({**CONTENT, "org.example_dep-2.0.jar": b"tampered"})

    with pytest.raises(HarnessError, match=r"^org\.example_dep-2\.0\.jar was refused: its SHA-256 is not the one"):
        jars("lib", lock=lock)

    assert list((tmp_path / "cache").rglob("*.jar")) == []


def test_a_jar_that_the_lock_does_not_know_is_refused(lock: Path, serve: Serve, tmp_path: Path) -> None:
    serve({**CONTENT, "org.example_more-1.0.jar": b"more"})

    with pytest.raises(
        HarnessError, match=r"org\.example_more-1\.0\.jar came with .* not in the lock: run 'make lock'"
    ):
        jars("lib", lock=lock)

    assert list((tmp_path / "cache").rglob("*.jar")) == []


def test_a_jar_that_did_not_come(lock: Path, serve: Serve) -> None:
    serve({"org.example_lib-1.0.jar": CONTENT["org.example_lib-1.0.jar"]})

    with pytest.raises(HarnessError, match=r"org\.example_dep-2\.0\.jar of group 'lib' did not come"):
        jars("lib", lock=lock)


@pytest.mark.parametrize("damage", [b"", b"libra", b"another"])
def test_a_damaged_file_in_the_cache_is_fetched_again(damage: bytes, lock: Path, serve: Serve) -> None:
    asked = serve(CONTENT)
    path = jars("lib", lock=lock)[0]
    path.write_bytes(damage)

    assert jars("lib", lock=lock)[0].read_bytes() == b"library"
    assert len(asked) == 2


def test_a_group_that_is_not_in_the_lock(lock: Path) -> None:
    with pytest.raises(HarnessError, match=r"^jars\.json has no group 'nope': it has lib\.$"):
        jars("nope", lock=lock)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"lib": {"jars": {}}}'])
def test_a_lock_that_is_not_one(content: str, tmp_path: Path) -> None:
    path = tmp_path / "jars.json"
    path.write_text(content)

    with pytest.raises(HarnessError, match=r"is not a readable lock of jars .* restore it with git"):
        read_lock(path)


def test_update_writes_what_the_coordinates_bring_now(lock: Path, serve: Serve) -> None:
    serve({"org.example_lib-1.0.jar": b"new"})

    update_lock(lock)

    assert read_lock(lock)["lib"].jars == {"org.example_lib-1.0.jar": digest(b"new")}


def locked_version(repo: Path, lock: str, package: str) -> str:
    pinned = re.search(rf"^{package}==(\S+)", (repo / "requirements" / lock).read_text(), re.MULTILINE)
    assert pinned
    return pinned[1]


def test_deltas_jars_have_the_version_of_deltas_python_package(repo: Path) -> None:
    groups = read_lock()

    assert groups["delta"].coordinates == (
        f"io.delta:delta-spark_2.12:{locked_version(repo, 'run.txt', 'delta-spark')}",
    )
    assert groups["delta-spark33"].coordinates == (
        f"io.delta:delta-core_2.12:{locked_version(repo, 'spark33.txt', 'delta-spark')}",
    )
    spark = locked_version(repo, "spark4.txt", "pyspark").rpartition(".")[0]
    assert groups["delta-spark4"].coordinates == (
        f"io.delta:delta-spark_{spark}_2.13:{locked_version(repo, 'spark4.txt', 'delta-spark')}",
    )


def test_s3_has_the_version_of_sparks_own_hadoop() -> None:
    bundled = next((spark_home() / "jars").glob("hadoop-client-api-*.jar")).stem.removeprefix("hadoop-client-api-")

    assert f"org.apache.hadoop:hadoop-aws:{bundled}" in read_lock()["s3"].coordinates


def test_s3_brings_nothing_that_spark_has_itself() -> None:
    ours = {re.sub(r"-\d.*", "", jar.partition("_")[2]) for jar in read_lock()["s3"].jars}
    sparks = {re.sub(r"-\d.*", "", path.name) for path in (spark_home() / "jars").glob("*.jar")}

    assert not ours & sparks
    assert "aws-java-sdk-bundle" not in ours


def test_the_parts_of_amazons_library_are_of_one_version() -> None:
    versions = {c.rpartition(":")[2] for c in read_lock()["s3"].coordinates if c.startswith("com.amazonaws:")}

    assert len(versions) == 1


@pytest.mark.spark
def test_without_a_network_the_sentence_names_the_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens on port 1.
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    with pytest.raises(HarnessError) as caught:
        module.resolve(("org.example.nowhere:lib:1.0",), tmp_path)

    sentence = str(caught.value)
    assert sentence.startswith("Could not fetch the Spark libraries org.example.nowhere:lib:1.0 (")
    assert "HTTPS_PROXY and SSL_CERT_FILE" in sentence
    assert "\n" not in sentence
