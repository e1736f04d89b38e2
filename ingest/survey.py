"""The survey job: many info files into one catalogue."""

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from ..schema.bits import DES_Y6, BitNames
from ..schema.errors import UsageError
from ..schema.executors import process_pool, usable_cores
from .fingerprint import Options
from .images.sharedarray import remove_leftovers
from .inputs import Input, check_inputs, read_inputs, used_variables, worth_starting
from .report import IngestReport

__all__ = ["ingest_tiles"]

PathLike = str | os.PathLike[str]
Progress = Callable[[int, int], None]


def ingest_tiles(
    info_paths: Iterable[PathLike] | PathLike,
    *,
    db: PathLike = "sqlite:///goodpix.db",
    masks: PathLike | None = None,
    wcs_source: str = "image",
    workers: int | None = 1,
    executor: Executor | None = None,
    force: bool = False,
    retry_failed: bool = False,
    allow_missing_se_seg: bool = False,
    allow_dithered_weights: bool = False,
    bit_names: BitNames = DES_Y6,
    progress: Progress | None = None,
    report: PathLike | None = None,
) -> IngestReport:
    """Compute the masks of every epoch that info files list, and store them.

    Parameters
    ----------
    info_paths : path or iterable of paths
        Info files, and folders that are searched for ``*_pizza_cutter_info.yaml``.
    db : str or path
        Database URL, or a SQLite file; made where there is none.
    masks : str or path, optional
        Masks root: a folder, or a URL such as ``s3://bucket/prefix``. By default what the catalogue remembers,
        else ``goodpix-masks``.
    wcs_source : str
        ``"image"``: an epoch's coordinates are those of its image header; ``"scamp"``: those of
        its ``head_path``.
    workers : int, optional
        Processes that work side by side, at most: on several tiles, or, where there are fewer tiles
        than workers, on the epochs of one. 1 is this process alone, which also does what is not worth
        starting others for; None is as many as the cores that this process may use. A script that asks
        for more than 1 keeps its own work under ``if __name__ == "__main__":``, as with all of
        multiprocessing.
    executor : concurrent.futures.Executor, optional
        What does the tiles instead: of Dask, say, ``Client(...).get_executor(pure=False)``. Its workers write
        the mask files and never touch the database; they need goodpix, and the masks root and the survey's
        files where this process has them. Twice as many tiles as `workers` are submitted at a time; 512 when
        that is 1 or None.
    force : bool
        Make every mask again.
    retry_failed : bool
        Try what failed before again, though its inputs have not changed.
    allow_missing_se_seg : bool
        Take epochs without a segmentation map.
    allow_dithered_weights : bool
        Take weight planes that may have lost their exact zeros.
    bit_names : BitNames
        Names of the survey's mask bits; recorded when the catalogue is made.
    progress : callable, optional
        Called with the tiles that are done, and all of them.
    report : path, optional
        File for the report, as JSON. It is written when the run is stopped, too.

    Returns
    -------
    IngestReport
        What was done and what failed; a failure is recorded and stops nothing else. Nor does a worker that
        dies: its tile is tried once more when nothing else is under way, then it is a failure.

    Raises
    ------
    UsageError
        If an input path does not exist, inputs contradict each other or the catalogue.
    CatalogueError
        If the catalogue or its masks root cannot be used.
    WorkerLostError
        If the executor takes no more tiles.

    Notes
    -----
    Whatever stops a run, each tile that was stored is whole, and the same call goes on with the others.
    """
    started = time.monotonic()
    if wcs_source not in ("image", "scamp"):
        raise UsageError(f"wcs_source is {wcs_source!r}: expected image or scamp")
    given = [info_paths] if isinstance(info_paths, str | os.PathLike) else list(info_paths)
    inputs = read_inputs(given)
    campaign = check_inputs(inputs)
    options = Options(wcs_source, allow_missing_se_seg, allow_dithered_weights)
    arguments = asdict(options) | {
        "inputs": [str(each) for each in given],
        "masks": None if masks is None else str(masks),
        "force": force,
        "retry_failed": retry_failed,
        "variables": used_variables(inputs),
    }
    if report is not None and not Path(report).absolute().parent.is_dir():
        raise UsageError(f"report {report}: its folder does not exist")
    n_workers = _number_of(workers, executor, inputs)
    remove_leftovers()
    with ExitStack() as stack:
        pool = None
        if executor is None and n_workers > 1:
            pool = stack.enter_context(process_pool(n_workers, "goodpix.ingest.preload"))
        # numba and SQLAlchemy are slow to import: the server that forks workers does it meanwhile
        from .database.opening import open_for_writing
        from .run import Run

        database = stack.enter_context(
            open_for_writing(db, masks=masks, campaign=campaign, wcs_source=wcs_source, bit_names=bit_names)
        )
        run = Run(inputs, db, database, arguments, options, force=force, retry_failed=retry_failed)
        if report is not None:
            stack.callback(lambda: run.report(time.monotonic() - started).write(report))
        stack.enter_context(run)
        for number, _ in enumerate(run.tiles(n_workers, executor, pool), start=1):
            if progress is not None:
                progress(number, len(inputs))
    return run.report(time.monotonic() - started)


def _number_of(workers: int | None, executor: Executor | None, inputs: list[Input]) -> int:
    """Return how many workers there are to be."""
    if workers is not None and workers < 1:
        raise UsageError(f"workers is {workers}: expected 1 or more")
    if executor is not None:
        return workers or 1
    return worth_starting(workers or usable_cores(), inputs)
