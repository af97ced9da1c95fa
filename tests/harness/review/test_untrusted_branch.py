"""A branch that nobody trusts yet: its review runs nothing of it, asks nobody, and reads nothing outside of it."""

import http.server
import json
import os
import re
import resource
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.console import print_error
from harness.errors import HarnessError
from harness.manifests.catalogue import FILE as CATALOGUE
from harness.review.command import diff
from harness.review.model import Level, Review
from harness.review.output import FORMATS, render
from harness.review.review import Permissions

pytestmark = pytest.mark.tools

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n"
TWO = {"overlays/two/service.yaml": SERVICE.replace("80", "82")}
PROGRAMS = ("git", "ssh", "helm", "docker", "sh", "git-lfs", "curl")


@pytest.fixture
def repo(checkout: Any) -> Any:
    """Two environments; attacks change the first, and an honest change the second."""
    for name in ("one", "two"):
        checkout.write(
            {
                f"overlays/{name}/kustomization.yaml": "resources: [service.yaml]\n",
                f"overlays/{name}/service.yaml": SERVICE,
            }
        )
    checkout.commit({})
    return checkout


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and what it was asked for."""
    paths: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(SERVICE.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with a line for each program that a build starts, or could start by its name."""
    log, folder = tmp_path / "started", tmp_path / "programs"
    folder.mkdir()
    log.touch()
    for name in PROGRAMS:
        noted = f'echo {name} "$@" >> {log}'
        script = f"#!/bin/bash\n{noted}\nexit 1\n"
        if name == "git":
            script = f'#!/bin/bash\ncase "$*" in *fetch*) {noted};; esac\nexec {shutil.which("git")} "$@"\n'
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def sentence(review: Review, environment: str = "one") -> str:
    """What is said of the attacked environment, a problem or a chart that is missing; the other one is reviewed."""
    problems = [(problem.environment, problem.sentence) for problem in review.problems]
    charts = [(note.environment, note.sentence) for note in review.notes if note.application]
    ((there, said),) = [*problems, *charts]
    assert there == environment
    assert "Traceback" not in said
    assert "two (1 changed)" in review.headline
    return said


