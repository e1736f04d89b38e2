"""FITS files of no known pipeline: a science image, a variance and a mask of bits each, in files of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

__all__ = ["BITS", "EXPNUMS", "SHAPE", "own_flags", "own_planes", "wcs_cards", "write_own_files"]

Pixels = npt.NDArray[Any]

SHAPE = (80, 60)
BITS = {"BAD": 1, "SATURATED": 4, "COSMIC_RAY": 16}
EXPNUMS = (71, 72)
PIXEL = 0.25 / 3600


def own_planes(expnum: int) -> dict[str, Pixels]:
    """Return the planes of an exposure by the end of the file's name."""
    rng = np.random.default_rng(expnum)
    variance = rng.uniform(1, 4, SHAPE).astype(np.float32)
    variance[rng.random(SHAPE) < 0.05] = 0
    variance[rng.random(SHAPE) < 0.02] = np.nan
    bits = np.where(rng.random(SHAPE) < 0.2, rng.choice([1, 4, 16, 64], SHAPE), 0).astype(np.int16)
    seg = np.where(rng.random(SHAPE) < 0.15, 9, 0).astype(np.int32)
    return {"sci": rng.normal(100, 1, SHAPE).astype(np.float32), "var": variance, "dq": bits, "seg": seg}


def own_flags(expnum: int, *, seg: bool = True) -> Pixels:
    """Return the flags of an exposure in plain numpy."""
    planes = own_planes(expnum)
    bits = planes["dq"].astype(np.int64)
    flags: Pixels = (bits << 8) | np.where(bits != 0, 4, 0) | np.where(planes["var"] > 0, 0, 2)
    return flags | np.where(planes["seg"] > 0, 1, 0) if seg else flags


def wcs_cards(shape: tuple[int, int] = SHAPE, *, shift: float = 0.0, ra: float = 359.999) -> dict[str, Any]:
    """Return the WCS of an image near RA 0, shifted by some pixels."""
    cards: dict[str, Any] = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": -30.0}
    cards |= {"CRPIX1": shape[1] / 2 + shift, "CRPIX2": shape[0] / 2 + shift / 2}
    return cards | {"CD1_1": -PIXEL, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": PIXEL}


def write_own_files(folder: Path) -> None:
    """Write two exposures of one CCD each; their WCS stands in the primary header of the image's file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, expnum in enumerate(EXPNUMS):
        primary = {"FILTER": "r DECam", "TEXP": 30.0, "NOISE": 4.5, "DATE-OBS": "2020-01-02T03:00:00"}
        primary |= wcs_cards(shift=20.0 * number)
        for end, pixels in own_planes(expnum).items():
            first = fits.PrimaryHDU()
            first.header.update(primary)
            units = fits.HDUList([first, fits.ImageHDU(pixels, name=end.upper())])
            units.writeto(folder / f"exp{expnum}_ccd3_{end}.fits")
