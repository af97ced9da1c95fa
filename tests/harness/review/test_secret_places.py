"""Values that are secret by their place, by their name or by a schema: in no format, wherever they are."""

import base64
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from harness.manifests.sensitive import is_sensitive, masked
from harness.review.fields import compare
from harness.review.output import FORMATS, render
from harness.review.redact import manifest
from harness.review.secrecy import passwords_of

PLACES = {
    "a Template's Secret": "apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: {name: N}\n"
    "objects:\n- {apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: VALUE}}\n",
    "a Template's parameter": "apiVersion: template.openshift.io/v1\nkind: Template\nmetadata: {name: N}\n"
    "parameters:\n- {name: DATABASE_PASSWORD, value: VALUE}\n",
    "a Template's SealedSecret template": "apiVersion: template.openshift.io/v1\nkind: Template\n"
    "metadata: {name: N}\nobjects:\n- apiVersion: bitnami.com/v1alpha1\n  kind: SealedSecret\n"
    "  metadata: {name: s}\n  spec: {template: {stringData: {a: VALUE}}}\n",
    "a policy's generated Secret": "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: N}\n"
    "spec: {rules: [{name: r, generate: {apiVersion: v1, kind: Secret, name: s, data: {data: {a: VALUE}}}}]}\n",
    "a policy's mutation of Secrets": "apiVersion: kyverno.io/v1\nkind: Policy\nmetadata: {name: N}\n"
    "spec: {rules: [{name: r, match: {any: [{resources: {kinds: [v1/Secret]}}]},"
    " mutate: {patchStrategicMerge: {data: {a: VALUE}}}}]}\n",
    "Gatekeeper's assignment to Secrets": "apiVersion: mutations.gatekeeper.sh/v1\nkind: Assign\n"
    "metadata: {name: N}\nspec: {applyTo: [{groups: [''], kinds: [Secret]}], location: data.a,"
    " parameters: {assign: {value: VALUE}}}\n",
    "a configuration policy": "apiVersion: policy.open-cluster-management.io/v1\nkind: ConfigurationPolicy\n"
    "metadata: {name: N}\nspec: {object-templates: [{complianceType: musthave, objectDefinition:"
    " {apiVersion: v1, kind: Secret, data: {a: VALUE}}}]}\n",
    "a policy within a policy": "apiVersion: policy.open-cluster-management.io/v1\nkind: Policy\n"
    "metadata: {name: N}\nspec: {policy-templates: [{objectDefinition: {apiVersion: p/v1, kind: C, spec:"
    " {object-templates: [{objectDefinition: {kind: Secret, apiVersion: v1, stringData: {a: VALUE}}}]}}}]}\n",
    "a JSON patch for Secrets": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: N}\n"
    "spec: {source: {kustomize: {patches: [{target: {kind: Secret},"
    ' patch: "- {op: replace, path: /x, value: VALUE}"}]}}}\n',
    "a JSON patch for what has a name": "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
    "metadata: {name: N}\nspec: {sources: [{kustomize: {patches: [{target: {name: s},"
    ' patch: "- {op: add, path: /stringData/a, value: VALUE}"}]}}]}\n',
    "a merge patch": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: N}\n"
    "spec: {sourceRef: {kind: Bucket, name: b}, path: x,"
    ' patches: [{patch: "apiVersion: v1\\nkind: Secret\\nmetadata: {name: s}\\nstringData: {a: VALUE}"}]}\n',
    "a patch for several kinds": "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: N}\n"
    "spec: {template: {spec: {source: {kustomize: {patches: [{target: {kind: Secret|ConfigMap},"
    ' patch: "- {op: add, path: /data/a, value: VALUE}"}]}}}}}\n',
    "a Helm parameter": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: N}\n"
    "spec: {source: {chart: c, helm: {parameters: [{name: auth.rootPassword, value: VALUE}]}}}\n",
    "Helm values as a text": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: N}\n"
    'spec: {source: {chart: c, helm: {values: "a: 1\\nauth:\\n  adminPassword: VALUE # set\\n"}}}\n',
    "Helm values as an object": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: N}\n"
    "spec: {source: {chart: c, helm: {valuesObject: {smtp: {apiKey: VALUE}}}}}\n",
    "a release's values": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: N}\n"
    "spec: {values: {grafana: {client_secret: VALUE}}}\n",
    "a list of passwords": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: N}\n"
    "spec: {values: {passwords: [VALUE, x]}}\n",
    "a value that a schema declares": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
    "metadata: {name: N}\nspec: {values: {door: {knock: VALUE}}}\n",
    "values inside a manifest in a text": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: N}\ndata:\n"
    "  app.yaml: |\n    apiVersion: helm.toolkit.fluxcd.io/v2\n    kind: HelmRelease\n"
    "    spec: {values: {token: VALUE}}\n",
    "a variable": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: N}\nspec: {template: {spec:"
    " {containers: [{name: c, env: [{name: POSTGRES_PASSWORD, value: VALUE}]}]}}}\n",
    "a variable of a CronJob": "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: N}\nspec: {jobTemplate:"
    " {spec: {template: {spec: {initContainers: [{name: c, env:"
    " [{name: AWS_SECRET_ACCESS_KEY, value: VALUE}]}]}}}}}\n",
    "a variable of Spark": "apiVersion: sparkoperator.k8s.io/v1beta2\nkind: SparkApplication\nmetadata: {name: N}\n"
    "spec: {driver: {envVars: {API_TOKEN: VALUE}}}\n",
    "an option": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: N}\nspec: {template: {spec:"
    " {containers: [{name: c, args: [run, --db-password=VALUE]}]}}}\n",
    "an option's next argument": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: N}\nspec: {template: {spec:"
    " {containers: [{name: c, args: [run, --password, VALUE]}]}}}\n",
    "a URL": "apiVersion: v1\nkind: Pod\nmetadata: {name: N}\nspec: {containers: [{name: c, env:"
    ' [{name: DATABASE, value: "postgres://app:VALUE@db/x"}]}]}\n',
    "a repository's URL": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: N}\n"
    'spec: {source: {repoURL: "https://VALUE@git.example.com/a.git", path: a}}\n',
    "properties": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: N}\ndata:\n"
    "  app.properties: |\n    a=b\n    spring.datasource.password=VALUE and more\n",
    "JSON in a text": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: N}\ndata:\n"
    '  config: |\n    {"a": {"api_key": "VALUE", "b": 1}}\n',
    "a ConfigMap's key": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: N}\ndata: {DB_PASSWORD: VALUE}\n",
    "an ExternalSecret's template": "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n"
    'metadata: {name: N}\nspec: {target: {template: {data: {config: "user=a;x=VALUE"}}}}\n',
    "a ClusterExternalSecret's template": "apiVersion: external-secrets.io/v1\nkind: ClusterExternalSecret\n"
    "metadata: {name: N}\nspec: {externalSecretSpec: {target: {template: {data: {b: VALUE}}}}}\n",
    "an ExternalSecret's literal": "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n"
    "metadata: {name: N}\nspec: {target: {template: {templateFrom: [{literal: VALUE}]}}}\n",
    "a PushSecret's template": "apiVersion: external-secrets.io/v1alpha1\nkind: PushSecret\n"
    "metadata: {name: N}\nspec: {template: {data: {a: VALUE}}}\n",
    "an operator's template of Secrets": "apiVersion: isindir.github.com/v1alpha3\nkind: SopsSecret\n"
    "metadata: {name: N}\nspec: {secretTemplates: [{name: s, data: {a: VALUE}}]}\n",
    "a fake store": "apiVersion: external-secrets.io/v1\nkind: SecretStore\nmetadata: {name: N}\n"
    "spec: {provider: {fake: {data: [{key: /a, value: VALUE}]}}}\n",
    "a private key": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: N}\ndata:\n  tls: |\n"
    "    -----BEGIN EC PRIVATE KEY-----\n    VALUE\n    -----END EC PRIVATE KEY-----\n",
}
SCHEMA = {"properties": {"door": {"properties": {"knock": {"type": "string", "format": "password"}}}}}


