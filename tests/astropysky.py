"""Moon, sun and airmass by `astropy.coordinates`, for comparison with what is stored."""

from collections.abc import Iterator
from contextlib import contextmanager

import astropy.units as u
import numpy as np
import numpy.typing as npt
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, solar_system_ephemeris
from astropy.time import Time
from astropy.utils import iers

__all__ = ["astropy_columns"]

_BLANCO = ("-70d48m23.49s", "-30d10m10.78s", 2206.8)


@contextmanager
def _offline() -> Iterator[None]:
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        solar_system_ephemeris.set("builtin"),
    ):
        yield


def astropy_columns(mjd: npt.ArrayLike, ra: npt.ArrayLike, dec: npt.ArrayLike) -> dict[str, npt.NDArray[np.float64]]:
    """Return the covariates and airmass, negative below the horizon, of images at times and the Blanco telescope."""
    longitude, latitude, height = _BLANCO
    with _offline():
        time = Time(mjd, format="mjd", scale="utc")
        site = EarthLocation.from_geodetic(longitude, latitude, height * u.m)
        frame = AltAz(obstime=time, location=site)
        image = SkyCoord(ra, dec, unit="deg")
        moon, sun = (get_body(name, time, site).transform_to(frame) for name in ("moon", "sun"))
        # illumination as astroplan has it, from the centre of the earth
        of_moon, of_sun = get_body("moon", time), get_body("sun", time)
        elongation = of_sun.separation(of_moon)
        phase_angle = np.arctan2(
            of_sun.distance * np.sin(elongation), of_moon.distance - of_sun.distance * np.cos(elongation)
        )
        altaz = image.transform_to(frame)
        return {
            "moon_separation": moon.separation(altaz).deg,
            "moon_altitude": moon.alt.deg,
            "moon_illumination": ((1 + np.cos(phase_angle)) / 2).value,
            "sun_altitude": sun.alt.deg,
            "galactic_latitude": image.galactic.b.deg,
            "ecliptic_latitude": image.barycentricmeanecliptic.lat.deg,
            "airmass": altaz.secz.value,
        }
