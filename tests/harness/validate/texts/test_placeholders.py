"""Placeholders, the majors of images, and what ExternalSecrets read."""

import pytest

from harness.manifests.catalogue import Catalogue, NamespacedName, Recipe, Reflector, Secret
from harness.validate.kubernetes import majors
from harness.validate.kubernetes.secrets import origins
from harness.validate.programs import external_secrets
from harness.validate.texts import placeholders
from tests.harness.validate.made import made


def pod(image: str = "shop/web:1.0", value: str = "x", name: str = "web") -> str:
    return f"""---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: app}}
spec: {{containers: [{{name: web, image: '{image}', env: [{{name: A, value: '{value}'}}]}}]}}
"""


@pytest.mark.parametrize(
    ("value", "placeholder"),
    [
        ("https://git.example.com/x.git", "git.example.com"),
        ("admin@example.org", "example.org"),
        ("https://registry.example/v2/", "registry.example"),
        ("git@github.com:example/shop.git", "github.com:example/shop.git"),
        ("https://github.com/example/shop", "github.com/example/shop"),
        ("docker.io/example/web:1.0", "docker.io/example/web"),
        ("localhost.lan:5000/example/web", "localhost.lan:5000/example/web"),
        ("arn:aws:iam::000000000000:role/x", "000000000000"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/web", "123456789012"),
        ("http://192.0.2.17:9000", "192.0.2.17"),
        ("CHANGE_ME", "CHANGE_ME"),
        ("s3://your-bucket/x", "your-bucket"),
        ("arn:aws:iam::<account>:role/x", "<account>"),
        ("/home/jovyan/examples/x", ""),
        ("https://examples.com/x", ""),
        ("https://notexample.com/x", ""),
        ("https://example.community/x", ""),
        ("shop/example/web", ""),
        ("settings.yaml.example", ""),
        ("00000000-0000-0000-0000-000000000000", ""),
        ("1000000000000", ""),
        ("exchange messages", ""),
        ("10.192.0.2", ""),
        ("my-web", ""),
    ],
)
def test_a_placeholder_is_found(value: str, placeholder: str) -> None:
    told = [violation.message for violation in placeholders.check(made(pod(value=value)))]
    field = "spec.containers.web.env.A.value"
    assert told == (
        [f"Pod app/web has the placeholder {placeholder} in {field}: replace it."] if placeholder else []
    )


def test_what_only_names_something_is_no_address() -> None:
    text = "---\napiVersion: example.com/v1\nkind: Shop\nmetadata: {name: shop.example.com}\nspec: "
    assert list(placeholders.check(made(f"{text}{{host: shop.example.com, group: example.com}}\n"))) == []
    assert len(list(placeholders.check(made(f"{text}{{url: shop.example.com}}\n")))) == 1


def test_each_placeholder_is_told_once_where_it_is_to_be_replaced() -> None:
    config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: docker.io/example/web}\n"
    image = pod("docker.io/example/web:1")
    (violation,) = placeholders.check(
        made(config + image + image.replace("name: web, namespace", "name: other, namespace"))
    )
    assert violation.path == ("spec", "containers", "web", "image")


@pytest.mark.parametrize(
    ("north", "south", "count"),
    [
        ("db/postgres:15.1", "db/postgres:15.9", 0),
        ("db/postgres:15.1", "db/postgres:16.0", 1),
        ("db/postgres:v3.5.3", "registry.io/db/postgres:v2.9.0", 1),
        ("lakehouse/web:1.0", "docker.io/me/lakehouse-web:2.0", 1),
        ("db/redis:7.0", "db/valkey:8.0", 0),
        ("db/postgres:20250101", "db/postgres:20260101", 0),
        ("db/postgres:15.1", "db/postgres:latest", 0),
    ],
)
def test_one_major_in_all_environments(north: str, south: str, count: int) -> None:
    environments = [made(pod(south), "south"), made(pod(north), "north")]
    violations = list(majors.check(environments, "north"))
    assert [(name, south in violation.message) for name, violation in violations] == [("south", True)] * count


def test_one_major_within_an_environment() -> None:
    text = pod("postgres:15.18-bookworm") + pod("postgres:16.1", name="other") + pod("postgres:16.1", name="third")
    ((name, violation),) = majors.check([made(text)], "north")
    assert (name, violation.message) == (
        "north",
        "Pod app/other runs postgres:16.1 in north, and the same environment runs postgres:15.18-bookworm.",
    )


KEYS = {"user": Recipe("constant", "web"), "password": Recipe("alphanumeric", length=32)}
CATALOGUE = Catalogue(
    Reflector("", "", ""),
    (
        Secret(NamespacedName("app", "web"), "", KEYS, (NamespacedName("copy", "web"),)),
        Secret(NamespacedName("app", "other"), "", KEYS),
    ),
)


def external(fields: str, namespace: str = "app") -> str:
    return f"""---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: web, namespace: {namespace}}}
spec: {{{fields}}}
"""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("dataFrom: [{extract: {key: lakehouse/app/web}}]", ""),
        ("dataFrom: [{extract: {key: lakehouse/app/wbe}}]", "reads lakehouse/app/wbe, which is no entry"),
        (
            "dataFrom: [{extract: {key: lakehouse/app/other}}]",
            "where the catalogue of secrets has lakehouse/app/web",
        ),
        ("data: [{secretKey: a, remoteRef: {key: lakehouse/app/web, property: user}}]", ""),
        ("data: [{secretKey: a, remoteRef: {key: lakehouse/app/web, property: name}}]", "which has user, password"),
        (
            "dataFrom: [{extract: {key: lakehouse/app/web}}], "
            "target: {template: {data: {url: '{{ .user }}:{{ .pass | quote }}'}}}",
            "uses pass in url, and fetches password, user",
        ),
    ],
)
def test_an_external_secret_reads_what_the_catalogue_declares(fields: str, said: str) -> None:
    for namespace in ("app", "copy"):
        told = [one.message for one in external_secrets.check(made(external(fields, namespace)), CATALOGUE)]
        assert [said in message for message in told] == ([True] if said else [])


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ("dataFrom: [{extract: {key: lakehouse/app/web}}]", {"user", "password"}),
        ("dataFrom: [{extract: {key: elsewhere}}]", None),
        ("dataFrom: [{find: {name: {regexp: x}}}]", None),
        ("data: [{secretKey: a, remoteRef: {key: x}}]", {"a"}),
        ("data: [{secretKey: a}], dataFrom: [{extract: {key: lakehouse/app/web}}]", {"a", "user", "password"}),
        ("data: [{secretKey: a}], target: {template: {data: {b: x}}}", {"b"}),
        ("data: [{secretKey: a}], target: {template: {mergePolicy: Merge, data: {b: x}}}", {"a", "b"}),
    ],
)
def test_the_keys_of_what_an_external_secret_makes(fields: str, keys: set[str] | None) -> None:
    assert origins(made(external(fields)), CATALOGUE)["Secret", "app", "web"].keys == keys
