"""The measurement: contenders timed in turn, and rows of what came out."""

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
    """Refuse to measure what gives a wrong answer.

    Raises
    ------
    WrongAnswerError
        With the message, if it does not hold.
    """
    if not holds:
        raise WrongAnswerError(message)


class GoalKind(StrEnum):
    """What a goal limits."""

    AT_MOST = "<= {limit:g} {unit}"
    TIMES = "<= {limit:g} x"
    BELOW = "< {limit:g} x"
    FASTER = ">= {limit:g} x faster"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a number should come to.

    Parameters
    ----------
    kind : GoalKind
        Whether the limit is of the median itself, or of its ratio to the peer's.
    limit : float
        The limit.
    stretch : float, optional
        The next limit, of the same kind.
    """

    kind: GoalKind
    limit: float
    stretch: float | None = None

    def reached(self, median: float, ratio: float | None, *, stretch: bool = False) -> bool:
        """Tell whether a median, which is `ratio` times the peer's, reaches the goal, or the stretch."""
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
        """Return the goal in words; a limit of the median itself has the unit."""
        said = self.kind.format(limit=self.limit, unit=unit)
        return said if self.stretch is None else f"{said}, stretch {self.stretch:g} x"


@dataclass(frozen=True, slots=True)
class Result:
    """One row: what one contender took, and how that compares with a peer.

    Parameters
    ----------
    question, data, contender, unit : str
        What was measured, on which data, of whom, in which unit.
    samples : tuple of float
        Each measurement.
    peer : str or None
        The contender that it is compared with.
    ratio : float or None
        The median over the peer's.
    goal : Goal or None
        What it should come to.
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
        """Whether the goal is reached; None where there is none."""
        return None if self.goal is None else self.goal.reached(self.median, self.ratio)

    @property
    def stretch_reached(self) -> bool | None:
        """Whether the goal's stretch is reached; None where there is none."""
        if self.goal is None or self.goal.stretch is None:
            return None
        return self.goal.reached(self.median, self.ratio, stretch=True)


@dataclass(frozen=True, slots=True)
class Measured:
    """The samples of all contenders of one question on the same data.

    Parameters
    ----------
    question, data, unit : str
        What was measured, on what, in which unit.
    samples : mapping of str to tuple of float
        By contender.
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
        What it is called in the table.
    work : callable
        What is timed.
    prepare : callable, optional
        Done before each time, and not timed.
    at_most : int, optional
        Rounds that it takes part in, at most.
    warm_up : bool
        Whether to do the work once before it is timed.
    """

    name: str
    work: Callable[[], object]
    prepare: Callable[[], object] | None = None
    at_most: int | None = None
    warm_up: bool = True

    def run(self, *, collect: bool = True) -> tuple[float, object]:
        """Do the work, without garbage to collect if so told, and return the seconds it took and what it returned."""
        if self.prepare is not None:
            self.prepare()
        if collect:
            gc.collect()
        started = time.perf_counter()
        answer = self.work()
        return time.perf_counter() - started, answer


@dataclass(frozen=True, slots=True)
class Race:
    """What came out of a race, by contender.

    Parameters
    ----------
    times : mapping of str to tuple of float
        How long the work took each time.
    answers : mapping of str to object
        What it returned the last time.
    """

    times: Mapping[str, tuple[float, ...]]
    answers: Mapping[str, Any]


def race(contenders: Sequence[Contender], rounds: int, unit: str = "s", per: int = 1) -> Race:
    """Time contenders in turn, so that what else the machine does falls on all of them alike.

    Each round runs every contender once, every second round in the opposite order.

    Parameters
    ----------
    contenders : sequence of Contender
        Who takes part.
    rounds : int
        How often. Once is a trial of whether it works, without warming up or collecting garbage.
    unit : str
        ``"s"`` or ``"ms"``.
    per : int
        Pieces of work that a contender does at a time; the times are of one piece.
    """
    if rounds == 1:
        return _race(contenders, rounds, _PER_SECOND[unit] / per)
    # what is there already need not be looked through before every run
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
            answers.pop(each.name, None)  # or the work would need memory for two answers
            taken, answers[each.name] = each.run(collect=rounds > 1)
            seconds[each.name].append(taken)
    times = {name: tuple(each * per_second for each in taken) for name, taken in seconds.items()}
    return Race(times, answers)
