"""Facts about the mapping from the pixels of an epoch to those of its coadd."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.pixelmap import PixelMap, RationalMap, WcslibMap, pixel_map, rational_row
from goodpix.schema.wcs.solution import Wcs

Card = str | int | float
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

PIXEL = 0.263 / 3600
SHAPE = (90, 60)
SIP: dict[str, Any] = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_0_2": 1.5e-6}
PV: dict[str, Any] = {"PV1_0": 1e-3, "PV1_1": 1.01, "PV1_7": 0.02, "PV2_1": 0.99, "PV2_4": -0.03}


def solution(ra: float = 30.0, dec: float = -40.0, projection: str = "TAN", **more: Any) -> Wcs:
    cards: dict[str, Card] = {
        "CTYPE1": f"RA---{projection}",
        "CTYPE2": f"DEC--{projection}",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": 30.5,
        "CRPIX2": 45.5,
        "CD1_1": -PIXEL,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": PIXEL,
    }
    return Wcs.from_header(cards | more, "image.fits")


def mapping(epoch: Wcs, coadd: Wcs, offset: float = 1, coadd_offset: float = 1) -> PixelMap:
    return pixel_map(PixelGrid(epoch, SHAPE, offset), PixelGrid(coadd, SHAPE, coadd_offset))


def grid() -> tuple[Floats, Floats]:
    x, y = np.meshgrid(np.arange(SHAPE[1], dtype=float), np.arange(SHAPE[0], dtype=float))
    return x.ravel(), y.ravel()


def rows(found: PixelMap, coadd_shape: tuple[int, int]) -> tuple[Ints, Ints]:
    """Return the compiled kernel's nearest pixels of every row."""
    assert isinstance(found, RationalMap)
    out: npt.NDArray[np.uint32] = np.empty((2, *SHAPE), np.uint32)
    coadd_ny, coadd_nx = coadd_shape
    t, s = found.scaling.scaled(np.arange(SHAPE[1], dtype=float), np.arange(SHAPE[0], dtype=float))
    for y in range(SHAPE[0]):
        rational_row(found.coefficients, t, s[y], coadd_nx, coadd_ny, out[0, y], out[1, y])
    ix, iy = out.astype(np.int32) - 1
    return ix, iy


def at_zero(across: float, up: float, down: float) -> tuple[int, int]:
    """Return the kernel's nearest pixel of (0, 0) for such polynomials, on a coadd of 10 x 10 pixels."""
    coefficients: Floats = np.zeros((3, 4, 4))
    coefficients[:, 0, 0] = across, up, down
    out: npt.NDArray[np.uint32] = np.empty((2, 1), np.uint32)
    rational_row(coefficients, np.zeros(1), 0.0, 10, 10, out[0], out[1])
    return int(out[0, 0]) - 1, int(out[1, 0]) - 1


def nearest(position: Floats, size: int) -> Ints:
    """Return the nearest pixels, -1 and size outside: the kernel's plain twin."""
    whole = np.nan_to_num(np.floor(position + 0.5), nan=-1.0)
    clipped: Ints = np.clip(whole, -1, size).astype(np.int32).reshape(SHAPE)
    return clipped


FAST = {
    "TAN to TAN": (solution(), solution()),
    "TPV to TAN": (solution(projection="TPV", **PV), solution()),
    "TAN with PV to TAN": (solution(**PV), solution()),
    "PV_38 to TAN": (solution(projection="TPV", PV1_38=1.0, **PV), solution()),
    "TPV without terms to TAN": (solution(projection="TPV"), solution()),
    "TAN to TPV without terms": (solution(), solution(projection="TPV")),
    "the north pole": (solution(dec=90.0, projection="TPV", **PV), solution(dec=89.99)),
    "to the north pole": (solution(dec=89.99), solution(dec=90.0)),
}

SLOW = {
    "radial term": (solution(projection="TPV", PV1_3=0.01, **PV), solution()),
    "SIP epoch": (solution(projection="TAN-SIP", **SIP), solution()),
    "SIP coadd": (solution(), solution(projection="TAN-SIP", **SIP)),
    "TPV coadd": (solution(projection="TPV", **PV), solution(projection="TPV", **PV)),
    "TAN with PV coadd": (solution(), solution(**PV)),
    "LONPOLE of the epoch": (solution(LONPOLE=170.0), solution()),
    "LONPOLE of the coadd": (solution(), solution(LONPOLE=170.0)),
    "LATPOLE of the coadd": (solution(), solution(LATPOLE=10.0)),
    "ZEA coadd": (solution(), solution(projection="ZEA")),
    "SIN epoch": (solution(projection="SIN"), solution()),
}


