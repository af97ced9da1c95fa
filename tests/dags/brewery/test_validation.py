"""Bronze read back: every way in which a run is not what its manifest says."""

import datetime as dt
import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from brewery.bronze import newest_run, remove_uncommitted
from brewery.errors import BronzeInvalidError, ManifestInvalidError, NoCommittedRunError
from brewery.ingestion import IngestResult
from brewery.validation import inspect
from harness.pipeline.mock_api import MockApi
from tests.dags.brewery.conftest import DAY, Lake

Edit = Callable[[dict[str, Any]], None]
EditManifest = Callable[[Edit], None]


@pytest.fixture
def run(lake: Lake) -> IngestResult:
    """A committed run of 420 breweries on nine pages."""
    with MockApi(breweries=420) as api:
        return lake.ingest(api.url)


@pytest.fixture
def folder(run: IngestResult) -> Path:
    return Path(run.manifest_path).parent


@pytest.fixture
def edit_manifest(run: IngestResult) -> EditManifest:
    def edit(change: Edit) -> None:
        path = Path(run.manifest_path)
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    return edit


@pytest.fixture
def replace_page(folder: Path, edit_manifest: EditManifest) -> Callable[[bytes], None]:
    """Give page 2 another content, with the sizes, places and checksum in the manifest to match."""

    def replace(content: bytes) -> None:
        path = folder / "page-00001.jsonl.gz"

        def change(manifest: dict[str, Any]) -> None:
            pages = manifest["files"]
            begin, end = pages[1]["offset"], pages[2]["offset"]
            path.write_bytes(path.read_bytes()[:begin] + content + path.read_bytes()[end:])
            pages[1] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for page in pages[2:]:
                page["offset"] += len(content) - (end - begin)

        edit_manifest(change)

    return replace


def test_a_sound_run_is_valid(lake: Lake, run: IngestResult) -> None:
    result = lake.validate()
    assert (result.run_id, result.records, result.api_total, result.files) == (run.run_id, 420, 420, 1)
    assert result.bytes == run.bytes_stored
    assert (result.faults, result.unknown_files, result.superseded_runs) == ((), (), ())


def test_a_date_without_a_run_is_one_sentence(lake: Lake) -> None:
    with pytest.raises(
        NoCommittedRunError, match=r"no committed bronze run of 2025-01-31 .* ingest that date first\.$"
    ):
        lake.validate()


def test_a_run_without_a_manifest_does_not_exist(lake: Lake, run: IngestResult, folder: Path) -> None:
    (folder / "_manifest.json").unlink()
    with pytest.raises(NoCommittedRunError):
        lake.validate()


def refused(lake: Lake) -> str:
    with pytest.raises(BronzeInvalidError) as error:
        lake.validate()
    assert str(error.value).endswith("ingest that date again, which replaces it.")
    assert not error.value.retryable
    return str(error.value)


def test_a_missing_file_is_named(lake: Lake, folder: Path) -> None:
    (folder / "page-00001.jsonl.gz").unlink()
    assert "page-00001.jsonl.gz is missing (pages 1 to 9)" in refused(lake)


def test_a_file_of_another_size_is_named_and_the_page_that_is_not_whole(lake: Lake, folder: Path) -> None:
    path = folder / "page-00001.jsonl.gz"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    size = f"page-00001.jsonl.gz has {len(content) - 1} bytes instead of {len(content)}"
    assert f"({size}; the checksum of page 9 in page-00001.jsonl.gz is wrong; " in refused(lake)
    path.write_bytes(content + gzip.compress(b'{"id": "1"}\n'))
    assert "page-00001.jsonl.gz has " in refused(lake)


def test_a_wrong_checksum_is_named(lake: Lake, folder: Path) -> None:
    path = folder / "page-00001.jsonl.gz"
    content = bytearray(path.read_bytes())
    content[newest_run(lake.storage, DAY).files[2].offset + 100] ^= 1
    path.write_bytes(content)
    assert "(the checksum of page 3 in page-00001.jsonl.gz is wrong; 370 usable records" in refused(lake)


@pytest.mark.parametrize(
    ("content", "fault"),
    # Without the time of compression, which would be in the tests' names.
    [
        (b"plain text", "is not a gzip file"),
        (gzip.compress(b'{"id": 1}\n', mtime=0)[:-4], "is not a gzip file"),
        (
            gzip.compress(b'{"id": 1}\n{"id": 2}', mtime=0),
            "the last line of page 2 in page-00001.jsonl.gz is not whole",
        ),
        (gzip.compress(b'{"id": 1}\n[2]\nno\n\n', mtime=0), "has 3 lines that are not JSON objects"),
        (gzip.compress(b'{"id": 1}\n', mtime=0), "has 1 records instead of 50"),
    ],
)
def test_a_file_with_another_content_is_named(
    lake: Lake, replace_page: Callable[[bytes], None], content: bytes, fault: str
) -> None:
    replace_page(content)
    assert fault in refused(lake)


def test_a_count_other_than_the_api_s_is_a_fault(lake: Lake, edit_manifest: EditManifest) -> None:
    edit_manifest(lambda manifest: manifest.update(api_total=421))
    assert "the manifest has 420 records, the API said 421" in refused(lake)


