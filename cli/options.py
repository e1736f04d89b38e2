"""The options that commands share, from their help to the filters or the Selection that they mean."""

import functools
from collections.abc import Callable
from enum import StrEnum
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..schema.errors import UsageError

if TYPE_CHECKING:
    from ..schema.criteria import Selection

__all__ = ["DEFAULT_DB", "Db", "Format", "FormatOption", "Output", "with_options"]

DEFAULT_DB = "sqlite:///goodpix.db"

Format = StrEnum("Format", ["table", "csv", "json", "parquet"])

Db = Annotated[str, typer.Option("--db", envvar="GOODPIX_DB", metavar="URL", help="Database URL, or a SQLite file.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How to write the answer; by default as -o ends, else a table.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write to.")]


def _option(name: str, *, default: Any = None, kind: Any = list[str] | None, **given: Any) -> Parameter:
    annotation = Annotated[kind, typer.Option(f"--{name.rstrip('_').replace('_', '-')}", **given)]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_FILTERS = (
    _option("tile", help="Tile name; may be repeated."),
    _option("band", help="Band; may be repeated."),
    _option("expnum", help="Exposure, or range A:B; may be repeated."),
    _option("ccdnum", help="CCD, or range A:B; may be repeated."),
    _option("nite", help="Night YYYYMMDD, or range A:B; may be repeated."),
    _option("min_", metavar="COLUMN=VALUE", help="Least value of a numeric column."),
    _option("max_", metavar="COLUMN=VALUE", help="Greatest value of a numeric column."),
)

_SELECTION = (
    _option("ignore", metavar="CRITERION", help="Criterion that does not count."),
    _option("ignore_bit", metavar="PLANE:BIT", help="Mask bit that does not count, such as SE:STAR."),
    _option("grow", metavar="WHAT=PIXELS", help="Dilate a criterion or a bit, such as COADD_SEG=8; repeatable."),
    _option("border", default=0, kind=int, min=0, metavar="PIXELS", help="Leave out the edges of the image."),
)


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """Return a command that has options in place of a function's keywords ``filters`` and ``selection``.

    The function takes the filters as keywords of a `Catalogue` method, and the definition of good as a `Selection`.
    """
    # typer looks at the signature alone
    groups: dict[str, tuple[Parameter, ...]] = {"filters": _FILTERS, "selection": _SELECTION}
    parse: dict[str, Callable[..., Any]] = {"filters": _parse_filters, "selection": _parse_selection}
    own = signature(function).parameters
    expanded = [one for name, each in own.items() for one in groups.get(name, (each,))]

    @functools.wraps(function)
    def command(**given: Any) -> None:
        for name, options in groups.items():
            if name in own:
                given[name] = parse[name](**{each.name: given.pop(each.name) for each in options})
        function(**given)

    vars(command).pop("__wrapped__")
    vars(command)["__signature__"] = Signature(expanded)
    command.__annotations__ = {each.name: each.annotation for each in expanded}
    return command


def _parse_filters(tile: list[str] | None, **given: list[str] | None) -> dict[str, Any]:
    """Return filters of options; bounds are split at their equals sign."""
    named = {"tilename": tile} | {name.rstrip("_"): value for name, value in given.items()}
    filters: dict[str, Any] = {name: value for name, value in named.items() if value}
    for name in ("min", "max"):
        if name in filters:
            filters[name] = dict(_bound(name, each) for each in filters[name])
    return filters


def _bound(option: str, text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--{option} {text}: expected COLUMN=VALUE")
    return column.strip(), value.strip()


def _parse_selection(
    ignore: list[str] | None, ignore_bit: list[str] | None, grow: list[str] | None, border: int
) -> "Selection":
    """Return the Selection of these options: bits are PLANE:BIT, what grows is WHAT=PIXELS."""
    from ..schema.criteria import SelectionWords  # it brings numpy, which the help must not wait for

    return SelectionWords(ignore or (), ignore_bit or (), grow or (), border).selection("--")
