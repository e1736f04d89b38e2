"""Pages of the tables: worst tiles, worst CCD images, worst exposures, failures."""

import heapq
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import sqlalchemy as sa

from ....schema.sql.aggregates import mean, total
from ....schema.tables import ccd_image, ccd_median, exposure_summary, failure
from ....schema.views import VIEWS
from ...filters import Filters
from ..look.format import share
from ..look.table import PAGE_SIZE, TableColumn, TablePage, check_columns
from ..url import Span, TableView, View
from .scope import TileScope

__all__ = [
    "CCD_COLUMNS",
    "EXPOSURE_COLUMNS",
    "FAILURE_COLUMNS",
    "N_WORST",
    "TILE_COLUMNS",
    "ExposureDates",
    "ccd_page",
    "exposure_dates",
    "exposure_page",
    "failure_page",
    "tile_page",
]

N_WORST = 500
"""Maximum number of CCD images in the table of the worst."""

# Maximum number of CCD images scanned for a range of nights; more would take longer than a second.
_MOST_CCD_IMAGES = 300_000
# Number of images of a CCD in the first batch; each further batch is four times as large.
_FIRST_LOOK = 4

_KEY = (ccd_image.c.expnum, ccd_image.c.band, ccd_image.c.ccdnum)
_TILES, _EXPOSURES, _CCDS = (VIEWS[f"{name}_quality"].table for name in ("tile", "exposure", "ccd"))
_MEANINGS = {view.name: {each.name: each.doc for each in view.columns} for view in VIEWS.values()}


def _column(view: str, name: str, label: str, kind: str = "text", **more: Any) -> TableColumn:
    return TableColumn(name, label, kind, f"{name}: {_MEANINGS[view].get(name, label)}", **more)


def _to_tile(row: Mapping[str, Any]) -> str:
    return f"./mask?{View(tile=row['tilename'], band=row['band']).query()}"


def _to_ccd(row: Mapping[str, Any]) -> str:
    return f"./mask?{View(band=row['band'], expnum=row['expnum'], ccdnum=row['ccdnum']).query()}"


def _to_exposure(row: Mapping[str, Any]) -> str:
    return f"./mask?{View(band=row['band'], expnum=row['expnum'], ccdnum=row.get('ccdnum')).query()}"


TILE_COLUMNS = (
    _column("tile_quality", "tilename", "Tile", link=_to_tile),
    _column("tile_quality", "band", "Band"),
    _column("tile_quality", "fraction_good_on_coadd", "Good on coadd", "fraction", bounded=True, of_coadds=True),
    _column("tile_quality", "fraction_good_se", "Good SE", "fraction", bounded=True),
    _column("tile_quality", "coadd_fraction_good", "Good coadd", "fraction", bounded=True, of_coadds=True),
    _column("tile_quality", "n_epochs", "Epochs", "count", bounded=True),
    _column("tile_quality", "n_epochs_stale", "Stale", "count", bounded=True),
)

CCD_COLUMNS = (
    _column("ccd_quality", "expnum", "Exposure", link=_to_ccd),
    _column("ccd_quality", "ccdnum", "CCD"),
    _column("ccd_quality", "band", "Band"),
    _column("ccd_quality", "nite", "Night"),
    _column("ccd_quality", "fraction_good_se", "Good SE", "fraction", bounded=True),
    TableColumn(
        "median",
        "CCD median",
        "fraction",
        "median fraction_good_se of all images of this CCD and band, whatever the filters",
    ),
    TableColumn("fraction_se_seg", "Objects", "fraction", "n_se_seg / n_pixels"),
    TableColumn("fraction_se_bmask", "Mask bits", "fraction", "n_se_bmask / n_pixels"),
    _column("ccd_quality", "fwhm", "Seeing, pixels (arcsec)", "number", also="fwhm_arcsec"),
)

FAILURE_COLUMNS = (
    TableColumn("failed_at", "Time (UTC)", "text", "time of the last attempt"),
    TableColumn("tilename", "Tile", "text", "null if the info file could not be read"),
    TableColumn("band", "Band"),
    TableColumn("expnum", "Exposure"),
    TableColumn("ccdnum", "CCD"),
    TableColumn("error_type", "Error"),
    TableColumn("message", "Message", "words", sortable=False),
    TableColumn("attempts", "Attempts", "count", "number of attempts"),
)


