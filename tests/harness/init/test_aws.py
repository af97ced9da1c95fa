"""`harness init ENV --aws`: it prints all that the manifests need, and runs against a server of AWS's API."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from harness.errors import HarnessError, UsageError
from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.paths import ROOT
from tests.harness.init.aws_cli import aws_cli
from tests.harness.init.test_init import EKS, run
from tests.s3_server import s3_server

pytestmark = pytest.mark.tools

ACCOUNT, REGION = EKS["account"], EKS["region"]
CATALOGUE = {
    f"lakehouse/{item['namespace']}/{item['name']}": item["keys"]
    for item in yaml.safe_load((ROOT / "harness/manifests/catalogue.yaml").read_text(encoding="utf-8"))["secrets"]
    if "component" not in item
}

Resource = dict[str, Any]


@pytest.fixture
def configured(tree: Path) -> Path:
    """A tree with an AWS account."""
    run(tree, "eks", EKS)
    return tree


def rendered(tree: Path) -> list[Resource]:
    return [item.value for build in build_all(roots(tree, "eks")) for item in build.resources]


def readable(resources: list[Resource]) -> dict[str, set[str]]:
    """Role -> the entries that ExternalSecrets read with it, read from the text of the manifests."""
    roles = {
        item["metadata"]["namespace"]: item["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].split("/")[-1]
        for item in resources
        if item["kind"] == "ServiceAccount" and "role-arn" in str(item)
    }
    entries: dict[str, set[str]] = {role: set() for role in roles.values()}
    for item in resources:
        if item["kind"] == "ExternalSecret":
            entries[roles[item["metadata"]["namespace"]]] |= set(re.findall(r"lakehouse/[\w-]+/[\w-]+", str(item)))
    return entries


def statements(policy: Resource) -> set[str]:
    """The entries that a policy lets read; it allows nothing else."""
    assert {statement["Action"] for statement in policy["Statement"]} == {"secretsmanager:GetSecretValue"}
    prefix, suffix = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:", "-??????"
    arns = [arn for statement in policy["Statement"] for arn in statement["Resource"]]
    assert all(arn.startswith(prefix) and arn.endswith(suffix) for arn in arns)
    return {arn.removeprefix(prefix).removesuffix(suffix) for arn in arns}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A server of AWS's API with a cluster `lake`; a folder with the `aws` that calls it."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with s3_server() as url, aws_cli() as programs:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        boto3.client("eks", REGION).create_cluster(
            name="lake", roleArn=f"arn:aws:iam::{ACCOUNT}:role/cluster", resourcesVpcConfig={}
        )
        yield programs


def execute(script: str, programs: Path) -> "subprocess.CompletedProcess[str]":
    path = f"{programs}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CLUSTER": "lake"}
    return subprocess.run(["sh"], input=script, env=environment, capture_output=True, text=True, check=False)


def test_the_commands_create_what_the_manifests_read(configured: Path, server: Path) -> None:
    script = run(configured, "eks", {"aws": "commands"})
    done = execute(script, server)
    assert done.returncode == 0, done.stderr
    secrets, iam = boto3.client("secretsmanager", REGION), boto3.client("iam", REGION)
    wanted = readable(rendered(configured))

    values = {
        item["Name"]: json.loads(secrets.get_secret_value(SecretId=item["Name"])["SecretString"])
        for item in secrets.list_secrets(MaxResults=100)["SecretList"]
    }
    assert values.keys() == set().union(*wanted.values()) == CATALOGUE.keys()
    for entry, keys in CATALOGUE.items():
        assert values[entry].keys() == keys.keys()
        for key, recipe in keys.items():
            value = values[entry][key]
            assert value not in script or "value" in recipe
            match recipe["kind"]:
                case "constant" | "setting":
                    assert value == recipe["value"]
                case "fernet":
                    assert len(base64.urlsafe_b64decode(value)) == 32
                case _:
                    assert re.fullmatch(rf"[A-Za-z0-9]{{{recipe['length']}}}", value)

    issuer = boto3.client("eks", REGION).describe_cluster(name="lake")["cluster"]["identity"]["oidc"]["issuer"]
    host = issuer.removeprefix("https://")
    roles = {item["RoleName"]: item for item in iam.list_roles()["Roles"]}
    assert roles.keys() == wanted.keys()
    for name, entries in wanted.items():
        policy = iam.get_role_policy(RoleName=name, PolicyName="lakehouse")["PolicyDocument"]
        assert statements(policy) == entries
        (trust,) = roles[name]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"}
        namespace = name.removeprefix("lakehouse-secrets-")
        assert trust["Condition"]["StringEquals"][f"{host}:sub"] == [
            f"system:serviceaccount:{namespace}:external-secrets"
        ]

    assert execute(script, server).returncode == 0
    again = secrets.get_secret_value(SecretId="lakehouse/jupyter/jupyter-secrets")["SecretString"]
    assert json.loads(again) == values["lakehouse/jupyter/jupyter-secrets"]


def test_the_commands_stop_in_another_account(configured: Path, server: Path) -> None:
    run(configured, "eks", {"account": "345678901234"})
    done = execute(run(configured, "eks", {"aws": "commands"}), server)
    assert done.returncode == 1
    assert "another account than 345678901234" in done.stderr
    assert boto3.client("secretsmanager", REGION).list_secrets()["SecretList"] == []


def test_terraform_has_what_the_manifests_read(configured: Path) -> None:
    written = json.loads(run(configured, "eks", {"aws": "terraform"}))
    resources, wanted = written["resource"], readable(rendered(configured))
    secrets = resources["aws_secretsmanager_secret"]
    assert {item["name"] for item in secrets.values()} == set().union(*wanted.values())
    for name, version in resources["aws_secretsmanager_secret_version"].items():
        keys = CATALOGUE[secrets[name]["name"]]
        values = json.loads(version["secret_string"])
        assert values.keys() == keys.keys()
        for key, recipe in keys.items():
            if "value" in recipe:
                assert values[key] == recipe["value"]
                continue
            kind, _, rest = values[key].removeprefix("${").removesuffix("}").partition(".")
            if kind == "local":
                kind, rest = re.findall(r"(random_bytes)\.(\w+)", written["locals"][rest])[0]
            made = resources[kind][rest.partition(".")[0]]
            assert made["length"] == recipe.get("length", 32)
    roles = {item["name"]: item for item in resources["aws_iam_role"].values()}
    assert roles.keys() == wanted.keys()
    for name, entries in wanted.items():
        assert (
            statements(json.loads(resources["aws_iam_role_policy"][re.sub(r"\W", "_", name)]["policy"])) == entries
        )
        assert "${local.lakehouse_issuer}:sub" in roles[name]["assume_role_policy"]


@pytest.fixture
def with_s3(tree: Path) -> Path:
    """A tree with an AWS account, S3 in place of MinIO."""
    file = tree / "overlays/eks/aws/kustomization.yaml"
    text = file.read_text(encoding="utf-8")
    assert "components: []" in text
    file.write_text(text.replace("components: []", "components: [../../../components/aws-s3]"), encoding="utf-8")
    run(tree, "eks", EKS)
    return tree


USERS = {
    "airflow": {f"orchestrator:airflow-{name}" for name in ("scheduler", "worker", "webserver", "triggerer")},
    "spark": {"processing:spark", "processing:spark-executor"},
    "jupyter": {"jupyter:jupyterlab"},
    "history": {"monitoring:spark-history"},
    "backup": {"database:postgres-backup"},
}
"""Who writes or reads in the object store, and the pods' accounts that are it."""
BUCKETS = {name: f"{name}-{ACCOUNT}" for name in ("lakehouse", "airflow")}


