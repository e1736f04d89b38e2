"""Positions of the moon, the sun and images as seen from a site.

ERFA is called directly, with what astropy calls for its ephemeris ``builtin``: `astropy.coordinates` takes longer to
import than a tile's rows take to store.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import erfa
import numpy as np
import numpy.typing as npt

from .sites import Site

__all__ = ["LAST_MJD", "START_MJD", "Appearance", "latitudes", "observe"]

Floats = npt.NDArray[np.float64]

START_MJD, LAST_MJD = 41317.0, 88068.0
"""Range of times, 1972 to 2099: leap seconds began with it, and the series for the earth ends with it."""

_TT_TAI = 32.184
_DAY = 86400.0

# UT1 - TAI at MJD 51544 + 365.25 k, s, from the IERS series EOP 14 C04; interpolated within 0.08 s, which is 0.0004
# degrees of altitude. Numbers in the code, unlike a file of astropy's, give the same columns at every rebuild.
_UT1_START, _UT1_STEP = 51544.0, 365.25
# fmt: off
_UT1_TAI = (
    -31.64, -31.91, -32.12, -32.29, -32.39, -32.50, -32.66, -32.96, -33.27, -33.59, -33.89, -34.14, -34.42, -34.72,
    -35.10, -35.46, -35.92, -36.41, -36.78, -37.04, -37.18, -37.18, -37.11, -37.02, -36.99, -36.95, -36.93,
)
# fmt: on


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """Appearance of the sky around images, from a site.

    Parameters
    ----------
    moon_separation : ndarray of float64, shape (n,)
        Angle between the moon and the image, degrees.
    moon_altitude, sun_altitude, altitude : ndarray of float64, shape (n,)
        Altitudes of the moon, the sun and the image, without refraction, degrees.
    moon_illumination : ndarray of float64, shape (n,)
        Illuminated fraction of the moon's disc, from the centre of the earth.
    """

    moon_separation: Floats
    moon_altitude: Floats
    moon_illumination: Floats
    sun_altitude: Floats
    altitude: Floats


def observe(mjd: Floats, ra: Floats, dec: Floats, site: Site) -> Appearance:
    """Return the appearance of the sky around images at given times.

    Parameters
    ----------
    mjd : ndarray of float64, shape (n,)
        Times, UTC, days, from `START_MJD` to `LAST_MJD`.
    ra, dec : ndarray of float64, shape (n,)
        ICRS positions, degrees.
    site : Site
        The observatory.

    Returns
    -------
    Appearance
        Positions are topocentric, and include aberration.
    """
    # the CCD images of an exposure share their time
    times, which = np.unique(mjd, return_inverse=True)
    tt = times + (_tai_utc(times) + _TT_TAI) / _DAY
    from_sun, barycentric = _earth(tt)
    astrometry = _astrometry(times, tt, from_sun, barycentric, site)
    moon = erfa.moon98(erfa.DJM0, tt)
    from_observer = barycentric["p"] + moon["p"] - astrometry["eb"]
    light_time = np.linalg.norm(from_observer, axis=-1, keepdims=True) * erfa.AULT / _DAY
    moon_at = _apparent(from_observer - (barycentric["v"] + moon["v"]) * light_time, astrometry)
    sun_at = _apparent(barycentric["p"] - from_sun - astrometry["eb"], astrometry)
    phase_angle = erfa.sepp(-from_sun - moon["p"], -moon["p"])
    of_images = astrometry[which]
    image_at = erfa.atciqz(np.radians(ra), np.radians(dec), of_images)
    return Appearance(
        moon_separation=np.degrees(erfa.seps(*image_at, *(each[which] for each in moon_at))),
        moon_altitude=_altitude(moon_at, astrometry)[which],
        moon_illumination=((1 + np.cos(phase_angle)) / 2)[which],
        sun_altitude=_altitude(sun_at, astrometry)[which],
        altitude=_altitude(image_at, of_images),
    )


def latitudes(ra: Floats, dec: Floats) -> tuple[Floats, Floats]:
    """Return galactic and ecliptic latitudes.

    Parameters
    ----------
    ra, dec : ndarray of float64, shape (n,)
        ICRS positions, degrees.

    Returns
    -------
    tuple of ndarray of float64, shape (n,)
        Galactic latitude, and latitude on the mean ecliptic of J2000, degrees.
    """
    _, galactic = erfa.icrs2g(np.radians(ra), np.radians(dec))
    direction = erfa.s2c(np.radians(ra), np.radians(dec)) @ erfa.ecm06(erfa.DJ00, 0.0).T
    _, ecliptic = erfa.c2s(direction)
    return np.degrees(galactic), np.degrees(ecliptic)


def _earth(tt: Floats) -> tuple[Floats, Any]:
    """Return the earth's position from the sun, and its barycentric position and velocity, in au and au per day.

    The series has thousands of terms, so it is evaluated at midnights, which the images of a survey share, and
    interpolated in between by a cubic within 1e-9 au.
    """
    midnight = np.floor(tt)
    nights, which = np.unique(midnight, return_inverse=True)
    start, end = (np.stack([_earth_at(night + k) for night in nights.tolist()])[which] for k in (0.0, 1.0))
    (p0, v0), (p1, v1) = ((each[:, :, 0], each[:, :, 1]) for each in (start, end))
    f = (tt - midnight)[:, None, None]
    rise = p1 - p0
    position = p0 + f * (v0 + f * (3 * rise - 2 * v0 - v1 + f * (v0 + v1 - 2 * rise)))
    barycentric = np.empty(tt.shape, erfa.dt_pv)
    barycentric["p"], barycentric["v"] = position[:, 1], ((1 - f) * v0 + f * v1)[:, 1]
    return position[:, 0], barycentric


@lru_cache(maxsize=10_000)
def _earth_at(tt: float) -> Floats:
    """Return heliocentric and barycentric position and velocity, shape (2, 2, 3)."""
    return np.array([[each["p"], each["v"]] for each in erfa.epv00(erfa.DJM0, tt)])


def _tai_utc(mjd: Floats) -> Floats:
    """Return the leap seconds in force, s."""
    leaps = erfa.leap_seconds.get()
    since = erfa.cal2jd(leaps["year"], leaps["month"], 1)[1]
    seconds: Floats = leaps["tai_utc"][np.searchsorted(since, mjd, side="right") - 1]
    return seconds


def _ut1_utc(mjd: Floats) -> Floats:
    """Return UT1 - UTC, s; outside the table 0, which is right within a second."""
    known = _UT1_START + _UT1_STEP * np.arange(len(_UT1_TAI))
    ut1_tai = np.interp(mjd, known, _UT1_TAI)
    return np.where((mjd >= known[0]) & (mjd <= known[-1]), ut1_tai + _tai_utc(mjd), 0.0)


def _astrometry(times: Floats, tt: Floats, from_sun: Floats, barycentric: Any, site: Site) -> Any:
    """Return ERFA's parameters for a site without refraction and polar motion (0.3 arcsec)."""
    return erfa.apco(
        erfa.DJM0,
        tt,
        barycentric,
        from_sun,
        *erfa.xys00b(erfa.DJM0, tt),
        erfa.era00(erfa.DJM0, times + _ut1_utc(times) / _DAY),
        np.radians(site.longitude),
        np.radians(site.latitude),
        site.height,
        *(0.0, 0.0, erfa.sp00(erfa.DJM0, tt)),
        *(0.0, 0.0),
    )


def _apparent(direction: Floats, astrometry: Any) -> tuple[Floats, Floats]:
    """Return the apparent (CIRS) position of a body, radians, from its direction in the barycentric frame."""
    right_ascension, declination = erfa.atciqz(*erfa.c2s(direction), astrometry)
    return right_ascension, declination


def _altitude(position: tuple[Floats, Floats], astrometry: Any) -> Floats:
    """Return the altitude of an apparent position, degrees."""
    zenith_distance = erfa.atioq(*position, astrometry)[1]
    altitude: Floats = 90.0 - np.degrees(zenith_distance)
    return altitude
