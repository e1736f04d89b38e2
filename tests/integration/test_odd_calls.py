"""Calls that make no sense: one line that names the argument, its value and what was expected."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goodpix import Catalogue, Mask, Selection
from goodpix.schema.errors import GoodpixError

from .survey import SPEC, Survey

OwnMask: Any = Mask

Call = Callable[[Any, Any], object]

CALLS: list[tuple[Call, str]] = [
    (lambda _, m: m.cutout(0, "a", 1, 2), "x1 is 'a': expected a whole number"),
    (lambda _, m: m.cutout(0.5, 3, 1, 2), "x0 is 0.5: expected a whole number"),
    (lambda _, m: m.cutout(0, 3, None, 2), "y0 is None: expected a whole number"),
    (lambda _, m: m.cutout(0, 3, 2, 1), "box x 0:3, y 2:1: expected a non-empty box"),
    (lambda _, m: OwnMask.from_polygons(3, like=m), "polygons is 3: expected a list of polygons"),
    (lambda _, m: OwnMask.from_polygons([3], like=m), r"polygon has shape \(\)"),
    (lambda _, __: OwnMask.from_polygons([], like=None), "like is None: expected a goodpix.Mask"),
    (lambda _, __: OwnMask.from_discs(1, 2, 3, like=None), "like is None: expected a goodpix.Mask"),
    (lambda _, __: OwnMask.from_discs(1, 2, 3, like=np.ones(1)), r"like is array\(\[1.\]\): expected a goodpix.Mask"),
    (lambda _, __: OwnMask.from_bool(np.ones((2, 2), bool), like=3), "like is 3: expected a goodpix.Mask"),
    (lambda cat, _: cat.compare_definitions([1]), r"definitions is \[1\]: expected a mapping"),
    (lambda cat, _: cat.compare_definitions("wide"), "definitions is 'wide': expected a mapping"),
    (lambda cat, _: cat.compare_definitions({"a": 1}), "selection is 1: expected a goodpix.Selection"),
    (lambda cat, _: list(cat.map(Mask.count, workers="2")), "workers is '2': expected a whole number of at least 1"),
    (lambda cat, _: list(cat.map(Mask.count, workers=1.5)), "workers is 1.5: expected a whole number of at least 1"),
    (lambda cat, _: list(cat.map(5)), "func is 5: expected a function of a mask"),
    (lambda cat, _: list(cat.map(5, workers=2)), "func is 5: expected a function of a mask"),
    (lambda cat, _: cat.epochs(sort=3), "column 3: expected a name"),
    (lambda cat, _: cat.epochs(columns=3), "column 3: expected a name"),
    (lambda cat, _: cat.epochs(columns="expnum,,band"), "empty column name"),
    (lambda cat, _: cat.plot_focal_plane(3), "statistic is 3: expected a name"),
    (lambda cat, _: cat.background(workers=0), "workers is 0: expected 1 or more"),
    (lambda cat, _: cat.background(statistics=3), "unknown statistic 3: expected one of"),
    (lambda cat, _: cat.mask_width(grow=3), "unknown criterion '3'"),
    (lambda cat, _: cat.epochs(min={3: 3}), "epoch_quality has no column 3"),
    (lambda cat, _: cat.sql("SELECT 1", 5), "parameters is 5: expected a mapping"),
    (lambda *_: Catalogue(""), "--db is empty: expected"),
    (lambda *_: Catalogue(None), "db is None: expected"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message.split(":")[0] for _, message in CALLS])
def test_call_that_makes_no_sense_is_refused_in_one_line(call: Call, message: str, ingested: Survey) -> None:
    with ingested.catalogue() as cat, pytest.raises(GoodpixError, match=f"^{message}") as refused:
        call(cat, cat.mask(SPEC.tilename, "r"))
    assert "\n" not in str(refused.value)


def test_numbers_of_numpy_are_numbers(ingested: Survey) -> None:
    with ingested.catalogue() as cat:
        mask: Any = cat.mask(SPEC.tilename, "r")
        cut = mask.cutout(np.int64(2), np.float64(9), np.uint8(1), 5)
    assert (cut.shape, type(cut.x0)) == ((4, 7), int)


@pytest.mark.parametrize("radius", [8, 1.23456789, 1e-7, 1234567.125])
def test_text_of_a_selection_keeps_every_digit(radius: float) -> None:
    text = str(Selection(grow={"SE_SEG": radius}))
    assert float(text.removeprefix("grow SE_SEG by ")) == radius
    assert "8.0" not in text
