"""Facts about footprints."""

import itertools
from collections.abc import Mapping
from typing import Any

import hpgeom
import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.wcs.footprint import NSIDE, Footprint, UniqueRegion, footprint, gather_cells, split_cells
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs, unit_vectors

SCALE = 0.263 / 3600
SHAPE = (400, 200)

# DECam's terms that bend most, for a footprint whose edges are not straight
PV = {
    "PV1_0": -0.0013,
    "PV1_1": 1.0123,
    "PV1_4": 0.0096,
    "PV1_7": -0.0046,
    "PV2_0": 0.0011,
    "PV2_1": 1.013,
    "PV2_4": 0.01,
}


def wcs(
    ra: float, dec: float, *, angle: float = 0.0, scale: float = SCALE, shape: tuple[int, int] = SHAPE, **more: Any
) -> Wcs:
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    header = {
        "CTYPE1": "RA---TPV" if more else "RA---TAN",
        "CTYPE2": "DEC--TPV" if more else "DEC--TAN",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": (shape[1] + 1) / 2,
        "CRPIX2": (shape[0] + 1) / 2,
        "CD1_1": -cos,
        "CD1_2": sin,
        "CD2_1": sin,
        "CD2_2": cos,
    }
    return Wcs.from_header(header | more, "test")


def place(wcs: Wcs, shape: tuple[int, int] = SHAPE, offset: float = 1) -> Footprint:
    return footprint(PixelGrid(wcs, shape, offset))


def test_pixel_area_is_that_of_the_scale() -> None:
    assert place(wcs(20, -33)).pixel_area == pytest.approx(0.263**2, rel=1e-9)


def test_pixel_area_follows_the_distortion() -> None:
    image = wcs(20, -33, PV1_1=1.01, PV2_1=1.02)
    assert place(image).pixel_area == pytest.approx(0.263**2 * 1.01 * 1.02, rel=1e-6)


def test_centre_of_an_image_about_its_tangent_point_is_that_point() -> None:
    found = place(wcs(20, -33))
    assert (found.ra_cent, found.dec_cent) == pytest.approx((20, -33), abs=1e-12)


def test_corners_are_the_outer_corners_of_corner_pixels() -> None:
    found = place(wcs(50, 0))
    # on the equator the tangent plane gives tan(ra - ra0) = xi and tan(dec) = eta cos(ra - ra0)
    xi = np.radians(SCALE * SHAPE[1] / 2) * np.array([1, -1, -1, 1])
    eta = np.radians(SCALE * SHAPE[0] / 2) * np.array([-1, -1, 1, 1])
    assert found.ra == pytest.approx(50 + np.degrees(np.arctan(xi)), abs=1e-12)
    assert found.dec == pytest.approx(np.degrees(np.arctan(eta * np.cos(np.arctan(xi)))), abs=1e-12)


def test_corner_west_of_ra_zero_is_below_360() -> None:
    assert [ra > 180 for ra in place(wcs(0, 0)).ra] == [False, True, True, False]


def test_offset_shifts_the_footprint() -> None:
    image = wcs(20, 0)
    by_offset = place(image, offset=3).ra_cent - place(image, offset=1).ra_cent
    assert by_offset == pytest.approx(-2 * SCALE, rel=1e-6)


# edges bent by some 200 pixels, to either side
BENT = {"PV1_1": 1.0, "PV1_6": 0.64, "PV2_1": 1.0, "PV2_6": 0.8}
BENT_IN = BENT | {"PV1_6": -0.64, "PV2_6": -0.8}

PLACES = [
    (20.3, -33.2),
    (0.0, 0.0),
    (0.001, -45.0),
    (359.9999, 60.0),
    (180.0, 89.5),
    (77.0, 90.0),
    (12.0, -90.0),
    (200.0, -89.9),
]


@pytest.mark.parametrize("distortion", [{}, PV, BENT, BENT_IN], ids=["TAN", "TPV", "bent", "bent inwards"])
@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_hpix_covers_every_pixel_of_the_image(ra: float, dec: float, distortion: dict[str, float]) -> None:
    shape = (4096, 2048)
    image = wcs(ra, dec, angle=33, shape=shape, **distortion)
    y, x = np.mgrid[0 : shape[0] : 32, 0 : shape[1] : 31].astype(np.float64)
    edge = np.array([[0, 0], [shape[1] - 1, 0], [0, shape[0] - 1], [shape[1] - 1, shape[0] - 1]], np.float64).T
    sky = image.sky(np.append(x, edge[0]) + 1, np.append(y, edge[1]) + 1)
    found = place(image, shape).hpix
    assert set(hpgeom.angle_to_pixel(NSIDE, *sky).tolist()) <= set(found)
    assert set(hpgeom.angle_to_pixel(NSIDE * 8, *sky).tolist()) <= set(cells_of(found))


def cells_of(hpix: Mapping[int, int]) -> list[int]:
    """Return the HEALPix pixels of 8 times the nside that the bits stand for."""
    return [64 * pixel + k for pixel, bits in hpix.items() for k in range(64) if bits >> k & 1]


