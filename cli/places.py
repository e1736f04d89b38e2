"""The commands that ask about places on the sky."""

from typing import Annotated

import typer

from .options import (
    DEFAULT_DB,
    Band,
    Border,
    Ccdnum,
    Db,
    Expnum,
    FormatOption,
    Grow,
    Ignore,
    IgnoreBit,
    Max,
    Min,
    Nite,
    Output,
    Tile,
    parse_filters,
    parse_selection,
)
from .output import answer

__all__ = ["AS_THEY_STAND", "at"]

AS_THEY_STAND = {"ignore_unknown_options": True}
"""Settings of a command that takes negative numbers, which look like options."""


def at(
    ra: Annotated[float, typer.Argument(metavar="RA", help="Right ascension, degrees.")],
    dec: Annotated[float, typer.Argument(metavar="DEC", help="Declination, degrees.")],
    db: Db = DEFAULT_DB,
    radius: Annotated[
        float | None, typer.Option("--radius", metavar="DEGREES", help="Every epoch that touches this disc.")
    ] = None,
    no_reasons: Annotated[bool, typer.Option("--no-reasons", help="Do not read the masks: faster.")] = False,
    unique: Annotated[bool, typer.Option("--unique", help="Each CCD image once, however many tiles hold it.")] = False,
    tile: Tile = None,
    band: Band = None,
    expnum: Expnum = None,
    ccdnum: Ccdnum = None,
    nite: Nite = None,
    min_: Min = None,
    max_: Max = None,
    ignore: Ignore = None,
    ignore_bit: IgnoreBit = None,
    grow: Grow = None,
    border: Border = 0,
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """List every epoch that saw a position: where on the CCD, good or not, and why not."""
    filters = parse_filters(tilename=tile, band=band, expnum=expnum, ccdnum=ccdnum, nite=nite, min=min_, max=max_)
    selection = parse_selection(ignore, ignore_bit, grow, border)
    options = {
        "radius": radius,
        "reasons": not no_reasons,
        "unique": unique,
        "selection": None if str(selection) == "default" else selection,
    }
    answer("at", db, lambda cat: cat.at(ra, dec, **options, **filters), format_, output)