@pytest.mark.parametrize(("epoch", "coadd"), FAST.values(), ids=FAST)
def test_tangent_planes_and_polynomials_take_the_fast_way(epoch: Wcs, coadd: Wcs) -> None:
    assert isinstance(mapping(epoch, coadd), RationalMap)


@pytest.mark.parametrize(("epoch", "coadd"), SLOW.values(), ids=SLOW)
def test_everything_else_goes_through_wcslib(epoch: Wcs, coadd: Wcs) -> None:
    assert isinstance(mapping(epoch, coadd), WcslibMap)


@pytest.mark.parametrize(("epoch", "coadd"), FAST.values(), ids=FAST)
@pytest.mark.parametrize(("offset", "coadd_offset"), [(1, 1), (0, 1), (1, 0), (0, 0), (0.5, 1)])
def test_the_fast_way_equals_the_slow_one(epoch: Wcs, coadd: Wcs, offset: float, coadd_offset: float) -> None:
    fast = mapping(epoch, coadd, offset, coadd_offset).positions(*grid())
    slow = WcslibMap(PixelGrid(epoch, SHAPE, offset), PixelGrid(coadd, SHAPE, coadd_offset)).positions(*grid())
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-8)


@pytest.mark.parametrize("coadd_shape", [(90, 60), (1, 1), (40, 70), (70, 20), (5000, 7000)])
@pytest.mark.parametrize(("epoch", "coadd"), FAST.values(), ids=FAST)
def test_the_kernel_equals_its_plain_twin(epoch: Wcs, coadd: Wcs, coadd_shape: tuple[int, int]) -> None:
    # no position may be near a rounding boundary, where the two may differ
    found = mapping(epoch, Wcs.from_header({**coadd.keywords, "CRPIX1": 33.21, "CRPIX2": 41.17}, "coadd.fits"))
    x, y = found.positions(*grid())
    ix, iy = rows(found, coadd_shape)
    np.testing.assert_array_equal(ix, nearest(x, coadd_shape[1]))
    np.testing.assert_array_equal(iy, nearest(y, coadd_shape[0]))


@pytest.mark.parametrize("pairs", [FAST, SLOW], ids=["fast", "slow"])
def test_an_image_onto_itself_is_the_identity(
    pairs: dict[str, tuple[Wcs, Wcs]],
) -> None:
    for epoch, _ in pairs.values():
        np.testing.assert_allclose(mapping(epoch, epoch).positions(*grid()), grid(), rtol=0, atol=1e-8)


@pytest.mark.parametrize("extra", [{}, {"LONPOLE": 180.0 - 1e-13}], ids=["fast", "slow"])
@pytest.mark.parametrize(("offset", "coadd_offset", "shift"), [(1, 1, 0), (0, 0, 0), (0, 1, -1), (1, 0, 1)])
def test_offsets_belong_to_their_own_side(
    extra: dict[str, Any], offset: float, coadd_offset: float, shift: float
) -> None:
    x, y = grid()
    found = mapping(solution(**extra), solution(**extra), offset, coadd_offset).positions(x, y)
    np.testing.assert_allclose(found, [x + shift, y + shift], rtol=0, atol=1e-8)


@pytest.mark.parametrize("extra", [{}, {"LONPOLE": 170.0}, {"PV1_1": 1.01}], ids=["TAN", "LONPOLE", "TPV"])
@pytest.mark.parametrize(("ra", "dec"), [(210.0, 40.0), (210.0, -40.0), (150.0, 10.0), (30.0, 51.0)], ids=str)
def test_the_far_side_of_the_sky_is_nowhere(extra: dict[str, Any], ra: float, dec: float) -> None:
    found = mapping(solution(), solution(ra, dec, **extra))
    assert np.isnan(found.positions(*grid())).all()


