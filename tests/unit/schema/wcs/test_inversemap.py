"""Facts about the mapping from the pixels of a coadd to those of an epoch."""

import importlib.resources
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.wcs.inversemap import PolynomialInverse, add_covered, inverse_map
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.pixelmap import PixelMap, WcslibMap, pixel_map
from goodpix.schema.wcs.solution import Wcs

Bools = npt.NDArray[np.bool_]

HEADERS: list[dict[str, Any]] = [
    entry["wcs"]
    for entry in json.loads(
        importlib.resources.files("goodpix.ingest.synthetic").joinpath("decam_headers.json").read_text()
    )
]
CCD = (4096, 2048)
PIXEL = 0.263 / 3600
SHAPE = (120, 90)
COADD = (200, 180)
PV: dict[str, Any] = {"PV1_0": 1e-3, "PV1_1": 1.01, "PV1_7": 0.02, "PV2_1": 0.99, "PV2_4": -0.03}
SIP: dict[str, Any] = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_0_2": 1.5e-6}


def solution(angle: float = 0.0, projection: str = "TAN", shape: tuple[int, int] = SHAPE, **more: Any) -> Wcs:
    cos, sin = PIXEL * np.cos(np.radians(angle)), PIXEL * np.sin(np.radians(angle))
    cards = {
        "CTYPE1": f"RA---{projection}",
        "CTYPE2": f"DEC--{projection}",
        "CRVAL1": 0.001,
        "CRVAL2": -40.0,
        "CRPIX1": shape[1] / 2 + 0.31,
        "CRPIX2": shape[0] / 2 + 0.17,
        "CD1_1": -cos,
        "CD1_2": sin,
        "CD2_1": sin,
        "CD2_2": cos,
    }
    return Wcs.from_header(cards | more, "image.fits")


def coadd(**more: Any) -> Wcs:
    return solution(shape=COADD, **more)


SMOOTH = {
    "TAN": (solution(33.0), coadd()),
    "TPV along": (solution(1.0, "TPV", **PV), coadd()),
    "TPV across": (solution(91.0, "TPV", **PV), coadd()),
    "finer": (solution(33.0), coadd(CD1_1=-2.3 * PIXEL, CD2_2=2.3 * PIXEL)),
    "coarser": (solution(33.0), coadd(CD1_1=-0.4 * PIXEL, CD2_2=0.4 * PIXEL)),
    "SIP": (solution(20.0, "TAN-SIP", **SIP), coadd()),
    "ZEA": (solution(20.0), coadd(projection="ZEA")),
    "off a corner": (solution(20.0), coadd(CRVAL1=0.01, CRVAL2=-40.006)),
    "beside": (solution(20.0), coadd(CRVAL1=0.2)),
}

# u + 900 u**2 turns back within the image: two pixels look at one spot
FOLDED = solution(0.0, "TPV", PV1_1=1.0, PV2_1=1.0, PV1_4=900.0)


def inverse(epoch: Wcs, of_coadd: Wcs, offset: float = 1, coadd_offset: float = 1) -> PixelMap:
    return inverse_map(PixelGrid(epoch, SHAPE, offset), PixelGrid(of_coadd, COADD, coadd_offset))


def through_wcslib(epoch: Wcs, of_coadd: Wcs) -> WcslibMap:
    return WcslibMap(PixelGrid(of_coadd, COADD), PixelGrid(epoch, SHAPE))


def twin(epoch: Wcs, of_coadd: Wcs, pixels: Bools, offset: float = 1, coadd_offset: float = 1) -> Bools:
    """Return what wcslib says is covered."""
    y, x = np.mgrid[0 : COADD[0], 0 : COADD[1]].astype(float)
    vectors = of_coadd.vectors(x.ravel() + coadd_offset, y.ravel() + coadd_offset)
    places = epoch.wcslib_pixels(vectors).reshape(2, *COADD) - offset
    ix, iy = np.floor(np.nan_to_num(places, nan=-9.0) + 0.5).astype(int)
    inside = (ix >= 0) & (ix < SHAPE[1]) & (iy >= 0) & (iy < SHAPE[0])
    out = np.zeros(COADD, np.bool_)
    out[inside] = pixels[iy[inside], ix[inside]]
    return out


