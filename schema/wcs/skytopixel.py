"""Conversion between sky and pixels for many images at once."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DamagedValueError
from ..jit import kernel
from ..printable import one_line
from .keywords import TEXT_KEYWORDS, Card, cd_matrix
from .solution import Wcs
from .tpv import is_polynomial, pv_coefficients, tangent_frame

__all__ = ["WcsStack"]

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

# Pixels: tolerance of the round trip, and step size at which Newton's method stops.
_NEAR_ENOUGH = 1e-7
_ARRIVED = 1e-10
_MOST_STEPS = 60

_DEGREE = math.degrees(1.0)


@dataclass(frozen=True, slots=True, eq=False)
class WcsStack:
    """WCS solutions of many images.

    Solutions on a tangent plane with polynomial distortion are stored as arrays. Any other solution is in `others`, and
    its array elements are 0.

    Parameters
    ----------
    crpix : ndarray of float64, shape (n, 2)
        One-based reference pixels.
    cd : ndarray of float64, shape (n, 2, 2)
        Degrees per pixel.
    to_pixels : ndarray of float64, shape (n, 2, 2)
        Pixels per degree: the inverse of `cd`.
    frames : ndarray of float64, shape (n, 3, 3)
        Rows are the unit vectors of xi (east), eta (north) and the tangent point.
    pv : ndarray of float64, shape (n, 2, m, m)
        See `goodpix.schema.wcs.tpv.pv_coefficients`; padded with zeros to the highest degree.
    others : mapping of int to Wcs
        Solutions evaluated by wcslib, by their index.
    """

    crpix: Floats
    cd: Floats
    to_pixels: Floats
    frames: Floats
    pv: Floats
    others: Mapping[int, Wcs]

    @classmethod
    def of(cls, solutions: Sequence[Wcs]) -> "WcsStack":
        """Return the stack of solutions, in order."""
        return cls._of([each.keywords for each in solutions], np.arange(len(solutions)))

    @classmethod
    def from_json(cls, texts: Sequence[str]) -> "WcsStack":
        """Return the stack of solutions stored in a catalogue, which were validated by the ingest.

        Notes
        -----
        A CCD image has the same solution in every tile that contains it, so equal texts are parsed once.
        """
        numbers: dict[str, int] = {}
        which = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.intp)
        try:
            stack = cls._of([json.loads(text) for text in numbers], which)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            # checked only now, since that takes as long as all the rest
            for text in numbers:
                Wcs.from_json(text)
            raise DamagedValueError(f"stored WCS: {one_line(error)}: run goodpix verify --repair") from error
        for text in {texts[index] for index in stack.others}:
            Wcs.from_json(text)  # wcslib says what it cannot use in errors of its own
        return stack

    @classmethod
    def _of(cls, headers: Sequence[Mapping[str, Card]], which: Indices) -> "WcsStack":
        """Return the stack of ``headers[number]`` for each number in `which`."""
        groups = [_KeywordGroup.of(headers, members) for members in _group_by_keywords(headers)]
        size = max((group.pv.shape[-1] for group in groups), default=2)
        shapes: dict[str, tuple[int, ...]] = {"crpix": (2,), "cd": (2, 2), "to_pixels": (2, 2), "frames": (3, 3)}
        arrays = {name: np.zeros((len(headers), *shape)) for name, shape in shapes.items()}
        pv = np.zeros((len(headers), 2, size, size))
        for group in groups:
            for name, array in arrays.items():
                array[group.members] = getattr(group, name)
            n = group.pv.shape[-1]
            pv[group.members, :, :n, :n] = group.pv
        polynomial = {int(member) for group in groups for member in group.members}
        other = {number: Wcs(cards) for number, cards in enumerate(headers) if number not in polynomial}
        others = {index: other[number] for index, number in enumerate(which.tolist()) if number in other}
        return cls(**{name: array[which] for name, array in arrays.items()}, pv=pv[which], others=others)

    def __len__(self) -> int:
        return int(self.crpix.shape[0])

    def pixels(self, which: Indices, vectors: Floats) -> Floats:
        """Return pixel positions of directions.

        Parameters
        ----------
        which : ndarray of intp, shape (n,)
            Index of the solution for each element.
        vectors : ndarray of float64, shape (3, n)
            Unit vectors in equatorial coordinates.

        Returns
        -------
        ndarray of float64, shape (2, n)
            One-based pixel coordinates. NaN where the direction is 90 degrees or more from the tangent point, or no
            position was found that maps back to it within 1e-7 pixel.
        """
        out = np.empty((2, which.size))
        _find_pixels(which, vectors, self.crpix, self.to_pixels, self.frames, self.pv, out)
        for number, mine in self._through_wcslib(which):
            out[:, mine] = self.others[number].wcslib_pixels(vectors[:, mine])
        return out

    def vectors(self, which: Indices, fits_x: Floats, fits_y: Floats) -> Floats:
        """Return directions of pixel positions.

        Parameters
        ----------
        which : ndarray of intp, shape (n,)
            Index of the solution for each element.
        fits_x, fits_y : ndarray of float64, shape (n,)
            One-based pixel coordinates.

        Returns
        -------
        ndarray of float64, shape (3, n)
            Unit vectors in equatorial coordinates.
        """
        out = np.empty((3, which.size))
        _find_vectors(which, fits_x, fits_y, self.crpix, self.cd, self.frames, self.pv, out)
        for number, mine in self._through_wcslib(which):
            out[:, mine] = self.others[number].vectors(fits_x[mine], fits_y[mine])
        return out

    def _through_wcslib(self, which: Indices) -> list[tuple[int, npt.NDArray[np.bool_]]]:
        """Return the index of each wcslib solution in `which`, and the elements that use it."""
        uses = [(number, which == number) for number in self.others]
        return [(number, mine) for number, mine in uses if mine.any()]


@dataclass(frozen=True, slots=True, eq=False)
class _KeywordGroup:
    """Polynomial solutions among headers with the same keywords; see `WcsStack`."""

    members: Indices
    crpix: Floats
    cd: Floats
    to_pixels: Floats
    frames: Floats
    pv: Floats

    @classmethod
    def of(cls, headers: Sequence[Mapping[str, Card]], members: list[int]) -> "_KeywordGroup":
        cards = _columns([headers[member] for member in members])
        fits = np.broadcast_to(is_polynomial(cards), len(members))
        if not fits.all():
            cards = {key: value if key in TEXT_KEYWORDS else value[fits] for key, value in cards.items()}
        cd = cd_matrix(cards)
        to_pixels = np.linalg.inv(cd).astype(np.float64, copy=False)
        crval = zip(cards["CRVAL1"].tolist(), cards["CRVAL2"].tolist(), strict=True)
        frames = np.array([tangent_frame(ra, dec) for ra, dec in crval]).reshape(-1, 3, 3)
        crpix = np.stack([cards["CRPIX1"], cards["CRPIX2"]], axis=-1)
        return cls(np.array(members, np.intp)[fits], crpix, cd, to_pixels, frames, pv_coefficients(cards))


def _group_by_keywords(headers: Sequence[Mapping[str, Card]]) -> list[list[int]]:
    """Return the indices of headers, grouped by their keywords and text values."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, cards in enumerate(headers):
        texts = tuple(cards.get(key) for key in TEXT_KEYWORDS)
        groups.setdefault((tuple(cards), texts), []).append(number)
    return list(groups.values())


