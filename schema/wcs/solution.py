"""The celestial coordinates of a FITS header."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import WcsError
from .keywords import Card, cd_matrix, degrees_per_unit, wcs_cards
from .tpv import is_polynomial, pv_coefficients, tangent_frame

__all__ = ["Wcs", "ra_dec", "unit_vectors"]

Floats = npt.NDArray[np.float64]

# radians; a hundred-thousandth of a DECam pixel
_ROUND_TRIP = 1e-11


# without slots, so that what follows from the keywords is computed once
@dataclass(frozen=True)
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
        """Take the WCS keywords out of a header and check them; see `goodpix.schema.wcs.keywords.wcs_cards`.

        Parameters
        ----------
        header : mapping
            A FITS header; keys in either case.
        source : str
            What the header belongs to, for messages.

        Raises
        ------
        WcsError
            If the header's coordinates cannot be used.
        """
        self = cls(MappingProxyType(wcs_cards(header, source)))
        if not self.polynomial:
            try:
                self.wcslib().wcs.set()
            except Exception as error:  # wcslib's errors are many classes without a common base
                raise WcsError(f"{source}: wcslib cannot use this WCS: {' '.join(str(error).split())}") from error
        return self

    @classmethod
    def from_json(cls, text: str) -> "Wcs":
        """Return the solution of a catalogue's row, which was checked when it was stored."""
        return _from_cards(json.loads(text))

    def __reduce__(self) -> tuple[Any, ...]:
        # a mapping proxy cannot be pickled
        return (_from_cards, (dict(self.keywords),))

    def _pair(self, key: str) -> Floats:
        return _fixed(np.array([float(self.keywords.get(f"{key}{axis}", 0.0)) for axis in (1, 2)]))

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
        """The CD matrix, CUNIT per pixel; shape (2, 2). From CDELT and PC where there is no CD."""
        return _fixed(cd_matrix(self.keywords))

    @cached_property
    def polynomial(self) -> bool:
        """Whether this is a tangent plane with at most polynomial PV terms, and default poles and units."""
        return bool(is_polynomial(self.keywords))

    @cached_property
    def linear(self) -> bool:
        """Whether this is a tangent plane without distortion, and default poles and units."""
        terms = {key: float(value) for key, value in self.keywords.items() if key.startswith("PV") and float(value)}
        return self.polynomial and terms in ({}, {"PV1_1": 1.0, "PV2_1": 1.0})

    @cached_property
    def pv(self) -> Floats:
        """The PV polynomials over intermediate world coordinates (u, v) in degrees; shape (2, n, n).

        Element ``[axis, p, q]`` multiplies ``u**p * v**q``. Without PV terms: xi = u, eta = v.
        """
        return _fixed(pv_coefficients(self.keywords))

    @cached_property
    def basis(self) -> Floats:
        """The tangent frame: unit vectors of xi (east), eta (north) and the tangent point; shape (3, 3).

        One vector a row, in equatorial coordinates.
        """
        return _fixed(np.array(tangent_frame(*self.crval.tolist())))

    def vectors(self, fits_x: Floats, fits_y: Floats) -> Floats:
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
            True everywhere where the projection is of the whole sky and has no tangent point.
        """
        if str(self.keywords["CTYPE1"])[5:8] not in ("TAN", "TPV"):
            return np.ones(vectors.shape[1], np.bool_)
        ra, dec = (self.crval[axis - 1] * degrees_per_unit(self.keywords, axis) for axis in (1, 2))
        front: npt.NDArray[np.bool_] = unit_vectors(ra, dec) @ vectors > 0
        return front

    def wcslib_pixels(self, vectors: Floats) -> Floats:
        """Return the one-based pixel positions of directions, by wcslib.

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
                found = np.array(wcs.wcs_world2pix(ra, dec, 1))
            else:
                found = np.array(wcs.all_world2pix(ra, dec, 1, tolerance=1e-10, maxiter=60, adaptive=True, quiet=True))
            # an iteration that did not converge gives a position of somewhere else
            back = wcs.all_pix2world(*found, 1)
            error = unit_vectors(*back) - vectors
            found[:, ~((error**2).sum(axis=0) < _ROUND_TRIP**2)] = np.nan
        return found

    def wcslib(self) -> Any:
        """Return the ``astropy.wcs.WCS`` of these keywords."""
        # a copy costs a tenth of a new one, and is nobody else's: wcslib writes into what it works with
        return _wcslib(tuple(self.keywords.items())).deepcopy()


@lru_cache(maxsize=256)
def _wcslib(cards: tuple[tuple[str, Card], ...]) -> Any:
    # astropy takes a quarter of a second to import, and most headers never need it
    import astropy.io.fits
    import astropy.wcs

    return astropy.wcs.WCS(astropy.io.fits.Header(dict(cards)), fix=False)


def _fixed(array: Floats) -> Floats:
    """Return an array that nobody can write into: it is everybody's."""
    array.setflags(write=False)
    return array


def ra_dec(vectors: Floats) -> tuple[Floats, Floats]:
    """Return right ascension (0 to 360) and declination of directions of any length, degrees; each of shape (n,)."""
    x, y, z = vectors
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def unit_vectors(ra: npt.ArrayLike, dec: npt.ArrayLike) -> Floats:
    """Return unit vectors of sky positions in degrees; shape (3, n)."""
    a, d = np.radians(np.asarray(ra, np.float64)), np.radians(np.asarray(dec, np.float64))
    return np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])


def _from_cards(cards: dict[str, Card]) -> Wcs:
    return Wcs(MappingProxyType(cards))
