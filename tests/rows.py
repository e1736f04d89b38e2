"""Masks and rows like those of an ingest."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpix.schema.amplifiers import Amplifiers
from goodpix.schema.bits import DES_Y6
from goodpix.schema.counts import count, count_coadd
from goodpix.schema.maskfile import MaskFile, MaskFileWriter
from goodpix.schema.masks.rle import Runs, encode
from goodpix.schema.rows import CoaddFacts, EpochFacts, MaskKey, MaskRow, nonzero_bits
from goodpix.schema.store.masksroot import MasksRoot

TILE, BAND = "DES0124-3332", "i"
PIXEL_AREA = 0.0692

_WCS: dict[str, Any] = {
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 21.0,
    "CRVAL2": -33.5,
    "CRPIX1": 15.5,
    "CRPIX2": 20.5,
    "CD1_1": -7.3e-5,
    "CD1_2": 0.0,
    "CD2_1": 0.0,
    "CD2_2": 7.3e-5,
}
_SHARED: dict[str, Any] = {
    "wcs": json.dumps(_WCS),
    **{name: 20.0 + k for k, name in enumerate(("rac1", "rac2", "rac3", "rac4", "ra_cent"))},
    **{name: -33.0 - k for k, name in enumerate(("decc1", "decc2", "decc3", "decc4", "dec_cent"))},
    "magzp": 30.0,
    "scale": 1.1,
    "image_flags": 0,
    "pfw_attempt_id": None,
    "filename": "D00492768_i_c11_immasked.fits.fz",
    "image_path": "$MEDS_DIR/D00492768_i_c11_immasked.fits.fz",
    "planes": json.dumps({"weight": ["a.fits", "wgt"]}),
    "position_offset": 1.0,
    "weight_zquantiz": "SUBTRACTIVE_DITHER_2",
    "fingerprint": "f" * 64,
}
_EPOCH: dict[str, Any] = {
    **dict.fromkeys(("wcs_delta_pix", "mjd_obs", "airmass", "skyvara", "skyvarb", "skysigma")),
    **dict.fromkeys(("date_obs", "bunit", "detpos", "dataseca", "datasecb")),
    "nite": 20151106,
    "exptime": 90.0,
    "fwhm": 3.5,
    "skybrite": 900.25,
    "se_seg_used": True,
    "stale": False,
}
_COADD: dict[str, Any] = {"crossra0": "N", "uramin": 20.5, "uramax": 21.5, "udecmin": -33.9, "udecmax": -33.1}

SORTS = np.array([0, 0, 1, 2, 4 | 1 << 8, 4 | 1 << 13, 8, 16, 32, 64 | 1 << 32, 1 | 16, 1 << 31 | 4], np.int64)
"""Flags of pixels, with 0 twice to make good pixels more frequent."""


def flags_image(seed: int, shape: tuple[int, int] = (40, 30)) -> npt.NDArray[np.int64]:
    """Return flags that repeat along columns, like those of a CCD."""
    rng = np.random.default_rng(seed)
    ny, nx = shape
    return np.repeat(rng.choice(SORTS, (-(-ny // 3), nx)), 3, axis=0)[:ny]


def some_runs(seed: int, shape: tuple[int, int] = (40, 30)) -> Runs:
    return encode(flags_image(seed, shape))


def epoch_row(
    runs: Runs,
    *,
    tilename: str = TILE,
    band: str = BAND,
    expnum: int = 492768,
    ccdnum: int = 11,
    unique: tuple[int, int] | None = None,
    **facts: Any,
) -> MaskRow:
    given = EpochFacts(**{**_SHARED, **_EPOCH, **facts})
    counts, bits = count(
        runs,
        amplifiers=Amplifiers.halves((runs.ny, runs.nx)),
        pixel_area=PIXEL_AREA,
        unique=unique,
        se_seg_used=given.se_seg_used,
    )
    key = MaskKey(tilename, band, "epoch", expnum, ccdnum)
    return MaskRow(key, runs.nx, runs.ny, runs.checksum, counts, given, nonzero_bits(bits), {7: 5, 8: -(1 << 63)})


def coadd_row(runs: Runs, *, tilename: str = TILE, band: str = BAND, **facts: Any) -> MaskRow:
    counts, bits = count_coadd(runs, pixel_area=PIXEL_AREA, unique=None)
    given = CoaddFacts(**{**_SHARED, **_COADD, **facts})
    key = MaskKey(tilename, band, "coadd", None, None)
    return MaskRow(key, runs.nx, runs.ny, runs.checksum, counts, given, nonzero_bits(bits), {7: 5, 8: -(1 << 63)})


def write_masks(
    root: MasksRoot, masks: list[tuple[MaskRow, Runs]], *, tilename: str = TILE, band: str = BAND, generation: int = 1
) -> str:
    """Write a mask file and return its name below the root."""
    with MaskFileWriter(root, tilename, band, generation, DES_Y6) as writer:
        for row, runs in masks:
            writer.add(row, runs)
        return writer.finish()


def contents_of(path: Path) -> list[tuple[MaskRow, bytes, bytes]]:
    """Return all that a reader gets out of a mask file: rows, and the bytes of lengths and flags."""
    file = MaskFile.open(path)
    masks = [(file.row(k), file.runs(k, file.row(k).key)) for k in range(len(file))]
    return [(row, runs.lengths.tobytes(), runs.flags.tobytes()) for row, runs in masks]


def folder_of(root: MasksRoot) -> Path:
    """Return the folder of a local masks root."""
    return Path(str(root))


def coadd_and_epochs(n_epochs: int, *, shape: tuple[int, int] = (40, 30)) -> list[tuple[MaskRow, Runs]]:
    """Return the masks of one file: the coadd's own mask, then those of epochs."""
    own = encode(flags_image(999, shape) & np.int64(0x00FFFFFF_000000_70))
    masks = [(coadd_row(own), own)]
    for k in range(n_epochs):
        runs = some_runs(k, shape)
        masks.append((epoch_row(runs, expnum=492768 + k, ccdnum=11 + k), runs))
    return masks