def _columns(headers: Sequence[Mapping[str, Card]]) -> dict[str, Any]:
    """Return the keywords of headers in one group: the common texts, and the numbers as arrays."""
    texts = {key: value for key, value in headers[0].items() if key in TEXT_KEYWORDS}
    numeric = [key for key in headers[0] if key not in texts]
    numbers = np.array([[cards[key] for key in numeric] for cards in headers], np.float64)
    return texts | dict(zip(numeric, numbers.T, strict=True))


@kernel
def _find_pixels(
    which: Indices, vectors: Floats, crpix: Floats, to_pixels: Floats, frames: Floats, pv: Floats, out: Floats
) -> None:
    """Invert the polynomials by Newton's method from the origin; steps that increase the error are halved."""
    for k in range(which.size):
        n = which[k]
        out[0, k] = out[1, k] = np.nan
        x, y, z = vectors[0, k], vectors[1, k], vectors[2, k]
        down = frames[n, 2, 0] * x + frames[n, 2, 1] * y + frames[n, 2, 2] * z
        if not down > 0:
            continue
        xi = (frames[n, 0, 0] * x + frames[n, 0, 1] * y + frames[n, 0, 2] * z) / down * _DEGREE
        eta = (frames[n, 1, 0] * x + frames[n, 1, 1] * y + frames[n, 1, 2] * z) / down * _DEGREE
        scale = to_pixels[n]
        u = v = du = dv = 0.0
        least = np.inf
        for _ in range(_MOST_STEPS):
            at_xi, xi_u, xi_v = _polynomial(pv[n, 0], u, v)
            at_eta, eta_u, eta_v = _polynomial(pv[n, 1], u, v)
            left_xi, left_eta = xi - at_xi, eta - at_eta
            error = left_xi * left_xi + left_eta * left_eta
            if error < least:
                least = error
                determinant = xi_u * eta_v - xi_v * eta_u
                du = (left_xi * eta_v - left_eta * xi_v) / determinant
                dv = (left_eta * xi_u - left_xi * eta_u) / determinant
                u += du
                v += dv
            else:
                du *= 0.5
                dv *= 0.5
                u -= du
                v -= dv
            # false for NaN, which is rejected below
            if abs(scale[0, 0] * du + scale[0, 1] * dv) + abs(scale[1, 0] * du + scale[1, 1] * dv) < _ARRIVED:
                break
        at_xi, xi_u, xi_v = _polynomial(pv[n, 0], u, v)
        at_eta, eta_u, eta_v = _polynomial(pv[n, 1], u, v)
        left_xi, left_eta = xi - at_xi, eta - at_eta
        miss_x = scale[0, 0] * left_xi + scale[0, 1] * left_eta
        miss_y = scale[1, 0] * left_xi + scale[1, 1] * left_eta
        if abs(miss_x) < _NEAR_ENOUGH and abs(miss_y) < _NEAR_ENOUGH:
            out[0, k] = crpix[n, 0] + scale[0, 0] * u + scale[0, 1] * v
            out[1, k] = crpix[n, 1] + scale[1, 0] * u + scale[1, 1] * v


