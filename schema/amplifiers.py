"""Amplifier halves of a CCD, as boxes of pixels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .cameras.decam import DECAM_PROFILES

__all__ = ["Amplifiers", "Region", "trimmed_sections"]

# numbers of thousands of digits are an error in Python
_SECTION = re.compile(r"\s*\[\s*(\d{1,9})\s*:\s*(\d{1,9})\s*,\s*(\d{1,9})\s*:\s*(\d{1,9})\s*\]\s*")


@dataclass(frozen=True, slots=True)
class Region:
    """A half-open box of pixels."""

    x0: int
    x1: int
    y0: int
    y1: int

    @property
    def n_pixels(self) -> int:
        """Number of pixels in the box."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)


@dataclass(frozen=True, slots=True)
class Amplifiers:
    """The two amplifier halves of a CCD."""

    a: Region
    b: Region

    @classmethod
    def of(cls, dataseca: str | None, datasecb: str | None, shape: tuple[int, int]) -> "Amplifiers":
        """Return the halves given by DATASECA and DATASECB, else x < nx / 2 and the rest.

        Sections that overlap or extend beyond the image belong to another frame and are ignored.
        """
        return cls._of_sections(dataseca, datasecb, shape) or cls.halves(shape)

    @classmethod
    def _of_sections(cls, dataseca: str | None, datasecb: str | None, shape: tuple[int, int]) -> "Amplifiers | None":
        a, b = _section(dataseca), _section(datasecb)
        if a is None or b is None or not (_inside(a, shape) and _inside(b, shape)):
            return None
        apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        return cls(a, b) if apart else None

    @classmethod
    def of_image(cls, row: Mapping[str, Any], shape: tuple[int, int]) -> "Amplifiers | None":
        """Return the halves of a CCD image; None if they are unknown.

        Without usable sections they are unknown, except in images of DES.

        Parameters
        ----------
        row : mapping of str to object
            Its columns ``dataseca``, ``datasecb`` and ``profile``.
        shape : tuple of int
            (ny, nx).
        """
        sections = row.get("dataseca"), row.get("datasecb")
        if row.get("profile") in DECAM_PROFILES:
            return cls.of(*sections, shape)
        return cls._of_sections(*sections, shape)

    @classmethod
    def halves(cls, shape: tuple[int, int]) -> "Amplifiers":
        """Return the halves x < nx / 2 and the rest."""
        ny, nx = shape
        middle = (nx + 1) // 2
        return cls(Region(0, middle, 0, ny), Region(middle, nx, 0, ny))


def trimmed_sections(
    sections: tuple[str | None, str | None], shape: tuple[int, int], shift: tuple[int, int]
) -> tuple[str | None, str | None]:
    """Return the sections of a CCD's amplifiers in the frame of an image that is trimmed equally at opposite edges.

    Parameters
    ----------
    sections : tuple of str
        Sections in the frame of the whole CCD, such as ``[2048:1025,1:4096]``.
    shape : tuple of int
        (ny, nx) of the image.
    shift : tuple of int
        LTV1 and LTV2 of the image: minus the number of columns and rows that are trimmed at each edge.

    Returns
    -------
    tuple of str or None
        None for both unless the sections, so trimmed, are halves that fill the image: a part of a CCD does not
        tell where it lies.
    """
    a, b = (_section(section) for section in sections)
    ny, nx = shape
    if a is None or b is None or max(shift) > 0:
        return None, None
    if (max(a.x1, b.x1) + 2 * shift[0], max(a.y1, b.y1) + 2 * shift[1]) != (nx, ny):
        return None, None
    trimmed = [
        Region(max(r.x0 + shift[0], 0), min(r.x1 + shift[0], nx), max(r.y0 + shift[1], 0), min(r.y1 + shift[1], ny))
        for r in (a, b)
    ]
    if sum(region.n_pixels for region in trimmed) != nx * ny:
        return None, None
    first, second = (f"[{r.x0 + 1}:{r.x1},{r.y0 + 1}:{r.y1}]" for r in trimmed)
    return first, second


def _section(text: str | None) -> Region | None:
    """Return the pixels of a FITS section such as ``[1:1024,1:4096]``, in read order or not; None if it is none."""
    match = _SECTION.fullmatch(text or "")
    if match is None:
        return None
    first_x, last_x, first_y, last_y = (int(each) for each in match.groups())
    (x0, x1), (y0, y1) = sorted((first_x, last_x)), sorted((first_y, last_y))
    return Region(x0 - 1, x1, y0 - 1, y1)


def _inside(region: Region, shape: tuple[int, int]) -> bool:
    ny, nx = shape
    return 0 <= region.x0 < region.x1 <= nx and 0 <= region.y0 < region.y1 <= ny
