"""Observatories of the profiles."""

from dataclasses import dataclass

__all__ = ["CERRO_TOLOLO", "Site", "site_of"]


@dataclass(frozen=True, slots=True)
class Site:
    """Location of a telescope.

    Parameters
    ----------
    longitude, latitude : float
        Geodetic longitude (positive east) and latitude on WGS84, degrees.
    height : float
        Height above the ellipsoid, m.
    """

    longitude: float
    latitude: float
    height: float


CERRO_TOLOLO = Site(longitude=-70.806525, latitude=-30.169661, height=2206.8)
"""The Blanco telescope with DECam, as CTIO gives it: 70 48 23.49 W, 30 10 10.78 S, 2206.8 m."""

# by the value of the column profile; masks of format 1 have none, and are of DES
_SITES = {None: CERRO_TOLOLO, "des": CERRO_TOLOLO}


def site_of(profile: str | None) -> Site | None:
    """Return the site of a profile's telescope; None if it is unknown, or the profile has several."""
    return _SITES.get(profile)
