"""The SQL tables of a catalogue.

The Parquet files are authoritative and these tables index them. The summary tables at the end derive from the table
epoch (`goodpix.schema.summaries`).
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from .columns import Column, columns
from .counts import SE_COUNTS, Counts
from .criteria import Criterion
from .observing.covariates import Covariates
from .rows import CoaddFacts, EpochFacts
from .wcs.footprint import EVERY_CELL, NSIDE

__all__ = [
    "bit_count",
    "catalogue",
    "ccd_bit_night",
    "ccd_image",
    "ccd_median",
    "ccd_night",
    "coadd",
    "epoch",
    "exposure_summary",
    "failure",
    "footprint",
    "ingest_run",
    "metadata",
    "tile_run",
    "tile_summary",
]

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite numbers rows only by an INTEGER PRIMARY KEY
_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TYPES: dict[type, type[sa.types.TypeEngine[Any]]] = {
    int: sa.BigInteger,
    float: sa.Double,
    str: sa.Text,
    bool: sa.Boolean,
}


def _sql(each: Column, meaning: str = "{}") -> "sa.Column[object]":
    info, comment = {"since": each.since}, meaning.format(each.doc)
    return sa.Column(each.name, _TYPES[each.kind](), nullable=each.nullable, comment=comment, info=info)


def _of(row: type, *, nullable: bool = False) -> list["sa.Column[object]"]:
    found = [each for each in columns(row) if not each.since]
    return [_sql(dataclasses.replace(each, nullable=each.nullable or nullable)) for each in found]


def _added_to(row: type, meaning: str = "{}") -> list["sa.Column[object]"]:
    """Return the columns added later, which are the last of a table: an upgrade cannot insert them elsewhere."""
    return [_sql(each, meaning) for each in columns(row) if each.since]


def _by_revision(*added: "sa.Column[object]") -> list["sa.Column[object]"]:
    return sorted(added, key=lambda each: str(each.info["since"]))


def _tile_key() -> list["sa.Column[object]"]:
    return [
        sa.Column("tilename", sa.Text, nullable=False, comment="coadd tile, such as DES0124-3332"),
        sa.Column("band", sa.Text, nullable=False, comment="filter band, as given in the info file"),
    ]


def _image_size(*, nullable: bool = False) -> list["sa.Column[object]"]:
    return [
        sa.Column("nx", sa.Integer, nullable=nullable, comment="image width, pixels"),
        sa.Column("ny", sa.Integer, nullable=nullable, comment="image height, pixels"),
    ]


_SINCE_PROFILES = {"since": "0010"}

catalogue = sa.Table(
    "catalogue",
    metadata,
    sa.Column("catalogue_id", sa.Integer, primary_key=True, autoincrement=False, comment="always 1"),
    sa.Column("uuid", sa.Text, nullable=False, comment="UUID of the catalogue, also recorded in its masks root"),
    sa.Column("format_version", sa.Integer, nullable=False, comment="version of the stored format"),
    sa.Column("masks_root", sa.Text, nullable=False, comment="masks root; may be relative to the SQLite file"),
    sa.Column("campaign", sa.Text, nullable=False, comment="processing campaign of all inputs"),
    sa.Column("wcs_source", sa.Text, nullable=False, comment="source of the epochs' WCS: image or scamp"),
    sa.Column("bits", sa.Text, nullable=False, comment="names and values of the SE and coadd mask bits, JSON"),
    sa.Column("footprint_nside", sa.Integer, nullable=False, comment="HEALPix nside of the table footprint"),
    sa.Column("profile", sa.Text, nullable=True, comment="profile of all inputs", info=_SINCE_PROFILES),
    sa.Column("profile_version", sa.Text, nullable=True, comment="version of the profile", info=_SINCE_PROFILES),
    sa.Column(
        "segmentation",
        sa.Text,
        nullable=True,
        comment="source of segmentation maps: file, none, or the parameters of those made at ingest",
        info=_SINCE_PROFILES,
    ),
    sa.CheckConstraint("catalogue_id = 1", name="one_row"),
)

ingest_run = sa.Table(
    "ingest_run",
    metadata,
    sa.Column("run_id", _Id, primary_key=True, comment="run ID"),
    sa.Column("version", sa.Text, nullable=False, comment="goodpix version"),
    sa.Column("arguments", sa.Text, nullable=False, comment="arguments of the run, JSON"),
    sa.Column("host", sa.Text, nullable=False, comment="host name"),
    sa.Column("started", sa.Text, nullable=False, comment="start time, UTC, ISO 8601"),
    sa.Column("finished", sa.Text, nullable=True, comment="end time, UTC, ISO 8601; null unless finished"),
    sa.Column("n_tiles", sa.BigInteger, nullable=True, comment="tile and band pairs processed; null unless finished"),
    sa.Column("n_epochs", sa.BigInteger, nullable=True, comment="epochs masked; null unless finished"),
    sa.Column("n_unchanged", sa.BigInteger, nullable=True, comment="epochs already up to date; null unless finished"),
    sa.Column("n_failures", sa.BigInteger, nullable=True, comment="inputs that failed; null unless finished"),
    sa.Column("outcome", sa.Text, nullable=True, comment="done, failures or interrupted; null unless finished"),
)

# one row per mask file: where there is no coadd, all that is about an image is null
coadd = sa.Table(
    "coadd",
    metadata,
    sa.Column("coadd_id", _Id, primary_key=True, comment="coadd ID, specific to this database"),
    *_tile_key(),
    *_image_size(nullable=True),
    *_of(Counts, nullable=True),
    *_of(CoaddFacts, nullable=True),
    sa.Column("generation", sa.Integer, nullable=False, comment="number of mask files of the tile and band so far"),
    sa.Column("mask_file", sa.Text, nullable=False, comment="mask file, relative to the masks root"),
    sa.Column("mask_row_group", sa.Integer, nullable=True, comment="row group of the coadd's own mask"),
    sa.Column(
        "run_id", _Id, sa.ForeignKey("ingest_run.run_id"), nullable=True, comment="ingest run; null after a rebuild"
    ),
    *_added_to(CoaddFacts),
    sa.Column(
        "area_good_any_unique",
        sa.Double,
        nullable=True,
        comment="sky area in the unique region that is good in at least one epoch, arcmin^2",
        info={"since": "0009"},
    ),
    sa.UniqueConstraint("tilename", "band"),
)

epoch = sa.Table(
    "epoch",
    metadata,
    sa.Column("epoch_id", _Id, primary_key=True, comment="epoch ID, specific to this database"),
    *_tile_key(),
    sa.Column("expnum", sa.BigInteger, nullable=False, comment="exposure number"),
    sa.Column("ccdnum", sa.SmallInteger, nullable=False, comment="CCD number"),
    *_image_size(),
    *_of(Counts),
    *_of(EpochFacts),
    sa.Column("mask_row_group", sa.Integer, nullable=False, comment="row group in the mask file of the tile and band"),
    sa.Column(
        "run_id", _Id, sa.ForeignKey("ingest_run.run_id"), nullable=True, comment="ingest run; null after a rebuild"
    ),
    *_by_revision(*_added_to(EpochFacts), *_added_to(Covariates)),
    sa.UniqueConstraint("tilename", "band", "expnum", "ccdnum"),
    sa.ForeignKeyConstraint(["tilename", "band"], ["coadd.tilename", "coadd.band"]),
    sa.Index("ix_epoch_ccd", "band", "expnum", "ccdnum"),
)


def _belongs_to(table: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{table}.{table}_id", ondelete="CASCADE")


bit_count = sa.Table(
    "bit_count",
    metadata,
    sa.Column("bit_count_id", _Id, primary_key=True, comment="row ID, specific to this database"),
    sa.Column("epoch_id", _Id, _belongs_to("epoch"), nullable=True, comment="epoch; null for a coadd"),
    sa.Column("coadd_id", _Id, _belongs_to("coadd"), nullable=True, comment="coadd; null for an epoch"),
    sa.Column("plane", sa.Text, nullable=False, comment="bmask plane, se or coadd"),
    sa.Column("bit", sa.SmallInteger, nullable=False, comment="bit number, 0 to 23"),
    sa.Column("name", sa.Text, nullable=False, comment="name of the bit in the survey"),
    sa.Column("n_pixels", sa.BigInteger, nullable=False, comment="pixels with the bit set; never 0"),
    sa.UniqueConstraint("epoch_id", "plane", "bit"),
    sa.UniqueConstraint("coadd_id", "plane", "bit"),
    sa.CheckConstraint("(epoch_id IS NULL) <> (coadd_id IS NULL)", name="one_owner"),
)

footprint = sa.Table(
    "footprint",
    metadata,
    sa.Column("hpix", sa.BigInteger, primary_key=True, comment=f"HEALPix pixel, nside {NSIDE}, nested ordering"),
    sa.Column(
        "epoch_id",
        sa.BigInteger,
        _belongs_to("epoch"),
        primary_key=True,
        index=True,
        comment="epoch whose image overlaps the HEALPix pixel",
    ),
    sa.Column(
        "cells",
        sa.BigInteger,
        nullable=False,
        server_default=str(EVERY_CELL),
        comment="bit k: image overlaps HEALPix pixel 64 * hpix + k of 8 times the nside; -1 if all bits or unknown",
        info={"since": "0004", "before": EVERY_CELL},
    ),
    sqlite_with_rowid=False,
)

failure = sa.Table(
    "failure",
    metadata,
    sa.Column("failure_key", sa.Text, primary_key=True, comment="info file path # expnum/ccdnum, coadd or info"),
    sa.Column("path", sa.Text, nullable=False, comment="path of the info file"),
    sa.Column("tilename", sa.Text, nullable=True, comment="from the info file; null if it cannot be read"),
    sa.Column("band", sa.Text, nullable=True, comment="from the info file; null if it cannot be read"),
    sa.Column("expnum", sa.BigInteger, nullable=True, comment="from the info file; null if the whole tile failed"),
    sa.Column("ccdnum", sa.SmallInteger, nullable=True, comment="from the info file; null if the whole tile failed"),
    sa.Column("error_type", sa.Text, nullable=False, comment="exception class"),
    sa.Column("message", sa.Text, nullable=False, comment="error message, one line"),
    sa.Column("fingerprint", sa.Text, nullable=True, comment="SHA-256 of the failed inputs; null if temporary"),
    sa.Column("attempts", sa.Integer, nullable=False, comment="number of attempts"),
    sa.Column("failed_at", sa.Text, nullable=False, comment="time of the last attempt, UTC, ISO 8601"),
    sa.Index("ix_failure_tile", "tilename", "band"),
)

selection = sa.Table(
    "selection",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="name of the selection"),
    sa.Column("selection", sa.Text, nullable=False, comment="the selection in words, as Selection.parse reads it"),
    sa.Column("description", sa.Text, nullable=False, comment="purpose of the selection; may be empty"),
    sa.Column("hash", sa.Text, nullable=False, comment="SHA-256 of the content of the selection"),
    info={"since": "0007"},
)


# The tables below are maintained by `goodpix.ingest.database.summaries` and derive entirely from those above.


def _like(names: Iterable[str], meaning: str = "{}") -> list["sa.Column[object]"]:
    """Return columns with the names and types of the table epoch's; `meaning` formats their comments."""
    sources = [epoch.c[name] for name in names]
    return [sa.Column(c.name, type(c.type), nullable=True, comment=meaning.format(c.comment)) for c in sources]


