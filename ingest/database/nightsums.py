"""Maintenance of the sums by night: counts and mask bits of CCD images."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ...schema.tables import bit_count, ccd_bit_night, ccd_night, epoch
from .bulk import given_rows, insert_rows, matching
from .ccdimages import ImageChange, ImageKey

__all__ = ["Bits", "TileBits", "add_to_bit_nights", "add_to_nights", "read_tile_bits"]

Bits = Mapping[tuple[int, str], int]
"""Pixels with each SE mask bit set, by bit and name."""

TileBits = Mapping[ImageKey, Bits]
"""Bits of the epochs that count in aggregates, by CCD image."""

Night = tuple[int, int | None]
"""CCD number and night, which may be null."""

_SUMS: Sequence[str] = ccd_night.c.keys()[4:]


def add_to_nights(connection: sa.Connection, band: str, changes: Iterable[ImageChange]) -> set[Night]:
    """Add the changes of CCD images to the sums of their nights.

    Parameters
    ----------
    connection : Connection
        In a transaction that keeps others from the band's summaries.
    band : str
        The band.
    changes : iterable of ImageChange
        The changes.

    Returns
    -------
    set of (ccdnum, nite)
        Nights left as they were, since an image has left them or has lost a count: a difference does not tell whether
        any other image has that count, so those have to be summed again.
    """
    added: dict[Night, dict[str, int | None]] = {}
    lost: set[Night] = set()
    for each in changes:
        before, after, ccdnum = each.before, each.after, each.key[1]
        if before and (not after or after["nite"] != before["nite"]):
            lost.add((ccdnum, before["nite"]))
            before = None
        if not after:
            continue
        night = (ccdnum, after["nite"])
        sums = added.setdefault(night, dict.fromkeys(_SUMS) | {"n_ccd_images": 0})
        sums["n_ccd_images"] = (sums["n_ccd_images"] or 0) + (before is None)
        for name in _SUMS:
            old = before[name] if before else None
            if after[name] is not None:
                sums[name] = (sums[name] or 0) + after[name] - (old or 0)
            elif old is not None:
                lost.add(night)
    key = [ccd_night.c.ccdnum, ccd_night.c.nite]
    rows = [(*night, *sums.values()) for night, sums in added.items() if night not in lost]
    columns = [*key, *(ccd_night.c[name] for name in [*_SUMS, "n_ccd_images"])]
    _add(connection, band, ccd_night, columns, rows)
    return lost


def read_tile_bits(connection: sa.Connection, tilename: str, band: str) -> TileBits:
    """Return the bits of a tile and band's epochs, except those that do not count in aggregates."""
    return _read(connection, epoch.c.tilename == tilename, epoch.c.band == band)


def add_to_bit_nights(
    connection: sa.Connection,
    tile: tuple[str, str],
    bits: tuple[TileBits, TileBits],
    changes: Iterable[ImageChange],
) -> None:
    """Add the changes of a tile's bits to the sums of their nights.

    Parameters
    ----------
    connection : Connection
        As for `add_to_nights`.
    tile : (tilename, band)
        The tile and band.
    bits : tuple of mapping
        Its bits before and after the change.
    changes : iterable of ImageChange
        The changes of all its CCD images.
    """
    tilename, band = tile
    changed = [each for each in changes if each.in_sums or bits[0].get(each.key) != bits[1].get(each.key)]
    shared = [each.key for each in changed if _is_shared(each, bits)]
    others: TileBits = {}
    if shared:
        of_images = matching(connection, [epoch.c.expnum, epoch.c.ccdnum], shared)
        others = _read(connection, epoch.c.band == band, of_images, epoch.c.tilename != tilename)
    sums: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for each in changed:
        for sign, row, own in ((-1, each.before, bits[0]), (1, each.after, bits[1])):
            if row:
                for bit, n_pixels in _merged(own.get(each.key, {}), others.get(each.key, {})).items():
                    of_night = sums[(each.key[1], row["nite"], *bit)]
                    of_night[0] += sign
                    of_night[1] += sign * n_pixels
    table = ccd_bit_night.c
    rows = [(*key, *added) for key, added in sums.items() if any(added)]
    columns = [table.ccdnum, table.nite, table.bit, table.name, table.n_ccd_images, table.n_pixels]
    _add(connection, band, ccd_bit_night, columns, rows)


