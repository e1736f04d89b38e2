"""Survey totals by band, their distribution over epochs or tiles, and the ingest history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ....schema.sql.aggregates import total
from ....schema.tables import coadd, epoch, failure, ingest_run, tile_run, tile_summary
from ...filters import Filters
from ...palette import in_band_order
from ..cache import CatalogueCache
from ..look.format import count, fraction
from ..url import Span
from .scope import MOST_EPOCHS, TileScope, tile_positions

__all__ = ["Histograms", "Ingests", "Numbers", "headline", "histograms", "ingests", "survey_numbers"]

_FEW_EPOCHS = 20_000
_BINS = 50
_ON_COADD, _SE = "fraction_good_on_coadd", "fraction_good_se"
_SHARES = {_ON_COADD: ("n_good", "n_on_coadd"), _SE: ("n_good_se", "n_pixels")}
_OF_IMAGES = ("n_ccd_images", "n_pixels_images", "n_good_se_images")
_SUMS = ("n_epochs", "n_epochs_used", "n_pixels", "n_good_se", "n_good", "n_on_coadd", "area_good_unique")


@dataclass(frozen=True, slots=True)
class Numbers:
    """Totals of the survey.

    Parameters
    ----------
    bands : sequence of mappings
        For each band ``band``, ``n_tiles`` and the columns of ``tile_summary``, summed over epochs; and over CCD
        images, each counted once, ``n_ccd_images``, ``n_pixels_images`` and ``n_good_se_images``. None if unknown.
    total : mapping
        The same over all bands.
    sky_area : float
        Area of the tiles' unique regions in square degrees, each tile counted once; NaN if a tile has none.
    n_failures : int
        Recorded failures of the tiles and bands.
    """

    bands: Sequence[dict[str, Any]]
    total: dict[str, Any]
    sky_area: float
    n_failures: int


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """Histograms of the fraction of good pixels by band.

    Parameters
    ----------
    of : str
        Objects counted: ``"epochs"`` or ``"tiles"``.
    edges : ndarray of float64, shape (n + 1,)
        Edges of the bins.
    counts : mapping of str to ndarray of int64, shape (n,)
        Counts by band.
    n_null : int
        Number of objects without pixels on the coadd.
    statistic : str
        The good fraction: ``"fraction_good_on_coadd"``, or ``"fraction_good_se"`` where there are no coadds.
    """

    of: str
    edges: npt.NDArray[np.float64]
    counts: dict[str, npt.NDArray[np.int64]]
    n_null: int
    statistic: str = _ON_COADD


def headline(connection: sa.Connection) -> str:
    """Return a sentence that summarises the catalogue."""
    n_tiles, first, last = connection.execute(
        sa.select(
            sa.func.count(sa.distinct(coadd.c.tilename)), sa.func.min(coadd.c.tilename), sa.func.max(coadd.c.tilename)
        )
    ).one()
    if not n_tiles:
        return "The catalogue is empty: fill it with goodpix ingest."
    key = (tile_summary.c.tilename, tile_summary.c.band)
    share = sa.cast(tile_summary.c.n_good, sa.Double) / sa.func.nullif(tile_summary.c.n_on_coadd, 0)
    least = connection.execute(sa.select(*key, share).where(share.is_not(None)).order_by(share, *key).limit(1)).first()
    tiles = f"{count(n_tiles)} tiles, from {first} to {last}." if n_tiles > 1 else f"One tile, {first}."
    if least is None:
        return tiles
    return f"{tiles} Worst of all: {least[0]} in {least[1]}, with {fraction(least[2])} of pixels on the coadd good."


def survey_numbers(
    cache: CatalogueCache, scope: TileScope, since: float, nite: Span | None = None, ccdnum: int | None = None
) -> Numbers:
    """Return the totals of the tiles and bands in a scope; those of CCD images are of the nights and the CCD given."""
    chosen = {"nite": None if nite is None else str(nite), "ccdnum": ccdnum}
    bands, names, n_failures = cache.get(
        ("numbers", scope, nite, ccdnum), lambda c: _read_numbers(c, scope, chosen), since=since
    )
    tiles = tile_positions(cache, since)
    # NaN if a tile has no unique region
    area = float(tiles.area[np.isin(tiles.names, names)].sum()) if names else 0.0
    whole = {name: _sum(row[name] for row in bands) for name in (*_SUMS, *_OF_IMAGES)} | {"n_tiles": len(names)}
    return Numbers(bands, whole, area, n_failures)


def _read_numbers(
    connection: sa.Connection, scope: TileScope, chosen: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[str], int]:
    """Return the totals by band, the tile names, and the number of failures."""
    where, band, sums = scope.conditions(coadd), coadd.c.band, tile_summary.c
    same = sa.and_(sums.tilename == coadd.c.tilename, sums.band == band)
    by_band = (
        sa.select(band, sa.func.count().label("n_tiles"), *(total(sums[name], name) for name in _SUMS))
        .outerjoin_from(coadd, tile_summary, same)  # a tile without any ingested epoch has no sums
        .where(*where)
        .group_by(band)
    )
    totals = {row["band"]: dict(row) for row in connection.execute(by_band).mappings()}
    bands = [totals[name] for name in in_band_order(totals)]
    images = _of_images(connection, scope, chosen)
    for row in bands:
        unknown = dict.fromkeys(_OF_IMAGES)
        row.update(unknown if images is None else images.get(row["band"], unknown | {"n_ccd_images": 0}))
    names = sa.select(coadd.c.tilename).where(*where).distinct()
    n_failed = sa.select(sa.func.count()).select_from(failure).where(*scope.conditions(failure))
    n_failures = connection.execute(n_failed).scalar_one()
    return bands, list(connection.execute(names).scalars()), n_failures


def histograms(connection: sa.Connection, scope: TileScope) -> Histograms:
    """Return histograms of `fraction_good_on_coadd` by band, over epochs or, if those are many, over tiles.

    Without coadds they are those of `fraction_good_se`.
    """
    found = _histograms(connection, scope, _ON_COADD)
    without = found.n_null and not any(counts.any() for counts in found.counts.values())
    return _histograms(connection, scope, _SE) if without else found


def _histograms(connection: sa.Connection, scope: TileScope, statistic: str) -> Histograms:
    few = scope.n_epochs(connection) <= _FEW_EPOCHS
    if few:
        query = sa.select(epoch.c.band, epoch.c[statistic])
        query = query.where(epoch.c.se_seg_used, *scope.conditions(epoch))
    else:
        numerator, denominator = (tile_summary.c[name] for name in _SHARES[statistic])
        share = sa.cast(numerator, sa.Double) / sa.func.nullif(denominator, 0)
        query = sa.select(tile_summary.c.band, share).where(*scope.conditions(tile_summary))
    shares: dict[str, list[float]] = {}
    n_null = 0
    for band, value in connection.execute(query):
        of_band = shares.setdefault(band, [])
        if value is None:
            n_null += 1
        else:
            of_band.append(value)
    known = [share for of_band in shares.values() for share in of_band]
    low, high = (np.floor(20 * min(known)) / 20, np.ceil(20 * max(known)) / 20) if known else (0.0, 1.0)
    edges = np.linspace(low, max(high, low + 0.05), _BINS + 1)
    counts = {band: np.histogram(shares[band], edges)[0].astype(np.int64) for band in in_band_order(shares)}
    return Histograms("epochs" if few else "tiles", edges, counts, n_null, statistic)


def _of_images(
    connection: sa.Connection, scope: TileScope, chosen: Mapping[str, Any]
) -> dict[str, dict[str, Any]] | None:
    """Return sums over CCD images by band, each image counted once; None if counting would take too long."""
    if scope.names is not None and scope.n_epochs(connection) > MOST_EPOCHS:
        return None
    nights = scope.nights()
    sums = [
        total(nights.c[name.removesuffix("_images") if name != "n_ccd_images" else name], name) for name in _OF_IMAGES
    ]
    conditions = Filters.of(band=scope.band or None, **chosen).conditions(nights)
    query = sa.select(nights.c.band, *sums).where(*conditions).group_by(nights.c.band)
    return {row["band"]: {name: row[name] for name in _OF_IMAGES} for row in connection.execute(query).mappings()}


def _sum(values: Iterable[float | None]) -> float | None:
    """Return the sum of the known values; None if there are none."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


