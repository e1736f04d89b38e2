"""The SQL views of a catalogue: its stable interface for queries and dashboards."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from .columns import Column
from .rows import CoaddFacts
from .sql.obscore import OBSCORE_DOCS, obscore
from .tables import bit_count, ccd_image, coadd, epoch, exposure_summary, names, tile_summary

__all__ = ["IMAGE_AREA", "RENAMED", "VIEWS", "SqlView", "create_views", "drop_views"]

IMAGE_AREA = "good_area_images_unique"
"""Name in views of the stored ``area_good_unique``, which is a sum over images."""

RENAMED = {IMAGE_AREA: ("0008", "area_good_unique")}
"""Columns of views that had another name before a revision: the revision, and the name."""

_TILE_NUMBERS = ["n_epochs", "n_epochs_used", "n_epochs_stale"]
_AREAS = ["area_good", "area_good_unique"]
_IMAGE_AREA_DOC = "n_good_unique * pixel_area, arcmin^2 x images"
_COADD_COUNTS = {
    "coadd_n_pixels": "n_pixels",
    "coadd_n_good": "n_good",
    "coadd_n_seg": "n_coadd_seg",
    "coadd_n_weight": "n_coadd_weight",
    "coadd_n_bmask": "n_coadd_bmask",
    "coadd_fraction_good": "fraction_good",
}
_FRACTIONS = {
    "fraction_good": "sum of n_good / sum of n_pixels",
    "fraction_good_on_coadd": "sum of n_good / sum of n_on_coadd",
    "fraction_good_se": "sum of n_good_se / sum of n_pixels",
}


@dataclass(frozen=True, slots=True)
class SqlView:
    """View of the database.

    Parameters
    ----------
    name : str
        Its name.
    select : Select
        Its query.
    doc : str
        Meaning of a row.
    computed : mapping of str to str
        Meanings of its computed columns, which have no column of a table behind them.
    """

    name: str
    select: "sa.Select[tuple[object, ...]]"
    doc: str
    computed: Mapping[str, str] = field(default_factory=dict)

    @property
    def table(self) -> sa.TableClause:
        """The view as a selectable."""
        return sa.table(self.name, *(sa.column(c.name, c.type) for c in self.select.selected_columns))

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its columns in order, with their meanings."""
        return tuple(
            Column(c.name, c.type.python_type, bool(c.nullable), str(c.comment))
            if isinstance(c, sa.Column)
            else Column(c.name, c.type.python_type, True, self.computed[c.name])
            for c in self.select.selected_columns
        )


def _ratio(part: "sa.ColumnElement[Any]", whole: "sa.ColumnElement[Any]", name: str) -> "sa.Label[Any]":
    """Return a ratio of sums, null where the denominator is zero."""
    return (sa.cast(part, sa.Double) / sa.func.nullif(whole, 0)).label(name)


def _image_area(table: sa.Table) -> "sa.Label[Any]":
    return table.c.area_good_unique.label(IMAGE_AREA)


def _epoch_quality() -> "sa.Select[tuple[object, ...]]":
    hidden = {"epoch_id", "mask_row_group", "wcs", "planes", "files"}
    shown = [c for c in epoch.c if c.name not in hidden]
    return sa.select(*shown, coadd.c.generation, _image_area(epoch)).join(
        coadd, sa.and_(coadd.c.tilename == epoch.c.tilename, coadd.c.band == epoch.c.band)
    )


def _tile_quality() -> "sa.Select[tuple[object, ...]]":
    of_epochs = tile_summary.c
    facts = [coadd.c[name] for name in names(CoaddFacts) if name not in ("wcs", "planes", "files")]
    sums = [c for c in of_epochs if c.name not in ("tilename", "band", *_TILE_NUMBERS, *_AREAS)]
    return sa.select(
        coadd.c.tilename,
        coadd.c.band,
        *(sa.func.coalesce(of_epochs[name], 0).label(name) for name in _TILE_NUMBERS),
        *sums,
        _ratio(of_epochs.n_good, of_epochs.n_pixels, "fraction_good"),
        _ratio(of_epochs.n_good, of_epochs.n_on_coadd, "fraction_good_on_coadd"),
        _ratio(of_epochs.n_good_se, of_epochs.n_pixels, "fraction_good_se"),
        *(of_epochs[name] for name in _AREAS),
        *(coadd.c[name].label(label) for label, name in _COADD_COUNTS.items()),
        *facts,
        coadd.c.generation,
        coadd.c.mask_file,
        coadd.c.run_id,
        _image_area(tile_summary),
        coadd.c.area_good_any_unique,
    ).outerjoin_from(
        coadd, tile_summary, sa.and_(of_epochs.tilename == coadd.c.tilename, of_epochs.band == coadd.c.band)
    )


def _ccd_quality() -> "sa.Select[tuple[object, ...]]":
    return sa.select(*ccd_image.c)


def _exposure_quality() -> "sa.Select[tuple[object, ...]]":
    of_ccds = exposure_summary.c
    return sa.select(*of_ccds, _ratio(of_ccds.n_good_se, of_ccds.n_pixels, "fraction_good_se"))


def _bit_quality() -> "sa.Select[tuple[object, ...]]":
    return sa.select(
        *(epoch.c[name] for name in ("tilename", "band", "expnum", "ccdnum")),
        *(bit_count.c[name] for name in ("plane", "bit", "name", "n_pixels")),
    ).join(epoch, epoch.c.epoch_id == bit_count.c.epoch_id)


VIEWS = {
    view.name: view
    for view in (
        SqlView("epoch_quality", _epoch_quality(), "one epoch", computed={IMAGE_AREA: _IMAGE_AREA_DOC}),
        SqlView(
            "tile_quality",
            _tile_quality(),
            "one tile and band: sums over its epochs, plus its coadd",
            computed={
                **{name: str(tile_summary.c[name].comment) for name in _TILE_NUMBERS},
                **{label: f"{coadd.c[name].comment}; coadd's own mask" for label, name in _COADD_COUNTS.items()},
                **_FRACTIONS,
                IMAGE_AREA: f"{_IMAGE_AREA_DOC}; sum over the epochs used",
            },
        ),
        SqlView("ccd_quality", _ccd_quality(), "one CCD image, in whatever number of tiles"),
        SqlView("exposure_quality", _exposure_quality(), "one exposure: sums over its CCD images", computed=_FRACTIONS),
        SqlView("bit_quality", _bit_quality(), "one mask bit of one plane of one epoch"),
        SqlView("obscore", obscore(), "one CCD image in the columns of IVOA ObsCore 1.1", computed=OBSCORE_DOCS),
    )
}


def create_views(connection: sa.Connection) -> None:
    """Create the views, which must not exist."""
    for view in VIEWS.values():
        text = view.select.compile(connection, compile_kwargs={"literal_binds": True})
        connection.execute(sa.text(f"CREATE VIEW {view.name} AS {text}"))


def drop_views(connection: sa.Connection) -> None:
    """Drop any views, before the tables below them change."""
    for name in reversed(VIEWS):
        connection.execute(sa.text(f"DROP VIEW IF EXISTS {name}"))
