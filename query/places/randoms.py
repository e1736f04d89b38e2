"""Random points on the sky, with what the images show there."""

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Unpack

import hpgeom
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema import tables
from ...schema.criteria import BoundSelection, Selection
from ...schema.database import with_variables
from ...schema.errors import UsageError
from ...schema.executors import Spread, check_workers, in_order, watched
from ...schema.wcs.footprint import NSIDE, UniqueRegion
from ...schema.wcs.solution import unit_vectors
from ...schema.workers.pool import process_pool
from ..filters import FilterKeywords, Filters
from ..masks.reader import MaskLocation, location_rows
from ..provenance import described, filters_text
from ..source import Source
from .blanksky import bands_of, checked_seed
from .poisson import CellPoints, RandomPoints, Scatter, TilePoints
from .samples import SampleJob, Samples, cells_of, reason_texts, sample, sample_if_there

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["randoms"]

_LIMITS = ("uramin", "uramax", "udecmin", "udecmax")
_POINT = ("ra", "dec", "density")
_IMAGE = ("wcs", "nx", "ny", "position_offset")

_MOST = 1_000_000_000

# Jobs submitted ahead, each with the points and epochs of a tile.
_AHEAD = 16

# Points of a job, at most.
_AT_ONCE = 250_000


def randoms(
    source: Source,
    n: int | None = None,
    *,
    density: float | None = None,
    seed: int | None = None,
    selection: Selection | None = None,
    executor: Executor | None = None,
    workers: int = 1,
    **filters: Unpack[FilterKeywords],
) -> "pd.DataFrame":
    """Return random points on the sky, with what the images show there; see `goodpix.Catalogue.randoms`."""
    wanted = _checked(n, density)
    number = checked_seed(seed)
    check_workers(workers)
    bound, bands = source.bound(selection), bands_of(source, filters)
    with source.database.engine.connect() as connection:
        conditions = Filters.of(**filters).on_sky(connection)
    survey = _Survey(source, bound, bands, conditions)
    with ExitStack() as stack:
        spread: Spread = map
        if executor is not None or workers > 1:
            pool = executor or stack.enter_context(process_pool(workers, "goodpix.query.masks.preload"))
            spread = in_order(pool, _AHEAD)
        areas = survey.areas(number)
        drawn = _drawn(survey, areas, wanted, spread)
        parts = list(survey.sampled(drawn, spread))
    found = _frame(parts, bands, bound)
    about = {"filters": filters_text(filters), "seed": number}
    return described(found, source.database.identity, bound, **about)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A number of points, or a density per square degree; the other is None."""

    n: int | None
    density: float | None


def _checked(n: Any, density: Any) -> _Wanted:
    if (n is None) == (density is None):
        raise UsageError("give a number of points n or their density per square degree: expected one of them")
    if n is not None:
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or not 1 <= n <= _MOST:
            raise UsageError(f"n is {n!r}: expected a whole number from 1 to {_MOST:,}")
        return _Wanted(int(n), None)
    try:
        number = float(density)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise UsageError(f"density is {density!r}: expected points per square degree, more than 0")
    return _Wanted(None, number)


@dataclass(frozen=True, slots=True, eq=False)
class _Area:
    """Random points of an area: a tile's unique region, or sky that some tiles without one share.

    The latter is what the images of these tiles cover outside the unique regions of others.
    """

    points: Sequence[RandomPoints]
    tilename: str | None
    shared_by: Sequence[str] = ()
    without: Sequence[UniqueRegion] = ()

    def up_to(self, density: float) -> Scatter:
        every = [each.up_to(density) for each in self.points]
        ra, dec, densities = (np.concatenate([getattr(each, name) for each in every]) for name in _POINT)
        joined = Scatter(ra, dec, densities)
        if not self.without:
            return joined
        vectors = unit_vectors(joined.ra, joined.dec)
        return joined[~np.any([region.contains(vectors) for region in self.without], axis=0)]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Points of an area, or some of them, and the images there."""

    area: _Area
    points: Scatter
    samples: Samples