GENERATOR = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {{name: g}}\nfiles: [x=http://{}/x]\n"
REQUESTS: dict[str, dict[str, str]] = {
    "resource": {"kustomization.yaml": "resources: ['http://{}/x']\n"},
    "resource over TLS": {"kustomization.yaml": "resources: ['https://{}/x']\n"},
    "base": {"kustomization.yaml": "resources: ['http://{}/a/b.git//c?ref=v1']\n"},
    "base on a host that looks like GitHub": {
        "kustomization.yaml": "resources: ['https://github.com@{}/a/b?ref=v1']\n"
    },
    "forced protocol": {"kustomization.yaml": "resources: ['git::http://{}/a/b']\n"},
    "component": {"kustomization.yaml": "components: ['http://{}/a/b']\n"},
    "patch": {"kustomization.yaml": "resources: [service.yaml]\npatches: [{{path: 'http://{}/p'}}]\n"},
    "generator": {"kustomization.yaml": "configMapGenerator: [{{name: c, files: ['x=http://{}/x']}}]\n"},
    "env file": {"kustomization.yaml": "secretGenerator: [{{name: c, envs: ['http://{}/x']}}]\n"},
    "schema": {"kustomization.yaml": "resources: [service.yaml]\nopenapi: {{path: 'http://{}/x'}}\n"},
    "definitions": {"kustomization.yaml": "resources: [service.yaml]\ncrds: ['http://{}/x']\n"},
    "configuration": {"kustomization.yaml": "resources: [service.yaml]\nconfigurations: ['http://{}/x']\n"},
    "replacement": {"kustomization.yaml": "resources: [service.yaml]\nreplacements: [{{path: 'http://{}/x'}}]\n"},
    "named by a plugin": {"kustomization.yaml": "generators: [g.yaml]\n", "g.yaml": GENERATOR},
    "plugin in the kustomization": {
        "kustomization.yaml": "generators:\n- |\n  " + GENERATOR.replace("\n", "\n  ").rstrip() + "\n"
    },
    "chart": {"kustomization.yaml": "helmCharts: [{{name: c, repo: 'http://{}/charts', version: '1'}}]\n"},
    "old chart": {
        "kustomization.yaml": "helmChartInflationGenerator: [{{chartName: c, chartRepoUrl: 'http://{}/'}}]\n"
    },
    "folder named like a repository": {
        "kustomization.yaml": "resources: ['user@{}/a/b']\nnamePrefix: x-\n",
        "user@{}/a/b/kustomization.yaml": "resources: []\n",
    },
    "SSH": {"kustomization.yaml": "resources: ['ssh://git@{}/a/b']\n"},
    "another transport": {"kustomization.yaml": "resources: ['ext::sh -c touch% /tmp/{}']\n"},
}


@pytest.mark.parametrize("attack", REQUESTS)
def test_no_request_leaves_because_of_the_branch(
    repo: Any, asked: tuple[str, list[str]], started: Path, attack: str
) -> None:
    address, paths = asked
    repo.write(
        {f"overlays/one/{name.format(address)}": text.format(address) for name, text in REQUESTS[attack].items()}
    )
    repo.write(TWO)
    said = sentence(repo.review())
    assert paths == []
    assert started.read_text() == ""
    assert said.endswith(".")


def test_not_even_an_allowed_host_may_be_this_machine(
    repo: Any, asked: tuple[str, list[str]], started: Path
) -> None:
    address, paths = asked
    repo.write({"overlays/one/kustomization.yaml": f"resources: ['https://127.0.0.1/x', 'https://{address}/x']\n"})
    repo.write(TWO)
    sentence(repo.review(permissions=Permissions(hosts=["127.0.0.1"])))
    repo.write({"overlays/one/kustomization.yaml": "resources: ['https://127.0.0.1/a/b']\n"})
    assert "not public" in sentence(repo.review(permissions=Permissions(hosts=["127.0.0.1"])))
    assert paths == []


ANNOTATED = "apiVersion: example.com/v1\nkind: Function\nmetadata:\n  name: f\n  annotations:\n"
EXEC = ANNOTATED + "    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n"
COMMANDS: dict[str, dict[str, str]] = {
    "generator": {"kustomization.yaml": "generators: [f.yaml]\n", "f.yaml": EXEC},
    "transformer": {"kustomization.yaml": "resources: [service.yaml]\ntransformers: [f.yaml]\n", "f.yaml": EXEC},
    "validator": {"kustomization.yaml": "resources: [service.yaml]\nvalidators: [f.yaml]\n", "f.yaml": EXEC},
    "older annotation": {
        "kustomization.yaml": "generators: [f.yaml]\n",
        "f.yaml": EXEC.replace("config.kubernetes.io", "config.k8s.io"),
    },
    "container": {
        "kustomization.yaml": "generators: [f.yaml]\n",
        "f.yaml": ANNOTATED
        + "    config.kubernetes.io/function: |\n      container: {image: evil, network: true}\n",
    },
    "Starlark": {
        "kustomization.yaml": "generators: [f.yaml]\n",
        "f.yaml": ANNOTATED + "    config.kubernetes.io/function: |\n      starlark: {path: run.star}\n",
        "run.star": "while True: pass\n",
    },
    "old plugin": {
        "kustomization.yaml": "generators: [f.yaml]\n",
        "f.yaml": "apiVersion: example.com/v1\nkind: Run\nmetadata: {name: f}\n",
    },
    "in the kustomization": {
        "kustomization.yaml": "generators:\n- |-\n  " + EXEC.rstrip().replace("\n", "\n  ") + "\n"
    },
    "in a folder of generators": {
        "kustomization.yaml": "generators: [below]\n",
        "below/kustomization.yaml": "resources: [f.yaml]\n",
        "below/f.yaml": EXEC,
    },
    "chart": {"kustomization.yaml": "helmCharts: [{name: c, releaseName: --post-renderer=./run.sh}]\n"},
}
OPTIONS = [
    "--enable-alpha-plugins",
    "--enable-exec",
    "--network",
    "--enable-helm",
    "--helm-command=overlays/one/run.sh",
    "--mount=type=bind,source=/,target=/host",
    "--env=SECRET",
]


@pytest.mark.parametrize("attack", COMMANDS)
def test_no_command_of_the_branch_runs(repo: Any, started: Path, attack: str) -> None:
    script = f"#!/bin/sh\necho ran >> {started}\necho '[]'\n"
    repo.write({f"overlays/one/{name}": text for name, text in COMMANDS[attack].items()})
    repo.write({f"overlays/one/{name}": script for name in ("run.sh", "example.com/v1/run/Run", "Run")})
    for name in ("run.sh", "example.com/v1/run/Run", "Run"):
        (repo.root / f"overlays/one/{name}").chmod(0o755)
    options = ", ".join(f'"{option}"' for option in OPTIONS)
    repo.write({"pyproject.toml": f"[tool.harness.diff]\nkustomize-options = [{options}]\n", **TWO})
    review = repo.review()
    assert started.read_text() == ""
    (problem,) = review.problems
    assert "is never run" in problem.sentence or "is not rendered" in problem.sentence
    assert "two (1 changed)" in review.headline


@pytest.mark.parametrize("option", OPTIONS)
def test_what_runs_programs_cannot_be_allowed_either(repo: Any, option: str) -> None:
    with pytest.raises(HarnessError, match=r"(?:is not supported|unknown flag).*docs/diff\.md") as caught:
        repo.review(permissions=Permissions(options=[option]))
    assert caught.value.exit_code == 2


def settings(**fields: str) -> dict[str, str]:
    lines = "".join(f'{name.replace("_", "-")} = ["{value}"]\n' for name, value in fields.items())
    return {"pyproject.toml": f"[tool.harness.diff]\n{lines}"}


OUTSIDE = {"overlays/one/kustomization.yaml": "resources: [../two/service.yaml]\n"}


def test_options_come_from_the_base(repo: Any) -> None:
    unrestricted = settings(kustomize_options="--load-restrictor=LoadRestrictionsNone")
    repo.write({**OUTSIDE, **unrestricted})
    (problem,) = repo.review().problems
    assert "overlays/two/service.yaml is outside overlays/one" in problem.sentence
    assert repo.review(permissions=Permissions(options=["--load-restrictor=LoadRestrictionsNone"])).problems == ()
    repo.commit({**unrestricted, "overlays/one/kustomization.yaml": "resources: [service.yaml]\n"})
    repo.write(OUTSIDE)
    assert repo.review().problems == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"kustomize_options": "--enable-exec"}),
        ({}, {"hosts": "evil.example.com"}),
        ({"hosts": "git.example.com"}, {"hosts": "evil.example.com"}),
        ({"kustomize_options": "--reorder=none"}, {}),
    ],
)
def test_a_change_of_what_a_build_may_do_is_the_first_risk(
    repo: Any, before: dict[str, str], after: dict[str, str]
) -> None:
    repo.commit(settings(**before))
    kind = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n"
    repo.write({**settings(**after), "overlays/one/service.yaml": kind})
    review = repo.review()
    (*_, first), *others = review.risks
    assert (first.rule, first.level) == ("DF609", Level.HIGH)
    assert others
    assert "pyproject.toml" in first.sentence
    with pytest.raises(HarnessError, match="matched by --fail-on") as caught:
        diff("HEAD", root=repo.root, fail_on="high")
    assert caught.value.exit_code == 3


