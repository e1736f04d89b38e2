"""The sky statistics of an epoch."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Amplifiers
from ...schema.columns import values_of
from ...schema.criteria import Selection
from ...schema.errors import GoodpixError
from ...schema.executors import begin
from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ..masks.mask import Mask
from .calibration import calibration_of, unit_of
from .epochplanes import EpochSource, GoodRows, floats
from .goodpixels import SCALED, GoodPixels
from .parts import Part, parts_of
from .skyrow import KEY, SkyRow

__all__ = ["Measure", "Row"]

Row = dict[str, Any]
"""The columns of a `SkyRow`, by name."""

_kept = threading.local()

_FACTS = ("skybrite", "skysigma", "bunit", "se_seg_used", "fingerprint")


@dataclass(frozen=True, slots=True)
class Measure:
    """The sky statistics of an epoch, as a function of its mask that can be sent to workers.

    Parameters
    ----------
    source : EpochSource
        How its files are found.
    selection : Selection
        The definition of good.
    box : tuple of int, optional
        Rows and columns of a grid's boxes.
    amplifiers : bool
        Whether each amplifier half is a part by itself.
    statistics : sequence of str
        See `goodpix.query.background.skyrow.STATISTICS`.
    subtract_background : bool
        Whether the residual background of ``bkg_path`` is subtracted.
    calibrated : bool
        Whether values are brought to a zero point of 30.
    """

    source: EpochSource
    selection: Selection
    box: tuple[int, int] | None
    amplifiers: bool
    statistics: Sequence[str]
    subtract_background: bool
    calibrated: bool

    def __call__(self, mask: Mask) -> list[Row]:
        """Return the rows of the epoch's parts; where it cannot be used a single one that says why."""
        try:
            return list(self._rows(mask))
        except GoodpixError as error:
            return [self.problem(mask.key, " ".join(str(error).split()), mask)]

    def problem(self, key: MaskKey, why: str, mask: Mask | None = None) -> Row:
        """Return the row of an epoch for which there are no numbers."""
        return values_of(SkyRow(**self._facts(key, mask), problem=why.removeprefix(f"{key}: ")))

    def _facts(self, key: MaskKey, mask: Mask | None) -> Row:
        row = {} if mask is None or mask.row is None else mask.row
        return {name: getattr(key, name) for name in KEY} | {
            **{name: row.get(name) for name in _FACTS},
            "unit": unit_of(row, calibrated=self.calibrated),
            "calibrated": self.calibrated,
            "bkg_subtracted": False,
            "selection": str(self.selection),
        }

    def _rows(self, mask: Mask) -> Iterator[Row]:
        factor = calibration_of(mask) if self.calibrated else 1.0
        good, parts = mask.good(self.selection), self._parts(mask)
        rows = GoodRows.of(good)
        with PlaneReader() as reader, ThreadPoolExecutor(1, "goodpix-sort") as thread:
            planes = self.source.planes(mask, reader)
            image = floats(planes.read("image", rows, subtract_background=self.subtract_background))
            pixels = GoodPixels(image, good[rows.start : rows.stop], rows.start)
            room = _room(image.dtype, int(np.count_nonzero(pixels.good)) + 1)
            values = pixels.values([part.region for part in parts], room)
            sorting = begin(thread, _sort, values)  # numpy sorts without Python's lock
            weight = floats(planes.read("weight", rows)) if "noise" in self.statistics else None
            sorting.result()
        facts = self._facts(mask.key, mask) | {"bkg_subtracted": self.subtract_background}
        if facts["unit"] is None:
            facts["problem"] = "the image's header has no BUNIT: the unit of the values is not known"
        for part, of_part in zip(parts, values, strict=True):
            region = part.region
            found = pixels.describe(region, of_part, weight, self.statistics)
            found |= {name: factor * found[name] for name in SCALED if name in found}
            place: Row = {"x0": region.x0, "x1": region.x1, "y0": region.y0, "y1": region.y1}
            yield values_of(SkyRow(**facts, **place, **found, amplifier=part.amplifier, n_pixels=region.n_pixels))

    def _parts(self, mask: Mask) -> list[Part]:
        row = mask.row or {}
        halves = Amplifiers.of(row.get("dataseca"), row.get("datasecb"), mask.shape) if self.amplifiers else None
        return parts_of(mask.shape, self.box, halves)


def _room(dtype: np.dtype[Any], n: int) -> npt.NDArray[Any]:
    """Return an array of `n` values or more for one epoch of this thread after the other; they are those of the last.

    For the system to give so much memory anew takes longer than to fill it.
    """
    kept: npt.NDArray[Any] | None = getattr(_kept, "room", None)
    if kept is None or kept.dtype != dtype or kept.size < n:
        kept = _kept.room = np.empty(n, dtype)
    return kept


def _sort(values: Iterable[npt.NDArray[Any]]) -> None:
    for each in values:
        each.sort()
