"""The commands that ask a catalogue."""

from collections.abc import Callable
from pathlib import Path
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
from .output import answer, say, write_output

# Imports in function bodies: they bring pandas and SQL, which the help must not wait for.

__all__ = ["LISTINGS", "epochs", "info", "listing", "mask", "sql"]

LISTINGS = {
    "tiles": "List tiles: sums over their epochs, and their coadd.",
    "ccds": "List CCD images, each once, however many tiles hold it.",
    "exposures": "List exposures: sums over their CCD images.",
    "bits": "List how many pixels each mask bit costs each epoch.",
    "failures": "List what failed, and why.",
}


def listing(name: str) -> Callable[..., None]:
    """Return a command that lists what the `Catalogue` method of that name gives."""

    def command(
        db: Db = DEFAULT_DB,
        tile: Tile = None,
        band: Band = None,
        expnum: Expnum = None,
        ccdnum: Ccdnum = None,
        nite: Nite = None,
        min_: Min = None,
        max_: Max = None,
        format_: FormatOption = None,
        output: Output = None,
    ) -> None:
        filters = parse_filters(tilename=tile, band=band, expnum=expnum, ccdnum=ccdnum, nite=nite, min=min_, max=max_)
        answer(name, db, lambda catalogue: getattr(catalogue, name)(**filters), format_, output)

    return command


def epochs(
    db: Db = DEFAULT_DB,
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
    workers: Annotated[int, typer.Option(min=1, help="Processes that count by another definition of good.")] = 1,
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """List epochs: the counts of each mask, by any definition of good, and the facts about its image."""
    filters = parse_filters(tilename=tile, band=band, expnum=expnum, ccdnum=ccdnum, nite=nite, min=min_, max=max_)
    selection = parse_selection(ignore, ignore_bit, grow, border)
    wanted = None if str(selection) == "default" else selection
    found = answer("epochs", db, lambda cat: cat.epochs(selection=wanted, workers=workers, **filters), format_, output)
    if wanted is not None:
        say(f"selection: {wanted}")
    n_problems = int(found["n_off_coadd"].isna().sum()) if wanted is not None else 0
    if n_problems:
        say(f"epochs whose masks could not be read: {n_problems}")
        raise typer.Exit(1)


def mask(
    tilename: Annotated[str, typer.Argument(metavar="TILE", help="Tile name.")],
    band: Annotated[str, typer.Argument(help="Band.")],
    expnum: Annotated[int | None, typer.Argument(help="Exposure; without: the coadd's own mask.")] = None,
    ccdnum: Annotated[int | None, typer.Argument(help="CCD.")] = None,
    db: Db = DEFAULT_DB,
    ignore: Ignore = None,
    ignore_bit: IgnoreBit = None,
    grow: Grow = None,
    border: Border = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write: .png, .fits, .npz or .parquet.")
    ] = None,
) -> None:
    """Show one mask, or write it to a file."""
    from ..query.catalogue import Catalogue

    selection = parse_selection(ignore, ignore_bit, grow, border)
    with Catalogue(db) as catalogue:
        found = catalogue.mask(tilename, band, expnum, ccdnum)
        n_good = found.count(selection)
        if output is not None:
            write_output(lambda: found.save(output, selection), output)
    print(found)
    print(f"good pixels ({selection}): {n_good:,} of {found.encoded.nx * found.encoded.ny:,}")


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT.")],
    db: Db = DEFAULT_DB,
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """Run a query of your own; it can read everything and change nothing."""
    answer("sql", db, lambda cat: cat.sql(query), format_, output)


def info(db: Db = DEFAULT_DB) -> None:
    """Say what the catalogue is, and how much is in it."""
    from ..query.catalogue import Catalogue

    with Catalogue(db) as catalogue:
        for name, value in catalogue.info().items():
            print(f"{name:<16} {value}")
