"""Sky statistics of epochs, and of the parts of their CCDs."""

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Amplifiers, Region
from ...schema.columns import values_of
from ...schema.criteria import Selection
from ...schema.errors import GoodpixError, UsageError
from ...schema.executors import begin
from ...schema.masks.boundselection import BoundSelection
from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ..masks.mask import Mask
from ..masks.parallel import map_masks
from ..masks.reader import MaskPlace, find_masks
from ..source import Source
from .boxstatistics import SCALED, GoodPixels
from .epochplanes import EpochFiles, GoodRows, calibration_of, floats, unit_of
from .skyrow import KEY, SkyRow, check_statistics, in_order, sky_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Box", "Measure", "Part", "Row", "make_measure", "measure_epochs", "sky_statistics"]

Box = tuple[int, int] | int | None
"""Rows and columns of the boxes of a grid; one number for both, None for no grid."""


@dataclass(frozen=True, slots=True)
class Part:
    """A box of pixels, and the amplifier half that it is."""

    region: Region
    amplifier: str | None = None


def _check_box(box: Box, *, amplifiers: bool) -> tuple[int, int] | None:
    """Return rows and columns of boxes.

    Raises
    ------
    UsageError
        If it is no size, or there shall be amplifier halves as well.
    """
    if box is None:
        return None
    if amplifiers:
        raise UsageError(f"box is {box} and amplifiers is set: expected one or the other")
    size: tuple[Any, ...] = tuple(box) if isinstance(box, tuple | list) else (box, box)
    if len(size) != 2 or not all(isinstance(each, int | np.integer) and each > 0 for each in size):
        raise UsageError(f"box is {box!r}: expected rows and columns, such as (256, 256)")
    return int(size[0]), int(size[1])


def _parts_of(shape: tuple[int, int], box: tuple[int, int] | None, amplifiers: Amplifiers | None) -> list[Part]:
    """Return the parts of an image: boxes, amplifier halves, or all of it.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    box : tuple of int, optional
        Rows and columns of a grid's boxes, from the first pixel on; the last may be smaller.
    amplifiers : Amplifiers, optional
        The halves, where they are wanted.
    """
    ny, nx = shape
    if amplifiers is not None:
        return [Part(amplifiers.a, "A"), Part(amplifiers.b, "B")]
    height, width = box or shape
    return [
        Part(Region(x, min(x + width, nx), y, min(y + height, ny)))
        for y in range(0, ny, height)
        for x in range(0, nx, width)
    ]


Row = dict[str, Any]
"""The columns of a `SkyRow`, by name."""

_kept = threading.local()

_FACTS = ("skybrite", "skysigma", "bunit", "se_seg_used", "fingerprint")


@dataclass(frozen=True, slots=True)
class Measure:
    """The sky statistics of an epoch, as a function of its mask that can be sent to workers.

    Parameters
    ----------
    files : EpochFiles
        How its files are found.
    selection : BoundSelection
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

    files: EpochFiles
    selection: BoundSelection
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
            planes = self.files.planes(mask, reader)
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
        return _parts_of(mask.shape, self.box, halves)


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


logger = logging.getLogger(__name__)


def make_measure(
    source: Source,
    selection: Selection | None = None,
    *,
    box: Box = None,
    amplifiers: bool = False,
    statistics: Iterable[str] | None = None,
    subtract_background: bool = False,
    calibrated: bool = False,
    allow_changed: bool = False,
) -> Measure:
    """Return what measures the epochs of a catalogue; see `goodpix.Catalogue.background`."""
    return Measure(
        files=EpochFiles.of(source, allow_changed=allow_changed),
        selection=BoundSelection.of(selection, source.database.identity.bit_names),
        box=_check_box(box, amplifiers=amplifiers),
        amplifiers=amplifiers,
        statistics=check_statistics(statistics),
        subtract_background=subtract_background,
        calibrated=calibrated,
    )


def measure_epochs(
    source: Source,
    measure: Measure,
    places: Iterable[MaskPlace],
    *,
    executor: Executor | None = None,
    workers: int = 1,
) -> Iterator[list[Row]]:
    """Yield the rows of each epoch as they come, with a warning for each that cannot be used."""
    for each in map_masks(measure, places, source.database, executor=executor, workers=workers):
        rows: list[Row] = each.value if each.error is None else [measure.problem(each.key, each.error)]
        if rows[0]["problem"] is not None:
            logger.warning("%s: %s", each.key, rows[0]["problem"])
        yield rows


def sky_statistics(
    source: Source, measure: Measure, *, executor: Executor | None, workers: int, **filters: Any
) -> "pd.DataFrame":
    """Return the sky statistics of epochs over their good pixels; see `goodpix.Catalogue.background`."""
    places = find_masks(source.database, "epoch", filters)
    found = measure_epochs(source, measure, places, executor=executor, workers=workers)
    return sky_frame(in_order(row for rows in found for row in rows), measure.statistics)
