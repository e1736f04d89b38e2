"""Blank sky: places whose neighbourhood is good in every image."""

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema import tables
from ...schema.columns import key_text
from ...schema.criteria import BoundSelection, Criterion, Selection
from ...schema.errors import MaskFileError, UsageError
from ...schema.wcs.footprint import NSIDE
from ...schema.wcs.solution import unit_vectors
from ..background.epochplanes import EpochFiles
from ..filters import FilterKeywords, Filters, words_of
from ..masks.ccdmask import CcdImage, find_ccd_images
from ..masks.parallel import map_masks
from ..provenance import described, filters_text
from ..source import Source
from .candidates import Judge, Verdicts
from .discpixels import DiscPixels, levels_and_noise
from .discs import disjoint
from .sequence import EvenPoints, sky_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["bands_of", "blank_sky", "checked_seed", "images_of"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SKY = 4 * np.pi * np.degrees(1.0) ** 2 * 3600**2
_ARCSEC = np.degrees(1.0) * 3600

_LARGEST_RADIUS = 3600.0

# Candidates for each place at first, and at most; and the number up to which more are tried in any case.
_FEWEST, _MOST, _FREE = 4, 1000, 4_000_000

# Verdicts held in memory before they are combined.
_PENDING = 4_000_000

_DEEPEST = 29


def blank_sky(
    source: Source,
    n: int,
    radius_arcsec: float,
    *,
    seed: int | None = None,
    selection: Selection | None = None,
    min_images: int | None = None,
    background: bool = False,
    executor: Executor | None = None,
    workers: int = 1,
    **filters: Unpack[FilterKeywords],
) -> "pd.DataFrame":
    """Return places that are blank in every image; see `goodpix.Catalogue.blank_sky`."""
    n, radius_arcsec = _checked_number("n", n), _checked_radius(radius_arcsec)
    least = 1 if min_images is None else _checked_number("min_images", min_images)
    bound, points = source.bound(selection), EvenPoints(checked_seed(seed))
    bands, area = bands_of(source, filters), _area(source, filters)
    judge = Judge(points, _order(_FEWEST * n, area), radius_arcsec, bound)
    blank = _Blank.none(len(bands))
    while area:
        reached = (each for each in images_of(source, bound, filters) if judge.reaches(each.locations[0].grid))
        verdicts = _verdicts(source, judge, reached, bands, executor=executor, workers=workers)
        blank = verdicts.blank(least, judge, n)
        order = _deeper(judge.order, n, blank.cells.size, area, radius_arcsec)
        if order == judge.order:
            break
        judge = replace(judge, order=order)
    if blank.cells.size < n:
        logger.warning(
            "found %s blank places of radius %g arcsec, %s were asked for", blank.cells.size, radius_arcsec, n
        )
    found = _frame(source, blank, bands, judge, filters)
    if background:
        centres = unit_vectors(found.ra, found.dec)
        pixels = DiscPixels(EpochFiles.of(source), centres, radius_arcsec)
        images = images_of(source, bound, filters)
        columns = levels_and_noise(source, pixels, images, bands, executor=executor, workers=workers)
        for name, values in columns.items():
            found[name] = values
    return found


def images_of(source: Source, selection: BoundSelection, filters: Mapping[str, Any]) -> Iterator[CcdImage]:
    """Yield each CCD image with the epochs that match filters.

    Those without an SE segmentation map are left out unless the selection ignores `SE_SEG`, and those whose WCS the
    pipeline does not vouch for, as in maps.
    """
    seg_ignored, wanted = Criterion.SE_SEG in selection.selection.ignore, Filters.of(**filters)
    for image in find_ccd_images(source.database, filters):
        matched = [each for each in image.locations if each.row["matched"] and wanted.places(each.row)]
        counted = tuple(each for each in matched if seg_ignored or each.row["se_seg_used"])
        if counted:
            yield CcdImage(counted)


def checked_seed(seed: Any) -> int:
    """Return a seed as an integer; 0 by default.

    Raises
    ------
    UsageError
        If it is not a whole number, 0 or more.
    """
    if seed is None:
        return 0
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise UsageError(f"seed is {seed!r}: expected a whole number, 0 or more")
    return int(seed)


def _checked_number(name: str, number: Any) -> int:
    if not isinstance(number, int | np.integer) or isinstance(number, bool) or number < 1:
        raise UsageError(f"{name} is {number!r}: expected a whole number, 1 or more")
    return int(number)


def _checked_radius(radius: Any) -> float:
    try:
        arcsec = float(radius)
    except (TypeError, ValueError):
        arcsec = -1.0
    if not 0 < arcsec <= _LARGEST_RADIUS:
        raise UsageError(f"radius_arcsec is {radius!r}: expected arcsec, more than 0 and at most {_LARGEST_RADIUS:g}")
    return arcsec


def bands_of(source: Source, filters: Mapping[str, Any]) -> list[str]:
    """Return the bands that filters name, or else those of the epochs that match."""
    wanted = Filters.of(**filters)
    query = sa.select(tables.epoch.c.band).where(*wanted.conditions(tables.epoch)).distinct()
    with source.database.engine.connect() as connection:
        found = set(connection.scalars(query))
    named = [] if wanted.band is None else [key_text("band", each) for each in words_of(wanted.band)]
    return sorted(found | set(named))


def _area(source: Source, filters: Mapping[str, Any]) -> float:
    """Return the area of the HEALPix pixels that images touch, arcsec^2."""
    epoch, footprint = tables.epoch, tables.footprint
    query = sa.select(sa.func.count(footprint.c.hpix.distinct()))
    query = query.join_from(footprint, epoch, footprint.c.epoch_id == epoch.c.epoch_id)
    with source.database.engine.connect() as connection:
        n_pixels = int(connection.scalar(query.where(*Filters.of(**filters).on_sky(connection))) or 0)
    return float(n_pixels * _SKY / (12 * NSIDE**2))


def _order(n_candidates: float, area: float) -> int:
    """Return the lowest HEALPix order with as many cells in an area, arcsec^2."""
    order = 0
    while order < _DEEPEST and 12 * 4**order * area / _SKY < n_candidates:
        order += 1
    return order


def _deeper(order: int, n: int, n_found: int, area: float, radius_arcsec: float) -> int:
    """Return the order at which enough places should be found; the same if there is no use in a higher one."""
    if n_found >= n:
        return order
    cells_as_wide = _order(area / radius_arcsec**2, area)
    affordable = max(_order(max(_MOST * n, _FREE), area) - 1, 0)
    steps = 1 if 2 * n_found >= n else 2
    return max(order, min(order + steps, cells_as_wide, affordable, _DEEPEST))


@dataclass(frozen=True, slots=True, eq=False)
class _Blank:
    """Blank places: cells of candidates, their distances (arcsec), and numbers of images by band (n_bands, n)."""

    cells: Ints
    distance: Floats
    n_images: Ints

    @classmethod
    def none(cls, n_bands: int) -> "_Blank":
        return cls(np.empty(0, np.int64), np.empty(0), np.empty((n_bands, 0), np.int64))

    def __getitem__(self, wanted: Any) -> "_Blank":
        return _Blank(self.cells[wanted], self.distance[wanted], self.n_images[:, wanted])


@dataclass(slots=True, eq=False)
class _AllVerdicts:
    """Verdicts of all images, combined when they are many."""

    bands: list[str]
    parts: list[_Blank] = field(default_factory=list)

    def add(self, band: str, verdicts: Verdicts) -> None:
        n_images = np.zeros((len(self.bands), verdicts.cells.size), np.int64)
        n_images[self.bands.index(band)] = 1
        self.parts.append(_Blank(verdicts.cells, verdicts.distance, n_images))
        if sum(part.cells.size for part in self.parts[1:]) > _PENDING:
            self.parts[:] = [self._combined()]

    def _combined(self) -> _Blank:
        """Return each candidate once, with its least distance."""
        parts = [_Blank.none(len(self.bands)), *self.parts]
        cells = np.concatenate([part.cells for part in parts])
        order = np.argsort(cells, kind="stable")
        starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
        if not starts.size:
            return parts[0]
        distance = np.concatenate([part.distance for part in parts])[order]
        n_images = np.concatenate([part.n_images for part in parts], axis=1)[:, order]
        return _Blank(
            cells[order][starts],
            np.minimum.reduceat(distance, starts),
            np.add.reduceat(n_images, starts, axis=1),
        )

    def blank(self, min_images: int, judge: Judge, n: int) -> _Blank:
        """Return the first n blank places of the sequence whose discs do not overlap."""
        judged = self._combined()
        judged = judged[(judged.distance > 0) & (judged.n_images >= min_images).all(axis=0)]
        judged = judged[np.argsort(judge.points.ranks(judged.cells, judge.order))]
        vectors = unit_vectors(*sky_of(judge.points.pixels(judged.cells, judge.order)))
        chosen = disjoint(vectors, judge.radius_arcsec / _ARCSEC)
        return judged[np.array([number for _, number in zip(range(n), chosen, strict=False)], np.intp)]


def _verdicts(
    source: Source,
    judge: Judge,
    images: Iterator[CcdImage],
    bands: list[str],
    *,
    executor: Executor | None,
    workers: int,
) -> _AllVerdicts:
    """Return the verdicts of images.

    Raises
    ------
    MaskFileError
        If a mask cannot be read: a place would not be known to be blank in every image.
    """
    verdicts = _AllVerdicts(bands)
    for result in map_masks(judge, images, source.database, executor=executor, workers=workers):
        if result.error is not None:
            raise MaskFileError(f"{result.key}: {result.error}")
        verdicts.add(result.key.band, result.value)
    return verdicts


def _frame(source: Source, blank: _Blank, bands: list[str], judge: Judge, filters: Mapping[str, Any]) -> "pd.DataFrame":
    import pandas as pd  # slow to import, and the command line starts without it

    ra, dec = sky_of(judge.points.pixels(blank.cells, judge.order))
    counts = {f"n_images_{band}": blank.n_images[k] for k, band in enumerate(bands)}
    found = pd.DataFrame({"ra": ra, "dec": dec, "distance_arcsec": blank.distance, **counts})
    about = {"filters": filters_text(filters), "radius_arcsec": judge.radius_arcsec, "seed": judge.points.seed}
    return described(found, source.database.identity, judge.selection, **about)
