"""Cost of storing the receipts of tiles, by one coordinator or by several at once."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.infofile import read_info_file
from goodpix.ingest.plan import Options, TileTask
from goodpix.ingest.synthetic import SMALL, make_tile
from goodpix.ingest.tile import Receipt, ingest_tile
from goodpix.schema.bits import DES_Y6
from goodpix.schema.database import open_for_reading, parse_url
from goodpix.schema.dialects import sqlite_path
from goodpix.schema.rows import EpochFacts
from goodpix.schema.store.masksroot import MasksRoot
from goodpix.schema.tables import ccd_night, tile_summary

from .measure import Goal, GoalKind, Result, check
from .tiles import absolute

__all__ = ["SmallTile", "Target", "of_another_tile", "small_tile", "store"]

_SPEC = replace(SMALL, bands=("r",), n_extra_epochs=0, coadd_shape=(160, 170), ccd_shape=(128, 64))

_QUESTION = "store a receipt"
_GOAL = Goal(GoalKind.AT_MOST, 100)
_TWICE, _NO_LONGER = Goal(GoalKind.FASTER, 1.6), Goal(GoalKind.TIMES, 1)

# Exposures of a tile and band, and CCDs that it holds of each.
_N_EXPOSURES, _N_CCDS = 16, 10
_LAST_CCDNUM = 61


@dataclass(frozen=True, slots=True)
class Stored:
    """Receipts that one coordinator has stored.

    Parameters
    ----------
    seconds : tuple of float
        Duration of each.
    longest_wait : float
        Longest time for which a statement waited for a lock, s.
    began, ended : float
        Clock readings before the first and after the last.
    """

    seconds: tuple[float, ...]
    longest_wait: float
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Target:
    """A catalogue to store receipts in.

    Parameters
    ----------
    name, url : str
        Its name in the table, and its database.
    masks : Path or None
        Masks root of a new catalogue.
    campaign : str
        Its campaign.
    nights : tuple of int
        Nights of the exposures, instead of their own.
    run : int
        Number that makes tiles and exposures different from those of earlier runs.
    """

    name: str
    url: str
    masks: Path | None = None
    campaign: str = "synthetic"
    nights: tuple[int, ...] = ()
    run: int = field(default_factory=lambda: int(time.time()))

    @classmethod
    def survey(cls, url: str) -> "Target":
        """Return a catalogue that already holds a survey, to whose nights the receipts add."""
        with open_for_reading(url) as database, database.engine.connect() as connection:
            n_epochs = connection.scalar(sa.select(sa.func.sum(tile_summary.c.n_epochs)))
            nights = connection.execute(sa.select(ccd_night.c.nite).distinct().where(ccd_night.c.nite.is_not(None)))
            name = f"{connection.dialect.name} with {n_epochs:,} epochs"
            return cls(name, url, campaign=database.identity.campaign, nights=tuple(sorted(nights.scalars())))


@dataclass(frozen=True, slots=True)
class SmallTile:
    """A small tile that was ingested, as far as its mask file.

    Parameters
    ----------
    task : TileTask
        Its job.
    receipt : Receipt
        What the job has returned.
    """

    task: TileTask
    receipt: Receipt


def small_tile(folder: Path, n_epochs: int) -> SmallTile:
    """Make a tile of images that are made and read in no time, and its masks."""
    (made,) = make_tile(folder / "survey", replace(_SPEC, n_epochs=n_epochs))
    info_path = absolute("own maker", folder / "survey", made, folder / "info").info_path
    task = TileTask(
        info_path=str(info_path),
        info=read_info_file(info_path),
        root=MasksRoot.of(folder / "receipts"),
        options=Options("image", allow_missing_se_seg=False, allow_dithered_weights=False),
        bit_names=DES_Y6,
    )
    return SmallTile(task, ingest_tile(task))


def of_another_tile(receipt: Receipt, target: Target, number: int) -> Receipt:
    """Return a receipt under another tile's name; tiles 2 k and 2 k + 1 hold the same CCD images."""
    tilename = f"SCALE{target.run}-{number:05d}"
    pair = number // 2
    rows = []
    for k, stored in enumerate(receipt.rows):
        key, facts = replace(stored.row.key, tilename=tilename), stored.row.facts
        if isinstance(facts, EpochFacts):
            exposure = _N_EXPOSURES * pair + k // _N_CCDS
            key = replace(key, expnum=1_000_000 * target.run + exposure, ccdnum=1 + (7 * pair + k) % _LAST_CCDNUM)
            if target.nights:
                facts = replace(facts, nite=target.nights[7 * exposure % len(target.nights)])
        rows.append(replace(stored, row=replace(stored.row, key=key, facts=facts)))
    mask_file = f"{receipt.band}/{tilename}.parquet"
    return replace(receipt, info_path=tilename, tilename=tilename, mask_file=mask_file, rows=tuple(rows))


