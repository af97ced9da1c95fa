"""What protects or holds data is switched off, shrunk or removed, whatever its kind and its operator."""

from typing import Any

import pytest
import yaml

from tests.harness.review.test_risks import rules


def made(api: str, kind: str, spec: str, annotations: str = "{}", name: str = "db") -> Any:
    metadata = f"{{name: {name}, namespace: n, annotations: {annotations}}}"
    return yaml.safe_load(f"apiVersion: {api}\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n")


def job(name: str, suspend: bool = False, image: str = "tools:1", schedule: str = "@daily") -> Any:
    container = f"{{name: c, image: '{image}'}}"
    pod = f"{{spec: {{template: {{spec: {{containers: [{container}]}}}}}}}}"
    spec = f"{{suspend: {str(suspend).lower()}, schedule: '{schedule}', jobTemplate: {pod}}}"
    return made("batch/v1", "CronJob", spec, name=name)


CNPG, VELERO, K8UP = "postgresql.cnpg.io/v1", "velero.io/v1", "k8up.io/v1"
LONGHORN, STRIMZI, FLUX = "longhorn.io/v1beta2", "kafka.strimzi.io/v1beta2", "helm.toolkit.fluxcd.io/v2"
RDS, S3 = "rds.aws.upbound.io/v1beta1", "s3.aws.upbound.io/v1beta1"


@pytest.mark.parametrize(
    ("api", "kind", "before", "after"),
    [
        (VELERO, "Schedule", "{paused: false, schedule: '@daily'}", "{paused: true, schedule: '@daily'}"),
        (CNPG, "ScheduledBackup", "{}", "{suspend: true}"),
        (K8UP, "Schedule", "{backup: {schedule: '@daily'}, check: {}}", "{check: {}}"),
        (K8UP, "Schedule", "{backup: {schedule: '@daily', tags: [a]}}", "{backup: {tags: [a]}}"),
        ("volsync.backube/v1alpha1", "ReplicationSource", "{}", "{paused: true}"),
        ("snapscheduler.backube/v1", "SnapshotSchedule", "{disabled: false}", "{disabled: true}"),
        ("config.kio.kasten.io/v1alpha1", "Policy", "{}", "{paused: true}"),
        ("stash.appscode.com/v1beta1", "BackupConfiguration", "{}", "{paused: true}"),
        (CNPG, "Cluster", "{backup: {barmanObjectStore: {}}, instances: 1}", "{instances: 1}"),
        ("pxc.percona.com/v1", "PerconaXtraDBCluster", "{backup: {enabled: true}}", "{backup: {enabled: false}}"),
        (
            "pxc.percona.com/v1",
            "PerconaXtraDBCluster",
            "{backup: {pitr: {enabled: true}}}",
            "{backup: {pitr: {enabled: false}}}",
        ),
        (
            "acid.zalan.do/v1",
            "postgresql",
            "{enableLogicalBackup: true}",
            "{enableLogicalBackup: false}",
        ),
        (
            S3,
            "BucketVersioning",
            "{forProvider: {versioningConfiguration: [{status: Enabled}]}}",
            "{forProvider: {versioningConfiguration: [{status: Suspended}]}}",
        ),
        (
            "dynamodb.services.k8s.aws/v1alpha1",
            "Table",
            "{continuousBackups: {pointInTimeRecoveryEnabled: true}}",
            "{continuousBackups: {pointInTimeRecoveryEnabled: false}}",
        ),
        (FLUX, "HelmRelease", "{values: {backup: {enabled: true}}}", "{values: {backup: {enabled: false}}}"),
        (FLUX, "HelmRelease", "{values: {a: 1}}", "{values: {a: 1, snapshots: {enabled: false}}}"),
    ],
)
def test_backups_are_switched_off(api: str, kind: str, before: str, after: str) -> None:
    assert rules(made(api, kind, before), made(api, kind, after)) == {"DF114"}


@pytest.mark.parametrize("name", ["postgres-backup", "etcd-snapshots", "pgdump", "nightly"])
def test_a_job_that_makes_backups_is_suspended_or_removed(name: str) -> None:
    image = "registry.example.com/restic/restic:1" if name == "nightly" else "tools:1"
    assert rules(job(name, image=image), job(name, True, image)) == {"DF114"}
    assert rules(job(name, image=image), None) == {"DF114"}
    assert rules(job(name, image=image), job(name, image=image, schedule="@yearly")) == {"DF312"}


def test_another_job_is_no_backup() -> None:
    assert rules(job("report"), job("report", True)) == {"DF312"}
    assert rules(job("report"), None) == {"DF308"}


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        (CNPG, "ScheduledBackup"),
        (VELERO, "Schedule"),
        (VELERO, "BackupStorageLocation"),
        (K8UP, "Schedule"),
        (LONGHORN, "RecurringJob"),
        ("volsync.backube/v1alpha1", "ReplicationSource"),
        ("psmdb.example.com/v1", "MongoDBBackupSchedule"),
    ],
)
def test_what_makes_backups_is_removed(api: str, kind: str) -> None:
    assert rules(made(api, kind, "{}"), None) == {"DF114"}


