"""The maps of the report: static SVG, drawn by Vega-Lite through vl-convert, coloured by the page's CSS variables.

Static on purpose: Vega's JavaScript would add 900 kB and two seconds to each report, and a picture prints, needs no
script, and follows the reader's light or dark theme by itself. The page adds the tooltips from each mark's label.
"""

import math
import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final

import vl_convert
from countryinfo import all_countries
from markupsafe import Markup

from harness.pipeline.lakehouse.model import MapCell

Ring = list[tuple[float, float]]

_VEGA_LITE: Final = "5.21"
_WIDTH: Final = 1100
_WORLD_DOT: Final = 550
_REGION_DOT: Final = 900
"""Area of the dot of the fullest square, in square pixels of the picture."""

# The country outlines lack a few countries, which would read as water. These cover the larger gaps, generously: the
# neighbours lie over their edges.
_GAPS: Final[dict[str, Ring]] = {
    "Hungary": [(16, 46.8), (17, 48.1), (20.5, 48.5), (23, 48.2), (21, 46), (18.5, 45.7)],
    "Serbia": [(18.8, 46), (20.4, 46.3), (22.9, 44.5), (22.6, 42.2), (20.2, 42.2), (19, 43.5)],
    "Montenegro": [(19, 43.5), (20.4, 42.8), (20.2, 42.2), (19.3, 41.9), (18.4, 42.5)],
    "Northern Myanmar": [(92.3, 20.9), (93.2, 24), (97.5, 28.5), (98.8, 27), (98.7, 24.5), (101.2, 21.6)],
    "Southern Myanmar": [(92.3, 20.9), (101.2, 21.6), (98.8, 19), (97.5, 18.3), (97.7, 16), (94.5, 15.9)],
    "Tenasserim": [(97.5, 18.3), (99.2, 15), (99.5, 11), (98.6, 10), (98.6, 13), (97.7, 16)],
    "Jamaica": [(-78.3, 18.3), (-77.5, 18.5), (-76.3, 18.1), (-77.2, 17.8)],
    "Svalbard": [(11, 79.5), (20, 80.4), (26, 80), (21, 78.5), (17, 76.7)],
}
_UNDRAWN: Final = "Antarctica"

_NUMBER: Final = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_GEOMETRY: Final = re.compile(r'(?<= )(?:d|transform)="[^"]*"')
_LAND: Final = re.compile(r'<path transform="translate\(0,0\)" d="([^"]*)" fill="black"/>')
_DOT: Final = re.compile(
    r'<path aria-label="([^"]*)" role="graphics-symbol" aria-roledescription="circle"'
    r' transform="translate\(([^,]*),([^)]*)\)" d="M([^,]*),0A[^"]*" fill="black"[^/]*/>'
)
_OUTER: Final = re.compile(r'<svg [^>]*width="[^"]*" height="[^"]*" viewBox="([^"]*)">')
_CLIP: Final = re.compile(r'(?<=[#"])clip\d+(?=[")])')


def world_map(cells: Sequence[MapCell]) -> Markup:
    """All breweries on the whole world, in the Equal Earth projection; each dot has an `aria-label`."""
    world = {"type": "MultiPoint", "coordinates": [[-175, 0], [180, 0], [0, 83], [0, -56]]}
    return _draw("world", cells, {"type": "equalEarth", "fit": world}, round(_WIDTH * 0.44), _WORLD_DOT)


def region_map(cells: Sequence[MapCell]) -> Markup:
    """The area where most of some breweries are; outliers may fall outside the picture."""
    west, east = _middle([(cell.longitude, cell.breweries) for cell in cells])
    south, north = _middle([(cell.latitude, cell.breweries) for cell in cells])
    west, east, south, north = west - 1, east + 1, max(south - 1, -85), min(north + 1, 85)
    center = (south + north) / 2
    aspect = (north - south) / ((east - west) * math.cos(math.radians(center)))
    sixth = (north - south) / 6
    projection = {
        "type": "conicEqualArea",
        "rotate": [-(west + east) / 2, 0, 0],
        "parallels": [south + sixth, north - sixth],
        "fit": {
            "type": "MultiPoint",
            "coordinates": [[x, y] for x in (west, (west + east) / 2, east) for y in (south, north)],
        },
    }
    return _draw("region", cells, projection, round(_WIDTH * min(max(aspect, 0.4), 0.75)), _REGION_DOT)