def store(receipt: Receipt, target: Target, n_receipts: int) -> list[Result]:
    """Time storing receipts by one coordinator and, where several are possible, by two at once.

    Parameters
    ----------
    receipt : Receipt
        Receipt of any tile, stored under the names of others.
    target : Target
        The catalogue.
    n_receipts : int
        Number of receipts for each coordinator.
    """
    data = f"tile of {len(receipt.rows) - 1} epochs"
    one = _store(receipt, target, range(n_receipts + 1))
    alone = Result(_QUESTION, data, target.name, "ms", tuple(1e3 * each for each in one.seconds), goal=_GOAL)
    if sqlite_path(parse_url(target.url)) is not None:
        return [alone]
    context = get_context("spawn")
    start = context.Barrier(2)
    with ProcessPoolExecutor(2, context, initializer=_share, initargs=(start,)) as pool:
        # a coordinator's every tile has its CCD images in common with one of the other's
        numbers = [range(1_000_000 + k, 1_000_000 + k + 2 * (n_receipts + 1), 2) for k in (0, 1)]
        both = [each.result() for each in [pool.submit(_store, receipt, target, each) for each in numbers]]
    seconds = max(each.ended for each in both) - min(each.began for each in both)
    rates = {"one": (one.ended - one.began) / n_receipts, "two": seconds / (2 * n_receipts)}
    two = f"{target.name}, two coordinators"
    wait = max(each.longest_wait for each in both)
    longest = max(max(each.seconds) for each in both)
    return [
        alone,
        Result(_QUESTION, data, two, "ms", (1e3 * rates["two"],), target.name, rates["two"] / rates["one"], _TWICE),
        Result(
            "longest wait for a lock", data, two, "ms", (1e3 * wait,), "the longest receipt", wait / longest, _NO_LONGER
        ),
    ]


_start: "Barrier | None" = None


def _share(start: Barrier) -> None:
    """Keep what the coordinators begin at, in a process of their pool."""
    global _start
    _start = start


def _store(receipt: Receipt, target: Target, numbers: Sequence[int]) -> Stored:
    """Store the receipts of tiles with some numbers, the first of which is not timed."""
    seconds: list[float] = []
    with open_for_writing(target.url, masks=target.masks, campaign=target.campaign, wcs_source="image") as database:
        writer = Writer(database, {})
        writer.commit(of_another_tile(receipt, target, numbers[0]))
        if _start is not None:
            _start.wait()
        began = time.monotonic()
        with _waits(database.engine) as waits:
            for number in numbers[1:]:
                other = of_another_tile(receipt, target, number)
                started = time.perf_counter()
                check(writer.commit(other), f"{target.name}: {other.tilename} was already stored")
                seconds.append(time.perf_counter() - started)
        return Stored(tuple(seconds), max(waits, default=0.0), began, time.monotonic())


@contextmanager
def _waits(engine: sa.Engine) -> Iterator[list[float]]:
    """Time every statement that takes a lock which others may hold."""
    times: list[float] = []

    def before(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "lock(" in statement or "FOR KEY SHARE" in statement:
            times.append(-time.perf_counter())

    def after(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "lock(" in statement or "FOR KEY SHARE" in statement:
            times[-1] += time.perf_counter()

    listeners = (("before_cursor_execute", before), ("after_cursor_execute", after))
    for name, listener in listeners:
        sa.event.listen(engine, name, listener)
    yield times
    for name, listener in listeners:
        sa.event.remove(engine, name, listener)
