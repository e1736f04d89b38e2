"""The mapping against the direct way: esutil, and apart from it wcslib, each asked here by itself."""

import importlib.resources
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import esutil
import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.ingest.direct import Side, direct_positions
from goodpix.ingest.images.coaddflags import CoaddFlags
from goodpix.ingest.images.flagging import flag_epoch
from goodpix.ingest.images.pixels import PlaneRows
from goodpix.ingest.images.sharedarray import SharedArray
from goodpix.schema.criteria import Criterion
from goodpix.schema.masks.rle import decode
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.pixelmap import PixelMap, RationalMap, WcslibMap, pixel_map, rational_row
from goodpix.schema.wcs.solution import Wcs

Card = str | int | float
Cards = dict[str, Card]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HEADERS: list[Cards] = [
    entry["wcs"]
    for entry in json.loads(
        importlib.resources.files("goodpix.ingest.synthetic").joinpath("decam_headers.json").read_text()
    )
]
CCD = (4096, 2048)
TILE = (9000, 10000)
PIXEL = 0.263 / 3600
SIP: dict[str, Any] = {
    "A_ORDER": 3,
    "B_ORDER": 3,
    "A_2_0": 1e-6,
    "A_1_1": -2e-6,
    "A_0_3": 1e-10,
    "B_0_2": 1.5e-6,
    "B_2_1": 2e-10,
}

# Pixels; where a position is this near to a rounding boundary either neighbour is right.
TIE = 1e-8


def tan(ra: float, dec: float, shape: tuple[int, int] = TILE, projection: str = "TAN", **more: Any) -> Cards:
    cards: Cards = {
        "CTYPE1": f"RA---{projection}",
        "CTYPE2": f"DEC--{projection}",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": (shape[1] + 1) / 2,
        "CRPIX2": (shape[0] + 1) / 2,
        "CD1_1": -PIXEL,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": PIXEL,
    }
    return cards | more


def without(cards: Cards, *keys: str) -> Cards:
    return {key: value for key, value in cards.items() if key not in keys}


def mapping(epoch: Cards, coadd: Cards, offsets: tuple[float, float] = (1, 1)) -> PixelMap:
    one, other = Wcs.from_header(epoch, "epoch"), Wcs.from_header(coadd, "coadd")
    return pixel_map(PixelGrid(one, CCD, offsets[0]), PixelGrid(other, TILE, offsets[1]))


def by_wcslib(epoch: Cards, coadd: Cards, x: Floats, y: Floats) -> Floats:
    """Return zero-based coadd positions of zero-based pixels; shape (2, n)."""
    first, second = (WCS(fits.Header(list(cards.items()))) for cards in (epoch, coadd))
    sky = first.all_pix2world(x, y, 0)
    if str(epoch["CTYPE1"])[:2] != str(coadd["CTYPE1"])[:2]:
        sky = sky[::-1]
    if second.sip is None:
        return np.array(second.wcs_world2pix(*sky, 0))
    return np.array(second.all_world2pix(*sky, 0, tolerance=1e-11, maxiter=50, adaptive=True))


def by_esutil(epoch: Cards, coadd: Cards, x: Floats, y: Floats) -> Floats:
    """Return zero-based coadd positions of zero-based pixels; shape (2, n)."""
    lowered = [
        {key.lower(): value for key, value in cards.items()} | {"naxis1": shape[1], "naxis2": shape[0]}
        for cards, shape in ((epoch, CCD), (coadd, TILE))
    ]
    first, second = (esutil.wcsutil.WCS(cards) for cards in lowered)
    sky = first.image2sky(x + 1, y + 1)
    return np.array(second.sky2image(*sky)) - 1


def middle(cards: Cards) -> tuple[float, float]:
    """Return RA and Dec of the middle of a CCD."""
    ra, dec = WCS(fits.Header(list(cards.items()))).wcs_pix2world([1023.5], [2047.5], 0)
    return float(ra[0]), float(dec[0])


def dithered(number: int) -> Cards:
    """Return a tile on which that header's CCD lies somewhere: in the middle, on an edge or in a corner."""
    ra, dec = middle(HEADERS[number])
    rng = np.random.default_rng(number)
    east, north = rng.uniform(-0.35, 0.35, 2)
    return tan(ra + east / math.cos(math.radians(dec)), dec + north)


