"""Angles in degrees, from numbers, astropy's quantities or text."""

import re
import warnings
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from ..schema.errors import UsageError

__all__ = ["angle_of_text", "corner_degrees", "degrees", "position_degrees"]

Floats = npt.NDArray[np.float64]


def degrees(name: str, given: Any, expected: str = "degrees") -> Floats:
    """Return angles as an array of degrees.

    Parameters
    ----------
    name : str
        Name of the angle, for messages.
    given : array of float, Quantity or table column
        Degrees where it has no unit; else it is converted.
    expected : str
        What is expected, for messages.

    Raises
    ------
    UsageError
        If a value is no number, not finite or masked, or the unit is not of an angle.
    """
    if isinstance(given, np.ndarray) and np.any(getattr(given, "mask", False)):
        raise UsageError(f"{name} has masked values: expected {expected}")
    try:
        if unit_of := _unit(given):
            from astropy import units  # slow to import

            values = units.Quantity(given) if isinstance(given, list | tuple) else given
            out = np.asarray(units.Quantity(values, unit_of).to_value(units.deg), np.float64)
        else:
            out = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name} is {_shown(given)}: expected {expected}") from None
    wrong = out[~np.isfinite(out)]
    if wrong.size:
        raise UsageError(f"{name} is {wrong.flat[0]}: expected finite {expected}")
    return out


def _unit(given: Any) -> Any:
    """Return the unit of a quantity, a table column or the first of a list of quantities; None without a unit."""
    first = given[0] if isinstance(given, list | tuple) and len(given) else given
    unit = getattr(first, "unit", None)
    return unit if hasattr(unit, "is_equivalent") else None


def _shown(given: object) -> str:
    """Return a value in one line of a message."""
    text = " ".join(repr(given).split())
    return text if len(text) <= 100 else f"{text[:100]}..."


def position_degrees(ra: Any, dec: Any) -> tuple[Any, Any]:
    """Return right ascension and declination as degrees; None stays None.

    Parameters
    ----------
    ra, dec : array of float, Quantity or None
        As for `degrees`; or `ra` alone is a `astropy.coordinates.SkyCoord` in any frame, or a list of them.

    Raises
    ------
    UsageError
        See `degrees`; also if a SkyCoord stands beside a declination.
    """
    first = ra[0] if isinstance(ra, list | tuple) and len(ra) else ra
    if hasattr(first, "transform_to"):  # before astropy.coordinates is loaded, nothing can be a SkyCoord
        from astropy.coordinates import SkyCoord

        if dec is not None:
            raise UsageError("ra is a SkyCoord and dec is given: expected a SkyCoord alone")
        try:
            place = SkyCoord(ra).icrs.spherical  # whatever the representation of the coordinates
        except (AttributeError, TypeError, ValueError) as error:
            raise UsageError(f"ra is {_shown(ra)}: expected a place on the sky ({error})") from error
        ra, dec = place.lon, place.lat
    return tuple(  # type: ignore[return-value]
        None if given is None else degrees(name, given) for name, given in (("ra", ra), ("dec", dec))
    )


def corner_degrees(corners: Any) -> Floats:
    """Return the corners of a polygon as an array of degrees.

    Parameters
    ----------
    corners : array of float, Quantity, SkyCoord, or list of SkyCoord or of pairs
        Right ascension and declination of each; those of a pair may have units of their own.

    Raises
    ------
    UsageError
        See `degrees`.
    """
    first = corners[0] if isinstance(corners, list | tuple) and len(corners) else corners
    if hasattr(first, "transform_to"):
        return np.stack(position_degrees(corners, None), axis=-1)
    if isinstance(first, list | tuple) and any(_unit(each) for each in first):
        if not all(isinstance(each, list | tuple) and len(each) == 2 for each in corners):
            raise UsageError(f"polygon is {_shown(corners)}: expected pairs (ra, dec) of three or more corners")
        ra, dec = zip(*corners, strict=True)
        return np.stack(position_degrees(ra, dec), axis=-1)
    return degrees("polygon", corners, "degrees, as pairs (ra, dec)")


def angle_of_text(name: str, text: str, example: str = "-32:06:01 or -32d06m01s", *, hours: bool = False) -> float:
    """Return the degrees that a text stands for: a number of degrees, or sexagesimal, or with a unit.

    Parameters
    ----------
    name : str
        Name of the angle, for messages.
    text : str
        Such as ``22.5``, ``01:30:00``, ``1h30m``, ``-32d06m00s`` or ``30arcsec``.
    example : str
        An example of what is expected other than degrees, for messages.
    hours : bool
        Whether three numbers without units are hours, minutes and seconds, as those of a right ascension are.

    Raises
    ------
    UsageError
        If the text is no angle.
    """
    with suppress(ValueError):
        return float(text)
    try:
        from astropy.coordinates import Angle  # slow to import

        plain = not re.search(r"[a-zA-Z\u00b0'\"]", text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of 60 seconds, which are a minute
            angle = Angle(text.strip(), "hourangle" if hours and plain else "deg" if plain else None)
        return float(15 * angle.value if angle.unit == "hourangle" else angle.deg)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name} is {text!r}: expected degrees, or an angle such as {example}") from error
