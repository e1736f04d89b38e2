"""Sky statistics of CCD images or epochs, boxes and amplifier halves."""

import logging
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Amplifiers, Region
from ...schema.columns import values_of
from ...schema.criteria import BoundSelection, Selection
from ...schema.errors import GoodpixError, UsageError
from ...schema.observing.covariates import COMPUTED
from ...schema.planes.reader import PlaneReader
from ...schema.rows import MaskKey
from ..filters import TableKeywords
from ..masks.ccdmask import count_ccd_images, find_ccd_images
from ..masks.mask import Mask
from ..masks.parallel import Readable, map_masks
from ..masks.reader import count_masks, find_masks
from ..provenance import described
from ..source import Source
from ..tableshape import TableShape
from .boxstatistics import SCALED, GoodPixels
from .epochplanes import EpochFiles, GoodRows, calibration_of, floats, unit_of, zero_point_of
from .problems import said_together
from .skyrow import KEY, By, ByName, SkyRow, StatisticName, check_statistics, in_order, sky_frame

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Box",
    "Measure",
    "Row",
    "count_images",
    "find_images",
    "make_measure",
    "measure_images",
    "sky_statistics",
]

Box = tuple[int, int] | int | None
"""Rows and columns of grid boxes; one number for both, None for no grid."""


@dataclass(frozen=True, slots=True)
class _MeasuredRegion:
    """A box of pixels, and the amplifier if it is an amplifier half."""

    region: Region
    amplifier: str | None = None


def _check_box(box: Box, *, amplifiers: bool) -> tuple[int, int] | None:
    """Return the rows and columns of grid boxes.

    Raises
    ------
    UsageError
        If the size is invalid, or `amplifiers` is set as well.
    """
    if box is None:
        return None
    if amplifiers:
        raise UsageError(f"box is {box} and amplifiers is set: expected only one of them")
    size: tuple[Any, ...] = tuple(box) if isinstance(box, tuple | list) else (box, box)
    if len(size) != 2 or not all(isinstance(each, int | np.integer) and each > 0 for each in size):
        raise UsageError(f"box is {box!r}: expected rows and columns, such as (256, 256)")
    return int(size[0]), int(size[1])


def _measured_regions(
    shape: tuple[int, int], box: tuple[int, int] | None, amplifiers: Amplifiers | None
) -> list[_MeasuredRegion]:
    """Return the regions of an image: boxes, amplifier halves, or the whole image.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    box : tuple of int, optional
        Rows and columns of grid boxes, starting at the first pixel; the last ones may be smaller.
    amplifiers : Amplifiers, optional
        The amplifier halves, if they are the regions.
    """
    ny, nx = shape
    if amplifiers is not None:
        return [_MeasuredRegion(amplifiers.a, "A"), _MeasuredRegion(amplifiers.b, "B")]
    height, width = box or shape
    return [
        _MeasuredRegion(Region(x, min(x + width, nx), y, min(y + height, ny)))
        for y in range(0, ny, height)
        for x in range(0, nx, width)
    ]


Row = dict[str, Any]
"""The columns of a `SkyRow`, by name."""

_buffers = threading.local()

_FACTS = ("skybrite", "skysigma", "bunit", *COMPUTED, "se_seg_used", "fingerprint")


@dataclass(frozen=True, slots=True)
class Measure:
    """Function from the mask of a CCD image or epoch to its sky statistics; can be sent to workers.

    Parameters
    ----------
    by : By
        Whether masks are of CCD images or of epochs.
    files : EpochFiles
        Access to the files of epochs.
    selection : BoundSelection
        The definition of good.
    box : tuple of int, optional
        Rows and columns of grid boxes.
    amplifiers : bool
        Whether to measure each amplifier half.
    statistics : sequence of str
        See `goodpix.query.background.skyrow.STATISTICS`.
    subtract_background : bool
        Whether to subtract the residual background map of ``bkg_path``.
    calibrated : bool
        Whether to scale values to a zero point of 30.
    """

    by: By
    files: EpochFiles
    selection: BoundSelection
    box: tuple[int, int] | None
    amplifiers: bool
    statistics: Sequence[str]
    subtract_background: bool
    calibrated: bool

    def __call__(self, mask: Mask) -> list[Row]:
        """Return the rows of the image's regions; for an unusable image, one row with the problem."""
        try:
            return list(self._rows(mask))
        except GoodpixError as error:
            return [self.problem(mask.key, " ".join(str(error).split()), mask)]

    def problem(self, key: MaskKey, why: str, mask: Mask | None = None) -> Row:
        """Return the row of an image without statistics."""
        return values_of(SkyRow(**self._facts(key, mask), problem=why.removeprefix(f"{key}: ")))

    def _facts(self, key: MaskKey, mask: Mask | None) -> Row:
        row = {} if mask is None or mask.row is None else mask.row
        return {name: getattr(key, name) for name in KEY} | {
            **({"tilename": None, "n_tiles": row.get("n_tiles")} if self.by is By.CCD else {}),
            **{name: row.get(name) for name in _FACTS},
            "mu_sky": _mu_sky(row),
            "unit": unit_of(row, calibrated=self.calibrated),
            "zero_point": zero_point_of(row, calibrated=self.calibrated),
            "calibrated": self.calibrated,
            "bkg_subtracted": False,
            "selection": str(self.selection),
        }

    def _rows(self, mask: Mask) -> Iterator[Row]:
        factor = calibration_of(mask) if self.calibrated else 1.0
        good, regions = mask.good(self.selection), self._regions(mask)
        rows = GoodRows.of(good)
        with PlaneReader() as reader, ThreadPoolExecutor(1, "goodpix-sort") as thread:
            planes = self.files.planes(mask, reader)
            image = floats(planes.read("image", rows, subtract_background=self.subtract_background))
            pixels = GoodPixels(image, good[rows.start : rows.stop], rows.start)
            buffer = _buffer(image.dtype, int(np.count_nonzero(pixels.good)) + 1)
            values = pixels.values([measured.region for measured in regions], buffer)
            sorting = thread.submit(_sort, values)  # numpy releases the GIL while sorting
            weight = floats(planes.read("weight", rows)) if "noise" in self.statistics else None
            sorting.result()
        facts = self._facts(mask.key, mask) | {"bkg_subtracted": self.subtract_background}
        if facts["unit"] is None:
            facts["problem"] = "the image's header has no BUNIT: the unit of the values is not known"
        for measured, of_region in zip(regions, values, strict=True):
            region = measured.region
            numbers = pixels.describe(region, of_region, weight, self.statistics)
            numbers |= {name: factor * numbers[name] for name in SCALED if name in numbers}
            limits: Row = {"x0": region.x0, "x1": region.x1, "y0": region.y0, "y1": region.y1}
            amplifier = measured.amplifier
            yield values_of(SkyRow(**facts, **limits, **numbers, amplifier=amplifier, n_pixels=region.n_pixels))

    def _regions(self, mask: Mask) -> list[_MeasuredRegion]:
        row = mask.row or {}
        halves = Amplifiers.of_image(row, mask.shape) if self.amplifiers else None
        if self.amplifiers and halves is None:
            raise UsageError(f"{mask.key}: its amplifiers are unknown: expected statistics of whole images or boxes")
        return _measured_regions(mask.shape, self.box, halves)


