"""Pixel mappings of DECam headers, compared with esutil and wcslib."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.ingest.direct import Side, direct_positions
from goodpix.schema.criteria import Criterion
from goodpix.schema.wcs.pixelmap import RationalMap
from goodpix.schema.wcs.solution import Wcs

from .directmapping import (
    CCD,
    CENTRE,
    DIRECT,
    HEADERS,
    PIXEL,
    TIE,
    TILE_HERE,
    TPV,
    Cards,
    NumberedTile,
    by_esutil,
    by_wcslib,
    dithered,
    either_way,
    good_epoch,
    kernel_row,
    mapping,
    middle,
    near_a_boundary,
    nearest,
    sample,
    tan,
)

every_header = pytest.mark.parametrize("number", range(len(HEADERS)))


def test_there_are_23_real_headers() -> None:
    assert len(HEADERS) == 23


@every_header
@either_way
def test_positions_are_those_of_the_direct_way(number: int, way: str) -> None:
    epoch, coadd = HEADERS[number], dithered(number)
    x, y = sample(33, 17)
    found = mapping(epoch, coadd).positions(x, y)
    np.testing.assert_allclose(found, DIRECT[way](epoch, coadd, x, y), rtol=0, atol=TIE)


@every_header
@either_way
def test_nearest_pixels_are_those_of_the_direct_way(number: int, way: str) -> None:
    epoch, coadd = HEADERS[number], dithered(number)
    found = mapping(epoch, coadd)
    rows = np.arange(number, CCD[0], 128)
    x, y = np.meshgrid(np.arange(CCD[1], dtype=float), rows.astype(float))
    positions = DIRECT[way](epoch, coadd, x.ravel(), y.ravel())
    got = np.concatenate([kernel_row(found, int(row)) for row in rows], axis=1)
    tied = near_a_boundary(positions)
    # of 65,536 positions 0.003 are expected there
    assert tied.sum() <= 2
    np.testing.assert_array_equal(got[:, ~tied], nearest(positions)[:, ~tied])


def compare_rows(number: int, way: str, rows: Iterable[tuple[int, int]]) -> tuple[int, int, int]:
    """Hold rows of a CCD against the direct way; return how many pixels there are, near a boundary, off the tile."""
    # the tile is narrower than the CCD is long, so that part of the CCD is off it
    shape = (5000, 3000)
    ra, dec = middle(HEADERS[number])
    epoch, coadd = HEADERS[number], tan(ra + 0.01, dec - 0.03, shape)
    tile = NumberedTile.make(shape)
    got = good_epoch(mapping(epoch, coadd), tile)
    n_pixels = n_tied = n_off = 0
    for y0, y1 in rows:
        y, x = np.mgrid[y0:y1, 0 : CCD[1]].astype(np.float64)
        positions = DIRECT[way](epoch, coadd, x.ravel(), y.ravel())
        expected = tile.at(nearest(positions, shape))
        tied = near_a_boundary(positions)
        differs = got[y0:y1].ravel() != expected
        assert not (differs & ~tied).any()
        n_tied += int(tied.sum())
        n_off += int((expected == int(Criterion.OFF_COADD)).sum())
        n_pixels += expected.size
    return n_pixels, n_tied, n_off


@pytest.mark.slow
def test_every_pixel_of_a_ccd_is_that_of_the_direct_way() -> None:
    n_pixels, n_tied, n_off = compare_rows(15, "wcslib", [(y0, y0 + 512) for y0 in range(0, CCD[0], 512)])
    assert n_pixels == CCD[0] * CCD[1]
    # 0.3 are expected
    assert n_tied <= 5
    assert 0 < n_off < n_pixels / 2


@either_way
@pytest.mark.parametrize("number", [3, 15])
def test_pixels_of_strips_all_over_a_ccd_are_those_of_the_direct_way(number: int, way: str) -> None:
    # the first rows and the last, and a twentieth of those between
    n_pixels, n_tied, n_off = compare_rows(
        number, way, [(y0, y0 + 10) for y0 in (0, *range(201, CCD[0] - 10, 203), CCD[0] - 10)]
    )
    # 0.02 are expected
    assert n_tied <= 2
    assert 0 < n_off < n_pixels / 2


@every_header
@pytest.mark.parametrize("axis", [0, 1], ids="xy")
def test_a_ten_millionth_of_a_pixel_decides(number: int, axis: int) -> None:
    epoch, tile = HEADERS[number], dithered(number)
    rng = np.random.default_rng([number, axis])
    for row, column in zip(rng.integers(0, CCD[0], 2), rng.integers(0, CCD[1], 2), strict=True):
        where = np.array([float(column)]), np.array([float(row)])
        position = float(by_wcslib(epoch, tile, *where)[axis, 0])
        below = math.floor(position)
        for side in (-1, 1):
            key = f"CRPIX{axis + 1}"
            moved = tile | {key: float(tile[key]) + below + 0.5 - position + side * 1e-7}
            # the direct ways agree that the pixel is where it was put
            for way in DIRECT.values():
                put = float(way(epoch, moved, *where)[axis, 0]) - below - 0.5
                assert put == pytest.approx(side * 1e-7, abs=TIE)
            wide = (10**6, 10**6)
            shifted = moved | {"CRPIX1": float(moved["CRPIX1"]) + 5e5, "CRPIX2": float(moved["CRPIX2"]) + 5e5}
            got = kernel_row(mapping(epoch, shifted), int(row), wide)[axis, column] - 500_000
            assert got == below + (side > 0)


@pytest.mark.parametrize("slow", [{}, {"PV1_39": 1e-4}], ids=["fast", "slow"])
@pytest.mark.parametrize(
    ("ra", "dec"),
    [(0.0, 90.0), (104.7, 90.0), (30.0, 89.9), (0.0, -90.0), (200.0, -90.0), (30.0, -89.9)],
)
@pytest.mark.parametrize("coadd_dec", [90.0, 89.95])
def test_the_pole_is_a_place_like_any_other(ra: float, dec: float, coadd_dec: float, slow: dict[str, Any]) -> None:
    epoch = TPV | {"CRPIX1": 1000.0, "CRPIX2": 2000.0, "CRVAL1": ra, "CRVAL2": dec} | slow
    coadd = tan(12.0, math.copysign(coadd_dec, dec))
    x, y = sample(17, 9)
    found = mapping(epoch, coadd).positions(x, y)
    np.testing.assert_allclose(found, by_wcslib(epoch, coadd, x, y), rtol=0, atol=2 * TIE)


@pytest.mark.parametrize("slow", [{}, {"PV1_39": 1e-4}], ids=["fast", "slow"])
@pytest.mark.parametrize(("ra", "coadd_ra"), [(0.0, 359.99), (359.99, 0.01), (-0.01, 360.0), (360.0, 0.0)])
def test_a_ccd_across_ra_0_is_whole(ra: float, coadd_ra: float, slow: dict[str, Any]) -> None:
    epoch = TPV | {"CRPIX1": 1000.0, "CRPIX2": 2000.0, "CRVAL1": ra, "CRVAL2": -20.0} | slow
    coadd = tan(coadd_ra, -20.0)
    x, y = sample(17, 9)
    found = mapping(epoch, coadd).positions(x, y)
    for way in (by_wcslib,) if slow else (by_wcslib, by_esutil):
        np.testing.assert_allclose(found, way(epoch, coadd, x, y), rtol=0, atol=2 * TIE)


@pytest.mark.parametrize("slow", [{}, {"LONPOLE": 170.0}], ids=["fast", "slow"])
@pytest.mark.parametrize("away", [60.0, 89.0, 120.0, 180.0])
def test_an_epoch_from_elsewhere_on_the_sky_is_off_the_coadd(slow: dict[str, Any], away: float) -> None:
    shape = (300, 200)
    tile = NumberedTile.make((400, 300))
    found = mapping(tan(10.0, 0.0, shape), tan(10.0 + away, 0.0, (400, 300), **slow))
    flags = good_epoch(found, tile, shape)
    assert (flags == int(Criterion.OFF_COADD)).all()


@pytest.mark.parametrize("offsets", [(1, 1), (0, 0), (0, 1), (1, 0)])
@pytest.mark.parametrize("slow", [{}, {"PV1_39": 1e-4}], ids=["fast", "slow"])
def test_position_offsets_are_those_of_each_side(offsets: tuple[float, float], slow: dict[str, Any]) -> None:
    epoch = TPV | slow
    x, y = sample()
    found = mapping(epoch, TILE_HERE, offsets).positions(x, y)
    # wcslib counts from 1 in the header's sense: an offset of 0 means the pixel before
    expected = by_wcslib(epoch, TILE_HERE, x + offsets[0] - 1, y + offsets[0] - 1) + 1 - offsets[1]
    np.testing.assert_allclose(found, expected, rtol=0, atol=TIE)


@pytest.mark.parametrize("slow", [{}, {"PV1_39": 1e-12}], ids=["fast", "slow"])
def test_fast_and_slow_flags_are_those_of_the_nearest_pixel_of_a_tile_that_is_not_square(slow: dict[str, Any]) -> None:
    # more rows than the slow way takes at a time
    image, shape = (600, 300), (400, 190)
    coadd = tan(*CENTRE, shape)
    tile = NumberedTile.make(shape)
    epoch = TPV | slow
    epoch |= {"CRPIX1": float(TPV["CRPIX1"]) - 900, "CRPIX2": float(TPV["CRPIX2"]) - 1750}
    flags = good_epoch(mapping(epoch, coadd), tile, image)
    y, x = np.indices(image).astype(np.float64)
    positions = by_wcslib(epoch, coadd, x.ravel(), y.ravel())
    tied = near_a_boundary(positions)
    expected = tile.at(nearest(positions, shape))
    np.testing.assert_array_equal(flags.ravel()[~tied], expected[~tied])
    assert tied.sum() <= 1
    assert 0.2 < (expected == int(Criterion.OFF_COADD)).mean() < 0.8


# (own axis)**p (other axis)**q, degrees: what a camera's optics do, and ten times more
_linear = st.floats(-0.05, 0.05)
_curved = st.floats(-0.2, 0.2)
_declination = st.floats(-90, 90) | st.sampled_from([90.0, -90.0, 0.0, 89.999, -89.999])


@st.composite
def small_solutions(draw: st.DrawFn) -> Cards:
    """Draw the TPV or TAN solution of a CCD anywhere on the sky."""
    angle, flip = draw(st.floats(0, 2 * math.pi)), draw(st.sampled_from([-1, 1]))
    cards = tan(draw(st.floats(0, 360)), draw(_declination), CCD)
    cards["CRPIX1"] = draw(st.floats(-6000, 8000))
    cards["CRPIX2"] = draw(st.floats(-6000, 10000))
    cards["CD1_1"], cards["CD1_2"] = flip * PIXEL * math.cos(angle), PIXEL * math.sin(angle)
    cards["CD2_1"], cards["CD2_2"] = -flip * PIXEL * math.sin(angle), PIXEL * math.cos(angle)
    if draw(st.booleans()):
        cards |= {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"}
        for axis in (1, 2):
            cards[f"PV{axis}_0"], cards[f"PV{axis}_2"] = draw(_linear), draw(_linear)
            cards[f"PV{axis}_1"] = 1 + draw(_linear)
            for m in range(4, 11):
                cards[f"PV{axis}_{m}"] = draw(_curved)
    return cards


@settings(deadline=None, max_examples=30)
@given(small_solutions(), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(0, 2047), st.floats(0, 4095))
def test_any_small_solution_maps_as_wcslib_maps_it(epoch: Cards, east: float, north: float, x: float, y: float) -> None:
    dec = min(90.0, max(-90.0, float(epoch["CRVAL2"]) + north))
    ra = float(epoch["CRVAL1"]) + east / max(0.01, math.cos(math.radians(dec)))
    coadd = tan(ra, dec)
    where = np.array([0.0, 2047.0, 0.0, 2047.0, x]), np.array([0.0, 0.0, 4095.0, 4095.0, y])
    found = mapping(epoch, coadd)
    assert isinstance(found, RationalMap)
    got = found.positions(*where)
    expected = by_wcslib(epoch, coadd, *where)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-7)


@settings(deadline=None, max_examples=40)
@given(small_solutions(), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.sampled_from([0, 1]))
def test_the_check_agrees_on_any_small_solution(epoch: Cards, east: float, north: float, offset: float) -> None:
    dec = min(90.0, max(-90.0, float(epoch["CRVAL2"]) + north))
    coadd = tan(float(epoch["CRVAL1"]) + east / max(0.01, math.cos(math.radians(dec))), dec)
    small = (8, 5)
    sides = (
        Side(np.zeros(small, np.int64), Wcs.from_header(epoch, "epoch"), offset),
        Side(np.zeros(small, np.int64), Wcs.from_header(coadd, "coadd"), 1 - offset),
    )
    y, x = np.indices(small).astype(np.float64)
    found = mapping(epoch, coadd, (offset, 1 - offset)).positions(x, y)
    np.testing.assert_allclose(direct_positions(*sides), found, rtol=0, atol=1e-7)
