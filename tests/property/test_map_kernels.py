"""Agreement of the map kernels with plain numpy twins."""

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.schema.wcs.inversemap import PolynomialInverse, add_covered, inverse_map
from goodpix.schema.wcs.pixelgrid import PixelGrid, solid_angles

from .strategies import shapes, tangent_planes

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

seeds = st.integers(0, 2**32 - 1)


def some_pixels(shape: tuple[int, int], seed: int) -> Bools:
    return np.random.default_rng(seed).random(shape) < 0.5


def near_a_boundary(positions: Floats) -> Bools:
    """Return positions so close to a pixel boundary that rounding may go either way."""
    distances: Floats = np.abs(positions - np.floor(positions) - 0.5)
    near: Bools = (distances[0] < 1e-6) | (distances[1] < 1e-6)
    return near


def inside(pixels: npt.NDArray[np.int64], shape: tuple[int, int]) -> Bools:
    (x, y), (ny, nx) = pixels, shape
    within: Bools = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    return within


@settings(max_examples=40)
@given(st.data(), shapes, shapes, seeds)
def test_covered_pixels_are_those_of_the_twin(
    data: st.DataObject, shape: tuple[int, int], coadd_shape: tuple[int, int], seed: int
) -> None:
    epoch = data.draw(tangent_planes(shape, distorted=data.draw(st.booleans())))
    coadd = data.draw(tangent_planes(coadd_shape, distorted=False))
    inverse = inverse_map(PixelGrid(epoch, shape), PixelGrid(coadd, coadd_shape))
    assert isinstance(inverse, PolynomialInverse)
    y, x = np.indices(coadd_shape).astype(np.float64) + 1
    vectors = coadd.vectors(x.ravel(), y.ravel())
    places = epoch.wcslib_pixels(vectors).reshape(2, *coadd_shape) - 1
    pixels = some_pixels(shape, seed)
    ix, iy = found = np.floor(np.nan_to_num(places, nan=-9.0) + 0.5).astype(np.int64)
    hits = inside(found, shape)
    expected = np.zeros(coadd_shape, np.bool_)
    expected[hits] = pixels[iy[hits], ix[hits]]
    covered = np.zeros(coadd_shape, np.int16)
    add_covered(inverse, pixels, covered)
    certain = ~near_a_boundary(places)
    assert np.array_equal(covered[certain], expected[certain])


@given(st.data(), shapes, st.sampled_from([0.0, 1.0, 0.5]))
def test_directions_are_those_of_the_twin(data: st.DataObject, shape: tuple[int, int], offset: float) -> None:
    wcs = data.draw(tangent_planes(shape, distorted=data.draw(st.booleans())))
    x, y = np.meshgrid(np.arange(shape[1]) + offset, np.arange(shape[0]) + offset, indexing="ij")
    found = PixelGrid(wcs, shape, offset).columns(slice(0, shape[1]))
    np.testing.assert_allclose(found, wcs.vectors(x.ravel(), y.ravel()), rtol=0, atol=1e-14)


@given(st.data(), shapes)
def test_areas_are_those_of_the_twin(data: st.DataObject, shape: tuple[int, int]) -> None:
    wcs = data.draw(tangent_planes(shape, distorted=False))
    y, x = np.indices(shape) + 1.0
    xi, eta = np.einsum("ij,jyx->iyx", np.radians(wcs.cd), np.array([x - wcs.crpix[0], y - wcs.crpix[1]]))
    expected = abs(np.linalg.det(wcs.cd)) * 3600 * np.cos(np.arctan(np.hypot(xi, eta))) ** 3
    np.testing.assert_allclose(solid_angles(PixelGrid(wcs, shape), slice(0, shape[0])), expected, rtol=1e-12)
