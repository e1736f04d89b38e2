"""A catalogue of masks and images of a few pixels, on grids that differ by whole pixels.

Every coadd and CCD image has the same tangent point, so that the coadd pixel nearest to an image's pixel is the one
`Epoch.first` further on, and numpy can tell what a map of good pixels has to be.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt

from goodpix.ingest.database.opening import WritableDatabase, open_for_writing
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.tile import Receipt, StoredRow
from goodpix.schema.criteria import Criterion
from goodpix.schema.masks.rle import Runs, encode
from goodpix.schema.rows import MaskKey, MaskRow
from goodpix.schema.wcs.footprint import footprint
from goodpix.schema.wcs.pixelgrid import PixelGrid
from goodpix.schema.wcs.solution import Wcs

from .rows import coadd_row, epoch_row, flags_image, write_masks

EAST, WEST = "DES0200-4000", "DES0159-4000"
"""Tiles that overlap; their unique regions meet at column `BORDER` of the first."""

COADD_SHAPE, SHAPE = (50, 60), (40, 30)
BORDER = 20
BKG = 2.0
"""The survey's residual background of each image."""

_WEST_STEP = 20  # columns from the first pixel of one tile to that of the other
_PIXEL = 0.263 / 3600
_SE_ONLY = np.int64(0xFFFFFF07)
_COADD_ONLY = np.int64(0x00FFFFFF_000000_70)


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch of the catalogue.

    Parameters
    ----------
    key : MaskKey
        Its key.
    first : tuple of int
        x and y of its first pixel, in pixels of its tile's coadd.
    flags : ndarray of int64, shape (ny, nx)
        Its flags.
    """

    key: MaskKey
    first: tuple[int, int]
    flags: npt.NDArray[np.int64]

    def on_coadd(self, pixels: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which pixels of the coadd some pixels of the image fall on."""
        (x0, y0), (ny, nx) = self.first, pixels.shape
        margin = 40
        out = np.zeros((COADD_SHAPE[0] + 2 * margin, COADD_SHAPE[1] + 2 * margin), np.bool_)
        out[margin + y0 : margin + y0 + ny, margin + x0 : margin + x0 + nx] = pixels
        return out[margin:-margin, margin:-margin]


def _epoch(tilename: str, band: str, expnum: int, ccdnum: int, first: tuple[int, int]) -> Epoch:
    flags = flags_image(expnum, SHAPE) & _SE_ONLY
    epoch = Epoch(MaskKey(tilename, band, "epoch", expnum, ccdnum), first, flags)
    y, x = np.indices(SHAPE) + np.array(first[::-1])[:, np.newaxis, np.newaxis]
    off = (x < 0) | (x >= COADD_SHAPE[1]) | (y < 0) | (y >= COADD_SHAPE[0])
    flags[off] |= int(Criterion.OFF_COADD)
    return epoch


EPOCHS: Mapping[MaskKey, Epoch] = {
    epoch.key: epoch
    for epoch in (
        _epoch(WEST, "r", 1, 11, (5 - _WEST_STEP, 8)),
        _epoch(EAST, "i", 3, 11, (20, 5)),
        _epoch(EAST, "r", 1, 11, (5, 8)),
        _epoch(EAST, "r", 2, 12, (-6, 20)),
    )
}
"""The epochs in the order of their files; the image 1/11 is in both tiles."""


@dataclass(frozen=True, slots=True)
class MaskCatalogue:
    """Where the catalogue is."""

    url: str
    folder: Path

    def image(self, expnum: int) -> Path:
        """Return the FITS file of a CCD image, with extensions sci, wgt and bkg."""
        return self.folder / f"D{expnum}.fits"


def pixels_of(expnum: int) -> npt.NDArray[np.float32]:
    """Return the pixels of a CCD image: noise about a slope."""
    rng = np.random.default_rng(expnum)
    return (100 + 0.5 * np.arange(SHAPE[1]) + rng.normal(0, 2, SHAPE)).astype(np.float32)


def weights_of(expnum: int) -> npt.NDArray[np.float32]:
    """Return the weights of a CCD image."""
    return np.random.default_rng(50 + expnum).uniform(0.2, 0.3, SHAPE).astype(np.float32)