EXPOSURE_COLUMNS = (
    _column("exposure_quality", "expnum", "Exposure", link=_to_exposure),
    _column("exposure_quality", "band", "Band"),
    _column("exposure_quality", "nite", "Night"),
    _column("exposure_quality", "fraction_good_se", "Good SE", "fraction", bounded=True),
    _column("exposure_quality", "n_ccds", "CCD images", "count", bounded=True),
    _column("exposure_quality", "exptime", "Time, s", "number", bounded=True),
    _column("exposure_quality", "airmass", "Airmass", "number", bounded=True),
    _column(
        "exposure_quality", "mean_fwhm", "Seeing, pixels (arcsec)", "number", bounded=True, also="mean_fwhm_arcsec"
    ),
    _column("exposure_quality", "bunit", "Unit of the sky"),
    _column(
        "exposure_quality", "mean_skybrite", "Sky (per second)", "number", bounded=True, also="mean_skybrite_per_second"
    ),
)


def tile_page(connection: sa.Connection, scope: TileScope, view: TableView) -> TablePage:
    """Return a page of the tiles, worst first by default.

    Raises
    ------
    UnknownNameError
        If the view names a column that the table does not have.
    """
    check_columns(view, TILE_COLUMNS)
    key = ("fraction_good_se", "tilename", "band")  # the first where there are no coadds
    query = _listed(_TILES, TILE_COLUMNS, scope.conditions(_TILES), view, "fraction_good_on_coadd", *key)
    return _page(connection, query, view, "No matching tiles.")


def failure_page(connection: sa.Connection, scope: TileScope, view: TableView) -> TablePage:
    """Return a page of the failures, latest first by default; see `tile_page`."""
    check_columns(view, FAILURE_COLUMNS)
    query = _listed(failure, FAILURE_COLUMNS, scope.conditions(failure), view, "-failed_at", "failure_key")
    return _page(connection, query, view, "No failures.")


def exposure_page(connection: sa.Connection, filters: Mapping[str, Any], view: TableView) -> TablePage:
    """Return a page of the exposures that match filters, worst first by default; see `tile_page`.

    With a ``ccdnum``, of that CCD's images alone.
    """
    check_columns(view, EXPOSURE_COLUMNS)
    table = _exposures(filters)
    conditions = Filters.of(**filters).conditions(table)
    query = _listed(table, EXPOSURE_COLUMNS, conditions, view, "fraction_good_se", "expnum", "band")
    if "ccdnum" in table.c:
        query = query.add_columns(table.c.ccdnum)
    page = _page(connection, query, view, "No matching exposures.")
    areas = _mean_pixel_areas(connection, [row["expnum"] for row in page.rows])
    rows = [{**row, **_derived(row, areas.get((row["expnum"], row["band"])), "mean_")} for row in page.rows]
    return replace(page, rows=rows)


def _mean_pixel_areas(connection: sa.Connection, expnums: Sequence[int]) -> dict[tuple[int, str], float | None]:
    """Return the mean pixel area of the CCD images of each exposure and band, arcsec^2."""
    key = (ccd_image.c.expnum, ccd_image.c.band)
    query = sa.select(*key, mean(ccd_image.c.pixel_area)).where(ccd_image.c.expnum.in_(expnums)).group_by(*key)
    return {(expnum, band): area for expnum, band, area in connection.execute(query)}


def _derived(row: Mapping[str, Any], pixel_area: float | None, prefix: str = "") -> dict[str, float | None]:
    """Return the seeing in arcsec and the sky brightness per second; None where they are unknown."""
    fwhm, skybrite, exptime = row[f"{prefix}fwhm"], row[f"{prefix}skybrite"], row["exptime"]
    return {
        f"{prefix}fwhm_arcsec": None if fwhm is None or pixel_area is None else fwhm * pixel_area**0.5,
        f"{prefix}skybrite_per_second": skybrite / exptime if skybrite is not None and (exptime or 0) > 0 else None,
    }


@dataclass(frozen=True, slots=True)
class ExposureDates:
    """Number of exposures, and what is known of their dates.

    Parameters
    ----------
    n : int
        Number of exposures.
    n_nights : int
        Those whose night is known.
    n_dates : int
        Those whose night or start is known.
    """

    n: int
    n_nights: int
    n_dates: int


