"""Masks of CCD images, merged over all tiles that contain them."""

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from ...schema import tables
from ...schema.database import Database, with_variables
from ...schema.errors import MaskFileMissingError, MaskNotFoundError, UsageError
from ...schema.observing.covariates import Covariates
from ...schema.rows import EpochFacts, MaskKey
from ..filters import Filters
from .mask import Mask
from .merge import LIMITS, merged_runs
from .reader import MaskLocation, MaskReader, location_rows

__all__ = ["CcdImage", "ccd_fingerprint", "ccd_mask", "count_ccd_images", "find_ccd_images"]

# Columns that describe the image itself; counts and its index in the info file differ between tiles.
_SHARED = {field.name for row in (EpochFacts, Covariates) for field in fields(row)} - {"src_index"} | {
    "band",
    "expnum",
    "ccdnum",
    "nx",
    "ny",
    "pixel_area",
    "variables",
}


@dataclass(frozen=True, slots=True, eq=False)
class CcdImage:
    """One CCD image in all tiles that contain it.

    Parameters
    ----------
    locations : tuple of MaskLocation
        Its epochs in order of tilename, each with the limits of its tile's unique region in its row.
    """

    locations: tuple[MaskLocation, ...]

    @property
    def key(self) -> MaskKey:
        """Key whose tilename joins those of all tiles by ``+``."""
        first = self.locations[0].key
        tilename = "+".join(location.key.tilename for location in self.locations)
        return MaskKey(tilename, first.band, "epoch", first.expnum, first.ccdnum)

    @property
    def fingerprint(self) -> str:
        """See `ccd_fingerprint`."""
        return ccd_fingerprint([location.fingerprint for location in self.locations])

    def read(self, reader: MaskReader) -> Mask:
        """Return the merged mask; see `goodpix.Catalogue.ccd_mask`.

        Its row has the columns that describe the image, ``n_tiles``, and the rows of its ``epochs``.
        """
        masks = [reader.read(location) for location in self.locations]
        first = masks[0]
        for mask in masks:
            if mask.shape != first.shape:
                raise UsageError(
                    f"{first.key} has {first.shape[1]} x {first.shape[0]} pixels, {mask.key} has "
                    f"{mask.shape[1]} x {mask.shape[0]}: expected images of the same size"
                )
        tiles = tuple(masks) if len(masks) > 1 else ()
        encoded = merged_runs(tiles) if tiles else first.encoded
        return Mask(self.key, encoded, first.bit_names, row=self._row(), catalogue=first.catalogue, tiles=tiles)

    def read_newer(self, database: Database, reader: MaskReader) -> Mask:
        """Return the merged mask as it is in the catalogue now, after an ingest has replaced a tile."""
        key, files = self.key, self._files
        while True:
            newer = _find_ccd_image(database, key.band, key.expnum, key.ccdnum)
            try:
                return newer.read(reader)
            except MaskFileMissingError:
                if newer._files == files:
                    raise
                files = newer._files

    @property
    def _files(self) -> list[str]:
        return [location.row["mask_file"] for location in self.locations]

    def _row(self) -> Mapping[str, Any]:
        rows = [location.row for location in self.locations]
        shared = {name: value for name, value in rows[0].items() if name in _SHARED}
        return shared | {
            "tilename": self.key.tilename,
            "n_tiles": len(rows),
            "fingerprint": self.fingerprint,
            "se_seg_used": all(row["se_seg_used"] for row in rows),
            "stale": any(row["stale"] for row in rows),
            "epochs": tuple(rows),
        }


def ccd_fingerprint(fingerprints: Sequence[str]) -> str:
    """Return the SHA-256 of the fingerprints of a CCD image's epochs, joined in order of tilename."""
    return hashlib.sha256("".join(fingerprints).encode()).hexdigest()