def test_what_is_not_widened_is_no_risk(repo: Any) -> None:
    repo.write(settings(repositories="https://git.example.com/x.git"))
    assert repo.review().risks == []


FILES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "link": (
        {"kustomization.yaml": "configMapGenerator: [{name: c, files: [passwd]}]\n"},
        {"passwd": "/etc/passwd"},
    ),
    "link of a folder": (
        {"kustomization.yaml": "configMapGenerator: [{name: c, files: [etc/passwd]}]\n"},
        {"etc": "../../../../../../../../../../etc"},
    ),
    "link of a kustomization": ({"kustomization.yaml": "resources: [base]\n"}, {"base": "/var"}),
    "absolute": ({"kustomization.yaml": "configMapGenerator: [{name: c, files: [/etc/passwd]}]\n"}, {}),
    "home": ({"kustomization.yaml": "secretGenerator: [{name: c, files: [~/.ssh/id_rsa]}]\n"}, {}),
    "above": ({"kustomization.yaml": "secretGenerator: [{name: c, envs: [../../../../../../etc/passwd]}]\n"}, {}),
    "file URL": ({"kustomization.yaml": "resources: ['file:///etc/passwd']\n"}, {}),
    "file URL of a key": (
        {"kustomization.yaml": "configMapGenerator: [{name: c, files: ['k=file:///etc/passwd']}]\n"},
        {},
    ),
    "patch": ({"kustomization.yaml": "resources: [service.yaml]\npatches: [{path: /etc/passwd}]\n"}, {}),
    "named by a plugin": (
        {
            "kustomization.yaml": "generators: [g.yaml]\n",
            "g.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: g}\nfiles: [/etc/passwd]\n",
        },
        {},
    ),
    "device": ({"kustomization.yaml": "resources: [zero.yaml]\n"}, {"zero.yaml": "/dev/zero"}),
    "process": ({"kustomization.yaml": "resources: [service.yaml]\ncrds: [e]\n"}, {"e": "/proc/self/environ"}),
    "git": ({"kustomization.yaml": "configMapGenerator: [{name: c, files: [../../.git/config]}]\n"}, {}),
}


