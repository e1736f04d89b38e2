"""Pixel mappings computed directly by esutil and by wcslib, and real headers to compare them on."""

import importlib.resources
import json
import math
from dataclasses import dataclass
from typing import Any

import esutil
import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.ingest.images.coaddflags import CoaddFlags
from goodpix.ingest.images.flagging import flag_epoch
from goodpix.ingest.images.pixels import PlaneRows
from goodpix.ingest.images.sharedarray import SharedArray
from goodpix.schema.criteria import Criterion
from goodpix.schema.masks.rle import decode
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.pixelmap import PixelMap, RationalMap, pixel_map, rational_row
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
    block = PlaneRows(np.ones(shape, np.bool_), np.zeros(shape, np.uint8), np.zeros(shape, np.bool_))
    return decode(flag_epoch([block], shape, found, coadd.flags).runs)


DIRECT = {"esutil": by_esutil, "wcslib": by_wcslib}
either_way = pytest.mark.parametrize("way", DIRECT)

TPV = HEADERS[3]
CENTRE = middle(TPV)
TILE_HERE = tan(CENTRE[0] + 0.1, CENTRE[1] - 0.05)
