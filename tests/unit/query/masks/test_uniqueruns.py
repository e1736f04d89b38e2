"""Runs of a unique region in an image, against astropy at every pixel."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.query.masks.uniqueruns import ColumnSamples
from goodpix.schema.wcs.footprint import UniqueRegion
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs

SHAPE = (300, 90)
PLACES = {"south": (30.0, -40.0), "RA 0": (0.0, 20.0), "north pole": (123.0, 90.0), "near a pole": (310.0, -89.99)}
PV: dict[str, Any] = {"PV1_1": 1.012, "PV1_4": 0.01, "PV1_7": -0.005, "PV2_1": 1.01, "PV2_5": 0.02}
KINDS: dict[str, dict[str, Any]] = {
    "TAN": {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"},
    "TPV": {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", **PV},
    "radial": {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", **PV, "PV1_3": 0.001, "PV2_3": -0.001},
}


def grid_at(ra: float, dec: float, angle: float, scale: float, kind: str = "TAN") -> PixelGrid:
    c, s = scale * math.cos(math.radians(angle)), scale * math.sin(math.radians(angle))
    cards = {**KINDS[kind], "CRVAL1": ra, "CRVAL2": dec, "CRPIX1": 41.3, "CRPIX2": 160.2}
    return PixelGrid(Wcs.from_header(cards | {"CD1_1": -c, "CD1_2": s, "CD2_1": s, "CD2_2": c}, "test"), SHAPE, 1.0)


def by_astropy(grid: PixelGrid, region: UniqueRegion) -> npt.NDArray[np.bool_]:
    """Return which pixels lie in a region; shape (nx, ny)."""
    x, y = np.meshgrid(np.arange(SHAPE[1]) + 1.0, np.arange(SHAPE[0]) + 1.0, indexing="ij")
    ra, dec = WCS(fits.Header(list(grid.wcs.keywords.items()))).all_pix2world(x.ravel(), y.ravel(), 1)
    width = (region.east - region.west) % 360
    inside = ((ra - region.west) % 360 < width) & (dec >= region.south) & (dec < region.north)
    return np.asarray(inside).reshape(x.shape)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
def test_runs_are_those_of_astropy_at_every_pixel(place: tuple[float, float], kind: str) -> None:
    rng = np.random.default_rng(1)
    crossed = 0
    for angle in (0.0, 2.0, 91.0, 200.0):
        grid = grid_at(*place, angle, 0.263 / 3600, kind)
        samples = ColumnSamples.of(grid)
        ra, dec = grid.sky(rng.uniform(0, SHAPE[1], 6), rng.uniform(0, SHAPE[0], 6))
        for k in range(6):
            # a corner of the region lies in the image, the next one now and then
            east, south = ra[k] + [0.004, 90.0][k % 2], dec[k] - [0.002, 1.0][k // 3]
            region = UniqueRegion(ra[k], east, max(south, -90.0), dec[k])
            runs = samples.runs(region)
            found = np.repeat(runs.inside.astype(bool), runs.lengths).reshape(SHAPE[::-1])
            np.testing.assert_array_equal(found, by_astropy(grid, region))
            crossed += len(runs.lengths) > 1
    assert crossed > 6


@pytest.mark.parametrize("inside", [True, False])
def test_region_that_no_edge_crosses_is_one_run(inside: bool) -> None:
    grid = grid_at(30.0, -40.0, 10.0, 0.263 / 3600)
    west = 29.0 if inside else 40.0
    runs = ColumnSamples.of(grid).runs(UniqueRegion(west, west + 2, -41.0, -39.0))
    assert (runs.lengths.tolist(), runs.inside.tolist()) == ([SHAPE[0] * SHAPE[1]], [inside])
