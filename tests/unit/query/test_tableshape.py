"""Order, number and columns of the rows of a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from goodpix.query.dataframes import read_frame
from goodpix.query.tableshape import TableShape
from goodpix.schema.errors import UnknownNameError, UsageError

TABLE = sa.table("seeing", sa.column("ccdnum", sa.Integer), sa.column("band", sa.Text), sa.column("fwhm", sa.Float))
ROWS = [(1, "r", 3.5), (2, "i", None), (3, "r", 4.5), (4, "i", 3.5), (5, "r", 2.5)]
FRAME = pd.DataFrame(
    {
        "ccdnum": [row[0] for row in ROWS],
        "band": pd.array([row[1] for row in ROWS], dtype="str"),
        "fwhm": [np.nan if row[2] is None else row[2] for row in ROWS],
    }
)

SHAPES = {
    "as it stands": (TableShape(), [1, 2, 3, 4, 5]),
    "ascending": (TableShape.of(sort="fwhm"), [5, 1, 4, 3, 2]),
    "descending": (TableShape.of(sort="-fwhm"), [3, 1, 4, 5, 2]),
    "by two columns in one text": (TableShape.of(sort="band, -fwhm"), [4, 2, 3, 1, 5]),
    "by two columns": (TableShape.of(sort=["band", "-fwhm"]), [4, 2, 3, 1, 5]),
    "first two": (TableShape.of(limit=2), [1, 2]),
    "worst two": (TableShape.of(sort="-fwhm", limit=2, columns=["fwhm", "ccdnum"]), [3, 1]),
    "no rows": (TableShape.of(limit=0), []),
    "more rows than there are": (TableShape.of(limit=9), [1, 2, 3, 4, 5]),
}


def from_database(shape: TableShape, rows: Sequence[Any] = ROWS) -> pd.DataFrame:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE seeing (ccdnum INTEGER, band TEXT, fwhm REAL)"))
        connection.execute(
            sa.text("INSERT INTO seeing VALUES (:0, :1, :2)"), [dict(zip("012", row, strict=True)) for row in rows]
        )
        connection.commit()
    try:
        return read_frame(engine, shape.of_query(sa.select(*TABLE.c), [TABLE.c.ccdnum], "seeing"))
    finally:
        engine.dispose()


@pytest.mark.parametrize("name", SHAPES)
def test_frame_has_the_rows_in_order(name: str) -> None:
    shape, ccdnums = SHAPES[name]
    assert shape.of_frame(FRAME, "seeing")["ccdnum"].tolist() == ccdnums


@pytest.mark.parametrize("name", SHAPES)
def test_database_gives_the_same_rows(name: str) -> None:
    shape, ccdnums = SHAPES[name]
    found = from_database(shape)
    assert found["ccdnum"].tolist() == ccdnums
    assert list(found) == list(shape.of_frame(FRAME, "seeing"))


def test_columns_have_the_order_asked_for_and_each_stands_once() -> None:
    shape = TableShape.of(columns=["fwhm", "ccdnum", "fwhm"])
    assert list(shape.of_frame(FRAME, "seeing")) == list(from_database(shape)) == ["fwhm", "ccdnum"]


@pytest.mark.parametrize("shape", [TableShape.of(sort="-fwmh"), TableShape.of(columns="fwmh")], ids=["sort", "columns"])
def test_unknown_column_names_the_nearest(shape: TableShape) -> None:
    with pytest.raises(UnknownNameError, match=r"^seeing has no column 'fwmh', did you mean 'fwhm'"):
        shape.of_frame(FRAME, "seeing")
    with pytest.raises(UnknownNameError, match=r"^seeing has no column 'fwmh', did you mean 'fwhm'"):
        from_database(shape)


@pytest.mark.parametrize("name", ["FWHM", "-Fwhm", "FWMH"])
def test_unknown_column_in_capitals_names_the_nearest(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"^seeing has no column '[FfWwHhMm]{4}', did you mean 'fwhm'\?$"):
        TableShape.of(sort=name).of_frame(FRAME, "seeing")


@pytest.mark.parametrize("names", ["", "-", ["band", "", "fwhm"]], ids=["empty", "minus", "between"])
def test_empty_column_name_is_refused(names: str | list[str]) -> None:
    with pytest.raises(UsageError, match=r"^empty column name: expected a name"):
        TableShape.of(sort=names).of_frame(FRAME, "seeing")


def test_columns_may_be_joined_by_commas() -> None:
    assert list(TableShape.of(columns="fwhm,ccdnum").of_frame(FRAME, "seeing")) == ["fwhm", "ccdnum"]


@pytest.mark.parametrize("name", ["fwhm[pix]", "-fwhm[pix]"])
def test_heading_with_a_unit_names_the_column(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"^seeing has no column 'fwhm\[pix\]', did you mean 'fwhm'\?$"):
        TableShape.of(sort=name).of_frame(FRAME, "seeing")


def test_columns_are_given_by_name() -> None:
    with pytest.raises(UsageError, match=r"^column 3: expected a name$"):
        TableShape.of(sort=["band", 3])  # type: ignore[list-item]


@pytest.mark.parametrize("limit", [-1, 1.5, True, "3", 1 << 63])
def test_limit_is_a_number_of_rows(limit: Any) -> None:
    with pytest.raises(UsageError, match=r"^limit is .*: expected a whole number of rows$"):
        TableShape.of(limit=limit)


def test_star_is_every_column_and_may_follow_some() -> None:
    assert list(TableShape.of(columns="*").of_frame(FRAME, "seeing")) == list(FRAME)
    assert list(from_database(TableShape.of(columns=["fwhm", "*"]))) == ["fwhm", "ccdnum", "band"]


def test_shape_is_taken_from_arguments_and_leaves_the_filters() -> None:
    shape, rest = TableShape.taken_from({"sort": "-fwhm", "limit": 3, "band": "r"})
    assert (shape, rest) == (TableShape.of(sort="-fwhm", limit=3), {"band": "r"})
