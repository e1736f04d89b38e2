"""A catalogue of small masks at any place on the sky, made without FITS files, and what wcslib says of it."""

import functools
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from astropy.io import fits
from astropy.wcs import WCS

import goodpix
from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.tile import Receipt, StoredRow
from goodpix.schema.criteria import Criterion
from goodpix.schema.masks.rle import Runs, encode
from goodpix.schema.rows import CoaddFacts, EpochFacts, MaskRow
from goodpix.schema.wcs.footprint import Footprint, footprint
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs, unit_vectors

from ..rows import coadd_row, epoch_row, flags_image, write_masks

__all__ = [
    "HERE",
    "KEY",
    "PLACES",
    "POSITION",
    "REASONS",
    "SCALE",
    "SHAPE",
    "Image",
    "SmallSky",
    "around",
    "few_bad",
    "keys",
]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Cards = Mapping[str, str | int | float]

SHAPE = (40, 30)
COADD_SHAPE = (110, 120)
SCALE = 0.01
"""Degrees per pixel: an image covers several HEALPix pixels of a footprint."""

PLACES = {
    "south": (30.0, -40.0),
    "RA 0": (0.0, 20.0),
    "just west of RA 0": (359.95, -5.0),
    "north pole": (123.0, 90.0),
    "south pole": (10.0, -90.0),
    "near the south pole": (310.0, -89.7),
}
KEY = ["tilename", "band", "expnum", "ccdnum"]
POSITION = ["ra", "dec", *KEY, "nite", "mjd_obs", "x", "y", "coadd_x", "coadd_y", "on_coadd"]
REASONS = ["good", "flags", "criteria", "se_bits", "coadd_bits"]
HERE = PLACES["south"]

# of DECam's kind, and some more of it
PV = {"PV1_0": 0.002, "PV1_1": 1.012, "PV1_4": 0.01, "PV1_7": -0.005, "PV2_0": -0.001, "PV2_1": 1.01, "PV2_5": 0.02}


