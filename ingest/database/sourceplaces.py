"""Places of source masks: the catalogue's masks of a tile's CCD images, in all tiles."""

from collections import defaultdict

import sqlalchemy as sa

from ...schema import tables
from ..infofile import TileInfo
from ..plan import EpochKey, SourceMask

__all__ = ["source_places"]

# Keys in one statement, each of two parameters, of which SQLite takes 32,766.
_AT_A_TIME = 5000


def source_places(connection: sa.Connection, info: TileInfo) -> dict[EpochKey, tuple[SourceMask, ...]]:
    """Return the masks of each CCD image of a tile, those of the tile itself first.

    Stale masks, and those of format 1, which have no fingerprint of the single-epoch inputs, are left out.

    Parameters
    ----------
    connection : Connection
        Connection to the catalogue.
    info : TileInfo
        Content of the tile's info file.
    """
    keys = [(entry.expnum, entry.ccdnum) for entry in info.src_info]
    found: dict[EpochKey, list[tuple[bool, str, SourceMask]]] = defaultdict(list)
    for start in range(0, len(keys), _AT_A_TIME):
        for row in connection.execute(_query(info.band, keys[start : start + _AT_A_TIME])):
            place = SourceMask(row.mask_file, row.mask_row_group)
            found[row.expnum, row.ccdnum].append((row.tilename != info.tilename, row.tilename, place))
    return {key: tuple(place for *_, place in sorted(of_image)) for key, of_image in found.items()}


def _query(band: str, keys: list[EpochKey]) -> sa.Select[tuple[int, int, str, int, str]]:
    epoch, coadd = tables.epoch.c, tables.coadd.c
    # a join makes both engines look up each pair in the index, as SQLite does not for a list of pairs
    columns = sa.column("expnum", sa.BigInteger), sa.column("ccdnum", sa.Integer)
    key = sa.values(*columns, name="image").data(keys).cte("image")
    of_image = sa.and_(epoch.band == band, epoch.expnum == key.c.expnum, epoch.ccdnum == key.c.ccdnum)
    of_tile = sa.and_(coadd.tilename == epoch.tilename, coadd.band == epoch.band)
    return (
        sa.select(epoch.expnum, epoch.ccdnum, epoch.tilename, epoch.mask_row_group, coadd.mask_file)
        .select_from(key.join(tables.epoch, of_image).join(tables.coadd, of_tile))
        .where(sa.not_(epoch.stale), epoch.se_fingerprint.is_not(None))
    )
