"""Columns of epochs that are computed from their time, position and profile."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..columns import column
from .ephemeris import LAST_MJD, START_MJD, latitudes, observe
from .sites import site_of

__all__ = ["COMPUTED", "TOLERANCE", "Covariates", "Observed", "computed_columns"]

_REVISION = "0011"

# Decimals of stored values: finer than ERFA's series are true.
_DECIMALS = 6

TOLERANCE = 1e-5
"""Difference of computed values that a library's rounding explains, and nothing that matters exceeds."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariates:
    """Moon, sun and latitudes of an image; null where the time or the site is unknown."""

    moon_separation: float | None = column(
        "angle from the image centre to the moon at mid-exposure, degrees", None, since=_REVISION
    )
    moon_altitude: float | None = column(
        "altitude of the moon at mid-exposure, without refraction, degrees", None, since=_REVISION
    )
    moon_illumination: float | None = column(
        "illuminated fraction of the moon's disc at mid-exposure", None, since=_REVISION
    )
    sun_altitude: float | None = column(
        "altitude of the sun at mid-exposure, without refraction, degrees", None, since=_REVISION
    )
    galactic_latitude: float | None = column("galactic latitude of the image centre, degrees", None, since=_REVISION)
    ecliptic_latitude: float | None = column(
        "ecliptic latitude of the image centre (mean ecliptic of J2000), degrees", None, since=_REVISION
    )


COMPUTED = (*(each.name for each in fields(Covariates)), "airmass")
"""Names of the columns; ``airmass`` is computed where the header has none."""


class Observed(Protocol):
    """What the columns are computed from: facts of an epoch, or a row of the table."""

    @property
    def mjd_obs(self) -> float | None:
        """Start of the exposure, MJD, days."""

    @property
    def exptime(self) -> float | None:
        """Exposure time, s."""

    @property
    def airmass(self) -> float | None:
        """Airmass in the header."""

    @property
    def ra_cent(self) -> float:
        """Right ascension of the image centre, degrees."""

    @property
    def dec_cent(self) -> float:
        """Declination of the image centre, degrees."""

    @property
    def profile(self) -> str | None:
        """Profile of the image."""


def computed_columns(images: Sequence[Observed]) -> list[dict[str, float | None]]:
    """Return the computed columns of images.

    Parameters
    ----------
    images : sequence of Observed
        The images, of any exposures. Mid-exposure is ``mjd_obs`` + ``exptime`` / 2, or ``mjd_obs`` if ``exptime`` is
        unknown.

    Returns
    -------
    list of dict
        Values of `COMPUTED` by name, rounded to 6 decimals; an airmass of the header is left as it is.
    """
    if not images:
        return []
    ra, dec = _numbers(images, "ra_cent"), _numbers(images, "dec_cent")
    mjd = _numbers(images, "mjd_obs") + np.fmax(_numbers(images, "exptime"), 0.0) / 86400 / 2
    values = {name: np.full(len(images), np.nan) for name in COMPUTED}
    values["galactic_latitude"], values["ecliptic_latitude"] = latitudes(ra, dec)
    known = (mjd >= START_MJD) & (mjd <= LAST_MJD)
    profiles = [each.profile for each in images]
    for profile in dict.fromkeys(profiles):
        site = site_of(profile)
        of_site = known & np.array([each == profile for each in profiles])
        if site is None or not of_site.any():
            continue
        seen = observe(mjd[of_site], ra[of_site], dec[of_site], site)
        for name in ("moon_separation", "moon_altitude", "moon_illumination", "sun_altitude"):
            values[name][of_site] = getattr(seen, name)
        values["airmass"][of_site] = _airmass(seen.altitude)
    rows = zip(*(np.round(each, _DECIMALS).tolist() for each in values.values()), strict=True)
    columns = [{name: _known(value) for name, value in zip(values, row, strict=True)} for row in rows]
    return [
        row if image.airmass is None else row | {"airmass": image.airmass}
        for row, image in zip(columns, images, strict=True)
    ]


def _airmass(altitude: Floats) -> Floats:
    """Return the secant of the zenith distance; NaN at the horizon and below."""
    above = altitude > 0
    secant = np.full(altitude.shape, np.nan)
    secant[above] = 1 / np.sin(np.radians(altitude[above]))
    return secant


def _numbers(images: Sequence[Any], name: str) -> Floats:
    # None becomes NaN
    return np.array([getattr(each, name) for each in images], np.float64)


def _known(value: float) -> float | None:
    return None if value != value else value