def expected_policy(user: str) -> Resource:
    """MinIO's policy of a user, with the names of the buckets in S3."""
    text = (ROOT / f"base/deepstorage/policies/{user}.json").read_text(encoding="utf-8")
    return dict(json.loads(re.sub(r"(?<=arn:aws:s3:::)(\w+)", lambda match: BUCKETS[match[1]], text)))


def test_the_commands_make_the_buckets_and_let_each_account_do_its_own_work(with_s3: Path, server: Path) -> None:
    script = run(with_s3, "eks", {"aws": "commands"})
    for _ in range(2):
        done = execute(script, server)
        assert done.returncode == 0, done.stderr
    s3, iam = boto3.client("s3", REGION), boto3.client("iam", REGION)
    assert {item["Name"] for item in s3.list_buckets()["Buckets"]} == {*BUCKETS.values()}
    for name in BUCKETS.values():
        assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == REGION
        closed = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        assert {*closed.values()} == {True}
    # Spark's history server ends where this folder is missing, which base/deepstorage/scripts makes in MinIO.
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKETS["lakehouse"])["Contents"]] == [
        "_events/.keep"
    ]
    assert s3.list_objects_v2(Bucket=BUCKETS["airflow"])["KeyCount"] == 0
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKETS["airflow"])["Rules"]
    assert (rule["Filter"]["Prefix"], rule["Expiration"]["Days"], rule["Status"]) == ("logs/", 30, "Enabled")
    for user, accounts in USERS.items():
        policy = iam.get_role_policy(RoleName=f"lakehouse-{user}", PolicyName="lakehouse")["PolicyDocument"]
        assert policy == expected_policy(user)
        (trust,) = iam.get_role(RoleName=f"lakehouse-{user}")["Role"]["AssumeRolePolicyDocument"]["Statement"]
        (subjects,) = (value for key, value in trust["Condition"]["StringEquals"].items() if key.endswith(":sub"))
        assert {subject.removeprefix("system:serviceaccount:") for subject in subjects} == accounts
    secrets = boto3.client("secretsmanager", REGION).list_secrets(MaxResults=100)["SecretList"]
    assert {item["Name"] for item in secrets} == {name for name in CATALOGUE if "/minio-" not in name}


