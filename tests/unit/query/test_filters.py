"""Filters as SQL conditions, on a table of a few rows."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from astropy.table import Column, MaskedColumn

from goodpix.query.filters import Bounds, FilterKeywords, Filters, TableKeywords
from goodpix.query.tableshape import TableShape
from goodpix.schema.errors import UnknownNameError, UsageError

VIEW = sa.Table(
    "some_view",
    sa.MetaData(),
    sa.Column("tilename", sa.String),
    sa.Column("expnum", sa.Integer),
    sa.Column("airmass", sa.Float),
)
ROWS = [("T1", 1, 1.0), ("T1", 2, 1.5), ("T2", 3, None), ("T:3", 4, 2.0)]


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        VIEW.metadata.create_all(connection)
        connection.execute(VIEW.insert(), [dict(zip(VIEW.c.keys(), row, strict=True)) for row in ROWS])
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [1, 2, 3, 4]),
        ({"expnum": None}, [1, 2, 3, 4]),
        ({"params": None}, [1, 2, 3, 4]),
        ({"where": "expnum > 2", "params": None}, [3, 4]),
        ({"expnum": []}, []),
        ({"expnum": np.int64(3)}, [3]),
        ({"expnum": "2:3"}, [2, 3]),
        ({"expnum": slice(3, None)}, [3, 4]),
        ({"expnum": ":"}, [1, 2, 3, 4]),
        ({"expnum": [1, ":0", "4:"]}, [1, 4]),
        ({"tilename": "T1"}, [1, 2]),
        ({"tilename": ("T2", "T:3")}, [3, 4]),
        ({"tilename": "T:3"}, [4]),
        ({"tilename": b"T1"}, [1, 2]),
        ({"tilename": np.array([b"T1  ", b"T2  "])}, [1, 2, 3]),
        ({"tilename": np.array("T1")}, [1, 2]),
        ({"tilename": Column([b"T2  "])}, [3]),
        ({"tilename": {" T2"}}, [3]),
        ({"tilename": (name for name in ["T2"])}, [3]),
        ({"expnum": 3.0}, [3]),
        ({"expnum": np.array([1.0, 2.0])}, [1, 2]),
        ({"expnum": [b"2", " 3:3 "]}, [2, 3]),
        ({"expnum": np.repeat(np.arange(2, 4), 50_000)}, [2, 3]),
        ({"tilename": Column([b"T1 "] * 50_000)}, [1, 2]),
        ({"expnum": range(30_000)}, [1, 2, 3, 4]),
        ({"min": {"airmass": 1.5}}, [2, 4]),
        ({"max": {"airmass": "1.5"}, "min": {"expnum": 2}}, [2]),
        ({"max": {"airmass": float("inf")}}, [1, 2, 4]),
        ({"where": (sa.column("airmass") < 1.2) | (sa.column("expnum") == 4)}, [1, 4]),
        ({"where": "airmass < 1.2 OR expnum = 4"}, [1, 4]),
        ({"where": "airmass >= :x", "params": {"x": 1.5}, "tilename": "T1"}, [2]),
    ],
)
def test_rows_that_match_are_chosen(connection: sa.Connection, filters: dict[str, Any], expected: list[int]) -> None:
    query = sa.select(VIEW.c.expnum).where(*Filters.of(**filters).conditions(VIEW)).order_by(VIEW.c.expnum)
    assert connection.scalars(query).all() == expected


def test_type_checkers_know_the_filters_that_there_are() -> None:
    assert list(FilterKeywords.__annotations__) == [each.name for each in fields(Filters)]
    shape = [each.name for each in fields(TableShape)]
    assert list(TableKeywords.__annotations__) == [*FilterKeywords.__annotations__, *shape]
    assert not FilterKeywords.__required_keys__ | TableKeywords.__required_keys__


def test_values_are_bound_parameters() -> None:
    (condition,) = Filters(tilename="'; DROP TABLE epoch; --").conditions(VIEW)
    assert "DROP" not in str(condition.compile())


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"tile": "T1"}, "unknown filter 'tile', did you mean 'tilename'"),
        ({"band": "r"}, "some_view cannot be filtered by band: expected tilename, expnum, min or max"),
        ({"expnum": "one"}, "expnum is 'one': expected a whole number, or a range A:B"),
        ({"expnum": 1.5}, "expnum is 1.5: expected a whole number"),
        ({"expnum": True}, "expnum is True: expected a whole number"),
        ({"expnum": float("nan")}, "expnum is nan: expected a whole number"),
        ({"expnum": float("inf")}, "expnum is inf: expected a whole number"),
        ({"expnum": MaskedColumn([1, 2], mask=[True, False])}, "expected a whole number"),
        ({"expnum": {"a": 1}}, "expnum is {'a': 1}: expected a whole number"),
        ({"tilename": 5}, "tilename is 5: expected text"),
        ({"tilename": [None]}, "tilename is None: expected text"),
        ({"tilename": b"\xff"}, r"tilename is b'\xff': expected text"),
        ({"tilename": MaskedColumn(["T1"], mask=[True])}, "expected text"),
        ({"tilename": slice(1, 2)}, "tilename is slice(1, 2, None): expected text"),
        ({"expnum": 1 << 63}, "expected a 64-bit integer"),
        ({"expnum": slice(1, 4, 2)}, "range is slice(1, 4, 2): expected no step"),
        (
            {"expnum": range(30_001)},
            "expnum lists 30,001 different values: expected at most 30,000, or a range A:B",
        ),
        ({"tilename": map(str, range(30_001))}, "tilename lists 30,001 different values: expected at most 30,000"),
        ({"min": {"airmas": 1}}, "some_view has no column 'airmas', did you mean 'airmass'"),
        ({"min": {"tilename": 1}}, "column tilename is not numeric"),
        ({"max": {"airmass": "nan"}}, "airmass is 'nan': expected a number"),
        ({"min": ["airmass"]}, "min is ['airmass']: expected a mapping of columns to numbers"),
        ({"where": 1}, "where is 1: expected SQL, such as 'airmass < 1.2', or a SQLAlchemy expression"),
        ({"where": "fwhm < 4"}, "some_view has no column 'fwhm'"),
        ({"where": "airmass < :x"}, "where: parameter :x has no value in params"),
        ({"where": "airmass < 1", "params": {"x": 1}}, "params: where has no parameter :x"),
        ({"params": {"x": 1}}, "params has values, but where is no SQL with parameters"),
        ({"where": sa.column("airmass") < 1, "params": {"x": 1}}, "params has values, but where is no SQL"),
        ({"where": "airmass < :x", "params": [1]}, "params is [1]: expected a mapping of names to values"),
        ({"where": sa.column("fwhm") < 4}, "some_view has no column 'fwhm'"),
    ],
)
def test_filters_that_cannot_be_used_are_refused(filters: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=re.escape(message)):
        Filters.of(**filters).conditions(VIEW)


def test_bounds_on_computed_columns_are_taken_out_of_the_filters() -> None:
    given = {"band": "r", "min": {"n_good": "5", "airmass": 1}, "max": {"n_good": 9}}
    bounds, rest = Bounds.taken_from(given, {"n_good"})
    assert bounds == Bounds({"n_good": 5.0}, {"n_good": 9.0})
    assert rest == {"band": "r", "min": {"airmass": 1}, "max": {}}
    assert given["max"] == {"n_good": 9}


def test_nulls_are_outside_all_bounds() -> None:
    frame = pd.DataFrame({"n_good": pd.Series([4, 5, None, 9, 10], dtype="Int64")})
    assert Bounds({"n_good": 5}, {"n_good": 9}).of_frame(frame).n_good.tolist() == [5, 9]
    assert Bounds({}, {"n_good": 9}).of_frame(frame).index.tolist() == [0, 1, 2]
