"""Bronze on MinIO: records as received, committed by a manifest that says what is there."""

import gzip
import hashlib
import json

import pytest

from tests.live.platform import Platform
from tests.live.proof import BUCKET, Proof, Taken

pytestmark = pytest.mark.e2e


@pytest.fixture(params=[0, 1], ids=["first day", "second day"])
def day(request: pytest.FixtureRequest, days: tuple[Taken, Taken]) -> Taken:
    return days[request.param]


def test_bronze_holds_every_record_as_the_api_sent_it(platform: Platform, proof: Proof, day: Taken) -> None:
    folder, manifest = proof.manifest(day.ingestion.date)
    taken = [item for item in proof.taken() if item.ingestion.date == day.ingestion.date][-1]
    lines = [
        json.loads(line)
        for name in dict.fromkeys(page["name"] for page in manifest["files"])
        for line in gzip.decompress(platform.read(BUCKET, f"{folder}/{name}")).splitlines()
    ]
    assert lines == proof.records(taken.shown)


def test_the_manifest_is_true(platform: Platform, proof: Proof, day: Taken) -> None:
    folder, manifest = proof.manifest(day.ingestion.date)
    taken = [item for item in proof.taken() if item.ingestion.date == day.ingestion.date][-1]
    records = len(proof.records(taken.shown))
    assert (manifest["api_total"], manifest["records"], manifest["pages"]) == (records, records, -(-records // 200))
    for page in manifest["files"]:
        file = platform.read(BUCKET, f"{folder}/{page['name']}")
        content = file[page["offset"] : page["offset"] + page["bytes"]]
        assert (len(content), hashlib.sha256(content).hexdigest()) == (page["bytes"], page["sha256"])


def test_a_committed_run_has_the_files_of_its_manifest_and_no_others(
    platform: Platform, proof: Proof, day: Taken
) -> None:
    folder, manifest = proof.manifest(day.ingestion.date)
    names = {key.removeprefix(f"{folder}/") for key in platform.keys(BUCKET, f"{folder}/")}
    assert names == {"_manifest.json", *(page["name"] for page in manifest["files"])}