def exposure_dates(connection: sa.Connection, filters: Mapping[str, Any]) -> ExposureDates:
    """Return the number of exposures that match filters, of those with the CCD where ``ccdnum`` is given."""
    table = ccd_image if filters.get("ccdnum") is not None else exposure_summary
    dates = sa.func.count(sa.func.coalesce(table.c.nite, table.c.mjd_obs))
    query = sa.select(sa.func.count(), sa.func.count(table.c.nite), dates).select_from(table)
    return ExposureDates(*map(int, connection.execute(query.where(*Filters.of(**filters).conditions(table))).one()))


def _exposures(filters: Mapping[str, Any]) -> Any:
    """Return the view of exposures, or one with the same columns of CCD images for a CCD of each exposure."""
    if filters.get("ccdnum") is None:
        return _EXPOSURES
    names = [each.name for each in EXPOSURE_COLUMNS if each.name != "n_ccds"]
    columns = [_CCDS.c[name.removeprefix("mean_")].label(name) for name in names]
    one = sa.literal(1, sa.BigInteger).label("n_ccds")
    return sa.select(*columns, one, _CCDS.c.ccdnum).subquery("exposures_of_ccd")


def ccd_page(
    connection: sa.Connection, scope: TileScope, nite: Span | None, ccdnum: int | None, view: TableView
) -> TablePage:
    """Return a page of the `N_WORST` worst CCD images, each listed once, in the order of the view.

    Parameters
    ----------
    connection : Connection
        Connection to the catalogue.
    scope : TileScope
        Tiles that hold the images, and bands.
    nite : Span, optional
        Nights.
    ccdnum : int, optional
        CCD number.
    view : TableView
        Sorting, limits and page.

    Raises
    ------
    UnknownNameError
        If the view names a column that the table does not have.
    UsageError
        If the tiles hold too many epochs.
    """
    check_columns(view, CCD_COLUMNS)
    medians = {(row.band, row.ccdnum): row.fraction_good_se for row in connection.execute(sa.select(ccd_median))}
    filters = Filters(band=scope.band or None, ccdnum=ccdnum, nite=None if nite is None else str(nite))
    conditions = [*filters.conditions(ccd_image), *_limits(ccd_image, view)]
    are_whole = True
    if scope.names is not None:
        scope.check_few(connection)
        images = _worst_that(connection, [*conditions, *scope.in_tiles()])
    elif nite is not None and _n_images(connection, scope.band, nite) <= _MOST_CCD_IMAGES:
        images = _worst_that(connection, conditions)
    else:
        keys = [key for key in medians if scope.band in ("", key[0]) and ccdnum in (None, key[1])]
        images, are_whole = _worst_of_all(connection, conditions, keys), False
    n, shown = len(images), slice(first := _first_row(view, len(images)), first + PAGE_SIZE)
    if not view.sort:
        images = images[shown]
    rows = [_ccd_row(image, medians) for image in (images if are_whole else _rows_of(connection, images))]
    if view.sort:
        rows = _sorted(rows, view.sort)[shown]
    return TablePage(rows, n, "No matching CCD images.", " worst" if n == N_WORST else "")


def _sorted(rows: Sequence[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    """Return rows sorted by a column, descending where it has a minus; nulls come last."""
    column = sort.removeprefix("-")
    known = sorted((row for row in rows if row[column] is not None), key=operator.itemgetter(column))
    return [*(known[::-1] if sort[0] == "-" else known), *(row for row in rows if row[column] is None)]


def _worst_of_all(
    connection: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]], ccds: Sequence[tuple[str, int]]
) -> list[Any]:
    """Return the keys of the worst images of many CCDs by merging lists of each CCD's, read lazily from an index."""
    of_ccd = (ccd_image.c[name] == sa.bindparam(f"of_{name}") for name in ("band", "ccdnum"))
    # the order of the index; made once, because there are hundreds of CCDs and bands
    query = (
        sa.select(*_KEY, ccd_image.c.fraction_good_se)
        .where(*of_ccd, *conditions)
        .order_by(ccd_image.c.fraction_good_se, ccd_image.c.expnum)
        .limit(sa.bindparam("n_more", type_=sa.Integer))
        .offset(sa.bindparam("n_known", type_=sa.Integer))
    )
    by_ccd = (_worst_first(connection, query, band, ccdnum) for band, ccdnum in ccds)
    return list(islice(heapq.merge(*by_ccd, key=_badness), N_WORST))