@pytest.mark.parametrize("attack", FILES)
def test_no_file_outside_the_tree_is_read(repo: Any, attack: str) -> None:
    files, links = FILES[attack]
    repo.write({f"overlays/one/{name}": text for name, text in files.items()})
    for name, target in links.items():
        (repo.root / f"overlays/one/{name}").symlink_to(target)
    repo.write(TWO)
    for options in ([], ["--load-restrictor=LoadRestrictionsNone"]):
        review = repo.review(permissions=Permissions(options=options))
        assert sentence(review)
        for form in FORMATS:
            shown = render(review, form)
            assert "root:" not in shown
            assert "repositoryformatversion" not in shown


def test_what_the_tree_says_to_git_is_only_read(repo: Any, started: Path) -> None:
    evil = f"!echo ran >> {started}"
    repo.write(
        {
            ".gitattributes": "* filter=evil diff=evil merge=evil\n*.yaml filter=lfs\n",
            ".gitconfig": f'[filter "evil"]\n smudge = {evil}\n clean = {evil}\n[core]\n fsmonitor = {evil}\n',
            ".lfsconfig": "[lfs]\n url = http://127.0.0.1/\n",
            ".gitmodules": f'[submodule "m"]\n path = m\n url = ssh://127.0.0.1/m\n update = {evil}\n',
            "hooks/post-checkout": f"#!/bin/sh\n{evil[1:]}\n",
            "overlays/one/HEAD": "ref: refs/heads/main\n",
            "overlays/one/config": f"[core]\n bare = true\n fsmonitor = {evil}\n",
            "overlays/one/objects/x": "",
            "overlays/one/refs/x": "",
            **TWO,
        }
    )
    assert repo.review().headline.startswith("Touches two (1 changed), not one")
    repo.commit({})
    assert repo.review("HEAD~1", "HEAD").headline.startswith("Touches two (1 changed), not one")
    assert started.read_text() == ""


