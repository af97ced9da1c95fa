"""Which kinds hold data, at home and in a cloud, and which of their resources leave it when they are removed."""

import re
from typing import Any, Final

from harness.manifests.applications import flux, helm_releases
from harness.manifests.values import dig, mapping, string_map, strings
from harness.review.lists import BUILT_IN
from harness.review.pair import ReviewedResource
from harness.review.risks.leaves import flat

STORES: Final = frozenset(
    {
        "Cassandra",
        "CassandraDatacenter",
        "CephBlockPool",
        "CephCluster",
        "CephFilesystem",
        "CephObjectStore",
        "ClickHouseInstallation",
        "ClickHouseKeeperInstallation",
        "CloudSQLInstance",
        "Cluster",
        "CrdbCluster",
        "DBCluster",
        "DBInstance",
        "DatabaseInstance",
        "Dragonfly",
        "Druid",
        "Elasticsearch",
        "EtcdCluster",
        "FlexibleServer",
        "InfluxDB",
        "InnoDBCluster",
        "K8ssandraCluster",
        "Kafka",
        "KafkaNodePool",
        "Kubegres",
        "MariaDB",
        "MongoDB",
        "MongoDBCommunity",
        "MySQL",
        "MysqlCluster",
        "Neo4j",
        "OpenSearchCluster",
        "PerconaPGCluster",
        "PerconaServerMongoDB",
        "PerconaServerMySQL",
        "PerconaXtraDBCluster",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "PostgreSQL",
        "Postgres",
        "PostgresCluster",
        "QdrantCluster",
        "RDSCluster",
        "RDSInstance",
        "RabbitmqCluster",
        "Redis",
        "RedisCluster",
        "RedisFailover",
        "SGCluster",
        "SQLInstance",
        "ScyllaCluster",
        "SolrCloud",
        "StatefulSet",
        "Tenant",
        "TidbCluster",
        "Valkey",
        "Vault",
        "VolumeSnapshot",
        "YBCluster",
        "ZookeeperCluster",
        "postgresql",
    }
)
"""Kinds that hold data."""
BUCKETS: Final = frozenset({"Bucket", "BucketClaim", "ObjectBucketClaim", "Database", "S3Bucket", "KafkaTopic"})
_DEPLOYERS: Final = ("argoproj.io", flux.GROUP, helm_releases.GROUP)
"""Groups of resources whose removal is judged by what they deploy."""
_CLOUD_GROUPS: Final = re.compile(
    r"(?:rds|sql|s3|dynamodb|elasticache|memorydb|efs|ebs|fsx|docdb|neptune|redshift|kafka|msk|kinesis|opensearch\w*"
    r"|elasticsearch|backup|glacier|timestream|storage|spanner|bigquery|bigtable\w*|firestore|alloydb|redis|filestore"
    r"|memcache|dbfor\w+|documentdb|cosmosdb|cache|mongodb\w*|netapp|kusto|database|databases)"
    r"\.(?:[\w-]+\.)*(?:upbound\.io|crossplane\.io|services\.k8s\.aws|cnrm\.cloud\.google\.com|azure\.com|azure\.io)"
)
"""API groups of clouds' stores: Crossplane, and the clouds' own operators."""
_PARTS: Final = (
    r"(?:instance|cluster|database|server|topic|stream|bucket|table|claim|node|pool|account|installation|group|set"
    r"|storage|dataset|system|share|volume|disk|snapshot|keyspace|index|vault|domain|broker|container|blob|object)"
)
_CLOUD_KINDS: Final = re.compile(rf"(?i)\w*{_PARTS}")
_CLOUD_SETTINGS: Final = re.compile(r"(?i)\w*(?:subnet|parameter|option|security|user|log|work|placement)\w*group")
_NAMED_FOR_STORES: Final = re.compile(
    r"(?i)\w*(?:postgres(?:ql)?|mysql|mariadb|mongo(?:db)?|redis|valkey|kafka|elasticsearch|opensearch|cassandra"
    r"|clickhouse|sql|database|db|bucket|dynamo|couchbase|couchdb|influx|neo4j|rabbitmq|etcd|minio|objectstor\w+|filesystem"
    rf"|fileshare|volume|disk){_PARTS}*"
)
"""Kinds, of any group, that are called after what holds the data; their users, roles and connectors are not."""
_CLAIM_TEMPLATES: Final = re.compile(r"(?i)\w*volumeClaimTemplates?|pvc(?:Template|Spec)s?")
STORAGE: Final = re.compile(r"(?i)storage|volume|persistence|persistent|pvc|disk|claim|walStorage|data")
_BYTES: Final = r"(?:_?(?:in_?)?[kmgt]i?b(?:ytes)?)?"
SIZES: Final = re.compile(
    rf"(?i)capacity|(?:(?:allocated_?|data_?)?storage(?:_?size)?|(?:\w*(?:disk|volume)_?)?size){_BYTES}"
)
_LEAVING: Final = re.compile(r"(?i)orphan|retain|abandon|detach-on-delete|skip|keep")
_POLICIES: Final = (
    "services.k8s.aws/deletion-policy",
    "cnrm.cloud.google.com/deletion-policy",
    "serviceoperator.azure.com/reconcile-policy",
)
_UNMANAGED: Final = "strimzi.io/managed"


def is_store(kind: str, group: str) -> bool:
    if kind in STORES or kind in BUCKETS:
        return True
    if group in BUILT_IN or group in _DEPLOYERS:
        return False
    in_cloud = (
        _CLOUD_GROUPS.fullmatch(group) and _CLOUD_KINDS.fullmatch(kind) and not _CLOUD_SETTINGS.fullmatch(kind)
    )
    return bool(in_cloud or _NAMED_FOR_STORES.fullmatch(kind))


def makes_claims(resource: ReviewedResource) -> bool:
    """Whether a resource of an operator makes volume claims, whatever its kind."""
    return resource.group not in (*BUILT_IN, *_DEPLOYERS) and any(
        any(map(_CLAIM_TEMPLATES.fullmatch, names)) or (SIZES.fullmatch(names[-1]) and is_within_storage(names))
        for names, _ in flat(resource.value.get("spec"))
        if names
    )


def is_within_storage(names: tuple[str, ...]) -> bool:
    return any(map(STORAGE.fullmatch, names[:-1]))


def kept_by(value: dict[str, Any]) -> str:
    """What keeps the data of a resource when it is removed; empty for nothing."""
    policy = dig(value, "spec", "deletionPolicy")
    if isinstance(policy, str) and _LEAVING.fullmatch(policy):
        return f"deletionPolicy: {policy}"
    managed = mapping(value.get("spec")).get("managementPolicies")
    if managed and not {"*", "Delete"} & set(strings(managed)):
        return f"managementPolicies: {', '.join(strings(managed))}"
    annotations = string_map(dig(value, "metadata", "annotations"))
    for name in _POLICIES:
        if _LEAVING.fullmatch(annotations.get(name, "")):
            return f"{name}: {annotations[name]}"
    return f"{_UNMANAGED}: 'false'" if annotations.get(_UNMANAGED) == "false" else ""