@dataclass(frozen=True, slots=True)
class Image:
    """One epoch.

    Parameters
    ----------
    tilename, band : str
        Its tile and band.
    expnum, ccdnum : int
        Its CCD image.
    cards : mapping
        WCS keywords.
    offset : float
        Its position_offset.
    flags : ndarray of int64, shape (ny, nx)
        Its mask.
    """

    tilename: str
    band: str
    expnum: int
    ccdnum: int
    cards: Cards
    offset: float
    flags: npt.NDArray[np.int64]

    @property
    def key(self) -> tuple[str, str, int, int]:
        """Tilename, band, expnum and ccdnum."""
        return self.tilename, self.band, self.expnum, self.ccdnum

    def positions(self, ra: npt.ArrayLike, dec: npt.ArrayLike) -> Floats:
        """Return zero-based x and y by wcslib; shape (2, n)."""
        a, d = np.atleast_1d(np.asarray(ra, float)), np.atleast_1d(np.asarray(dec, float))
        return np.array(_wcslib(self.cards).wcs_world2pix(a, d, 1)) - self.offset

    def holds(self, ra: npt.ArrayLike, dec: npt.ArrayLike) -> Bools:
        """Return whether the nearest pixel is one of the image."""
        x, y = np.floor(self.positions(ra, dec) + 0.5)
        ny, nx = SHAPE
        inside: Bools = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
        return inside

    def sky(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Floats:
        """Return right ascension and declination by wcslib, degrees; shape (2, n)."""
        return np.array(_wcslib(self.cards).wcs_pix2world(np.array([x, y]).T + self.offset, 1)).T

    def directions(self, n: int) -> Floats:
        """Return directions all over the image, its edges among them, n steps a pixel; shape (3, m)."""
        ny, nx = SHAPE
        y, x = np.meshgrid(np.linspace(-0.5, ny - 0.5, n * ny + 1), np.linspace(-0.5, nx - 0.5, n * nx + 1))
        return self._directions(x.ravel(), y.ravel())

    def edges(self, n: int) -> Floats:
        """Return directions all round the image, n steps a pixel; shape (3, m)."""
        ny, nx = SHAPE
        x, y = np.linspace(-0.5, nx - 0.5, n * nx + 1), np.linspace(-0.5, ny - 0.5, n * ny + 1)
        low_x, high_x = np.full(y.size, x[0]), np.full(y.size, x[-1])
        low_y, high_y = np.full(x.size, y[0]), np.full(x.size, y[-1])
        return self._directions(np.concatenate([x, x, low_x, high_x]), np.concatenate([low_y, high_y, y, y]))

    def _directions(self, x: Floats, y: Floats) -> Floats:
        return _directions(tuple(self.cards.items()), self.offset, x.tobytes(), y.tobytes())


@dataclass(frozen=True, slots=True)
class SmallSky:
    """A catalogue of two tiles side by side in two bands, and of the images about them.

    Parameters
    ----------
    database : str
        The URL of the database.
    images : sequence of Image
        Its epochs, in the order of their keys.
    coadds : mapping of str to mapping
        The coadd's WCS keywords of each tile.
    """

    database: str
    images: Sequence[Image]
    coadds: Mapping[str, Cards]

    @classmethod
    def make(
        cls,
        database: str,
        folder: Path,
        ra: float,
        dec: float,
        *,
        n_images: int = 14,
        flags_of: Callable[[int, str], npt.NDArray[np.int64]] | None = None,
    ) -> "SmallSky":
        """Make a catalogue about a place; every other image is an epoch of both tiles.

        `flags_of` makes the mask of an image from a seed and the tile; by default it is the same in both.
        """
        rng = np.random.default_rng(8)
        coadds = {"EAST": _cards(ra, dec, 0.5, 0.0, COADD_SHAPE), "WEST": _cards(ra, dec, -0.5, 0.0, COADD_SHAPE)}
        images = []
        for number, band in itertools.product(range(n_images), "ri"):
            east, north = rng.uniform(-1.2, 1.2), rng.uniform(-0.6, 0.6)
            own = {**_cards(ra, dec, east, north, SHAPE, angle=rng.uniform(0, 2 * math.pi)), **_kind(number)}
            seed = int(rng.integers(1 << 30))
            for tilename in ("EAST", "WEST") if number % 2 else ("EAST" if east > 0 else "WEST",):
                expnum = 1000 + 100 * (band == "i") + number
                flags = flags_of(seed, tilename) if flags_of else flags_image(seed, SHAPE)
                images.append(Image(tilename, band, expnum, 1 + number % 5, own, number % 3 / 2, flags))
        self = cls(database, sorted(images, key=lambda each: each.key), coadds)
        self._store(folder)
        return self

    def catalogue(self) -> goodpix.Catalogue:
        """Open the catalogue."""
        return goodpix.Catalogue(self.database)

    def seen(self, ra: float, dec: float) -> list[Image]:
        """Return the epochs that saw a position, by wcslib."""
        return [image for image in self.images if image.holds(ra, dec)[0]]

    def _store(self, folder: Path) -> None:
        opened = open_for_writing(self.database, masks=folder / "masks", campaign="small-sky", wcs_source="image")
        with opened as database:
            writer = Writer(database, {})
            for tilename, band in itertools.product(self.coadds, "ri"):
                mine = [image for image in self.images if (image.tilename, image.band) == (tilename, band)]
                masks = [_coadd(tilename, band, self.coadds[tilename]), *map(_epoch, mine)]
                mask_file = write_masks(database.root, masks, tilename=tilename, band=band)
                rows = tuple(StoredRow(row, k, made=True) for k, (row, _) in enumerate(masks))
                info = f"{tilename}_{band}"
                writer.commit(Receipt(info, tilename, band, whole=True, mask_file=mask_file, generation=1, rows=rows))


def around(sky: SmallSky, n: int, seed: int = 3) -> list[tuple[float, float]]:
    """Return positions on the images and between them."""
    coadd = sky.coadds["EAST"]
    rng = np.random.default_rng(seed)
    middle = {**coadd, "CRPIX1": 0.0, "CRPIX2": 0.0}
    x, y = rng.uniform(-1.5, 1.5, n) / SCALE, rng.uniform(-0.9, 0.9, n) / SCALE
    ra, dec = WCS(fits.Header(list(middle.items()))).wcs_pix2world(x, y, 1)
    return list(zip(ra.tolist(), dec.tolist(), strict=True))


def few_bad(seed: int, tilename: str) -> npt.NDArray[np.int64]:
    """Return a mask with few bad pixels: by the image, by the tile's coadd, and half of the image off that."""
    rng = np.random.default_rng(seed)
    flags = np.where(rng.random(SHAPE) < 0.01, np.int64(Criterion.SE_BMASK | 1 << 8), np.int64(0))
    x = np.arange(SHAPE[1])
    if tilename == "EAST":
        flags[rng.random(SHAPE) < 0.02] |= int(Criterion.COADD_SEG)
        flags[:, x >= 15 + seed % 15] = int(Criterion.OFF_COADD)
    else:
        flags[:: 7 + seed % 5, ::9] |= int(Criterion.COADD_BMASK) | 1 << 32
    return flags


def keys(found: pd.DataFrame) -> list[tuple[Any, ...]]:
    return [tuple(each) for each in found[KEY].to_numpy().tolist()]


def _wcslib(cards: Cards) -> WCS:
    return _made_wcs(tuple(cards.items()))


@functools.cache
def _made_wcs(cards: tuple[tuple[str, str | int | float], ...]) -> WCS:
    return WCS(fits.Header(list(cards)))


@functools.cache
def _directions(cards: tuple[tuple[str, str | int | float], ...], offset: float, x: bytes, y: bytes) -> Floats:
    # the same grids are asked for again and again
    xy = np.array([np.frombuffer(x), np.frombuffer(y)]) + offset
    return unit_vectors(*_made_wcs(cards).wcs_pix2world(*xy, 1))


def _kind(number: int) -> dict[str, Any]:
    """Return keywords that make an image one of four kinds: TAN, DECam's, of a high degree, through wcslib."""
    tpv: dict[str, Any] = {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"} | PV
    return [{}, tpv, tpv | {"PV1_12": 0.01, "PV2_17": -0.02}, tpv | {"PV1_3": 0.001, "PV2_3": -0.001}][number % 4]


def _cards(
    ra: float, dec: float, east: float, north: float, shape: tuple[int, int], *, angle: float = 0.0
) -> dict[str, Any]:
    """Return a TAN header about a place whose middle is some degrees off it: a pole stays the tangent point."""
    ny, nx = shape
    cd = SCALE * np.array([[-math.cos(angle), math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    off = np.linalg.solve(cd, [east, north])
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": (nx + 1) / 2 - off[0],
        "CRPIX2": (ny + 1) / 2 - off[1],
        **{f"CD{i + 1}_{j + 1}": float(cd[i, j]) for i in (0, 1) for j in (0, 1)},
    }


@functools.cache
def _footprint(cards: tuple[tuple[str, str | int | float], ...], shape: tuple[int, int], offset: float) -> Footprint:
    # two tiles have the same image, and catalogues about the same place have the same images
    return footprint(PixelGrid(Wcs.from_header(dict(cards), "image"), shape, offset))


def _facts(cards: Cards, shape: tuple[int, int], offset: float) -> dict[str, Any]:
    wcs = Wcs.from_header(cards, "image")
    place = _footprint(tuple(cards.items()), shape, offset)
    corners = {f"{axis}c{k + 1}": getattr(place, axis)[k] for axis in ("ra", "dec") for k in range(4)}
    return {
        "wcs": json.dumps(dict(wcs.keywords), sort_keys=True),
        "position_offset": offset,
        "ra_cent": place.ra_cent,
        "dec_cent": place.dec_cent,
        **corners,
    }


def _epoch(image: Image) -> tuple[MaskRow, Runs]:
    runs = encode(image.flags)
    facts = _facts(image.cards, SHAPE, image.offset)
    key: dict[str, Any] = {
        "tilename": image.tilename,
        "band": image.band,
        "expnum": image.expnum,
        "ccdnum": image.ccdnum,
    }
    row = epoch_row(runs, **key, **facts, mjd_obs=57000.5 + image.expnum)
    assert isinstance(row.facts, EpochFacts)
    return replace(row, hpix=_footprint(tuple(image.cards.items()), SHAPE, image.offset).hpix), runs


def _coadd(tilename: str, band: str, cards: Cards) -> tuple[MaskRow, Runs]:
    runs = encode(flags_image(5, COADD_SHAPE) & np.int64(0x70))
    row = coadd_row(runs, tilename=tilename, band=band, **_facts(cards, COADD_SHAPE, 1.0), **_limits(tilename, cards))
    assert isinstance(row.facts, CoaddFacts)
    return row, runs


def _limits(tilename: str, cards: Cards) -> dict[str, float]:
    """Return a unique region: of the half of the sky about the place that is the tile's, what is near."""
    ra, dec = float(cards["CRVAL1"]), float(cards["CRVAL2"])
    width = min(80.0, 1.0 / max(math.cos(math.radians(dec)), 1e-9))
    west, east = (ra, ra + width) if tilename == "EAST" else (ra - width, ra)
    return {
        "uramin": west % 360,
        "uramax": east % 360,
        "udecmin": max(-90.0, dec - 0.4),
        "udecmax": min(90.0, dec + 0.4),
    }
