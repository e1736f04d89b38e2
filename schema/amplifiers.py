"""Amplifier halves of a CCD, as boxes of pixels."""

import re
from dataclasses import dataclass

__all__ = ["Amplifiers", "Region"]

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
        a, b = _section(dataseca, shape), _section(datasecb, shape)
        if a is None or b is None:
            return cls.halves(shape)
        apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
        return cls(a, b) if apart else cls.halves(shape)

    @classmethod
    def known(cls, dataseca: str | None, datasecb: str | None, shape: tuple[int, int]) -> "Amplifiers | None":
        """Return the halves given by DATASECA and DATASECB; None if they give none."""
        a, b = _section(dataseca, shape), _section(datasecb, shape)
        return None if a is None or b is None else cls.of(dataseca, datasecb, shape)

    @classmethod
    def halves(cls, shape: tuple[int, int]) -> "Amplifiers":
        """Return the halves x < nx / 2 and the rest."""
        ny, nx = shape
        middle = (nx + 1) // 2
        return cls(Region(0, middle, 0, ny), Region(middle, nx, 0, ny))


def _section(text: str | None, shape: tuple[int, int]) -> Region | None:
    """Return the pixels of a FITS section such as ``[1:1024,1:4096]``; None if it is not inside the image."""
    match = _SECTION.fullmatch(text or "")
    if match is None:
        return None
    first_x, last_x, first_y, last_y = (int(each) for each in match.groups())
    ny, nx = shape
    if not (1 <= first_x <= last_x <= nx and 1 <= first_y <= last_y <= ny):
        return None
    return Region(first_x - 1, last_x, first_y - 1, last_y)