def test_no_program_of_a_checkouts_configuration_runs(repo: Any, started: Path) -> None:
    """Attributes in a branch decide which files a filter of the configuration is run for."""
    repo.git("init", "-q", "sub")
    repo.git("-C", "sub", "commit", "-q", "--allow-empty", "-m", "x")
    repo.commit({".gitattributes": "*.yaml filter=a=b.c diff=evil\n"})
    program = repo.root / ".git/program"
    program.write_text(f"#!/bin/sh\necho ran >> {started}\ncat\n")
    program.chmod(0o755)
    filters = [f"filter.a=b.c.{name}" for name in ("clean", "smudge", "process")]
    for folder in (".", "sub"):
        for name in [*filters, "diff.evil.textconv", "diff.external", "core.fsmonitor", "core.pager"]:
            repo.git("-C", folder, "config", name, str(program))
        repo.git("-C", folder, "config", "filter.a=b.c.required", "true")
    repo.write({**TWO, "sub/x.yaml": "a: b\n"})
    assert "two (1 changed)" in repo.review().headline
    assert CliRunner().invoke(app, ["validate", "-C", str(repo.root)]).exit_code in (0, 3)
    assert CliRunner().invoke(app, ["render", "one", "-C", str(repo.root)]).exit_code == 0
    assert started.read_text() == ""


def bomb(levels: int = 9) -> str:
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for number in range(levels):
        text += f"{chr(98 + number)}: &{chr(98 + number)} [{', '.join(['*' + chr(97 + number)] * 9)}]\n"
    return text


HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"
APPLICATION = (
    "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\n"
    "spec: {source: {path: overlays/one}}\n"
)
BOMBS: dict[str, dict[str, str]] = {
    "aliases in a resource": {"kustomization.yaml": "resources: [b.yaml]\n", "b.yaml": HEAD + bomb()},
    "aliases in a kustomization": {"kustomization.yaml": bomb() + "resources: [service.yaml]\n"},
    "aliases in a plain manifest": {"kustomization.yaml": None, "b.yaml": HEAD + bomb(), "a.yaml": APPLICATION},  # type: ignore[dict-item]
    "merge keys": {
        "kustomization.yaml": "resources: [b.yaml]\n",
        "b.yaml": HEAD
        + bomb().replace("[", "{<<: [").replace("]", "]}").replace("x, ", "{}, ").replace("x]", "{}]"),
    },
    "aliases in the values of a plugin": {"kustomization.yaml": "generators: [b.yaml]\n", "b.yaml": HEAD + bomb()},
    "deep nesting": {"kustomization.yaml": "resources: [b.yaml]\n", "b.yaml": HEAD + "data: " + "[" * 200_000},
    "deep nesting that ends": {
        "kustomization.yaml": "resources: [b.yaml]\n",
        "b.yaml": HEAD + "data: " + "[" * 20_000 + "]" * 20_000,
    },
    "deep mappings": {
        "kustomization.yaml": "resources: [b.yaml]\n",
        "b.yaml": HEAD + "data: " + "{a: " * 5_000 + "}" * 5_000,
    },
    "deep plain manifest": {"kustomization.yaml": None, "a.yaml": APPLICATION + "x: " + "[" * 900 + "]" * 900},  # type: ignore[dict-item]
    "a long number": {"kustomization.yaml": "resources: [b.yaml]\n", "b.yaml": HEAD + "data: " + "9" * 50_000},
    "a long number in a kustomization": {"kustomization.yaml": "resources: [service.yaml]\nx: " + "9" * 50_000},
    "a huge file": {"kustomization.yaml": "resources: [b.yaml]\n", "b.yaml": HEAD + "#" * 11_000_000},
    "a huge exponent": {"kustomization.yaml": None, "a.yaml": APPLICATION + "x: 1e999999999\n"},  # type: ignore[dict-item]
}


