"""A synthetic DECam exposure as its image headers tell of it."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from .decam import Cards

__all__ = ["AMP_B_VARIANCE", "Exposure", "amplifiers", "exposure_cards"]

AMP_B_VARIANCE = 1 / 1.03
"""Sky variance of amplifier B over that of amplifier A, in ADU squared."""

_MJD_EPOCH = datetime(1858, 11, 17)
# after this hour UT a Chilean night has the date of its own evening, before it that of the day before
_NOON_UT = 14

_FILTERS = {
    "u": "u DECam c0006 3500.0 1000.0",
    "g": "g DECam SDSS c0001 4720.0 1520.0",
    "r": "r DECam SDSS c0002 6415.0 1480.0",
    "i": "i DECam SDSS c0003 7835.0 1470.0",
    "z": "z DECam SDSS c0004 9260.0 1520.0",
    "Y": "Y DECam c0005 10095.0 1130.0",
}

# the focal plane's rows: first ccdnum of the row, and the number of its first slot
_SOUTH_ROWS = {1: 29, 4: 25, 8: 20, 14: 14, 19: 8, 25: 1}
_LAST_SOUTH = 31


@dataclass(frozen=True, slots=True)
class Exposure:
    """What the header of one CCD image says about how it was taken.

    Parameters
    ----------
    expnum, ccdnum : int
        Exposure and CCD number.
    band : str
        Band.
    date_obs : datetime
        Start of the exposure, UTC, without time zone.
    magzp : float
        Magnitude of a source of 1 ADU.
    fwhm : float
        Seeing, pixels.
    skybrite : float
        Sky level that was subtracted, ADU.
    sigma : float
        Sky noise of amplifier A, ADU; the variance of amplifier B is `AMP_B_VARIANCE` times that of A.
    airmass : float
        Airmass.
    """

    expnum: int
    ccdnum: int
    band: str
    date_obs: datetime
    magzp: float
    fwhm: float
    skybrite: float
    sigma: float
    airmass: float

    @property
    def nite(self) -> int:
        """The night as YYYYMMDD, dated by its evening."""
        evening = self.date_obs - timedelta(days=int(self.date_obs.hour < _NOON_UT))
        return int(evening.strftime("%Y%m%d"))


def exposure_cards(exposure: Exposure, shape: tuple[int, int]) -> Cards:
    """Return what the survey's image headers say about an exposure.

    Parameters
    ----------
    exposure : Exposure
        The exposure.
    shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    mapping
        NITE is a number for even and text for odd exposures, as both occur; the amplifiers change
        sides between the southern and the northern half of the focal plane.
    """
    ny, nx = shape
    a, b = (f"[{s.start + 1}:{s.stop},1:{ny}]" for s in amplifiers(exposure.ccdnum, nx))
    variance = exposure.sigma**2
    return {
        "EXPNUM": exposure.expnum,
        "CCDNUM": exposure.ccdnum,
        "BAND": exposure.band,
        "FILTER": _FILTERS.get(exposure.band, f"{exposure.band} DECam"),
        "NITE": exposure.nite if exposure.expnum % 2 == 0 else str(exposure.nite),
        "DATE-OBS": exposure.date_obs.isoformat(timespec="milliseconds"),
        "MJD-OBS": (exposure.date_obs - _MJD_EPOCH) / timedelta(days=1),
        "EXPTIME": 90.0,
        "AIRMASS": exposure.airmass,
        "FWHM": exposure.fwhm,
        "SKYBRITE": exposure.skybrite,
        "SKYSIGMA": math.sqrt(variance * (1 + AMP_B_VARIANCE) / 2),
        "SKYVARA": variance,
        "SKYVARB": variance * AMP_B_VARIANCE,
        "BUNIT": "ADU",
        "DETPOS": _detpos(exposure.ccdnum),
        "DATASECA": a,
        "DATASECB": b,
    }


def amplifiers(ccdnum: int, nx: int) -> tuple[slice, slice]:
    """Return the columns that amplifiers A and B of a CCD read.

    Parameters
    ----------
    ccdnum : int
        CCD number.
    nx : int
        Columns of the image.

    Returns
    -------
    a, b : slice
        Half of the columns each, as in DES images: A is the high half of southern CCDs, the low one of northern.
    """
    low, high = slice(0, nx // 2), slice(nx // 2, nx)
    return (high, low) if ccdnum <= _LAST_SOUTH else (low, high)


def _detpos(ccdnum: int) -> str:
    """Return the name of a CCD's place in the focal plane."""
    if ccdnum > _LAST_SOUTH:
        return f"N{ccdnum - _LAST_SOUTH}"
    first = max(row for row in _SOUTH_ROWS if row <= ccdnum)
    return f"S{_SOUTH_ROWS[first] + ccdnum - first}"
