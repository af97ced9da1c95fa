from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.clusters.docker import client
from harness.clusters.images.build import Job, build, explain, failure, job
from harness.clusters.images.recipes import Recipe, recipe
from harness.errors import HarnessError
from tests.harness.programs import program

FAILED = """\
#4 [2/2] RUN apt-get update && false
#4 0.368 E: Release file is expired.
#4 ERROR: process "/bin/sh -c apt-get update && false" did not complete successfully: exit code: 100
------
 > [2/2] RUN apt-get update && false:
0.200 Get:1 http://mirror.example/debian bookworm InRelease [151 kB]
0.368 E: Release file is expired.
------
Dockerfile:4
ERROR: failed to solve: process "/bin/sh -c apt-get update && false" did not complete successfully: exit code: 100
""".splitlines()


def test_what_a_failed_step_said_is_found_in_dockers_output() -> None:
    said = failure(FAILED)

    assert said is not None
    assert said.splitlines()[-1] == "E: Release file is expired."
    assert failure(["#1 DONE 0.1s", "ERROR: failed to solve: debian: no such host"]) is None


def test_progress_is_shown_without_dockers_numbers() -> None:
    assert explain("#12 [packages 3/4] RUN pip install") == "[packages 3/4] RUN pip install"


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """An image of a checkout of its own, that reads no files."""
    folder = tmp_path / "images" / "web"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM debian:bookworm-slim\n")
    (folder / "Dockerfile.dockerignore").write_text("*\n")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    return Job("lakehouse/web:2", Recipe(folder, own=True, root=tmp_path), "0123")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a script in docker's place; the file that it may write to as $log."""

    def install(script: str) -> Path:
        docker = program(tmp_path / "docker", f"log={tmp_path / 'log'}\n{script}")
        monkeypatch.setattr(client, "docker_program", lambda: docker)
        return tmp_path / "log"

    return install


def test_the_name_comes_with_the_labels_in_one_command(image: Job, docker: Callable[[str], Path]) -> None:
    log = docker('[ "$1" = image ] || echo "$*" >>"$log"')

    build(image, lambda _: None)

    [command] = log.read_text().splitlines()
    assert "--tag lakehouse/web:2 " in command
    assert "--label lakehouse.inputs=0123 " in command
    assert "--label org.opencontainers.image.version=2 " in command
    assert "--label org.opencontainers.image.revision=unknown " in command
    assert "--build-arg SOURCE_DATE_EPOCH=" in command
    assert "--no-cache" not in command


@pytest.mark.parametrize(
    ("own", "fresh", "expected"),
    [
        (True, False, ["tag sha256:ab lakehouse/web:2"]),
        (True, True, ["build --progress"]),
        (False, False, ["build --iidfile", "build --progress"]),
    ],
    ids=["our own", "all again", "upstream's"],
)
def test_what_another_environment_has_had_built_gets_one_name_more(
    image: Job, docker: Callable[[str], Path], own: bool, fresh: bool, expected: list[str]
) -> None:
    there = "--filter=label=lakehouse.inputs=0123 --filter=label=org.opencontainers.image.version=2"
    # It has the image of those labels, by whatever name.
    log = docker(
        f'case "$*" in "image ls --no-trunc --quiet {there}") echo sha256:ab; exit ;; image*|run*) exit ;; esac\n'
        'echo "$1 $2 $3" | sed "s/ plain//; s/ [^ ]*id$//" >>"$log"\n'
        'for word; do [ "$before" = --iidfile ] && echo sha256:cd >"$word"; before=$word; done; true'
    )

    build(replace(image, recipe=replace(image.recipe, own=own, version=("web",))), lambda _: None, fresh=fresh)

    assert log.read_text().splitlines() == expected


def test_a_step_that_fails_is_one_sentence_with_its_own_words_and_a_log(
    image: Job, docker: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "output").write_text("\n".join(FAILED))
    docker(f'[ "$1" = image ] && exit; cat {tmp_path / "output"}; exit 1')

    with pytest.raises(HarnessError) as caught:
        build(image, lambda _: None)

    log = tmp_path / "cache" / "logs" / "web.log"
    assert str(caught.value) == (
        "Could not build lakehouse/web:2 (E: Release file is expired): "
        f"correct that and build again, what is done is kept; {log} has the rest."
    )
    assert "http://mirror.example" in log.read_text()


def test_a_full_disk_is_said_as_such(image: Job, docker: Callable[[str], Path]) -> None:
    said = "ERROR: failed to solve: write /var/lib/docker/x: no space left on device"
    docker(f"[ $1 = image ] && exit; echo '{said}'; exit 1")

    with pytest.raises(HarnessError, match=r"^Could not build lakehouse/web:2: the disk .* is full"):
        build(image, lambda _: None)


def test_a_new_base_or_a_new_spark_image_is_a_new_image(repo: Path) -> None:
    spark, jupyter = recipe("lakehouse/spark", repo), recipe("lakehouse/jupyter", repo)
    assert spark is not None
    assert jupyter is not None
    one, other = (job("lakehouse/spark:1", spark, base=base) for base in ("sha256:a", "sha256:b"))

    assert one.key != other.key
    assert one.spark is None
    on_one = job("lakehouse/jupyter:1", jupyter, base="sha256:a", spark=one)
    on_other = job("lakehouse/jupyter:1", jupyter, base="sha256:a", spark=other)
    assert on_one.key != on_other.key
    assert on_one.spark == "lakehouse/spark:1"
