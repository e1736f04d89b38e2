"""Some epochs of a survey that stand for all."""

import itertools

import numpy as np
import sqlalchemy as sa

from ...schema.tables import epoch, tile_summary
from .scope import TileScope

__all__ = ["sampled_epochs"]


def sampled_epochs(connection: sa.Connection, scope: TileScope, n_most: int) -> tuple[list[int], int]:
    """Return the numbers of some epochs, evenly spread over those of some tiles, and how many these have.

    Parameters
    ----------
    connection : Connection
        To the catalogue.
    scope : TileScope
        Which tiles and bands.
    n_most : int
        So many epochs at most; all where there are no more.
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
        within = [each - int(ends[number]) + tile.n_epochs for _, each in chosen]
        in_tile = (
            sa.select(epoch.c.epoch_id)
            .where(epoch.c.tilename == tile.tilename, epoch.c.band == tile.band)
            .order_by(epoch.c.expnum, epoch.c.ccdnum)
        )
        found = connection.execute(in_tile.offset(within[0]).limit(within[-1] - within[0] + 1)).scalars().all()
        ids += [found[each - within[0]] for each in within if each - within[0] < len(found)]
    return ids, n_epochs
