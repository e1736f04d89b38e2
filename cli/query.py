"""Commands that read a catalogue: listings, masks, SQL and the dashboard."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..query.tables.formats import Format, format_of
from ..schema.errors import UsageError
from ..schema.printable import printable
from .completion import numbers
from .options import DEFAULT_DB, Band, Bit, Db, FormatOption, Output, PlaneName, Tile, output_option, with_options
from .output import answer, say, say_selection, show, write_output, write_table
from .signals import stoppable

if TYPE_CHECKING:
    import pandas as pd

    from ..query.catalogue import Catalogue
    from ..query.tableshape import TableShape
    from ..schema.criteria import Selection

__all__ = ["AS_THEY_STAND", "LISTINGS", "at", "bits", "dashboard", "epochs", "info", "listing", "mask", "sql"]

# Imports in function bodies: they load numba, pandas and SQL, which would slow --help down.


LISTINGS = {
    "tiles": "List tiles by band: sums over their epochs, and the counts of the coadd.",
    "ccds": "List CCD images, each once even if several tiles hold it.",
    "exposures": "List exposures: sums over their CCD images.",
    "failures": "List failed inputs and their errors.",
}


def listing(name: str) -> Callable[..., None]:
    """Return a command that lists the rows of the `Catalogue` method of that name."""

    @with_options
    def command(
        *,
        db: Db = DEFAULT_DB,
        filters: dict[str, Any],
        shape: "TableShape",
        format_: FormatOption = None,
        output: Output = None,
    ) -> None:
        _list(name, db, filters, shape, format_, output)

    return command


def _list(
    name: str,
    db: str,
    filters: dict[str, Any],
    shape: "TableShape",
    format_: Format | None,
    output: str | None,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write the rows of a `Catalogue` method that takes filters, more keywords, and the shape of a table."""
    options = asdict(shape)
    answer(
        name,
        db,
        lambda cat, **given: getattr(cat, name)(**options, **given),
        filters,
        format_,
        output,
        more=more,
        shape=shape,
        shaped=True,
    )


