"""TPV keywords: a tangent plane with polynomial distortion, for one header or many at once.

The value of a keyword may be a number, or an array with one number per header. The shape of the array then comes first
in the shape of results.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["is_polynomial", "pv_coefficients", "tangent_frame"]

_TANGENT = ({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}, {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"})
_OTHER_DISTORTION = ("A_", "B_", "AP_", "BP_", "CROTA")
_DEFAULTS = {"LONPOLE": 180.0, "LATPOLE": 90.0, "CRVAL2": 0.0}

# numbers m of PVi_m that multiply powers of the radius; all others, in order, multiply the products x**p * y**q of the
# TPV convention (FITS registry), where x is the axis i and y the other axis
_RADIAL = {3, 11, 23, 39}


def _pv_powers() -> dict[int, tuple[int, int]]:
    """Return the powers of (axis i, other axis) of each polynomial term PVi_m, by m."""
    powers: dict[int, tuple[int, int]] = {}
    m = 0
    for order in range(8):
        for k in range(order + 1):
            powers[m] = (order - k, k)
            m += 1
        if m in _RADIAL:
            m += 1
    return powers


_PV_POWERS = _pv_powers()


def is_polynomial(cards: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Return whether the projection is a tangent plane with at most polynomial PV terms, and default poles and units.

    Parameters
    ----------
    cards : mapping
        WCS keywords; see the module.
    """
    lonpole, latpole, crval2 = (np.asarray(cards.get(key, absent), np.float64) for key, absent in _DEFAULTS.items())
    out = (lonpole == 180) & ((latpole == 90) | (latpole == crval2))
    if "LONPOLE" in cards:
        # at the pole, the default LONPOLE is 0
        out = out & (crval2 != 90)
    tpv = cards["CTYPE1"] == "RA---TPV"
    pv = [key for key in cards if key.startswith("PV")]
    for key in pv:
        if int(key[4:]) in _RADIAL:
            out = out & (np.asarray(cards[key], np.float64) == 0)
    known = (
        {key: cards[key] for key in ("CTYPE1", "CTYPE2")} in _TANGENT
        and {str(cards.get(f"CUNIT{axis}", "deg")) for axis in (1, 2)} == {"deg"}
        and not any(key.startswith(_OTHER_DISTORTION) for key in cards)
        and (tpv or not pv)
    )
    return np.asarray(out & known)


def _pv_numbers(cards: Mapping[str, Any]) -> set[int]:
    """Return the numbers of the PV terms that are nonzero in at least one header."""
    return {int(key[4:]) for key, value in cards.items() if key.startswith("PV") and np.any(np.asarray(value) != 0)}


def pv_coefficients(cards: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """Return the PV polynomials in the intermediate world coordinates (u, v), degrees.

    Parameters
    ----------
    cards : mapping
        WCS keywords for which `is_polynomial` holds; see the module.

    Returns
    -------
    ndarray of float64, shape (..., 2, n, n)
        Element ``[..., axis, p, q]`` multiplies ``u**p * v**q``. Without PV terms, xi = u and eta = v.

    Notes
    -----
    The TPV convention, https://fits.gsfc.nasa.gov/registry/tpvwcs.html: an absent linear term PVi_1 is 1, any other
    absent term 0.
    """
    degree = max([sum(_PV_POWERS[m]) for m in _pv_numbers(cards)], default=1) or 1
    out = np.zeros((*np.shape(cards.get("CRVAL1", 0.0)), 2, degree + 1, degree + 1))
    for m, (own, other) in _PV_POWERS.items():
        if own + other <= degree:
            out[..., 0, own, other] = cards.get(f"PV1_{m}", float(m == 1))
            out[..., 1, other, own] = cards.get(f"PV2_{m}", float(m == 1))
    return out


def tangent_frame(ra: float, dec: float) -> list[list[float]]:
    """Return unit vectors of xi (east), eta (north) and the tangent point, in equatorial coordinates.

    Parameters
    ----------
    ra, dec : float
        Tangent point, degrees.
    """
    a, d = math.radians(ra), math.radians(dec)
    if dec == 90:
        # the default LONPOLE is 0 there (Calabretta & Greisen 2002, A&A 395, 1077, section 2.2)
        a += math.pi
    # exact at the poles, where rounding would leave a small horizontal component
    sin_dec = math.copysign(1.0, d) if abs(dec) == 90 else math.sin(d)
    cos_dec = 0.0 if abs(dec) == 90 else math.cos(d)
    sin_ra, cos_ra = math.sin(a), math.cos(a)
    return [
        [-sin_ra, cos_ra, 0.0],
        [-sin_dec * cos_ra, -sin_dec * sin_ra, cos_dec],
        [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec],
    ]
