"""The wheel, installed by itself on a machine that has git and Python only."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from harness.exits import ExitCode
from harness.machine.packages import uv
from harness.machine.tools import TOOLS, tool
from harness.machine.wheel import PROGRAMS, platform_tag
from tests.conftest import ROOT
from tests.harness.programs import program

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BASE = [Requirement(line) for line in PROJECT["dependencies"]]
NO_INDEX = re.compile(r"dns error|Failed to fetch|tcp connect|timed out|Connection refused", re.IGNORECASE)
HEAVY = {
    "airflow",
    "pyspark",
    "delta",
    "deltalake",
    "pyarrow",
    "pandas",
    "kubernetes",
    "duckdb",
    "requests",
    "vl_convert",
}
GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:1.0"}]}
"""


def locked(lock: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.M)}


def build(folder: Path, **environment: str) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"), HARNESS_PROGRAMS="yes")


@pytest.fixture(scope="module")
def pure_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"), HARNESS_PROGRAMS="")


class Machine:
    """An empty environment with a wheel in it, an empty home, and a PATH with only git and python."""

    def __init__(self, root: Path, wheel: Path) -> None:
        self.root = root
        self.path = root / "bin"
        self.python = root / "venv" / "bin" / "python"
        (root / "home").mkdir()
        self.path.mkdir()
        subprocess.run([sys.executable, "-m", "venv", root / "venv"], check=True)
        for name, target in (("git", shutil.which("git")), ("python", self.python)):
            (self.path / name).symlink_to(target or "")
        command: list[str | Path] = [uv(), "pip", "install", "--quiet", "--python", self.python, wheel]
        done = subprocess.run(
            [*command, "--constraint", ROOT / "requirements" / "review.txt"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and NO_INDEX.search(done.stderr):
            pytest.skip(f"no package index answers, and uv's cache lacks a package: {done.stderr.strip()[-200:]}")
        assert done.returncode == 0, done.stderr

    def run(
        self, folder: Path, *words: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs the installed `harness`, where no address can be reached."""
        variables = {"HOME": str(self.root / "home"), "PATH": str(self.path), **(environment or {})}
        command: list[str | Path] = [*without_network(), self.python.parent / "harness", *words]
        return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)


def without_network() -> list[str]:
    """The words that take the network away from a command, where the kernel lets this user do so."""
    words = [shutil.which("unshare") or "unshare", "--map-root-user", "--net"]
    try:
        allowed = subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    return words if allowed else []


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Machine:
    return Machine(tmp_path_factory.mktemp("machine"), wheel)


@pytest.fixture(scope="module")
def pure_machine(tmp_path_factory: pytest.TempPathFactory, pure_wheel: Path) -> Machine:
    return Machine(tmp_path_factory.mktemp("pure"), pure_wheel)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two environments, and an uncommitted change of their base."""
    files = {
        "base/kustomization.yaml": "resources: [deployment.yaml]\n",
        "base/deployment.yaml": DEPLOYMENT,
        "overlays/staging/kustomization.yaml": "resources: [../../base]\n",
        "overlays/production/kustomization.yaml": "resources: [../../base]\nreplicas: [{name: web, count: 5}]\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)
    (tmp_path / "base/deployment.yaml").write_text(DEPLOYMENT.replace("replicas: 2", "replicas: 1"))
    return tmp_path


@pytest.mark.tools
def test_it_reviews_with_git_and_python_alone(machine: Machine, repository: Path) -> None:
    done = machine.run(repository, "diff", "HEAD")
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "Touches staging (1 changed), not production."
    assert "spec.replicas: 2 → 1" in done.stdout


@pytest.mark.tools
def test_a_base_that_cannot_be_had_is_named(machine: Machine, repository: Path) -> None:
    base = "https://github.com/kubernetes-sigs/kustomize//api?ref=v3.3.1"
    (repository / "overlays/staging/kustomization.yaml").write_text(f"resources: [{base}, ../../base]\n")
    subprocess.run([*GIT, "commit", "-q", "-a", "-m", "two"], cwd=repository, check=True)
    (repository / "overlays/staging/new.yaml").write_text(DEPLOYMENT)
    done = machine.run(repository, "diff", "HEAD")
    assert done.returncode == ExitCode.NOT_COVERED
    said = "github.com/kubernetes-sigs/kustomize/v3@v3.3.1 is fetched with Go, which is not installed: install it."
    assert said in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr


@pytest.mark.tools
def test_every_format_comes_with_its_files(machine: Machine, repository: Path) -> None:
    for form in ("markdown", "html", "json", "sarif"):
        done = machine.run(repository, "diff", "HEAD", "--format", form)
        assert (done.returncode, done.stderr) == (0, "")
        assert "replicas" in done.stdout


@pytest.mark.tools
def test_it_renders_and_validates_a_foreign_checkout(machine: Machine, repository: Path) -> None:
    rendered = machine.run(repository, "render", "production", "-o", "-")
    assert "replicas: 5" in rendered.stdout
    (repository / "pyproject.toml").write_text('[tool.harness.validate]\nrules = ["policy"]\n')
    validated = machine.run(repository, "validate", "--format", "json")
    assert validated.returncode == ExitCode.ATTENTION, validated.stderr
    assert '"rule": "LH5' in validated.stdout


@pytest.mark.tools
def test_nothing_of_the_pipeline_is_imported(machine: Machine, repository: Path) -> None:
    code = "import sys; from harness.cli import load; load('diff')(['HEAD'], standalone_mode=False); "
    code += f"print(sorted({HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    here = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True)
    assert here.stdout.splitlines()[-1] == "[]"


@pytest.mark.tools
@pytest.mark.parametrize(
    ("command", "extra"), [("run", "pipeline"), ("report", "pipeline"), ("secrets", "cluster"), ("e2e", "cluster")]
)
def test_a_command_of_an_extra_names_it(machine: Machine, tmp_path: Path, command: str, extra: str) -> None:
    done = machine.run(tmp_path, command)
    assert done.returncode == ExitCode.FAILED
    assert re.fullmatch(
        rf"error: harness {command} needs the package \S+, which is not installed: install the extra '{extra}', "
        rf"as in pip install '<wheel>\[{extra}\]'\.\n",
        done.stderr,
    )


@pytest.mark.tools
@pytest.mark.parametrize("command", ["doctor", "setup"])
def test_what_needs_the_checkout_says_so(machine: Machine, tmp_path: Path, command: str) -> None:
    done = machine.run(tmp_path, command)
    assert done.returncode == ExitCode.USAGE
    assert done.stderr == (
        f"error: harness {command} needs a checkout of the project: clone it, and run 'make setup' there.\n"
    )


def test_without_its_programs_and_go_it_says_how_to_get_them(pure_machine: Machine, repository: Path) -> None:
    done = pure_machine.run(repository, "diff", "HEAD")
    assert done.returncode == ExitCode.FAILED
    assert re.fullmatch(
        r"error: This installation has no builder and needs Go [\d.]+ or newer to compile it: "
        r"install Go, or the wheel that 'make dist' builds for this platform\.\n",
        done.stderr,
    )


@pytest.mark.tools
def test_without_its_programs_it_compiles_them_with_go(
    pure_machine: Machine, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tools = tmp_path_factory.mktemp("go")
    program(
        tools / "go",
        f"""#!{shutil.which("bash")}
[ "$1" = version ] && {{ echo "go version go1.99.0 linux/amd64"; exit; }}
[ "$1" = build ] && [ -f main.go ] || exit 1
while [ "$1" != -o ]; do shift; done
{shutil.which("cp")} {tool("builder")} "$2"
""",
    )
    path = {"PATH": f"{pure_machine.path}:{tools}"}
    done = pure_machine.run(repository, "diff", "HEAD", environment=path)
    assert done.stdout.startswith("Touches staging (1 changed), not production."), done.stderr


def test_the_wheel_of_a_platform_holds_what_runs_on_it(wheel: Path) -> None:
    held = {Path(name).name for name in names(wheel) if name.startswith("harness/sources/programs/")}
    assert held == set(PROGRAMS) <= set(TOOLS)
    assert re.search(r"-py3-none-(manylinux2014_\w+\.musllinux_1_1_\w+|macosx_\w+)\.whl$", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        (entry,) = [item for item in archive.infolist() if item.filename.endswith("/builder")]
    assert entry.external_attr >> 16 & 0o111 == 0o111


def test_a_wheel_without_programs_is_for_every_platform(pure_wheel: Path) -> None:
    assert pure_wheel.name.endswith("-py3-none-any.whl")
    assert "harness/sources/tools/builder/go.sum" in names(pure_wheel)
    assert [name for name in names(pure_wheel) if name.startswith("harness/sources/programs/")] == []


def test_a_wheel_holds_nothing_of_the_platform(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"harness", "brewery", "lakehouse"}


@pytest.mark.parametrize(
    ("platform", "tag"),
    [
        ("linux-aarch64", "manylinux2014_aarch64.musllinux_1_1_aarch64"),
        ("macosx-11.0-arm64", "macosx_11_0_arm64"),
    ],
)
def test_the_tag_of_a_platform(platform: str, tag: str) -> None:
    assert platform_tag(platform) == tag


def test_the_wheel_says_what_it_needs(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if ".dist-info/" in name])
    (folder,) = tmp_path.iterdir()
    distribution: Distribution = PathDistribution(folder)
    needed = [Requirement(line) for line in distribution.requires or ()]
    assert {item.name for item in needed if item.marker is None} == {item.name for item in BASE}
    assert set(distribution.metadata.get_all("Provides-Extra") or ()) == {"pipeline", "cluster"}
    assert (distribution.read_text("METADATA") or "").partition("\n\n")[2].startswith("# harness diff")


def test_what_is_declared_is_what_is_locked() -> None:
    """The locks install this project from its checkout, without a look at what it declares."""
    review, run = locked("review"), locked("run")
    extras = [Requirement(line) for lines in PROJECT["optional-dependencies"].values() for line in lines]
    for item in BASE:
        assert item.specifier.contains(review[canonicalize_name(item.name)]), item
    for item in extras:
        if item.name != "uv":
            assert item.specifier.contains(run[canonicalize_name(item.name)]), item
    assert HEAVY.isdisjoint(review)
    assert len(review) < 35


def test_the_container_image_installs_the_wheel(wheel: Path) -> None:
    """The image itself needs a registry for its base; this compares its recipe with what the wheel has."""
    text = (ROOT / "ci" / "Containerfile").read_text(encoding="utf-8")
    (copied,) = re.findall(r"^COPY (.+) (\S+)/$", text, re.MULTILINE)
    lock, wheels = copied[0].split()
    assert (ROOT / lock).is_file()
    assert Path("dist", wheel.name).match(wheels)
    assert f"{copied[1]}/{Path(lock).name}" in text
    assert f"--no-deps {copied[1]}/*.whl" in text
    with zipfile.ZipFile(wheel) as archive:
        (scripts,) = [archive.read(name).decode() for name in names(wheel) if name.endswith("/entry_points.txt")]
    (entry,) = re.findall(r'^ENTRYPOINT \["(.+)"\]$', text, re.MULTILINE)
    assert re.search(rf"^{entry} = ", scripts, re.MULTILINE)
