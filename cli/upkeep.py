"""Maintenance commands: ``verify``, ``rebuild``, ``gc``, ``doctor`` and ``db upgrade``."""

from textwrap import fill
from typing import Annotated

import typer

from ..query.tables.texttable import terminal_width
from ..schema.printable import printable
from .ingest import WcsSource
from .options import DEFAULT_DB, Db
from .output import db_option, say, show, show_progress

# Imports in function bodies: they load numba and SQL, which would slow --help down.

__all__ = ["doctor", "gc", "rebuild", "upgrade", "verify"]

Workers = Annotated[int, typer.Option("--workers", min=1, help="Number of processes that read mask files.")]


def verify(
    db: Db = DEFAULT_DB,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="Check N randomly chosen masks instead of all.")
    ] = None,
    images: Annotated[
        int, typer.Option("--images", min=0, metavar="N", help="Also recompute N masks from the FITS files.")
    ] = 0,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Rewrite damaged rows from what lies beside the masks; record a failure for a lost mask."
        ),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the random choice.")] = 1,
    workers: Workers = 1,
) -> None:
    """Check every row, mask and sum of a catalogue; exit 1 if any is damaged."""
    from ..ingest.upkeep.verify import verify as check

    with show_progress() as advance:
        report = check(db, sample=sample, images=images, repair=repair, seed=seed, workers=workers, progress=advance)
    for note in report.notes:
        say(f"note: {printable(note)}")
    for problem in report.repaired:
        show(printable(f"repaired: {problem}"))
    for problem in report.problems:
        show(printable(str(problem)))
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
            help="Folder of the mask files, or a URL such as s3://bucket/prefix.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a database that is not empty or not readable.")
    ] = False,
    force_partial: Annotated[
        bool,
        typer.Option("--force-partial", help="Replace a good database even if some of the mask files cannot be read."),
    ] = False,
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="Campaign, if an old masks root does not record it.")
    ] = None,
    wcs: Annotated[
        WcsSource | None,
        typer.Option("--wcs", help="WCS source of the ingest, if an old masks root does not record it."),
    ] = None,
    workers: Workers = 1,
) -> None:
    """Rebuild the database from the mask files; exit 1 if any cannot be used."""
    from ..ingest.upkeep.rebuild import rebuild as rebuild_database

    with show_progress() as advance:
        report = rebuild_database(
            db,
            masks,
            force=force,
            force_partial=force_partial,
            campaign=campaign,
            wcs_source=wcs.value if wcs else None,  # type: ignore[arg-type]  # one of these
            workers=workers,
            progress=advance,
        )
    for note in report.notes:
        say(f"note: {printable(note)}")
    for message in report.unreadable:
        say(message)
    say(str(report))
    if report.failures and report.replaced:
        say(f"list the failures: goodpix failures{db_option(db)}")
    if not report.ok:
        raise typer.Exit(1)


def gc(
    db: Db = DEFAULT_DB,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the files.")] = False,
) -> None:
    """List files in the masks root that no row uses and that are more than a day old."""
    from ..ingest.upkeep.gc import gc as sweep

    report = sweep(db, delete=delete)
    for file in report.files:
        show(f"{file.n_bytes:>14,}  {file.days:>6.0f} d  {printable(file.name)}")
    for message in report.unreadable:
        say(message)
    say(str(report))
    if report.unreadable:
        raise typer.Exit(1)


def upgrade(db: Db = DEFAULT_DB) -> None:
    """Upgrade the tables to this version of goodpix; a SQLite database is backed up first."""
    from ..ingest.upkeep.upgrade import upgrade as upgrade_database

    say(str(upgrade_database(db)))


def doctor(ctx: typer.Context, db: Db = DEFAULT_DB) -> None:
    """Examine the installation, the catalogue, its masks root and files; exit 1 if anything is wrong."""
    from ..ingest.upkeep.doctor import State, diagnose

    source = ctx.get_parameter_source("db")
    findings = diagnose(db if source is None or source.name != "DEFAULT" else None)
    width = terminal_width()
    for finding in findings:
        # below its beginning, and with names of files whole
        show(
            fill(
                printable(str(finding)),
                width,
                subsequent_indent=" " * 21,
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    if any(finding.state is State.WRONG for finding in findings):
        raise typer.Exit(1)
