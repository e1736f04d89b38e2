"""Tiles and bands that a page covers, and their positions."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ....schema.errors import UsageError
from ....schema.sql.aggregates import total
from ....schema.tables import bit_count, ccd_bit_night, ccd_image, ccd_night, coadd, epoch, tile_summary
from ...filters import Filters
from ..cache import CatalogueCache
from ..url import View

__all__ = ["MOST_EPOCHS", "ImageSample", "TileScope", "sampled_images", "scope_of", "tile_positions"]

Floats = npt.NDArray[np.float64]

MOST_EPOCHS = 150_000
"""Maximum number of epochs of tiles whose CCD images are looked up; more would take longer than a second."""

_NIGHT_KEY = ("band", "ccdnum", "nite")


@dataclass(frozen=True, slots=True, eq=False)
class TilePositions:
    """Positions of the tiles of a catalogue.

    Parameters
    ----------
    names : ndarray of str, shape (n,)
        Tile names, sorted.
    ra, dec : ndarray of float64, shape (n,)
        Centres, degrees.
    area : ndarray of float64, shape (n,)
        Areas of the unique regions, square degrees; NaN for a tile without one.
    """

    names: npt.NDArray[np.str_]
    ra: Floats
    dec: Floats
    area: Floats


@dataclass(frozen=True, slots=True)
class TileScope:
    """Tiles and bands that a page covers.

    Parameters
    ----------
    band : str
        Band; empty for all.
    names : tuple of str, optional
        Tile names; None for all.
    """

    band: str = ""
    names: tuple[str, ...] | None = None

    @property
    def filters(self) -> dict[str, Any]:
        """The scope as keywords of `goodpix.query.filters.Filters`."""
        return {"band": self.band or None, "tilename": self.names}

    def conditions(self, table: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        """Return the scope as conditions on a table of tiles or epochs; values are bound parameters."""
        out: list[sa.ColumnElement[bool]] = [table.c.band == self.band] if self.band else []
        if self.names is not None:
            out.append(table.c.tilename.in_(self.names))
        return out

    def check_few(self, connection: sa.Connection) -> None:
        """Check that the CCD images of the selected tiles are few enough to look up.

        Raises
        ------
        UsageError
            If tiles are selected and hold more than `MOST_EPOCHS` epochs.
        """
        if self.names is not None and self.n_epochs(connection) > MOST_EPOCHS:
            raise UsageError(f"the tiles hold more than {MOST_EPOCHS:,} epochs: choose fewer to see their CCD images")

    def in_tiles(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for rows of ``ccd_image`` that the selected tiles hold."""
        if self.names is None:
            return []
        key = ("expnum", "band", "ccdnum")
        held = sa.select(*(epoch.c[name] for name in key)).where(*self.conditions(epoch))
        return [sa.tuple_(*(ccd_image.c[name] for name in key)).in_(held)]

    def nights(self) -> Any:
        """Return the table ``ccd_night``, or the same sums over the CCD images of the selected tiles."""
        if self.names is None:
            return ccd_night
        key = [ccd_image.c[name] for name in _NIGHT_KEY]
        sums = [total(ccd_image.c[c.name], c.name) for c in ccd_night.c if c.name not in (*_NIGHT_KEY, "n_ccd_images")]
        query = sa.select(*key, sa.func.count().label("n_ccd_images"), *sums).where(*self.in_tiles())
        return query.group_by(*key).subquery("nights_of_tiles")

    def image_ids(self, *conditions: sa.ColumnElement[bool]) -> "sa.Select[Any]":
        """Return a query for an epoch of each CCD image that meets conditions on `ccd_image`, whatever its tiles."""
        key = ("expnum", "band", "ccdnum")
        same = sa.and_(*(epoch.c[name] == ccd_image.c[name] for name in key))
        query = sa.select(sa.func.min(epoch.c.epoch_id)).join_from(epoch, ccd_image, same)
        return query.where(*self.conditions(epoch), *conditions).group_by(*(epoch.c[name] for name in key))

    def bit_nights(self) -> Any:
        """Return the table ``ccd_bit_night``, or the same sums over the CCD images of the selected tiles."""
        if self.names is None:
            return ccd_bit_night
        key = [*(epoch.c[name] for name in _NIGHT_KEY), bit_count.c.bit, bit_count.c.name]
        sums = [sa.func.count().label("n_ccd_images"), total(bit_count.c.n_pixels, "n_pixels")]
        query = sa.select(*key, *sums).join_from(bit_count, epoch, bit_count.c.epoch_id == epoch.c.epoch_id)
        query = query.where(bit_count.c.plane == "se", epoch.c.epoch_id.in_(self.image_ids()))
        return query.group_by(*key).subquery("bit_nights_of_tiles")

    def exposures(self, connection: sa.Connection) -> list[int] | None:
        """Return the exposures that overlap the selected tiles; None for all tiles."""
        if self.names is None:
            return None
        query = sa.select(epoch.c.expnum).where(*self.conditions(epoch)).distinct().order_by(epoch.c.expnum)
        return list(connection.execute(query).scalars())

    def n_epochs(self, connection: sa.Connection) -> int:
        """Return the number of epochs in the scope."""
        query = sa.select(sa.func.coalesce(total(tile_summary.c.n_epochs), 0))
        n_epochs: int = connection.execute(query.where(*self.conditions(tile_summary))).scalar_one()
        return n_epochs