_LAST_RUNS = 8
_KINDS = 5


@dataclass(frozen=True, slots=True)
class Ingests:
    """History of the ingests.

    Parameters
    ----------
    growth : sequence of (str, int)
        Start times of runs (UTC), and the cumulative number of the catalogue's epochs.
    runs : sequence of mappings
        The last runs, newest first, with the columns of ``ingest_run``.
    failures : sequence of (str, int)
        The most frequent error types and their counts.
    """

    growth: Sequence[tuple[str, int]]
    runs: Sequence[dict[str, Any]]
    failures: Sequence[tuple[str, int]]


def ingests(connection: sa.Connection) -> Ingests:
    """Return the history of the ingests."""
    made = (
        sa.select(ingest_run.c.started, total(tile_run.c.n_epochs))
        .join_from(tile_run, ingest_run, ingest_run.c.run_id == tile_run.c.run_id)
        .group_by(ingest_run.c.run_id, ingest_run.c.started)
        .order_by(ingest_run.c.started)
    )
    growth, n_so_far = [], 0
    for started, n_epochs in connection.execute(made):
        n_so_far += n_epochs
        growth.append((started, n_so_far))
    last = sa.select(ingest_run).order_by(ingest_run.c.run_id.desc()).limit(_LAST_RUNS)
    runs = [dict(row) for row in connection.execute(last).mappings()]
    n = sa.func.count().label("n")
    kinds = sa.select(failure.c.error_type, n).group_by(failure.c.error_type).order_by(n.desc()).limit(_KINDS)
    failures = [(row[0], int(row[1])) for row in connection.execute(kinds)]
    return Ingests(growth, runs, failures)
