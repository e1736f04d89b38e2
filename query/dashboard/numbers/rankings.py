"""The rows of the tables: worst tiles, worst CCD images, failures."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ....schema.tables import ccd_image, ccd_median, exposure_summary, failure
from ....schema.views import VIEWS
from ...filters import Filters
from ..address import Span, TableView, View
from ..look.format import share
from ..look.table import PAGE_SIZE, TableColumn, TablePage, check_columns
from .scope import TileScope

__all__ = [
    "CCD_COLUMNS",
    "EXPOSURE_COLUMNS",
    "FAILURE_COLUMNS",
    "N_WORST",
    "TILE_COLUMNS",
    "ccd_page",
    "exposure_page",
    "failure_page",
    "n_exposures",
    "tile_page",
]

N_WORST = 500
"""So many of the worst CCD images are listed."""

# CCD images of some nights that are looked at one by one: above it takes more than a second.
_MOST_CCD_IMAGES = 300_000
_FIRST_LOOK = 4

_KEY = (ccd_image.c.expnum, ccd_image.c.band, ccd_image.c.ccdnum)
_TILES = VIEWS["tile_quality"]
_MEANINGS = {view.name: {each.name: each.doc for each in view.columns} for view in VIEWS.values()}


def _column(view: str, name: str, label: str, kind: str = "text", **more: Any) -> TableColumn:
    return TableColumn(name, label, kind, f"{name}: {_MEANINGS[view].get(name, label)}", **more)


def _to_tile(row: Mapping[str, Any]) -> str:
    return f"./mask?{View(tile=row['tilename'], band=row['band']).query()}"


def _to_ccd(row: Mapping[str, Any]) -> str:
    return f"./mask?{View(band=row['band'], expnum=row['expnum'], ccdnum=row['ccdnum']).query()}"


def _to_exposure(row: Mapping[str, Any]) -> str:
    return f"./mask?{View(band=row['band'], expnum=row['expnum']).query()}"


TILE_COLUMNS = (
    _column("tile_quality", "tilename", "Tile", link=_to_tile),
    _column("tile_quality", "band", "Band"),
    _column("tile_quality", "fraction_good_on_coadd", "Good on coadd", "fraction", bounded=True),
    _column("tile_quality", "fraction_good_se", "Good SE", "fraction", bounded=True),
    _column("tile_quality", "coadd_fraction_good", "Good coadd", "fraction", bounded=True),
    _column("tile_quality", "n_epochs", "Epochs", "count", bounded=True),
    _column("tile_quality", "n_epochs_stale", "Stale", "count", bounded=True),
)

CCD_COLUMNS = (
    _column("ccd_quality", "expnum", "Exposure", link=_to_ccd),
    _column("ccd_quality", "ccdnum", "CCD"),
    _column("ccd_quality", "band", "Band"),
    _column("ccd_quality", "nite", "Night"),
    _column("ccd_quality", "fraction_good_se", "Good SE", "fraction", bounded=True),
    TableColumn("median", "Its median", "fraction", "median fraction_good_se of this CCD and band"),
    TableColumn("fraction_se_seg", "Objects", "fraction", "n_se_seg / n_pixels"),
    TableColumn("fraction_se_bmask", "Mask bits", "fraction", "n_se_bmask / n_pixels"),
    _column("ccd_quality", "fwhm", "Seeing", "number"),
)

FAILURE_COLUMNS = (
    TableColumn("failed_at", "When, UTC", "text", "when last"),
    TableColumn("tilename", "Tile", "text", "null when the info file could not be read"),
    TableColumn("band", "Band"),
    TableColumn("expnum", "Exposure"),
    TableColumn("ccdnum", "CCD"),
    TableColumn("error_type", "Error"),
    TableColumn("message", "What is wrong", "words", sortable=False),
    TableColumn("attempts", "Attempts", "count", "how often it was tried"),
)


EXPOSURE_COLUMNS = (
    _column("exposure_quality", "expnum", "Exposure", link=_to_exposure),
    _column("exposure_quality", "band", "Band"),
    _column("exposure_quality", "nite", "Night"),
    _column("exposure_quality", "fraction_good_se", "Good SE", "fraction", bounded=True),
    _column("exposure_quality", "n_ccds", "CCD images", "count", bounded=True),
    _column("exposure_quality", "exptime", "Time, s", "number", bounded=True),
    _column("exposure_quality", "airmass", "Airmass", "number", bounded=True),
    _column("exposure_quality", "mean_fwhm", "Seeing, pixels", "number", bounded=True),
    _column("exposure_quality", "mean_skybrite", "Sky", "number", bounded=True),
)


def tile_page(connection: sa.Connection, scope: TileScope, view: TableView) -> TablePage:
    """Return a page of the tiles, the worst first.

    Raises
    ------
    UnknownNameError
        If the view names a column that the table has not.
    """
    check_columns(view, TILE_COLUMNS)
    table = _TILES.table
    conditions = [*scope.conditions(table), *_bounds(table, view)]
    query = sa.select(*(table.c[each.name] for each in TILE_COLUMNS)).where(*conditions)
    order = _order(table, view.sort or "fraction_good_on_coadd")
    return _page(connection, query.order_by(*order, table.c.tilename, table.c.band), view, "No tile is left.")


def failure_page(connection: sa.Connection, scope: TileScope, view: TableView) -> TablePage:
    """Return a page of the failures, the last first; see `tile_page`."""
    check_columns(view, FAILURE_COLUMNS)
    conditions = [*scope.conditions(failure), *_bounds(failure, view)]
    query = sa.select(*(failure.c[each.name] for each in FAILURE_COLUMNS)).where(*conditions)
    order = _order(failure, view.sort or "-failed_at")
    return _page(connection, query.order_by(*order, failure.c.failure_key), view, "Nothing has failed.")


def exposure_page(connection: sa.Connection, filters: Mapping[str, Any], view: TableView) -> TablePage:
    """Return a page of the exposures that filters leave, the worst first; see `tile_page`."""
    check_columns(view, EXPOSURE_COLUMNS)
    table = VIEWS["exposure_quality"].table
    conditions = [*Filters.of(**filters).conditions(table), *_bounds(table, view)]
    query = sa.select(*(table.c[each.name] for each in EXPOSURE_COLUMNS)).where(*conditions)
    order = _order(table, view.sort or "fraction_good_se")
    return _page(connection, query.order_by(*order, table.c.expnum, table.c.band), view, "No exposure is left.")


def n_exposures(connection: sa.Connection, filters: Mapping[str, Any]) -> int:
    """Return how many exposures filters leave."""
    query = sa.select(sa.func.count()).select_from(exposure_summary)
    return int(connection.execute(query.where(*Filters.of(**filters).conditions(exposure_summary))).scalar_one())


def ccd_page(
    connection: sa.Connection, scope: TileScope, nite: Span | None, ccdnum: int | None, view: TableView
) -> TablePage:
    """Return a page of the `N_WORST` worst CCD images, each once, by what the view sorts them.

    Parameters
    ----------
    connection : Connection
        To the catalogue.
    scope : TileScope
        Only those that these tiles hold.
    nite : Span, optional
        Nights.
    ccdnum : int, optional
        Only this CCD.
    view : TableView
        Which page.

    Raises
    ------
    UnknownNameError
        If the view names a column that the table has not.
    UsageError
        If the tiles hold too many epochs.
    """
    check_columns(view, CCD_COLUMNS)
    medians = {(row.band, row.ccdnum): row.fraction_good_se for row in connection.execute(sa.select(ccd_median))}
    wanted = Filters(band=scope.band or None, ccdnum=ccdnum, nite=None if nite is None else str(nite))
    conditions = [*wanted.conditions(ccd_image), *_bounds(ccd_image, view)]
    if scope.names is not None:
        scope.check_few(connection)
        found = _select(connection, [*conditions, *scope.in_tiles()], N_WORST)
    elif nite is not None and _n_images(connection, scope.band, nite) <= _MOST_CCD_IMAGES:
        found = _select(connection, conditions, N_WORST)
    else:
        keys = [key for key in medians if scope.band in ("", key[0]) and ccdnum in (None, key[1])]
        found = _worst_of_all(connection, conditions, keys)
    rows = [_ccd_row(row, medians) for row in found]
    if view.sort:
        column = view.sort.removeprefix("-")
        known = sorted((r for r in rows if r[column] is not None), key=operator.itemgetter(column))
        rows = [*(known[::-1] if view.sort[0] == "-" else known), *(r for r in rows if r[column] is None)]
    page = min(view.page, max(1, -(-len(rows) // PAGE_SIZE)))
    shown = rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return TablePage(shown, len(rows), "No CCD image is left.", " worst" if len(rows) == N_WORST else "")


@dataclass(frozen=True, slots=True)
class _Looked:
    """The worst images of one CCD and band, as far as they were looked at, worst first."""

    keys: Sequence[Any]
    complete: bool


def _worst_of_all(
    connection: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]], ccds: Sequence[tuple[str, int]]
) -> list[Any]:
    """Return the worst images of many CCDs, of each of which an index gives the worst first."""
    looked = {ccd: _look(connection, conditions, ccd, _FIRST_LOOK) for ccd in ccds}
    while True:
        keys = sorted((key for each in looked.values() for key in each.keys), key=_badness)[:N_WORST]
        limit = _badness(keys[-1]) if len(keys) == N_WORST else None
        # a CCD all of whose images looked at are among the worst may have more of them
        short = [
            ccd
            for ccd, each in looked.items()
            if not each.complete and (limit is None or _badness(each.keys[-1]) <= limit)
        ]
        if not short:
            return _rows_of(connection, keys)
        for ccd in short:
            looked[ccd] = _look(connection, conditions, ccd, 4 * len(looked[ccd].keys))


def _look(
    connection: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]], ccd: tuple[str, int], n: int
) -> _Looked:
    of_ccd = [ccd_image.c.band == ccd[0], ccd_image.c.ccdnum == ccd[1]]
    query = sa.select(*_KEY, ccd_image.c.fraction_good_se).where(*of_ccd, *conditions)
    keys = connection.execute(query.order_by(ccd_image.c.fraction_good_se).limit(min(n, N_WORST))).all()
    return _Looked(keys, len(keys) < n or n >= N_WORST)


def _rows_of(connection: sa.Connection, keys: Sequence[Any]) -> list[Any]:
    """Return the rows of some CCD images, worst first."""
    if not keys:
        return []
    # SQLite looks no tuples up in an index, but joins by it
    columns = [sa.column(each.name, each.type) for each in _KEY]
    wanted = sa.values(*columns, name="wanted").data([tuple(key[: len(_KEY)]) for key in keys]).cte()
    same = sa.and_(*(wanted.c[each.name] == each for each in _KEY))
    query = sa.select(ccd_image).join_from(wanted, ccd_image, same)
    return sorted(connection.execute(query).all(), key=_badness)


def _select(connection: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]], n: int) -> list[Any]:
    query = sa.select(ccd_image).where(*conditions).order_by(ccd_image.c.fraction_good_se).limit(n)
    return list(connection.execute(query).all())


def _badness(row: Any) -> tuple[float, int, int]:
    return row.fraction_good_se, row.expnum, row.ccdnum


def _ccd_row(row: Any, medians: Mapping[tuple[str, int], float]) -> dict[str, Any]:
    values = dict(row._mapping)
    values["median"] = medians.get((row.band, row.ccdnum))
    values["fraction_se_seg"] = share(row.n_se_seg, row.n_pixels)
    values["fraction_se_bmask"] = share(row.n_se_bmask, row.n_pixels)
    return values


def _n_images(connection: sa.Connection, band: str, nite: Span) -> int:
    conditions = Filters(band=band or None, nite=str(nite)).conditions(exposure_summary)
    query = sa.select(sa.func.coalesce(sa.func.sum(exposure_summary.c.n_ccds), 0)).where(*conditions)
    return int(connection.execute(query).scalar_one())


def _bounds(table: sa.TableClause, view: TableView) -> list[sa.ColumnElement[bool]]:
    bounds = {"min": view.least, "max": view.greatest}
    given: dict[str, Any] = {name: {view.column: value} for name, value in bounds.items() if value is not None}
    return Filters(**given).conditions(table) if view.column else []


def _order(table: sa.TableClause, sort: str) -> list[sa.ColumnElement[Any]]:
    """Return an order in which nulls come last, either way."""
    column = table.c[sort.removeprefix("-")]
    return [column.is_(None), column.desc() if sort.startswith("-") else column]


def _page(connection: sa.Connection, query: "sa.Select[Any]", view: TableView, words: str) -> TablePage:
    counted = sa.select(sa.func.count()).select_from(query.order_by(None).subquery())
    total = connection.execute(counted).scalar_one()
    page = min(view.page, max(1, -(-total // PAGE_SIZE)))
    rows = connection.execute(query.limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE)).mappings()
    return TablePage([dict(row) for row in rows], total, words)