def _is_shared(change: ImageChange, bits: tuple[TileBits, TileBits]) -> bool:
    """Tell whether other tiles hold an image, too."""
    return any(
        row is not None and row["n_tiles"] > (change.key in own)
        for row, own in zip((change.before, change.after), bits, strict=True)
    )


def _merged(one: Bits, other: Bits) -> Bits:
    """Return the bits of an image from two sets of tiles: the larger count, as the summary has it."""
    if not other or one == other:
        return one or other
    return {bit: max(one.get(bit, 0), other.get(bit, 0)) for bit in {*one, *other}}


def _read(connection: sa.Connection, *where: "sa.ColumnElement[bool]") -> TileBits:
    """Return the bits of epochs that count in aggregates, the largest of each image."""
    of_epoch = sa.and_(bit_count.c.epoch_id == epoch.c.epoch_id, bit_count.c.plane == "se")
    query = (
        sa.select(epoch.c.expnum, epoch.c.ccdnum, bit_count.c.bit, bit_count.c.name, bit_count.c.n_pixels)
        .outerjoin_from(epoch, bit_count, of_epoch)
        .where(epoch.c.se_seg_used, *where)
    )
    found: dict[ImageKey, dict[tuple[int, str], int]] = defaultdict(dict)
    for expnum, ccdnum, bit, name, n_pixels in connection.execute(query).all():
        of_image = found[expnum, ccdnum]
        if bit is not None:
            of_image[bit, name] = max(n_pixels, of_image.get((bit, name), 0))
    return found


def _add(
    connection: sa.Connection,
    band: str,
    table: sa.Table,
    columns: "Sequence[sa.Column[Any]]",
    rows: Iterable[Sequence[Any]],
) -> None:
    """Add to the counts of a band's rows, which are the columns ``n_``; the other columns are the key."""
    # comparing columns would make expressions
    names = [c.name for c in columns]
    nite, n_images = names.index("nite"), names.index("n_ccd_images")
    by_null: dict[bool, list[Sequence[Any]]] = defaultdict(list)
    for row in rows:
        by_null[row[nite] is None].append(row)
    # an index does not find a night that may be null
    for no_night, some in by_null.items():
        key = [name for name in names if not name.startswith("n_") and not (no_night and name == "nite")]
        of_nights = [table.c.band == band, *([table.c.nite.is_(None)] if no_night else [])]
        given = given_rows(connection, columns, some)
        same = [*of_nights, *(table.c[name] == given.c[name] for name in key)]
        there = table.update().where(*same).values(_sums(given, columns)).returning(*(table.c[name] for name in key))
        updated = {tuple(row) for row in connection.execute(there).all()}
        places = [names.index(name) for name in key]
        new = [row for row in some if tuple(row[k] for k in places) not in updated]
        insert_rows(connection, table, [{"band": band, **dict(zip(names, row, strict=True))} for row in new])
        fewer = [tuple(row[k] for k in places) for row in some if row[n_images] < 0]
        if fewer:
            among = matching(connection, [table.c[name] for name in key], fewer)
            connection.execute(table.delete().where(*of_nights, table.c.n_ccd_images == 0, among))


def _sums(given: sa.FromClause, columns: "Sequence[sa.Column[Any]]") -> dict[str, "sa.ColumnElement[Any]"]:
    """Return the sums of columns and what is added; where no image has a count, its sum is null."""
    added = [(c, given.c[c.name]) for c in columns if c.name.startswith("n_")]
    return {c.name: sa.case((more.is_(None), c), else_=sa.func.coalesce(c, 0) + more) for c, more in added}