def ccd_mask(database: Database, reader: MaskReader, band: str, expnum: int, ccdnum: int) -> Mask:
    """Return the mask of one CCD image over all tiles that contain it; see `goodpix.Catalogue.ccd_mask`."""
    image = _find_ccd_image(database, band, expnum, ccdnum)
    try:
        return image.read(reader)
    except MaskFileMissingError:
        return image.read_newer(database, reader)


def count_ccd_images(database: Database, filters: Mapping[str, Any]) -> int:
    """Return the number of images that `find_ccd_images` locates."""
    key = [tables.epoch.c[name] for name in ("band", "expnum", "ccdnum")]
    images = sa.select(*key).where(*Filters.of(**filters).conditions(tables.epoch)).distinct().subquery()
    with database.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(images)) or 0)


def find_ccd_images(database: Database, filters: Mapping[str, Any]) -> Iterator[CcdImage]:
    """Locate each CCD image that has an epoch which matches the filters, with the epochs of all tiles.

    Parameters
    ----------
    database : Database
        Database of the catalogue.
    filters : mapping
        See `goodpix.query.filters.Filters`; columns are those of epochs.

    Raises
    ------
    UsageError
        If a filter is invalid.
    """
    wanted = Filters.of(**filters)
    return _ccd_images(database, wanted, wanted.conditions(tables.epoch))


def _ccd_images(database: Database, wanted: Filters, matches: "list[sa.ColumnElement[bool]]") -> Iterator[CcdImage]:
    # tile by tile, as for epochs; an image belongs to the first tile in which it matches
    epoch = tables.epoch
    own: Any = epoch.alias("own")
    tiles = sa.select(epoch.c.tilename, epoch.c.band).where(*matches).distinct()
    with database.engine.connect() as connection:
        tiles_and_bands = connection.execute(tiles).all()
        rows = _rows(connection, sa.case((sa.and_(sa.true(), *matches), 1), else_=0))
    same_image = sa.and_(*(own.c[name] == epoch.c[name] for name in ("band", "expnum", "ccdnum")))
    rows = rows.join(own, same_image).where(
        own.c.tilename == sa.bindparam("of_tile"), own.c.band == sa.bindparam("of_band"), *wanted.conditions(own)
    )
    rows = rows.order_by(own.c.mask_row_group)
    for tilename, band in sorted((row.tilename, row.band) for row in tiles_and_bands):
        with database.engine.connect() as connection:
            found = connection.execute(rows, {"of_tile": tilename, "of_band": band}).mappings().all()
            located = with_variables(connection, found)
        for _, of_image in itertools.groupby(located, lambda row: (row["expnum"], row["ccdnum"])):
            epochs = sorted(of_image, key=lambda row: str(row["tilename"]))
            if tilename == next(row["tilename"] for row in epochs if row["matched"]):
                yield CcdImage(tuple(MaskLocation.of("epoch", row) for row in epochs))


def _find_ccd_image(database: Database, band: str, expnum: int | None, ccdnum: int | None) -> CcdImage:
    key, epoch = MaskKey("", band, "epoch", expnum, ccdnum), tables.epoch
    with database.engine.connect() as connection:
        query = _rows(connection, sa.literal(1)).where(
            epoch.c.band == key.band, epoch.c.expnum == key.expnum, epoch.c.ccdnum == key.ccdnum
        )
        rows = with_variables(connection, connection.execute(query).mappings().all())
    if not rows:
        raise MaskNotFoundError(
            f"the catalogue has no mask of exposure {expnum}, CCD {ccdnum}, band {band}: goodpix ccds lists all it has"
        )
    return CcdImage(tuple(MaskLocation.of("epoch", row) for row in sorted(rows, key=lambda row: str(row["tilename"]))))


def _rows(connection: sa.Connection, matched: "sa.ColumnElement[int]") -> "sa.Select[Any]":
    limits = [tables.coadd.c[name] for name in LIMITS]
    return location_rows(connection, "epoch").add_columns(*limits, matched.label("matched"))
