"""Facts about the coadd pixels nearest to those of an epoch."""

from typing import Any

import numpy as np
import numpy.typing as npt

from goodpix.schema.wcs.nearestpixel import nearest_pixels
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


def test_the_maps_are_of_every_sort() -> None:
    sorts = {name: (type(each), isinstance(each, RationalMap) and each.cubic) for name, each in MAPS.items()}
    assert sorts["across"] == (RationalMap, True)
    assert sorts["fourth order"] == (RationalMap, False)
    assert sorts["wcslib"] == (WcslibMap, False)


def test_nearest_pixels_are_one_more_with_ends_for_what_is_outside() -> None:
    ix, iy = nearest_pixels(MAPS["along"], slice(3, 9), SHAPE[1], (200, 30))
    places = MAPS["along"].positions(*(each.astype(float) for each in np.mgrid[3:9, 0 : SHAPE[1]][::-1]))
    for found, place, size in ((ix, places[0], 30), (iy, places[1], 200)):
        assert found.dtype == np.uint32
        np.testing.assert_array_equal(found.astype(int) - 1, np.clip(np.floor(place + 0.5), -1, size))
