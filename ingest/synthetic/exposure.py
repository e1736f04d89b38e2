"""Synthetic DECam exposures and their header cards."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...schema.cameras.decam import FILTERS
from .decam import Cards

__all__ = ["AMP_B_VARIANCE", "Exposure", "amplifiers", "exposure_cards"]

AMP_B_VARIANCE = 1 / 1.03
"""Ratio of the sky variance of amplifier B to that of amplifier A, both in ADU squared."""

_MJD_EPOCH = datetime(1858, 11, 17)
# an exposure before this hour UT belongs to the night that began on the previous date
_NOON_UT = 14

# southern rows of the focal plane: number in DETPOS of the first CCD of the row, by its ccdnum
_SOUTH_ROWS = {1: 29, 4: 25, 8: 20, 13: 14, 19: 8, 25: 1}
_LAST_SOUTH = 31


@dataclass(frozen=True, slots=True)
class Exposure:
    """Observing conditions of one CCD image.

    Parameters
    ----------
    expnum, ccdnum : int
        Exposure and CCD number.
    band : str
        Band.
    date_obs : datetime
        Start of the exposure, UTC, as a naive datetime.
    magzp : float
        Magnitude of a source of 1 ADU.
    fwhm : float
        Seeing, pixels.
    skybrite : float
        Subtracted sky level, ADU.
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
        """Date of the night's evening as YYYYMMDD."""
        evening = self.date_obs - timedelta(days=int(self.date_obs.hour < _NOON_UT))
        return int(evening.strftime("%Y%m%d"))


def exposure_cards(exposure: Exposure, shape: tuple[int, int]) -> Cards:
    """Return the image header cards that describe an exposure.

    Parameters
    ----------
    exposure : Exposure
        The exposure.
    shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    mapping
        NITE is a number for even and a string for odd exposures, since both occur; amplifiers A and B swap
        sides between the southern and northern halves of the focal plane.
    """
    ny, nx = shape
    a, b = (f"[{s.start + 1}:{s.stop},1:{ny}]" for s in amplifiers(exposure.ccdnum, nx))
    variance = exposure.sigma**2
    return {
        "EXPNUM": exposure.expnum,
        "CCDNUM": exposure.ccdnum,
        "BAND": exposure.band,
        "FILTER": FILTERS.get(exposure.band, f"{exposure.band} DECam"),
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
    """Return the columns read by amplifiers A and B of a CCD.

    Parameters
    ----------
    ccdnum : int
        CCD number.
    nx : int
        Columns of the image.

    Returns
    -------
    a, b : slice
        Half of the columns each, as in DES images: A reads the high half of southern CCDs and the low half of
        northern ones.
    """
    low, high = slice(0, nx // 2), slice(nx // 2, nx)
    return (high, low) if ccdnum <= _LAST_SOUTH else (low, high)


def _detpos(ccdnum: int) -> str:
    """Return the name of a CCD's position in the focal plane, such as ``S29``."""
    if ccdnum > _LAST_SOUTH:
        return f"N{ccdnum - _LAST_SOUTH}"
    first = max(row for row in _SOUTH_ROWS if row <= ccdnum)
    return f"S{_SOUTH_ROWS[first] + ccdnum - first}"
