"""Candidates and order of a position search, without a database."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.position import search
from goodpix.query.position.search import Sightings, _blocks, _candidate_pairs, _sorted
from goodpix.query.position.targets import Cover, DiscTargets, Points

POINTS = Points(np.zeros((3, 2)))
DISCS = DiscTargets([], np.zeros((3, 2)))


def test_cover_comes_in_blocks_of_whole_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_PIXELS", 3)
    hpix = np.repeat([2, 3, 5, 7, 9, 11, 12], [4, 1, 2, 1, 1, 5, 1])
    blocks = list(_blocks(Cover(hpix, hpix, np.arange(hpix.size))))
    assert [sorted(set(block.hpix.tolist())) for block in blocks] == [[2, 3, 5], [7, 9, 11], [12]]
    assert np.concatenate([block.target for block in blocks]).tolist() == list(range(hpix.size))


def test_candidates_share_a_cell_and_come_once() -> None:
    block = Cover(np.array([4, 4, 6]), np.array([0b01, 0b10, -1]), np.array([0, 1, 0]))
    rows: Any = [(4, 70, 0b01), (4, 71, 0b11), (6, 70, 0b100), (6, 72, 0b1), (9, 73, -1)]
    target, epoch_id = _candidate_pairs(rows, block)
    assert list(zip(target.tolist(), epoch_id.tolist(), strict=True)) == [(0, 70), (0, 71), (0, 72), (1, 71)]


def sightings(rows: list[tuple[int, str, int, bool, bool]]) -> Sightings:
    """Return sightings of target, tilename and expnum, and whether on the coadd and in the unique region."""
    target, tilename, expnum, on_coadd, in_region = (list(each) for each in zip(*rows, strict=True))
    n = len(rows)
    names: dict[str, list[Any]] = {name: [0] * n for name in search._SHOWN}
    columns = names | {"tilename": tilename, "band": ["r"] * n, "expnum": expnum, "epoch_id": list(range(n))}

    def flags(values: list[Any]) -> npt.NDArray[np.bool_]:
        return np.array(values, np.bool_)

    return Sightings(
        {name: np.array(each, object) for name, each in columns.items()},
        np.array(target),
        np.zeros((2, n)),
        np.zeros((2, n)),
        flags([True] * n),
        flags(on_coadd),
        flags(in_region),
    )


def order_of(found: Sightings) -> list[int]:
    return [int(each) for each in found.epochs["epoch_id"]]


def test_sightings_are_ordered_by_target_and_key() -> None:
    found = sightings(
        [(1, "A", 1, True, True), (0, "B", 10, True, True), (0, "B", 9, True, True), (0, "A", 9, True, True)]
    )
    assert order_of(_sorted(found, POINTS, unique=False)) == [3, 2, 1, 0]


def test_epoch_that_several_queries_found_comes_once_for_an_area() -> None:
    found = sightings([(0, "A", 1, True, True)] * 2 + [(0, "A", 2, True, True)])
    assert order_of(_sorted(found, DISCS, unique=False)) == [0, 2]


@pytest.mark.parametrize(
    ("places", "chosen"),
    [
        ([(False, False), (True, False), (True, True)], 2),
        ([(False, False), (True, False), (True, False)], 1),
        ([(False, True), (True, False), (True, False)], 0),
        ([(True, True), (True, True), (True, True)], 0),
    ],
)
def test_unique_prefers_the_unique_region_then_the_coadd_then_the_first_tile(
    places: list[tuple[bool, bool]], chosen: int
) -> None:
    rows = [(0, tile, 1, *place) for tile, place in zip("ABC", places, strict=True)]
    found = _sorted(sightings([*rows, (1, "B", 1, False, False)]), POINTS, unique=True)
    assert order_of(found) == [chosen, 3]