@pytest.mark.parametrize(
    ("api", "kind", "before", "after", "expected"),
    [
        (VELERO, "Schedule", "{schedule: '0 1 * * *'}", "{schedule: '0 1 1 1 *'}", {"DF315"}),
        (
            LONGHORN,
            "RecurringJob",
            "{cron: '0 1 * * *', retain: 7}",
            "{cron: '0 1 1 * *', retain: 3}",
            {"DF315", "DF109"},
        ),
        (VELERO, "Schedule", "{paused: true}", "{paused: false}", set()),
        (CNPG, "ScheduledBackup", "{suspend: true}", "{}", set()),
        (VELERO, "Restore", "{}", "{paused: true}", set()),
        ("example.com/v1", "Thing", "{paused: false}", "{paused: true}", set()),
        (FLUX, "HelmRelease", "{values: {web: {enabled: true}}}", "{values: {web: {enabled: false}}}", set()),
        (STRIMZI, "KafkaTopic", "{partitions: 12}", "{partitions: 3}", {"DF113"}),
        (STRIMZI, "KafkaTopic", "{partitions: 3}", "{partitions: 12}", set()),
        ("jobs.example.com/v1", "Topic", "{topic: {numPartitions: 12}}", "{topic: {numPartitions: 3}}", {"DF113"}),
        (
            RDS,
            "Instance",
            "{forProvider: {allocatedStorage: 100}}",
            "{forProvider: {allocatedStorage: 20}}",
            {"DF102"},
        ),
        (RDS, "Instance", "{forProvider: {allocatedStorage: 100, a: 1}}", "{forProvider: {a: 1}}", {"DF110"}),
        (
            "sql.gcp.upbound.io/v1beta1",
            "DatabaseInstance",
            "{forProvider: {settings: [{diskSize: 100}]}}",
            "{forProvider: {settings: [{diskSize: 10}]}}",
            {"DF102"},
        ),
        (
            "db.example.org/v1",
            "SQLClaim",
            "{parameters: {storageGB: 20}}",
            "{parameters: {storageGB: 10}}",
            {"DF102"},
        ),
        (
            RDS,
            "Instance",
            "{forProvider: {backupRetentionPeriod: 7}}",
            "{forProvider: {backupRetentionPeriod: 0}}",
            {"DF109"},
        ),
        (RDS, "Instance", "{deletionPolicy: Orphan}", "{deletionPolicy: Delete}", {"DF109"}),
        (RDS, "Instance", "{managementPolicies: [Observe, Create]}", "{managementPolicies: ['*']}", {"DF109"}),
        (RDS, "Instance", "{managementPolicies: ['*']}", "{managementPolicies: [Observe, Create]}", set()),
    ],
)
def test_what_holds_data_changes(api: str, kind: str, before: str, after: str, expected: set[str]) -> None:
    assert rules(made(api, kind, before), made(api, kind, after)) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [("{A: retain}", "{A: delete}"), ("{A: retain}", "{}"), ("{B: detach-on-delete}", "{B: manage}")],
)
def test_the_annotations_of_clouds_no_longer_keep_data(before: str, after: str) -> None:
    names = {"A:": "services.k8s.aws/deletion-policy:", "B:": "serviceoperator.azure.com/reconcile-policy:"}
    for short, name in names.items():
        before, after = before.replace(short, name), after.replace(short, name)
    group = "rds.services.k8s.aws/v1alpha1"
    assert rules(made(group, "DBInstance", "{}", before), made(group, "DBInstance", "{}", after)) == {"DF109"}


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        (RDS, "Instance"),
        (RDS, "Cluster"),
        ("dynamodb.services.k8s.aws/v1alpha1", "Table"),
        ("elasticache.aws.crossplane.io/v1beta1", "ReplicationGroup"),
        ("storage.cnrm.cloud.google.com/v1beta1", "StorageBucket"),
        ("bigquery.cnrm.cloud.google.com/v1beta1", "BigQueryDataset"),
        ("documentdb.azure.com/v1", "DatabaseAccount"),
        ("database.example.org/v1alpha1", "PostgreSQLInstance"),
        ("example.org/v1", "XMySQLDatabase"),
        ("anything.example.org/v1", "ObjectStorage"),
    ],
)
def test_a_store_of_any_group_is_removed(api: str, kind: str) -> None:
    assert rules(made(api, kind, "{}"), None) == {"DF107"}
    assert rules(made(api, kind, "{deletionPolicy: Orphan}"), None) == {"DF610"}
    assert rules(made(api, kind, "{managementPolicies: [Observe]}"), None) == {"DF610"}


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        (RDS, "SubnetGroup"),
        (RDS, "ParameterGroup"),
        ("ec2.aws.upbound.io/v1beta1", "Instance"),
        (S3, "BucketPolicy"),
        ("sql.gcp.upbound.io/v1beta1", "User"),
        (STRIMZI, "KafkaUser"),
        (STRIMZI, "KafkaConnector"),
        ("example.org/v1", "MongoDBRole"),
        ("grafana.integreatly.org/v1beta1", "GrafanaDashboard"),
    ],
)
def test_what_is_only_near_a_store_holds_no_data(api: str, kind: str) -> None:
    assert rules(made(api, kind, "{}"), None) == set()


def test_a_topic_that_its_operator_does_not_manage_stays() -> None:
    assert rules(made(STRIMZI, "KafkaTopic", "{}"), None) == {"DF108"}
    assert rules(made(STRIMZI, "KafkaTopic", "{}", "{strimzi.io/managed: 'false'}"), None) == {"DF610"}