def sample(n_rows: int = 9, n_columns: int = 9) -> tuple[Floats, Floats]:
    """Return pixels all over a CCD, with its edges."""
    x, y = np.meshgrid(np.linspace(0, CCD[1] - 1, n_columns).round(), np.linspace(0, CCD[0] - 1, n_rows).round())
    return x.ravel(), y.ravel()


def kernel_row(found: PixelMap, row: int, shape: tuple[int, int] = TILE) -> Ints:
    """Return the nearest coadd pixels of a row of the CCD as the compiled kernel has them; shape (2, nx)."""
    assert isinstance(found, RationalMap)
    out: npt.NDArray[np.uint32] = np.empty((2, CCD[1]), np.uint32)
    t, s = found.scaling.scaled(np.arange(CCD[1], dtype=float), np.array(float(row)))
    rational_row(found.coefficients, t, float(s), shape[1], shape[0], out[0], out[1])
    return out.astype(np.int64) - 1


def nearest(positions: Floats, shape: tuple[int, int] = TILE) -> Ints:
    """Return nearest pixels, -1 and the size outside; shape of the positions."""
    ny, nx = shape
    whole = np.nan_to_num(np.floor(positions + 0.5), nan=-1.0)
    pixels: Ints = np.clip(whole, -1, np.array([[nx], [ny]])).astype(np.int64)
    return pixels


def near_a_boundary(positions: Floats) -> npt.NDArray[np.bool_]:
    """Return where either coordinate lies within a tie of a rounding boundary; shape (n,)."""
    x, y = np.abs(positions - np.floor(positions) - 0.5)
    tied: npt.NDArray[np.bool_] = np.minimum(x, y) < TIE
    return tied


@dataclass(frozen=True, slots=True, eq=False)
class NumberedTile:
    """A coadd whose flags tell its pixels apart: any two differ, but for one pair in 65,536."""

    flags: CoaddFlags

    @classmethod
    def make(cls, shape: tuple[int, int]) -> "NumberedTile":
        rng = np.random.default_rng(20)
        of_row, of_column = (rng.integers(1, 2**16, n + 2, np.uint16) for n in shape)
        codes: npt.NDArray[np.uint16] = of_row[:, np.newaxis] ^ of_column
        codes[[0, -1]] = codes[:, [0, -1]] = 0
        codes[1:-1, 1:-1][codes[1:-1, 1:-1] == 0] = 1
        table = np.arange(2**16, dtype=np.int64) << 8
        table[0] = int(Criterion.OFF_COADD)
        return cls(CoaddFlags(SharedArray(codes), table, np.zeros(2**16, np.bool_), False))

    def at(self, pixels: Ints) -> Ints:
        """Return the flags of nearest pixels; -1 and the size are outside."""
        ix, iy = pixels
        found: Ints = self.flags.flags[self.flags.codes.array[iy + 1, ix + 1]]
        return found


def good_epoch(found: PixelMap, coadd: NumberedTile, shape: tuple[int, int] = CCD) -> Ints:
    """Return the flags of an image of good pixels: those of the nearest coadd pixels."""
    clean = np.zeros(shape, np.uint8)
    block = PlaneRows.of(np.ones(shape, np.float32), clean, clean)
    return decode(flag_epoch([block], shape, found, coadd.flags).runs)


DIRECT = {"esutil": by_esutil, "wcslib": by_wcslib}
every_header = pytest.mark.parametrize("number", range(len(HEADERS)))
either_way = pytest.mark.parametrize("way", DIRECT)


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


TPV = HEADERS[3]
CENTRE = middle(TPV)
TILE_HERE = tan(CENTRE[0] + 0.1, CENTRE[1] - 0.05)
# near a small coadd's tangent point as many sky projections as there are look alike
ZENITHAL = ["SIN", "ZEA", "ARC", "STG"]


@dataclass(frozen=True, slots=True)
class Pair:
    """An epoch and a coadd, and how wcslib needs to be told of them where it reads the header otherwise."""

    epoch: Cards
    coadd: Cards
    kind: type[RationalMap] | type[WcslibMap]
    told_epoch: Cards | None = None
    told_coadd: Cards | None = None


