"""The commands that look after a catalogue."""

from typing import Annotated

import typer

from .ingest import WcsSource
from .options import DEFAULT_DB, Db
from .output import asking, say, show_progress

# Imports in function bodies: they bring numba and SQL, which the help must not wait for.

__all__ = ["gc", "rebuild", "upgrade", "verify"]

Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes that read mask files side by side.")]


def verify(
    db: Db = DEFAULT_DB,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="Check N masks chosen at random, not all.")
    ] = None,
    images: Annotated[
        int, typer.Option("--images", min=0, metavar="N", help="Derive N masks again from the FITS files, too.")
    ] = 0,
    repair: Annotated[
        bool, typer.Option("--repair", help="Write rows again by their masks; where a mask is gone, a failure.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Where the random choice comes from.")] = 1,
    workers: Workers = 1,
) -> None:
    """Check that a catalogue is whole: every row, every mask, every sum; exit 1 if it is not."""
    from ..ingest.upkeep.verify import verify as check

    with show_progress() as advance:
        report = check(db, sample=sample, images=images, repair=repair, seed=seed, workers=workers, progress=advance)
    for note in report.notes:
        say(f"note: {note}")
    for problem in report.repaired:
        print(f"repaired: {problem}")
    for problem in report.problems:
        print(problem)
    say(str(report))
    if not report.ok:
        raise typer.Exit(1)


def rebuild(
    db: Db = DEFAULT_DB,
    masks: Annotated[
        str | None,
        typer.Option(
            "--masks",
            envvar="GOODPIX_MASKS",
            metavar="ROOT",
            help="Folder of the mask files, or a URL like s3://bucket/prefix.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a database that is not empty, or cannot be read.")
    ] = False,
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="The campaign, where an old masks root does not say it.")
    ] = None,
    wcs: Annotated[
        WcsSource | None, typer.Option("--wcs", help="As in the ingest, where an old masks root does not say it.")
    ] = None,
    workers: Workers = 1,
) -> None:
    """Make the database again from the mask files alone."""
    from ..ingest.upkeep.rebuild import rebuild as make_again

    with show_progress() as advance:
        report = make_again(
            db,
            masks,
            force=force,
            campaign=campaign,
            wcs_source=wcs.value if wcs else None,
            workers=workers,
            progress=advance,
        )
    for note in report.notes:
        say(f"note: {note}")
    say(str(report))
    if report.failures:
        say(f"what could not be used: goodpix failures{asking(db)}")


def gc(
    db: Db = DEFAULT_DB,
    delete: Annotated[bool, typer.Option("--delete", help="Remove them.")] = False,
) -> None:
    """List the files of the masks root that no row needs and that are older than a day."""
    from ..ingest.upkeep.gc import gc as sweep

    report = sweep(db, delete=delete)
    for each in report.files:
        print(f"{each.n_bytes:>14,}  {each.days:>6.0f} d  {each.name}")
    say(str(report))


def upgrade(db: Db = DEFAULT_DB) -> None:
    """Bring the tables to this version of goodpix; a SQLite database is copied first."""
    from ..ingest.upkeep.upgrade import upgrade as bring_up

    say(str(bring_up(db)))
