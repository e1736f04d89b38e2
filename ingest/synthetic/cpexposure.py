"""Maker of a synthetic exposure as the NOIRLab Community Pipeline writes it."""

import math
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt

from ...schema.bits import DES_Y6
from .decam import PIXEL_ARCSEC, Cards, coadd_wcs_cards, decam_solutions, sky_to_pixel, solution_at
from .defects import SyntheticPlanes, bright_stars, epoch_planes
from .drawing import Sources, draw_sources, make_sources
from .exposure import Exposure, exposure_cards

__all__ = ["CP_CCDS", "make_cp_exposure", "write_cp_exposure"]

CP_CCDS: Mapping[str, int] = {"S1": 25, "S2": 26, "S3": 27}
"""CCD numbers of the exposure by extension: neighbours from west to east."""

_EXPNUM, _BAND = 802955, "r"
_START = datetime(2018, 12, 14, 5, 8, 44)
_NAME = "c4d_{:%y%m%d_%H%M%S}_oo{}_{}_v1.fits.fz"
_RA, _DEC = 22.8785, -32.1003
_SHAPE = (510, 254)  # trimmed by a pixel at each edge
_GAP = 153  # pixels between CCDs along a column
_DENSITY, _SKY, _SIGMA, _THRESHOLD = 7.0, 424.0, 9.0, 1.5
_SEED = 11

# Code of a pixel by the bits of DES that it has, the last that holds.
_CODES = (
    (8, ("STREAK",)),
    (5, ("CRAY",)),
    (4, ("TRAIL", "EDGEBLEED")),
    (3, ("SATURATE",)),
    (1, ("BPM", "BADAMP", "EDGE")),
)
_DIFFERENCE = 7
_MOVED = 1 << 20  # something that moved, which no bit of DES says


def make_cp_exposure(folder: Path) -> Path:
    """Make an exposure of three small DECam CCDs, packed, and return the file of its images.

    The sky is kept in the images, the weights are packed with SUBTRACTIVE_DITHER_1, and data quality holds codes.
    The files are the same every time.

    Parameters
    ----------
    folder : Path
        Output folder, created if it does not exist.
    """
    wide = coadd_wcs_cards(_RA, _DEC, (_SHAPE[0], 3 * _SHAPE[0]))
    sources = make_sources(np.random.default_rng(_SEED), wide, (_SHAPE[0], 3 * _SHAPE[0]), _GAP, _DENSITY, (700, 200))
    return write_cp_exposure(folder, [_make_ccd(sources, number, k) for k, number in enumerate(CP_CCDS.values())])


def write_cp_exposure(folder: Path, ccds: Sequence[tuple[SyntheticPlanes, Exposure, Cards]]) -> Path:
    """Write an exposure as the pipeline does, packed, and return the file of its images.

    Parameters
    ----------
    folder : Path
        Output folder, created if it does not exist.
    ccds : sequence of (SyntheticPlanes, Exposure, mapping)
        The CCD images of one exposure: planes with mask bits of the Dark Energy Survey, observing conditions, and the
        cards of the WCS and others that are not those of `goodpix.ingest.synthetic.exposure.exposure_cards`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    exposure = ccds[0][1]
    written = [_pixels_and_cards(*ccd) for ccd in ccds]
    primary: Cards = {
        "INSTRUME": "DECam",
        "TELESCOP": "CTIO 4.0-m telescope",
        "EXPNUM": exposure.expnum,
        "FILTER": exposure_cards(exposure, _SHAPE)["FILTER"],
        "DATE-OBS": exposure.date_obs.isoformat(timespec="milliseconds"),
        "PLVER": "V4.8.2a",
        "WCSCAL": "Successful",
        "MAGZERO": exposure.magzp,
    }
    paths = {letter: folder / _NAME.format(exposure.date_obs, letter, exposure.band) for letter in "wdi"}
    for letter, path in paths.items():  # the images last: without them there is no exposure
        with fitsio.FITS(os.fspath(path), "rw", clobber=True) as file:
            file.write(None, header=dict(primary))
            for pixels, cards in written:
                lossy = {"qlevel": 4, "qmethod": "SUBTRACTIVE_DITHER_1", "dither_seed": 1} if letter != "d" else {}
                codec = "RICE" if letter != "d" else "PLIO"
                file.write(pixels[letter], extname=cards["EXTNAME"], header=dict(cards), compress=codec, **lossy)
    return paths["i"]


def _make_ccd(sources: Sources, ccdnum: int, index: int) -> tuple[SyntheticPlanes, Exposure, Cards]:
    """Return the planes, the observing conditions and the WCS of a CCD of the demonstration."""
    rng = np.random.default_rng([_SEED, ccdnum])
    # DECam's y axis points east
    east = (index - 1) * (_SHAPE[0] + _GAP) * PIXEL_ARCSEC / 3600 / math.cos(math.radians(_DEC))
    wcs = solution_at(decam_solutions()[index], _RA + east, _DEC, _SHAPE)
    exposure = Exposure(_EXPNUM, ccdnum, _BAND, _START, 30.2, 4.1, _SKY, _SIGMA, 1.2)
    x, y = sky_to_pixel(wcs, sources.ra, sources.dec)
    truth = draw_sources(_SHAPE, x, y, sources, magzp=30.2, fwhm=4.1, sigma=_SIGMA, threshold=_THRESHOLD * _SIGMA)
    planes = epoch_planes(truth, bright_stars(x, y, sources), exposure, index, rng)
    planes.bmask[60:72, 180:192] |= _MOVED
    return planes, exposure, wcs


def _pixels_and_cards(
    planes: SyntheticPlanes, exposure: Exposure, others: Cards
) -> tuple[dict[str, npt.NDArray[Any]], Cards]:
    """Return the planes of a CCD by the letter of their files, and its header."""
    about = exposure_cards(exposure, planes.image.shape)
    facts = {key: about[key] for key in ("CCDNUM", "DETPOS", "EXPTIME", "MJD-OBS", "FWHM")}
    sky = {"AVSKY": exposure.skybrite, "AVSIG": exposure.sigma}
    pixels = {"i": planes.image + np.float32(exposure.skybrite), "w": planes.weight, "d": _codes(planes)}
    return pixels, {"EXTNAME": str(about["DETPOS"]), **facts, **sky, "LTV1": -1.0, "LTV2": -1.0, **others}


def _codes(planes: SyntheticPlanes) -> npt.NDArray[np.int32]:
    """Return the codes of data quality."""
    codes = np.zeros(planes.bmask.shape, np.int32)
    codes[(planes.bmask & _MOVED) != 0] = _DIFFERENCE
    for code, names in _CODES:
        codes[(planes.bmask & sum(DES_Y6.se[name] for name in names)) != 0] = code
    return codes