def test_lines_that_are_malformed_are_as_many_as_the_manifest_says(lake: Lake, edit_manifest: EditManifest) -> None:
    edit_manifest(lambda manifest: manifest["files"][1].update(malformed=1))
    assert "page 2 in page-00001.jsonl.gz has 0 lines that are not JSON objects instead of 1" in refused(lake)


@pytest.mark.usefixtures("a_file_for_each_page")
def test_a_run_of_an_earlier_version_with_a_file_for_each_page_is_valid(lake: Lake) -> None:
    with MockApi(breweries=420) as api:
        path = Path(lake.ingest(api.url).manifest_path)
    manifest = json.loads(path.read_text())
    assert [file["name"] for file in manifest["files"]] == [f"page-{page:05d}.jsonl.gz" for page in range(1, 10)]
    for file in manifest["files"]:
        del file["offset"], file["malformed"]
    path.write_text(json.dumps({**manifest, "format_version": 1}, indent=1))
    assert (lake.validate().records, lake.validate().files) == (420, 9)
    (path.parent / "page-00003.jsonl.gz").unlink()
    assert "page-00003.jsonl.gz is missing (page 3); " in refused(lake)


def test_a_manifest_from_before_responses_were_kept_is_valid(lake: Lake, edit_manifest: EditManifest) -> None:
    edit_manifest(lambda manifest: manifest.pop("responses"))
    assert lake.validate().records == 420
    assert newest_run(lake.storage, DAY).responses == ()


def test_all_faults_are_in_the_result_and_the_first_in_the_sentence(lake: Lake, folder: Path) -> None:
    path = folder / "page-00001.jsonl.gz"
    size = newest_run(lake.storage, DAY).files[5].offset
    path.write_bytes(b"x" * size + path.read_bytes()[size:])
    result = inspect(lake.storage, DAY)
    assert [fault for fault in result.faults if "checksum" in fault] == [
        f"the checksum of page {page} in page-00001.jsonl.gz is wrong" for page in range(1, 6)
    ]
    assert "170 usable records instead of 420" in result.faults
    assert "and 3 more" in refused(lake)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"format": "delta"}',
        b'{"format": "brewery-bronze-manifest", "format_version": 3}',
        b'{"format": "brewery-bronze-manifest", "format_version": 1}',
    ],
)
def test_a_corrupt_or_foreign_manifest_is_named_with_its_path(
    lake: Lake, run: IngestResult, content: bytes
) -> None:
    Path(run.manifest_path).write_bytes(content)
    with pytest.raises(ManifestInvalidError) as error:
        lake.validate()
    assert str(error.value).startswith(f"{run.manifest_path} cannot be used (the manifest ")
    assert "move that run's folder out of bronze" in str(error.value)
    # It is not for maintenance to decide what a manifest that cannot be read was worth.
    assert remove_uncommitted(lake.storage, dt.timedelta(0), dt.datetime.now(dt.UTC) + dt.timedelta(days=9)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(run_id="another"),
        lambda manifest: manifest.update(ingestion_date="2025-02-01"),
        lambda manifest: manifest.update(pages=8),
        lambda manifest: manifest.update(records=419),
        lambda manifest: manifest["files"].reverse(),
        lambda manifest: manifest["files"][0].update(name="../page-00001.jsonl.gz"),
        lambda manifest: manifest["files"][0].update(name="page-00002.jsonl.gz"),
        lambda manifest: manifest["files"][4].update(name="page-00005.jsonl.gz"),
        lambda manifest: manifest["files"][4].update(name="page-00004.jsonl.gz", offset=0),
        lambda manifest: manifest["files"][0].update(offset=1),
        lambda manifest: manifest["files"][3].update(bytes=1),
        lambda manifest: manifest["files"][8].update(offset=0),
        lambda manifest: manifest.update(finished_at="2025-01-31T00:00:00"),
    ],
)
def test_a_manifest_that_contradicts_itself_or_its_place_is_refused(
    lake: Lake, edit_manifest: EditManifest, change: Edit
) -> None:
    edit_manifest(change)
    with pytest.raises(ManifestInvalidError, match="cannot be used"):
        lake.validate()


def test_files_that_the_manifest_does_not_know_are_reported(lake: Lake, folder: Path) -> None:
    (folder / "page-00010.jsonl.gz").write_bytes(b"x")
    (folder / ".page-00001.jsonl.gz.1a2b.tmp").write_bytes(b"x")
    assert lake.validate().unknown_files == (".page-00001.jsonl.gz.1a2b.tmp", "page-00010.jsonl.gz")


def test_the_run_that_ended_last_counts_whatever_its_id(
    lake: Lake, run: IngestResult, edit_manifest: EditManifest
) -> None:
    with MockApi(breweries=120) as api:
        later = lake.ingest(api.url)
    result = lake.validate()
    assert (result.run_id, result.records, result.superseded_runs) == (later.run_id, 120, (run.run_id,))
    edit_manifest(lambda manifest: manifest.update(finished_at="2999-01-01T00:00:00+00:00"))
    assert newest_run(lake.storage, DAY).run_id == run.run_id
