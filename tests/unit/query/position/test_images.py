"""Pixels of many images at once against wcslib, image by image."""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.query.position.images import SkyImages
from goodpix.schema.wcs.skytopixel import WcsStack
from goodpix.schema.wcs.solution import Wcs, unit_vectors

from ...schema.wcs.headers import tan, tpv

HEADERS = [tan(), tpv(), tan(ra=200.0, dec=70.0)]
OFFSETS = np.array([1.0, 0.0, 1.5])
IMAGES = SkyImages(
    WcsStack.of([Wcs.from_header(each, "test") for each in HEADERS]),
    np.array([40, 2048, 7]),
    np.array([30, 9, 9]),
    OFFSETS,
)


def directions(which: int, x: float, y: float) -> np.ndarray:
    """Return the direction of a zero-based position by wcslib; shape (3, 1)."""
    fits_x, fits_y = x + OFFSETS[which], y + OFFSETS[which]
    return unit_vectors(
        *(np.atleast_1d(v) for v in WCS(fits.Header(list(HEADERS[which].items()))).all_pix2world(fits_x, fits_y, 1))
    )


def test_positions_are_those_of_each_images_own_solution_and_offset() -> None:
    which = np.array([2, 0, 1, 0])
    xy = np.array([[3.0, -20.5, 1000.25, 5], [4.0, 12, -3, 2.5]])
    vectors = np.hstack([directions(k, x, y) for k, x, y in zip(which, *xy, strict=True)])
    np.testing.assert_allclose(IMAGES.positions(which, vectors), xy, rtol=0, atol=1e-6)


def test_image_holds_what_its_outer_pixels_are_nearest_to() -> None:
    x = np.array([-0.5, -0.51, 39.49, 39.5, 0, 0, np.nan])
    y = np.array([0.0, 0, 29.49, 0, -0.51, 29.5, 0])
    held = IMAGES.hold(np.zeros(7, np.intp), np.array([x, y]))
    assert held.tolist() == [True, False, True, False, False, False, False]


def test_outline_goes_once_round_the_outer_edges() -> None:
    (outline,) = IMAGES.outlines(np.array([1]))
    x, y = IMAGES.positions(np.ones(len(outline), np.intp), outline.T)
    corners = [(-0.5, -0.5), (2047.5, -0.5), (2047.5, 8.5), (-0.5, 8.5)]
    quarter = len(outline) // 4
    np.testing.assert_allclose(np.array([x, y]).T[::quarter], corners, atol=1e-6)
    on_edge = np.isclose(x, -0.5) | np.isclose(x, 2047.5) | np.isclose(y, -0.5) | np.isclose(y, 8.5)
    assert on_edge.all()
    area = 0.5 * (x @ np.roll(y, -1) - y @ np.roll(x, -1))
    np.testing.assert_allclose(area, 2048 * 9, rtol=1e-6)