AS_TAN: Cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
EXPLICIT: Cards = {"PV1_1": 1.0, "PV2_1": 1.0}
HIGH: Cards = {
    f"PV{axis}_{m}": (0.3 if axis == 1 else -0.2) / (1 + m % 5) for axis in (1, 2) for m in range(12, 39) if m != 23
}
NO_PV2 = {key: value for key, value in TPV.items() if not key.startswith("PV2")}
NO_PV = {key: value for key, value in TPV.items() if not key.startswith("PV")}
ARCSEC: Cards = {
    "CUNIT1": "arcsec",
    "CUNIT2": "arcsec",
    "CRVAL1": float(TILE_HERE["CRVAL1"]) * 3600,
    "CRVAL2": float(TILE_HERE["CRVAL2"]) * 3600,
    "CD1_1": -0.263,
    "CD2_2": 0.263,
}
SIP_EPOCH = tan(*CENTRE, CCD, "TAN-SIP", **SIP)
PC_COADD = without(TILE_HERE, "CD1_1", "CD1_2", "CD2_1", "CD2_2") | {
    "CDELT1": -PIXEL,
    "CDELT2": PIXEL,
    "PC1_1": 0.8,
    "PC1_2": 0.6,
    "PC2_1": -0.6,
    "PC2_2": 0.8,
}

PAIRS = {
    "TAN with PV": Pair(TPV | AS_TAN, TILE_HERE, RationalMap, told_epoch=TPV),
    "TAN with PV and a radial term": Pair(
        TPV | AS_TAN | {"PV1_3": 0.01}, TILE_HERE, WcslibMap, told_epoch=TPV | {"PV1_3": 0.01}
    ),
    "all polynomial terms": Pair(TPV | HIGH, TILE_HERE, RationalMap),
    "PV_3": Pair(TPV | {"PV1_3": 0.01, "PV2_3": -0.02}, TILE_HERE, WcslibMap),
    "PV_11": Pair(TPV | {"PV1_11": 0.01}, TILE_HERE, WcslibMap),
    "PV_23": Pair(TPV | {"PV2_23": 0.01}, TILE_HERE, WcslibMap),
    "PV_39": Pair(TPV | {"PV1_39": 0.01}, TILE_HERE, WcslibMap),
    "PV1_1 absent": Pair(without(TPV, "PV1_1"), TILE_HERE, RationalMap, told_epoch=TPV | {"PV1_1": 1.0}),
    "PV2 absent": Pair(NO_PV2, TILE_HERE, RationalMap, told_epoch=NO_PV2 | {"PV2_1": 1.0}),
    "TPV without PV": Pair(NO_PV, TILE_HERE, RationalMap, told_epoch=NO_PV | AS_TAN),
    "PV1_1 absent beside a radial term": Pair(
        without(TPV, "PV1_1") | {"PV2_3": 0.01},
        TILE_HERE,
        WcslibMap,
        told_epoch=TPV | {"PV1_1": 1.0, "PV2_3": 0.01},
    ),
    "SIP epoch": Pair(SIP_EPOCH, TILE_HERE, WcslibMap),
    "SIP coadd": Pair(TPV, TILE_HERE | SIP | {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}, WcslibMap),
    "TPV coadd": Pair(TPV, HEADERS[4] | {"CRVAL1": TPV["CRVAL1"], "CRVAL2": TPV["CRVAL2"]}, WcslibMap),
    "TPV coadd without PV1_1": Pair(TPV, without(TPV, "PV1_1"), WcslibMap, told_coadd=TPV | {"PV1_1": 1.0}),
    "TPV coadd without PV": Pair(
        TPV,
        TILE_HERE | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"},
        RationalMap,
        told_coadd=TILE_HERE,
    ),
    **{
        f"{code} coadd": Pair(TPV, TILE_HERE | {"CTYPE1": f"RA---{code}", "CTYPE2": f"DEC--{code}"}, WcslibMap)
        for code in ZENITHAL
    },
    **{f"{code} epoch": Pair(tan(*CENTRE, CCD, code), TILE_HERE, WcslibMap) for code in ZENITHAL},
    "LONPOLE of the epoch": Pair(TPV | {"LONPOLE": 179.0}, TILE_HERE, WcslibMap),
    "LONPOLE of the coadd": Pair(TPV, TILE_HERE | {"LONPOLE": 150.0}, WcslibMap),
    "LONPOLE and LATPOLE as by default": Pair(TPV | {"LONPOLE": 180.0}, TILE_HERE | {"LATPOLE": 90.0}, RationalMap),
    "LATPOLE of the coadd": Pair(TPV, TILE_HERE | {"LATPOLE": 10.0}, WcslibMap),
    "PC and CDELT": Pair(TPV, PC_COADD, RationalMap),
    "CUNIT arcsec of the coadd": Pair(TPV, TILE_HERE | ARCSEC, WcslibMap),
}