@dataclass(frozen=True, slots=True, eq=False)
class _Survey:
    """Epochs that match conditions, their tiles, and what is good in them."""

    source: Source
    selection: BoundSelection
    bands: Sequence[str]
    conditions: "list[sa.ColumnElement[bool]]"

    def areas(self, seed: int) -> list[_Area]:
        """Return the unique region of each tile, and the HEALPix pixels that tiles without one touch."""
        regions = dict(self._regions())
        known = {tilename: region for tilename, region in regions.items() if region is not None}
        areas = [_Area([TilePoints(seed, *each)], each[0]) for each in known.items()]
        without = [tilename for tilename in regions if tilename not in known]
        epoch, footprint = tables.epoch, tables.footprint
        query = sa.select(footprint.c.hpix, footprint.c.cells).distinct()
        query = query.join_from(footprint, epoch, footprint.c.epoch_id == epoch.c.epoch_id)
        query = query.where(epoch.c.tilename.in_(without), *self.conditions).order_by(footprint.c.hpix)
        with self.source.database.engine.connect() as connection:
            rows = connection.execute(query).all() if without else []
        for _, of_pixel in groupby(rows, lambda row: int(row.hpix)):
            cells = {cell for row in of_pixel for cell in cells_of({int(row.hpix): int(row.cells)})}
            points = [CellPoints(seed, cell) for cell in sorted(cells)]
            areas.append(_Area(points, None, without, list(known.values())))
        return areas

    def _regions(self) -> Iterator[tuple[str, UniqueRegion | None]]:
        """Yield each tile with an epoch, and its unique region if it has the same one in every band."""
        epoch, coadd = tables.epoch, tables.coadd
        same_tile = sa.and_(coadd.c.tilename == epoch.c.tilename, coadd.c.band == epoch.c.band)
        limits = [coadd.c[name] for name in _LIMITS]
        query = sa.select(epoch.c.tilename, *limits).distinct().join_from(epoch, coadd, same_tile)
        query = query.where(*self.conditions).order_by(epoch.c.tilename)
        with self.source.database.engine.connect() as connection:
            rows = connection.execute(query).all()
        for tilename, of_tile in groupby(rows, lambda row: str(row.tilename)):
            (first, *others) = [tuple(row)[1:] for row in of_tile]
            yield tilename, None if others or None in first else UniqueRegion(*first)

    def sampled(
        self, drawn: Iterable[tuple[_Area, Scatter]], spread: Spread, *, reasons: bool = True
    ) -> Iterator[_Part]:
        """Yield the images at the points of areas, but for those in no unique region that no image holds."""
        jobs: list[tuple[_Area, Scatter]] = [
            (area, points[start : start + _AT_ONCE])
            for area, points in drawn
            for start in range(0, points.ra.size, _AT_ONCE)
        ]
        samples = spread(sample_if_there, (self._job(*each, reasons=reasons) for each in jobs))
        for (area, points), found in watched(zip(jobs, samples, strict=True), lambda: len(jobs)):
            # an ingest may have replaced a mask since its row was read
            yield _held(_Part(area, points, found or sample(self._job(area, points, reasons=reasons))))

    def _job(self, area: _Area, points: Scatter, *, reasons: bool) -> SampleJob:
        hpix = np.unique(hpgeom.vector_to_pixel(NSIDE, *unit_vectors(points.ra, points.dec)))
        database = self.source.database
        locations = self._locations(hpix.tolist())
        return SampleJob(
            database.root,
            database.identity,
            self.selection,
            self.bands,
            points.ra,
            points.dec,
            locations,
            area.shared_by,
            reasons,
        )

    def _locations(self, hpix: list[int]) -> list[MaskLocation]:
        """Return the epochs whose footprints have any of some HEALPix pixels."""
        epoch, coadd, footprint = tables.epoch.c, tables.coadd.c, tables.footprint.c
        near = sa.select(footprint.epoch_id).where(footprint.hpix.in_(hpix))
        with self.source.database.engine.connect() as connection:
            query = location_rows(connection, "epoch").add_columns(
                *(coadd[name] for name in _LIMITS), *(coadd[name].label(f"coadd_{name}") for name in _IMAGE)
            )
            query = query.where(epoch.epoch_id.in_(near), *self.conditions)
            query = query.order_by(epoch.band, epoch.expnum, epoch.ccdnum, epoch.tilename)
            rows = with_variables(connection, connection.execute(query).mappings().all())
        # databases differ in how they order text
        rows = sorted(rows, key=lambda row: (str(row["band"]), row["expnum"], row["ccdnum"], str(row["tilename"])))
        return [MaskLocation.of("epoch", row) for row in rows]