@pytest.mark.parametrize("attack", BOMBS)
def test_a_bomb_is_one_sentence_and_the_rest_is_reviewed(repo: Any, attack: str) -> None:
    repo.write({f"overlays/one/{name}": text for name, text in BOMBS[attack].items()})
    repo.write(TWO)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    review = repo.review()
    for form in FORMATS:
        assert len(render(review, form)) < 20_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
    assert "two (1 changed)" in review.headline
    if attack not in ("a huge exponent", "a long number"):
        (problem,) = review.problems
        assert len(problem.sentence) < 400


def test_applications_without_an_end_are_named(repo: Any) -> None:
    """Each one patches its copy so that it patches once more."""
    at = "/spec/source/kustomize/patches/"
    copied = f'[{{"op": "copy", "from": "{at}0", "path": "{at}-"}}]'
    patches = f"[{{target: {{kind: Application}}, patch: '{copied}'}}]"
    endless = APPLICATION.replace("path: overlays/one", f"path: overlays/one, kustomize: {{patches: {patches}}}")
    repo.write({"overlays/one/kustomization.yaml": "resources: [a.yaml]\n", "overlays/one/a.yaml": endless, **TWO})
    review = repo.review()
    assert "two (1 changed)" in review.headline
    assert any("without an end" in note.sentence for note in review.notes)


@pytest.mark.parametrize(("depth", "why"), [(1, "more than 1,000"), (6, "nested deeper")])
def test_a_matrix_that_explodes_is_named(repo: Any, depth: int, why: str) -> None:
    matrix, other = (
        f"list: {{elements: [{', '.join(f'{{{name}: a{number}}}' for number in range(40))}]}}" for name in "nm"
    )
    for _ in range(depth):
        matrix = f"matrix: {{generators: [{{{matrix}}}, {{{other}}}]}}"
    text = (
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: s}\nspec:\n"
        f"  generators: [{{{matrix}}}]\n  template: {{metadata: {{name: x}}, spec: {{source: {{path: .}}}}}}\n"
    )
    repo.write({"overlays/one/kustomization.yaml": "resources: [a.yaml]\n", "overlays/one/a.yaml": text, **TWO})
    assert any(why in note.sentence for note in repo.review().notes)


COMMANDS_OF_CI = [
    "::set-output name=x::y",
    "::error::stop",
    "##[set-env name=X]y",
    "##vso[task.setvariable variable=X]y",
    "##teamcity[message]",
    "section_start:1:x\r\x1b[0Kx",
]
ACTS = re.compile(r"^\s*::|##[\w-]*\[|\x1b|\r|[\u202a-\u202e\u2066-\u2069]", re.MULTILINE)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("command", COMMANDS_OF_CI)
def test_what_is_shown_is_no_command(
    repo: Any, capsys: pytest.CaptureFixture[str], form: Any, command: str
) -> None:
    text = f"{'x' * 200}\u202e{command}\x1b]0;title\x07\n  {command}\n{command}\n" + f"{' ' * 40}{command}" * 30
    value = json.dumps(text)
    metadata = f"{{name: {value}, labels: {{a: {value}}}}}"
    manifest = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\ndata: {{k: {value}}}\n"
    repo.write(
        {
            "overlays/one/kustomization.yaml": "resources: [service.yaml, c.yaml]\n",
            "overlays/one/c.yaml": manifest,
            f"overlays/new\n{command}/kustomization.yaml": f"resources: [{value}]\n",
            f"overlays/two/{command.replace('/', '')}.yaml": APPLICATION.replace("overlays/one", value[1:-1][:20]),
        }
    )
    result = CliRunner().invoke(app, ["diff", "HEAD", "-C", str(repo.root), "-f", form, "--fail-on", "low"])
    if isinstance(result.exception, HarnessError):
        print_error(result.exception)
    for shown in (result.stdout, result.stderr, capsys.readouterr().err):
        assert ACTS.findall(shown) == []


