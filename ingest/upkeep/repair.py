"""Repair of the rows of a tile and band from its mask files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ...schema import tables
from ...schema.database import Database
from ...schema.errors import GoodpixError, MaskFileUnreadableError
from ...schema.store.protocol import FoundFile
from ..database.maskrows import insert_masks
from ..database.opening import WritableDatabase
from ..database.summaries import refresh_summaries
from ..database.writelocks import lock_masks
from ..database.writer import record_failures
from ..report import Failure
from .filecheck import CheckedFile, CheckedMask, rows_of
from .maskfilechoice import Choice, TileFiles, choose_file, lost_mask
from .tilecheck import TileComparison
from .tilerows import StoredTile, delete_rows, update_mask

__all__ = ["Damage", "repair_tile"]


@dataclass(frozen=True, slots=True)
class Damage:
    """Damage to a tile and band.

    Parameters
    ----------
    stored : StoredTile
        The rows.
    file : CheckedFile
        The mask file that they name.
    found : TileComparison
        How they differ.
    files : sequence of FoundFile
        All mask files of the tile and band.
    """

    stored: StoredTile
    file: CheckedFile
    found: TileComparison
    files: Sequence[FoundFile]


def repair_tile(database: WritableDatabase, damage: Damage) -> int | None:
    """Rewrite the rows of a tile and band that differ from its masks, and record lost masks as failures.

    If the coadd's own mask is lost, the file is unusable: all rows then come from the newest undamaged other file.
    Without one, the coadd's row alone stays, and remembers the generation.

    Parameters
    ----------
    database : WritableDatabase
        The catalogue.
    damage : Damage
        The damage.

    Returns
    -------
    int or None
        Number of masks recorded as failures; None if nothing was done because an ingest has claimed the tile or
        has replaced its rows meanwhile.

    Raises
    ------
    MaskFileUnreadableError
        If another file of a lost tile cannot be read for the moment, or the masks root has gone meanwhile, so that no
        file is known to be missing; nothing is changed.
    """
    stored = damage.stored
    if not database.claims.take(stored.tilename, stored.band):
        return None
    try:
        return _repair(database, damage)
    finally:
        database.claims.release(stored.tilename, stored.band)


def _repair(database: Database, damage: Damage) -> int | None:
    """Repair a claimed tile; return None if an ingest replaced its rows before that."""
    stored = damage.stored
    # read before the database is locked, since it takes seconds
    choice = choose_file(_others(database, damage)) if damage.found.tile_is_lost else None
    if choice is not None:
        _check_certainty(database, choice)
    with database.engine.begin() as connection:
        lock_masks(connection)
        if _mask_file(connection, stored) != stored.mask_file:
            return None
        if choice is None:
            n_lost = _repair_rows(connection, database, damage)
            changed = stored.ccd_images | _ccd_images(damage.file.usable.values())
        else:
            n_lost = _replace_tile(connection, database, damage, choice)
            changed = stored.ccd_images | _ccd_images(choice.file.usable.values() if choice.file else ())
        refresh_summaries(connection, stored.tilename, stored.band, changed)
    return n_lost


def _check_certainty(database: Database, choice: Choice) -> None:
    """Raise an error unless it is certain which files of a lost tile are left."""
    if choice.unreadable:
        raise MaskFileUnreadableError(f"rows are left as they are, because {choice.unreadable[0]}")
    try:
        trouble = database.root.trouble(database.identity.uuid)
    except GoodpixError as error:
        trouble = str(error)
    if trouble is not None:
        raise MaskFileUnreadableError(f"rows are left as they are, because of masks root {database.root}: {trouble}")


def _others(database: Database, damage: Damage) -> TileFiles:
    """Return the mask files of the tile, except the one that its rows name if that is unusable."""
    stored = damage.stored
    others = [each for each in damage.files if each.name != stored.mask_file or not damage.file.trouble]
    return TileFiles(database.root, stored.tilename, stored.band, others)


def _mask_file(connection: sa.Connection, stored: StoredTile) -> str:
    coadd = tables.coadd.c
    query = sa.select(coadd.mask_file).where(coadd.tilename == stored.tilename, coadd.band == stored.band)
    return connection.execute(query).scalar() or ""


def _repair_rows(connection: sa.Connection, database: Database, damage: Damage) -> int:
    """Correct rows from the file that they name; return the number of masks recorded as failures."""
    stored, file, bit_names = damage.stored, damage.file, database.identity.bit_names
    usable = file.usable
    of_file = file.of_coadd(max(stored.generation, file.generation))
    missing = []
    for name in sorted(damage.found.differing):
        if name in stored.masks:
            update_mask(connection, stored.masks[name].row_id, usable[name], of_file, bit_names)
        else:
            missing.append(usable[name])
    insert_masks(connection, rows_of(missing), of_file, bit_names)
    delete_rows(connection, stored, damage.found.lost)
    if damage.found.lost:
        _forget_area(connection, stored)
    why = {problem.where: problem.message for problem in damage.found.problems if problem.what == "mask"}
    record_failures(
        connection,
        [_failure(database, stored, name, why[str(stored.masks[name].key)]) for name in sorted(damage.found.lost)],
    )
    return len(damage.found.lost)


def _replace_tile(connection: sa.Connection, database: Database, damage: Damage, choice: Choice) -> int:
    """Replace all rows of the tile by those of another file; return the number of masks recorded as failures."""
    stored, file = damage.stored, choice.file
    usable = file.usable if file else {}
    # a mask with the same fingerprint is the same mask, whichever file it is in
    same = {
        name
        for name, mask in stored.masks.items()
        if name in usable and _fingerprint(usable[name]) == mask.values["fingerprint"]
    }
    delete_rows(connection, stored, stored.masks.keys() - (set() if file else {"coadd"}))
    if file is not None:
        of_file = file.of_coadd(max(stored.generation, choice.generation))
        run_ids = {name: stored.masks[name].values["run_id"] for name in same}
        insert_masks(connection, rows_of(usable.values()), of_file, database.identity.bit_names, run_ids)
    else:
        _forget_area(connection, stored)
    why = damage.found.problems[0].message
    gone = set(stored.masks) - same | (set() if file else {"coadd"})
    lost = [_failure(database, stored, name, f"{why}; {_instead(file, name)}") for name in sorted(gone)]
    record_failures(connection, [*lost, *choice.failures])
    return len(gone)


def _instead(file: CheckedFile | None, name: str) -> str:
    if file is None or name not in file.usable:
        return "there is no other"
    return f"using the one in {file.name} instead"


def _forget_area(connection: sa.Connection, stored: StoredTile) -> None:
    """Set the area that is good in an epoch to null, since epochs are lost."""
    coadd = tables.coadd
    of_tile = sa.and_(coadd.c.tilename == stored.tilename, coadd.c.band == stored.band)
    connection.execute(coadd.update().where(of_tile).values(area_good_any_unique=None))


def _failure(database: Database, stored: StoredTile, name: str, message: str) -> Failure:
    return lost_mask(database.root, stored.mask_file, (stored.tilename, stored.band), name, message)


def _fingerprint(mask: CheckedMask) -> str | None:
    return mask.row.facts.fingerprint if mask.row else None


def _ccd_images(masks: Iterable[CheckedMask]) -> set[tuple[int, int]]:
    keys = [each.row.key for each in masks if each.row is not None]
    return {(key.expnum, key.ccdnum) for key in keys if key.expnum is not None and key.ccdnum is not None}
