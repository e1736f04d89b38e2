"""Commands for maps: of a coadd, of the sky, and of its coverage."""

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..query.tables.formats import Format
from ..schema.errors import UsageError
from .completion import completed, map_statistics, tile_values
from .options import DEFAULT_DB, Db, output_option, with_options
from .output import say, show, write_output, write_table
from .signals import stoppable

if TYPE_CHECKING:
    import pandas as pd

    from ..query.tableshape import TableShape
    from ..schema.criteria import Selection

# Imports in function bodies: they load numba, pandas and SQL, which would slow --help down.

__all__ = ["make_map", "moc"]

_NSIDE = 4096
_ENDINGS = (".hsp", ".hs", ".fits")


@with_options
def make_map(
    tilename: Annotated[
        str | None,
        typer.Argument(
            metavar="TILE", help="Tile name, for a map on its coadd.", autocompletion=tile_values("tilename")
        ),
    ] = None,
    of_band: Annotated[
        str | None, typer.Argument(metavar="BAND", help="Band of that coadd.", autocompletion=tile_values("band"))
    ] = None,
    *,
    db: Db = DEFAULT_DB,
    statistic: Annotated[
        list[str] | None,
        typer.Option(
            "--statistic",
            metavar="NAME",
            help="Without TILE, statistic to map: n_images, fracdet, maglim, skyvar, SE:STREAK, ...; may be repeated.",
            autocompletion=completed(map_statistics),
        ),
    ] = None,
    nside: Annotated[
        int | None, typer.Option(metavar="N", help=f"Without TILE, HEALPix resolution; {_NSIDE} by default.")
    ] = None,
    filters: dict[str, Any],
    selection: "Selection",
    workers: Annotated[int, typer.Option(min=1, help="Without TILE, number of worker processes.")] = 1,
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Without TILE, sky statistics whose noise stands in where headers have none."),
    ] = None,
    output: Annotated[
        str | None,
        output_option(
            "File or URL to write: .fits (with WCS), .png or .npz of a coadd; .hsp, .hs or .fits of the sky, one "
            "for each statistic, with its name before the ending if there are several."
        ),
    ] = None,
    format_: Annotated[
        Format | None, typer.Option("--format", help="Format of the summary on standard output; default: a table.")
    ] = None,
    shape: "TableShape",
) -> None:
    """Count the good epochs at each pixel of a coadd, or without TILE map the sky; without -o, show a summary."""
    if output is not None and any((shape.sort, shape.limit is not None, shape.columns, format_)):
        raise UsageError(
            f"-o {output}: --format, --sort, --limit, --columns and --wide are for the summary that is shown without it"
        )
    show_summary = partial(_show_summary, shape=shape, format_=format_ or Format.table)
    if tilename is None:
        names = statistic or ["fracdet"]
        options = {"nside": _NSIDE if nside is None else nside, "workers": workers, "dataset": dataset}
        _sky_maps(db, names, selection, filters, output, options, show_summary)
        return
    if of_band is None:
        raise UsageError(f"map {tilename}: expected TILE BAND, or --statistic without a tile")
    given = [f"--{name}" for name in filters] + ["--statistic"] * bool(statistic) + ["--nside"] * (nside is not None)
    if given:
        raise UsageError(f"map {tilename} {of_band} {given[0]}: expected it without TILE, for a map of the sky")
    _coadd_map(db, tilename, of_band, selection, output, show_summary)


@with_options
def moc(
    *,
    db: Db = DEFAULT_DB,
    filters: dict[str, Any],
    selection: "Selection",
    max_order: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Finest order; by default 17 up to 21 square degrees, else 13. Holes below a cell vanish."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of worker processes.")] = 1,
    output: Annotated[
        str | None,
        output_option("File or URL to write: .fits, .txt or .json."),
    ] = None,
) -> None:
    """Map where the sky is good in at least one image, as an IVOA MOC; show its area beside the sampled one."""
    from ..query.catalogue import Catalogue
    from ..query.maps.moc import check_moc_name, moc_area
    from ..query.unmatched import unmatched

    if output is not None:
        check_moc_name(output)
    options: dict[str, Any] = {"workers": workers, **filters}
    with stoppable("stopped"), Catalogue(db) as catalogue:
        found = None

        def make() -> None:
            nonlocal found
            found = catalogue.moc(selection, max_order=max_order, path=output, **options)

        make() if output is None else write_output(make, output)
        area = catalogue.sky_area(selection, **options)
        lines = unmatched(catalogue.database, "epoch", filters, some=area > 0)
    assert found is not None
    show(f"max_order {found.max_order}")
    show(f"area      {moc_area(found):.6g} arcmin^2")
    show(f"sky_area  {area:.6g} arcmin^2")
    for line in lines:
        say(f"goodpix: {line}")


def _coadd_map(
    db: str,
    tilename: str,
    band: str,
    selection: "Selection",
    output: str | None,
    show_summary: "Callable[[pd.DataFrame], None]",
) -> None:
    from ..query.maps.coaddmap import check_map_name, epoch_map
    from ..query.source import open_source

    if output is not None:
        check_map_name(output)
    with open_source(db) as source:
        found = epoch_map(source, tilename, band, selection)
    if output is None:
        show_summary(found.summary())
    else:
        write_output(lambda: found.save(output), output)


def _sky_maps(
    db: str,
    names: list[str],
    selection: "Selection",
    filters: dict[str, Any],
    output: str | None,
    options: dict[str, Any],
    show_summary: "Callable[[pd.DataFrame], None]",
) -> None:
    from ..query.catalogue import Catalogue
    from ..query.unmatched import unmatched

    if output is not None and not output.lower().endswith(_ENDINGS):
        raise UsageError(f"-o {output}: expected a name that ends in {', '.join(_ENDINGS)}")
    options["nside_coverage"] = min(32, options["nside"])
    with stoppable("stopped"), Catalogue(db) as catalogue:
        maps = catalogue.healsparse_map(names, selection=selection, **options, **filters)
        some = any(each.n_valid for each in maps.values())
        lines = unmatched(catalogue.database, "epoch", filters, some=some)
    if output is None:
        show_summary(_summary(maps.items()))
    for name, each in maps.items() if output is not None else ():
        path = _path(output or "", name, len(maps))
        write_output(partial(_write, each, path), path)
    for line in lines:
        say(f"goodpix: {line}")


def _show_summary(rows: "pd.DataFrame", shape: "TableShape", format_: Format) -> None:
    write_table([shape.of_frame(rows, "the summary of a map")], "map", format_, None, whole=bool(shape.columns))


def _path(output: str, name: str, n_maps: int) -> str:
    """Return the file of a statistic: the name that was given, or that with the statistic before its ending."""
    stem, suffix = os.path.splitext(output)  # a URL as well
    return output if n_maps == 1 else f"{stem}_{name.replace(':', '-')}{suffix}"


def _write(healsparse_map: Any, path: str) -> None:
    from ..schema.files.outputfile import output_file

    with output_file(path) as file:
        healsparse_map.write(str(file), clobber=True)


def _summary(maps: Iterable[tuple[str, Any]]) -> "pd.DataFrame":
    """Return a row per map: number of pixels, mean, minimum, maximum and unit."""
    import pandas as pd  # slow to import

    rows = []
    for name, each in maps:
        values = each[each.valid_pixels].astype(float)
        some = values.size > 0
        numbers = (values.mean(), values.min(), values.max()) if some else (None,) * 3
        rows.append((name, values.size, *numbers, each.metadata["BUNIT"]))
    return pd.DataFrame(rows, columns=["statistic", "n_pixels", "mean", "minimum", "maximum", "unit"])
