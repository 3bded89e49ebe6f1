"""GeoJSON and CAP geometry -> `Shape`. What cannot be drawn is Refused; in doubt the wider area is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

from rules.events import Shape
from streams.plain_errors import shown
from streams.refusal import Reason, Refused

MAX_SHAPES = 200  # as rules.events.Warning
MAX_POINTS = 20_000  # as rules.events.Shape
CIRCLE_POINTS = 32
MIN_RADIUS_KM = 0.1  # senders write 0 for "at this place", and an area of nothing would touch no district
MAX_RADIUS_KM = 20_000.0  # half way round the Earth
KM_PER_DEGREE = 111.195

Point = tuple[float, float]
"""(longitude, latitude)."""


def geojson(area: object) -> tuple[tuple[Shape, ...], tuple[Refused, ...]]:
    """Every shape of a Feature, a FeatureCollection or a bare geometry, and what could not be drawn."""
    shapes: list[Shape] = []
    faults: list[Refused] = []
    for geometry in _geometries(area):
        shapes.extend(_shapes(geometry, faults))
    return largest(shapes, faults), tuple(faults)


def largest(shapes: Sequence[Shape], faults: list[Refused]) -> tuple[Shape, ...]:
    """At most MAX_SHAPES, the widest: an archipelago can have more islets than a message has room for."""
    if len(shapes) <= MAX_SHAPES:
        return tuple(shapes)
    faults.append(Refused(Reason.GEOMETRY, f"{len(shapes)} ytor, högst {MAX_SHAPES} används. De minsta är utelämnade."))
    return tuple(sorted(shapes, key=_width, reverse=True)[:MAX_SHAPES])


def _width(shape: Shape) -> float:
    longitudes, latitudes = zip(*shape.points, strict=True)
    return float((max(longitudes) - min(longitudes)) * (max(latitudes) - min(latitudes)))


def _geometries(value: object) -> Iterator[dict[str, object]]:
    match value:
        case {"type": "FeatureCollection", "features": list() as features}:
            for feature in features:
                yield from _geometries(feature)
        case {"type": "Feature", "geometry": geometry}:
            yield from _geometries(geometry)
        case {"type": "GeometryCollection", "geometries": list() as geometries}:
            for geometry in geometries:
                yield from _geometries(geometry)
        case dict():
            yield value
        case None:
            return
        case _:
            yield {"type": value}


def _shapes(geometry: dict[str, object], faults: list[Refused]) -> Iterator[Shape]:
    name, coordinates = geometry.get("type"), geometry.get("coordinates")
    if not (isinstance(name, str) and name in _FORM):
        faults.append(Refused(Reason.GEOMETRY, f"area: formen {shown(name)} används inte; väntade en yta eller linje."))
        return
    form = _FORM[name]
    for ring in _rings(coordinates, outer_only=name == "Polygon", form=form):
        try:
            if not ring:
                raise Refused(Reason.GEOMETRY, "area: coordinates är tom eller har för få nivåer; inget att rita.")
            yield shape(form, [_position(each) for each in ring])
        except Refused as fault:
            faults.append(fault)


_FORM: dict[str, Literal["polygon", "line"]] = {
    "Polygon": "polygon",
    "MultiPolygon": "polygon",
    "LineString": "line",
    "MultiLineString": "line",
}


def _rings(coordinates: object, outer_only: bool, form: str) -> Iterator[list[object]]:
    """The outer rings (or the lines), found by how deep the lists really are: senders mistake the depth.

    A hole is left out. Where depth and type disagree, each ring counts as an area: too wide warns, too narrow does not.
    """
    depth = _depth(coordinates)
    if not isinstance(coordinates, list) or depth < 2:
        yield []
    elif depth == 2:
        yield coordinates
    elif depth == 3:
        rings = coordinates[:1] if outer_only else coordinates
        yield from (ring if isinstance(ring, list) else [] for ring in rings)
    else:
        for part in coordinates:
            yield from _rings(part, outer_only=form == "polygon", form=form)


def _depth(value: object) -> int:
    depth = 0
    while isinstance(value, list) and value:
        value = value[0]
        depth += 1
    return depth


def _position(value: object) -> Point:
    match value:
        case [longitude, latitude, *_]:
            return _point(longitude, latitude)
        case _:
            raise Refused(Reason.GEOMETRY, f"area: väntade [longitud, latitud], fick {shown(value)}.")


def _point(longitude: object, latitude: object) -> Point:
    x, y = _number(longitude), _number(latitude)
    if not (abs(x) <= 180 and abs(y) <= 90):
        raise Refused(Reason.GEOMETRY, f"Punkten longitud {x:g}, latitud {y:g} ligger utanför jorden.")
    return x, y


def _number(value: object) -> float:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):
            number = math.nan
        if math.isfinite(number):
            return number
    raise Refused(Reason.GEOMETRY, f"Väntade ett tal i en koordinat, fick {shown(value)}.")


def shape(form: Literal["polygon", "line"], points: Sequence[Point]) -> Shape:
    """The points as a Shape: thinned evenly when too many; Refused when too few to be an area (or a line)."""
    least = 3 if form == "polygon" else 2
    if len(set(points)) < least:
        raise Refused(Reason.GEOMETRY, f"Formen har {len(set(points))} olika punkter, minst {least} behövs.")
    return Shape(form=form, points=tuple(points[:: math.ceil(len(points) / MAX_POINTS)]))


def cap_polygon(text: str) -> Shape:
    """CAP writes `lat,lon lat,lon ...`, the opposite order of GeoJSON."""
    return shape("polygon", [_pair(pair) for pair in text.split()])


def cap_circle(text: str) -> Shape:
    """CAP's `lat,lon radius_km` as a polygon drawn around the circle, so that no place inside it falls outside."""
    match text.split():
        case [centre, radius]:
            longitude, latitude = _pair(centre)
            kilometres = _number(radius)
        case _:
            raise Refused(Reason.GEOMETRY, f'circle: väntade "lat,lon radie" i km, fick {shown(text)}.')
    if not 0 <= kilometres <= MAX_RADIUS_KM:
        raise Refused(Reason.GEOMETRY, f"circle: radien {kilometres:g} km går inte att rita.")
    return shape("polygon", _circle(longitude, latitude, max(kilometres, MIN_RADIUS_KM)))


def _circle(longitude: float, latitude: float, kilometres: float) -> list[Point]:
    north = kilometres / math.cos(math.pi / CIRCLE_POINTS) / KM_PER_DEGREE
    east = north / max(math.cos(math.radians(latitude)), 0.01)
    turns = (2 * math.pi * i / CIRCLE_POINTS for i in range(CIRCLE_POINTS))
    return [
        (_within(longitude + east * math.sin(turn), 180.0), _within(latitude + north * math.cos(turn), 90.0))
        for turn in turns
    ]


def _within(value: float, limit: float) -> float:
    return max(-limit, min(limit, value))


def _pair(text: str) -> Point:
    match text.split(","):
        case [latitude, longitude] | [latitude, longitude, _]:
            return _point(longitude, latitude)
        case _:
            raise Refused(Reason.GEOMETRY, f'Väntade "lat,lon", fick {shown(text)}.')
