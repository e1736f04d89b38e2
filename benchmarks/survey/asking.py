"""Timed queries on one database, compared with DuckDB."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

import goodpix

from ..measure import Contender, Goal, GoalKind, Measured, Result, check, race
from .databases import Loaded, parquet
from .maskfiles import masks_that_exist
from .questions import QUESTIONS, Question
from .rows import epochs
from .synthetic import Survey

__all__ = ["ask_all", "load_rows"]

_DUCKDB = "DuckDB over Parquet"
_SECOND = Goal(GoalKind.AT_MOST, 1000)
_POSITION, _MASK = Goal(GoalKind.AT_MOST, 20), Goal(GoalKind.AT_MOST, 10)
_N_CALLS = 25
_EXACT = 1e-12


def load_rows(survey: Survey, loaded: Loaded) -> list[Result]:
    """Return the duration of the load, in all and by stage, and the size of the database."""
    stages = {"total": sum(loaded.seconds.values()), **loaded.seconds}
    rows = [Result(f"load: {stage}", _data(survey), loaded.name, "s", (taken,)) for stage, taken in stages.items()]
    return [*rows, Result("size of the database", _data(survey), loaded.name, "GB", (loaded.n_bytes / 1e9,))]


def ask_all(survey: Survey, loaded: Loaded, folder: Path, rounds: int) -> list[Result]:
    """Run every query once on a database with nothing in memory, then `rounds` times.

    Parameters
    ----------
    survey : Survey
        Contents of the database.
    loaded : Loaded
        The database.
    folder : Path
        Folder of the same epochs' counts as Parquet.
    rounds : int
        Number of rounds; positions and single masks are queried 25 times as often.
    """
    rows: list[Result] = []
    with parquet(folder) as duck:
        for name, question in QUESTIONS.items():
            loaded.forget()
            with goodpix.Catalogue(loaded.url) as catalogue:
                rows += _ask(name, question, survey, loaded, catalogue, duck, rounds)
    calls = {"every epoch at a position": (_positions, _POSITION), "one mask": (_masks, _MASK)}
    for name, (calls_of, goal) in calls.items():
        loaded.forget()
        with goodpix.Catalogue(loaded.url) as catalogue:
            rows += _call(name, calls_of(survey, catalogue, _N_CALLS * rounds), survey, loaded, goal)
    return rows


def _ask(
    name: str,
    question: Question,
    survey: Survey,
    loaded: Loaded,
    catalogue: goodpix.Catalogue,
    duck: duckdb.DuckDBPyConnection,
    rounds: int,
) -> list[Result]:
    over_epochs = re.sub(r":(\w+)", r"$\1", question.over_epochs)
    asked = Contender(loaded.name, lambda: catalogue.sql(question.sql, question.parameters))
    peer = Contender(_DUCKDB, lambda: duck.execute(over_epochs, dict(question.parameters)).df())
    first = _seconds(asked.work)
    measured = race([asked, peer], rounds, "ms")
    check(_same(measured.answers[loaded.name], measured.answers[_DUCKDB]), f"{name}: {loaded.name} and DuckDB differ")
    found = Measured(name, _data(survey), "ms", measured.times)
    return [
        found.row(loaded.name, peer=_DUCKDB, goal=_SECOND),
        Result(name, _data(survey), f"{loaded.name}, first", "ms", (1e3 * first,)),
        found.row(_DUCKDB),
    ]


def _call(name: str, calls: list[Callable[[], object]], survey: Survey, loaded: Loaded, goal: Goal) -> list[Result]:
    """Time calls for different rows, few of which an earlier call has read; then time them all again."""
    times, again = ([1e3 * _seconds(call) for call in calls] for _ in range(2))
    return [
        Result(name, _data(survey), loaded.name, "ms", tuple(times[1:]), goal=goal),
        Result(name, _data(survey), f"{loaded.name}, first", "ms", (times[0],)),
        Result(name, _data(survey), f"{loaded.name}, the same again", "ms", tuple(again)),
    ]


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _positions(survey: Survey, catalogue: goodpix.Catalogue, n: int) -> list[Callable[[], object]]:
    """Return queries for every epoch at random positions in the survey."""
    rng = np.random.default_rng(5)
    tile = rng.integers(0, len(survey.tiles), n)
    dec = survey.tiles.dec[tile] + rng.uniform(-0.3, 0.3, n)
    ra = survey.tiles.ra[tile] + rng.uniform(-0.3, 0.3, n) / np.cos(np.radians(dec))
    return [
        lambda a=a, d=d: catalogue.at(a, d, reasons=False)  # type: ignore[misc]  # mypy cannot type its defaults
        for a, d in zip((ra % 360).tolist(), dec.tolist(), strict=True)
    ]


def _masks(survey: Survey, catalogue: goodpix.Catalogue, n: int) -> list[Callable[[], object]]:
    """Return queries for random masks among those that exist."""
    names = ["tilename", "band", "expnum", "ccdnum"]
    keys = [
        key
        for each in masks_that_exist(survey).values()
        for key in epochs(survey, each.start, each.stop).select(names).to_pylist()
    ]
    which = np.random.default_rng(6).integers(0, len(keys), n)
    return [lambda key=keys[k]: catalogue.mask(**key) for k in which]  # type: ignore[misc]  # as above


def _same(ours: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Tell whether two answers have the same rows, with fractions equal to rounding."""
    if list(ours.columns) != list(other.columns) or len(ours) != len(other):
        return False
    return all(_same_column(ours[name], other[name]) for name in ours.columns)


def _same_column(ours: "pd.Series[Any]", other: "pd.Series[Any]") -> bool:
    if not pd.api.types.is_numeric_dtype(ours):
        return bool((ours.astype(str).to_numpy() == other.astype(str).to_numpy()).all())
    return bool(np.allclose(ours.to_numpy(np.float64), other.to_numpy(np.float64), rtol=_EXACT, atol=0))


def _data(survey: Survey) -> str:
    return f"{len(survey):,} epochs"
