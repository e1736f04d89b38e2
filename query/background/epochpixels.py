"""Values of a plane at the good pixels of epochs."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.criteria import BoundSelection
from ...schema.errors import GoodpixError, UsageError
from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ..masks.mask import Mask
from .epochplanes import PLANES, EpochFiles, GoodRows, calibration_of, unit_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EpochPixels", "PixelRequest"]

logger = logging.getLogger(__name__)

_MEASURED = ("image", "bkg")


@dataclass(frozen=True, slots=True, eq=False)
class EpochPixels:
    """Values of a plane at the good pixels of an epoch, in row-major order; the arrays have shape (n,).

    The survey's images are already sky-subtracted by `skybrite`: image values are residuals.

    Parameters
    ----------
    key : MaskKey
        Key of the epoch.
    x, y : ndarray of int32
        Pixel coordinates, zero-based.
    values : ndarray
        Values of the plane, in the plane's dtype unless calibrated or background-subtracted.
    weight : ndarray of float, optional
        Inverse variance, in the unit of the values; if requested.
    ra, dec : ndarray of float64, optional
        Positions of the pixel centres, degrees; if requested.
    unit : str or None
        Unit of the values; None if unknown or dimensionless.
    calibrated, bkg_subtracted : bool
        Whether values are scaled to a zero point of 30, and whether the residual background map of ``bkg_path``
        was subtracted.
    skybrite, skysigma : float or None
        Sky level that the survey subtracted, and sky noise, from the image header; in `bunit`.
    bunit : str or None
        Unit of the image from its header.
    problem : str or None
        Why there are no values.
    """

    key: MaskKey
    x: npt.NDArray[np.int32]
    y: npt.NDArray[np.int32]
    values: npt.NDArray[Any]
    weight: npt.NDArray[np.floating[Any]] | None
    ra: npt.NDArray[np.float64] | None
    dec: npt.NDArray[np.float64] | None
    unit: str | None
    calibrated: bool
    bkg_subtracted: bool
    skybrite: float | None
    skysigma: float | None
    bunit: str | None
    problem: str | None = None

    def __len__(self) -> int:
        return int(self.x.size)

    def to_pandas(self) -> "pd.DataFrame":
        """Return a row per pixel: ``x``, ``y``, ``value``, and ``weight``, ``ra``, ``dec`` if requested."""
        import pandas as pd  # slow to import

        columns = {"x": self.x, "y": self.y, "value": self.values}
        optional = {"weight": self.weight, "ra": self.ra, "dec": self.dec}
        return pd.DataFrame(columns | {name: values for name, values in optional.items() if values is not None})


@dataclass(frozen=True, slots=True)
class PixelRequest:
    """Request for the values of a plane at the good pixels of epochs.

    Parameters
    ----------
    files : EpochFiles
        Access to the files of epochs.
    plane : str
        Name of the plane.
    selection : BoundSelection
        The definition of good.
    weight, sky : bool
        Whether to return weights, and positions.
    subtract_background, calibrated : bool
        See `EpochPixels`.

    Raises
    ------
    UsageError
        If there is no such plane, or it cannot be background-subtracted or calibrated.
    """

    files: EpochFiles
    plane: str
    selection: BoundSelection
    weight: bool = False
    sky: bool = False
    subtract_background: bool = False
    calibrated: bool = False

    def __post_init__(self) -> None:
        if self.plane not in PLANES:
            raise UsageError(f"plane is {self.plane!r}: expected one of {', '.join(PLANES)}")
        if self.subtract_background and self.plane != "image":
            raise UsageError(f"plane is {self.plane!r}: the background can only be subtracted from image")
        if self.calibrated and self.plane not in (*_MEASURED, "weight"):
            raise UsageError(f"plane is {self.plane!r}: only image, bkg and weight can be calibrated")

    def of(self, masks: Iterable[Mask]) -> Iterator[EpochPixels]:
        """Yield the values of each epoch; an unusable epoch has no values and a problem."""
        for mask in masks:
            try:
                yield self._of_epoch(mask)
            except GoodpixError as error:
                problem = " ".join(str(error).split()).removeprefix(f"{mask.key}: ")
                logger.warning("%s: %s", mask.key, problem)
                empty = np.empty(0, np.int32)
                yield self._pixels(mask, empty, empty, np.empty(0), None, problem=problem)

    def _of_epoch(self, mask: Mask) -> EpochPixels:
        factor = calibration_of(mask) if self.calibrated else None
        good = mask.good(self.selection)
        rows = GoodRows.of(good)
        with PlaneReader() as reader:
            planes = self.files.planes(mask, reader)
            read = planes.read(self.plane, rows, subtract_background=self.subtract_background)
            weights = planes.read("weight", rows) if self.weight else None
        y, x = np.nonzero(np.ascontiguousarray(good[rows.start : rows.stop]))
        values, weight = read[y, x], None if weights is None else weights[y, x]
        if factor is not None:
            values = values / factor**2 if self.plane == "weight" else values * factor
            weight = None if weight is None else weight / factor**2
        return self._pixels(mask, x.astype(np.int32), (y + rows.start).astype(np.int32), values, weight)

    def _pixels(
        self,
        mask: Mask,
        x: npt.NDArray[np.int32],
        y: npt.NDArray[np.int32],
        values: npt.NDArray[Any],
        weight: npt.NDArray[Any] | None,
        problem: str | None = None,
    ) -> EpochPixels:
        row = mask.row or {}
        ra, dec = mask.grid.sky(x.astype(np.float64), y.astype(np.float64)) if self.sky else (None, None)
        return EpochPixels(
            key=mask.key,
            x=x,
            y=y,
            values=values,
            weight=weight,
            ra=ra,
            dec=dec,
            unit=unit_of(row, calibrated=self.calibrated) if self.plane in _MEASURED else None,
            calibrated=self.calibrated,
            bkg_subtracted=self.subtract_background and problem is None,
            skybrite=row.get("skybrite"),
            skysigma=row.get("skysigma"),
            bunit=row.get("bunit"),
            problem=problem,
        )
