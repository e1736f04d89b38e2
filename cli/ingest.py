"""Commands that make and check masks: ``demo``, ``ingest``, ``profiles``, ``describe``, ``check``."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from ..query.tables.formats import format_of
from ..query.tables.texttable import render_table, terminal_width
from ..schema.errors import UsageError
from .completion import numbers
from .options import DEFAULT_DB, Band, Db, FormatOption, Output, Tile, with_options
from .output import STANDARD_OUTPUT, db_option, say, show, show_progress, write_table
from .signals import stoppable

if TYPE_CHECKING:
    from ..demo import Demo
    from ..query.tableshape import TableShape

__all__ = ["check", "dask_executor", "demo", "describe", "ingest", "profiles"]

# Imports in function bodies: they load numba, pandas and SQL, which would slow --help down.


WcsSource = StrEnum("WcsSource", ["image", "scamp"])


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to create.")] = Path("goodpix-demo"),
    full: Annotated[
        bool, typer.Option("--full", help="Make a full-size tile; takes a minute or two and 1 GB of disk.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Number of epochs of the full-size tile; default 8.")
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Kind of files: des-pizza-cutter, a tile, or noirlab-cp, an exposure of three CCDs without a coadd.",
        ),
    ] = "des-pizza-cutter",
) -> None:
    """Make a small synthetic tile or exposure, ingest it, query it and plot it."""
    from ..demo import run_demo
    from ..ingest.synthetic import FULL

    if epochs is not None and not full:
        raise UsageError(f"--epochs {epochs} applies to the full-size tile only: expected --full as well")
    spec = replace(FULL, n_epochs=epochs or FULL.n_epochs) if full else None
    with show_progress():
        made = run_demo(folder, spec, profile)  # type: ignore[arg-type]  # which checks it
    say(str(made.report))
    if made.picture is not None:
        show(render_table(made.epochs, "epochs", terminal_width()))
        show(f"\nsurvey files  {made.survey}\ndatabase      {made.database}\nmasks         {made.masks}")
        show(f"picture       {made.picture}\n\nTry:\n" + "\n".join(f"  {each}" for each in _next_commands(made)))
    if made.report.n_failures:
        say(f"list the failures: goodpix failures --db {made.database}; another folder gets a fresh demo")
        raise typer.Exit(1)


def _next_commands(made: "Demo") -> list[str]:
    """Return commands about the demonstration that work where they are printed."""
    assert made.key is not None  # as there is a picture
    database, picture = (shlex.quote(_from_here(each)) for each in (made.database, made.masks.with_name("wide.png")))
    tile, band, expnum, ccdnum = made.key.tilename, made.key.band, made.key.expnum, made.key.ccdnum
    asked = [
        f"epochs --sort fraction_good_se --limit 3 --db {database}",
        f"bits --expnum {expnum} --db {database}",
        f"mask {tile} {band} {expnum} {ccdnum} --ignore SE_BMASK --border 5 -o {picture} --db {database}",
    ]
    return [f"{_program()} {each}" for each in asked]


def _program() -> str:
    """Return how this program was called, for a shell in the present folder."""
    called = Path(sys.argv[0])
    if called.name != "goodpix":
        return f"{shlex.quote(_from_here(Path(sys.executable)))} -m goodpix"
    on_path = shutil.which("goodpix")
    return "goodpix" if on_path and Path(on_path).samefile(called) else shlex.quote(_from_here(called))


def _from_here(path: Path) -> str:
    """Return a path relative to the present folder, if it is in there."""
    here = Path.cwd()
    return str(path.absolute().relative_to(here)) if path.absolute().is_relative_to(here) else str(path.absolute())


def ingest(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Info files or, with --profile, other files; or folders to search for them; with --profile files, "
            "the YAML file that describes them.",
        ),
    ],
    db: Db = DEFAULT_DB,
    masks: Annotated[
        str | None,
        typer.Option(
            "--masks",
            metavar="ROOT",
            help="Folder of the mask files, or a URL such as s3://bucket/prefix; for a new catalogue, GOODPIX_MASKS.",
        ),
    ] = None,
    wcs: Annotated[
        WcsSource, typer.Option("--wcs", help="Take each epoch's WCS from its image header or its SCAMP header.")
    ] = WcsSource.image,
    profile: Annotated[
        str,
        typer.Option("--profile", metavar="NAME", help="Profile of the files; goodpix profiles lists all of them."),
    ] = "des-pizza-cutter",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Setting of the profile, or of --segment; may be repeated."),
    ] = None,
    ccd_table: Annotated[
        str | None,
        typer.Option(
            "--ccd-table",
            metavar="FILE",
            help="Table of CCD images (FITS, CSV, ECSV or Parquet) with their zero points, seeing and cuts.",
        ),
    ] = None,
    coadd: Annotated[
        list[Path] | None,
        typer.Option(
            "--coadd",
            metavar="FILE.yaml",
            help="Description of a coadd whose tile gets the images that overlap it; may be repeated.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Number of workers; default: one per core.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Remake every mask; implies --reread.")] = False,
    reread: Annotated[
        bool,
        typer.Option(
            "--reread", help="Read the files of CCD images of which the catalogue has masks made for other tiles."
        ),
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Retry failed inputs even if they have not changed.")
    ] = False,
    allow_missing_se_seg: Annotated[
        bool, typer.Option("--allow-missing-se-seg", help="Accept epochs without a segmentation map.")
    ] = False,
    no_segment: Annotated[
        bool, typer.Option("--no-segment", help="Use no segmentation maps of epochs; fixed for a catalogue.")
    ] = False,
    segment: Annotated[
        bool,
        typer.Option(
            "--segment",
            help="Make segmentation maps of epochs that have none; fixed for a catalogue, with its settings segment_*.",
        ),
    ] = False,
    allow_dithered_weights: Annotated[
        bool, typer.Option("--allow-dithered-weights", help="Accept weights that may have lost their zeros.")
    ] = False,
    allow_damaged: Annotated[
        bool, typer.Option("--allow-damaged", help="Accept planes whose data do not agree with their DATASUM.")
    ] = False,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="Address or scheduler file of a Dask cluster to ingest on."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.json",
            help="Write a report of the run to this JSON file, or to standard output for ``-``.",
        ),
    ] = None,
) -> None:
    """Compute and store the mask of every epoch that the info files list."""
    if dask is not None and workers is not None:
        raise UsageError("--workers starts local processes: expected --dask or --workers, not both")
    with ExitStack() as stack:
        stack.enter_context(stoppable("stopped: finished work is stored; run the same command again to continue"))
        from ..ingest.survey import ingest_tiles
        from ..schema.workers.memory import keep_freed_memory

        keep_freed_memory()
        advance = stack.enter_context(show_progress())
        executor = None
        if dask is not None:
            executor = stack.enter_context(dask_executor(dask))
        done = ingest_tiles(
            inputs,
            db=db,
            masks=masks or _masks_of_environment(db),
            wcs_source=wcs.value,  # type: ignore[arg-type]  # one of these
            workers=workers,
            executor=executor,
            force=force,
            reread=reread,
            retry_failed=retry_failed,
            allow_missing_se_seg=allow_missing_se_seg,
            allow_dithered_weights=allow_dithered_weights,
            allow_damaged=allow_damaged,
            profile=profile,
            no_segment=no_segment,
            coadds=coadd or (),
            segment=segment,
            settings=dict(_setting(text) for text in set_ or ()),
            ccd_table=ccd_table,
            progress=advance,
            report=stack.enter_context(_report_file(report)),
        )
    say(str(done))
    if done.n_failures:
        say(f"list the failures: goodpix failures{db_option(db)}")
        raise typer.Exit(1)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = (part.strip() for part in text.partition("="))
    if not key or not equals or not value:
        raise UsageError(f"--set {text}: expected KEY=VALUE")
    return key, value


@with_options
def profiles(*, shape: "TableShape", format_: FormatOption = None, output: Output = None) -> None:
    """List the profiles: pipelines whose files can be ingested."""
    import pandas as pd

    from ..ingest.profiles.registry import installed_profiles
    from ..query.provenance import Provenance

    known, broken = installed_profiles()
    of_profiles = [(name, each.identity.version, each.summary) for name, each in known.items()]
    rows = shape.of_frame(pd.DataFrame(of_profiles, columns=["name", "version", "summary"], dtype="str"), "profiles")
    chosen = format_ or format_of(output)
    write_table([rows], "profiles", chosen, output, Provenance.of(None), whole=bool(shape.columns))
    for name, why in broken.items():
        say(f"goodpix: profile {name} cannot be used: {why}")


def describe(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="FITS files, or folders of such.")],
) -> None:
    """Draft a description of FITS files in YAML, for ``goodpix ingest --profile files``."""
    from ..ingest.profiles.describe import draft_description

    show(draft_description(files))


@contextmanager
def _report_file(report: Path | None) -> Iterator[Path | None]:
    """Provide the path of the report; what is written for ``-`` goes to standard output, after an interrupt as well."""
    if str(report) != STANDARD_OUTPUT:
        yield report
        return
    with TemporaryDirectory(prefix="goodpix-report-") as folder:
        path = Path(folder, "report.json")
        try:
            yield path
        finally:
            if path.exists():
                show(path.read_text())


def _masks_of_environment(db: str) -> str | None:
    """Return GOODPIX_MASKS if the catalogue does not exist yet; an existing one knows its masks root."""
    from ..schema.database import is_catalogue

    masks = os.environ.get("GOODPIX_MASKS")
    return masks if masks and not is_catalogue(db) else None


def check(
    tilename: Tile,
    band: Band,
    expnum: Annotated[int, typer.Argument(metavar="EXPNUM", help="Exposure number.", autocompletion=numbers("expnum"))],
    ccdnum: Annotated[int, typer.Argument(metavar="CCDNUM", help="CCD number.", autocompletion=numbers("ccdnum"))],
    db: Db = DEFAULT_DB,
) -> None:
    """Recompute one mask from the FITS files by an independent method and compare every pixel."""
    from ..ingest.direct import check_mask

    comparison = check_mask(db, tilename, band, expnum, ccdnum)
    show(comparison)
    if not comparison.equal:
        raise typer.Exit(1)


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Connect to a Dask scheduler.

    Parameters
    ----------
    address : str
        Scheduler address such as ``tcp://10.0.0.1:8786``, or path of its scheduler file.

    Yields
    ------
    concurrent.futures.Executor
        Executor that runs tasks on the cluster's workers.

    Raises
    ------
    UsageError
        If no scheduler answers.
    """
    from distributed import Client  # optional, and slow to import

    scheduler = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = Client(**scheduler, set_as_default=False, name="goodpix")
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"--dask {address}: no Dask scheduler answers there ({why})") from error
    with client:
        yield client.get_executor(pure=False)