def test_a_sarif_message_holds_no_link(repo: Any) -> None:
    repo.write({"overlays/one/kustomization.yaml": "resources: ['[click](https://evil.example.com)']\n"})
    (run,) = json.loads(render(repo.review(), "sarif"))["runs"]
    messages = [result["message"]["text"] for result in run["results"]]
    assert messages
    assert not any("](" in message for message in messages)


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
def test_a_validation_shows_no_command(tmp_path: Path, form: str) -> None:
    (tmp_path / "overlays/one").mkdir(parents=True)
    value = json.dumps("\u202egone\x1b[2J\n::error::x ##vso[x]")
    (tmp_path / "overlays/one/kustomization.yaml").write_text(f"resources: [{value}]\n")
    catalogue = tmp_path / "harness/manifests/catalogue.yaml"
    catalogue.parent.mkdir(parents=True)
    catalogue.write_bytes(CATALOGUE.read_bytes())
    result = CliRunner().invoke(app, ["validate", "-C", str(tmp_path), "--format", form])
    assert "gone" in result.stdout
    assert ACTS.findall(result.stdout) == []
    assert ACTS.findall(result.stderr) == []


@pytest.mark.parametrize("attack", ["resource", "generator", "folder named like a repository", "named by a plugin"])
@pytest.mark.parametrize("command", [["validate", "one"], ["render", "one"]])
def test_validation_and_rendering_follow_the_same_rules(
    tmp_path: Path, asked: tuple[str, list[str]], started: Path, attack: str, command: list[str]
) -> None:
    address, paths = asked
    folder = tmp_path / "foreign/overlays/one"
    for name, text in {**REQUESTS[attack], "service.yaml": SERVICE}.items():
        file = folder / name.format(address)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(address) if "{}" in text else text)
    (tmp_path / "foreign/pyproject.toml").write_text(settings(hosts="127.0.0.1")["pyproject.toml"])
    result = CliRunner().invoke(app, [*command, "-C", str(tmp_path / "foreign")])
    assert result.exit_code != 0
    assert paths == []
    assert started.read_text() == ""


CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
    "chart/values.yaml": "a: 1\n",
    "chart/templates/c.yaml": HEAD + 'data: {a: "{{ .Values.a }}"}\n',
}
PIT = '{"$ref": "%s"}'


def charted(helm: str = "{}", **files: str | None) -> dict[str, str | None]:
    """A chart in the first environment; files by names in which `__` is a slash and `_` a dot."""
    text = APPLICATION.replace("overlays/one", f"overlays/one/chart, helm: {helm}")
    names = {name.replace("__", "/").replace("_", "."): content for name, content in files.items()}
    return {
        f"overlays/one/{name}": content
        for name, content in {**CHART, "kustomization.yaml": None, "a.yaml": text, **names}.items()
    }


@pytest.mark.parametrize(
    ("helm", "files"),
    [
        ("{valueFiles: ['http://%s/v.yaml']}", {}),
        ("{valueFiles: ['//%s/v.yaml']}", {}),
        ("{valueFiles: ['file:///etc/passwd']}", {}),
        ("{fileParameters: [{name: a, path: 'https://%s/v'}]}", {}),
        ("{}", {"chart__values_schema_json": PIT % "http://%s/s.json"}),
        ("{}", {"chart__values_schema_json": '{"allOf": [{"$dynamicRef": "http://%s/s.json"}]}'}),
        ("{}", {"chart__values_schema_json": '{"$id": "http://%s/", "$ref": "s.json"}'}),
        ("{}", {"chart__values_schema_json": '{"$schema": "http://%s/s.json"}'}),
        ("{}", {"chart__values_schema_json": PIT % "file:///etc/passwd"}),
        (
            "{}",
            {
                "chart__Chart_yaml": CHART["chart/Chart.yaml"]
                + "dependencies: [{name: c, version: 1.0.0, repository: 'http://%s/'}]\n"
            },
        ),
        ("{}", {"chart__templates__c_yaml": HEAD + 'data: {a: "{{ getHostByName `%s` }}"}\n'}),
    ],
)
def test_a_chart_asks_nobody(
    repo: Any, asked: tuple[str, list[str]], started: Path, helm: str, files: dict[str, str]
) -> None:
    address, paths = asked
    contents = {name: text.replace("%s", address) for name, text in files.items()}
    repo.write({**charted(helm.replace("%s", address), **contents), **TWO})
    review = repo.review()
    assert paths == []
    assert started.read_text() == ""
    assert review.problems or review.notes
    assert not any("root:" in render(review, form) for form in FORMATS)
    assert "two (1 changed)" in review.headline


