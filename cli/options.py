"""The options that commands share, from their help to the filters or the Selection that they mean."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ..schema.errors import UsageError

__all__ = [
    "DEFAULT_DB",
    "Band",
    "Border",
    "Ccdnum",
    "Db",
    "Expnum",
    "Format",
    "FormatOption",
    "Grow",
    "Ignore",
    "IgnoreBit",
    "Max",
    "Min",
    "Nite",
    "Output",
    "Tile",
    "parse_filters",
    "parse_selection",
]

DEFAULT_DB = "sqlite:///goodpix.db"

Format = StrEnum("Format", ["table", "csv", "json", "parquet"])

Db = Annotated[str, typer.Option("--db", envvar="GOODPIX_DB", metavar="URL", help="Database URL, or a SQLite file.")]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="How to write the answer; by default as -o ends, else a table.")
]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write to.")]
Tile = Annotated[list[str] | None, typer.Option("--tile", help="Tile name; may be repeated.")]
Band = Annotated[list[str] | None, typer.Option("--band", help="Band; may be repeated.")]
Expnum = Annotated[list[str] | None, typer.Option("--expnum", help="Exposure, or range A:B; may be repeated.")]
Ccdnum = Annotated[list[str] | None, typer.Option("--ccdnum", help="CCD, or range A:B; may be repeated.")]
Nite = Annotated[list[str] | None, typer.Option("--nite", help="Night YYYYMMDD, or range A:B; may be repeated.")]
Min = Annotated[
    list[str] | None, typer.Option("--min", metavar="COLUMN=VALUE", help="Least value of a numeric column.")
]
Max = Annotated[
    list[str] | None, typer.Option("--max", metavar="COLUMN=VALUE", help="Greatest value of a numeric column.")
]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="CRITERION", help="Criterion that does not count.")
]
IgnoreBit = Annotated[
    list[str] | None,
    typer.Option("--ignore-bit", metavar="PLANE:BIT", help="Mask bit that does not count, such as SE:STAR."),
]


Grow = Annotated[
    list[str] | None,
    typer.Option("--grow", metavar="WHAT=PIXELS", help="Dilate a criterion or a bit, such as COADD_SEG=8; repeatable."),
]
Border = Annotated[int, typer.Option("--border", min=0, metavar="PIXELS", help="Leave out the edges of the image.")]


def parse_filters(**given: list[str] | None) -> dict[str, Any]:
    """Return filters of options; bounds are split at their equals sign."""
    filters: dict[str, Any] = {name: value for name, value in given.items() if value}
    for name in ("min", "max"):
        if name in filters:
            filters[name] = dict(_bound(name, each) for each in filters[name])
    return filters


def _bound(option: str, text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--{option} {text}: expected COLUMN=VALUE")
    return column.strip(), value.strip()


def parse_selection(
    ignore: list[str] | None, ignore_bits: list[str] | None, grow: list[str] | None, border: int
) -> Any:
    """Return the Selection of these options: bits are PLANE:BIT, what grows is WHAT=PIXELS."""
    from ..schema.criteria import SelectionWords

    return SelectionWords(ignore or (), ignore_bits or (), grow or (), border).selection("--")
