"""Completion of words of the command line from the catalogue, for shells."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..schema.database import Database

__all__ = [
    "BOUNDED",
    "DEFAULT_DB",
    "bits_by_name",
    "bits_of_planes",
    "bounds",
    "columns",
    "completed",
    "criteria",
    "grown",
    "map_statistics",
    "numbers",
    "selections",
    "tile_values",
]

DEFAULT_DB = "sqlite:///goodpix.db"

BOUNDED = {
    "tiles": "tile_quality",
    "epochs": "epoch_quality",
    "ccds": "ccd_quality",
    "exposures": "exposure_quality",
    "bits": "bit_quality",
    "failures": "failure",
}
"""Views and tables whose columns the filters of a command bound; those of other commands bound epochs."""

# Columns of answers that are no rows of a view.
_ANSWERS = {
    "list": "name selection description hash",
    "profiles": "name version summary",
    "map": "statistic n_pixels mean minimum maximum unit",
    "blank-sky": "ra dec distance_arcsec",
    "randoms": "ra dec tilename reasons",
    "at": "ra dec tilename band expnum ccdnum nite mjd_obs x y coadd_x coadd_y on_coadd on_image good flags criteria "
    "se_bits coadd_bits",
}

_MOST_WORDS = 200

Words = Callable[["Database", typer.Context], Iterable[str]]
Complete = Callable[[typer.Context, str], list[str]]

# Imports in function bodies: they load SQLAlchemy and numba, which would slow --help down.


def completed(words: Words, *, between: str = "") -> Complete:
    """Return the completion of a word for shells: what a function finds in the catalogue.

    The catalogue is that of the command line's ``--db``, else of GOODPIX_DB; where there is none, nothing is found.

    Parameters
    ----------
    words : callable
        Function of the catalogue and the command's context.
    between : str
        Mark that joins several words: a comma in a list, whose words may each have a minus before them, or the colon
        of a range.
    """

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        from ..schema.database import open_for_reading
        from ..schema.errors import GoodpixError

        before, mark, last = incomplete.rpartition(between) if between else ("", "", incomplete)
        minus = "-" if between == "," and last.startswith("-") else ""
        there = {name.removeprefix("-") for name in before.split(between or None)}
        try:
            with open_for_reading(ctx.params.get("db") or DEFAULT_DB) as database:
                begun = last.removeprefix(minus)
                found = sorted({word for word in words(database, ctx) if word.startswith(begun)} - there)
        except GoodpixError:
            return []
        if between == ":":  # a range that ends before it begins is empty
            found = [word for word in found if (len(word), word) > (len(before), before)]
        return [f"{before}{mark}{minus}{word}" for word in found[:_MOST_WORDS]]

    return complete


def tile_values(column: str) -> Complete:
    """Return the completion of a column's values in the table of tiles."""

    def words(database: "Database", _ctx: typer.Context) -> Iterable[str]:
        import sqlalchemy as sa

        from ..schema.tables import coadd

        return _texts(database, sa.select(coadd.c[column]).distinct())

    return completed(words)


def numbers(column: str) -> Complete:
    """Return the completion of exposures, CCDs or nights, or ranges, of the tile, band and exposure given before."""

    def words(database: "Database", ctx: typer.Context) -> Iterable[str]:
        import sqlalchemy as sa

        from ..schema.tables import ccd_image, epoch, exposure_summary

        one = _one_epoch(ctx.params)
        table = epoch if one else ccd_image if column == "ccdnum" else exposure_summary
        conditions = [table.c[name] == value for name, value in one.items() if name != column]
        return _texts(database, sa.select(table.c[column]).where(*conditions, table.c[column].is_not(None)).distinct())

    return completed(words, between=":")


def _one_epoch(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that name one epoch, as far as they are given."""
    return {name: given[name] for name in ("tilename", "band", "expnum") if isinstance(given.get(name), str | int)}


def _texts(database: "Database", query: "sa.Select[Any]") -> list[str]:
    with database.engine.connect() as connection:
        return [str(value) for value in connection.scalars(query)]


def columns() -> Complete:
    """Return the completion of columns of a command's answer."""

    def words(_database: "Database", ctx: typer.Context) -> Iterable[str]:
        command = ctx.info_name or ""
        if command == "sky":
            from ..query.background.skyrow import SkyRow

            return list(SkyRow.__dataclass_fields__)
        return _ANSWERS[command].split() if command in _ANSWERS else _view(command)

    return completed(words, between=",")


def bounds() -> Complete:
    """Return the completion of ``COLUMN=`` for numeric columns that the filters of a command bound."""

    def words(_database: "Database", ctx: typer.Context) -> Iterable[str]:
        return [f"{name}=" for name in _view(ctx.info_name or "", numeric=True)]

    return completed(words)


def _view(command: str, *, numeric: bool = False) -> list[str]:
    """Return the columns, or the numeric ones, of the view of a command, with those that are derived."""
    from ..query.derivedcolumns import derived_columns
    from ..query.filters import is_numeric
    from ..schema.tables import metadata
    from ..schema.views import VIEWS

    name = BOUNDED.get(command, "epoch_quality")
    view = VIEWS[name].table if name in VIEWS else metadata.tables[name]
    taken = [c.name for c in view.c if not numeric or is_numeric(c)]
    return [*taken, *derived_columns(view)]


def criteria(_database: "Database", _ctx: typer.Context) -> list[str]:
    """Return the names of criteria."""
    from ..schema.bits import Criterion

    return [str(each.name) for each in Criterion]


def bits_of_planes(database: "Database", _ctx: typer.Context) -> list[str]:
    """Return the mask bits of the catalogue, each with its plane."""
    return [f"{plane.upper()}:{name}" for plane, name in _bits(database)]


def bits_by_name(database: "Database", ctx: typer.Context) -> list[str]:
    """Return the mask bits of the catalogue, or of the plane given before, with and without their planes."""
    wanted = ctx.params.get("plane") or ("se", "coadd")
    bits = [(plane, name) for plane, name in _bits(database) if plane in wanted]
    return [*(name for _, name in bits), *(f"{plane.upper()}:{name}" for plane, name in bits)]


def _bits(database: "Database") -> list[tuple[str, str]]:
    names = database.identity.bit_names
    return [(plane, name) for plane in ("se", "coadd") for name in (*names.of_plane(plane), "OTHER")]


def grown(database: "Database", ctx: typer.Context) -> list[str]:
    """Return what may be grown, each with an equals sign."""
    return [f"{name}=" for name in (*criteria(database, ctx), *bits_of_planes(database, ctx))]


def map_statistics(database: "Database", ctx: typer.Context) -> list[str]:
    """Return the statistics that a map of the sky may show."""
    from ..query.maps.statistics import STATISTICS

    return [*STATISTICS, *criteria(database, ctx), *bits_of_planes(database, ctx)]


def selections(database: "Database", _ctx: typer.Context) -> list[str]:
    """Return the names of the catalogue's selections."""
    from ..query.namedselections import named_selections

    return [str(row["name"]) for row in named_selections(database)]
