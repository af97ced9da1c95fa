"""What the EKS overlay offers and leaves out: switched on as docs/eks.md says, it is rendered and valid."""

from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from harness.manifests.builder import build_all
from harness.manifests.environments import roots
from harness.paths import ROOT
from harness.validate.command import validate
from tests.harness.init.test_init import EKS, run

pytestmark = pytest.mark.tools

Resource = dict[str, Any]


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def rendered(tree: Path) -> list[Resource]:
    builds = build_all(roots(tree, "eks"))
    assert [problem for build in builds for problem in build.problems] == []
    return [item.value for build in builds for item in build.resources]


def assert_valid(tree: Path) -> None:
    command = typer.Typer()
    command.command()(validate)
    done = CliRunner().invoke(command, ["eks", "--root", str(tree)])
    assert done.exit_code == 0, done.output


def claims(resources: list[Resource]) -> list[Resource]:
    templates = [
        item["spec"].get("volumeClaimTemplates", []) for item in resources if item["kind"] == "StatefulSet"
    ]
    made = [claim for item in templates for claim in item]
    return made + [item for item in resources if item["kind"] == "PersistentVolumeClaim"]


def test_every_volume_may_be_of_gp3(tree: Path) -> None:
    eks = tree / "overlays" / "eks"
    edit(eks / "volumes/kustomization.yaml", "value: gp2", "value: gp3")
    edit(eks / "misc/kustomization.yaml", "components:\n", "components:\n  - ../../../components/gp3\n")
    resources = rendered(tree)
    (storage_class,) = [item for item in resources if item["kind"] == "StorageClass"]
    assert (storage_class["metadata"]["name"], storage_class["parameters"]["type"]) == ("gp3", "gp3")
    assert len(claims(resources)) == len(claims(rendered(ROOT))) >= 4
    assert {claim["spec"]["storageClassName"] for claim in claims(resources)} == {"gp3"}
    assert_valid(tree)


def test_gp3_without_its_class_is_found(tree: Path) -> None:
    edit(tree / "overlays/eks/volumes/kustomization.yaml", "value: gp2", "value: gp3")
    command = typer.Typer()
    command.command()(validate)
    done = CliRunner().invoke(command, ["eks", "--root", str(tree)])
    assert done.exit_code != 0
    assert "LH313" in done.output


def test_every_pod_may_pull_with_a_secret(tree: Path) -> None:
    images = tree / "overlays/eks/images/kustomization.yaml"
    edit(images, "configurations:", "components:\n  - ../../../components/pull-secret\nconfigurations:")
    resources = rendered(tree)
    accounts = {
        (item["metadata"]["namespace"], item["metadata"]["name"])
        for item in resources
        if item["kind"] == "ServiceAccount" and item.get("imagePullSecrets") == [{"name": "registry"}]
    }
    pods = [
        (item["metadata"]["namespace"], item["spec"]["template"]["spec"].get("serviceAccountName", "default"))
        for item in resources
        if item["kind"] in ("Deployment", "StatefulSet", "Job")
    ]
    started_later = {("orchestrator", "airflow-worker"), ("processing", "spark"), ("processing", "spark-executor")}
    assert {*pods} | started_later <= accounts
    assert_valid(tree)


S3, RDS = "../../../components/aws-s3", "../../../components/aws-rds"
DATABASE = "airflow.abc123.eu-west-1.rds.amazonaws.com"
BOTH = pytest.mark.parametrize("lines", [(S3,), (RDS,), (S3, RDS)], ids=["s3", "rds", "s3 and rds"])


def switched_on(tree: Path, *lines: str) -> Path:
    """The tree of somebody who has an account, with services of AWS."""
    aws = tree / "overlays/eks/aws"
    edit(
        aws / "kustomization.yaml", "components: []\n", "components:\n" + "".join(f"  - {line}\n" for line in lines)
    )
    (aws / "database/ca.pem").write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    run(tree, "eks", {**EKS, **({"database": DATABASE} if RDS in lines else {})})
    run(tree, "minikube", {"repository": EKS["repository"]})
    # Every overlay has its repository now.
    (tree / "components/source/exemptions.yaml").unlink()
    return tree


@BOTH
def test_a_service_of_aws_is_one_line_after_which_nothing_is_found(tree: Path, lines: tuple[str, ...]) -> None:
    switched_on(tree, *lines)
    command = typer.Typer()
    command.command()(validate)
    done = CliRunner().invoke(command, ["--root", str(tree)])
    assert done.exit_code == 0, done.output


