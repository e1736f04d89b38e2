"""Refusals of bad input to a position search."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import goodpix
from goodpix import Selection
from goodpix.schema.errors import UnknownNameError, UsageError

from .conftest import Run
from .smallsky import SmallSky

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def cat(sky: SmallSky) -> Iterator[goodpix.Catalogue]:
    with sky.catalogue() as catalogue:
        yield catalogue


SQUARE = [(30, -40), (31, -40), (31, -39)]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ra": math.nan, "dec": 0.0}, "ra is nan: expected finite degrees"),
        ({"ra": 0.0, "dec": math.inf}, "dec is inf: expected finite degrees"),
        ({"ra": [1.0, 2.0, -math.inf], "dec": [0.0, 0.0, 0.0]}, "ra is -inf: expected finite degrees"),
        ({"ra": 0.0, "dec": 90.001}, "dec is 90.001: expected -90 to 90 degrees"),
        ({"ra": [0.0, 1.0], "dec": [0.0, -91.0]}, "dec is -91.0: expected -90 to 90 degrees"),
        ({"ra": [0.0, 1.0], "dec": [0.0]}, r"ra has shape \(2,\), dec \(1,\): expected the same shape"),
        ({"ra": [0.0, 1.0], "dec": 0.0}, r"ra has shape \(2,\), dec \(\): expected the same shape"),
        ({"ra": "here", "dec": 0.0}, "ra is 'here': expected degrees"),
        ({"ra": 0.0, "dec": None}, "dec is nan: expected finite degrees|dec is None: expected degrees"),
        ({}, "ra is .*: expected (finite )?degrees"),
        ({"ra": 0.0, "dec": 0.0, "radius": -0.1}, "radius is -0.1 degrees: expected 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": math.nan}, "radius is nan: expected finite degrees, 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": math.inf}, "radius is inf: expected finite degrees, 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": [1, 2]}, "radius is .*: expected one number, degrees, 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": "wide"}, "radius is 'wide': expected degrees, 0 or more"),
        ({"ra": 0.0, "dec": 0.0, "radius": 1, "polygon": SQUARE}, "radius and polygon are both given"),
        ({"radius": 1, "polygon": SQUARE}, "radius and polygon are both given"),
        ({"ra": [0.0], "dec": [0.0], "polygon": SQUARE}, "with a polygon: expected one position or none"),
        ({"ra": 0.0, "polygon": SQUARE}, "dec is .*: expected (finite )?degrees"),
        ({"polygon": SQUARE[:2]}, "polygon has 2 different vertices: expected 3 or more"),
        ({"polygon": [*SQUARE[:2], SQUARE[0]]}, "polygon has 2 different vertices: expected 3 or more"),
        ({"polygon": []}, r"polygon has shape \(0,\): expected pairs"),
        ({"polygon": [1, 2, 3]}, r"polygon has shape \(3,\): expected pairs"),
        ({"polygon": [(1, 2, 3)] * 3}, r"polygon has shape \(3, 3\): expected pairs"),
        ({"polygon": [(1, 2), (3,)]}, "polygon is .*: expected degrees, as pairs"),
        ({"polygon": [(1, 2), (3, 4), (math.nan, 5)]}, "polygon is .*: expected finite degrees"),
        ({"polygon": [(1, 2), (3, 4), (5, 95)]}, "polygon is .*: expected degrees"),
        ({"polygon": [(0, 0), (120, 0), (240, 0)]}, "polygon reaches 90 degrees from its middle"),
        ({"ra": 0.0, "dec": 0.0, "selection": Selection(border=3), "reasons": False}, "a selection needs reasons"),
    ],
)
def test_bad_input_is_refused(given: dict[str, Any], says: str, cat: goodpix.Catalogue) -> None:
    with pytest.raises(UsageError, match=says):
        cat.at(**given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bandd": "r"}, "unknown filter 'bandd', did you mean 'band'"),
        ({"min": {"n_goood": 1}}, "no column 'n_goood', did you mean 'n_good'"),
        ({"selection": Selection(ignore_bits={"SE": ["STARR"]})}, "'STARR', did you mean STAR"),
        ({"selection": Selection(grow={"SE:STARR": 3})}, "'STARR', did you mean STAR"),
    ],
)
def test_unknown_names_are_refused_where_nothing_is_found_too(
    given: dict[str, Any], says: str, cat: goodpix.Catalogue
) -> None:
    with pytest.raises(UnknownNameError, match=says):
        cat.at(200.0, 10.0, **given)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["22", "-95"], "dec is -95.0"),
        (["nan", "0"], "ra is nan"),
        (["22", "-32", "--radius", "-1"], "radius is -1.0 degrees"),
        (["22", "-32", "--min", "n_goood=1"], "did you mean 'n_good'"),
        (["22", "-32", "--ignore", "COAD_SEG"], "did you mean COADD_SEG"),
        (["22", "-32", "--no-reasons", "--border", "3"], "a selection needs reasons"),
    ],
)
def test_bad_input_exits_2_in_one_line(arguments: list[str], says: str, db: list[str], cli: Run) -> None:
    done = cli("at", *arguments, *db)
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
    assert says in done.err


@pytest.mark.parametrize("arguments", [["22"], [], ["north", "0"], ["22", "-32", "--raduis", "1"], ["22", "-32", "1"]])
def test_wrong_usage_exits_2(arguments: list[str], db: list[str], cli: Run) -> None:
    done = cli("at", *arguments, *db)
    assert (done.status, done.out) == (2, "")
    assert "Traceback" not in done.err