def _with(place: str, value: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(PLACES[place].replace("VALUE", value).replace("N}", "n}"))
    return loaded


def _told(*values: str) -> Iterator[str]:
    for value in values:
        yield value
        yield base64.b64encode(value.encode()).decode()


@pytest.mark.parametrize("place", PLACES)
def test_a_change_is_told_and_the_values_are_not(place: str) -> None:
    old, new = secrets.token_hex(12), secrets.token_hex(12)
    before, after = _with(place, old), _with(place, new)
    known = passwords_of([SCHEMA])
    fields = compare(before, after, passwords=known)
    assert fields.changes
    texts = [repr(fields), manifest(before, after, known), manifest(after, None, known)]
    for kept, gone in ((before, {"kind": before["kind"]}), ({"kind": before["kind"]}, after)):
        texts.append(repr(compare(kept, gone, passwords=known)))
    assert not [value for value in _told(old, new) if any(value in text for text in texts)]


@pytest.mark.tools
def test_no_format_tells_them(checkout: Any) -> None:
    values = {place: (secrets.token_hex(12), secrets.token_hex(12)) for place in PLACES}
    folder = "overlays/one"
    sides = [
        {
            f"{folder}/{number}.yaml": PLACES[place].replace("VALUE", both[side]).replace("N}", f"n{number}}}")
            for number, (place, both) in enumerate(values.items())
        }
        for side in (0, 1)
    ]
    listed = f"resources: [{', '.join(f'{number}.yaml' for number in range(len(PLACES)))}]\n"
    schema = {"charts/door/values.schema.json": str(SCHEMA).replace("'", '"')}
    first = checkout.commit({f"{folder}/kustomization.yaml": listed, **schema, **sides[0]})
    second = checkout.commit(sides[1])
    third = checkout.commit({f"{folder}/kustomization.yaml": "resources: []\nconfigMapGenerator: [{name: x}]\n"})
    needles = list(_told(*(value for both in values.values() for value in both)))
    for base, head in ((first, second), (second, third), (third, first)):
        review = checkout.review(base, head, direct=True)
        assert review.totals.resources >= len(PLACES)
        for form in FORMATS:
            text = render(review, form)
            assert not [needle for needle in needles if needle in text], form


@pytest.mark.parametrize(
    "text",
    [
        "passwordSecretRef: {name: x, key: password}",
        "secretName: web-tls",
        "existingSecret: database",
        "imagePullSecret: registry",
        "automountServiceAccountToken: false",
        "max_tokens: 4096",
        "url: http://example.com:8080/a@b",
        "image: registry:5000/keycloak:1",
        "repoURL: ssh://git@example.com/a",
        "password: $(PASSWORD)",
        "token: {{ .Values.token }}",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("name", ["PGPASSWORD", "rootPassword2", "client-secret", "API_KEY", "x.token", "db_pass"])
def test_names_of_secrets(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize("name", ["tlsSecret", "secretName", "tokenPath", "passwordKey", "bypass", "key", "author"])
def test_names_of_other_things(name: str) -> None:
    assert not is_sensitive(name)


def test_a_secret_key_names_no_secret() -> None:
    value = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "spec": {"data": [{"secretKey": "a"}]},
    }
    assert "secretKey: a" in manifest(value)
