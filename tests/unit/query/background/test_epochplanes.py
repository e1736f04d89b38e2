"""Facts about which rows of a plane are read."""

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.query.background.epochplanes import GoodRows
from goodpix.schema.planes.plane import Plane

PIXELS = np.arange(60.0).reshape(12, 5)


@dataclass
class Recorder:
    """A plane that notes what is read of it."""

    shape: tuple[int, int] = (12, 5)
    read_rows: list[tuple[int, int]] = field(default_factory=list)

    def read(self, rows: slice | None = None) -> npt.NDArray[Any]:
        wanted = rows or slice(0, 12)
        self.read_rows.append((wanted.start, wanted.stop))
        return PIXELS[wanted].copy()


@pytest.mark.parametrize(
    ("good_rows", "spans"),
    [
        ([], []),
        (range(12), [(0, 12)]),
        ([0], [(0, 1)]),
        ([11], [(11, 12)]),
        ([3, 4, 5], [(3, 6)]),
        ([0, 2, 3, 9, 11], [(0, 1), (2, 4), (9, 10), (11, 12)]),
    ],
)
def test_rows_without_good_pixels_are_not_read(good_rows: Any, spans: list[tuple[int, int]]) -> None:
    good: npt.NDArray[np.bool_] = np.zeros((12, 5), np.bool_, order="F")
    for number, y in enumerate(good_rows):
        good[y, number % 5] = True
    plane = Recorder()
    rows = GoodRows.of(good)
    found = rows.read(cast(Plane, plane))
    assert plane.read_rows == spans
    assert found.shape == (rows.stop - rows.start, 5)
    inside = good[rows.start : rows.stop].any(axis=1)
    assert np.array_equal(found[inside], PIXELS[rows.start : rows.stop][inside])
    assert not found[~inside].any()
