"""The layout of DECam's CCDs agrees with real headers, and with the names of their places."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.ingest.synthetic.decam import DecamSolution, decam_solutions
from goodpix.ingest.synthetic.exposure import amplifiers
from goodpix.query.focalplane import FOCAL_PLANE, HALVES, MM_PER_PIXEL, Ccd

SOLUTIONS = decam_solutions()


def test_there_are_62_ccds_in_places_of_their_own() -> None:
    assert list(FOCAL_PLANE) == list(range(1, 63))
    names = {f"{side}{number}" for side in "SN" for number in range(1, 32)}
    assert {each.detpos for each in FOCAL_PLANE.values()} == names
    assert len({(round(each.x), round(each.y)) for each in FOCAL_PLANE.values()}) == 62


@pytest.mark.parametrize(
    "place", ["12 S24", "46 N15", "43 N12", "42 N11", "41 N10", "33 N2", "28 S4", "20 S9", "22 S11", "37 N6"]
)
def test_places_have_the_names_of_headers(place: str) -> None:
    ccdnum, detpos = place.split()
    assert FOCAL_PLANE[int(ccdnum)].detpos == detpos


@pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda each: str(each.ccdnum))
def test_reference_pixels_of_real_headers_are_the_optical_axis(solution: DecamSolution) -> None:
    ccd = FOCAL_PLANE[solution.ccdnum]
    axis = [1024 - ccd.x / MM_PER_PIXEL, 2048 - ccd.y / MM_PER_PIXEL]
    assert [float(solution.cards[f"CRPIX{k}"]) for k in (1, 2)] == pytest.approx(axis, abs=0.01)


def from_the_middle(
    solution: DecamSolution, fits_x: float, fits_y: float
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return how many degrees east and north of the field's middle wcslib has a pixel, on the tangent plane."""
    ra, dec = WCS(fits.Header(list(solution.cards.items()))).wcs_pix2world(fits_x, fits_y, 1)
    plane = WCS(naxis=2)
    plane.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    plane.wcs.crval = [float(solution.cards[f"CRVAL{k}"]) for k in (1, 2)]
    plane.wcs.cdelt = [1.0, 1.0]
    return np.array([float(each) for each in plane.wcs_world2pix(ra, dec, 1)])


@pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda each: str(each.ccdnum))
def test_ccds_lie_where_real_headers_have_them(solution: DecamSolution) -> None:
    ccd = FOCAL_PLANE[solution.ccdnum]
    found = from_the_middle(solution, 1024.5, 2048.5)
    # a tenth of a CCD's short side; the CCDs are 150 to 600 arcsec apart
    assert found * 3600 == pytest.approx([ccd.east * 3600, ccd.north * 3600], abs=8)


def test_ccds_of_one_exposure_lie_to_each_other_as_in_the_layout() -> None:
    first, second = (each for each in SOLUTIONS if each.cards["CRVAL1"] == 110.2256709975)
    assert (first.ccdnum, second.ccdnum) == (28, 22)
    apart = from_the_middle(first, 1024.5, 2048.5) - from_the_middle(second, 1024.5, 2048.5)
    one, other = (FOCAL_PLANE[each.ccdnum] for each in (first, second))
    assert apart * 3600 == pytest.approx([(one.east - other.east) * 3600, (one.north - other.north) * 3600], abs=8)


@pytest.mark.parametrize("solution", SOLUTIONS, ids=lambda each: str(each.ccdnum))
def test_corners_begin_at_the_first_pixel(solution: DecamSolution) -> None:
    ccd = FOCAL_PLANE[solution.ccdnum]
    pixels = [(0.5, 0.5), (2048.5, 0.5), (2048.5, 4096.5), (0.5, 4096.5)]
    for corner, pixel in zip(ccd.corners(), pixels, strict=True):
        assert np.array(corner) * 3600 == pytest.approx(from_the_middle(solution, *pixel) * 3600, abs=15)


@pytest.mark.parametrize("ccd", FOCAL_PLANE.values(), ids=lambda each: each.detpos)
def test_halves_make_up_the_ccd_and_a_is_nearer_the_middle(ccd: Ccd) -> None:
    norths = {half: sorted({north for _, north in ccd.corners(half)}) for half in HALVES}
    whole = sorted({north for _, north in ccd.corners()})
    assert sorted({*norths["a"], *norths["b"]}) == [whole[0], pytest.approx(ccd.north), whole[1]]
    assert np.mean(np.abs(norths["a"])) < np.mean(np.abs(norths["b"]))
    # DATASECA of DES images: [1025:2048,1:4096] up to CCD 31, [1:1024,1:4096] from 32
    assert ccd.a_is_high == (ccd.ccdnum <= 31)
    # with x growing to the south, the half at large x is the southern one
    assert (norths["a"][0] < norths["b"][0]) == ccd.a_is_high


@pytest.mark.parametrize("ccd", FOCAL_PLANE.values(), ids=lambda each: each.detpos)
def test_synthetic_images_have_their_amplifiers_there(ccd: Ccd) -> None:
    a, b = amplifiers(ccd.ccdnum, 2048)
    assert (a.start > b.start) == ccd.a_is_high
