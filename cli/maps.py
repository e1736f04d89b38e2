"""The command that makes maps."""

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_DB, Border, Db, Grow, Ignore, IgnoreBit, parse_selection
from .output import render_table, write_output

# Imports in function bodies: they bring numba, pandas and SQL, which the help must not wait for.

__all__ = ["epoch_map"]


def epoch_map(
    tilename: Annotated[str, typer.Argument(metavar="TILE", help="Tile name.")],
    band: Annotated[str, typer.Argument(help="Band.")],
    db: Db = DEFAULT_DB,
    ignore: Ignore = None,
    ignore_bit: IgnoreBit = None,
    grow: Grow = None,
    border: Border = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write: .fits (with WCS), .png or .npz.")
    ] = None,
) -> None:
    """Count the good epochs at each coadd pixel; without -o, list how many pixels have 0, 1, 2, ..."""
    from ..query.catalogue import Catalogue
    from ..query.maps.coaddmap import check_map_name
    from ..query.maps.coaddmap import epoch_map as make_map

    selection = parse_selection(ignore, ignore_bit, grow, border)
    if output is not None:
        check_map_name(output)
    with Catalogue(db) as catalogue:
        found = make_map(catalogue, tilename, band, selection)
    if output is None:
        print(render_table(found.summary(), "map"))
    else:
        write_output(lambda: found.save(output), output)