def test_with_s3_there_is_neither_minio_nor_a_key(tree: Path) -> None:
    resources = rendered(switched_on(tree, S3))
    before, text = yaml.safe_dump_all(rendered(ROOT)), yaml.safe_dump_all(resources)
    for gone in ("AWS_ACCESS_KEY_ID", "key: secret-key", "minio-secrets", "minio.deepstorage"):
        assert gone in before
        assert gone not in text
    inside = [item["kind"] for item in resources if item["metadata"].get("namespace") == "deepstorage"]
    assert {*inside} == {"LimitRange", "NetworkPolicy", "ResourceQuota", "RoleBinding"}


def test_with_s3_all_programs_read_the_same_bucket_in_the_same_region(tree: Path) -> None:
    resources = rendered(switched_on(tree, S3))
    configs = {item["metadata"]["name"]: item.get("data", {}) for item in resources if item["kind"] == "ConfigMap"}
    bucket, region = f"lakehouse-{EKS['account']}", EKS["region"]
    (airflow,) = (data for name, data in configs.items() if name.startswith("airflow-environment-"))
    for data in (airflow, configs["airflow-worker-environment"]):
        assert data["LAKEHOUSE_URI"] == f"s3://{bucket}"
        assert data["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"] == f"s3://airflow-{EKS['account']}/logs"
        assert (data["AWS_REGION"], data["AWS_DEFAULT_REGION"]) == (region, region)
    spark = yaml.safe_load(configs["spark-application"]["spark-application.yaml"])["spec"]
    assert spark["driver"]["envVars"]["LAKEHOUSE_URI"] == f"s3a://{bucket}"
    s3a = {key.removeprefix("spark.hadoop.fs.s3a."): value for key, value in spark["sparkConf"].items()}
    assert s3a["endpoint"] == f"https://s3.{region}.amazonaws.com"
    assert (s3a["endpoint.region"], s3a["path.style.access"], s3a["connection.ssl.enabled"]) == (
        region,
        "false",
        "true",
    )
    assert s3a["aws.credentials.provider"] == "com.amazonaws.auth.WebIdentityTokenCredentialsProvider"
    (jupyterlab,) = (
        item for item in resources if item["metadata"]["name"] == "jupyterlab" and item["kind"] == "Deployment"
    )
    [container] = jupyterlab["spec"]["template"]["spec"]["containers"]
    variables = {item["name"]: item.get("value") for item in container["env"]}
    assert (variables["LAKEHOUSE_URI"], variables["AWS_REGION"]) == (f"s3://{bucket}", region)
    (backup,) = (item for item in resources if item["kind"] == "CronJob")
    [upload] = backup["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    variables = {item["name"]: item.get("value") for item in upload["env"]}
    assert variables["BUCKET"] == f"airflow-{EKS['account']}"
    assert variables["MC_HOST_store"] == f"https://s3.{region}.amazonaws.com"


def test_with_rds_airflow_trusts_only_a_server_that_proves_who_it_is(tree: Path) -> None:
    resources = rendered(switched_on(tree, RDS))
    assert not [
        item for item in resources if item["kind"] == "StatefulSet" and "postgres" in item["metadata"]["name"]
    ]
    configs = {
        item["metadata"]["name"]: item.get("data") or {} for item in resources if item["kind"] == "ConfigMap"
    }
    (airflow,) = (data for name, data in configs.items() if name.startswith("airflow-environment-"))
    (scripts,) = (data for name, data in configs.items() if name.startswith("postgres-scripts-"))
    for data in (airflow, configs["airflow-worker-environment"]):
        assert data["DATABASE_ADDRESS"] == f"{DATABASE}:5432"
        assert (data["PGSSLMODE"], data["PGSSLROOTCERT"]) == (
            "verify-full",
            "/opt/airflow/certificates/database-ca.pem",
        )
    assert configs["airflow-certificates"]["database-ca.pem"] == scripts["database-ca.pem"]
    (roles,) = (
        item for item in resources if item["metadata"]["name"] == "postgres-roles" and item["kind"] == "Job"
    )
    [container] = roles["spec"]["template"]["spec"]["containers"]
    variables = {item["name"]: item.get("value") for item in container["env"]}
    assert (variables["PGHOST"], variables["PGSSLMODE"]) == (DATABASE, "verify-full")
