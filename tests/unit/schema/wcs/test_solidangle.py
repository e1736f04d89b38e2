"""Facts about the solid angles of pixels."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.wcs.footprint import footprint
from goodpix.schema.wcs.solidangle import solid_angles
from goodpix.schema.wcs.solution import Wcs, unit_vectors

ARCMIN2 = (180 * 60 / np.pi) ** 2
SIZE = 200


def solution(scale: float = 0.01, angle: float = 30.0, projection: str = "TAN", **more: Any) -> Wcs:
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    cards = {
        "CTYPE1": f"RA---{projection}",
        "CTYPE2": f"DEC--{projection}",
        "CRVAL1": 12.0,
        "CRVAL2": -40.0,
        "CRPIX1": (SIZE + 1) / 2,
        "CRPIX2": (SIZE + 1) / 2,
        "CD1_1": -cos,
        "CD1_2": sin,
        "CD2_1": sin,
        "CD2_2": cos,
    }
    return Wcs.from_header(cards | more, "image.fits")


def by_triangles(wcs: Wcs, rows: slice, nx: int, offset: float) -> npt.NDArray[np.float64]:
    """Return areas as sums of two plane triangles between the pixel's corners, by wcslib."""
    y, x = np.mgrid[rows.start : rows.stop + 1, 0 : nx + 1] - 0.5
    sky = wcs.wcslib().all_pix2world(x.ravel() + offset, y.ravel() + offset, 1)
    corners = np.moveaxis(unit_vectors(*sky).reshape(3, *x.shape), 0, -1)
    a, b, c, d = corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]
    halves = (np.linalg.norm(np.cross(q - p, r - p), axis=-1) / 2 for p, q, r in ((a, b, c), (a, c, d)))
    total: npt.NDArray[np.float64] = sum(halves) * ARCMIN2
    return total


SOLUTIONS = {
    "TAN": solution(),
    "far from its tangent point": solution(CRPIX1=4000.0, CRPIX2=-3000.0),
    "TPV": solution(projection="TPV", PV1_1=1.01, PV1_7=0.02, PV2_4=-0.03),
    "ZEA": solution(projection="ZEA"),
    "CAR": solution(projection="CAR", CRVAL2=0.0, CRPIX2=-3000.0),
}


@pytest.mark.parametrize("offset", [1, 0])
@pytest.mark.parametrize("name", SOLUTIONS)
def test_areas_are_those_between_the_corners(name: str, offset: float) -> None:
    rows = slice(10, 17)
    found = solid_angles(SOLUTIONS[name], rows, SIZE, offset)
    assert found.shape == (7, SIZE)
    np.testing.assert_allclose(found, by_triangles(SOLUTIONS[name], rows, SIZE, offset), rtol=1e-7)


def test_the_face_of_a_cube_is_a_sixth_of_the_sky() -> None:
    # 45 degrees to either side of the tangent point
    face = solution(scale=np.degrees(2.0 / SIZE))
    total = solid_angles(face, slice(0, SIZE), SIZE).sum() / ARCMIN2
    assert total == pytest.approx(4 * np.pi / 6, rel=1e-4)


def test_the_pixels_of_an_equal_area_projection_are_equal() -> None:
    found = solid_angles(SOLUTIONS["ZEA"], slice(0, SIZE), SIZE)
    np.testing.assert_allclose(found, 0.6**2, rtol=1e-7)


@pytest.mark.parametrize("name", ["TAN", "TPV"])
def test_the_middle_pixel_is_that_of_the_footprint(name: str) -> None:
    wcs = SOLUTIONS[name]
    middle = solid_angles(wcs, slice(0, 101), 101)[100, 100]
    assert middle * 3600 == pytest.approx(footprint(wcs, (201, 201)).pixel_area, rel=1e-6)