def _worst_first(connection: sa.Connection, query: "sa.Select[Any]", band: str, ccdnum: int) -> Iterator[Any]:
    """Yield the keys of the images of one CCD, worst first, read in batches."""
    n_known, n_more = 0, _FIRST_LOOK
    while n_more:
        given = {"of_band": band, "of_ccdnum": ccdnum, "n_known": n_known, "n_more": n_more}
        keys = connection.execute(query, given).all()
        yield from keys
        n_known += len(keys)
        n_more = 4 * n_more if len(keys) == n_more else 0


def _rows_of(connection: sa.Connection, keys: Sequence[Any]) -> list[Any]:
    """Return the rows of CCD images, worst first."""
    if not keys:
        return []
    # SQLite does not use an index for tuples in a list, but does for a join
    columns = [sa.column(column.name, column.type) for column in _KEY]
    wanted = sa.values(*columns, name="wanted").data([tuple(key[: len(_KEY)]) for key in keys]).cte()
    same = sa.and_(*(wanted.c[column.name] == column for column in _KEY))
    query = sa.select(ccd_image).join_from(wanted, ccd_image, same)
    return sorted(connection.execute(query).all(), key=_badness)


def _worst_that(connection: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]]) -> list[Any]:
    query = sa.select(ccd_image).where(*conditions).order_by(ccd_image.c.fraction_good_se).limit(N_WORST)
    return list(connection.execute(query).all())


def _badness(row: Any) -> tuple[float, int, int]:
    return row.fraction_good_se, row.expnum, row.ccdnum


def _ccd_row(row: Any, medians: Mapping[tuple[str, int], float]) -> dict[str, Any]:
    values = dict(row._mapping)
    values["median"] = medians.get((row.band, row.ccdnum))
    values["fraction_se_seg"] = share(row.n_se_seg, row.n_pixels)
    values["fraction_se_bmask"] = share(row.n_se_bmask, row.n_pixels)
    return values | _derived(values, row.pixel_area)


def _n_images(connection: sa.Connection, band: str, nite: Span) -> int:
    conditions = Filters(band=band or None, nite=str(nite)).conditions(exposure_summary)
    query = sa.select(sa.func.coalesce(total(exposure_summary.c.n_ccds), 0)).where(*conditions)
    return int(connection.execute(query).scalar_one())


def _limits(table: sa.TableClause, view: TableView) -> list[sa.ColumnElement[bool]]:
    limits = {"min": view.least, "max": view.greatest}
    given: dict[str, Any] = {name: {view.column: value} for name, value in limits.items() if value is not None}
    return Filters(**given).conditions(table) if view.column else []


def _listed(
    table: sa.TableClause,
    columns: Sequence[TableColumn],
    conditions: Sequence[sa.ColumnElement[bool]],
    view: TableView,
    sort: str,
    *key: str,
) -> "sa.Select[Any]":
    """Return the query of a table, sorted by the view's column or by `sort`, then by the key; nulls come last."""
    sort = view.sort or sort
    column = table.c[sort.removeprefix("-")]
    order = [column.is_(None), column.desc() if sort.startswith("-") else column]
    shown = [table.c[each.name] for each in columns if each.name in table.c]
    query = sa.select(*shown).where(*conditions, *_limits(table, view))
    return query.order_by(*order, *(table.c[name] for name in key))


def _page(connection: sa.Connection, query: "sa.Select[Any]", view: TableView, words: str) -> TablePage:
    counted = sa.select(sa.func.count()).select_from(query.order_by(None).subquery())
    total = connection.execute(counted).scalar_one()
    rows = connection.execute(query.limit(PAGE_SIZE).offset(_first_row(view, total))).mappings()
    return TablePage([dict(row) for row in rows], total, words)


def _first_row(view: TableView, total: int) -> int:
    """Return the index of the first row of the view's page, or of the last page if that is beyond it."""
    return (min(view.page, max(1, -(-total // PAGE_SIZE))) - 1) * PAGE_SIZE
