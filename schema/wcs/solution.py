"""WCS solutions: the celestial coordinates of FITS headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..columns import json_object
from ..errors import DamagedValueError, WcsError
from .keywords import Card, cd_matrix, degrees_per_unit, wcs_cards
from .tpv import is_polynomial, pv_coefficients, tangent_frame

__all__ = ["Wcs", "ra_dec", "unit_vectors"]

Floats = npt.NDArray[np.float64]

# radians; 1e-5 of a DECam pixel
_ROUND_TRIP = 1e-11


# no slots: derived quantities are cached
@dataclass(frozen=True)
class Wcs:
    """Validated celestial coordinates of one image.

    Parameters
    ----------
    keywords : mapping of str to str, int or float
        WCS keywords of the header, upper case; sufficient to rebuild the object.
    """

    keywords: Mapping[str, Card]

    @classmethod
    def from_header(cls, header: Mapping[str, Any], source: str) -> "Wcs":
        """Return the WCS solution of a header, validated and normalised.

        Right ascension becomes the first axis, and CTYPE upper case. If PV terms describe a distortion, the
        projection becomes TPV, whatever its name in the header, with explicit linear terms. Otherwise, terms that do
        not apply to the projection are dropped, as in astropy.

        Parameters
        ----------
        header : mapping
            FITS header; keys in either case.
        source : str
            Origin of the header, for messages.

        Raises
        ------
        WcsError
            If the header is not celestial (RA and DEC), lacks CTYPE, CRVAL, CRPIX or a CD matrix, contains a number
            that is not finite, has a singular CD matrix, uses an unsupported keyword, or is refused by wcslib.
        """
        self = cls(MappingProxyType(wcs_cards(header, source)))
        if not self.polynomial:
            try:
                self.wcslib().wcs.set()
            except Exception as error:  # wcslib's exceptions have no common base class
                raise WcsError(f"{source}: wcslib cannot use this WCS: {' '.join(str(error).split())}") from error
        return self

    @classmethod
    def from_json(cls, text: str) -> "Wcs":
        """Return a solution stored in a catalogue, validated again: the text may be damaged.

        Raises
        ------
        DamagedValueError
            If the text is not that of a solution.
        """
        try:
            return cls.from_header(json_object(text, "wcs"), "stored WCS")
        except WcsError as error:
            raise DamagedValueError(f"{error}: run goodpix verify --repair") from error

    def __reduce__(self) -> tuple[Any, ...]:
        # a mapping proxy cannot be pickled
        return (_from_cards, (dict(self.keywords),))

    def _pair(self, key: str) -> Floats:
        return _read_only(np.array([float(self.keywords.get(f"{key}{axis}", 0.0)) for axis in (1, 2)]))

    @cached_property
    def crval(self) -> Floats:
        """CRVAL1 and CRVAL2, in CUNIT; shape (2,)."""
        return self._pair("CRVAL")

    @cached_property
    def crpix(self) -> Floats:
        """CRPIX1 and CRPIX2, one-based pixels; shape (2,)."""
        return self._pair("CRPIX")

    @cached_property
    def cd(self) -> Floats:
        """CD matrix, CUNIT per pixel; shape (2, 2); see `goodpix.schema.wcs.keywords.cd_matrix`."""
        return _read_only(cd_matrix(self.keywords))

    @cached_property
    def polynomial(self) -> bool:
        """True if the projection is a tangent plane with at most polynomial PV terms, and default poles and units."""
        return bool(is_polynomial(self.keywords))

    @cached_property
    def linear(self) -> bool:
        """True if the projection is a tangent plane without distortion, and with default poles and units."""
        terms = {key: float(value) for key, value in self.keywords.items() if key.startswith("PV") and float(value)}
        return self.polynomial and terms in ({}, {"PV1_1": 1.0, "PV2_1": 1.0})

    @cached_property
    def pv(self) -> Floats:
        """PV polynomials in the intermediate world coordinates (u, v), degrees; shape (2, n, n).

        Element ``[axis, p, q]`` multiplies ``u**p * v**q``. Without PV terms, xi = u and eta = v.
        """
        return _read_only(pv_coefficients(self.keywords))

    @cached_property
    def basis(self) -> Floats:
        """Tangent frame: unit vectors of xi (east), eta (north) and the tangent point; shape (3, 3).

        One vector per row, in equatorial coordinates.
        """
        return _read_only(np.array(tangent_frame(*self.crval.tolist())))

    def vectors(self, fits_x: Floats, fits_y: Floats) -> Floats:
        """Return directions of pixel positions.

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
            return unit_vectors(*self.wcslib().all_pix2world(fits_x, fits_y, 1))
        u, v = self.cd @ np.array([fits_x - self.crpix[0], fits_y - self.crpix[1]])
        plane = np.array([np.polynomial.polynomial.polyval2d(u, v, each) for each in self.pv])
        east, north, centre = self.basis
        xi, eta = np.radians(plane)
        out: Floats = np.outer(east, xi) + np.outer(north, eta) + centre[:, np.newaxis]
        out /= np.sqrt((out**2).sum(axis=0))
        return out

    def sky(self, fits_x: Floats, fits_y: Floats) -> tuple[Floats, Floats]:
        """Return right ascension (0 to 360) and declination, degrees, of one-based pixel positions."""
        return ra_dec(self.vectors(fits_x, fits_y))

    def in_front(self, vectors: Floats) -> npt.NDArray[np.bool_]:
        """Return which directions are less than 90 degrees from the tangent point.

        Parameters
        ----------
        vectors : ndarray of float64, shape (3, n)
            Directions in equatorial coordinates.

        Returns
        -------
        ndarray of bool, shape (n,)
            All true for a projection other than a tangent plane.
        """
        if str(self.keywords["CTYPE1"])[5:8] not in ("TAN", "TPV"):
            return np.ones(vectors.shape[1], np.bool_)
        ra, dec = (self.crval[axis - 1] * degrees_per_unit(self.keywords, axis) for axis in (1, 2))
        front: npt.NDArray[np.bool_] = unit_vectors(ra, dec) @ vectors > 0
        return front

    def wcslib_pixels(self, vectors: Floats) -> Floats:
        """Return one-based pixel positions of directions, computed by wcslib.

        Parameters
        ----------
        vectors : ndarray of float64, shape (3, n)
            Unit vectors.

        Returns
        -------
        ndarray of float64, shape (2, n)
            NaN where the direction is not `in_front`, or wcslib finds no position that maps back to it.
        """
        out: Floats = np.full((2, vectors.shape[1]), np.nan)
        front = self.in_front(vectors)
        if front.any():
            out[:, front] = self._wcslib_pixels(vectors[:, front])
        return out

    def _wcslib_pixels(self, vectors: Floats) -> Floats:
        wcs = self.wcslib()
        ra, dec = ra_dec(vectors)
        with np.errstate(all="ignore"):
            if wcs.sip is None:
                pixels = np.array(wcs.wcs_world2pix(ra, dec, 1))
            else:
                pixels = np.array(wcs.all_world2pix(ra, dec, 1, tolerance=1e-10, maxiter=60, adaptive=True, quiet=True))
            # an iteration that did not converge returns a wrong position
            back = wcs.all_pix2world(*pixels, 1)
            error = unit_vectors(*back) - vectors
            pixels[:, ~((error**2).sum(axis=0) < _ROUND_TRIP**2)] = np.nan
        return pixels

    def wcslib(self) -> Any:
        """Return the ``astropy.wcs.WCS`` of these keywords."""
        # wcslib modifies its objects, so each caller gets a copy, at a tenth of the cost of a new object
        return _wcslib(tuple(self.keywords.items())).deepcopy()


@lru_cache(maxsize=256)
def _wcslib(cards: tuple[tuple[str, Card], ...]) -> Any:
    # slow to import (0.25 s), and most headers never need it
    import astropy.io.fits
    import astropy.wcs

    return astropy.wcs.WCS(astropy.io.fits.Header(dict(cards)), fix=False)


def _read_only(array: Floats) -> Floats:
    """Return a shared array made read-only."""
    array.setflags(write=False)
    return array


def ra_dec(vectors: Floats) -> tuple[Floats, Floats]:
    """Return right ascension (0 to 360) and declination, degrees, of vectors of any length; each of shape (n,)."""
    x, y, z = vectors
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def unit_vectors(ra: npt.ArrayLike, dec: npt.ArrayLike) -> Floats:
    """Return unit vectors of sky positions in degrees; shape (3, n)."""
    a, d = np.radians(np.asarray(ra, np.float64)), np.radians(np.asarray(dec, np.float64))
    return np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])


def _from_cards(cards: dict[str, Card]) -> Wcs:
    return Wcs(MappingProxyType(cards))