def make_masks(folder: Path) -> MaskCatalogue:
    """Make the catalogue."""
    made = MaskCatalogue(f"sqlite:///{folder / 'goodpix.db'}", folder)
    for expnum in {epoch.key.expnum for epoch in EPOCHS.values()}:
        assert expnum is not None
        with fitsio.FITS(made.image(expnum), "rw") as fits:
            fits.write(pixels_of(expnum), extname="sci")
            fits.write(weights_of(expnum), extname="wgt")
            fits.write(np.full(SHAPE, BKG, np.float32), extname="bkg")
    with open_for_writing(made.url, masks=folder / "masks", campaign="test", wcs_source="image") as database:
        for tilename, band in dict.fromkeys((key.tilename, key.band) for key in EPOCHS):
            _store(database, made, tilename, band)
    return made


def _store(database: WritableDatabase, made: MaskCatalogue, tilename: str, band: str) -> None:
    """Write the masks of a tile and band, and load their rows."""
    own = encode(flags_image(9, COADD_SHAPE) & _COADD_ONLY)
    step = _WEST_STEP if tilename == WEST else 0
    border = grid_of((0, 0), COADD_SHAPE).sky(np.array([BORDER - 0.5]), np.array([25.0]))[0].item()
    limits = {"uramin": 29.0, "uramax": border} if tilename == WEST else {"uramin": border, "uramax": 31.0}
    facts = {**limits, "udecmin": -41.0, "udecmax": -39.0}
    masks = [(_placed(coadd_row(own, tilename=tilename, band=band, **facts), grid_of((step, 0), COADD_SHAPE)), own)]
    masks += [_mask(made, epoch, step) for key, epoch in EPOCHS.items() if (key.tilename, key.band) == (tilename, band)]
    name = write_masks(database.root, masks, tilename=tilename, band=band)
    rows = tuple(StoredRow(row, number, made=True) for number, (row, _) in enumerate(masks))
    receipt = Receipt("info", tilename, band, whole=True, mask_file=name, generation=1, rows=rows)
    Writer(database, {}).commit(receipt)


def _mask(made: MaskCatalogue, epoch: Epoch, step: int) -> tuple[MaskRow, Runs]:
    runs, key = encode(epoch.flags), epoch.key
    assert key.expnum is not None
    assert key.ccdnum is not None
    path = str(made.image(key.expnum))
    planes = {"image": [path, "sci"], "weight": [path, "wgt"], "bkg": [path, "bkg"]}
    row = epoch_row(
        runs,
        tilename=key.tilename,
        band=key.band,
        expnum=key.expnum,
        ccdnum=key.ccdnum,
        planes=json.dumps(planes),
        image_path=path,
        nite=20150100 + key.expnum,
        skysigma=2.0,
        bunit="electrons",
        fingerprint=sha256(str(key).encode()).hexdigest(),
    )
    return _placed(row, grid_of((epoch.first[0] + step, epoch.first[1]), SHAPE)), runs


def grid_of(first: tuple[int, int], shape: tuple[int, int]) -> PixelGrid:
    """Return the grid of an image whose first pixel is a pixel of the eastern coadd."""
    return PixelGrid(Wcs.from_header(_cards(first), "test"), shape, 1.0)


def _cards(first: tuple[int, int]) -> dict[str, Any]:
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": 30.0,
        "CRVAL2": -40.0,
        "CRPIX1": 30.5 - first[0],
        "CRPIX2": 25.5 - first[1],
        "CD1_1": -_PIXEL,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": _PIXEL,
    }


def _placed(row: MaskRow, grid: PixelGrid) -> MaskRow:
    """Return a row of an image with its place on the sky."""
    where = footprint(grid)
    corners = {f"{name}c{k}": each for name in ("ra", "dec") for k, each in enumerate(getattr(where, name), 1)}
    facts = replace(
        row.facts, wcs=json.dumps(dict(grid.wcs.keywords)), ra_cent=where.ra_cent, dec_cent=where.dec_cent, **corners
    )
    return replace(row, facts=facts, hpix=where.hpix)
