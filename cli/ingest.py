"""The commands that make and check masks."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..schema.errors import UsageError
from .options import DEFAULT_DB, Db
from .output import asking, render_table, say, show_progress
from .signals import stoppable

__all__ = ["check", "dask_executor", "demo", "ingest"]

# Imports in function bodies: they bring numba, pandas and SQL, which the help must not wait for.


WcsSource = StrEnum("WcsSource", ["image", "scamp"])


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to make it.")] = Path("goodpix-demo"),
    full: Annotated[
        bool, typer.Option("--full", help="Make a tile of the survey's size: takes a minute or two, and a gigabyte.")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option("--epochs", min=1, help="Epochs of the full-size tile, 8 by default.")
    ] = None,
) -> None:
    """Make a small synthetic tile, ingest it, query it, draw it."""
    from ..demo import run_demo
    from ..ingest.synthetic import FULL, SMALL

    if epochs is not None and not full:
        raise UsageError(f"--epochs {epochs} is for the full-size tile: expected --full beside it")
    spec = replace(FULL, n_epochs=epochs or FULL.n_epochs) if full else SMALL
    with show_progress():
        made = run_demo(folder, spec)
    say(str(made.report))
    if made.picture is not None:
        print(render_table(made.epochs, "epochs"))
        print(f"\nsurvey files  {made.survey}\ndatabase      {made.database}\nmasks         {made.masks}")
        print(f"picture       {made.picture}\n\nTry: goodpix tiles --db {made.database}")
    if made.report.n_failures:
        say(f"what failed and why: goodpix failures --db {made.database}; a demo in another folder is made anew")
        raise typer.Exit(1)


def ingest(
    inputs: Annotated[list[Path], typer.Argument(help="Info files, or folders to search for them.")],
    db: Db = DEFAULT_DB,
    masks: Annotated[
        str | None,
        typer.Option(
            "--masks",
            metavar="ROOT",
            help="Folder of the mask files, or a URL like s3://bucket/prefix; GOODPIX_MASKS for a new catalogue.",
        ),
    ] = None,
    wcs: Annotated[
        WcsSource, typer.Option("--wcs", help="An epoch's coordinates: of its image, or of its SCAMP header.")
    ] = WcsSource.image,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes side by side; by default as many as cores.")
    ] = None,
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
    dask: Annotated[
        str | None, typer.Option("--dask", metavar="ADDRESS", help="Dask scheduler, or its file, that has tiles done.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.json", help="File for the report of the run, as JSON.")
    ] = None,
) -> None:
    """Compute the masks of every epoch that info files list, and store them."""
    if dask is not None and workers is not None:
        raise UsageError("--workers is for processes of this machine: expected --dask or --workers, not both")
    with ExitStack() as stack:
        stack.enter_context(stoppable("stopped: what is done is stored, the same command goes on with the rest"))
        from ..ingest.survey import ingest_tiles

        advance = stack.enter_context(show_progress())
        executor = None
        if dask is not None:
            executor = stack.enter_context(dask_executor(dask))
        done = ingest_tiles(
            inputs,
            db=db,
            masks=masks or _masks_of_environment(db),
            wcs_source=wcs.value,
            workers=workers,
            executor=executor,
            force=force,
            retry_failed=retry_failed,
            allow_missing_se_seg=allow_missing_se_seg,
            allow_dithered_weights=allow_dithered_weights,
            progress=advance,
            report=report,
        )
    say(str(done))
    if done.n_failures:
        say(f"what failed and why: goodpix failures{asking(db)}")
        raise typer.Exit(1)


def _masks_of_environment(db: str) -> str | None:
    """Return GOODPIX_MASKS for a catalogue that is yet to be made; an existing one knows its own."""
    from ..schema.database import is_catalogue

    masks = os.environ.get("GOODPIX_MASKS")
    return masks if masks and not is_catalogue(db) else None


def check(
    tilename: Annotated[str, typer.Argument(metavar="TILE", help="Tile name.")],
    band: Annotated[str, typer.Argument(help="Band.")],
    expnum: Annotated[int, typer.Argument(help="Exposure.")],
    ccdnum: Annotated[int, typer.Argument(help="CCD.")],
    db: Db = DEFAULT_DB,
) -> None:
    """Derive one mask again from the FITS files, the direct way, and compare every pixel."""
    from ..ingest.direct import check_mask

    comparison = check_mask(db, tilename, band, expnum, ccdnum)
    print(comparison)
    if not comparison.equal:
        raise typer.Exit(1)


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Connect to a Dask scheduler.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``, or the scheduler file that it has written.

    Yields
    ------
    concurrent.futures.Executor
        What has its workers do something.

    Raises
    ------
    UsageError
        If no scheduler answers.
    """
    from distributed import Client  # optional, and slow to import

    place = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        client = Client(**place, set_as_default=False, name="goodpix")
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"--dask {address}: no Dask scheduler answers there ({why})") from error
    with client:
        yield client.get_executor(pure=False)
