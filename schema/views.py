"""The SQL views of a catalogue: the stable face for queries and dashboards."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .criteria import Criterion
from .rows import CoaddFacts
from .tables import bit_count, coadd, epoch, names

__all__ = ["VIEWS", "View", "create_views", "drop_views"]

_CRITERIA = [str(each.name).lower() for each in Criterion]
_SE_COUNTS = ["n_pixels", "n_good_se", "n_se_seg", "n_se_weight", "n_se_bmask"]
_AMPLIFIERS = [f"{what}_amp_{half}" for half in "ab" for what in ("n_good_se", "n_pixels")]
_HEADER = ["nite", "mjd_obs", "date_obs", "exptime", "airmass", "fwhm", "skybrite", "skysigma"]
_CCD_KEY = ["band", "expnum", "ccdnum"]
_TILE_NUMBERS = ["n_epochs", "n_epochs_used", "n_epochs_stale"]
_COADD_COUNTS = {
    "coadd_n_pixels": "n_pixels",
    "coadd_n_good": "n_good",
    "coadd_n_seg": "n_coadd_seg",
    "coadd_n_weight": "n_coadd_weight",
    "coadd_n_bmask": "n_coadd_bmask",
    "coadd_fraction_good": "fraction_good",
}


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Parameters
    ----------
    name : str
        Its name.
    select : Select
        What it shows.
    doc : str
        What a row of it is.
    booleans : tuple of str
        Its columns of truth values, which SQLite gives as numbers.
    """

    name: str
    select: "sa.Select[tuple[object, ...]]"
    doc: str
    booleans: tuple[str, ...] = ()

    @property
    def table(self) -> sa.TableClause:
        """The view as something to select from."""
        return sa.table(self.name, *(sa.column(c.name, c.type) for c in self.select.selected_columns))


def _total(column: "sa.ColumnElement[Any]", name: str) -> "sa.Label[Any]":
    # Postgres adds bigints up to a numeric, which pandas takes for objects
    return sa.cast(sa.func.sum(column), sa.BigInteger).label(name)


def _ratio(part: "sa.ColumnElement[Any]", whole: "sa.ColumnElement[Any]", name: str) -> "sa.Label[Any]":
    """Return a ratio of sums, null where there is nothing to divide by."""
    share = sa.cast(sa.func.sum(part), sa.Double) / sa.func.nullif(sa.func.sum(whole), 0)
    return share.label(name)


def _epoch_quality() -> "sa.Select[tuple[object, ...]]":
    hidden = {"epoch_id", "mask_row_group", "wcs", "planes"}
    shown = [c for c in epoch.c if c.name not in hidden]
    return sa.select(*shown, coadd.c.generation).join(
        coadd, sa.and_(coadd.c.tilename == epoch.c.tilename, coadd.c.band == epoch.c.band)
    )


def _tile_quality() -> "sa.Select[tuple[object, ...]]":
    used = sa.case((epoch.c.se_seg_used, 1), else_=0)
    e = {c.name: sa.case((epoch.c.se_seg_used, c)) for c in epoch.c}
    summed = ["n_pixels", "n_good", "n_on_coadd", "n_good_se", "n_good_coadd", "n_unique", "n_good_unique"]
    summed += [f"{prefix}_{name}" for prefix in ("n", "only") for name in _CRITERIA]
    of_epochs = (
        sa.select(
            epoch.c.tilename,
            epoch.c.band,
            sa.func.count().label("n_epochs"),
            _total(used, "n_epochs_used"),
            _total(sa.case((epoch.c.stale, 1), else_=0), "n_epochs_stale"),
            *(_total(e[name], name) for name in summed),
            _ratio(e["n_good"], e["n_pixels"], "fraction_good"),
            _ratio(e["n_good"], e["n_on_coadd"], "fraction_good_on_coadd"),
            _ratio(e["n_good_se"], e["n_pixels"], "fraction_good_se"),
            sa.func.sum(e["area_good"]).label("area_good"),
            sa.func.sum(e["area_good_unique"]).label("area_good_unique"),
        )
        .group_by(epoch.c.tilename, epoch.c.band)
        .subquery("of_epochs")
    )
    facts = [coadd.c[name] for name in names(CoaddFacts) if name not in ("wcs", "planes")]
    return sa.select(
        coadd.c.tilename,
        coadd.c.band,
        *(sa.func.coalesce(of_epochs.c[name], 0).label(name) for name in _TILE_NUMBERS),
        *(c for c in of_epochs.c if c.name not in ("tilename", "band", *_TILE_NUMBERS)),
        *(coadd.c[name].label(label) for label, name in _COADD_COUNTS.items()),
        *facts,
        coadd.c.generation,
        coadd.c.mask_file,
        coadd.c.run_id,
    ).outerjoin(of_epochs, sa.and_(of_epochs.c.tilename == coadd.c.tilename, of_epochs.c.band == coadd.c.band))


