"""Charts of repositories and registries: fetched where that is allowed, and otherwise named with their values."""

import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from harness.machine.tools import tool
from harness.manifests.build_process import BuildProcess
from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.manifests.helm.remote import RemoteChart
from harness.manifests.remote_charts import ChartRequest
from harness.review.command import diff
from harness.review.model import Review
from harness.review.output import FORMATS, render
from harness.review.review import Permissions
from tests.harness.manifests.chart_servers import ChartServer, chart_archive, chart_server

pytestmark = pytest.mark.tools

TEMPLATE = """apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}"}
data: {size: "{{ .Values.size }}", chart: VERSION}
"""


def packed(version: str = "1.0.0", **files: str) -> bytes:
    return chart_archive(
        "web",
        version,
        {"templates/web.yaml": TEMPLATE.replace("VERSION", version), "values.yaml": "size: 1\n", **files},
    )


VERSIONS = {"1.0.0": packed(), "1.1.0": packed("1.1.0"), "2.0.0": packed("2.0.0")}


@pytest.fixture(autouse=True)
def charts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Builds and charts of this test alone; the programs are those of the user."""
    monkeypatch.setattr("harness.manifests.cache.cache_root", lambda: tmp_path / "cache")


@pytest.fixture
def server() -> Iterator[ChartServer]:
    with chart_server() as described:
        described.publish("web", VERSIONS)
        described.push("charts/web", VERSIONS)
        yield described


def argo(chart: dict[str, Any], **helm: Any) -> dict[str, str]:
    value = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web"},
        "spec": {"source": {**chart, "helm": helm}, "destination": {"namespace": "shop"}},
    }
    return {
        "clusters/prod/kustomization.yaml": "resources: [web.yaml]\n",
        "clusters/prod/web.yaml": json.dumps(value),
    }


def flux(source: dict[str, Any], release: dict[str, Any], **values: Any) -> dict[str, str]:
    named = {"metadata": {"name": "web", "namespace": "shop"}}
    source = {"apiVersion": "source.toolkit.fluxcd.io/v1", **named, **source}
    value = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", **named}
    value["spec"] = {**release, "values": values}
    return {
        "clusters/prod/kustomization.yaml": "resources: [web.yaml]\n",
        "clusters/prod/web.yaml": f"{json.dumps(source)}\n---\n{json.dumps(value)}\n",
    }


def kustomize(chart: dict[str, Any], **values: Any) -> dict[str, str]:
    item = {"name": "web", "releaseName": "web", **chart, "valuesInline": values}
    return {"clusters/prod/kustomization.yaml": json.dumps({"namespace": "shop", "helmCharts": [item]})}


def dependent(dependency: dict[str, Any], lock: str = "", **values: Any) -> dict[str, str]:
    """A chart in the repository that needs one of elsewhere."""
    described = {"apiVersion": "v2", "name": "own", "version": "1.0.0", "dependencies": [dependency]}
    files = {
        "charts/own/Chart.yaml": json.dumps(described),
        "charts/own/values.yaml": json.dumps({"web": values}),
        **argo({"path": "charts/own", "repoURL": "https://git.example.com/ops/own.git"}),
    }
    if lock:
        files["charts/own/Chart.lock"] = lock
    return files


def helm_release(version: str) -> dict[str, Any]:
    reference = {"kind": "HelmRepository", "name": "web"}
    return {"chart": {"spec": {"chart": "web", "version": version, "sourceRef": reference}}}


def oci_repository(registry: str, **ref: str) -> dict[str, Any]:
    return {"kind": "OCIRepository", "spec": {"url": f"{registry}/web", "ref": ref}}


def files_of(form: str, server: ChartServer, version: str, **values: Any) -> dict[str, str]:
    """A repository that deploys a version of the chart, in one of the forms that there are."""
    registry = f"oci://{server.host}/charts"
    reference = {"chartRef": {"kind": "OCIRepository", "name": "web"}}
    match form:
        case "Application":
            return argo({"repoURL": server.origin, "chart": "web", "targetRevision": version}, valuesObject=values)
        case "Application of a registry":
            chart = {"repoURL": f"{server.host}/charts", "chart": "web", "targetRevision": version}
            return argo(chart, valuesObject=values)
        case "Application of an artifact":
            chart = {"repoURL": f"{registry}/web", "path": ".", "targetRevision": version}
            return argo(chart, valuesObject=values)
        case "HelmRelease":
            source = {"kind": "HelmRepository", "spec": {"url": server.origin}}
            return flux(source, helm_release(version), **values)
        case "HelmRelease of a registry":
            source = {"kind": "HelmRepository", "spec": {"type": "oci", "url": registry}}
            return flux(source, helm_release(version), **values)
        case "OCIRepository":
            return flux(oci_repository(registry, tag=version), reference, **values)
        case "OCIRepository with a range":
            return flux(oci_repository(registry, semver=version), reference, **values)
        case "HelmChart":
            spec = {"chart": "web", "version": version, "sourceRef": {"kind": "HelmRepository", "name": "web"}}
            described: dict[str, Any] = {
                "apiVersion": "source.toolkit.fluxcd.io/v1",
                "kind": "HelmChart",
                "metadata": {"name": "web", "namespace": "shop"},
                "spec": spec,
            }
            source = {"kind": "HelmRepository", "spec": {"url": server.origin}}
            files = flux(source, {"chartRef": {"kind": "HelmChart", "name": "web"}}, **values)
            return {
                **files,
                "clusters/prod/web.yaml": f"{files['clusters/prod/web.yaml']}---\n{json.dumps(described)}\n",
            }
        case "kustomization":
            return kustomize({"repo": server.origin, "version": version}, **values)
        case "kustomization of a registry":
            return kustomize({"repo": registry, "version": version}, **values)
        case "dependency":
            return dependent({"name": "web", "version": version, "repository": server.origin}, **values)
        case "dependency of a registry":
            return dependent({"name": "web", "version": version, "repository": registry}, **values)
    raise AssertionError(form)


FORMS = (
    "Application",
    "Application of a registry",
    "Application of an artifact",
    "HelmRelease",
    "HelmRelease of a registry",
    "OCIRepository",
    "OCIRepository with a range",
    "HelmChart",
    "kustomization",
    "kustomization of a registry",
    "dependency",
    "dependency of a registry",
)


def rendered(review: Review) -> dict[str, tuple[Any, Any]]:
    """The fields that changed in what the chart renders to."""
    assert review.problems == ()
    return {
        field.path.removeprefix("data."): (field.before, field.after)
        for *_, resource in review.walk()
        if resource.identity.kind == "ConfigMap"
        for field in resource.fields
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_chart_is_fetched_and_what_a_change_does_is_shown(checkout: Any, server: ChartServer, form: str) -> None:
    checkout.commit(files_of(form, server, "1.0.0", size=2))
    checkout.write(files_of(form, server, "1.1.0", size=3))
    review = checkout.review(permissions=Permissions(hosts=[server.origin]))
    assert rendered(review) == {"size": ("2", "3"), "chart": ("1.0.0", "1.1.0")}
    assert review.uncovered == ""
    del server.asked[:]
    again = checkout.review(permissions=Permissions(hosts=[server.origin]))
    assert rendered(again) == rendered(review)
    if form != "OCIRepository with a range":
        assert server.asked == []


@pytest.mark.parametrize("form", FORMS)
def test_a_chart_that_may_not_be_fetched_is_named_with_its_values(
    checkout: Any, server: ChartServer, form: str
) -> None:
    checkout.commit(files_of(form, server, "1.0.0", size=2))
    checkout.write(files_of(form, server, "1.0.0", size=3))
    review = checkout.review()
    assert server.asked == []
    assert review.problems == ()
    changed = [(field.path, field.before, field.after) for *_, item in review.walk() for field in item.fields]
    assert any(path.endswith("size") and (before, after) == (2, 3) for path, before, after in changed)
    assert any("only HTTPS URLs without user and port are asked" in note.sentence for note in review.notes)
    with pytest.raises(HarnessError, match=r"does not cover everything: 1 \w+ not followed \(prod/") as caught:
        diff("HEAD", root=checkout.root)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("form", FORMS)
def test_another_version_of_a_chart_that_is_not_fetched_is_shown(
    checkout: Any, server: ChartServer, form: str
) -> None:
    checkout.commit(files_of(form, server, "1.0.0", size=2))
    checkout.write(files_of(form, server, "2.0.0", size=2))
    review = checkout.review()
    assert "dependency" in form or "DF615" in {risk.rule for *_, risk in review.risks}
    changed = [str(field.after) for *_, item in review.walk() for field in item.fields]
    named = [note.sentence for note in review.notes if note.changed]
    assert any("2.0.0" in text for text in [*changed, *named])


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [("1.x", "1.1.0"), ("", "2.0.0"), ("~1.0", "1.0.0"), (">=1.0.0 <2.0.0", "1.1.0"), ("*", "2.0.0")],
)
@pytest.mark.parametrize("form", ["Application", "Application of a registry", "kustomization", "dependency"])
def test_a_range_takes_the_highest_version(
    checkout: Any, server: ChartServer, form: str, wanted: str, taken: str
) -> None:
    checkout.commit(files_of(form, server, "0.9.0"))
    checkout.write(files_of(form, server, wanted, size=2))
    server.publish("web", {"0.9.0": packed("0.9.0"), **VERSIONS, "3.0.0-rc.1": packed("3.0.0-rc.1")})
    server.push("charts/web", {"0.9.0": packed("0.9.0"), **VERSIONS, "3.0.0-rc.1": packed("3.0.0-rc.1")})
    review = checkout.review(permissions=Permissions(hosts=[server.origin]))
    assert rendered(review)["chart"] == ("0.9.0", taken)


def test_a_lock_decides_a_version(checkout: Any, server: ChartServer) -> None:
    dependency = {"name": "web", "version": "1.x", "repository": server.origin}
    lock = f"dependencies: [{{name: web, repository: '{server.origin}', version: 1.0.0}}]\n"
    checkout.commit(dependent(dependency, lock))
    checkout.write(dependent(dependency, lock.replace("1.0.0", "1.1.0")))
    review = checkout.review(permissions=Permissions(hosts=[server.origin]))
    assert rendered(review) == {"chart": ("1.0.0", "1.1.0")}


def test_a_digest_chooses_a_chart_of_a_registry(checkout: Any, server: ChartServer) -> None:
    digests = server.push("charts/web", VERSIONS)
    reference = {"chartRef": {"kind": "OCIRepository", "name": "web"}}

    def files(version: str) -> dict[str, str]:
        ref = {"tag": "1.0.0", "digest": digests[version]}
        return flux(oci_repository(f"oci://{server.host}/charts", **ref), reference)

    checkout.commit(files("1.0.0"))
    checkout.write(files("2.0.0"))
    review = checkout.review(permissions=Permissions(hosts=[server.origin]))
    assert rendered(review) == {"chart": ("1.0.0", "2.0.0")}


def test_an_artifact_that_is_no_chart_is_named(checkout: Any, server: ChartServer) -> None:
    server.answers["/v2/charts/web/manifests/1.0.0"] = (404, {}, b"")
    chart = {"repoURL": f"oci://{server.host}/charts/web", "path": ".", "targetRevision": "1.0.0"}
    checkout.commit(argo(chart))
    review = checkout.review(permissions=Permissions(hosts=[server.origin]))
    assert review.not_followed == ("prod/web",)
    assert "not found" in review.notes[0].sentence


def test_values_may_be_files_of_the_chart(checkout: Any, server: ChartServer) -> None:
    server.publish("web", {"1.0.0": packed(**{"values-prod.yaml": "size: 7\n"})})
    chart = {"repoURL": server.origin, "chart": "web", "targetRevision": "1.0.0"}
    checkout.commit(argo(chart))
    checkout.write(argo(chart, valueFiles=["values-prod.yaml"]))
    assert rendered(checkout.review(permissions=Permissions(hosts=[server.origin]))) == {"size": ("1", "7")}


def test_what_was_fetched_serves_without_the_network(checkout: Any, server: ChartServer) -> None:
    checkout.commit(files_of("Application", server, "1.x", size=2))
    checkout.write(files_of("Application", server, "1.x", size=3))
    first = checkout.review(permissions=Permissions(hosts=[server.origin]))
    server.answers.clear()
    assert rendered(checkout.review(permissions=Permissions(hosts=[server.origin]))) == rendered(first)
    del server.asked[:]
    assert rendered(checkout.review()) == rendered(first)
    assert server.asked == []


def test_a_cause_that_many_applications_have_is_said_once(checkout: Any) -> None:
    def files(size: int) -> dict[str, str]:
        chart = {"repoURL": "https://charts.example.com", "chart": "web", "targetRevision": "1.0.0"}
        application = json.loads(argo(chart, valuesObject={"size": size})["clusters/prod/web.yaml"])
        names = [f"web-{number}" for number in range(8)]
        each = [{**application, "metadata": {"name": name}} for name in names]
        text = "\n---\n".join(map(json.dumps, each))
        return {"clusters/prod/kustomization.yaml": "resources: [web.yaml]\n", "clusters/prod/web.yaml": text}

    checkout.commit(files(1))
    checkout.write(files(2))
    review = checkout.review()
    (note,) = review.notes
    assert note.sentence == (
        "Helm charts of 8 Applications or roots are not rendered, because charts.example.com is not allowed "
        "(see --allow-host): prod/web-0, prod/web-1, prod/web-2, prod/web-3, prod/web-4 and 3 more."
    )
    assert len(review.not_followed) == 8


def applied(repository: str, size: int = 1, version: str = "1.0.0") -> dict[str, str]:
    chart = {"repoURL": repository, "chart": "web", "targetRevision": version}
    return argo(chart, valuesObject={"size": size})


def why(checkout: Any, server: ChartServer, repository: str = "", *hosts: str) -> Any:
    """Why a chart is not rendered; the values of its release are compared all the same."""
    checkout.commit(applied(repository or server.origin, 1))
    checkout.write(applied(repository or server.origin, 2))
    review = checkout.review(permissions=Permissions(hosts=[server.origin, *hosts]))
    assert review.problems == ()
    values = [
        (field.path, field.after)
        for *_, item in review.walk()
        if item.identity.kind == "HelmValues"
        for field in item.fields
    ]
    assert values == [("values.size", 2)]
    assert review.not_followed == ("prod/web",)
    (note,) = review.notes
    assert len(note.sentence) < 700
    return note.sentence.partition(" is not rendered, because ")[2]


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:1/x",
        "http://localhost/x",
        "http://[::1]/x",
        "http://10.0.0.1/x",
        "https://evil.example.com/x",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
    ],
)
@pytest.mark.parametrize("path", ["/index.yaml", "/web-1.0.0.tgz"])
def test_a_redirect_leads_nowhere_else(checkout: Any, server: ChartServer, path: str, target: str) -> None:
    server.redirect(path, target)
    said = why(checkout, server)
    assert "is not an allowed host" in said or "unsupported protocol scheme" in said


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/x.tgz",
        "http://127.0.0.1:1/x.tgz",
        "file:///etc/passwd",
        "oci://127.0.0.1:1/web:1.0.0",
    ],
)
def test_an_index_leads_nowhere_else(checkout: Any, server: ChartServer, address: str) -> None:
    server.index({"web": [{"version": "1.0.0", "urls": [address]}]})
    said = why(checkout, server)
    assert "is not an allowed host" in said or "unsupported" in said or "refers to the registry" in said


def test_a_registry_leads_nowhere_else(checkout: Any, server: ChartServer) -> None:
    with chart_server() as other:
        realm = f'Bearer realm="{other.origin}/token",service="x"'
        server.answers["/v2/charts/web/manifests/1.0.0"] = (401, {"Www-Authenticate": realm}, b"")
        assert "is not an allowed host" in why(checkout, server, f"oci://{server.host}/charts")
        assert other.asked == []


@pytest.mark.parametrize(
    "repository",
    ["https://127.0.0.1", "https://localhost", "oci://127.0.0.1/charts", "oci://localhost/charts"],
)
def test_an_allowed_name_of_this_machine_is_never_asked(
    checkout: Any, server: ChartServer, repository: str
) -> None:
    assert "which is not public" in why(checkout, server, repository, "127.0.0.1", "localhost")


@pytest.mark.parametrize(
    "repository",
    [
        "file:///etc",
        "http://charts.example.com",
        "https://user:word@charts.example.com",
        "https://charts.example.com:8443",
        "https://[::1",
        "ssh://charts.example.com",
        "https://other.example.com",
        "oci://other.example.com/charts",
        "@alias",
    ],
)
def test_only_allowed_repositories_are_asked(checkout: Any, server: ChartServer, repository: str) -> None:
    said = why(checkout, server, repository, "charts.example.com")
    assert said.endswith((" are asked.", "cannot be read.", "is not allowed (see --allow-host)."))
    assert "word" not in said


def tar_bomb() -> bytes:
    return chart_archive("web", "1.0.0", {"templates/x.yaml": "#" * (80 << 20)})


def many_files() -> bytes:
    return chart_archive("web", "1.0.0", {f"files/{number}": "" for number in range(10_001)})


ARCHIVES = {
    "a bomb": (tar_bomb, "has more than 64 MB"),
    "many files": (many_files, "has more than 10000 files"),
    "a link": (lambda: chart_archive("web", "1.0.0", {}, {"templates/x.yaml": "/etc/passwd"}), "is not a file"),
    "a file above": (lambda: chart_archive("web", "1.0.0", {"../../x.yaml": "a: b"}), "is not a chart"),
    "no archive": (lambda: b"<html>", "is not compressed by gzip"),
    "no tar": (lambda: gzip.compress(b"x" * 2000), "cannot be read"),
    "no chart": (lambda: chart_archive("web", "no-version", {}), "is not a chart"),
    "too much": (lambda: b"\0" * (33 << 20), "has more than 32 MB"),
}


@pytest.mark.parametrize("attack", ARCHIVES)
@pytest.mark.parametrize("form", ["repository", "registry"])
def test_a_hostile_archive_is_named(checkout: Any, server: ChartServer, form: str, attack: str) -> None:
    make, said = ARCHIVES[attack]
    server.publish("web", {"1.0.0": make()})
    server.push("charts/web", {"1.0.0": make()})
    repository = server.origin if form == "repository" else f"oci://{server.host}/charts"
    assert said in why(checkout, server, repository)


def test_a_wrong_digest_is_named(checkout: Any, server: ChartServer) -> None:
    server.add("/web-1.0.0.tgz", VERSIONS["2.0.0"])
    assert "but the index says" in why(checkout, server)


def test_a_wrong_digest_of_a_registry_is_named(checkout: Any, server: ChartServer) -> None:
    (blob,) = [
        path
        for path, answer in server.answers.items()
        if "/blobs/" in path and isinstance(answer, tuple) and answer[2] == VERSIONS["1.0.0"]
    ]
    server.add(blob, VERSIONS["2.0.0"][: len(VERSIONS["1.0.0"])].ljust(len(VERSIONS["1.0.0"]), b"\0"))
    assert "mismatch" in why(checkout, server, f"oci://{server.host}/charts")


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (b"entries: {web: [" + b"{version: 0.0.1, urls: [x]}, " * 1_300_000 + b"]}", "has more than 32 MB"),
        (b"a: &a [x, x]\n" + b"".join(b"b%d: &b [*a, *a, *a, *a]\n" % n for n in range(9)), "does not have it"),
        (b"entries: " + b"[" * 200_000, "its index cannot be read"),
        (b"entries: {web: 1}", "its index cannot be read"),
        (b"entries: {web: [{version: 9.9.9, urls: [x]}, null, {version: 1.0.0}]}", "does not have it"),
        (b"", "does not have it"),
    ],
)
def test_a_hostile_index_is_named(checkout: Any, server: ChartServer, index: bytes, said: str) -> None:
    server.add("/index.yaml", index)
    assert said in why(checkout, server)


def test_a_repository_that_answers_nothing_is_named(checkout: Any, server: ChartServer) -> None:
    server.answers.clear()
    assert "/index.yaml answers 404" in why(checkout, server)


def test_a_chart_of_elsewhere_reads_nothing_of_this_machine(checkout: Any, server: ChartServer) -> None:
    template = TEMPLATE.replace("VERSION", '{{ .Files.Get "../../../../etc/passwd" | quote }}')
    server.publish("web", {"1.0.0": packed(**{"templates/web.yaml": template})})
    checkout.commit(applied(server.origin, 1))
    checkout.write(applied(server.origin, 2))
    review = checkout.review(permissions=Permissions(hosts=[server.origin]))
    assert rendered(review) == {"size": ("1", "2")}
    assert "root:" not in "".join(item.after_yaml for *_, item in review.walk())


def test_a_template_of_elsewhere_that_fails_is_one_sentence(checkout: Any, server: ChartServer) -> None:
    server.publish("web", {"1.0.0": packed(**{"templates/web.yaml": "{{ fail `no` }}"})})
    checkout.commit(applied(server.origin, 1))
    (problem, *_) = checkout.review(permissions=Permissions(hosts=[server.origin])).problems
    assert problem.sentence.startswith(f"The Helm chart web 1.0.0 of {server.origin} cannot be rendered: ")


@pytest.mark.parametrize("form", [form for form in FORMS if form != "Application of a registry"])
def test_a_password_in_a_url_is_shown_nowhere(checkout: Any, form: str) -> None:
    server = ChartServer("https://user:s3cr3t-word@charts.example.com")
    checkout.commit(files_of(form, server, "1.0.0", size=1))
    checkout.write(files_of(form, server, "2.0.0", size=2))
    review = checkout.review()
    assert review.not_followed
    for form_of_output in FORMATS:
        assert "s3cr3t-word" not in render(review, form_of_output)


def test_the_branch_allows_no_host(checkout: Any, server: ChartServer) -> None:
    checkout.commit(applied("https://charts.example.com", 1))
    settings = '[tool.harness.diff]\nhosts = ["charts.example.com"]\n'
    checkout.write({**applied("https://charts.example.com", 2), "pyproject.toml": settings})
    said = [note.sentence for note in checkout.review().notes]
    assert any("charts.example.com is not allowed" in sentence for sentence in said)


def test_a_chart_that_never_ends_is_given_up(server: ChartServer) -> None:
    given_up = threading.Event()

    def drip() -> Iterator[bytes]:
        while not given_up.wait(0.01):
            yield b"#"

    server.answers["/index.yaml"] = (200, {}, drip())
    process = BuildProcess(tool("builder"), limits=["-download", "200ms"])
    (answer,) = process.build([ChartRequest(RemoteChart(server.origin, "web", "1.0.0"), origins=[server.origin])])
    given_up.set()
    process.close()
    assert answer.header["error"] == "it takes longer than 200ms"


def test_an_index_without_a_digest_is_named(checkout: Any, server: ChartServer) -> None:
    server.index({"web": [{"version": "1.0.0", "urls": ["web-1.0.0.tgz"]}]})
    checkout.commit(applied(server.origin, 1))
    checkout.write(applied(server.origin, 2))
    review = checkout.review(permissions=Permissions(hosts=[server.origin]))
    assert rendered(review) == {"size": ("1", "2")}
    (note,) = review.notes
    assert note.sentence == "web is rendered without a cluster, but its chart is listed without a digest."


def test_a_rendering_has_the_charts_that_it_may_fetch(tmp_path: Path, server: ChartServer) -> None:
    files = kustomize({"repo": server.origin, "version": "1.0.0"}, size=2)
    folder = tmp_path / "checkout/overlays/here"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(files["clusters/prod/kustomization.yaml"])
    (refused,) = build_all(roots(tmp_path / "checkout", "here"), hosts=[])
    (problem,) = refused.problems
    assert problem.message == (
        f"The Helm chart web 1.0.0 of {server.origin} is not rendered, "
        "because only HTTPS URLs without user and port are asked."
    )
    assert server.asked == []
    (built,) = build_all(roots(tmp_path / "checkout", "here"), hosts=[server.origin])
    assert [str(item) for item in built.resources] == ["ConfigMap shop/web"]
    assert built.problems == []