def covered(found: PixelMap, pixels: Bools) -> Bools:
    out = np.zeros(COADD, np.int16)
    add_covered(found, pixels, out)
    assert set(np.unique(out)) <= {0, 1}
    return out > 0


def some_pixels(share: float = 0.5) -> Bools:
    return np.random.default_rng(5).random(SHAPE) < share


@pytest.mark.parametrize("number", range(len(HEADERS)))
def test_inverse_of_a_decam_solution_brings_every_pixel_back(number: int) -> None:
    epoch = Wcs.from_header(HEADERS[number], "epoch")
    ra, dec = (float(each[0]) for each in epoch.sky(np.array([1024.5]), np.array([2048.5])))
    cards: dict[str, Any] = {"CRVAL1": (ra + 0.3 / math.cos(math.radians(dec))) % 360, "CRVAL2": dec - 0.3}
    tile = solution(shape=(10000, 10000), **cards)
    grids = PixelGrid(epoch, CCD), PixelGrid(tile, (10000, 10000))
    found = inverse_map(*grids)
    assert isinstance(found, PolynomialInverse)
    x, y = np.meshgrid(np.linspace(-0.5, CCD[1] - 0.5, 43), np.linspace(-0.5, CCD[0] - 0.5, 71))
    back = found.positions(*pixel_map(*grids).positions(x, y))
    np.testing.assert_allclose(back, [x, y], rtol=0, atol=1e-7)


@pytest.mark.parametrize(("offset", "coadd_offset"), [(1, 1), (0, 1), (1, 0.5)])
@pytest.mark.parametrize("name", SMOOTH)
def test_covered_pixels_are_those_of_wcslib(name: str, offset: float, coadd_offset: float) -> None:
    found = inverse(*SMOOTH[name], offset, coadd_offset)
    assert isinstance(found, PolynomialInverse)
    pixels = some_pixels()
    np.testing.assert_array_equal(covered(found, pixels), twin(*SMOOTH[name], pixels, offset, coadd_offset))


@pytest.mark.parametrize("name", SMOOTH)
def test_the_slow_way_covers_the_same(name: str) -> None:
    pixels = some_pixels()
    slow = through_wcslib(*SMOOTH[name])
    np.testing.assert_array_equal(covered(slow, pixels), covered(inverse(*SMOOTH[name]), pixels))


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_order_does_not_matter(order: Any) -> None:
    pixels = np.asarray(some_pixels(), order=order)
    np.testing.assert_array_equal(covered(inverse(*SMOOTH["TAN"]), pixels), twin(*SMOOTH["TAN"], pixels))


def test_an_image_covers_itself() -> None:
    pixels = some_pixels()
    out = np.zeros(SHAPE, np.int16)
    add_covered(inverse(solution(33.0), solution(33.0)), pixels, out)
    np.testing.assert_array_equal(out, pixels)


def test_a_finer_coadd_is_covered_without_holes() -> None:
    found = covered(inverse(*SMOOTH["coarser"]), some_pixels(1.0))
    assert found[60:140, 60:120].all()


@pytest.mark.parametrize("way", [inverse, through_wcslib])
def test_counts_add_up(way: Callable[[Wcs, Wcs], PixelMap]) -> None:
    found, out = way(*SMOOTH["TAN"]), np.full(COADD, 3, np.int16)
    for _ in range(2):
        add_covered(found, some_pixels(), out)
    np.testing.assert_array_equal(out, 3 + 2 * twin(*SMOOTH["TAN"], some_pixels()))


def test_a_fold_goes_through_wcslib() -> None:
    assert isinstance(inverse(FOLDED, coadd()), WcslibMap)


def test_the_other_side_of_the_sky_covers_nothing() -> None:
    found = inverse(solution(), coadd(CRVAL1=180.0, CRVAL2=40.0))
    assert isinstance(found, WcslibMap)
    assert not covered(found, some_pixels(1.0)).any()


def test_positions_keep_their_shape() -> None:
    x = np.zeros((3, 5))
    for found in (inverse(*SMOOTH["TAN"]), through_wcslib(*SMOOTH["TAN"])):
        assert [each.shape for each in found.positions(x, x)] == [(3, 5), (3, 5)]
