"""The command line: each command parses, calls one public function, and prints."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .schema.errors import GoodpixError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["app", "main"]

DEFAULT_DB = "sqlite:///goodpix.db"

# What the table format shows of the widest answers; the other formats have every column.
LEADING = {
    "epochs": "tilename band expnum ccdnum fraction_good_se fraction_good_on_coadd n_good n_on_coadd n_se_seg "
    "n_se_weight n_se_bmask n_off_coadd n_coadd_seg n_coadd_weight n_coadd_bmask nite stale",
    "tiles": "tilename band n_epochs fraction_good_se fraction_good_on_coadd n_good n_on_coadd n_good_unique "
    "area_good_unique coadd_fraction_good generation",
    "ccds": "band expnum ccdnum n_tiles tiles_disagree fraction_good_se n_good_se n_pixels n_se_seg n_se_weight "
    "n_se_bmask nite",
    "exposures": "band expnum n_ccds fraction_good_se n_good_se n_pixels nite exptime mean_fwhm mean_skybrite",
    "failures": "failure_key error_type message attempts failed_at",
}


Format = StrEnum("Format", ["table", "csv", "json", "parquet"])
WcsSource = StrEnum("WcsSource", ["image", "scamp"])


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

app = typer.Typer(
    help="A catalogue of good background pixels.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
db_app = typer.Typer(help="The database of a catalogue.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(db_app, name="db")


def main() -> None:
    """Run the command line; an error of ours is one line and exit status 2."""
    try:
        app(prog_name="goodpix")
    except GoodpixError as error:
        print(f"goodpix: {error}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        extra = {"matplotlib": "plot", "psycopg": "postgres"}.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        print(f"goodpix: {error.name} is not installed: pip install 'goodpix[{extra}]'", file=sys.stderr)
        sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"goodpix {version('goodpix')}")
        raise typer.Exit


@app.callback()
def goodpix(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Say which pixels of a survey are sky, and why the others are not."""


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to make it.")] = Path("goodpix-demo"),
) -> None:
    """Make a small synthetic tile, ingest it, query it, draw it."""
    from .demo import run_demo

    with _progress():
        made = run_demo(folder)
    _say(str(made.report))
    print(_table(made.epochs, "epochs"))
    print(f"\nsurvey files  {made.survey}\ndatabase      {made.database}\nmasks         {made.masks}")
    print(f"picture       {made.picture}\n\nTry: goodpix tiles --db {made.database}")


@app.command()
def ingest(
    inputs: Annotated[list[Path], typer.Argument(help="Info files, or folders to search for them.")],
    db: Db = DEFAULT_DB,
    masks: Annotated[
        Path | None, typer.Option("--masks", help="Folder of the mask files; GOODPIX_MASKS for a new catalogue.")
    ] = None,
    wcs: Annotated[
        WcsSource, typer.Option("--wcs", help="An epoch's coordinates: of its image, or of its SCAMP header.")
    ] = WcsSource.image,
    force: Annotated[bool, typer.Option("--force", help="Make every mask again.")] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try again what failed, though it has not changed.")
    ] = False,
    allow_missing_se_seg: Annotated[
        bool, typer.Option("--allow-missing-se-seg", help="Take epochs without a segmentation map.")
    ] = False,
    allow_dithered_weights: Annotated[
        bool, typer.Option("--allow-dithered-weights", help="Take weights that may have lost their zeros.")
    ] = False,
) -> None:
    """Compute the masks of every epoch that info files list, and store them."""
    from .ingest.survey import ingest_tiles

    with _progress() as advance:
        report = ingest_tiles(
            inputs,
            db=db,
            masks=masks or _masks_of_environment(db),
            wcs_source=wcs.value,
            force=force,
            retry_failed=retry_failed,
            allow_missing_se_seg=allow_missing_se_seg,
            allow_dithered_weights=allow_dithered_weights,
            progress=advance,
        )
    _say(str(report))
    if report.n_failures:
        _say("what failed and why: goodpix failures")
        raise typer.Exit(1)


LISTINGS = {
    "tiles": "List tiles: sums over their epochs, and their coadd.",
    "epochs": "List epochs: the counts of each mask, and the facts about its image.",
    "ccds": "List CCD images, each once, however many tiles hold it.",
    "exposures": "List exposures: sums over their CCD images.",
    "bits": "List how many pixels each mask bit costs each epoch.",
    "failures": "List what failed, and why.",
}


def _add_listing(name: str, meaning: str) -> None:
    """Add a command that lists what the `Catalogue` method of that name gives."""

    @app.command(name, help=meaning)
    def listing(
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
        filters = _filters(tilename=tile, band=band, expnum=expnum, ccdnum=ccdnum, nite=nite, min=min_, max=max_)
        _answer(name, db, lambda catalogue: getattr(catalogue, name)(**filters), format_, output)


for _name, _meaning in LISTINGS.items():
    _add_listing(_name, _meaning)


@app.command()
def mask(
    tilename: Annotated[str, typer.Argument(metavar="TILE", help="Tile name.")],
    band: Annotated[str, typer.Argument(help="Band.")],
    expnum: Annotated[int | None, typer.Argument(help="Exposure; without: the coadd's own mask.")] = None,
    ccdnum: Annotated[int | None, typer.Argument(help="CCD.")] = None,
    db: Db = DEFAULT_DB,
    ignore: Ignore = None,
    ignore_bit: IgnoreBit = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write: .png, .fits, .npz or .parquet.")
    ] = None,
) -> None:
    """Show one mask, or write it to a file."""
    from .query.catalogue import Catalogue

    selection = _selection(ignore, ignore_bit)
    with Catalogue(db) as catalogue:
        found = catalogue.mask(tilename, band, expnum, ccdnum)
        n_good = found.count(selection)
        if output is not None:
            _write(lambda: found.save(output, selection), output)
    print(found)
    print(f"good pixels ({selection}): {n_good:,} of {found.encoded.nx * found.encoded.ny:,}")


