"""Makes keys, rights and certificates of what is outside of the platform, once, before it comes up."""

import base64
import datetime as dt
import json
import secrets
import sys
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.clusters.deploy.cluster import connect
from harness.clusters.kind.cluster import Cluster
from harness.init.buckets import Bucket, policies, statements
from harness.paths import ROOT

USERS: Final = {"orchestrator": "airflow", "processing": "spark", "jupyter": "jupyter", "monitoring": "history"}
"""Namespace -> the user of the store that its pods are."""
BUCKETS: Final = {"lakehouse": "outside-lakehouse", "airflow": "outside-airflow"}
"""In the store, by the names of base/deepstorage/policies."""
STORE: Final = "outside-store"
STORE_USERS: Final = "outside-store-users"
DATABASE: Final = "outside-database"
HOST: Final = "database.outside.svc.cluster.local"
_LIFETIME: Final = dt.timedelta(days=30)

Object = dict[str, Any]


def main(name: str) -> None:
    made = Cluster(name)
    cluster = connect(made.kubeconfig, made.context)
    namespaces = [*USERS, "database", "outside"]
    cluster.apply(
        _stream([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": item}} for item in namespaces]),
        doing="create the namespaces of what is prepared",
    )
    there = {
        (item["metadata"]["namespace"], item["metadata"]["name"])
        for kind in ("secrets", "configmaps")
        for item in cluster.get(kind)
    }
    new = [item for item in _objects() if (item["metadata"]["namespace"], item["metadata"]["name"]) not in there]
    # Certificate and key belong together, and the password is in two namespaces: all of the database's, or none.
    if new:
        _check_whole(new, there)
        cluster.apply(_stream(new), doing="create keys and certificates")


def _check_whole(new: list[Object], there: set[tuple[str, str]]) -> None:
    names = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in new}
    database = ("outside", DATABASE) in there and any(namespace == "database" for namespace, _ in names)
    store = ("outside", STORE_USERS) in there and any(name == STORE for _, name in names)
    if database or store or (("outside", STORE_USERS) in names and ("outside", STORE) in there):
        raise SystemExit("The keys of an earlier run are there in part: remove the cluster and start again.")


def _objects() -> list[Object]:
    master, (authority, certificate, key) = _word(), _certificates()
    keys = {user: _word() for user in USERS.values()}
    objects = [
        _secret(namespace, STORE, {"access-key": user, "secret-key": keys[user]})
        for namespace, user in USERS.items()
    ]
    objects += [
        _secret("outside", STORE_USERS, {f"{user}.key": word for user, word in keys.items()} | _rights()),
        _secret("outside", STORE, {"access-key": "outside-root", "secret-key": _word()}),
        _secret("outside", DATABASE, {"master-password": master, "tls.crt": certificate, "tls.key": key}),
        # Where the platform looks for the master's password; `harness deploy` keeps what is there.
        _secret("database", "postgres-secrets", {"postgres-password": master, "metrics-password": _word()}),
        _config("orchestrator", "airflow-certificates", {"database-ca.pem": authority}),
        _config("database", "outside-certificates", {"database-ca.pem": authority}),
    ]
    return objects


def _rights() -> dict[str, str]:
    """What `harness init --aws` lets the roles do, as policies of the users."""
    known, there = policies(ROOT), {name: Bucket(bucket, ()) for name, bucket in BUCKETS.items()}
    return {
        f"{user}.json": json.dumps(
            {"Version": "2012-10-17", "Statement": statements(user, known, there, partition="aws")}
        )
        for user in USERS.values()
    }


def _word() -> str:
    return secrets.token_hex(20)


def _certificates() -> tuple[str, str, str]:
    """An authority's certificate, the server's, and its key."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    authority = _signed(issuer, issuer, authority_key, authority_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    server = _signed(subject, issuer, key, authority_key).add_extension(
        x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False
    )
    pem = serialization.Encoding.PEM
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return (
        authority.sign(authority_key, hashes.SHA256()).public_bytes(pem).decode(),
        server.sign(authority_key, hashes.SHA256()).public_bytes(pem).decode(),
        key.private_bytes(pem, form, none).decode(),
    )


def _signed(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    # An hour ago: clocks differ.
    builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + _LIFETIME)
    return builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )


def _secret(namespace: str, name: str, values: dict[str, str]) -> Object:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "data": data}


def _config(namespace: str, name: str, data: dict[str, str]) -> Object:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _stream(objects: list[Object]) -> str:
    return "---\n".join(json.dumps(item) + "\n" for item in objects)


if __name__ == "__main__":
    main(sys.argv[1])
