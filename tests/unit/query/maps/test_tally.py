"""Sums over the pixels of maps at the poles and at RA = 0, against centres by hpgeom and positions by astropy."""

import json
from typing import Any

import hpgeom
import numpy as np
import pytest

from goodpix.query.maps.patches import Epoch, Patch
from goodpix.query.maps.statistics import check_statistics
from goodpix.query.maps.tally import Sums, Tally
from goodpix.query.masks.mask import Mask
from goodpix.schema.bits import DES_Y6
from goodpix.schema.criteria import BoundSelection
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey
from goodpix.schema.wcs.footprint import footprint
from goodpix.schema.wcs.healpixlookup import CENTRES_NSIDE
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs

from ....rows import flags_image

SHAPE = (60, 50)
PLACES = {"north pole": (10.0, 89.9995), "south pole": (200.0, -90.0), "RA = 0": (0.0002, -41.8), "equator": (359.9, 0)}
NAMES = ("n_images", "fracdet", "fraction", "fwhm_mean", "SE:STAR")


def epoch(ra: float, dec: float, turn: float, seed: int, fwhm: float) -> Epoch:
    """Return an epoch of an image about a place."""
    cos, sin = (0.263 / 3600 * float(each) for each in (np.cos(np.radians(turn)), np.sin(np.radians(turn))))
    cards: dict[str, Any] = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec}
    cards |= {"CRPIX1": 20.0, "CRPIX2": 35.0, "CD1_1": -cos, "CD1_2": sin, "CD2_1": sin, "CD2_2": cos}
    wcs = Wcs.from_header(cards, "test")
    centre = footprint(PixelGrid(wcs, SHAPE))
    row: dict[str, Any] = {
        "wcs": json.dumps(dict(wcs.keywords)),
        "position_offset": 1.0,
        "fwhm": fwhm,
        "ra_cent": centre.ra_cent,
    }
    row |= {"dec_cent": centre.dec_cent, "dataseca": None, "datasecb": None}
    return Epoch(Mask(MaskKey("T", "r", "epoch", seed, 1), encode(flags_image(seed, SHAPE)), row=row), None)


def plain(epochs: list[Epoch], nside: int) -> dict[str, dict[int, float]]:
    """Return the maps of images by pixel."""
    per_pixel = (CENTRES_NSIDE // nside) ** 2
    held: list[tuple[int, int, int, float]] = []
    for number, each in enumerate(epochs):
        row: Any = each.mask.row
        hpix = hpgeom.query_circle(CENTRES_NSIDE, row["ra_cent"], row["dec_cent"], 15 / 3600, nest=True)
        px, py, pz = hpgeom.pixel_to_vector(CENTRES_NSIDE, hpix, nest=True)
        x, y = each.mask.grid.wcs.wcslib().all_world2pix(np.degrees(np.arctan2(py, px)), np.degrees(np.arcsin(pz)), 0)
        ix, iy = np.floor(np.array([x, y]) + 0.5).astype(int)
        inside = (ix >= 0) & (iy >= 0) & (ix < SHAPE[1]) & (iy < SHAPE[0])
        flags = each.mask.flags()[iy[inside], ix[inside]]
        held += [(number, c, f, row["fwhm"]) for c, f in zip(hpix[inside].tolist(), flags.tolist(), strict=True)]
    out: dict[str, dict[int, float]] = {name: {} for name in NAMES}
    for pixel in {centre // per_pixel for _, centre, _, _ in held}:
        here = [each for each in held if each[1] // per_pixel == pixel]
        good = [each for each in here if each[2] & 0xFF == 0]
        out["n_images"][pixel] = len({number for number, *_ in good})
        out["fracdet"][pixel] = len({centre for _, centre, *_ in good}) / per_pixel
        out["fraction"][pixel] = len(good) / len(here)
        out["fwhm_mean"][pixel] = sum(each[3] for each in good) / len(good) if good else np.nan
        out["SE:STAR"][pixel] = sum(each[2] >> 13 & 1 for each in here) / len(here)
    return out


@pytest.mark.parametrize("nside", [1 << 11, 1 << 15, 1 << 18])
@pytest.mark.parametrize("place", PLACES)
def test_sums_are_those_of_the_centres(place: str, nside: int) -> None:
    ra, dec = PLACES[place]
    epochs = [epoch(ra, dec, 20.0, 1, 3.0), epoch(ra, dec, 65.0, 2, 5.0)]
    cells = {hpix for each in epochs for hpix in footprint(each.mask.grid).hpix}
    patches = [
        Patch(64, pixel, tuple(sorted(c for c in cells if c >> 4 == pixel))) for pixel in {c >> 4 for c in cells}
    ]
    statistics = check_statistics(NAMES, DES_Y6)
    tally = Tally(nside, CENTRES_NSIDE, BoundSelection.of(None), statistics)
    found: list[Sums] = [tally(patch, iter([[each] for each in epochs])) for patch in patches]
    expected = plain(epochs, nside)
    for statistic in statistics:
        maps = [zip(sums.pixels.tolist(), sums.values(statistic).tolist(), strict=True) for sums in found]
        assert dict(pair for each in maps for pair in each) == pytest.approx(expected[statistic.name], nan_ok=True)
    assert sum(sums.left_out["images"] for sums in found) == 2
