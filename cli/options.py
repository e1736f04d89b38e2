"""Options shared by several commands, and their conversion to filters and a Selection."""

import functools
from collections.abc import Callable, Sequence
from enum import StrEnum
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..query.tables.formats import Format
from ..schema.errors import UsageError
from .completion import (
    DEFAULT_DB,
    bits_by_name,
    bits_of_planes,
    bounds,
    columns,
    completed,
    criteria,
    grown,
    numbers,
    selections,
    tile_values,
)

if TYPE_CHECKING:
    from ..query.tableshape import TableShape
    from ..schema.criteria import Selection

__all__ = [
    "DEFAULT_DB",
    "Band",
    "Bit",
    "Db",
    "FormatOption",
    "Output",
    "PlaneName",
    "SelectionName",
    "Tile",
    "output_option",
    "with_options",
]

Tile = Annotated[str, typer.Argument(metavar="TILE", help="Tile name.", autocompletion=tile_values("tilename"))]
Band = Annotated[str, typer.Argument(metavar="BAND", help="Band.", autocompletion=tile_values("band"))]
SelectionName = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name: up to 64 letters, digits and ._+-.", autocompletion=completed(selections)
    ),
]
PlaneName = StrEnum("PlaneName", ["se", "coadd"])
Bit = Annotated[
    list[str] | None,
    typer.Option(
        "--bit",
        metavar="BIT",
        help="Mask bit by name or number, such as STREAK, SE:STREAK or 10; may be repeated.",
        autocompletion=completed(bits_by_name),
    ),
]
Db = Annotated[str, typer.Option("--db", envvar="GOODPIX_DB", metavar="URL", help="Database URL or SQLite file.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="Output format; default: by the ending of -o, else a table.")
]


def _output_name(output: str | None) -> str | None:
    """Return the value of ``-o``, a file or a URL; one that cannot be written to ends a command before its work."""
    if output is None or (output and "://" not in output):
        return output
    from ..schema.files.outputfile import check_output  # as above

    return check_output(output)


def output_option(meaning: str) -> Any:
    """Return the option ``-o``."""
    return typer.Option("--output", "-o", metavar="FILE", callback=_output_name, help=meaning)


Output = Annotated[str | None, output_option("File or URL (s3://...) to write to; - is standard output.")]


def _option(name: str, *, default: Any = None, kind: Any = list[str] | None, **given: Any) -> Parameter:
    annotation = Annotated[kind, typer.Option(f"--{name.rstrip('_').replace('_', '-')}", **given)]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_FILTERS = (
    _option("tile", metavar="NAME", help="Tile name; may be repeated.", autocompletion=tile_values("tilename")),
    _option("band", metavar="BAND", help="Band; may be repeated.", autocompletion=tile_values("band")),
    _option(
        "expnum",
        metavar="N|A:B",
        help="Exposure number or range A:B; may be repeated.",
        autocompletion=numbers("expnum"),
    ),
    _option(
        "ccdnum", metavar="N|A:B", help="CCD number or range A:B; may be repeated.", autocompletion=numbers("ccdnum")
    ),
    _option(
        "nite", metavar="NITE|A:B", help="Night YYYYMMDD or range A:B; may be repeated.", autocompletion=numbers("nite")
    ),
    _option(
        "min_",
        metavar="COLUMN=VALUE",
        help="Minimum of a numeric column; may be repeated.",
        autocompletion=bounds(),
    ),
    _option(
        "max_",
        metavar="COLUMN=VALUE",
        help="Maximum of a numeric column; may be repeated.",
        autocompletion=bounds(),
    ),
    _option(
        "any_wcs",
        default=False,
        kind=bool,
        help="Take images whose WCS their pipeline does not vouch for into positions and maps.",
    ),
)

_SELECTION = (
    _option(
        "ignore", metavar="CRITERION", help="Criterion to ignore; may be repeated.", autocompletion=completed(criteria)
    ),
    _option(
        "ignore_bit",
        metavar="PLANE:BIT",
        help="Mask bit to ignore, such as SE:STAR; may be repeated.",
        autocompletion=completed(bits_of_planes),
    ),
    _option(
        "grow",
        metavar="WHAT=PIXELS",
        help="Dilate a criterion or mask bit, such as COADD_SEG=8; may be repeated.",
        autocompletion=completed(grown),
    ),
    _option(
        "exclude",
        metavar="KEY=VALUE,...|FILE",
        help="Exclude what has all of these, such as ccdnum=31,amplifier=A,nite=20131115:, or the entries of a YAML or "
        "CSV file, or a known bad region of DECam: decam-s7, decam-s17, decasu-31a; "
        "keys: band tilename expnum ccdnum nite image_flags amplifier box ra dec radius_arcsec; may be repeated.",
    ),
    _option(
        "selection",
        kind=str | None,
        metavar="NAME",
        help="Named selection of the catalogue, in place of these.",
        autocompletion=completed(selections),
    ),
    _option("border", default=0, kind=int, min=0, metavar="PIXELS", help="Exclude this many pixels along the edges."),
)


_SHAPE = (
    _option(
        "sort",
        metavar="A,B",
        help="Columns to sort by, the first one first, descending if written -COLUMN; may be repeated.",
        autocompletion=columns(),
    ),
    _option("limit", kind=int | None, min=0, metavar="N", help="Maximum number of rows."),
    _option(
        "columns",
        metavar="A,B",
        help="Columns to write, in this order; default: all; may be repeated.",
        autocompletion=columns(),
    ),
    _option("wide", default=False, kind=bool, help="Show every column of a table of text whole, however wide."),
)


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """Return a command with options in place of the keywords ``filters``, ``selection`` and ``shape``.

    The function receives the filters as keyword arguments for a `Catalogue` method, a `Selection` and a `TableShape`.
    """
    # typer reads only the signature
    groups: dict[str, tuple[Parameter, ...]] = {"filters": _FILTERS, "selection": _SELECTION, "shape": _SHAPE}
    parameters = signature(function).parameters
    expanded = [option for name, parameter in parameters.items() for option in groups.get(name, (parameter,))]

    @functools.wraps(function)
    def command(**given: Any) -> None:
        for name, options in groups.items():
            if name in parameters:
                texts = {option.name: given.pop(option.name) for option in options}
                given[name] = _PARSERS[name](given.get("db", ""), **texts)
        function(**given)

    vars(command).pop("__wrapped__")
    vars(command)["__signature__"] = Signature(expanded)
    command.__annotations__ = {option.name: option.annotation for option in expanded}
    return command


def _parse_filters(_db: str, tile: list[str] | None, **given: list[str] | bool | None) -> dict[str, Any]:
    """Return the filters that the options describe."""
    named = {"tilename": tile} | {name.rstrip("_"): value for name, value in given.items()}
    filters: dict[str, Any] = {name: value for name, value in named.items() if value}
    for name in ("min", "max"):
        if name in filters:
            filters[name] = dict(_bound(name, text) for text in filters[name])
    return filters


def _bound(option: str, text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--{option} {text}: expected COLUMN=VALUE")
    return column.strip(), value.strip()


def _parse_selection(
    db: str,
    *,
    ignore: list[str] | None,
    ignore_bit: list[str] | None,
    grow: list[str] | None,
    exclude: list[str] | None,
    selection: str | None,
    border: int,
) -> "Selection":
    """Return the Selection that the options describe."""
    from ..schema.criteria import SelectionWords  # loads numpy, which would slow --help down

    words = SelectionWords(ignore or (), ignore_bit or (), grow or (), border, _entries(exclude or ()))
    if selection is None:
        return words.selection("--")
    if words != SelectionWords():
        raise UsageError(
            f"--selection {selection} beside another selection option: expected one of them; goodpix selection show "
            f"{selection} gives the options that stand for it"
        )
    from ..query.namedselections import find_selection
    from ..schema.database import open_for_reading

    with open_for_reading(db) as database:
        return find_selection(database, selection)


def _parse_shape(
    _db: str, *, sort: list[str] | None, limit: int | None, columns: list[str] | None, wide: bool
) -> "TableShape":
    """Return the shape of a table that the options describe."""
    from ..query.tableshape import EVERY, TableShape  # loads SQLAlchemy, which would slow --help down

    order, chosen = ([name.strip() for text in texts or () for name in text.split(",")] for texts in (sort, columns))
    return TableShape.of(order, limit, chosen or (EVERY if wide else None))


_PARSERS: dict[str, Callable[..., Any]] = {
    "filters": _parse_filters,
    "selection": _parse_selection,
    "shape": _parse_shape,
}


def _entries(exclude: Sequence[str]) -> tuple[str, ...]:
    """Return exclusions as text, with the entries of files in place of their names."""
    from ..schema.selection.exclusionfile import is_exclusion_file, read_exclusions

    return tuple(
        str(entry) for text in exclude for entry in (read_exclusions(text) if is_exclusion_file(text) else [text])
    )