def tile_positions(cache: CatalogueCache, since: float) -> TilePositions:
    """Return the positions of all tiles."""
    return cache.get("tile positions", _read_positions, since=since)


def scope_of(cache: CatalogueCache, view: View, since: float) -> TileScope:
    """Return the tiles and bands that match the filters of a view."""
    if view.box is None and not view.tile:
        return TileScope(view.band)
    tiles = tile_positions(cache, since)
    wanted = np.char.find(np.char.upper(tiles.names), view.tile.upper()) >= 0
    if view.box is not None:
        wanted &= view.box.holds(tiles.ra, tiles.dec)
    return TileScope(view.band, tuple(tiles.names[wanted].tolist()))


def _read_positions(connection: sa.Connection) -> TilePositions:
    wanted = [coadd.c[name] for name in ("ra_cent", "dec_cent", "uramin", "uramax", "udecmin", "udecmax")]
    # the coadds of a tile have the same pixel grid in all bands
    query = sa.select(coadd.c.tilename, *(sa.func.min(column) for column in wanted)).group_by(coadd.c.tilename)
    rows = connection.execute(query.order_by(coadd.c.tilename)).all()
    values = np.array([row[1:] for row in rows], np.float64).reshape(-1, 6).T
    if np.isnan(values[0]).any():
        _use_images(connection, [row[0] for row in rows], values)
    ra, dec, west, east, south, north = values
    height = np.degrees(np.sin(np.radians(north)) - np.sin(np.radians(south)))
    return TilePositions(np.array([row[0] for row in rows], np.str_), ra, dec, ((east - west) % 360.0) * height)


def _use_images(connection: sa.Connection, names: list[str], values: npt.NDArray[np.float64]) -> None:
    """Write the position of a CCD image where there is no coadd."""
    first = sa.select(sa.func.min(epoch.c.epoch_id)).group_by(epoch.c.tilename)
    query = sa.select(epoch.c.tilename, epoch.c.ra_cent, epoch.c.dec_cent).where(epoch.c.epoch_id.in_(first))
    found = {row.tilename: (row.ra_cent, row.dec_cent) for row in connection.execute(query)}
    for k in np.flatnonzero(np.isnan(values[0])).tolist():
        values[:2, k] = found.get(names[k], (np.nan, np.nan))


