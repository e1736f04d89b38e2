"""Values of a plane at the good pixels of epochs."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.criteria import BoundSelection, Selection
from ...schema.database import Database, Identity
from ...schema.errors import GoodpixError, UsageError
from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ..masks.mask import Mask
from ..masks.parallel import map_masks
from ..masks.reader import MaskLocation
from ..provenance import described
from .epochplanes import PLANES, EpochFiles, GoodRows, PlaneName, calibration_of, unit_of
from .problems import problem_of

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
        Why there are no values: then all arrays are empty.
    selection : Selection or None
        The definition of good; by default the default one.
    catalogue : Identity or None
        The catalogue.
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
    selection: Selection | None = None
    catalogue: Identity | None = None

    def __len__(self) -> int:
        return int(self.x.size)

    def to_pandas(self) -> "pd.DataFrame":
        """Return a row per pixel: ``x``, ``y``, ``value``, and ``weight``, ``ra``, ``dec`` if requested.

        Its ``attrs`` say what it is of.

        Examples
        --------
        >>> pixels = next(cat.pixels("bmask", Selection(ignore=["SE_BMASK"]), band="r"))
        >>> list(pixels.to_pandas().columns)
        ['x', 'y', 'value']
        """
        import pandas as pd  # slow to import

        columns = {"x": self.x, "y": self.y, "value": self.values}
        optional = {"weight": self.weight, "ra": self.ra, "dec": self.dec}
        rows = pd.DataFrame(columns | {name: values for name, values in optional.items() if values is not None})
        rows = described(rows, self.catalogue, self.selection, **asdict(self.key))
        if self.unit is not None:
            rows.attrs["units"]["value"] = self.unit
        return rows


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
    plane: PlaneName
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

    def of(self, locations: Iterable[MaskLocation], database: Database) -> Iterator[EpochPixels]:
        """Yield the values of each epoch; an unusable epoch has no values and a problem."""
        for mapped in map_masks(self._of_mask, locations, database):
            found: EpochPixels = mapped.value
            if mapped.error is not None:
                found = self._without_values(mapped.key, None, problem_of(mapped.key, mapped.error))
            if found.problem is not None:
                logger.warning("%s: %s", found.key, found.problem)
            yield replace(found, selection=self.selection.selection, catalogue=database.identity)

    def _of_mask(self, mask: Mask) -> EpochPixels:
        try:
            return self._of_epoch(mask)
        except GoodpixError as error:
            return self._without_values(mask.key, mask.row, problem_of(mask.key, error))

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
        column, row = x.astype(np.int32), (y + rows.start).astype(np.int32)
        ra, dec = mask.grid.sky(column.astype(np.float64), row.astype(np.float64)) if self.sky else (None, None)
        return EpochPixels(mask.key, column, row, values, weight, ra, dec, **self._facts(mask.row or {}))

    def _without_values(self, key: MaskKey, row: Mapping[str, Any] | None, problem: str) -> EpochPixels:
        """Return empty arrays, as many as were asked for, so that what works on arrays works on these."""
        pixel, value = np.empty(0, np.int32), np.empty(0)
        weight, ra, dec = (value if wanted else None for wanted in (self.weight, self.sky, self.sky))
        facts = self._facts(row or {}) | {"bkg_subtracted": False}
        return EpochPixels(key, pixel, pixel, value, weight, ra, dec, **facts, problem=problem)

    def _facts(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "unit": unit_of(row, calibrated=self.calibrated) if self.plane in _MEASURED else None,
            "calibrated": self.calibrated,
            "bkg_subtracted": self.subtract_background,
            **{name: row.get(name) for name in ("skybrite", "skysigma", "bunit")},
        }
