"""Statistics of maps: names, meanings, units and formulas."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...schema.bits import BIT_SHIFT, BitNames, Criterion
from ...schema.errors import UnknownNameError, UsageError, did_you_mean
from .imagevalues import QUANTITIES

__all__ = ["STATISTICS", "Statistic", "check_statistics", "filters_text"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A number for each pixel of a map.

    Parameters
    ----------
    name : str
        Its name.
    meaning : str
        What it is.
    unit : str
        Its unit.
    integer : bool
        Whether it is a whole number.
    quantity : str
        The value of images that it is made of; empty for counts and for ``maglim``.
    operation : str
        ``wmean``, ``mean``, ``min``, ``max`` or ``sum`` of that value.
    flags : int
        The flags bit whose area it measures; 0 for none.
    """

    name: str
    meaning: str
    unit: str
    integer: bool = False
    quantity: str = ""
    operation: str = ""
    flags: int = 0

    @property
    def needs_weight(self) -> bool:
        """True if images count by their inverse sky variance, which takes a zero point."""
        return self.operation == "wmean" or self.name == "maglim"

    @property
    def needs_zero_point(self) -> bool:
        """True if images without a zero point do not count."""
        return self.needs_weight or self.quantity in ("mu_sky", "skyvar_zp30", "skysigma_zp30")


_OPERATIONS = {
    "wmean": "mean over the good area of all images, weighted by inverse sky variance",
    "mean": "mean over the good area of all images",
    "min": "minimum over images with good area",
    "max": "maximum over images with good area",
    "sum": "sum over images times the fraction of area that is good in each",
}


def _of_quantity(name: str) -> list[Statistic]:
    """Return the statistics of a value of images; the plain one of the exposure time is the sum."""
    quantity = QUANTITIES[name]
    plain = "sum" if name == "exptime" else "wmean"
    operations = {name: plain} | {f"{name}_{each}": each for each in quantity.operations}
    return [
        Statistic(each, f"{quantity.meaning}: {_OPERATIONS[operation]}", quantity.unit, False, name, operation)
        for each, operation in operations.items()
    ]


STATISTICS: Mapping[str, Statistic] = {
    each.name: each
    for each in (
        Statistic("n_images", "number of CCD images with good area", "images", integer=True),
        Statistic("n_images_mean", "number of CCD images, averaged over the area", "images"),
        Statistic("fracdet", "fraction of the area that is good in at least one image", "fraction of area"),
        Statistic("fraction", "fraction of good area in the area of all images", "fraction"),
        Statistic("maglim", "10 sigma magnitude limit in an aperture of 2.0 arcsec, sky noise alone", "mag"),
        *(statistic for name in QUANTITIES for statistic in _of_quantity(name)),
    )
}
"""Statistics by name, without those of criteria and mask bits."""


def check_statistics(names: object, bit_names: BitNames) -> tuple[Statistic, ...]:
    """Return the statistics of one name or several, each once.

    Raises
    ------
    UnknownNameError
        If there is no such statistic, criterion or mask bit.
    UsageError
        If there are no names.
    """
    given = list(names) if isinstance(names, Iterable) and not isinstance(names, str) else [names]
    if not given:
        raise UsageError("statistic is empty: expected one or more names, such as n_images")
    return tuple(dict.fromkeys(_statistic(name, bit_names) for name in given))


def filters_text(filters: Mapping[str, object]) -> str:
    """Return filters as text for the header of a map; ``none`` without any."""
    listed = {
        name: ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for name, value in filters.items()
    }
    return ", ".join(f"{name}={listed[name]}" for name in sorted(listed)) or "none"


def _statistic(name: object, bit_names: BitNames) -> Statistic:
    if name in STATISTICS:
        return STATISTICS[str(name)]
    if isinstance(name, str) and name in Criterion.__members__:
        return _reason(name, int(Criterion[name]), f"{name} fails")
    plane, colon, bit = str(name).partition(":")
    if isinstance(name, str) and colon and plane.lower() in BIT_SHIFT:
        number = bit_names.bit(plane, bit)
        return _reason(f"{plane.upper()}:{bit}", 1 << BIT_SHIFT[plane.lower()] + number, f"mask bit {name} is set")
    known = [*STATISTICS, *Criterion.__members__]
    hint = ", which n_images replaces" if name == "n_epochs" else did_you_mean(str(name), known, otherwise="")
    raise UnknownNameError(
        f"statistic is {name!r}{hint}: expected {', '.join(STATISTICS)}, a criterion such as SE_SEG, or a mask bit "
        "such as SE:STREAK"
    )


def _reason(name: str, flags: int, what: str) -> Statistic:
    return Statistic(name, f"fraction of the area of all images in which {what}", "fraction", flags=flags)
