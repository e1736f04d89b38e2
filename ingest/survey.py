"""Ingest of many info files into one catalogue."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..schema.bits import BitNames
from ..schema.criteria import Selection
from ..schema.errors import AmbiguousInputError, UsageError
from ..schema.executors import check_workers, thread_pool, usable_cores
from ..schema.planes.imagefiles import file_state, first_variable
from ..schema.workers.pool import process_pool
from .images.sharedarray import remove_leftovers
from .infofiles import Input, PackedTile, Reading, check_inputs, read_inputs
from .plan import Options
from .profiles.protocol import ConfiguredProfile, Profile
from .profiles.registry import checked_settings, configured_profile, find_profile
from .report import IngestReport

if TYPE_CHECKING:
    from ..schema.database import Database  # loads SQLAlchemy, which is slow to import

__all__ = ["BYTES_PER_WORKER", "ingest_tiles", "worth_starting"]

PathLike = str | os.PathLike[str]
Progress = Callable[[int, int], None]

BYTES_PER_WORKER = 40_000_000
"""Bytes of images that are worth a worker: what is read in the time that a process takes to start."""

MOST_THREADS = 2
"""Workers of one tile that are threads; more of them would wait for each other's Python code."""


def ingest_tiles(
    info_paths: Iterable[PathLike] | PathLike,
    *,
    db: PathLike = "sqlite:///goodpix.db",
    masks: PathLike | None = None,
    wcs_source: str = "image",
    workers: int | None = 1,
    executor: Executor | None = None,
    force: bool = False,
    reread: bool = False,
    retry_failed: bool = False,
    allow_missing_se_seg: bool = False,
    allow_dithered_weights: bool = False,
    allow_damaged: bool = False,
    profile: str = "des-pizza-cutter",
    settings: Mapping[str, str] | None = None,
    no_segment: bool = False,
    coadds: Iterable[PathLike] = (),
    bit_names: BitNames | None = None,
    progress: Progress | None = None,
    report: PathLike | None = None,
) -> IngestReport:
    """Compute and store the mask of every epoch in the info files, or in the files of another profile.

    Parameters
    ----------
    info_paths : path or iterable of paths
        Info files, and folders to search for ``*_pizza_cutter_info.yaml``; with another profile, its files.
    db : str or path
        Database URL or SQLite file, created if it does not exist.
    masks : str or path, optional
        Masks root: a folder, or a URL such as ``s3://bucket/prefix``. By default the root that the catalogue
        remembers, or ``goodpix-masks`` for a new catalogue.
    wcs_source : str
        Header with an epoch's WCS: ``"image"`` for the image header, ``"scamp"`` for ``head_path``.
    workers : int, optional
        Maximum number of processes. They share the tiles or, if there are fewer tiles than workers, the
        epochs of one tile; two workers of one tile are threads of this process. 1 means this process alone,
        which also does work too small to be worth starting others; None means the number of cores that this
        process may use. Hundreds of info files are read by as many processes, also for an `executor` if `workers`
        is None. A script that asks for more than 1
        must keep its own work under ``if __name__ == "__main__":``, as always with multiprocessing.
    executor : concurrent.futures.Executor, optional
        Runs the tiles instead, for example Dask's ``Client(...).get_executor(pure=False)``. Its workers write
        the mask files and never touch the database; they need goodpix, and must see the masks root and the
        survey's files under the same paths as this process. ``2 * workers`` tiles are submitted at a time; if
        `workers` is 1 or None, two for each worker that the executor has at the time, but at least 512.
    force : bool
        Make every mask again from its files, even if its inputs are unchanged.
    reread : bool
        Make masks from the images' files alone. Without this, and without `force`, a CCD image of which the catalogue
        has a mask, made from the same files with the same options for another tile or with an earlier coadd, is
        taken from that mask, and its files are not opened. The masks are the same.
    retry_failed : bool
        Retry inputs that failed before, even if they are unchanged.
    allow_missing_se_seg : bool
        Accept epochs without a segmentation map.
    allow_dithered_weights : bool
        Accept weight planes that may have lost their exact zeros.
    allow_damaged : bool
        Accept planes whose data do not agree with the DATASUM in their header.
    profile : str
        Profile of the files, which says how they are found and what their values mean; a catalogue has one.
    settings : mapping of str to str, optional
        Settings of the profile, by name.
    no_segment : bool
        Use no segmentation maps of epochs: their counts are null, and all epochs count in aggregates. Fixed when the
        catalogue is created.
    coadds : iterable of paths
        YAML files that describe a coadd each (tilename, band, image, weight, mask, seg), for profiles that have none:
        the CCD images of its band that overlap it become epochs of its tile, and others are left out.
    bit_names : BitNames, optional
        Names of the mask bits, recorded when the catalogue is created; by default those of the profile.
    progress : callable, optional
        Called after each tile with the number of tiles done and the total.
    report : path, optional
        File for the report as JSON, written even if the run is interrupted.

    Returns
    -------
    IngestReport
        Counts, failures and timings. A failure is recorded and stops nothing else. If a worker dies, its tile
        is tried once more, on its own, before it counts as a failure.

    Raises
    ------
    UsageError
        If the profile or one of its settings is unknown, an input path does not exist, the environment variable that
        paths begin with is not set, or inputs contradict each other or the catalogue.
    CatalogueError
        If the catalogue or its masks root cannot be used.
    WorkerLostError
        If the executor accepts no more tiles.
    WorkersNotStartedError
        If worker processes cannot start; nothing is recorded of the tiles meant for them.

    Notes
    -----
    If a run is interrupted, every tile stored so far is complete, and the same call continues with the rest.
    """
    started = time.monotonic()
    if wcs_source not in ("image", "scamp"):
        raise UsageError(f"wcs_source is {wcs_source!r}: expected image or scamp")
    given = [info_paths] if isinstance(info_paths, str | os.PathLike) else list(info_paths)
    if workers is not None:
        check_workers(workers)
    known = configured_profile(find_profile(profile), [Path(each) for each in given])
    reading = Reading(known, checked_settings(known, settings or {}))
    inputs = read_inputs(given, 1 if executor is not None and workers is not None else workers, reading)
    campaign = check_inputs(inputs, reading)
    if not (known.identity.is_des or no_segment):
        _check_segmentation(inputs)
    own_coadds = [Path(each) for each in ([coadds] if isinstance(coadds, str | os.PathLike) else coadds)]
    names = bit_names or known.bit_names
    if own_coadds:
        inputs, names = _with_coadds(inputs, own_coadds, known, names)
    if executor is None:  # the workers of an executor may know other variables
        _check_variables(inputs)
    options = Options(
        wcs_source, allow_missing_se_seg, allow_dithered_weights, allow_damaged, known.identity, no_segment
    )
    arguments = asdict(options) | {
        "inputs": [str(each) for each in given],
        "masks": None if masks is None else str(masks),
        "force": force,
        "reread": reread,
        "retry_failed": retry_failed,
        "settings": dict(reading.settings),
        "coadds": [str(path) for path in own_coadds],
        "variables": _used_variables(inputs),
    }
    if report is not None and not os.path.isdir(Path(report).absolute().parent):
        raise UsageError(f"report {report}: its folder does not exist")
    n_workers = _number_of(workers, executor, inputs)
    remove_leftovers()
    with ExitStack() as stack:
        pool = threads = None
        if executor is None and len(inputs) < n_workers <= MOST_THREADS:
            threads = stack.enter_context(thread_pool(n_workers))
        elif executor is None and n_workers > 1:
            pool = stack.enter_context(process_pool(n_workers, "goodpix.ingest.preload"))
        # numba and SQLAlchemy are slow to import; the fork server imports them at the same time
        from .database.opening import open_for_writing
        from .run import Run

        shipped = _selections_to_add(db, known)
        database = stack.enter_context(
            open_for_writing(
                db,
                masks=masks,
                campaign=campaign,
                wcs_source=wcs_source,
                bit_names=names,
                profile=known.identity,
                segmentation=options.segmentation,
            )
        )
        planes = {"se": isinstance(known, ConfiguredProfile), "coadd": bool(own_coadds)}
        _check_coadds(inputs, known, database)
        _check_bit_names(
            database.identity.bit_names, names, [name for name, own in planes.items() if own], database.root
        )
        run = Run(inputs, db, database, arguments, options, force=force, retry_failed=retry_failed, reread=reread)
        if report is not None:
            stack.callback(lambda: run.report(time.monotonic() - started).write(report))
        stack.enter_context(run)
        for number, _ in enumerate(run.tiles(n_workers, executor, pool, threads), start=1):
            if progress is not None:
                progress(number, len(inputs))
    for name, selection in shipped.items():
        # slow to import, and rarely needed
        from .upkeep.selections import add_selection

        add_selection(db, name, selection, f"shipped with the profile {known.identity.name}")
    return run.report(time.monotonic() - started)