@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_hpix_has_no_pixel_far_away(ra: float, dec: float) -> None:
    found = place(wcs(ra, dec)).hpix
    for nside, pixels, furthest in ((NSIDE, list(found), 0.6), (NSIDE * 8, cells_of(found), 0.05)):
        cosines = unit_vectors(ra, dec) @ unit_vectors(*hpgeom.pixel_to_angle(nside, np.array(pixels)))
        separation = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
        assert separation.max() < furthest


def test_cells_are_gathered_by_the_pixel_that_holds_them() -> None:
    cells = np.array([64 * 9 + 63, 64 * 2 + 1, 64 * 9, 64 * 2 + 1, 64 * 2 + 5])
    hpix, bits = gather_cells(cells)
    assert hpix.tolist() == [2, 9]
    assert bits.tolist() == [(1 << 1) | (1 << 5), 1 - (1 << 63)]
    assert [each.tolist() for each in split_cells(cells[:2])] == [[9, 2], [-(1 << 63), 2]]
    assert [each.size for each in gather_cells(cells[:0])] == [0, 0]


def test_hpix_is_sorted_and_has_no_pixel_twice() -> None:
    hpix = place(wcs(20, -33, shape=(4096, 2048)), (4096, 2048)).hpix
    assert list(hpix) == sorted(set(hpix))


REGIONS = {
    "south": UniqueRegion(20.5, 21.3, -33.9, -33.2),
    "equator": UniqueRegion(149.6, 150.4, -0.35, 0.35),
    "over RA 0": UniqueRegion(359.6, 0.4, -10.4, -9.7),
    "ends at RA 0": UniqueRegion(359.5, 0.0, 5.0, 5.7),
    "starts at RA 0": UniqueRegion(0.0, 0.5, 5.0, 5.7),
    "wide": UniqueRegion(10.0, 170.0, -60.0, 60.0),
    "near the pole": UniqueRegion(300.0, 60.0, -89.9, -89.0),
}


def inside(region: UniqueRegion, ra: npt.NDArray[np.float64], dec: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """The plain way."""
    width = (region.east - region.west) % 360
    return ((ra - region.west) % 360 < width) & (dec >= region.south) & (dec < region.north)


@pytest.mark.parametrize("name", list(REGIONS))
def test_region_contains_what_lies_between_its_limits(name: str) -> None:
    region, rng = REGIONS[name], np.random.default_rng(7)
    ra = (region.west + rng.uniform(-1, 2, 3000) * ((region.east - region.west) % 360)) % 360
    dec = np.clip(region.south + rng.uniform(-1, 2, 3000) * (region.north - region.south), -90, 90)
    expected = inside(region, ra, dec)
    assert 0 < expected.sum() < 3000
    assert np.array_equal(region.contains(unit_vectors(ra, dec)), expected)


def test_directions_on_the_other_side_are_outside() -> None:
    region = REGIONS["south"]
    assert not region.contains(unit_vectors([200.9, 20.9, 200.9], [-33.5, 33.5, 33.5])).any()


def test_length_of_a_vector_does_not_matter() -> None:
    region, vectors = REGIONS["south"], unit_vectors([20.9, 22.0], [-33.5, -33.5])
    assert region.contains(vectors * np.array([1e-3, 40.0])).tolist() == [True, False]


def test_regions_side_by_side_part_the_sky() -> None:
    rng = np.random.default_rng(3)
    vectors = unit_vectors(rng.uniform(358, 362, 2000) % 360, rng.uniform(-1, 1, 2000))
    limits = [358.0, 359.25, 0.0, 0.75, 2.0]
    hits = sum(
        UniqueRegion(west, east, -1, 1).contains(vectors).astype(int) for west, east in itertools.pairwise(limits)
    )
    assert np.array_equal(hits, np.ones(2000))


@pytest.mark.parametrize("distortion", [{}, PV, BENT, BENT_IN], ids=["TAN", "TPV", "bent", "bent inwards"])
@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize(("ra", "dec"), [(20.5, -33.9), (0.0, -9.9), (359.99, 5.3)])
def test_rows_contain_the_same_as_their_directions(
    ra: float, dec: float, offset: float, distortion: dict[str, float]
) -> None:
    shape = (60, 50)
    image = wcs(ra, dec, angle=20, scale=0.01, shape=shape, **distortion)
    region = UniqueRegion(ra - 0.1 if ra > 0 else 359.9, (ra + 0.12) % 360, dec - 0.07, dec + 0.11)
    rows = slice(7, 53)
    y, x = np.mgrid[rows, 0 : shape[1]].astype(np.float64)
    sky = image.sky(x.ravel() + offset, y.ravel() + offset)
    expected = inside(region, *sky).reshape(x.shape)
    assert 0 < expected.sum() < expected.size
    assert np.array_equal(region.contains_rows(PixelGrid(image, shape, offset), rows), expected)