def place_label(cell: MapCell) -> str:
    """What a dot stands for, in words.

    >>> place_label(MapCell(-122.65, 45.52, "United States", 27))
    'United States, near 45.5° N 122.7° W: 27 breweries'
    """
    north = f"{abs(cell.latitude):.1f}° {'N' if cell.latitude >= 0 else 'S'}"
    east = f"{abs(cell.longitude):.1f}° {'E' if cell.longitude >= 0 else 'W'}"
    noun = "brewery" if cell.breweries == 1 else "breweries"
    return f"{cell.country}, near {north} {east}: {cell.breweries:,} {noun}"


def _middle(weighted: Sequence[tuple[float, int]], share: float = 0.96) -> tuple[float, float]:
    """The range that holds the given share of the weight, the same left out at both ends."""
    ordered = sorted(weighted)
    cut = sum(weight for _, weight in ordered) * (1 - share) / 2
    return _quantile(ordered, cut), _quantile(list(reversed(ordered)), cut)


def _quantile(ordered: Sequence[tuple[float, int]], weight_before: float) -> float:
    seen = 0
    for value, weight in ordered:
        seen += weight
        if seen > weight_before:
            return value
    return ordered[-1][0]


@cache
def _land() -> dict[str, Any]:
    """The world's land as one GeoJSON collection."""
    polygons: list[list[Ring]] = [[[*ring, ring[0]]] for ring in _GAPS.values()]
    for country in all_countries():
        if country.name() == _UNDRAWN:
            continue
        for feature in country.geo_json().get("features", []):
            geometry = feature["geometry"]
            several = geometry["type"] == "MultiPolygon"
            polygons.extend(geometry["coordinates"] if several else [geometry["coordinates"]])
    features = [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [_clockwise(rings[0]), *rings[1:]]}}
        for rings in polygons
    ]
    return {"type": "FeatureCollection", "features": features}


def _clockwise(ring: Ring) -> Ring:
    """The ring in the direction that means its inside to Vega (d3-geo); the other means the rest of the world."""
    doubled_area = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairwise(ring))
    return ring if doubled_area < 0 else list(reversed(ring))


def _draw(name: str, cells: Sequence[MapCell], projection: dict[str, Any], height: int, largest: int) -> Markup:
    fullest = max((cell.breweries for cell in cells), default=1)
    dots = [
        {
            "x": cell.longitude,
            "y": cell.latitude,
            "area": max(largest * cell.breweries / fullest, 9),
            "label": place_label(cell),
        }
        for cell in cells
    ]
    spec = {
        "width": _WIDTH,
        "height": height,
        "background": None,
        "padding": 0,
        "config": {"view": {"stroke": None}},
        "projection": projection,
        "layer": [
            {
                "data": {"values": _land(), "format": {"type": "json", "property": "features"}},
                "mark": {"type": "geoshape", "fill": "black", "aria": False, "clip": True},
            },
            {
                "data": {"values": dots},
                "mark": {"type": "circle", "fill": "black", "opacity": 1, "clip": True},
                "encoding": {
                    "longitude": {"field": "x", "type": "quantitative"},
                    "latitude": {"field": "y", "type": "quantitative"},
                    "size": {"field": "area", "type": "quantitative", "scale": None},
                    "description": {"field": "label", "type": "nominal"},
                },
            },
        ],
    }
    return _slim(vl_convert.vegalite_to_svg(spec, vl_version=_VEGA_LITE), name)


def _slim(svg: str, name: str) -> Markup:
    """Rewrites each mark in its shortest form, which the page's style sheet colours, to a tenth of a pixel.

    The name makes the picture's ids unique in the page.
    """
    svg = _GEOMETRY.sub(lambda match: _NUMBER.sub(_tenths, match[0]), svg)
    svg = _LAND.sub(r'<path d="\1"/>', svg)
    svg = _DOT.sub(r'<circle aria-label="\1" cx="\2" cy="\3" r="\4"/>', svg)
    svg = _CLIP.sub(rf"{name}-\g<0>", svg)
    svg = _OUTER.sub(r'<svg viewBox="\1" aria-hidden="true" focusable="false">', svg, count=1)
    return Markup(svg)  # noqa: S704 - vl-convert escapes the labels, and nothing else comes from the data


def _tenths(match: re.Match[str]) -> str:
    return f"{round(float(match[0]), 1) + 0:g}"