def _held(part: _Part) -> _Part:
    """Return the points that count: in a unique region all, elsewhere those that an image holds."""
    if part.area.tilename is not None:
        return part
    samples = part.samples
    kept = samples.tile < len(part.area.shared_by)
    counts = {name: getattr(samples, name)[..., kept] for name in ("n_images", "n_good", "taken", "tile")}
    return replace(part, points=part.points[kept], samples=replace(samples, **counts))


def _drawn(survey: _Survey, areas: list[_Area], wanted: _Wanted, spread: Spread) -> list[tuple[_Area, Scatter]]:
    """Return the points of each area.

    The first n points of all areas by density are n points at random. So another area takes points away, and moves
    none.
    """
    total = sum(each.area for area in areas for each in area.points)
    if wanted.density is not None:
        if wanted.density * total > _MOST:
            raise UsageError(
                f"density is {wanted.density!r}, on {total:.6g} square degrees: expected at most {_MOST:,} points"
            )
        return [(area, area.up_to(wanted.density)) for area in areas]
    assert wanted.n is not None
    density = (wanted.n + 5 * math.sqrt(wanted.n) + 10) / max(total, 1e-12)
    while areas:
        drawn = [(area, area.up_to(density)) for area in areas]
        if any(area.tilename is None for area, _ in drawn):
            drawn = [(each.area, each.points) for each in survey.sampled(drawn, spread, reasons=False)]
        every = np.concatenate([np.empty(0), *(points.density for _, points in drawn)])
        if every.size >= wanted.n:
            last = np.partition(every, wanted.n - 1)[wanted.n - 1]
            return [(area, points[points.density <= last]) for area, points in drawn]
        density *= 1.5 if every.size else 10
    return []


def _frame(parts: list[_Part], bands: Sequence[str], selection: BoundSelection) -> "pd.DataFrame":
    import pandas as pd  # slow to import, and the command line starts without it

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([np.empty(0), *(getattr(part.points, name) for part in parts)])

    def counts(name: str, k: int) -> npt.NDArray[np.int32]:
        return np.concatenate([np.empty(0, np.int32), *(getattr(part.samples, name)[k] for part in parts)])

    tilenames = [name for part in parts for name in _tilenames(part)]
    taken = np.concatenate([np.empty(0, np.int64), *(part.samples.taken for part in parts)])
    found = pd.DataFrame(
        {"ra": column("ra"), "dec": column("dec"), "tilename": pd.array(tilenames, dtype="str")}
        | {f"{name}_{band}": counts(name, k) for k, band in enumerate(bands) for name in ("n_images", "n_good")}
        | {"reasons": pd.array(reason_texts(taken, selection.bit_names), dtype="str")}
    )
    order = np.lexsort((column("density"), np.array(tilenames, dtype=np.str_)))
    return found.iloc[order].reset_index(drop=True)


def _tilenames(part: _Part) -> list[str]:
    if part.area.tilename is not None:
        return [part.area.tilename] * part.points.ra.size
    return [part.area.shared_by[each] for each in part.samples.tile.tolist()]