def of_pair(name: str) -> tuple[Floats, Floats, Floats]:
    """Return a pair's positions, of all of a CCD, and wcslib's; and the pixels."""
    pair = PAIRS[name]
    x, y = sample(17, 9)
    found = np.array(mapping(pair.epoch, pair.coadd).positions(x, y))
    expected = by_wcslib(pair.told_epoch or pair.epoch, pair.told_coadd or pair.coadd, x, y)
    return found, expected, np.array([x, y])


@pytest.mark.parametrize("name", PAIRS)
def test_positions_of_other_headers_are_those_of_wcslib(name: str) -> None:
    found, expected, _ = of_pair(name)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found, expected, rtol=0, atol=TIE)


@pytest.mark.parametrize("name", PAIRS)
def test_the_fast_way_is_taken_exactly_where_it_holds(name: str) -> None:
    assert isinstance(mapping(PAIRS[name].epoch, PAIRS[name].coadd), PAIRS[name].kind)


@pytest.mark.parametrize("name", ["TAN with PV", "all polynomial terms", "PV_3", "SIP epoch", "TPV coadd"])
def test_the_check_that_users_run_agrees(name: str) -> None:
    pair = PAIRS[name]
    small = (32, 16)
    epoch = Side(np.zeros(small, np.int64), Wcs.from_header(pair.epoch, "epoch"), 1)
    coadd = Side(np.zeros((9, 9), np.int64), Wcs.from_header(pair.coadd, "coadd"), 1)
    y, x = np.mgrid[0:32, 0:16].astype(np.float64)
    found = mapping(pair.epoch, pair.coadd).positions(x, y)
    np.testing.assert_allclose(direct_positions(epoch, coadd), found, rtol=0, atol=TIE)


@either_way
def test_declination_may_be_the_first_axis_of_the_coadd(way: str) -> None:
    # the same tile, transposed
    names = {"CRPIX1": "CRPIX2", "CRPIX2": "CRPIX1", "CRVAL1": "CRVAL2", "CRVAL2": "CRVAL1"}
    names |= {"CTYPE1": "CTYPE2", "CTYPE2": "CTYPE1", "CD1_1": "CD2_2", "CD2_2": "CD1_1"}
    transposed = {names.get(key, key): value for key, value in TILE_HERE.items()}
    x, y = sample()
    found = np.array(mapping(TPV, transposed).positions(x, y))
    np.testing.assert_allclose(found[::-1], DIRECT[way](TPV, TILE_HERE, x, y), rtol=0, atol=TIE)


def test_declination_may_be_the_first_axis_of_a_tpv_epoch() -> None:
    # the same solution with its axes told in the other order; wcslib (8.4) takes such axes wrongly
    names = {"CTYPE1": "CTYPE2", "CTYPE2": "CTYPE1", "CRVAL1": "CRVAL2", "CRVAL2": "CRVAL1"}
    names |= {f"CD{i}_{j}": f"CD{3 - i}_{j}" for i in (1, 2) for j in (1, 2)}
    names |= {f"PV{i}_{m}": f"PV{3 - i}_{m}" for i in (1, 2) for m in range(11)}
    swapped = {names.get(key, key): value for key, value in TPV.items()}
    x, y = sample()
    found = mapping(swapped, TILE_HERE).positions(x, y)
    np.testing.assert_allclose(found, by_wcslib(TPV, TILE_HERE, x, y), rtol=0, atol=TIE)


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