@with_options
def bits(
    *,
    db: Db = DEFAULT_DB,
    filters: dict[str, Any],
    plane: Annotated[
        list[PlaneName] | None,
        typer.Option(
            metavar="se|coadd", case_sensitive=False, help="Plane of the bits, in upper or lower case; may be repeated."
        ),
    ] = None,
    bit: Bit = None,
    shape: "TableShape",
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """List the number of pixels with each mask bit set, by epoch."""
    planes = {each.value for each in plane or ()}
    more = {"plane": planes.pop() if len(planes) == 1 else None, "bit": bit}  # without one it is either
    _list("bits", db, filters, shape, format_, output, more)


@with_options
def epochs(
    *,
    db: Db = DEFAULT_DB,
    filters: dict[str, Any],
    selection: "Selection",
    workers: Annotated[
        int, typer.Option(min=1, help="Number of processes that count pixels by another definition of good.")
    ] = 1,
    shape: "TableShape",
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """List epochs: pixel counts by any definition of good, and header values of the image."""
    from ..query.listings import view_frame

    wanted = None if str(selection) == "default" else selection

    def ask(catalogue: "Catalogue", **given: Any) -> "pd.DataFrame":
        if wanted is None:
            return view_frame(catalogue.database, "epoch_quality", given, shape)
        return catalogue.epochs(selection=wanted, workers=workers, **given)

    found = answer(
        "epochs",
        db,
        ask,
        filters,
        format_,
        output,
        shape=shape,
        shaped=wanted is None,
        selection=selection,
    )
    say_selection(selection, filters)
    n_problems = int(found["n_off_coadd"].isna().sum()) if wanted is not None else 0
    if n_problems:
        say(f"epochs that could not be counted: {n_problems}")
        raise typer.Exit(1)


@with_options
def mask(
    tilename: Tile,
    band: Band,
    expnum: Annotated[
        int | None,
        typer.Argument(
            metavar="EXPNUM", help="Exposure number; omit for the coadd's own mask.", autocompletion=numbers("expnum")
        ),
    ] = None,
    ccdnum: Annotated[
        int | None, typer.Argument(metavar="CCDNUM", help="CCD number.", autocompletion=numbers("ccdnum"))
    ] = None,
    *,
    db: Db = DEFAULT_DB,
    selection: "Selection",
    output: Annotated[
        str | None,
        output_option("File or URL to write: .png, .fits, .npz, .parquet or .reg (regions for DS9)."),
    ] = None,
    good: Annotated[
        bool, typer.Option("--good", help="Write 1 for good pixels to .fits; by default 1 is bad, 0 good.")
    ] = False,
    min_pixels: Annotated[
        int, typer.Option("--min-pixels", min=1, metavar="N", help="Smallest bad area to write to .reg, pixels.")
    ] = 1,
) -> None:
    """Summarise one mask, and optionally write it to a file."""
    from ..query.catalogue import Catalogue
    from ..query.masks.export import check_mask_name
    from ..query.namedselections import unmatched_exclusions

    if output is not None:
        check_mask_name(output, good=good)
    elif good:
        raise UsageError("--good: expected -o FILE.fits")
    if min_pixels > 1 and not (output or "").lower().endswith(".reg"):
        raise UsageError("--min-pixels: expected -o FILE.reg")
    with Catalogue(db) as catalogue:
        found = catalogue.mask(tilename, band, expnum, ccdnum)
        n_good = found.count(selection)
        for line in unmatched_exclusions(catalogue.database, selection):
            say(f"goodpix: {line}")
        if output is not None:
            regions = output.lower().endswith(".reg")
            write_output(
                lambda: (
                    found.to_regions(output, selection, min_pixels=min_pixels)
                    if regions
                    else found.save(output, selection, good=good)
                ),
                output,
            )
    show(found)
    show(f"good pixels ({selection}): {n_good:,} of {found.encoded.nx * found.encoded.ny:,}")


@with_options
def sql(
    query: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT statement.")],
    *,
    db: Db = DEFAULT_DB,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Give up a query that takes longer; default: no limit.")
    ] = None,
    shape: "TableShape",
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """Run a read-only SQL query; an answer that --limit cuts says so on standard error."""
    from ..query.catalogue import Catalogue
    from ..query.provenance import Provenance

    chosen = format_ or format_of(output)
    with (
        stoppable("stopped"),
        Catalogue(db) as catalogue,
        catalogue.sql_answer(query, timeout=timeout, **asdict(shape)) as found,
    ):
        provenance = Provenance.of(None, catalogue=catalogue.database.identity, query=" ".join(query.split()))
        write_table(found.parts(), "sql", chosen, output, provenance, whole=bool(shape.columns))
    if found.cut:
        say(f"there are more rows: the answer is cut after {shape.limit:,} (--limit)")


def info(db: Db = DEFAULT_DB) -> None:
    """Show what the catalogue is and how much it holds."""
    from ..query.catalogue import Catalogue

    with Catalogue(db) as catalogue:
        for name, value in catalogue.info().items():
            show(f"{name:<16} {printable(str(value))}")


AS_THEY_STAND = {"ignore_unknown_options": True}
"""Context settings of a command whose arguments may be negative numbers, which look like options."""


@with_options
def at(
    ra: Annotated[
        str,
        typer.Argument(
            metavar="RA", help="Right ascension: degrees, modulo 360, or hours such as 01:31:31.2 or 1h31m31.2s."
        ),
    ],
    dec: Annotated[
        str,
        typer.Argument(
            metavar="DEC", help="Declination: degrees from -90 to 90, or sexagesimal such as -32:06:01 or -32d06m01s."
        ),
    ],
    *,
    db: Db = DEFAULT_DB,
    radius: Annotated[
        str | None,
        typer.Option(
            "--radius", metavar="DEGREES", help="List every epoch that touches this disc; or with a unit, as 30arcsec."
        ),
    ] = None,
    no_reasons: Annotated[bool, typer.Option("--no-reasons", help="Do not read the masks; faster.")] = False,
    unique: Annotated[
        bool, typer.Option("--unique", help="List each CCD image once even if several tiles hold it.")
    ] = False,
    filters: dict[str, Any],
    selection: "Selection",
    shape: "TableShape",
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """List every epoch that covers a position: the CCD pixel, whether it is good, and why not."""
    from ..query.angles import angle_of_text

    place = angle_of_text("RA", ra, "01:31:31.2 (hours) or 1h31m31.2s", hours=True), angle_of_text("DEC", dec)
    size = None if radius is None else angle_of_text("--radius", radius, "30arcsec")
    options = {
        "radius": size,
        "reasons": not no_reasons,
        "unique": unique,
        "selection": None if str(selection) == "default" else selection,
    }
    answer(
        "at",
        db,
        lambda cat, **given: cat.at(*place, **options, **given),
        filters,
        format_,
        output,
        selection=selection,
        shape=shape,
        position=place,
        radius=size,
    )


def dashboard(
    db: Db = DEFAULT_DB,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free port.")] = 5006,
    address: Annotated[
        str,
        typer.Option(help="Address to listen on; any other than 127.0.0.1 lets other machines read the catalogue."),
    ] = "127.0.0.1",
    allow_websocket_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Host name in the browser's address bar if it differs, as behind a proxy; may be repeated.",
        ),
    ] = None,
    basic_auth: Annotated[
        str | None,
        typer.Option(
            envvar="GOODPIX_BASIC_AUTH",
            metavar="PASSWORD|FILE.json",
            help="Require this password, or those of a JSON file of passwords by user.",
        ),
    ] = None,
    proxy: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Address behind a proxy other than Jupyter's or VS Code's, which are found; '' for none.",
        ),
    ] = None,
) -> None:
    """Serve a dashboard of the catalogue to browsers until Ctrl-C."""
    # Panel takes a second to import, and loads pandas
    from ..query.dashboard.server import DashboardServer
    from ..query.source import open_source

    with open_source(db) as source:
        server = DashboardServer(
            source,
            port=port,
            address=address,
            origins=allow_websocket_origin or (),
            basic_auth=basic_auth,
            proxy=proxy,
        )
        if server.exposure:
            say(f"goodpix dashboard: {server.exposure}")
        addresses = " or ".join(dict.fromkeys((server.local_url, server.url)))
        server.run(lambda: say(f"goodpix dashboard: {addresses} (Ctrl-C to stop)"))
