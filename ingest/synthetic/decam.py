"""Astrometric headers of synthetic images, from real DECam solutions."""

import functools
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.wcs import WCS

__all__ = [
    "CCD_SHAPE",
    "PIXEL_ARCSEC",
    "Cards",
    "DecamSolution",
    "coadd_wcs_cards",
    "decam_solutions",
    "pixel_to_sky",
    "scamp_head_text",
    "shifted",
    "sky_to_pixel",
    "solution_at",
]

Cards = Mapping[str, str | int | float]
"""Header cards by keyword, in file order."""

CCD_SHAPE = (4096, 2048)
"""Rows and columns of a DECam CCD."""

PIXEL_ARCSEC = 0.263
"""Pixel size of DES coadds, arcsec; DECam's agrees to one part in a thousand."""

# a millionth of a pixel, degrees
_NEAR_ENOUGH = 1e-10
_MOST_STEPS = 20


@dataclass(frozen=True, slots=True)
class DecamSolution:
    """The astrometric solution of one real CCD.

    Parameters
    ----------
    ccdnum : int
        The CCD's number, 1 to 62.
    cards : mapping
        TPV keywords, in pixels of the whole CCD (4096 x 2048).
    """

    ccdnum: int
    cards: Cards


@functools.cache
def decam_solutions() -> tuple[DecamSolution, ...]:
    """Load the real astrometric solutions shipped with the package.

    Returns
    -------
    tuple of DecamSolution
        One per CCD image, 23 in all.
    """
    text = importlib.resources.files(__package__).joinpath("decam_headers.json").read_text()
    return tuple(DecamSolution(entry["ccdnum"], entry["wcs"]) for entry in json.loads(text))


def coadd_wcs_cards(ra: float, dec: float, shape: tuple[int, int]) -> Cards:
    """Return the TAN header of a coadd centred on a position.

    Parameters
    ----------
    ra, dec : float
        Tangent point, degrees.
    shape : tuple of int
        Rows and columns of the coadd.

    Returns
    -------
    mapping
        TAN keywords.
    """
    ny, nx = shape
    pixel = PIXEL_ARCSEC / 3600
    return {
        "EQUINOX": 2000.0,
        "RADESYS": "ICRS",
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": (nx + 1) / 2,
        "CRPIX2": (ny + 1) / 2,
        "CD1_1": -pixel,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": pixel,
    }


def solution_at(solution: DecamSolution, ra: float, dec: float, shape: tuple[int, int]) -> Cards:
    """Move a real solution to centre an image on a position.

    Parameters
    ----------
    solution : DecamSolution
        The solution of a whole CCD.
    ra, dec : float
        Position of the image centre, degrees.
    shape : tuple of int
        Rows and columns of the image, a cutout of the middle of the CCD.

    Returns
    -------
    mapping
        TPV keywords of the image, with the distortion of the middle of the real CCD.
    """
    ny, nx = shape
    cards = dict(shifted(solution.cards, (nx - CCD_SHAPE[1]) / 2, (ny - CCD_SHAPE[0]) / 2))
    cards["CRVAL1"], cards["CRVAL2"] = ra, dec
    middle_x, middle_y = np.array([(nx - 1) / 2]), np.array([(ny - 1) / 2])
    # each step reduces the offset about a hundredfold, or fivefold near a pole
    for _ in range(_MOST_STEPS):
        found_ra, found_dec = pixel_to_sky(cards, middle_x, middle_y)
        missing_ra = (ra - float(found_ra[0]) + 180) % 360 - 180
        missing_dec = dec - float(found_dec[0])
        if max(abs(missing_ra), abs(missing_dec)) < _NEAR_ENOUGH:
            break
        cards["CRVAL1"] = (float(cards["CRVAL1"]) + missing_ra) % 360
        cards["CRVAL2"] = float(cards["CRVAL2"]) + missing_dec
    return cards


def shifted(cards: Cards, dx: float, dy: float) -> Cards:
    """Return a header with the pixel origin shifted.

    Parameters
    ----------
    cards : mapping
        WCS keywords.
    dx, dy : float
        Offsets added to CRPIX1 and CRPIX2, pixels.

    Returns
    -------
    mapping
        Copy of `cards` with the new CRPIX1 and CRPIX2.
    """
    return {
        **cards,
        "CRPIX1": float(cards["CRPIX1"]) + dx,
        "CRPIX2": float(cards["CRPIX2"]) + dy,
    }


def _wcs(cards: Cards) -> WCS:
    return WCS(fits.Header(list(cards.items())))


def pixel_to_sky(
    cards: Cards, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Convert pixel coordinates to sky positions with wcslib.

    Parameters
    ----------
    cards : mapping
        WCS keywords.
    x, y : ndarray of float64, shape (n,)
        Zero-based pixel coordinates.

    Returns
    -------
    ra, dec : ndarray of float64, shape (n,)
        Degrees.
    """
    ra, dec = _wcs(cards).wcs_pix2world(x, y, 0)
    return ra, dec


def sky_to_pixel(
    cards: Cards, ra: npt.NDArray[np.float64], dec: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Convert sky positions to pixel coordinates with wcslib.

    Parameters
    ----------
    cards : mapping
        WCS keywords.
    ra, dec : ndarray of float64, shape (n,)
        Degrees.

    Returns
    -------
    x, y : ndarray of float64, shape (n,)
        Zero-based pixel coordinates.
    """
    x, y = _wcs(cards).wcs_world2pix(ra, dec, 0)
    return x, y


def scamp_head_text(cards: Cards) -> str:
    """Format a header as SCAMP does: one card per line, no NAXIS, then END.

    Parameters
    ----------
    cards : mapping
        WCS keywords.

    Returns
    -------
    str
        Contents of an ``.ohead`` file.
    """
    lines = ["HISTORY   Astrometric solution"]
    for keyword, value in cards.items():
        text = f"'{value:<8}'" if isinstance(value, str) else repr(value)
        lines.append(f"{keyword:<8}= {text:>20}")
    return "\n".join([*lines, "END", ""])
