"""Facts about areas on the sky as pixels of an image."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.masks.regions import pixels_inside
from goodpix.query.shapes import Disc, Polygon
from goodpix.schema.amplifiers import Region
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs

SHAPE = (150, 130)
WHOLE = Region(0, SHAPE[1], 0, SHAPE[0])
SCALE = 0.263 / 3600


def tangent_plane(ra: float, dec: float) -> Wcs:
    header = {
        "CTYPE1": "RA---TPV",
        "CTYPE2": "DEC--TPV",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": 61.3,
        "CRPIX2": 80.9,
        "CD1_1": -SCALE * math.cos(0.3),
        "CD1_2": SCALE * math.sin(0.3),
        "CD2_1": SCALE * math.sin(0.3),
        "CD2_2": SCALE * math.cos(0.3),
        "PV1_1": 1.01,
        "PV2_4": 2.0,
    }
    return Wcs.from_header(header, "test")


PLACES = [(20.0, -32.0), (0.0003, 10.0), (123.0, 89.9995), (40.0, -90.0)]


def sky(wcs: Wcs, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Any, Any]:
    return wcs.sky(np.atleast_1d(np.asarray(x, float)) + 1, np.atleast_1d(np.asarray(y, float)) + 1)


def in_discs(grid: PixelGrid, place: Region, ra: Any, dec: Any, radius: Any) -> npt.NDArray[np.bool_]:
    return pixels_inside(grid, place, Disc.many(ra, dec, radius))


def in_polygons(grid: PixelGrid, place: Region, polygons: Any) -> npt.NDArray[np.bool_]:
    return pixels_inside(grid, place, map(Polygon.of, polygons))


def separation(ra: Any, dec: Any, ra0: float, dec0: float) -> Any:
    """Return angles by the haversine formula, degrees."""
    ra, dec, ra0, dec0 = (np.radians(each) for each in (ra, dec, ra0, dec0))
    h = np.sin((dec - dec0) / 2) ** 2 + np.cos(dec) * np.cos(dec0) * np.sin((ra - ra0) / 2) ** 2
    return np.degrees(2 * np.arcsin(np.sqrt(h)))


@pytest.mark.parametrize(("ra", "dec"), PLACES)
@pytest.mark.parametrize("place", [WHOLE, Region(17, 96, 40, 41), Region(129, 130, 0, 150)], ids=str)
@pytest.mark.parametrize("radius", [0.4, 3.3, 21.0, 500.0])
def test_disc_is_the_pixels_within_the_radius(ra: float, dec: float, place: Region, radius: float) -> None:
    wcs = tangent_plane(ra, dec)
    middles = sky(wcs, [20.2, 64.0, -4.0, 131.0, 3000.0], [30.7, 64.0, 75.0, 151.0, 64.0])
    y, x = np.mgrid[place.y0 : place.y1, place.x0 : place.x1]
    pixels = sky(wcs, x.ravel(), y.ravel())
    distances = [separation(*pixels, *each) for each in zip(*middles, strict=True)]
    expected = (np.array(distances) <= radius * SCALE).any(axis=0).reshape(x.shape)
    assert np.array_equal(in_discs(PixelGrid(wcs, SHAPE), place, *middles, radius * SCALE), expected)


def test_discs_have_radii_of_their_own() -> None:
    wcs = tangent_plane(20, -32)
    ra, dec = sky(wcs, [30, 90], [30, 110])
    both = in_discs(PixelGrid(wcs, SHAPE), WHOLE, ra, dec, np.array([3.0, 20.0]) * SCALE)
    apart = [in_discs(PixelGrid(wcs, SHAPE), WHOLE, ra[k], dec[k], r * SCALE) for k, r in ((0, 3.0), (1, 20.0))]
    assert np.array_equal(both, apart[0] | apart[1])
    assert 0 < apart[0].sum() < apart[1].sum() < both.sum()


def test_offset_of_an_image_is_added_to_its_pixels() -> None:
    wcs = tangent_plane(20, -32)
    ra, dec = wcs.sky(np.array([50.0]), np.array([70.0]))
    assert np.argwhere(in_discs(PixelGrid(wcs, SHAPE, 0), WHOLE, ra, dec, 0.3 * SCALE)).tolist() == [[70, 50]]


def test_no_disc_is_no_pixel() -> None:
    assert not in_discs(PixelGrid(tangent_plane(20, -32), SHAPE), WHOLE, [], [], []).any()


def even_odd(corners: Any, x: Any, y: Any) -> Any:
    inside = np.zeros(x.shape, bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


@pytest.mark.parametrize(("ra", "dec"), PLACES)
@pytest.mark.parametrize("place", [WHOLE, Region(17, 96, 40, 141)], ids=str)
def test_polygon_is_the_pixels_within_its_straight_edges(ra: float, dec: float, place: Region) -> None:
    header = dict(tangent_plane(ra, dec).keywords) | {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
    wcs = Wcs.from_header({key: value for key, value in header.items() if not key.startswith("PV")}, "test")
    # on a tangent plane great circles are straight, and so they are among the pixels of an undistorted image
    corners = np.array([[10.3, 20.1], [60.2, 5.4], [150.7, 60.9], [80.5, 50.2], [70.1, 140.8]])
    bar = np.array([[-50.3, 100.2], [400.1, 120.3], [400.2, 124.4], [-50.4, 104.1]])
    y, x = np.mgrid[place.y0 : place.y1, place.x0 : place.x1]
    expected = even_odd(corners, x, y) | even_odd(bar, x, y)
    polygons = [np.column_stack(sky(wcs, each[:, 0], each[:, 1])) for each in (corners, bar)]
    found = in_polygons(PixelGrid(wcs, SHAPE), place, polygons)
    assert np.array_equal(found, expected)
    assert 0 < found.sum() < found.size


def test_polygon_is_the_same_whichever_corner_comes_first() -> None:
    wcs = tangent_plane(0.0003, 10)
    corners = np.column_stack(sky(wcs, [10, 90, 60], [20, 40, 120]))
    found = [
        in_polygons(PixelGrid(wcs, SHAPE), WHOLE, [np.roll(corners, k, axis=0)[::step]])
        for k in range(3)
        for step in (1, -1)
    ]
    assert found[0].any()
    assert all(np.array_equal(each, found[0]) for each in found)