def _key_like(names: Iterable[str]) -> list["sa.Column[object]"]:
    return [
        sa.Column(c.name, type(c.type), nullable=False, comment=c.comment) for c in (epoch.c[name] for name in names)
    ]


def _of_coadd() -> sa.ForeignKeyConstraint:
    # a summary is deleted with its tile, whoever deletes that
    return sa.ForeignKeyConstraint(["tilename", "band"], ["coadd.tilename", "coadd.band"], ondelete="CASCADE")


_AMPLIFIERS = [f"{what}_amp_{half}" for half in "ab" for what in ("n_good_se", "n_pixels")]
_CRITERIA = [f"{prefix}_{str(each.name).lower()}" for prefix in ("n", "only") for each in Criterion]
_TILE_COUNTS = ["n_pixels", "n_good", "n_on_coadd", "n_good_se", "n_good_coadd", "n_unique", "n_good_unique"]
_OF_EXPOSURE = ["nite", "mjd_obs", "date_obs", "exptime", "airmass", "bunit"]
_SKY = ["fwhm", "skybrite", "skysigma"]

tile_summary = sa.Table(
    "tile_summary",
    metadata,
    *_tile_key(),
    sa.Column("n_epochs", sa.BigInteger, nullable=False, comment="epochs of the tile and band"),
    sa.Column("n_epochs_used", sa.BigInteger, nullable=False, comment="epochs with an SE segmentation map"),
    sa.Column("n_epochs_stale", sa.BigInteger, nullable=False, comment="stale epochs"),
    *_like([*_TILE_COUNTS, *_CRITERIA, "area_good", "area_good_unique"], "{}; sum over the epochs used"),
    sa.PrimaryKeyConstraint("tilename", "band"),
    _of_coadd(),
    sqlite_with_rowid=False,
)

