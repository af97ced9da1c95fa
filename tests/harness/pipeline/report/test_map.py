"""The maps: where a dot lands, what it says, and that nothing else of the picture depends on the data."""

import doctest
import math
import re
from xml.etree import ElementTree

import pytest

import harness.pipeline.report.map
from harness.pipeline.lakehouse.model import MapCell
from harness.pipeline.report.map import region_map, world_map

SVG = "{http://www.w3.org/2000/svg}"


def dots(svg: str) -> dict[str, tuple[float, float, float]]:
    """Label -> x, y, radius."""
    root = ElementTree.fromstring(re.sub("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', svg, count=1))  # noqa: S314 - our own
    return {
        dot.attrib["aria-label"]: (float(dot.attrib["cx"]), float(dot.attrib["cy"]), float(dot.attrib["r"]))
        for dot in root.iter(f"{SVG}circle")
    }


def cell(longitude: float, latitude: float, breweries: int = 1, country: str = "X") -> MapCell:
    return MapCell(longitude, latitude, country, breweries)


def test_examples() -> None:
    assert doctest.testmod(harness.pipeline.report.map).attempted >= 1
    assert doctest.testmod(harness.pipeline.report.map).failed == 0


def test_west_is_left_and_north_is_up() -> None:
    placed = dots(world_map([cell(-122, 45, country="Portland"), cell(18, -34, country="Cape Town"), cell(0, 0)]))
    portland = placed["Portland, near 45.0° N 122.0° W: 1 brewery"]
    cape_town = placed["Cape Town, near 34.0° S 18.0° E: 1 brewery"]
    null_island = placed["X, near 0.0° N 0.0° E: 1 brewery"]
    assert portland[0] < null_island[0] < cape_town[0]
    assert portland[1] < null_island[1] < cape_town[1]
    assert all(0 < x < 1100 and 0 < y < 484 for x, y, _ in placed.values())


def parallel_length(latitude: float) -> float:
    """Length of a parallel in the Equal Earth projection, by its authors' formula (Šavrič et al. 2018)."""
    theta = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(latitude)))
    polynomial = 9 * 0.003796 * theta**8 + 7 * 0.000893 * theta**6 - 3 * 0.081106 * theta**2 + 1.340264
    return math.cos(theta) / polynomial


def test_the_world_is_drawn_in_equal_earth() -> None:
    ends = dots(world_map([cell(0, 0, 1), cell(90, 0, 2), cell(0, 60, 3), cell(90, 60, 4)]))
    x = {label.rsplit(": ", 1)[1]: place[0] for label, place in ends.items()}
    equator = x["2 breweries"] - x["1 brewery"]
    north = x["4 breweries"] - x["3 breweries"]
    assert north / equator == pytest.approx(parallel_length(60) / parallel_length(0), abs=0.002)


def test_a_dot_has_the_area_of_its_count() -> None:
    radii = {
        label.rsplit(": ", 1)[1]: r
        for label, (_, _, r) in dots(world_map([cell(0, 0, 400), cell(9, 0, 100)])).items()
    }
    assert radii["400 breweries"] == pytest.approx(2 * radii["100 breweries"], rel=0.02)


def test_the_region_leaves_outliers_out_of_its_frame() -> None:
    cluster = [cell(-120 + x, 30 + y, 10) for x in range(40) for y in range(15)]
    placed = dots(region_map([*cluster, cell(170, -50, 1)]))
    inside = [place for label, place in placed.items() if label.endswith("10 breweries")]
    assert len(inside) == 600
    assert sum(0 <= x <= 1100 for x, _, _ in inside) > 0.9 * 600
    assert max(x for x, _, _ in inside) - min(x for x, _, _ in inside) > 800


def test_one_brewery_is_a_region() -> None:
    ((x, y, r),) = dots(region_map([cell(4.4, 51.2)])).values()
    assert 0 < x < 1100
    assert y > 0
    assert r > 0


def test_labels_are_escaped() -> None:
    svg = world_map([cell(0, 0, country='<script>alert("x")</script>')])
    assert "<script" not in svg
    assert [label[:8] for label in dots(svg)] == ["<script>"]


def test_ids_differ_between_the_maps() -> None:
    ids = [set(re.findall(r'id="([^"]*)"', draw([cell(0, 0)]))) for draw in (world_map, region_map)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_colours_are_left_to_the_page() -> None:
    svg = world_map([cell(0, 0)])
    marks = re.findall(r"<(?:circle|path d)[^>]*>", svg)
    assert len(marks) > 170, "the world's countries, and the dot"
    assert not [mark for mark in marks if "fill=" in mark or "stroke=" in mark]
