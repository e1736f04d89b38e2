"""What brings the values of an image to a common zero point."""

from collections.abc import Mapping
from typing import Any

from ...schema.errors import InfoFileError
from ..masks.mask import Mask

__all__ = ["CALIBRATED_UNIT", "calibration_of", "unit_of"]

_ZERO_POINT = 30.0

CALIBRATED_UNIT = "zero point 30"
"""The unit of calibrated values: a flux of 1 is of magnitude 30."""


def calibration_of(mask: Mask) -> float:
    """Return what values of an epoch are multiplied by: the info file's ``scale``, else by its ``magzp``.

    Raises
    ------
    InfoFileError
        If the info file has neither, or the scale is not positive.
    """
    row = mask.row or {}
    scale, magzp = row.get("scale"), row.get("magzp")
    if scale is None and magzp is not None:
        scale = 10 ** (0.4 * (_ZERO_POINT - magzp))
    if scale is None:
        raise InfoFileError(f"{mask.key}: the info file has neither scale nor magzp: values cannot be calibrated")
    if not scale > 0:
        raise InfoFileError(f"{mask.key}: the info file's scale is {scale:g}: expected a positive number")
    return float(scale)


def unit_of(row: Mapping[str, Any], *, calibrated: bool) -> str | None:
    """Return the unit of an epoch's values; None if it is not known."""
    return CALIBRATED_UNIT if calibrated else row.get("bunit")
