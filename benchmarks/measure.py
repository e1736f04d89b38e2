"""Timing of contenders in turn, and rows of results."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Contender", "Goal", "GoalKind", "Measured", "Race", "Result", "WrongAnswerError", "check", "race"]

_PER_SECOND = {"s": 1.0, "ms": 1e3}


class WrongAnswerError(Exception):
    """Two contenders that should agree do not."""


def check(holds: bool, message: str) -> None:
    """Check an answer that is measured.

    Raises
    ------
    WrongAnswerError
        If `holds` is false, with the message.
    """
    if not holds:
        raise WrongAnswerError(message)


class GoalKind(StrEnum):
    """Kind of limit that a goal sets."""

    AT_MOST = "<= {limit:g} {unit}"
    TIMES = "<= {limit:g} x"
    BELOW = "< {limit:g} x"
    FASTER = ">= {limit:g} x faster"


@dataclass(frozen=True, slots=True)
class Goal:
    """Target for a measurement.

    Parameters
    ----------
    kind : GoalKind
        Whether the limit applies to the median itself or to its ratio to the peer's.
    limit : float
        The limit.
    stretch : float, optional
        A more ambitious limit of the same kind.
    """

    kind: GoalKind
    limit: float
    stretch: float | None = None

    def reached(self, median: float, ratio: float | None, *, stretch: bool = False) -> bool:
        """Tell whether a median, `ratio` times the peer's, reaches the goal or its stretch."""
        limit = self.stretch if stretch else self.limit
        if limit is None:
            return False
        if self.kind is GoalKind.AT_MOST:
            return median <= limit
        if ratio is None:
            return False
        if self.kind is GoalKind.FASTER:
            return ratio * limit <= 1
        return ratio < limit if self.kind is GoalKind.BELOW else ratio <= limit

    def text(self, unit: str) -> str:
        """Return the goal as text; the limit of a median carries the unit."""
        text = self.kind.format(limit=self.limit, unit=unit)
        return text if self.stretch is None else f"{text}, stretch {self.stretch:g} x"


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the table: a contender's samples, compared with a peer's.

    Parameters
    ----------
    question, data, contender, unit : str
        Benchmark, data, contender and unit.
    samples : tuple of float
        All measurements.
    peer : str or None
        Contender compared with.
    ratio : float or None
        Ratio of the median to the peer's.
    goal : Goal or None
        Target.
    """

    question: str
    data: str
    contender: str
    unit: str
    samples: tuple[float, ...]
    peer: str | None = None
    ratio: float | None = None
    goal: Goal | None = None

    @property
    def median(self) -> float:
        """The median of the samples."""
        return statistics.median(self.samples)

    @property
    def reached(self) -> bool | None:
        """True if the goal is reached; None if there is none."""
        return None if self.goal is None else self.goal.reached(self.median, self.ratio)

    @property
    def stretch_reached(self) -> bool | None:
        """True if the goal's stretch is reached; None if there is none."""
        if self.goal is None or self.goal.stretch is None:
            return None
        return self.goal.reached(self.median, self.ratio, stretch=True)


@dataclass(frozen=True, slots=True)
class Measured:
    """Samples of all contenders of one benchmark on the same data.

    Parameters
    ----------
    question, data, unit : str
        Benchmark, data and unit.
    samples : mapping of str to tuple of float
        Measurements by contender.
    """

    question: str
    data: str
    unit: str
    samples: Mapping[str, tuple[float, ...]]

    def row(self, contender: str, *, peer: str | None = None, goal: Goal | None = None) -> Result:
        """Return the row of a contender, compared with a peer if one is named."""
        samples = self.samples[contender]
        ratio = None if peer is None else statistics.median(samples) / statistics.median(self.samples[peer])
        return Result(self.question, self.data, contender, self.unit, samples, peer, ratio, goal)


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work.

    Parameters
    ----------
    name : str
        Name in the table.
    work : callable
        The timed call.
    prepare : callable, optional
        Untimed call before each timed one.
    at_most : int, optional
        Maximum number of rounds.
    warm_up : bool
        Whether to do the work once before it is timed.
    """

    name: str
    work: Callable[[], object]
    prepare: Callable[[], object] | None = None
    at_most: int | None = None
    warm_up: bool = True

    def run(self, *, collect: bool = True) -> tuple[float, object]:
        """Do the work, after collecting garbage if `collect`; return its duration in seconds and its result."""
        if self.prepare is not None:
            self.prepare()
        if collect:
            gc.collect()
        started = time.perf_counter()
        answer = self.work()
        return time.perf_counter() - started, answer


@dataclass(frozen=True, slots=True)
class Race:
    """Results of a race, by contender.

    Parameters
    ----------
    times : mapping of str to tuple of float
        Duration of the work in each round.
    answers : mapping of str to object
        Result of the last round.
    """

    times: Mapping[str, tuple[float, ...]]
    answers: Mapping[str, Any]


def race(contenders: Sequence[Contender], rounds: int, unit: str = "s", per: int = 1) -> Race:
    """Time contenders in turn, so that other load on the machine affects all of them alike.

    Each round runs every contender once, every second round in reverse order.

    Parameters
    ----------
    contenders : sequence of Contender
        The contenders.
    rounds : int
        Number of rounds. A single one only tests that everything works, without warm-up or garbage collection.
    unit : str
        ``"s"`` or ``"ms"``.
    per : int
        Number of items per call; the times are per item.
    """
    if rounds == 1:
        return _race(contenders, rounds, _PER_SECOND[unit] / per)
    # exempt existing objects from the garbage collection before every run
    gc.collect()
    gc.freeze()
    try:
        return _race(contenders, rounds, _PER_SECOND[unit] / per)
    finally:
        gc.unfreeze()


def _race(contenders: Sequence[Contender], rounds: int, per_second: float) -> Race:
    for each in contenders:
        if rounds > 1 and each.warm_up:
            each.run()
    seconds: dict[str, list[float]] = {each.name: [] for each in contenders}
    answers: dict[str, Any] = {}
    for number in range(rounds):
        taking_part = [each for each in contenders if each.at_most is None or number < each.at_most]
        for each in reversed(taking_part) if number % 2 else taking_part:
            answers.pop(each.name, None)  # so that memory never holds two answers
            taken, answers[each.name] = each.run(collect=rounds > 1)
            seconds[each.name].append(taken)
    times = {name: tuple(each * per_second for each in taken) for name, taken in seconds.items()}
    return Race(times, answers)