def test_terraform_makes_the_same_buckets_and_policies(with_s3: Path) -> None:
    resources = json.loads(run(with_s3, "eks", {"aws": "terraform"}))["resource"]
    assert {item["bucket"] for item in resources["aws_s3_bucket"].values()} == {*BUCKETS.values()}
    assert resources["aws_s3_bucket_public_access_block"].keys() == resources["aws_s3_bucket"].keys()
    (kept,) = resources["aws_s3_object"].values()
    assert kept["key"] == "_events/.keep"
    reference = kept["bucket"].removeprefix("${aws_s3_bucket.").removesuffix(".id}")
    assert resources["aws_s3_bucket"][reference]["bucket"] == BUCKETS["lakehouse"]
    (lifecycle,) = resources["aws_s3_bucket_lifecycle_configuration"].values()
    assert [(rule["filter"], rule["expiration"]) for rule in lifecycle["rule"]] == [
        ({"prefix": "logs/"}, {"days": 30})
    ]
    for user in USERS:
        written = resources["aws_iam_role_policy"][f"lakehouse_{user}"]["policy"]
        assert json.loads(written) == expected_policy(user)


def test_a_user_without_a_policy_is_named(with_s3: Path) -> None:
    (with_s3 / "base/deepstorage/policies/spark.json").unlink()
    # It is part of MinIO's ConfigMap too, which is not built into the environment; its list is.
    file = with_s3 / "base/deepstorage/kustomization.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("      - policies/spark.json\n", ""), encoding="utf-8")
    with pytest.raises(HarnessError, match=r"what the user spark of the object store may do: add .*spark\.json"):
        run(with_s3, "eks", {"aws": "commands"})


def add(tree: Path, text: str) -> None:
    file = tree / "components/external-secrets/stores.yaml"
    file.write_text(f"{file.read_text(encoding='utf-8')}---\n{text}", encoding="utf-8")


ACCOUNT_WITHOUT_USE = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: idle
  namespace: jupyter
  annotations:
    eks.amazonaws.com/role-arn: %s
"""


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (f"arn:aws:iam::{ACCOUNT}:role/x", "Nothing says what .*idle.* does with"),
        ("lakehouse-idle", "'lakehouse-idle', which is not the ARN of a role"),
    ],
)
def test_a_role_without_a_use_is_named(configured: Path, arn: str, why: str) -> None:
    add(configured, ACCOUNT_WITHOUT_USE % arn)
    with pytest.raises(HarnessError, match=why):
        run(configured, "eks", {"aws": "commands"})


def test_an_entry_that_the_catalogue_lacks_is_named(configured: Path) -> None:
    file = configured / "components/external-secrets/secrets.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("lakehouse/jupyter/jupyter-secrets", "lakehouse/jupyter/other"), encoding="utf-8")
    with pytest.raises(HarnessError, match="Nothing says what lakehouse/jupyter/other holds"):
        run(configured, "eks", {"aws": "terraform"})


def test_nothing_is_printed_for_an_account_that_is_a_placeholder(tree: Path) -> None:
    with pytest.raises(UsageError, match="placeholder as --account: 'harness init eks' sets it"):
        run(tree, "eks", {"aws": "commands"})


def test_an_environment_without_aws_is_refused(tree: Path) -> None:
    with pytest.raises(UsageError, match="minikube needs nothing of AWS"):
        run(tree, "minikube", {"aws": "commands"})
