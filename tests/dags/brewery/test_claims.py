"""Claims have one order, also where several are taken at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from brewery.claims import take_claim
from brewery.storage import Storage


def claims(lakehouse: Path) -> list[str]:
    return sorted(file.name for file in (lakehouse / "_claims").iterdir())


def test_a_claim_ends_those_before_it(tmp_path: Path) -> None:
    storage = Storage.for_uri(str(tmp_path))
    assert [take_claim(storage, f"attempt {number}") for number in range(3)] == [1, 2, 3]
    assert claims(tmp_path) == ["000000000003.json"]
    assert (tmp_path / "_claims" / "000000000003.json").read_text(encoding="utf-8") == "attempt 2"


def test_of_claims_that_are_taken_at_the_same_time_one_is_the_newest(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: take_claim(Storage.for_uri(str(tmp_path)), "one"), range(24)))
    assert taken.count(max(taken)) == 1
    assert claims(tmp_path)[-1] == f"{max(taken):012d}.json"


def test_what_is_no_claim_does_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "_claims"
    folder.mkdir()
    for name in ("000000000009.json.part", ".000000000010.json.3f.tmp", "README"):
        (folder / name).touch()
    assert take_claim(Storage.for_uri(str(tmp_path)), "first") == 1