def _buffer(dtype: np.dtype[Any], n: int) -> npt.NDArray[Any]:
    """Return an array of at least `n` values that this thread reuses from epoch to epoch.

    Allocating that much memory takes longer than filling it.
    """
    buffer: npt.NDArray[Any] | None = getattr(_buffers, "values", None)
    if buffer is None or buffer.dtype != dtype or buffer.size < n:
        buffer = _buffers.values = np.empty(n, dtype)
    return buffer


def _mu_sky(row: Mapping[str, Any]) -> float | None:
    """Return the surface brightness of the subtracted sky, mag/arcsec^2; None if it is not known."""
    skybrite, magzp, pixel_area = (row.get(name) for name in ("skybrite", "magzp", "pixel_area"))
    if magzp is None or not (skybrite and skybrite > 0) or not (pixel_area and pixel_area > 0):
        return None
    return float(magzp - 2.5 * math.log10(skybrite / pixel_area))


def _sort(arrays: Iterable[npt.NDArray[Any]]) -> None:
    for array in arrays:
        array.sort()


logger = logging.getLogger(__name__)


def make_measure(
    source: Source,
    selection: Selection | None = None,
    *,
    by: ByName = "epoch",
    box: Box = None,
    amplifiers: bool = False,
    statistics: StatisticName | Iterable[StatisticName] | None = None,
    subtract_background: bool = False,
    calibrated: bool = False,
    allow_changed: bool = False,
) -> Measure:
    """Return the `Measure` of a catalogue's images; see `goodpix.Catalogue.background`."""
    return Measure(
        by=By.of(by),
        files=EpochFiles.of(source, allow_changed=allow_changed),
        selection=source.bound(selection),
        box=_check_box(box, amplifiers=amplifiers),
        amplifiers=amplifiers,
        statistics=check_statistics(statistics),
        subtract_background=subtract_background,
        calibrated=calibrated,
    )


def find_images(source: Source, by: By, filters: Mapping[str, Any]) -> Iterator[Readable]:
    """Locate the masks of the CCD images or epochs that match filters on epochs."""
    if by is By.CCD:
        return find_ccd_images(source.database, filters)
    return find_masks(source.database, "epoch", filters)


def count_images(source: Source, by: By, filters: Mapping[str, Any]) -> int:
    """Return the number of images that `find_images` locates."""
    if by is By.CCD:
        return count_ccd_images(source.database, filters)
    return count_masks(source.database, "epoch", filters)


def measure_images(
    source: Source,
    measure: Measure,
    locations: Iterable[Readable],
    *,
    executor: Executor | None = None,
    workers: int = 1,
    count: Callable[[], int] | None = None,
) -> Iterator[list[Row]]:
    """Yield the rows of each image as it completes; `count` is that of `map_masks`.

    At the end a warning is logged for each different problem.
    """
    problems: list[tuple[MaskKey, str]] = []
    results = map_masks(measure, locations, source.database, executor=executor, workers=workers, count=count)
    for mapped in results:
        rows: list[Row] = mapped.value if mapped.error is None else [measure.problem(mapped.key, mapped.error)]
        problem = rows[0]["problem"]
        if problem is not None:
            problems.append((mapped.key, problem))
        yield rows
    for line in said_together(problems):
        logger.warning("%s", line)


def sky_statistics(
    source: Source, measure: Measure, *, executor: Executor | None, workers: int, **filters: Unpack[TableKeywords]
) -> "pd.DataFrame":
    """Return sky statistics of images over their good pixels; see `goodpix.Catalogue.background`."""
    shape, rest = TableShape.taken_from(filters)
    locations = find_images(source, measure.by, rest)
    count = partial(count_images, source, measure.by, rest)
    images = measure_images(source, measure, locations, executor=executor, workers=workers, count=count)
    frame = sky_frame(in_order(row for rows in images for row in rows), measure.statistics, measure.by)
    return shape.of_frame(described(frame, source.database.identity, measure.selection), "sky")
