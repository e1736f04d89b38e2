"""Ingest of many info files into one catalogue."""

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from ..schema.bits import BitNames
from ..schema.criteria import Selection
from ..schema.errors import UsageError
from ..schema.executors import check_workers, thread_pool, usable_cores
from ..schema.inputs.segmentation import Segmentation
from ..schema.planes.imagefiles import file_state, first_variable
from ..schema.workers.pool import process_pool
from .images.sharedarray import remove_leftovers
from .infofiles import Input, PackedTile, Reading, check_inputs, read_inputs
from .plan import Options
from .profiles.ccdtable import CUTS_SELECTION, CcdTable, read_ccd_table
from .profiles.protocol import ConfiguredProfile, Profile, SelectionsOfFiles
from .profiles.registry import checked_settings, configured_profile, find_profile
from .report import IngestReport

__all__ = ["BYTES_PER_WORKER", "ingest_tiles", "worth_starting"]

logger = logging.getLogger(__name__)

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
    wcs_source: Literal["image", "scamp"] = "image",
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
    ccd_table: PathLike | None = None,
    no_segment: bool = False,
    coadds: Iterable[PathLike] = (),
    segment: bool = False,
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
        Settings of the profile, by name; with `segment`, also those in
        `goodpix.schema.inputs.segmentation.SEGMENT_SETTINGS`.
    ccd_table : path, optional
        Table of CCD images (FITS, CSV, ECSV or Parquet) with their zero points, seeing and cuts, in place of what the
        files say; see `goodpix.ingest.profiles.ccdtable.read_ccd_table`.
    no_segment : bool
        Use no segmentation maps of epochs: their counts are null, and all epochs count in aggregates. Fixed when the
        catalogue is created.
    coadds : iterable of paths
        YAML files that describe a coadd each (tilename, band, image, weight, mask, seg), for profiles that have none:
        the CCD images of its band that overlap it become epochs of its tile, and others are left out.
    segment : bool
        Make segmentation maps of epochs that have none, with sep (the extra ``segment``). Parameters and version of
        sep are fixed when the catalogue is created.
    bit_names : BitNames, optional
        Names of the mask bits, recorded when the catalogue is created; by default those of the profile.
    progress : callable, optional
        Called with the number of tiles done and the total: before the first tile, and after each.
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

    Examples
    --------
    >>> report = goodpix.ingest_tiles(survey, db="new.db", masks="new-masks", workers=1)
    >>> report.n_failures
    0
    """
    started = time.monotonic()
    if wcs_source not in ("image", "scamp"):
        raise UsageError(f"wcs_source is {wcs_source!r}: expected image or scamp")
    given = [info_paths] if isinstance(info_paths, str | os.PathLike) else list(info_paths)
    if workers is not None:
        check_workers(workers)
    known = configured_profile(find_profile(profile), [Path(each) for each in given])
    maps_made, of_profile = _segmentation(settings or {}, segment=segment)
    if segment and (no_segment or allow_missing_se_seg):
        other = "no_segment" if no_segment else "allow_missing_se_seg"
        words = f"--{other.replace('_', '-')} ({other}=True)"
        raise UsageError(f"--segment (segment=True) makes the maps that {words} does without: expected one of the two")
    table = None if ccd_table is None else read_ccd_table(ccd_table)
    reading = Reading(known, checked_settings(known, of_profile), table)
    inputs = read_inputs(given, 1 if executor is not None and workers is not None else workers, reading)
    campaign = check_inputs(inputs, reading)
    if table is not None:
        _report_missing(table, inputs)
    if not (known.identity.is_des or no_segment or segment):
        _check_segmentation(inputs)
    own_coadds = [Path(each) for each in ([coadds] if isinstance(coadds, str | os.PathLike) else coadds)]
    exposures, names = inputs, bit_names or known.bit_names
    if own_coadds:
        inputs, names = _with_coadds(inputs, own_coadds, known, names)
    if executor is None:  # the workers of an executor may know other variables
        _check_variables(inputs)
    options = Options(
        wcs_source,
        allow_missing_se_seg,
        allow_dithered_weights,
        allow_damaged,
        known.identity,
        no_segment,
        maps_made,
    )
    arguments = asdict(options) | {
        "inputs": [str(each) for each in given],
        "masks": None if masks is None else str(masks),
        "force": force,
        "reread": reread,
        "retry_failed": retry_failed,
        "settings": dict(settings or {}),
        "ccd_table": None if table is None else table.path,
        "coadds": [str(path) for path in own_coadds],
        "variables": _used_variables(inputs),
    }
    if report is not None and not os.path.isdir(Path(report).absolute().parent):
        raise UsageError(f"report {report}: its folder does not exist")
    n_workers = _number_of(workers, executor, inputs)
    remove_leftovers()
    with ExitStack() as stack:
        pool = threads = None
        # sep holds the interpreter's lock
        if executor is None and len(inputs) < n_workers <= MOST_THREADS and not segment:
            threads = stack.enter_context(thread_pool(n_workers))
        elif executor is None and n_workers > 1:
            pool = stack.enter_context(process_pool(n_workers, "goodpix.ingest.preload"))
        # numba and SQLAlchemy are slow to import; the fork server imports them at the same time
        from .database.opening import check_bit_names, check_coadds, open_for_writing
        from .run import Run

        shipped = _selections_to_add(db, reading, exposures)
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
        if not known.identity.is_des:
            check_coadds(database, {tile.tilename: bool(tile.image_path) for tile in _tiles(inputs)})
        check_bit_names(database, names, se=isinstance(known, ConfiguredProfile), coadd=bool(own_coadds))
        run = Run(inputs, db, database, arguments, options, force=force, retry_failed=retry_failed, reread=reread)
        if report is not None:
            stack.callback(lambda: run.report(time.monotonic() - started).write(report))
        stack.enter_context(run)
        if progress is not None:
            progress(0, len(inputs))
        for number, _ in enumerate(run.tiles(n_workers, executor, pool, threads), start=1):
            if progress is not None:
                progress(number, len(inputs))
    for name, selection in shipped.items():
        # slow to import, and rarely needed
        from .upkeep.selections import add_selection

        try:
            add_selection(db, name, *selection)
        except UsageError as error:  # another one of that name
            logger.warning("%s", error)
    return run.report(time.monotonic() - started)


def _selections_to_add(db: PathLike, reading: Reading, inputs: list[Input]) -> dict[str, tuple[Selection, str]]:
    """Return the named selections of a profile if the catalogue is a new one, and that of a table with cuts.

    Each has its description.
    """
    profile, table, wanted = reading.profile, reading.ccd_table, {}
    if table is not None and table.has_cuts:
        name, words = CUTS_SELECTION
        wanted[name] = Selection.parse(words), "leaves out the CCD images that the table of CCD images cuts"
    if not profile.selections:
        return wanted
    from ..schema.database import is_catalogue

    if not is_catalogue(db):
        shipped, words_of = f"shipped with the profile {profile.identity.name}", dict(profile.selections)
        if isinstance(profile, SelectionsOfFiles):
            usable = [file.path for file in inputs if isinstance(file.content, PackedTile)]
            words_of |= profile.selections_of(usable, reading.settings)
        wanted |= {name: (Selection.parse(words), shipped) for name, words in words_of.items()}
    return wanted


def _report_missing(table: CcdTable, inputs: list[Input]) -> None:
    """Log how many CCD images a table has no row for."""
    infos = [tile.unpacked() for tile in _tiles(inputs)]
    missing = [entry.name for info in infos for entry in table.missing(info)]
    if missing:
        n = sum(len(info.src_info) for info in infos)
        logger.warning(
            "%s: it has no row for %d of %d CCD images, which keep what their files say, such as epoch %s",
            *(table.path, len(missing), n, missing[0]),
        )


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


def _segmentation(settings: Mapping[str, str], *, segment: bool) -> tuple[Segmentation | None, dict[str, str]]:
    """Return the parameters of segmentation maps to be made, and the settings of the profile."""
    of_maps = {key: str(value) for key, value in settings.items() if key.startswith("segment_")}
    others = {key: value for key, value in settings.items() if key not in of_maps}
    if of_maps and not segment:
        name = next(iter(of_maps))
        raise UsageError(f"{name} is a setting of maps to be made: expected --segment (segment=True) as well")
    if not segment:
        return None, others
    from .images.segmentation import sep_version  # slow to import, and rarely needed

    return Segmentation.of(of_maps, sep_version()), others


def _check_segmentation(inputs: list[Input]) -> None:
    """Check that every CCD image has a segmentation map, as those of DES have; without one each would fail."""
    for file in inputs:
        if isinstance(file.content, PackedTile) and not file.content.has_seg:
            raise UsageError(
                f"{file.name}: its CCD images have no segmentation map: expected --segment (segment=True), which makes "
                "one, or --no-segment (no_segment=True), which does without (fixed for a catalogue)"
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
