"""Facts about the coadd pixels nearest to those of an epoch."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.amplifiers import Region
from goodpix.schema.wcs.nearestpixel import mark_nearest, nearest_pixels
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.pixelmap import PixelMap, RationalMap, WcslibMap, pixel_map
from goodpix.schema.wcs.solution import Wcs

Bools = npt.NDArray[np.bool_]

PIXEL = 0.263 / 3600
SHAPE = (700, 60)
COADD = (300, 400)
PV: dict[str, Any] = {"PV1_0": 1e-3, "PV1_1": 1.01, "PV1_7": 0.02, "PV2_1": 0.99, "PV2_4": -0.03}


def solution(angle: float = 0.0, projection: str = "TAN", **more: Any) -> Wcs:
    cos, sin = PIXEL * np.cos(np.radians(angle)), PIXEL * np.sin(np.radians(angle))
    cards = {
        "CTYPE1": f"RA---{projection}",
        "CTYPE2": f"DEC--{projection}",
        "CRVAL1": 0.001,
        "CRVAL2": -40.0,
        "CRPIX1": 30.5,
        "CRPIX2": 350.5,
        "CD1_1": -cos,
        "CD1_2": sin,
        "CD2_1": sin,
        "CD2_2": cos,
    }
    return Wcs.from_header(cards | more, "image.fits")


def coadd(**more: Any) -> Wcs:
    return solution(CRPIX1=COADD[1] / 2 + 0.21, CRPIX2=COADD[0] / 2 + 0.17, **more)


MAPS: dict[str, PixelMap] = {
    name: pixel_map(PixelGrid(pair[0], SHAPE), PixelGrid(pair[1], COADD))
    for name, pair in {
        "along": (solution(0.7, "TPV", **PV), coadd()),
        "across": (solution(89.0, "TPV", **PV), coadd()),
        "finer": (solution(33.0), coadd(CD1_1=-2.3 * PIXEL, CD2_2=2.3 * PIXEL)),
        "coarser": (solution(33.0), coadd(CD1_1=-0.4 * PIXEL, CD2_2=0.4 * PIXEL)),
        "beside": (solution(33.0), coadd(CRVAL1=0.2)),
        "the other side of the sky": (solution(33.0), coadd(CRVAL1=180.0, CRVAL2=40.0)),
        "fourth order": (solution(10.0, "TPV", PV1_12=3.0, **PV), coadd()),
        "wcslib": (solution(10.0, "ZEA"), coadd()),
    }.items()
}


def twin(mapping: PixelMap, pixels: Bools) -> Bools:
    y, x = np.nonzero(pixels)
    places = np.array(mapping.positions(x.astype(float), y.astype(float)))
    ix, iy = np.floor(np.nan_to_num(places, nan=-9.0) + 0.5).astype(int)
    inside = (ix >= 0) & (ix < COADD[1]) & (iy >= 0) & (iy < COADD[0])
    out = np.zeros(COADD, np.bool_)
    out[iy[inside], ix[inside]] = True
    return out


def some_pixels(share: float = 0.3) -> Bools:
    return np.random.default_rng(5).random(SHAPE) < share


def marked(mapping: PixelMap, pixels: Bools) -> tuple[Bools, Region]:
    marks = np.zeros((COADD[0] + 2, COADD[1] + 2), np.bool_)
    box = mark_nearest(mapping, pixels, marks)
    return marks, box


def test_the_maps_are_of_every_sort() -> None:
    sorts = {name: (type(each), isinstance(each, RationalMap) and each.cubic) for name, each in MAPS.items()}
    assert sorts["across"] == (RationalMap, True)
    assert sorts["fourth order"] == (RationalMap, False)
    assert sorts["wcslib"] == (WcslibMap, False)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("name", MAPS)
def test_marks_are_those_of_the_plain_twin(name: str, order: Any) -> None:
    pixels = np.asarray(some_pixels(), order=order)
    marks, _ = marked(MAPS[name], pixels)
    np.testing.assert_array_equal(marks[1:-1, 1:-1], twin(MAPS[name], pixels))


@pytest.mark.parametrize("name", ["along", "finer", "fourth order", "wcslib"])
def test_marks_are_of_the_set_pixels_alone(name: str) -> None:
    assert marked(MAPS[name], some_pixels(1.0))[0][1:-1, 1:-1].any()
    assert not marked(MAPS[name], some_pixels(0.0))[0].any()


@pytest.mark.parametrize("name", MAPS)
def test_nothing_is_set_outside_of_the_box(name: str) -> None:
    marks, box = marked(MAPS[name], some_pixels(1.0))
    marks[box.y0 : box.y1, box.x0 : box.x1] = False
    assert not marks.any()


@pytest.mark.parametrize("name", ["along", "across", "wcslib"])
def test_box_of_an_image_on_the_coadd_is_not_the_whole_coadd(name: str) -> None:
    _, box = marked(MAPS[name], some_pixels(0.0))
    assert box.n_pixels < 0.6 * (COADD[0] + 2) * (COADD[1] + 2)


def test_what_was_set_before_stays() -> None:
    marks = np.ones((COADD[0] + 2, COADD[1] + 2), np.bool_)
    mark_nearest(MAPS["along"], some_pixels(0.0), marks)
    assert marks.all()


def test_nearest_pixels_are_one_more_with_ends_for_what_is_outside() -> None:
    ix, iy = nearest_pixels(MAPS["along"], slice(3, 9), SHAPE[1], (200, 30))
    places = MAPS["along"].positions(*(each.astype(float) for each in np.mgrid[3:9, 0 : SHAPE[1]][::-1]))
    for found, place, size in ((ix, places[0], 30), (iy, places[1], 200)):
        assert found.dtype == np.uint32
        np.testing.assert_array_equal(found.astype(int) - 1, np.clip(np.floor(place + 0.5), -1, size))
