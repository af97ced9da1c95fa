from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.pipeline.lakehouse.address import read_address


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("s3://lake/breweries", "s3://lake/breweries"),
        ("s3a://lake/breweries/", "s3://lake/breweries"),
        ("S3://lake//breweries/./day", "s3://lake/breweries/day"),
        ("S3A://lake", "s3://lake"),
        ("s3://lake/", "s3://lake"),
        ("file:///data/lake", "/data/lake"),
        ("FILE:///data/my%20lake/", "/data/my lake"),
        ("file:/data/lake", "/data/lake"),
        ("file://localhost/data/lake", "/data/lake"),
        ("/data/lake/", "/data/lake"),
        ("/data//x/../lake", "/data/lake"),
        ("./hdfs:", str(Path().resolve() / "hdfs:")),
        ("~/lake", str(Path.home() / "lake")),
        ("a/b:c", str(Path().resolve() / "a/b:c")),
    ],
)
def test_one_lakehouse_has_one_root(text: str, root: str) -> None:
    address = read_address(text)
    assert address.root == root
    assert address.folder == (None if root.startswith("s3:") else Path(root))


def test_a_link_is_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    (tmp_path / "link").symlink_to("lake")
    for text in (f"{tmp_path}/link", f"file://{tmp_path}/link/"):
        assert read_address(text).root == str(tmp_path / "lake")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gs://bucket/lake", "cannot use gs:"),
        ("abfss://container@account/lake", "abfss:"),
        ("hdfs:", "hdfs:"),
        ("hdfs:///lake", "hdfs:"),
        ("https://bucket.example/lake", "https:"),
        ("s3:/bucket/lake", "names no bucket"),
        ("s3:bucket", "names no bucket"),
        ("s3://", "not the name of a bucket"),
        ("s3:///lake", "names no bucket"),
        ("s3://My_Bucket/lake", "My_Bucket"),
        ("s3://bucket/a/../b", "'..'"),
        ("s3://bucket/a?versionId=1", "a?versionId=1"),
        ("file://server/lake", "no folder of this machine"),
        ("", "no name"),
    ],
)
def test_any_other_address_is_refused_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=r"^[^\n]+$") as caught:
        read_address(text)
    assert says in str(caught.value)


def test_a_key_in_an_address_is_not_repeated() -> None:
    with pytest.raises(UsageError, match="AWS_ACCESS_KEY_ID") as caught:
        read_address("s3://name:word@bucket/lake")
    assert "word" not in str(caught.value)


def test_two_lakehouses_share_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:5000")
    texts = ["/d/lakehouse", "/d/a", "/d/b", "s3://lake/a", "s3://lake/b", "s3://lake-a", "s3://lake"]
    files = [read_address(text).near("report.html") for text in texts]
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:5001")
    files.append(read_address("s3://lake").near("report.html"))
    assert len(set(files)) == len(files)
    assert files[0] == Path("/d/report.html")
