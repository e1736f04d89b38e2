"""Facts about the directions of an image's pixels."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.wcs.pixeltosky import Directions
from goodpix.schema.wcs.solution import Wcs

PIXEL = 0.263 / 3600
SHAPE = (90, 60)
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
    found = Directions(SOLUTIONS[name], SHAPE, offset).columns(slice(0, SHAPE[1]))
    np.testing.assert_allclose(found, plain(SOLUTIONS[name], offset).reshape(3, -1), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", ["TPV", "SIP"])
def test_columns_are_a_part_of_all(name: str) -> None:
    found = Directions(SOLUTIONS[name], SHAPE).columns(slice(7, 19))
    np.testing.assert_allclose(found, plain(SOLUTIONS[name], 1)[:, 7:19].reshape(3, -1), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_directions_are_unit_vectors(name: str) -> None:
    found = Directions(SOLUTIONS[name], SHAPE).columns(slice(0, 5))
    np.testing.assert_allclose((found**2).sum(axis=0), 1.0, rtol=0, atol=1e-14)
