"""The celestial coordinates of a FITS header."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import WcsError

__all__ = ["Wcs", "unit_vectors"]

Card = str | int | float

_KEYWORD = re.compile(
    r"WCSAXES|RADESYS|EQUINOX|LONPOLE|LATPOLE|(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA)[12]"
    r"|(CD|PC)[12]_[12]|PV[12]_\d+|(A|B|AP|BP)_(ORDER|\d_\d)"
)
_LOOKUP_DISTORTION = re.compile(r"(CPDIS|CQDIS|D2IMDIS)[12]")
_NEEDED = ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")
_TEXT = {"CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "RADESYS"}

# PVi_m: powers of (own axis, other axis); TPV convention, FITS registry, m = 0..38 without radial terms
_RADIAL = {3: 1, 11: 3, 23: 5, 39: 7}
_N_PV = 40

# radians; a hundred-thousandth of a DECam pixel
_ROUND_TRIP = 1e-11


def _pv_powers() -> dict[int, tuple[int, int]]:
    """Return the powers of (own axis, other axis) of each polynomial PV term."""
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


@dataclass(frozen=True, slots=True)
class Wcs:
    """The celestial coordinates of one image, checked.

    Parameters
    ----------
    keywords : mapping of str to str, int or float
        The WCS keywords of the header, upper case; enough to rebuild the object.
    """

    keywords: Mapping[str, Card]

    @classmethod
    def from_header(cls, header: Mapping[str, Any], source: str) -> "Wcs":
        """Take the WCS keywords out of a header and check them.

        Parameters
        ----------
        header : mapping
            A FITS header; keys in either case.
        source : str
            What the header belongs to, for messages.

        Raises
        ------
        WcsError
            If the header is not celestial (RA and DEC), lacks CTYPE, CRVAL, CRPIX or a CD matrix,
            holds a number that is not finite, or has a singular CD matrix.
        """
        cards: dict[str, Card] = {}
        for given in header:
            key = str(given).upper()
            value = header[given]
            if _LOOKUP_DISTORTION.fullmatch(key):
                raise WcsError(f"{source}: {key} asks for a distortion table: expected a WCS of keywords alone")
            if _KEYWORD.fullmatch(key) and value is not None and str(value).strip():
                cards[key] = _card(key, value, source)
        for key in _NEEDED:
            if key not in cards:
                raise WcsError(f"{source}: the header has no {key}: expected a celestial WCS")
        self = cls(MappingProxyType(cards))
        self._check(source)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # a mapping proxy cannot be pickled
        return (_from_cards, (dict(self.keywords),))

    def _check(self, source: str) -> None:
        axes = {str(self.keywords[f"CTYPE{k}"]).upper().split("-")[0] for k in (1, 2)}
        if axes != {"RA", "DEC"}:
            both = f"{self.keywords['CTYPE1']!r}, {self.keywords['CTYPE2']!r}"
            raise WcsError(f"{source}: CTYPE is {both}: expected RA and DEC, a celestial WCS")
        if not any(re.fullmatch(r"CD\d_\d|CDELT\d", key) for key in self.keywords):
            raise WcsError(f"{source}: the header has neither CD1_1 nor CDELT1: expected the pixel scale")
        if self.n_terms("PV") and max(self._pv_numbers()) >= _N_PV:
            raise WcsError(f"{source}: PV term {max(self._pv_numbers())}: expected 0 to {_N_PV - 1}")
        declination = self._number("CRVAL2" if self._upright else "CRVAL1")
        if abs(declination) > 90:
            raise WcsError(f"{source}: the declination in CRVAL is {declination}: expected -90 to 90 degrees")
        cd = self.cd
        size = float(np.abs(cd).max())
        if size == 0 or abs(np.linalg.det(cd / size)) < 1e-12:
            raise WcsError(f"{source}: the CD matrix {cd.tolist()} is singular")

    def _number(self, key: str, default: float = 0.0) -> float:
        return float(self.keywords.get(key, default))

    def _pv_numbers(self) -> list[int]:
        """Return the numbers of the PV terms that are not zero."""
        return [int(key[4:]) for key, value in self.keywords.items() if key.startswith("PV") and float(value) != 0]

    def n_terms(self, prefix: str) -> int:
        """Return how many keywords with that prefix the header has."""
        return sum(key.startswith(prefix) for key in self.keywords)

    @property
    def _upright(self) -> bool:
        return str(self.keywords["CTYPE1"]).upper().startswith("RA")

    @property
    def crval(self) -> npt.NDArray[np.float64]:
        """CRVAL1 and CRVAL2, degrees; shape (2,)."""
        return np.array([self._number("CRVAL1"), self._number("CRVAL2")])

    @property
    def crpix(self) -> npt.NDArray[np.float64]:
        """CRPIX1 and CRPIX2, one-based pixels; shape (2,)."""
        return np.array([self._number("CRPIX1"), self._number("CRPIX2")])

    @property
    def cd(self) -> npt.NDArray[np.float64]:
        """The CD matrix, degrees per pixel; shape (2, 2). From CDELT and PC where there is no CD."""
        if self.n_terms("CD1_") or self.n_terms("CD2_"):
            return np.array([[self._number(f"CD{i}_{j}") for j in (1, 2)] for i in (1, 2)])
        pc = np.array([[self._number(f"PC{i}_{j}", float(i == j)) for j in (1, 2)] for i in (1, 2)])
        out: npt.NDArray[np.float64] = pc * np.array([[self._number("CDELT1", 1.0)], [self._number("CDELT2", 1.0)]])
        return out

    @property
    def polynomial(self) -> bool:
        """Whether this is a tangent plane with at most polynomial PV terms, and default poles and units."""
        ctypes = {str(self.keywords[f"CTYPE{k}"]).upper() for k in (1, 2)}
        units = {str(self.keywords.get(f"CUNIT{k}", "deg")).strip().lower() for k in (1, 2)}
        return (
            self._upright
            and ctypes in ({"RA---TAN", "DEC--TAN"}, {"RA---TPV", "DEC--TPV"})
            and units <= {"deg", "degree", "degrees"}
            and self._number("LONPOLE", 180.0) == 180
            and not ("LONPOLE" in self.keywords and self._number("CRVAL2") == 90)
            and self._number("LATPOLE", 90.0) in (90.0, self._number("CRVAL2"))
            and not any(self.n_terms(prefix) for prefix in ("A_", "B_", "AP_", "BP_", "CROTA"))
            and not set(self._pv_numbers()) & set(_RADIAL)
        )

    def pv_coefficients(self) -> npt.NDArray[np.float64]:
        """Return the PV polynomials over intermediate world coordinates (u, v) in degrees.

        Returns
        -------
        ndarray of float64, shape (2, n, n)
            Element ``[axis, p, q]`` multiplies ``u**p * v**q``. Without PV terms: xi = u, eta = v.

        Notes
        -----
        The TPV convention, https://fits.gsfc.nasa.gov/registry/tpvwcs.html: a linear term PVi_1
        that is absent is 1, any other 0.
        """
        degree = max([sum(_PV_POWERS[m]) for m in self._pv_numbers() if m in _PV_POWERS] + [1])
        out = np.zeros((2, degree + 1, degree + 1))
        for m, (own, other) in _PV_POWERS.items():
            if own + other <= degree:
                out[0, own, other] = self._number(f"PV1_{m}", float(m == 1))
                out[1, other, own] = self._number(f"PV2_{m}", float(m == 1))
        return out

    def basis(self) -> npt.NDArray[np.float64]:
        """Return the tangent frame: unit vectors of xi (east), eta (north) and the tangent point.

        Returns
        -------
        ndarray of float64, shape (3, 3)
            One vector a row, in equatorial coordinates.
        """
        ra, dec = np.radians(self.crval)
        if self.crval[1] == 90:
            # the default LONPOLE is 0 there (Calabretta & Greisen 2002, A&A 395, 1077, section 2.2)
            ra += math.pi
        # sines and cosines of the exact multiples of 90 degrees must be exact, else a pole is no pole
        sin_dec = math.copysign(1.0, dec) if abs(self.crval[1]) == 90 else math.sin(dec)
        cos_dec = 0.0 if abs(self.crval[1]) == 90 else math.cos(dec)
        sin_ra, cos_ra = math.sin(ra), math.cos(ra)
        return np.array(
            [
                [-sin_ra, cos_ra, 0.0],
                [-sin_dec * cos_ra, -sin_dec * sin_ra, cos_dec],
                [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec],
            ]
        )

    def vectors(self, fits_x: npt.NDArray[np.float64], fits_y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the directions of pixel positions.

        Parameters
        ----------
        fits_x, fits_y : ndarray of float64, shape (n,)
            One-based pixel coordinates.

        Returns
        -------
        ndarray of float64, shape (3, n)
            Unit vectors in equatorial coordinates.
        """
        if not self.polynomial:
            wcs = self.wcslib()
            sky = wcs.all_pix2world(fits_x, fits_y, 1)
            return unit_vectors(sky[wcs.wcs.lng], sky[wcs.wcs.lat])
        u, v = self.cd @ np.array([fits_x - self.crpix[0], fits_y - self.crpix[1]])
        coefficients = self.pv_coefficients()
        plane = np.array([np.polynomial.polynomial.polyval2d(u, v, each) for each in coefficients])
        east, north, centre = self.basis()
        xi, eta = np.radians(plane)
        out: npt.NDArray[np.float64] = np.outer(east, xi) + np.outer(north, eta) + centre[:, np.newaxis]
        out /= np.sqrt((out**2).sum(axis=0))
        return out

    def sky(
        self, fits_x: npt.NDArray[np.float64], fits_y: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return right ascension (0 to 360) and declination, degrees, of one-based pixel positions."""
        x, y, z = self.vectors(fits_x, fits_y)
        return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))

    def tangent_point(self) -> npt.NDArray[np.float64]:
        """Return the unit vector of CRVAL; shape (3,)."""
        ra, dec = self.crval if self._upright else self.crval[::-1]
        return unit_vectors(ra, dec)

    def wcslib_pixels(self, vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the one-based pixel positions of directions, by wcslib.

        Parameters
        ----------
        vectors : ndarray of float64, shape (3, n)
            Unit vectors.

        Returns
        -------
        ndarray of float64, shape (2, n)
            NaN where wcslib finds no position that maps back to the direction.
        """
        wcs = self.wcslib()
        x, y, z = vectors
        ra, dec = np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))
        sky = (ra, dec) if wcs.wcs.lng == 0 else (dec, ra)
        with np.errstate(all="ignore"):
            if wcs.sip is None:
                found = np.array(wcs.wcs_world2pix(*sky, 1))
            else:
                found = np.array(wcs.all_world2pix(*sky, 1, tolerance=1e-10, maxiter=60, adaptive=True, quiet=True))
            # an iteration that did not converge gives a position of somewhere else
            back = wcs.all_pix2world(*found, 1)
            error = unit_vectors(back[wcs.wcs.lng], back[wcs.wcs.lat]) - vectors
            found[:, ~((error**2).sum(axis=0) < _ROUND_TRIP**2)] = np.nan
        return found

    def wcslib(self) -> Any:
        """Return the ``astropy.wcs.WCS`` of these keywords."""
        # astropy takes a quarter of a second to import, and most headers never need it
        import astropy.io.fits
        import astropy.wcs

        header = astropy.io.fits.Header()
        for key, value in self.keywords.items():
            tan_with_pv = key.startswith("CTYPE") and self.n_terms("PV") and not self.n_terms("A_")
            # TAN with PV terms is what older SCAMP wrote for TPV
            header[key] = str(value).replace("-TAN", "-TPV") if tan_with_pv else value
        try:
            return astropy.wcs.WCS(header, fix=False)
        except Exception as error:  # wcslib's errors are many classes without a common base
            raise WcsError(f"wcslib cannot use this WCS: {' '.join(str(error).split())}") from error


def unit_vectors(ra: npt.ArrayLike, dec: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return unit vectors of sky positions in degrees; shape (3, n)."""
    a, d = np.radians(np.asarray(ra, np.float64)), np.radians(np.asarray(dec, np.float64))
    return np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])


def _from_cards(cards: dict[str, Card]) -> Wcs:
    return Wcs(MappingProxyType(cards))


def _card(key: str, value: Any, source: str) -> Card:
    """Return the value of a WCS keyword, checked."""
    if key in _TEXT:
        return str(value).strip()
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise WcsError(f"{source}: {key} is {value!r}: expected a number") from None
    if not math.isfinite(number):
        raise WcsError(f"{source}: {key} is {value}: expected a finite number")
    return value if isinstance(value, int) else number
