"""Lookup of HEALPix centres in image pixels, against hpgeom and astropy."""

from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.schema.wcs.footprint import UniqueRegion
from goodpix.schema.wcs.healpixlookup import (
    BLOCK_NSIDE,
    CENTRES_NSIDE,
    GOOD,
    OUTSIDE,
    SEEN,
    CentreLookup,
    block_nside,
    morton,
)
from goodpix.schema.wcs.inversemap import PolynomialInverse
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs

SHAPE = (90, 70)
PIXEL = 0.263 / 3600
FINE = 1 << 19
"""HEALPix resolution of most tests: pixels of 0.4 arcsec."""

PLACES = {
    "equator": (150.0, 0.01),
    "RA = 0": (0.0003, -40.0),
    "north pole": (20.0, 89.999),
    "south pole": (0.0, -90.0),
    "between the equatorial and polar faces": (45.0, 41.8103),
    "corner of eight faces": (90.0, 41.8103),
}
SIP: dict[str, Any] = {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 3e-6}
FOLDED: dict[str, Any] = {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.0, "PV2_1": 1.0, "PV1_4": 900.0}


def cards(ra: float, dec: float, **more: Any) -> dict[str, Any]:
    linear = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec, "CRPIX1": 31.3, "CRPIX2": 48.9}
    angle = np.radians(20.0)
    cos, sin = float(PIXEL * np.cos(angle)), float(PIXEL * np.sin(angle))
    return linear | {"CD1_1": -cos, "CD1_2": sin, "CD2_1": sin, "CD2_2": cos} | more


def good_pixels() -> npt.NDArray[np.bool_]:
    return np.random.default_rng(3).random(SHAPE) < 0.6


def looked_up(lookup: CentreLookup, region: UniqueRegion | None = None) -> dict[int, int]:
    """Return the state of each centre that is not 0, by nested HEALPix pixel; both ways to look it up agree."""
    out: dict[int, int] = {}
    side, good = lookup.side, np.ascontiguousarray(good_pixels().T)
    x, y = morton(np.arange(side * side, dtype=np.int64))
    for block in lookup.blocks():
        states, pixels = np.zeros((side, side), np.uint8), np.empty((side, side), np.int32)
        lookup.mark(block, good, region, states)
        lookup.locate(block, region, pixels)
        inside = pixels != OUTSIDE
        assert np.array_equal(states, np.where(inside, np.where(good.ravel()[pixels], GOOD, SEEN), 0))
        nested = states[y, x]
        out |= {block * side * side + k: int(nested[k]) for k in np.flatnonzero(nested).tolist()}
    return out


def plain(header: dict[str, Any], offset: float, inside: Any = None, nside: int = FINE) -> dict[int, int]:
    """Return the states of all centres within 30 arcsec by hpgeom and astropy."""
    wcs = WCS(fits.Header(list(header.items())))
    hpix = hpgeom.query_circle(nside, header["CRVAL1"], header["CRVAL2"], 30 / 3600, nest=True)
    ra, dec = hpgeom.pixel_to_angle(nside, hpix, nest=True)
    x, y = np.floor(np.array(wcs.all_world2pix(ra, dec, 1, quiet=True)) - offset + 0.5).astype(int)
    held = (x >= 0) & (y >= 0) & (x < SHAPE[1]) & (y < SHAPE[0])
    if inside is not None:
        held &= inside(ra, dec)
    states = np.where(good_pixels()[y[held], x[held]], GOOD, SEEN)
    return dict(zip(hpix[held].tolist(), states.tolist(), strict=True))


@pytest.mark.parametrize("offset", [1.0, 0.0])
@pytest.mark.parametrize("place", PLACES)
def test_centres_have_the_state_of_the_pixel_that_holds_them(place: str, offset: float) -> None:
    header = cards(*PLACES[place])
    expected = plain(header, offset)
    assert len(expected) > 2500
    assert looked_up(CentreLookup.of(PixelGrid(Wcs.from_header(header, "x"), SHAPE, offset), FINE)) == expected


@pytest.mark.parametrize("nside", [1 << 10, 1 << 12, 1 << 17, CENTRES_NSIDE, 1 << 21])
@pytest.mark.parametrize("place", PLACES)
def test_centres_of_any_resolution_have_their_states(place: str, nside: int) -> None:
    header = cards(*PLACES[place], CRPIX1=30.0, CRPIX2=50.0)
    lookup = CentreLookup.of(PixelGrid(Wcs.from_header(header, "x"), SHAPE, 1.0), nside)
    assert looked_up(lookup) == plain(header, 1.0, nside=nside)
    assert lookup.side * block_nside(nside) == nside


@pytest.mark.parametrize("nside", [1, 4, 64, 256, 1024])
def test_centre_of_a_pixel_larger_than_the_image_is_found(nside: int) -> None:
    pixel = 7 * nside * nside + nside * nside // 3
    ra, dec = hpgeom.pixel_to_angle(nside, pixel, nest=True)
    header = cards(float(ra), float(dec), CRPIX1=30.0, CRPIX2=50.0)
    found = looked_up(CentreLookup.of(PixelGrid(Wcs.from_header(header, "x"), SHAPE, 1.0), nside))
    assert found == {pixel: GOOD if good_pixels()[49, 29] else SEEN}


def test_distorted_image_has_the_states_of_astropy() -> None:
    header = cards(30.0, -50.0, **SIP)
    assert looked_up(CentreLookup.of(PixelGrid(Wcs.from_header(header, "x"), SHAPE, 1.0), FINE)) == plain(header, 1.0)


def test_wcslib_finds_what_the_polynomials_find() -> None:
    header = cards(30.0, -50.0)
    lookup = CentreLookup.of(PixelGrid(Wcs.from_header(header, "x"), SHAPE, 1.0), FINE)
    assert isinstance(lookup.inverse, PolynomialInverse)
    region = UniqueRegion(30.0, 31.0, -51.0, -49.0)
    slow = CentreLookup(lookup.grid, lookup.plane, lookup.inverse.__class__, FINE)  # type: ignore[arg-type]
    assert looked_up(slow) == looked_up(lookup)
    assert looked_up(slow, region) == looked_up(lookup, region)


def test_region_limits_centres() -> None:
    header = cards(0.0003, -40.0)
    lookup = CentreLookup.of(PixelGrid(Wcs.from_header(header, "x"), SHAPE, 1.0), FINE)
    found = looked_up(lookup, UniqueRegion(0.0, 1.0, -40.001, -39.0))
    assert found == plain(header, 1.0, lambda ra, dec: (ra < 1) & (dec >= -40.001))
    assert 0 < len(found) < len(looked_up(lookup))


def test_good_stays_good() -> None:
    lookup = CentreLookup.of(PixelGrid(Wcs.from_header(cards(10.0, 10.0), "x"), SHAPE, 1.0), FINE)
    bad = np.zeros(SHAPE[::-1], np.bool_)
    for block in lookup.blocks():
        states = np.full((lookup.side, lookup.side), GOOD, np.uint8)
        lookup.mark(block, bad, None, states)
        assert (states == GOOD).all()


def test_morton_indices_are_those_of_nested_pixels() -> None:
    pixels = np.array([0, 1, 2, 3, 0b110110, BLOCK_NSIDE**2 - 1])
    x, y = morton(pixels)
    assert x.tolist() == [0, 1, 0, 1, 0b110, BLOCK_NSIDE - 1]
    assert y.tolist() == [0, 0, 1, 1, 0b101, BLOCK_NSIDE - 1]