tile_run = sa.Table(
    "tile_run",
    metadata,
    *_tile_key(),
    sa.Column("run_id", _Id, sa.ForeignKey("ingest_run.run_id"), nullable=False, comment="ingest run"),
    sa.Column("n_epochs", sa.BigInteger, nullable=False, comment="epochs of the tile and band masked by the run"),
    sa.PrimaryKeyConstraint("tilename", "band", "run_id"),
    _of_coadd(),
    sqlite_with_rowid=False,
)

ccd_image = sa.Table(
    "ccd_image",
    metadata,
    *_key_like(["band", "expnum", "ccdnum"]),
    sa.Column("n_tiles", sa.BigInteger, nullable=False, comment="tiles with the image and an SE segmentation map"),
    sa.Column("tiles_disagree", sa.Boolean, nullable=True, comment="true if tiles differ in SE counts"),
    *_like([*SE_COUNTS, *_AMPLIFIERS, *_OF_EXPOSURE[:-1], *_SKY, "skyvara", "skyvarb", "bunit", "detpos"]),
    *_like(["pixel_area", "fraction_good_se"]),
    *_added_to(Covariates),
    # an exposure has one band and may be queried without it
    sa.PrimaryKeyConstraint("expnum", "band", "ccdnum"),
    # with expnum, Postgres need not read the rows; SQLite holds the primary key in every index
    sa.Index("ix_ccd_image_fraction", "band", "ccdnum", "fraction_good_se", "expnum"),
    sa.Index("ix_ccd_image_nite", "nite", "band", "ccdnum"),
    # usually empty, so that any disagreement is found at once
    sa.Index(
        "ix_ccd_image_disagree",
        *("band", "expnum", "ccdnum"),
        sqlite_where=sa.text("tiles_disagree"),
    ),
    sqlite_with_rowid=False,
)