@kernel
def _find_vectors(
    which: Indices,
    fits_x: Floats,
    fits_y: Floats,
    crpix: Floats,
    cd: Floats,
    frames: Floats,
    pv: Floats,
    out: Floats,
) -> None:
    for k in range(which.size):
        n = which[k]
        x, y = fits_x[k] - crpix[n, 0], fits_y[k] - crpix[n, 1]
        u, v = cd[n, 0, 0] * x + cd[n, 0, 1] * y, cd[n, 1, 0] * x + cd[n, 1, 1] * y
        xi = _polynomial(pv[n, 0], u, v)[0] / _DEGREE
        eta = _polynomial(pv[n, 1], u, v)[0] / _DEGREE
        length = np.sqrt(xi * xi + eta * eta + 1.0)
        for axis in range(3):
            out[axis, k] = (frames[n, 0, axis] * xi + frames[n, 1, axis] * eta + frames[n, 2, axis]) / length


@kernel
def _polynomial(coefficients: Floats, u: float, v: float) -> tuple[float, float, float]:
    """Return ``sum(c[p, q] * u**p * v**q)`` and its derivatives with respect to u and v."""
    value = by_u = by_v = 0.0
    for p in range(coefficients.shape[0] - 1, -1, -1):
        inner = inner_by_v = 0.0
        for q in range(coefficients.shape[1] - 1 - p, -1, -1):
            inner_by_v = inner_by_v * v + inner
            inner = inner * v + coefficients[p, q]
        by_u = by_u * u + value
        by_v = by_v * u + inner_by_v
        value = value * u + inner
    return value, by_u, by_v
