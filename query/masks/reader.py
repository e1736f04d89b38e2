"""Finding masks in a catalogue and reading them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema import tables
from ...schema.database import Database, Identity, as_stored, with_variables
from ...schema.errors import MaskFileError, MaskFileMissingError, MaskNotFoundError, UsageError
from ...schema.maskfile import MaskFile
from ...schema.rows import MaskKey
from ...schema.store.masksroot import MasksRoot
from ...schema.wcs.pixelgrid import PixelGrid, stored_grid
from ..filters import Filters
from .mask import Mask

__all__ = [
    "Kind",
    "MaskLocation",
    "MaskReader",
    "count_masks",
    "find_mask",
    "find_masks",
    "location_rows",
    "read_mask",
    "read_masks",
]

Kind = Literal["epoch", "coadd"]
"""Masks of epochs, or the coadds' own."""

# Number of mask files kept open.
_FILES_OPEN = 8


@dataclass(frozen=True, slots=True, eq=False)
class MaskLocation:
    """Location of a mask.

    Parameters
    ----------
    key : MaskKey
        Key of the mask.
    row : mapping of str to object
        Row of the catalogue, with its ``mask_file`` and its ingest's ``variables``.
    """

    key: MaskKey
    row: Mapping[str, Any]

    @classmethod
    def of(cls, kind: str, row: Mapping[str, Any]) -> "MaskLocation":
        """Return the location given by a row."""
        return cls(MaskKey(row["tilename"], row["band"], kind, row.get("expnum"), row.get("ccdnum")), row)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the mask's inputs."""
        return str(self.row["fingerprint"])

    @property
    def grid(self) -> PixelGrid:
        """Pixels of the image on the sphere."""
        return stored_grid(self.row["wcs"], (self.row["ny"], self.row["nx"]), float(self.row["position_offset"]))

    def read(self, reader: "MaskReader") -> Mask:
        """Return the mask; see `MaskReader.read`."""
        return reader.read(self)

    def read_newer(self, database: Database, reader: "MaskReader") -> Mask:
        """Return the mask as it is in the catalogue now; see `read_mask`."""
        return read_mask(database, reader, self.key)


