"""The focal plane of DECam: positions of its 62 science CCDs and the half that each amplifier reads.

Positions are in the frame of the image pixels, in mm from the optical axis: x along a CCD's rows, y along its
columns; a pixel is 15 um. CCDs 1-31 (S1-S31) are at negative x, CCDs 32-62 (N1-N31) at positive x.

On the sky +x is south and +y is east: real headers have CD1_2 = -CD2_1 = +0.2625 arcsec, with CD1_1 and CD2_2 near
0. The image at the prime focus is inverted, so the N half of the camera sees the south of the field. With north up
and east to the left, S29-S31 form the top row and N29-N31 the bottom row.

Notes
-----
Rows are 33.816 mm apart and CCDs within a row 63.890 mm; the gaps between active areas are 3.1 and 2.45 mm. Hence
CRPIX1 = 1024 - x / 0.015 and CRPIX2 = 2048 - y / 0.015, to a hundredth of a pixel in every real header that comes
with goodpix; by their full WCS solutions the CCDs lie within 8 arcsec of `Ccd.east` and `Ccd.north`. The numbers are
those of Piff's table of DECam (``piff/des/decaminfo.py``), checked against these headers. Amplifier A reads columns
1025-2048 of CCDs 1-31 and 1-1024 of CCDs 32-62, always the half nearer to x = 0, according to DATASECA of DES images
as quoted by ``despymangle`` and the amplifier table of LSST's ``obs_decam``.

CCD 61 (N30) has been dead since November 2012, and CCD 2 (S30) was dead from 2014 to 2016
(https://noirlab.edu/science/programs/ctio/instruments/Dark-Energy-Camera/characteristics); DES uses only amplifier B
of CCD 31 (S7).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

__all__ = ["FOCAL_PLANE", "HALVES", "MM_PER_PIXEL", "Ccd", "Layout", "PlacedCcd"]

MM_PER_PIXEL = 0.015
"""Size of a pixel in mm."""

HALVES = ("a", "b")
"""The amplifiers of a CCD."""

_NX, _NY = 2048, 4096
_DEGREES_PER_MM = 0.2625 / 3600 / MM_PER_PIXEL
_ROW_STEP, _CCD_STEP = 33.816, 63.890
# CCDs in each row of one half of the focal plane, from its middle outwards
_ROWS = (7, 6, 6, 5, 4, 3)
_N_HALF = sum(_ROWS)


class PlacedCcd(Protocol):
    """A CCD with its place on the sky."""

    @property
    def ccdnum(self) -> int:
        """CCD number."""
        ...

    @property
    def detpos(self) -> str:
        """Detector position, such as N4; empty if unknown."""
        ...

    @property
    def halves(self) -> tuple[str, ...]:
        """Names of the parts in which it is drawn: `HALVES`, or an empty name for the whole CCD."""
        ...

    @property
    def east(self) -> float:
        """Offset of its centre east of the field centre in degrees."""
        ...

    @property
    def north(self) -> float:
        """Offset of its centre north of the field centre in degrees."""
        ...

    def corners(self, half: str | None = None) -> tuple[tuple[float, float], ...]:
        """Return the four corners (east, north) of the CCD or one of its halves in degrees."""
        ...


Layout = Mapping[int, PlacedCcd]
"""The CCDs of a camera by number."""


@dataclass(frozen=True, slots=True)
class Ccd:
    """One CCD in the focal plane.

    Parameters
    ----------
    ccdnum : int
        CCD number, 1 to 62.
    detpos : str
        Detector position, such as N4.
    x, y : float
        Centre in mm from the optical axis, along the image's x and y.
    """

    ccdnum: int
    detpos: str
    x: float
    y: float

    @property
    def east(self) -> float:
        """Offset of the CCD's centre east of the field centre in degrees, ignoring optical distortion (under 1%)."""
        return self.y * _DEGREES_PER_MM

    @property
    def north(self) -> float:
        """Offset of the CCD's centre north of the field centre in degrees."""
        return -self.x * _DEGREES_PER_MM

    @property
    def halves(self) -> tuple[str, ...]:
        """Both amplifiers."""
        return HALVES

    @property
    def a_is_high(self) -> bool:
        """True if amplifier A reads the half at large x of the image."""
        return self.x < 0

    def corners(self, half: str | None = None) -> tuple[tuple[float, float], ...]:
        """Return the four corners on the sky.

        Parameters
        ----------
        half : str, optional
            The half read by amplifier ``"a"`` or ``"b"``; by default, or if empty, the whole CCD.

        Returns
        -------
        tuple of four (east, north)
            Degrees from the field centre, in order around the outline from the image's first pixel.
        """
        west, east = ((self.y + side * _NY / 2 * MM_PER_PIXEL) * _DEGREES_PER_MM for side in (-1, 1))
        low, high = -1, 1
        if half:
            low, high = (0, 1) if (half == "a") == self.a_is_high else (-1, 0)
        top, bottom = (-(self.x + side * _NX / 2 * MM_PER_PIXEL) * _DEGREES_PER_MM for side in (low, high))
        return ((west, top), (west, bottom), (east, bottom), (east, top))


def _ccds() -> Iterator[Ccd]:
    number = 0
    for row, n in enumerate(_ROWS):
        x = (row + 0.5) * _ROW_STEP
        # S rows are numbered from the outside inwards, but CCDs within a row in the same direction as in N rows
        first_south = _N_HALF - sum(_ROWS[: row + 1]) + 1
        for k in range(n):
            number += 1
            y = (k - (n - 1) / 2) * _CCD_STEP
            yield Ccd(first_south + k, f"S{number}", -x, y)
            yield Ccd(_N_HALF + number, f"N{number}", x, y)


FOCAL_PLANE: Mapping[int, Ccd] = MappingProxyType(
    {each.ccdnum: each for each in sorted(_ccds(), key=lambda c: c.ccdnum)}
)
"""The science CCDs by number."""