@dataclass(frozen=True, slots=True)
class ImageSample:
    """An evenly spread sample of CCD images.

    Parameters
    ----------
    ids : sequence of int
        An epoch of each image.
    n : int
        Number of images from which they were drawn, or of epochs where the images are too many to count.
    of : str
        What `n` counts: ``"CCD images"`` or ``"epochs"``, to which no filter applied.
    """

    ids: Sequence[int]
    n: int
    of: str


def sampled_images(
    connection: sa.Connection, scope: TileScope, n_most: int, filters: Mapping[str, Any] = MappingProxyType({})
) -> ImageSample:
    """Return an evenly spread sample of the CCD images in a scope that match filters, or all of them if they are few.

    Parameters
    ----------
    connection : Connection
        Connection to the catalogue.
    scope : TileScope
        Tiles and bands.
    n_most : int
        Maximum number of images in the sample.
    filters : mapping
        ``nite`` and ``ccdnum``; they do not apply to more than `MOST_EPOCHS` epochs of selected tiles or images.
    """
    if _are_many(connection, scope, filters):
        ids, n_epochs = _sampled_epochs(connection, scope, n_most)
        return ImageSample(ids, n_epochs, "epochs")
    every: list[int] = sorted(
        connection.execute(scope.image_ids(*Filters.of(**filters).conditions(ccd_image))).scalars()
    )
    wanted = min(len(every), n_most)
    middles = ((2 * np.arange(wanted) + 1) * len(every)) // (2 * max(wanted, 1))
    return ImageSample([every[k] for k in middles.tolist()], len(every), "CCD images")


def _are_many(connection: sa.Connection, scope: TileScope, filters: Mapping[str, Any]) -> bool:
    """Return whether the epochs, or the CCD images of the whole survey that match filters, are too many to list."""
    if scope.names is None and any(value is not None for value in filters.values()):
        chosen = Filters.of(band=scope.band or None, **filters).conditions(ccd_night)
        query = sa.select(sa.func.coalesce(total(ccd_night.c.n_ccd_images), 0)).where(*chosen)
        return bool(connection.execute(query).scalar_one() > MOST_EPOCHS)
    return scope.n_epochs(connection) > MOST_EPOCHS


def _sampled_epochs(connection: sa.Connection, scope: TileScope, n_most: int) -> tuple[list[int], int]:
    """Return the ids of a sample of epochs, evenly spread over the scope, and the number of epochs in the scope.

    Parameters
    ----------
    connection : Connection
        Connection to the catalogue.
    scope : TileScope
        Tiles and bands.
    n_most : int
        Maximum number of epochs in the sample.
    """
    query = sa.select(tile_summary.c.tilename, tile_summary.c.band, tile_summary.c.n_epochs)
    tiles = connection.execute(
        query.where(*scope.conditions(tile_summary)).order_by(tile_summary.c.tilename, tile_summary.c.band)
    ).all()
    n_epochs = sum(row.n_epochs for row in tiles)
    n_wanted = min(n_epochs, n_most)
    wanted = ((2 * np.arange(n_wanted, dtype=np.int64) + 1) * n_epochs) // (2 * max(n_wanted, 1))
    ends = np.cumsum([row.n_epochs for row in tiles], dtype=np.int64)
    of_tile = np.searchsorted(ends, wanted, side="right")
    ids: list[int] = []
    for number, chosen in itertools.groupby(zip(of_tile.tolist(), wanted.tolist(), strict=True), key=lambda p: p[0]):
        tile = tiles[number]
        within = [index - int(ends[number]) + tile.n_epochs for _, index in chosen]
        in_tile = (
            sa.select(epoch.c.epoch_id)
            .where(epoch.c.tilename == tile.tilename, epoch.c.band == tile.band)
            .order_by(epoch.c.expnum, epoch.c.ccdnum)
        )
        found = connection.execute(in_tile.offset(within[0]).limit(within[-1] - within[0] + 1)).scalars().all()
        ids += [found[index - within[0]] for index in within if index - within[0] < len(found)]
    return ids, n_epochs
