"""The values of a plane at the good pixels of epochs."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.errors import GoodpixError, UsageError
from ...schema.masks.boundselection import BoundSelection
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
    """Values of a plane at the good pixels of an epoch, row by row; the arrays are of shape (n,).

    An image of the survey has lost its sky already: `skybrite` was subtracted from it, and its values are the
    residual that is left.

    Parameters
    ----------
    key : MaskKey
        Which epoch.
    x, y : ndarray of int32
        Pixels, zero-based.
    values : ndarray
        What the plane has there, of its own type unless it was calibrated or something was subtracted.
    weight : ndarray of float, optional
        Inverse variance, in the unit of the values; where it was asked for.
    ra, dec : ndarray of float64, optional
        Position of the pixels' centres, degrees; where it was asked for.
    unit : str or None
        Unit of the values, None where it is not known or they have none.
    calibrated, bkg_subtracted : bool
        Whether values were brought to a zero point of 30; whether the residual background of ``bkg_path`` was
        subtracted.
    skybrite, skysigma : float or None
        Sky that the survey subtracted, and the noise; in `bunit`, from the image's header.
    bunit : str or None
        Unit of the image by its header.
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
        """Return a row per pixel: ``x``, ``y``, ``value``, and ``weight``, ``ra``, ``dec`` where there are any."""
        import pandas as pd  # slow to import

        columns = {"x": self.x, "y": self.y, "value": self.values}
        more = {"weight": self.weight, "ra": self.ra, "dec": self.dec}
        return pd.DataFrame(columns | {name: each for name, each in more.items() if each is not None})


@dataclass(frozen=True, slots=True)
class PixelRequest:
    """What is wanted of each epoch.

    Parameters
    ----------
    files : EpochFiles
        How its files are found.
    plane : str
        The plane.
    selection : BoundSelection
        The definition of good.
    weight, sky : bool
        Whether weights and positions are wanted.
    subtract_background, calibrated : bool
        See `EpochPixels`.

    Raises
    ------
    UsageError
        If there is no such plane, or it is none that can be subtracted from or calibrated.
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
            raise UsageError(f"plane is {self.plane!r}: the background can be subtracted from image alone")
        if self.calibrated and self.plane not in (*_MEASURED, "weight"):
            raise UsageError(f"plane is {self.plane!r}: it has no unit that could be calibrated")

    def of(self, masks: Iterable[Mask]) -> Iterator[EpochPixels]:
        """Yield the values of each epoch; one that cannot be used has none, and says why."""
        for mask in masks:
            try:
                yield self._of_epoch(mask)
            except GoodpixError as error:
                why = " ".join(str(error).split()).removeprefix(f"{mask.key}: ")
                logger.warning("%s: %s", mask.key, why)
                nothing = np.empty(0, np.int32)
                yield self._pixels(mask, nothing, nothing, np.empty(0), None, problem=why)

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
