"""`harness run --data`: each run takes the file as it is, for the next day."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from harness.pipeline.mock_api.generator import Generator
from tests.harness.pipeline.embedded.conftest import Cli
from tests.oracle.gold import GOLD
from tests.oracle.lakehouse import Day, Expected

pytestmark = [pytest.mark.embedded, pytest.mark.spark, pytest.mark.airflow, pytest.mark.xdist_group("embedded")]

FIRST_DATE = dt.date(2025, 1, 1)


def rows(cli: Cli, table: str) -> list[str]:
    return sorted(map(str, DeltaTable(str(cli.lakehouse / "gold" / table)).to_pyarrow_table().to_pylist()))


def test_the_file_itself_decides_what_each_day_brings(cli: Cli, tmp_path: Path) -> None:
    generator = Generator(5)
    first = [generator.brewery(index) for index in range(300)]
    later: list[dict[str, Any]] = [{**first[1], "name": "Renamed"}, *first[2:], generator.brewery(300)]
    file = tmp_path / "breweries.json"
    days = []
    for day, (records, line) in enumerate([(first, "+300 ~0 0"), (later, "+1 ~1 −1")]):  # noqa: RUF001 - a minus sign
        file.write_text(json.dumps(records))
        days.append(Day(FIRST_DATE + dt.timedelta(days=day), records))
        assert f"({days[-1].date}): {line}, 0 rejected" in cli.succeed("--data", str(file))
        expected = Expected(days)
        for table in GOLD:
            assert rows(cli, table) == sorted(map(str, expected.gold(table))), table