@app.command()
def check(
    tilename: Annotated[str, typer.Argument(metavar="TILE", help="Tile name.")],
    band: Annotated[str, typer.Argument(help="Band.")],
    expnum: Annotated[int, typer.Argument(help="Exposure.")],
    ccdnum: Annotated[int, typer.Argument(help="CCD.")],
    db: Db = DEFAULT_DB,
) -> None:
    """Derive one mask again from the FITS files, the direct way, and compare every pixel."""
    from .ingest.direct import check_mask

    comparison = check_mask(db, tilename, band, expnum, ccdnum)
    print(comparison)
    if not comparison.equal:
        raise typer.Exit(1)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT.")],
    db: Db = DEFAULT_DB,
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """Run a query of your own; it can read everything and change nothing."""
    _answer("sql", db, lambda cat: cat.sql(query), format_, output)


@db_app.command()
def info(db: Db = DEFAULT_DB) -> None:
    """Say what the catalogue is, and how much is in it."""
    from .query.catalogue import Catalogue

    with Catalogue(db) as catalogue:
        for name, value in catalogue.info().items():
            print(f"{name:<16} {value}")


def _answer(
    name: str, db: str, ask: "Callable[[Any], pd.DataFrame]", format_: Format | None, output: Path | None
) -> None:
    """Ask a catalogue and write the answer."""
    from .query.catalogue import Catalogue

    chosen = format_ or _format_of(output)
    with Catalogue(db) as catalogue:
        rows = ask(catalogue)
    if output is not None:
        _write(lambda: output.write_bytes(_rendered(rows, name, chosen)), output)
    elif chosen is Format.table:
        print(_table(rows, name))
    else:
        sys.stdout.buffer.write(_rendered(rows, name, chosen))
        sys.stdout.buffer.flush()


def _format_of(output: Path | None) -> Format:
    suffix = output.suffix.lstrip(".").lower() if output else ""
    return Format(suffix) if suffix in set(Format) else Format.table


def _rendered(rows: "pd.DataFrame", name: str, format_: Format) -> bytes:
    try:
        return _in_format(rows, name, format_)
    except (ValueError, TypeError) as error:
        raise UsageError(f"the answer cannot be written as {format_}: {' '.join(str(error).split())}") from error


def _in_format(rows: "pd.DataFrame", name: str, format_: Format) -> bytes:
    if format_ is Format.csv:
        return rows.to_csv(index=False).encode()
    if format_ is Format.json:
        return (rows.to_json(orient="records", indent=1, double_precision=15) + "\n").encode()
    if format_ is Format.parquet:
        return bytes(rows.to_parquet(index=False))
    return (_table(rows, name) + "\n").encode()


def _table(rows: "pd.DataFrame", name: str) -> str:
    leading = LEADING.get(name, "").split()
    shown = rows[leading] if leading else rows
    if shown.empty:
        return "  ".join(shown.columns)
    # to_string has its own mark for a missing whole number
    filled = shown.apply(lambda each: each if each.notna().all() else each.astype(object).where(each.notna(), "-"))
    return str(filled.to_string(index=False, float_format=lambda value: f"{value:.6g}"))


def _write(write: Callable[[], object], output: Path) -> None:
    try:
        write()
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({' '.join(str(error).split())})") from error
    _say(f"wrote {output}")


def _filters(**given: list[str] | None) -> dict[str, Any]:
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


def _selection(ignore: list[str] | None, ignore_bits: list[str] | None) -> Any:
    from .schema.criteria import Selection

    by_plane: dict[str, list[str | int]] = {}
    for text in ignore_bits or []:
        plane, colon, bit = text.partition(":")
        if not colon:
            raise UsageError(f"--ignore-bit {text}: expected PLANE:BIT, such as SE:STAR")
        by_plane.setdefault(plane.upper(), []).append(bit)
    return Selection(ignore=ignore or (), ignore_bits=by_plane)


def _masks_of_environment(db: str) -> Path | None:
    """Return GOODPIX_MASKS for a catalogue that is yet to be made; an existing one knows its own."""
    from .schema.database import is_catalogue

    masks = os.environ.get("GOODPIX_MASKS")
    return Path(masks) if masks and not is_catalogue(db) else None


def _say(text: str) -> None:
    print(text, file=sys.stderr)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Show how far an ingest is: a bar on a terminal, else a line per tile."""
    package = logging.getLogger("goodpix")
    if not sys.stderr.isatty():
        handler: logging.Handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        package.addHandler(handler)
        package.setLevel(logging.INFO)
        try:
            yield lambda _done, _total: None
        finally:
            package.removeHandler(handler)
        return
    from rich.console import Console
    from rich.logging import RichHandler
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    handler = RichHandler(logging.WARNING, console, show_path=False, show_time=False)
    package.addHandler(handler)
    try:
        with Progress(
            *Progress.get_default_columns()[:3], MofNCompleteColumn(), TimeRemainingColumn(), console=console
        ) as bar:
            task = bar.add_task("tiles", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    finally:
        package.removeHandler(handler)
