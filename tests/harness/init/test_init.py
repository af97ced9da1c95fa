"""`harness init`, on a copy of the tree."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from harness.errors import HarnessError, UsageError
from harness.exits import ExitCode
from harness.init.command import init
from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.manifests.write import stream
from harness.validate.command import validate

app = typer.Typer()
app.command()(init)

EKS = {
    "repository": "https://git.acme.io/data/platform.git",
    "registry": "210987654321.dkr.ecr.eu-west-1.amazonaws.com/data",
    "account": "210987654321",
    "region": "eu-west-1",
}


def run(tree: Path, environment: str, options: Mapping[str, str], *flags: str, code: int = 0) -> str:
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    done = CliRunner().invoke(app, [environment, *words, *flags, "--root", str(tree)])
    if isinstance(done.exception, HarnessError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def contents(tree: Path) -> dict[str, bytes]:
    return {str(file.relative_to(tree)): file.read_bytes() for file in tree.rglob("*") if file.is_file()}


@pytest.mark.tools
@pytest.mark.parametrize(
    ("environment", "options", "count"), [("eks", EKS, 3), ("minikube", {"repository": EKS["repository"]}, 1)]
)
def test_afterwards_the_validation_finds_no_placeholder_and_no_exemption_of_one(
    tree: Path, environment: str, options: dict[str, str], count: int
) -> None:
    assert run(tree, environment, {}, "--check", code=ExitCode.ATTENTION).count("\n") == count
    run(tree, environment, options)

    assert "Nothing in" in run(tree, environment, {}, "--check")
    assert not [file for file in tree.rglob("exemptions.yaml") if in_environment(file, tree, environment)]
    validation = typer.Typer()
    validation.command()(validate)
    done = CliRunner().invoke(validation, [environment, "--root", str(tree)])
    assert done.exit_code == 0, done.output
    rendered = stream(build_all(roots(tree, environment)))
    assert EKS["repository"] in rendered
    if environment == "eks":
        assert rendered.count("arn:aws:iam::210987654321:role/lakehouse-secrets-") == 6
        assert rendered.count("region: eu-west-1") == 6
        assert f"{EKS['registry']}/lakehouse-spark:0.1.0" in rendered


def in_environment(file: Path, tree: Path, environment: str) -> bool:
    """Whether it exempts a placeholder of this environment alone."""
    part = file.relative_to(tree).parts
    return part[:2] == ("overlays", environment) and "LH751" in file.read_text(encoding="utf-8")


def test_it_is_idempotent_and_changes_one_value_later(tree: Path) -> None:
    run(tree, "eks", EKS)
    first = contents(tree)
    assert "Nothing to change" in run(tree, "eks", EKS)
    assert contents(tree) == first

    run(tree, "eks", {"region": "us-gov-west-1", "revision": "release/2", "clients": "172.16.0.0/12"})
    changed = {name for name, content in contents(tree).items() if first.get(name) != content}
    assert changed == {
        "overlays/eks/aws/account.yaml",
        "overlays/eks/source/source.yaml",
        "overlays/eks/deepstorage/external-access.yaml",
    }


def wrong() -> Iterator[tuple[dict[str, str], str]]:
    yield {"account": "1234"}, "--account '1234' is not what it should be"
    yield {"account": "000000000000"}, "is a placeholder itself"
    yield {"registry": "docker.io/example"}, "is a placeholder itself"
    yield {"registry": "https://registry.acme.io"}, "--registry"
    yield {"region": "Frankfurt"}, "--region"
    yield {"repository": "platform"}, "--repository"
    yield {"repository": "https://git.acme.io/a\nb"}, "--repository"
    yield {"clients": "everybody"}, "--clients"


@pytest.mark.parametrize(("options", "why"), list(wrong()))
def test_a_wrong_value_leaves_every_file_as_it_was(tree: Path, options: dict[str, str], why: str) -> None:
    before = contents(tree)
    with pytest.raises(UsageError, match=why):
        run(tree, "eks", {**EKS, **options})
    assert contents(tree) == before


def test_what_is_missing_is_named_where_nobody_can_be_asked(tree: Path) -> None:
    with pytest.raises(UsageError, match="eks needs --registry, --account: give them"):
        run(tree, "eks", {"repository": EKS["repository"]})


def test_a_setting_that_the_environment_lacks_is_refused(tree: Path) -> None:
    with pytest.raises(UsageError, match="minikube has no setting --account"):
        run(tree, "minikube", {"account": EKS["account"]})
