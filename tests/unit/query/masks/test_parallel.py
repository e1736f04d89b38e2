"""A function of many masks: its results, and what goes wrong on the way."""

import os
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from goodpix.query.masks import parallel
from goodpix.query.masks.mask import Mask
from goodpix.query.masks.parallel import Mapped, map_masks
from goodpix.query.masks.reader import MaskLocation, find_masks
from goodpix.query.source import Source
from goodpix.schema.errors import UsageError

from ....maskcatalogue import EPOCHS

COUNTED = {key: np.count_nonzero(epoch.flags == 0) for key, epoch in EPOCHS.items()}


class LosingExecutor(Executor):
    """An executor that loses the tasks of its first call."""

    def __init__(self) -> None:
        self.calls = 0

    def submit(self, function: Any, /, *arguments: Any, **given: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        self.calls += 1
        if self.calls == 1:
            future.set_exception(OSError("the worker\n is gone"))
        else:
            future.set_result(function(*arguments, **given))
        return future


def locations(source: Source) -> Iterator[MaskLocation]:
    return find_masks(source.database, "epoch", {})


def fails_in_i(mask: Mask) -> int:
    if mask.key.band == "i":
        raise ArithmeticError("of one's\n own")
    return mask.count()


def test_results_come_in_the_order_of_masks_in_one_process(source: Source) -> None:
    found = list(map_masks(Mask.count, locations(source), source.database))
    assert found == [Mapped(key, n) for key, n in COUNTED.items()]


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_results_are_the_same_on_an_executor(source: Source, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_BATCH", batch)
    with ThreadPoolExecutor(2) as threads:
        found = list(map_masks(Mask.count, locations(source), source.database, executor=threads))
    assert {each.key: each.value for each in found} == COUNTED
    assert len(found) == len(COUNTED)


@pytest.mark.parametrize("threads", [0, 1])
def test_function_that_fails_ends_nothing_and_says_why(source: Source, threads: int) -> None:
    executor = ThreadPoolExecutor(1) if threads else None
    found = {each.key: each for each in map_masks(fails_in_i, locations(source), source.database, executor=executor)}
    if executor is not None:
        executor.shutdown()
    for key, n in COUNTED.items():
        expected = Mapped(key, error="ArithmeticError: of one's own") if key.band == "i" else Mapped(key, n)
        assert found[key] == expected


def test_masks_that_an_executor_loses_are_errors_and_the_others_results(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "_BATCH", 3)
    found = list(map_masks(Mask.count, locations(source), source.database, executor=LosingExecutor()))
    assert sorted(each.error or "" for each in found) == ["", *["OSError: the worker is gone"] * 3]
    assert [each.value for each in found if each.error is None] == [list(COUNTED.values())[3]]


def test_nothing_to_do_is_no_result(source: Source) -> None:
    assert list(map_masks(Mask.count, (), source.database, executor=LosingExecutor())) == []


@pytest.mark.parametrize("workers", [0, -1])
def test_no_workers_are_refused(source: Source, workers: int) -> None:
    with pytest.raises(UsageError, match=f"workers is {workers}: expected 1 or more"):
        list(map_masks(Mask.count, (), source.database, workers=workers))


def test_a_mask_that_kills_its_worker_fails_alone(source: Source) -> None:
    deadly = min(COUNTED, key=str)

    def count(mask: Mask) -> int:
        if str(mask.key) == str(deadly):
            os._exit(1)
        return mask.count()

    found = {each.key: each for each in map_masks(count, locations(source), source.database, workers=2)}
    assert found[deadly] == Mapped(deadly, error="WorkerLostError: the worker process died")
    assert {key: each.value for key, each in found.items() if key != deadly} == {
        key: n for key, n in COUNTED.items() if key != deadly
    }


def test_an_executor_that_is_broken_is_an_error(source: Source) -> None:
    with ProcessPoolExecutor(1, get_context("fork")) as pool:
        dying = pool.submit(os._exit, 1)
        with pytest.raises(BrokenExecutor, match="terminated abruptly"):
            dying.result()
        with pytest.raises(BrokenExecutor, match="not usable anymore"):
            list(map_masks(Mask.count, locations(source), source.database, executor=pool))
