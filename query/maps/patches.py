"""Patches of the sky, the units of work of maps."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import sqlalchemy as sa

from ...schema import tables
from ...schema.criteria import BoundSelection, Criterion
from ...schema.database import Database, Identity, with_variables
from ...schema.errors import MaskFileMissingError
from ...schema.executors import check_workers, count_workers, in_order, watched
from ...schema.store.masksroot import MasksRoot
from ...schema.wcs.footprint import NSIDE, UniqueRegion
from ...schema.workers.pool import process_pool
from ..filters import Filters
from ..masks.mask import Mask
from ..masks.reader import MaskLocation, MaskReader, location_rows
from ..source import Source

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PATCH_NSIDE", "Epoch", "Patch", "find_patches", "map_patches"]

PATCH_NSIDE = 64
"""HEALPix resolution of patches unless a map needs others: 0.84 square degrees, a tile and a half."""

# Pixels of footprints in a patch that is larger than others, so that a tile is one: 1.7 square degrees.
_MOST_CELLS = 32

# Patches submitted per worker, and at least: each holds the rows of a thousand epochs, too many for those of a survey.
_AHEAD, _LEAST_AHEAD = 2, 16

_LIMITS = ("uramin", "uramax", "udecmin", "udecmax")

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Patch:
    """A HEALPix pixel of the sky that images touch.

    Parameters
    ----------
    nside : int
        Its resolution.
    pixel : int
        Its number, nested.
    cells : tuple of int
        Pixels of footprints within it, nested, that images may touch.
    """

    nside: int
    pixel: int
    cells: tuple[int, ...]

    def holds(self, block: int, nside: int) -> bool:
        """Return whether the patch contains a nested HEALPix pixel of its own resolution or a finer one."""
        return block >> 2 * ((nside // self.nside).bit_length() - 1) == self.pixel


@dataclass(frozen=True, slots=True, eq=False)
class Epoch:
    """An epoch that touches a patch.

    Parameters
    ----------
    mask : Mask
        Its mask.
    region : UniqueRegion or None
        The unique region of its tile; None if there is none.
    """

    mask: Mask
    region: UniqueRegion | None


class PatchFunction(Protocol[Result_co]):
    """A function of a patch and the CCD images that touch it, each as its epochs in order of tilename."""

    def __call__(self, patch: Patch, images: Iterator[list[Epoch]], /) -> Result_co:
        """Return what is asked of the patch."""


@dataclass(frozen=True, slots=True, eq=False)
class _Job(Generic[Result]):
    """A patch sent to a worker."""

    root: MasksRoot
    catalogue: Identity
    function: PatchFunction[Result]
    patch: Patch
    locations: tuple[MaskLocation, ...]

    def run(self, reader: MaskReader) -> Result:
        return self.function(self.patch, _images(self.locations, reader))


def find_patches(database: Database, nside: int, filters: Mapping[str, Any], *, spread: bool = True) -> list[Patch]:
    """Return the patches that epochs touch, in ascending order.

    Parameters
    ----------
    database : Database
        Database of the catalogue.
    nside : int
        Resolution of the patches, up to that of footprints.
    filters : mapping
        See `goodpix.query.filters.Filters`.
    spread : bool
        Whether several workers share them. Otherwise patches may be larger, so that fewer images are in several.

    Raises
    ------
    UnknownNameError, UsageError
        If a filter is invalid.
    """
    footprint, epoch = tables.footprint.c, tables.epoch
    conditions = Filters.of(**filters).conditions(epoch)
    cells = sa.select(footprint.hpix).distinct().order_by(footprint.hpix)
    if conditions:
        cells = cells.where(footprint.epoch_id.in_(sa.select(epoch.c.epoch_id).where(*conditions)))
    with database.engine.connect() as connection:
        pixels = [int(hpix) for hpix in connection.scalars(cells)]
    patches = _grouped(pixels, nside)
    while not spread and nside > 1 and len(patches) > 1:
        nside //= 2
        larger = _grouped(pixels, nside)
        if max(len(patch.cells) for patch in larger) > _MOST_CELLS:
            break
        patches = larger
    return patches


def _grouped(pixels: list[int], nside: int) -> list[Patch]:
    coarser = 2 * ((NSIDE // nside).bit_length() - 1)
    return [Patch(nside, pixel, tuple(found)) for pixel, found in groupby(pixels, lambda cell: cell >> coarser)]


def map_patches(
    source: Source,
    selection: BoundSelection,
    function: PatchFunction[Result],
    patches: list[Patch],
    filters: Mapping[str, Any],
    *,
    executor: Executor | None = None,
    workers: int = 1,
    noise: "pd.DataFrame | None" = None,
) -> Iterator[Result]:
    """Yield a function's result for each patch, in order; the same on any number of workers.

    Epochs without an SE segmentation map are left out, as from the sums in views, because their objects are unknown,
    unless the selection ignores `SE_SEG`. A worker holds one image at a time.

    Parameters
    ----------
    source : Source
        The catalogue.
    selection : BoundSelection
        The definition of good.
    function : PatchFunction
        The function; picklable for an executor or several workers.
    patches : list of Patch
        The patches.
    filters : mapping
        See `goodpix.query.filters.Filters`.
    executor : Executor, optional
        Executor that reads the masks.
    workers : int
        Number of processes that read them if no executor is given.
    noise : DataFrame, optional
        Noise of CCD images, see `SkyDataset.noise`; the column ``stored_noise`` of the rows of their masks.

    Raises
    ------
    MaskFileError
        If a mask file is missing or damaged.
    """
    check_workers(workers)
    database = source.database
    seg_ignored = Criterion.SE_SEG in selection.selection.ignore

    def job(patch: Patch) -> _Job[Result]:
        locations = tuple(_locations(database, patch, filters, seg_ignored))
        if noise is not None:
            locations = _with_noise(locations, noise)
        return _Job(database.root, database.identity, function, patch, locations)

    jobs = (job(patch) for patch in patches)
    with ExitStack() as stack:
        run: Callable[[_Job[Result]], Result | _Job[Result]] = _Here(source.reader)
        results: Iterator[Result | _Job[Result]]
        if executor is None and workers == 1:
            results = map(run, jobs)
        else:
            pool = executor or stack.enter_context(process_pool(min(workers, len(patches) or 1)))
            n_ahead = max(_LEAST_AHEAD, _AHEAD * (count_workers(pool) or workers))
            results = in_order(pool, n_ahead)(_run, jobs)
        for result in watched(results, lambda: len(patches)):
            # an ingest has replaced a mask file in the meantime
            yield job(result.patch).run(source.reader) if isinstance(result, _Job) else result


@dataclass(frozen=True, slots=True, eq=False)
class _Here:
    """Jobs of this process, which has a reader open."""

    reader: MaskReader

    def __call__(self, job: _Job[Result]) -> Result | _Job[Result]:
        try:
            return job.run(self.reader)
        except MaskFileMissingError:
            return job


def _run(job: _Job[Result]) -> Result | _Job[Result]:
    """Return the result of a job, or the job if a mask file is missing."""
    reader = MaskReader(job.root, job.catalogue)
    try:
        return _Here(reader)(job)
    finally:
        reader.close()


def _images(locations: tuple[MaskLocation, ...], reader: MaskReader) -> Iterator[list[Epoch]]:
    for _, epochs in groupby(locations, lambda each: (each.key.band, each.key.expnum, each.key.ccdnum)):
        yield [Epoch(location.read(reader), _region(location.row)) for location in epochs]


def _region(row: Mapping[str, Any]) -> UniqueRegion | None:
    limits = [row[name] for name in _LIMITS]
    return None if None in limits else UniqueRegion(*limits)


def _with_noise(locations: tuple[MaskLocation, ...], noise: "pd.DataFrame") -> tuple[MaskLocation, ...]:
    keys = [(each.key.band, each.key.expnum, each.key.ccdnum) for each in locations]
    found = noise["noise"].reindex(keys).tolist() if keys else []
    return tuple(
        MaskLocation(each.key, {**each.row, "stored_noise": value})
        for each, value in zip(locations, found, strict=True)
    )


def _locations(
    database: Database, patch: Patch, filters: Mapping[str, Any], seg_ignored: bool
) -> Iterator[MaskLocation]:
    """Yield the epochs that touch a patch: images in order of band, expnum and ccdnum, and each by tilename."""
    footprint, epoch, coadd = tables.footprint.c, tables.epoch, tables.coadd
    per_patch = (NSIDE // patch.nside) ** 2
    inside = footprint.hpix.between(patch.pixel * per_patch, (patch.pixel + 1) * per_patch - 1)
    conditions: list[sa.ColumnElement[bool]] = [epoch.c.epoch_id.in_(sa.select(footprint.epoch_id).where(inside))]
    wanted = Filters.of(**filters)
    conditions += wanted.conditions(epoch)
    with database.engine.connect() as connection:
        rows = location_rows(connection, "epoch").add_columns(*(coadd.c[name] for name in _LIMITS)).where(*conditions)
        key = (epoch.c.band, epoch.c.expnum, epoch.c.ccdnum, epoch.c.tilename)
        located = with_variables(connection, connection.execute(rows.order_by(*key)).mappings().all())
    for row in located:
        if wanted.places(row) and (seg_ignored or row["se_seg_used"]):
            yield MaskLocation.of("epoch", row)