OUTSIDE_CHARTS = ("/etc/passwd", "../../../../../../../../etc/passwd", "../../two/service.yaml")
READS = (
    "[{{ .Files.Get `%s` }}]",
    "[{{ .Files.Lines `%s` }}]",
    "[{{ tpl (.Files.Get `%s`) . }}]",
    "{{ env `HOME` }}",
)
NEEDS_ETC = "dependencies: [{name: c, version: 1.0.0, repository: 'file://../../../../../../etc'}]\n"


@pytest.mark.parametrize(
    ("files", "links"),
    [
        *(
            ({"chart__templates__c_yaml": HEAD + f'data: {{a: "{read.replace("%s", wanted)}"}}\n'}, {})
            for read in READS
            for wanted in OUTSIDE_CHARTS
        ),
        ({}, {"chart/values.yaml": "/etc/passwd"}),
        ({}, {"chart/templates/c.yaml": "../../../../../../../../../etc/passwd"}),
        ({}, {"chart/files": "/etc"}),
        ({}, {"chart/charts/up": "../.."}),
        ({"chart__Chart_yaml": CHART["chart/Chart.yaml"] + NEEDS_ETC}, {}),
    ],
)
def test_a_chart_reads_nothing_outside_of_it(repo: Any, files: dict[str, str], links: dict[str, str]) -> None:
    repo.write({**charted(**files), **TWO})
    for name, target in links.items():
        link = repo.root / "overlays/one" / name
        link.unlink(missing_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    review = repo.review()
    for form in FORMATS:
        shown = render(review, form)
        assert "root:" not in shown
        assert os.environ["HOME"] not in shown
    (config,) = [item.after_yaml for *_, item in review.walk() if item.identity.kind == "ConfigMap"] or ["a: []"]
    assert "[]" in config
    assert "two (1 changed)" in review.headline


@pytest.mark.parametrize(
    ("helm", "files"),
    [
        ("{}", {"chart__values_yaml": bomb()}),
        ("{valueFiles: [bomb.yaml]}", {"chart__bomb_yaml": bomb()}),
        ("{}", {"chart__values_yaml": "a: " + "[" * 5_000 + "]" * 5_000}),
        ("{}", {"chart__templates__c_yaml": HEAD + "data: " + "{{ repeat 200 `[` }}{{ repeat 200 `]` }}\n"}),
        ("{}", {"chart__templates__c_yaml": '{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}'}),
        ("{}", {"chart__templates__c_yaml": '{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}'}),
        (
            "{}",
            {
                "chart__templates__c_yaml": "{{ tpl .Values.a . }}",
                "chart__values_yaml": "a: '{{ tpl .Values.a . }}'",
            },
        ),
        ("{}", {"chart__templates__c_yaml": HEAD + 'data: {a: "{{ randAlphaNum 2000000000 }}"}\n'}),
        ("{}", {"chart__templates__c_yaml": "{{ index .Values.a 9 }}"}),
        ("{}", {"chart__charts__x_tgz": "this is no archive"}),
    ],
)
def test_a_chart_that_cannot_be_rendered_is_one_sentence(repo: Any, helm: str, files: dict[str, str]) -> None:
    repo.write({**charted(helm, **files), **TWO})
    review = repo.review()
    (problem,) = review.problems
    assert len(problem.sentence) < 500
    assert "\n" not in problem.sentence
    assert "two (1 changed)" in review.headline