@pytest.mark.parametrize(("ra", "dec"), [(210.0, 40.0), (210.0, -40.0), (150.0, 10.0), (30.0, 51.0)])
def test_the_far_side_of_the_sky_is_off_the_coadd(ra: float, dec: float) -> None:
    ix, _ = rows(mapping(solution(), solution(ra, dec)), (1000, 1000))
    assert (ix == -1).all()


@pytest.mark.parametrize("extra", [{}, {"LONPOLE": 170.0}], ids=["fast", "slow"])
def test_across_the_horizon_only_the_near_side_has_positions(extra: dict[str, Any]) -> None:
    # the image's middle column lies 90 degrees east of the coadd's tangent point
    x, y = grid()
    found_x, _ = mapping(solution(90.0, 0.0, CRPIX1=30.75), solution(0.0, 0.0, **extra)).positions(x, y)
    np.testing.assert_array_equal(np.isnan(found_x), x < 29.75)


def test_ninety_degrees_away_is_off_the_coadd() -> None:
    # every pixel of one column: exactly, as far as doubles go
    ix, iy = rows(mapping(solution(90.0, 0.0, CRPIX1=31.0), solution(0.0, 0.0)), (1000, 1000))
    outside = (ix < 0) | (ix >= 1000) | (iy < 0) | (iy >= 1000)
    assert outside.all()


@pytest.mark.parametrize("down", [0.0, -0.0, -1.0, 5e-324])
def test_an_infinite_ratio_is_off_the_coadd(down: float) -> None:
    assert set(at_zero(1.0, 1.0, down)) <= {-1, 10}


def test_not_a_number_is_off_the_coadd() -> None:
    assert at_zero(0.0, 0.0, 0.0) == (-1, -1)
    assert at_zero(np.nan, np.nan, 1.0) == (-1, -1)
    assert at_zero(1.0, 1.0, np.nan) == (-1, -1)


@pytest.mark.parametrize(
    ("position", "pixel"),
    [
        (-1e15, -1),
        (-0.5000001, -1),
        (-0.5, 0),
        (-0.4999999, 0),
        (0.4999999, 0),
        (0.5, 1),
        (9.4999999, 9),
        (9.5, 10),
        (1e15, 10),
    ],
)
def test_a_half_goes_up_and_the_ends_are_clamped(position: float, pixel: int) -> None:
    assert at_zero(position, position, 1.0) == (pixel, pixel)


@pytest.mark.parametrize("projection", ["CAR", "CEA", "HPX", "ZEA"])
def test_a_coadd_may_lie_far_from_its_reference_point(projection: str) -> None:
    # such maps of the sky have CRVAL 0, 0 and CRPIX far outside of the image
    epoch = solution(172.0, -40.0)
    bare = solution(0.0, 0.0, projection)
    where = bare.wcslib().wcs_world2pix([172.0], [-40.0], 1)
    coadd = Wcs.from_header(
        {
            **bare.keywords,
            "CRPIX1": 30.5 + 30.5 - float(where[0][0]),
            "CRPIX2": 45.5 + 45.5 - float(where[1][0]),
        },
        "coadd.fits",
    )
    x, y = mapping(epoch, coadd).positions(np.array([29.5]), np.array([44.5]))
    assert (x[0], y[0]) == pytest.approx((29.5, 44.5), abs=1e-6)


@pytest.mark.parametrize(("unit", "scale"), [("arcsec", 3600.0), ("arcmin", 60.0), ("rad", math.radians(1.0))])
def test_units_of_the_coadd_are_obeyed(unit: str, scale: float) -> None:
    epoch, plain = solution(172.0, -40.0), solution(172.0, -40.0)
    scaled = {key: float(value) * scale for key, value in plain.keywords.items() if key.startswith(("CRVAL", "CD"))}
    coadd = Wcs.from_header({**plain.keywords, **scaled, "CUNIT1": unit, "CUNIT2": unit}, "coadd.fits")
    np.testing.assert_allclose(mapping(epoch, coadd).positions(*grid()), grid(), rtol=0, atol=1e-8)


@pytest.mark.parametrize("n", [1, 2, 100])
def test_a_slow_map_keeps_the_shape_of_its_input(n: int) -> None:
    x = np.zeros((n, 3))
    found_x, found_y = mapping(solution(projection="ZEA"), solution()).positions(x, x)
    assert found_x.shape == found_y.shape == (n, 3)