def _ccd_quality() -> "sa.Select[tuple[object, ...]]":
    # every tile that holds the CCD image has counted the same SE pixels, so any one of them will do
    differ = [sa.func.min(epoch.c[name]) != sa.func.max(epoch.c[name]) for name in _SE_COUNTS]
    once = [*_SE_COUNTS, *_AMPLIFIERS, *_HEADER, "skyvara", "skyvarb", "bunit", "detpos", "pixel_area"]
    share = sa.cast(sa.func.max(epoch.c.n_good_se), sa.Double) / sa.func.max(epoch.c.n_pixels)
    return (
        sa.select(
            *(epoch.c[name] for name in _CCD_KEY),
            sa.func.count().label("n_tiles"),
            sa.or_(*differ).label("tiles_disagree"),
            *(sa.func.max(epoch.c[name]).label(name) for name in once),
            share.label("fraction_good_se"),
        )
        .where(epoch.c.se_seg_used)
        .group_by(*(epoch.c[name] for name in _CCD_KEY))
    )


def _exposure_quality() -> "sa.Select[tuple[object, ...]]":
    ccd = _ccd_quality().subquery("ccd")
    once = ["nite", "mjd_obs", "date_obs", "exptime", "airmass", "bunit"]
    return sa.select(
        ccd.c.band,
        ccd.c.expnum,
        sa.func.count().label("n_ccds"),
        *(sa.func.max(ccd.c[name]).label(name) for name in once),
        *(sa.func.avg(ccd.c[name]).label(f"mean_{name}") for name in ("fwhm", "skybrite", "skysigma")),
        *(_total(ccd.c[name], name) for name in (*_SE_COUNTS, *_AMPLIFIERS)),
        _ratio(ccd.c.n_good_se, ccd.c.n_pixels, "fraction_good_se"),
    ).group_by(ccd.c.band, ccd.c.expnum)


def _bit_quality() -> "sa.Select[tuple[object, ...]]":
    return sa.select(
        *(epoch.c[name] for name in ("tilename", *_CCD_KEY)),
        *(bit_count.c[name] for name in ("plane", "bit", "name", "n_pixels")),
    ).join(epoch, epoch.c.epoch_id == bit_count.c.epoch_id)


VIEWS = {
    view.name: view
    for view in (
        View("epoch_quality", _epoch_quality(), "one epoch", ("se_seg_used", "stale")),
        View("tile_quality", _tile_quality(), "one tile and band: sums over its epochs, and its coadd"),
        View("ccd_quality", _ccd_quality(), "one CCD image, however many tiles hold it", ("tiles_disagree",)),
        View("exposure_quality", _exposure_quality(), "one exposure: sums over its CCD images"),
        View("bit_quality", _bit_quality(), "one mask bit of one plane of one epoch"),
    )
}


def create_views(connection: sa.Connection) -> None:
    """Make the views, which must not exist."""
    for view in VIEWS.values():
        text = view.select.compile(connection, compile_kwargs={"literal_binds": True})
        connection.execute(sa.text(f"CREATE VIEW {view.name} AS {text}"))


def drop_views(connection: sa.Connection) -> None:
    """Remove the views, where there are any: before the tables below them change."""
    for name in reversed(VIEWS):
        connection.execute(sa.text(f"DROP VIEW IF EXISTS {name}"))