class MaskReader:
    """Read masks, keeping recently used files open.

    Parameters
    ----------
    root : MasksRoot
        Masks root of the catalogue.
    catalogue : Identity
        The catalogue, which names the survey's mask bits.
    """

    def __init__(self, root: MasksRoot, catalogue: Identity) -> None:
        self._catalogue = catalogue
        # opening a file takes as long as reading a mask, and mask files never change
        self._open = lru_cache(maxsize=_FILES_OPEN)(partial(_open, root))

    def read(self, location: MaskLocation) -> Mask:
        """Return a mask.

        Raises
        ------
        MaskFileError
            If its mask file is missing or damaged.
        """
        row = location.row
        file = self._open(row["mask_file"])
        runs = file.runs(row["mask_row_group"], location.key)
        # a file alone could ask for any amount of memory
        if (runs.nx, runs.ny) != (row["nx"], row["ny"]):
            raise MaskFileError(
                f"mask file {file.path}: {location.key} has {runs.nx} x {runs.ny} pixels, but in the database "
                f"{row['nx']} x {row['ny']}: run goodpix verify --repair"
            )
        return Mask(location.key, runs, self._catalogue.bit_names, row=row, catalogue=self._catalogue)

    def flags_at(self, location: MaskLocation, pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the flags of some pixels of a mask; see `MaskFile.flags_at`."""
        return self._open(location.row["mask_file"]).flags_at(location.row["mask_row_group"], pixels, location.key)

    def close(self) -> None:
        """Release the open files."""
        self._open.cache_clear()


def _open(root: MasksRoot, mask_file: str) -> MaskFile:
    try:
        return MaskFile.open(root.path(mask_file))
    except MaskFileMissingError as error:
        raise root.missing(error) from error


def find_mask(database: Database, key: MaskKey) -> MaskLocation:
    """Locate a mask.

    Raises
    ------
    MaskNotFoundError
        If the catalogue has no such mask; the message lists what it has instead.
    """
    table = tables.coadd if key.kind == "coadd" else tables.epoch
    wanted = [table.c[name] == getattr(key, name) for name in _KEYS[key.kind]]
    wanted.append(table.c.mask_row_group.is_not(None))
    with database.engine.connect() as connection:
        rows = connection.execute(location_rows(connection, key.kind).where(*wanted)).mappings().all()
        if not rows:
            raise MaskNotFoundError(f"the catalogue has no mask of {key}{_instead(connection, key)}")
        (row,) = with_variables(connection, rows)
    return MaskLocation.of(key.kind, row)


def read_mask(database: Database, reader: MaskReader, key: MaskKey) -> Mask:
    """Read a mask, or its replacement if an ingest replaces it and a sweep removes its file in the meantime."""
    location = find_mask(database, key)
    while True:
        try:
            return reader.read(location)
        except MaskFileMissingError:
            newer = find_mask(database, key)
            if newer.row["mask_file"] == location.row["mask_file"]:
                raise
            location = newer


def read_masks(database: Database, reader: MaskReader, locations: Iterable[MaskLocation]) -> Iterator[Mask]:
    """Yield masks; one whose file has gone is read as it is now, or skipped if it is no longer in the catalogue."""
    for location in locations:
        try:
            mask = reader.read(location)
        except MaskFileMissingError:
            try:
                mask = read_mask(database, reader, location.key)
            except MaskNotFoundError:
                continue
        yield mask


def find_masks(database: Database, kind: Kind, filters: Mapping[str, Any]) -> Iterator[MaskLocation]:
    """Locate masks, file by file and in file order.

    Parameters
    ----------
    database : Database
        Database of the catalogue.
    kind : str
        ``"epoch"`` or ``"coadd"``.
    filters : mapping
        See `goodpix.query.filters.Filters`.

    Raises
    ------
    UsageError
        If the kind is unknown or a filter is invalid.
    """
    if kind not in _KEYS:
        raise UsageError(f"kind is {kind!r}: expected epoch or coadd")
    table = tables.coadd if kind == "coadd" else tables.epoch
    # the row of a file without a coadd has no mask
    conditions = [*Filters.of(**filters).conditions(table), table.c.mask_row_group.is_not(None)]
    return _locations(database, kind, conditions)


def count_masks(database: Database, kind: Kind, filters: Mapping[str, Any]) -> int:
    """Return the number of masks that `find_masks` locates."""
    table = tables.coadd if kind == "coadd" else tables.epoch
    conditions = [*Filters.of(**filters).conditions(table), table.c.mask_row_group.is_not(None)]
    with database.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0)


def _locations(database: Database, kind: str, conditions: "Sequence[sa.ColumnElement[bool]]") -> Iterator[MaskLocation]:
    # tile by tile, because a survey's rows would need too much memory and too long a transaction
    table = tables.coadd if kind == "coadd" else tables.epoch
    tiles = sa.select(table.c.tilename, table.c.band).where(*conditions).distinct()
    with database.engine.connect() as connection:
        tiles_and_bands = connection.execute(tiles.order_by(*tiles.selected_columns)).all()
        rows = location_rows(connection, kind)
    of_tile = [table.c.tilename == sa.bindparam("of_tile"), table.c.band == sa.bindparam("of_band")]
    rows = rows.where(*of_tile, *conditions).order_by(table.c.mask_row_group)
    for tilename, band in tiles_and_bands:
        with database.engine.connect() as connection:
            found_rows = connection.execute(rows, {"of_tile": tilename, "of_band": band}).mappings().all()
            located = with_variables(connection, found_rows)
        for row in located:
            yield MaskLocation.of(kind, row)


_KEYS = {"coadd": ("tilename", "band"), "epoch": ("tilename", "band", "expnum", "ccdnum")}


def location_rows(connection: sa.Connection, kind: str) -> "sa.Select[Any]":
    """Return the query for the rows of masks with their mask files, still without conditions."""
    coadd, epoch = tables.coadd, tables.epoch
    if kind == "coadd":
        return sa.select(*as_stored(connection, coadd))
    same_tile = sa.and_(coadd.c.tilename == epoch.c.tilename, coadd.c.band == epoch.c.band)
    of_coadd = (coadd.c.mask_file, coadd.c.fingerprint.label("coadd_fingerprint"))
    return sa.select(*as_stored(connection, epoch), *of_coadd).join_from(epoch, coadd, same_tile)


def _instead(connection: sa.Connection, key: MaskKey) -> str:
    """Describe what the catalogue has of the same tile, for an error message."""
    coadd, epoch = tables.coadd.c, tables.epoch.c
    bands = connection.scalars(sa.select(coadd.band).where(coadd.tilename == key.tilename).order_by(coadd.band)).all()
    if not bands:
        return f": there is no tile {key.tilename}"
    if key.band not in bands:
        return f": tile {key.tilename} has bands {', '.join(bands)}"
    if key.kind == "coadd":
        return ": its images have no coadd"
    in_tile = [epoch.tilename == key.tilename, epoch.band == key.band]
    ccds = connection.scalars(
        sa.select(epoch.ccdnum).where(*in_tile, epoch.expnum == key.expnum).order_by(epoch.ccdnum)
    ).all()
    if ccds:
        return f": the tile has CCD{'s' * (len(ccds) > 1)} {', '.join(map(str, ccds))} of exposure {key.expnum}"
    return f": the tile has no exposure {key.expnum} in that band"