def _selections_to_add(db: PathLike, profile: Profile) -> dict[str, Selection]:
    """Return the named selections of a profile if the catalogue is a new one, by name."""
    if not profile.selections:
        return {}
    from ..schema.database import is_catalogue

    new = not is_catalogue(db)
    return {name: Selection.parse(words) for name, words in profile.selections.items() if new}


def _number_of(workers: int | None, executor: Executor | None, inputs: list[Input]) -> int:
    """Return the number of workers to use."""
    if executor is not None:
        return workers or 1
    return worth_starting(workers, inputs)


def worth_starting(n_workers: int | None, inputs: list[Input]) -> int:
    """Return how many workers have enough to do, of at most `n_workers` (None: one per usable core).

    Looks at no more files than it takes to tell.
    """
    if n_workers == 1:
        return 1
    n_bytes, most = 0, n_workers
    for each in inputs:
        if isinstance(each.content, PackedTile):
            info = each.content.unpacked()
            # the CCD images of an exposure may lie in one file
            for path in dict.fromkeys(entry.image_path for entry in (info, *info.src_info)):
                state = file_state(path)
                n_bytes += 0 if state is None else state[0]
                if most is None and n_bytes >= BYTES_PER_WORKER:
                    most = usable_cores()
                if most is not None and n_bytes >= most * BYTES_PER_WORKER:
                    return most
    return max(1, min(most or 1, n_bytes // BYTES_PER_WORKER))


def _tiles(inputs: list[Input]) -> list[PackedTile]:
    return [file.content for file in inputs if isinstance(file.content, PackedTile)]


def _used_variables(inputs: list[Input]) -> dict[str, str]:
    """Return the folders, as absolute paths, in the environment variables that paths of planes begin with.

    Other values are not recorded: they may be anything, secrets too, and whoever reads the catalogue can read them.
    """
    names = dict.fromkeys(name for tile in _tiles(inputs) for name in tile.variables)
    values = {name: os.environ[name] for name in names if name in os.environ}
    return {name: os.path.abspath(value) for name, value in values.items() if os.path.isdir(value)}


def _check_segmentation(inputs: list[Input]) -> None:
    """Check that every CCD image has a segmentation map, as those of DES have; without one each would fail."""
    for file in inputs:
        if isinstance(file.content, PackedTile) and not file.content.has_seg:
            raise UsageError(
                f"{file.name}: its CCD images have no segmentation map: expected --segment, which makes one, or "
                "--no-segment, which does without (fixed for a catalogue)"
            )


def _with_coadds(
    inputs: list[Input], paths: list[Path], profile: Profile, names: BitNames
) -> tuple[list[Input], BitNames]:
    """Return coadds with the CCD images that overlap them in place of exposures, and the names of mask bits."""
    # imports numba, which other ingests import later, beside their workers
    from .profiles.owncoadd import coadd_bit_names, read_coadds, tiles_of_coadds

    if profile.identity.is_des:
        raise UsageError(f"{paths[0]}: info files of des-pizza-cutter name their coadds: expected no other")
    coadds = read_coadds(paths)
    exposures = ((file.path, file.content.unpacked()) for file in inputs if isinstance(file.content, PackedTile))
    tiles = [Input(path, PackedTile.of(tile)) for path, tile in tiles_of_coadds(exposures, coadds).items()]
    unusable = [file for file in inputs if not isinstance(file.content, PackedTile)]
    return [*unusable, *tiles], coadd_bit_names(names, coadds)


def _check_coadds(inputs: list[Input], profile: Profile, database: "Database") -> None:
    """Check that images with and without a coadd do not come together in a catalogue."""
    import sqlalchemy as sa  # slow to import

    from ..schema.tables import coadd as coadds

    if profile.identity.is_des:
        return
    coadd = coadds.c
    with database.engine.connect() as connection:
        row = connection.execute(sa.select(coadd.tilename, coadd.wcs).limit(1)).first()
    for tile in _tiles(inputs):
        if row is not None and bool(tile.image_path) != (row.wcs is not None):
            words = ("has a", "has none") if tile.image_path else ("has no", "has one")
            raise AmbiguousInputError(
                f"tile {tile.tilename} {words[0]} coadd, but tile {row.tilename} of the catalogue of {database.root} "
                f"{words[1]}: use another --db and --masks for it"
            )


def _check_bit_names(of_catalogue: BitNames, given: BitNames, planes: Iterable[str], root: object) -> None:
    """Check that the bits of planes have the names that the catalogue has for them."""
    for plane in planes:
        mine, known = given.of_plane(plane), of_catalogue.of_plane(plane)
        if dict(mine) != dict(known):
            words = [", ".join(f"{name} {value}" for name, value in names.items()) for names in (mine, known)]
            raise AmbiguousInputError(
                f"the {plane} mask bits are {words[0] or 'without names'}, but the catalogue of {root} was made with "
                f"{words[1] or 'no names'}: use another --db and --masks for it"
            )


def _check_variables(inputs: list[Input]) -> None:
    """Check that the environment variable that the coadds' paths begin with is set, if it is for none of them."""
    tiles = _tiles(inputs)
    unset = [name for tile in tiles if (name := _unset_variable(tile.image_path)) is not None]
    if tiles and len(unset) == len(tiles):
        raise UsageError(
            f"{unset[0]} is not set, and paths of the info files begin with it, such as {tiles[0].image_path}: "
            "expected the folder of the survey's files"
        )


def _unset_variable(path: str) -> str | None:
    """Return the name of the variable that a path begins with if it is not set and no file has that very name."""
    name = first_variable(path)
    return name if name is not None and not os.environ.get(name) and file_state(path) is None else None
