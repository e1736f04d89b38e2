"""Facts about the pixels of an image on the sphere."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.amplifiers import Region
from goodpix.schema.wcs.footprint import footprint
from goodpix.schema.wcs.pixelgrid import PixelGrid, solid_angles
from goodpix.schema.wcs.solution import Wcs, unit_vectors

PIXEL = 0.263 / 3600
SHAPE = (90, 60)
ARCMIN2 = (180 * 60 / np.pi) ** 2
SIZE = 200
PV: dict[str, Any] = {"PV1_0": 1e-3, "PV1_1": 1.01, "PV1_7": 0.02, "PV2_1": 0.99, "PV2_4": -0.03}


def solution(ra: float = 30.0, dec: float = -40.0, projection: str = "TAN", **more: Any) -> Wcs:
    cards = {
        "CTYPE1": f"RA---{projection}",
        "CTYPE2": f"DEC--{projection}",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": 3000.5,
        "CRPIX2": -45.5,
        "CD1_1": -0.2 * PIXEL,
        "CD1_2": 0.9 * PIXEL,
        "CD2_1": 0.95 * PIXEL,
        "CD2_2": 0.1 * PIXEL,
    }
    return Wcs.from_header(cards | more, "image.fits")


SOLUTIONS = {
    "TAN": solution(),
    "TPV": solution(projection="TPV", **PV),
    "seventh order": solution(projection="TPV", PV1_38=30.0, PV2_32=-20.0, **PV),
    "RA 0": solution(0.0, 10.0, "TPV", **PV),
    "the north pole": solution(77.0, 90.0),
    "the south pole": solution(77.0, -90.0, "TPV", **PV),
    "SIP": solution(projection="TAN-SIP", A_ORDER=2, B_ORDER=2, A_2_0=1e-6, B_0_2=1.5e-6),
    "ZEA": solution(projection="ZEA"),
}


def plain(wcs: Wcs, offset: float) -> npt.NDArray[np.float64]:
    """Return the direction of each pixel, shape (3, nx, ny)."""
    x, y = np.meshgrid(np.arange(SHAPE[1], dtype=float), np.arange(SHAPE[0], dtype=float), indexing="ij")
    return wcs.vectors(x.ravel() + offset, y.ravel() + offset).reshape(3, SHAPE[1], SHAPE[0])


@pytest.mark.parametrize("offset", [0, 1, 0.5])
@pytest.mark.parametrize("name", SOLUTIONS)
def test_directions_are_those_of_the_solution(name: str, offset: float) -> None:
    found = PixelGrid(SOLUTIONS[name], SHAPE, offset).columns(slice(0, SHAPE[1]))
    np.testing.assert_allclose(found, plain(SOLUTIONS[name], offset).reshape(3, -1), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["TPV", "SIP"])
def test_columns_are_a_part_of_all(name: str) -> None:
    found = PixelGrid(SOLUTIONS[name], SHAPE).columns(slice(7, 19))
    np.testing.assert_allclose(found, plain(SOLUTIONS[name], 1)[:, 7:19].reshape(3, -1), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_directions_are_unit_vectors(name: str) -> None:
    found = PixelGrid(SOLUTIONS[name], SHAPE).columns(slice(0, 5))
    np.testing.assert_allclose((found**2).sum(axis=0), 1.0, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_box_has_the_directions_of_its_pixels(name: str) -> None:
    found = PixelGrid(SOLUTIONS[name], SHAPE, 0.5).box(Region(3, 20, 50, 81))
    np.testing.assert_array_equal(found, plain(SOLUTIONS[name], 0.5)[:, 3:20, 50:81].transpose(0, 2, 1))


@pytest.mark.parametrize("name", SOLUTIONS)
def test_positions_on_the_sky_are_those_of_the_directions(name: str) -> None:
    grid, (x, y) = PixelGrid(SOLUTIONS[name], SHAPE, 0.5), np.array([[3.0, 20.0, -1.5], [40.5, 0.0, 91.0]])
    np.testing.assert_allclose(unit_vectors(*grid.sky(x, y)), grid.vectors(x, y), rtol=0, atol=1e-15)


def square(scale: float = 0.01, angle: float = 30.0, projection: str = "TAN", **more: Any) -> Wcs:
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


SQUARES = {
    "TAN": square(),
    "far from its tangent point": square(CRPIX1=4000.0, CRPIX2=-3000.0),
    "TPV": square(projection="TPV", PV1_1=1.01, PV1_7=0.02, PV2_4=-0.03),
    "ZEA": square(projection="ZEA"),
    "CAR": square(projection="CAR", CRVAL2=0.0, CRPIX2=-3000.0),
}


@pytest.mark.parametrize("offset", [1, 0])
@pytest.mark.parametrize("name", SQUARES)
def test_areas_are_those_between_the_corners(name: str, offset: float) -> None:
    rows = slice(10, 17)
    found = solid_angles(PixelGrid(SQUARES[name], (SIZE, SIZE), offset), rows)
    assert found.shape == (7, SIZE)
    np.testing.assert_allclose(found, by_triangles(SQUARES[name], rows, SIZE, offset), rtol=1e-7)


def test_the_face_of_a_cube_is_a_sixth_of_the_sky() -> None:
    # 45 degrees to either side of the tangent point
    face = square(scale=np.degrees(2.0 / SIZE))
    total = solid_angles(PixelGrid(face, (SIZE, SIZE)), slice(0, SIZE)).sum() / ARCMIN2
    assert total == pytest.approx(4 * np.pi / 6, rel=1e-4)


def test_the_pixels_of_an_equal_area_projection_are_equal() -> None:
    found = solid_angles(PixelGrid(SQUARES["ZEA"], (SIZE, SIZE)), slice(0, SIZE))
    np.testing.assert_allclose(found, 0.6**2, rtol=1e-7)


@pytest.mark.parametrize("name", ["TAN", "TPV"])
def test_the_middle_pixel_is_that_of_the_footprint(name: str) -> None:
    grid = PixelGrid(SQUARES[name], (201, 201))
    middle = solid_angles(grid, slice(0, 101))[100, 100]
    assert middle * 3600 == pytest.approx(footprint(grid).pixel_area, rel=1e-6)
