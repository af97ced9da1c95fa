"""Fixtures that every test may use."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[1]

# A shell starts background jobs with SIGINT ignored, and programs inherit that; the tests send it to theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one flag that accepts what is written now as what is expected."""
    parser.addoption(
        "--update-goldens",
        action="store_true",
        help="overwrite the expected files and the generated parts of docs/; review them in git",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Give Airflow a home of its own before anything imports it: it reads its configuration at import."""
    home = tempfile.mkdtemp(prefix="airflow-home-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ.update(
        {
            "AIRFLOW_HOME": home,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
        }
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than processors: a worker waits for its Java machine a third of the time."""
    return min(4, (os.cpu_count() or 1) + 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start what takes minutes first: at the end, one worker would wait for the other."""
    ranks = {"embedded": 0, "days": 1, "spark": 2}
    items.sort(key=lambda item: min((ranks.get(mark.name, 3) for mark in item.iter_markers()), default=3))


@pytest.fixture(scope="session")
def repo() -> Path:
    """The checkout's root."""
    return ROOT


@pytest.fixture
def tree(repo: Path, tmp_path: Path) -> Path:
    """A copy of what makes up environments, to change."""
    return copied(repo, tmp_path)


def copied(repo: Path, target: Path) -> Path:
    for folder in ("base", "components", "overlays"):
        shutil.copytree(repo / folder, target / folder)
    for file in ("pyproject.toml", "harness/manifests/catalogue.yaml"):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(repo / file, target / file)
    return target


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with goldens/NAME beside the test's file; `--update-goldens` writes it instead."""
    folder = request.path.parent / "goldens"

    def compare(name: str, text: str) -> None:
        file = folder / name
        if request.config.getoption("--update-goldens"):
            folder.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
            return
        if not file.is_file():
            pytest.fail(f"{file} is missing: run with --update-goldens, and review it")
        assert text == file.read_text(encoding="utf-8"), f"{file.name} differs: --update-goldens accepts it"

    return compare


@pytest.fixture
def kept(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares a text with a file of the harness that is made of another system; `--update-goldens` writes it."""

    def compare(file: Path, text: str) -> None:
        if request.config.getoption("--update-goldens"):
            file.write_text(text, encoding="utf-8")
        assert file.read_text(encoding="utf-8") == text, "--update-goldens updates it"

    return compare


@pytest.fixture
def generated(request: pytest.FixtureRequest, repo: Path) -> Callable[[str, str, str], None]:
    """Compares a text with the part of docs/PAGE that is between `<!-- NAME -->` and `<!-- /NAME -->`.

    `--update-goldens` writes it instead.
    """
    from harness.bench.command import with_section

    def compare(page: str, name: str, text: str) -> None:
        file = repo / "docs" / page
        current = file.read_text(encoding="utf-8")
        expected = with_section(current, name, text.rstrip("\n") + "\n")
        if request.config.getoption("--update-goldens"):
            file.write_text(expected, encoding="utf-8")
        else:
            assert current == expected, f"docs/{page} is out of date: --update-goldens updates it"

    return compare


@pytest.fixture(scope="session")
def spark_variables() -> None:
    """Java, Spark and its jars in this process's environment; for fixtures that start a Spark session.

    The leg on Spark 3.3 comes with these variables set, and without the harness to work them out.
    """
    if "PYSPARK_SUBMIT_ARGS" not in os.environ:
        from harness.machine.environment import spark_environment

        os.environ.update(spark_environment())


@pytest.fixture(scope="session")
def spark(spark_variables: None) -> Iterator["SparkSession"]:
    """The jobs' own session, the only one of the process, set up for tables of ten rows."""
    from lakehouse.session import get_session

    session = get_session(
        "tests", {"SPARK_MASTER": "local[2]", "SPARK_DRIVER_MEMORY": "1g", "SPARK_EXPECTED_RECORDS": "100"}
    )
    session.conf.set("spark.sql.shuffle.partitions", "1")
    # Plans of ten rows have nothing to adapt to, and each stage would be planned again.
    session.conf.set("spark.sql.adaptive.enabled", "false")
    # Compiling code for ten rows takes longer than interpreting them; the embedded run compiles throughout.
    session.conf.set("spark.sql.codegen.wholeStage", "false")
    session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    yield session
    session.stop()


@pytest.fixture
def no_aws(tmp_path: Path) -> Iterator[Path]:
    """The folder for the files of AWS: none of this machine's settings, and the variables are restored afterwards.

    What opens an object store says in the variables of its process where that is.
    """
    with mock.patch.dict(os.environ):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ["AWS_CONFIG_FILE"] = str(tmp_path / "config")
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(tmp_path / "credentials")
        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        yield tmp_path


@pytest.fixture(scope="session")
def sample_csv() -> Path:
    """3,977 real breweries of Open Brewery DB, kept beside the checkout and not in it."""
    path = ROOT.parent / "shared" / "data" / "open-brewery-db-sample.csv"
    if not path.is_file():
        pytest.skip(f"no Open Brewery DB sample at {path}: put the published breweries.csv there")
    return path
