"""Where a position or a shape lies: from coordinates to areas of the registry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shapely import STRtree, make_valid
from shapely.errors import ShapelyError
from shapely.geometry import LineString, Point, Polygon, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from rules import file_wording as say
from rules.events import Position, Shape
from rules.fault import Fault, Message
from rules.registry import AreaKind, Registry

_SPECK = 1e-6
"""Square degrees (some thousand square metres) of overlap that two maps of one border may differ by."""

_BESIDE = 5e-4
"""Degrees (some tens of metres) between two districts that still lie beside each other: borders are drawn unevenly."""


class Geography:
    """The polygons of the registry's areas. Wider areas are the unions of those within them."""

    def __init__(self, registry: Registry, polygons: dict[str, BaseGeometry]) -> None:
        self._registry = registry
        self.polygons = _with_unions(registry, polygons)
        self._ids = tuple(sorted(a for a in self.polygons if self._smallest(a)))
        self._tree = STRtree([self.polygons[a] for a in self._ids])

    def _smallest(self, area: str) -> bool:
        return not any(a.parent == area and a.id in self.polygons for a in self._registry.areas.values())

    def area_at(self, position: Position) -> str | None:
        """The smallest area the position lies in; on a border the first by id; None outside the map."""
        point = Point(position.longitude, position.latitude)
        found = sorted(int(i) for i in self._tree.query(point, predicate="intersects"))
        return self._ids[found[0]] if found else None

    def districts_of(self, shapes: Iterable[Shape]) -> tuple[str, ...]:
        """The districts (or the city, where it has none) that the shapes touch, sorted. Outside the map: none."""
        whole = unary_union([_geometry(s) for s in shapes])
        return tuple(sorted(a for a in self._homes() if _overlap(self.polygons[a], whole)))

    def neighbours(self, area: str) -> tuple[str, ...]:
        """The districts that lie beside the area's own, sorted. None without a map."""
        home = self._registry.district(area)
        if home is None or home not in self.polygons:
            return ()
        near = (a for a in self._homes() if a != home and self.polygons[a].distance(self.polygons[home]) < _BESIDE)
        return tuple(sorted(near))

    def _homes(self) -> list[str]:
        districts = [a for a in self.polygons if self._registry.areas[a].kind is AreaKind.DISTRICT]
        return districts or [a for a in self.polygons if self._registry.areas[a].kind is AreaKind.CITY]


def _overlap(area: BaseGeometry, other: BaseGeometry) -> bool:
    """A line that crosses counts; two surfaces must share more than their border."""
    if not area.intersects(other):
        return False
    return bool(other.area == 0 or area.intersection(other).area > _SPECK)


def _geometry(given: Shape) -> BaseGeometry:
    if given.form == "line" or len(set(given.points)) < 3:
        return LineString(given.points)
    ring = given.points if given.points[0] == given.points[-1] else (*given.points, given.points[0])
    return make_valid(Polygon(ring))


def _with_unions(registry: Registry, polygons: dict[str, BaseGeometry]) -> dict[str, BaseGeometry]:
    found = dict(polygons)
    inner_first = sorted(registry.areas, key=lambda a: len(list(registry.ancestors(a))), reverse=True)
    for area in inner_first:
        parts = [found[a.id] for a in registry.areas.values() if a.parent == area and a.id in found]
        if area not in found and parts:
            found[area] = unary_union(parts)
    return found


class _UnknownAreaError(ValueError):
    """A feature of the map is of no area that the profile has."""


def load_geography(registry: Registry, file: Path | None) -> Geography:
    """The map of a profile. Without a file there are no polygons, and positions resolve to no area.

    Raises ValueError, naming the feature, if the file is no GeoJSON of known areas.
    """
    if file is None:
        return Geography(registry, {})
    features: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))["features"]
    polygons = {}
    for feature in features:
        area = feature["properties"]["area"]
        if area not in registry.areas:
            raise _UnknownAreaError(area)
        polygons[area] = make_valid(shape(feature["geometry"]))
    return Geography(registry, polygons)


def read_map(registry: Registry, directory: Path, name: str | None) -> Geography | Fault:
    """The map of the profile in this directory, or why it cannot be used."""
    file = directory / name if name is not None else None
    try:
        return load_geography(registry, file)
    except json.JSONDecodeError as error:
        return Fault(str(file), error.lineno, error.colno, "map", say.MAP_NOT_JSON(why=error.msg))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ShapelyError, RecursionError) as error:
        return Fault(str(file), 1, 1, "map", _unusable(error))


def _unusable(error: Exception) -> Message:
    match error:
        case OSError():
            return say.MAP_UNREADABLE(why=error.strerror)
        case UnicodeDecodeError():
            return say.MAP_NOT_UTF8()
        case KeyError():
            return say.MAP_KEY(key=error)
        case _UnknownAreaError():
            return say.MAP_AREA(area=error.args[0])
        case _:
            return say.MAP_NOT_GEOJSON(why=type(error).__name__)