@sa.event.listens_for(ccd_image, "before_create")
def _limit_indexes(table: sa.Table, connection: sa.Connection, **_: Any) -> None:
    """Give the indexes of a table the same condition on every dialect."""
    # stating it above for Postgres too would import that dialect in every command, even on SQLite
    for index in table.indexes:
        index.dialect_options[connection.dialect.name]["where"] = index.dialect_options["sqlite"]["where"]


exposure_summary = sa.Table(
    "exposure_summary",
    metadata,
    *_key_like(["band", "expnum"]),
    sa.Column("n_ccds", sa.BigInteger, nullable=False, comment="CCD images of the exposure"),
    *_like(_OF_EXPOSURE),
    *(
        sa.Column(f"mean_{c.name}", sa.Double, nullable=True, comment=f"{c.comment}; mean of the CCD images")
        for c in (epoch.c[name] for name in _SKY)
    ),
    *_like([*SE_COUNTS, *_AMPLIFIERS], "{}; sum over the CCD images"),
    *_added_to(Covariates, "{}; mean of the CCD images"),
    sa.PrimaryKeyConstraint("expnum", "band"),
    sa.Index("ix_exposure_summary_nite", "nite"),
    sqlite_with_rowid=False,
)

ccd_night = sa.Table(
    "ccd_night",
    metadata,
    *_key_like(["band", "ccdnum"]),
    *_like(["nite"]),
    sa.Column("n_ccd_images", sa.BigInteger, nullable=False, comment="CCD images of the night"),
    *_like([*SE_COUNTS, *_AMPLIFIERS], "{}; sum over the CCD images"),
    # unique except where the header gives no night; all columns, so that sums by CCD need only the index
    sa.Index("ix_ccd_night_ccd", "band", "ccdnum", "nite", "n_ccd_images", *SE_COUNTS, *_AMPLIFIERS),
)

ccd_bit_night = sa.Table(
    "ccd_bit_night",
    metadata,
    *_key_like(["band", "ccdnum"]),
    *_like(["nite"]),
    *(sa.Column(c.name, type(c.type), nullable=False, comment=c.comment) for c in (bit_count.c.bit, bit_count.c.name)),
    sa.Column("n_ccd_images", sa.BigInteger, nullable=False, comment="CCD images of the night with the bit set"),
    sa.Column("n_pixels", sa.BigInteger, nullable=False, comment="pixels with the bit set; sum over the CCD images"),
    # as for ccd_night; queries about one bit and sums by bit need only the index
    sa.Index("ix_ccd_bit_night_bit", "band", "bit", "name", "ccdnum", "nite", "n_ccd_images", "n_pixels"),
    sa.Index("ix_ccd_bit_night_ccd", "band", "ccdnum", "nite"),
)

ccd_median = sa.Table(
    "ccd_median",
    metadata,
    *_key_like(["band", "ccdnum"]),
    sa.Column("n_ccd_images", sa.BigInteger, nullable=False, comment="CCD images of the band and CCD"),
    sa.Column("fraction_good_se", sa.Double, nullable=False, comment="median n_good_se / n_pixels of the CCD images"),
    sa.PrimaryKeyConstraint("band", "ccdnum"),
    sqlite_with_rowid=False,
)


def names(row: type) -> list[str]:
    """Return the column names of a dataclass of columns."""
    return [each.name for each in dataclasses.fields(row)]
