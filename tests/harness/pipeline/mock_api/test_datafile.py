"""Breweries from a file, good and bad."""

# ruff: noqa: RUF001 - published names have typographic apostrophes

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.errors import HarnessError
from harness.pipeline.mock_api import MockApi
from harness.pipeline.mock_api.datafile import read
from harness.pipeline.mock_api.generator import FIELDS, Generator

HEADER = (
    "id,name,brewery_type,address_1,address_2,address_3,city,state_province,postal_code,country,phone,website_url"
)
HEADER += ",longitude,latitude\n"
ROW = 'a1,"’t Köln, ""Bräu""",micro,Weg 1,,,Mol,Vlaanderen,2400,Belgium,,,5.05,51.1762577\n'
EXPECTED = {
    **dict.fromkeys(FIELDS),
    **{"id": "a1", "name": '’t Köln, "Bräu"', "brewery_type": "micro", "address_1": "Weg 1", "street": "Weg 1"},
    **{"city": "Mol", "state_province": "Vlaanderen", "state": "Vlaanderen", "postal_code": "2400"},
    **{"country": "Belgium", "longitude": 5.05, "latitude": 51.1762577},
}


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv(tmp_path: Path, encoding: str) -> None:
    (brewery,) = read(write(tmp_path / "b.csv", HEADER + ROW, encoding))
    assert brewery == EXPECTED
    assert tuple(brewery) == FIELDS


def test_json_and_json_lines(tmp_path: Path) -> None:
    breweries = [Generator(1).brewery(index) for index in range(5)]
    as_list = write(tmp_path / "b.json", json.dumps(breweries))
    as_lines = write(tmp_path / "b.jsonl", "\n".join(map(json.dumps, breweries)) + "\n\n")
    assert read(as_list) == read(as_lines) == breweries


def test_what_a_file_has_beyond_the_known_fields_is_kept(tmp_path: Path) -> None:
    record = {"id": "a", "name": "n", "brewery_type": "micro", "country": "Chile", "rating": 5, "longitude": "west"}
    (brewery,) = read(write(tmp_path / "b.json", json.dumps([record])))
    assert brewery == {**dict.fromkeys(FIELDS), **record}


@pytest.mark.parametrize("text", ["nan", "-inf", "1e999", "N51"])
def test_a_coordinate_that_json_has_no_number_for_stays_text(tmp_path: Path, text: str) -> None:
    (brewery,) = read(write(tmp_path / "b.csv", HEADER + ROW.replace("5.05", text)))
    assert brewery["longitude"] == text


BAD: dict[str, tuple[str, str, str]] = {
    "empty": ("b.csv", "", "no breweries"),
    "header only": ("b.csv", HEADER, "no breweries"),
    "empty json": ("b.json", "[]", "no breweries"),
    "other columns": ("b.csv", "colour,size\nred,3\n", "no field id, name, brewery_type, country in record 1"),
    "short row": ("b.csv", HEADER + "a1,name\n", "line 2 does not have as many values"),
    "long row": ("b.csv", HEADER + ROW.strip() + ",more\n", "line 2 does not have as many values"),
    "open quote": ("b.csv", HEADER + 'a1,"name\n', "as data"),
    "no json": ("b.json", "[{", "as data"),
    "numbers": ("b.json", "[1, 2]", "something other than JSON objects"),
    "id twice": ("b.csv", HEADER + ROW + ROW, "id 'a1' twice"),
    "id a number": ("b.json", '[{"id": 1, "name": "n", "brewery_type": "t", "country": "c"}]', "not text"),
}


@pytest.mark.parametrize(("name", "text", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(HarnessError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="No such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(HarnessError, match="directory"):
        read(tmp_path)
    (tmp_path / "b.csv").write_bytes(b"id,name\n\xff\xfe\n")
    with pytest.raises(HarnessError, match="utf-8"):
        read(tmp_path / "b.csv")


@pytest.mark.sample
def test_the_published_data_is_served_as_it_is(sample_csv: Path) -> None:
    with sample_csv.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    served: list[dict[str, Any]] = []
    with MockApi(data=sample_csv) as api, requests.Session() as session:
        meta = session.get(f"{api.url}/v1/breweries/meta", timeout=120).json()
        for page in range(1, -(-meta["total"] // 200) + 1):
            served += session.get(
                f"{api.url}/v1/breweries", params={"page": page, "per_page": 200}, timeout=120
            ).json()
    assert meta["total"] == len(rows) == len(served)
    for row, brewery in zip(rows, served, strict=True):
        for field, text in row.items():
            value = brewery[field]
            assert value == (float(text) if isinstance(value, float) else text or None)
