"""Facts about sums and means in SQL."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.schema.sql.aggregates import NOT_A_NUMBER, mean, total

ROWS = [("a", 1, 0.5), ("a", 2, None), ("b", None, 0.25), ("b", None, 4.0), ("c", None, None)]
TABLE = sa.Table(
    "numbers",
    sa.MetaData(),
    sa.Column("band", sa.Text),
    sa.Column("n", sa.BigInteger),
    sa.Column("x", sa.Double),
)


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        TABLE.create(connection)
        connection.execute(TABLE.insert(), [dict(zip(("band", "n", "x"), row, strict=True)) for row in ROWS])
        yield connection
        connection.rollback()
    engine.dispose()


def by_band(connection: sa.Connection, value: "sa.ColumnElement[Any]") -> dict[str, Any]:
    query = sa.select(TABLE.c.band, value).group_by(TABLE.c.band)
    return {row[0]: row[1] for row in connection.execute(query)}


def test_sum_is_whole_where_the_numbers_are(connection: sa.Connection) -> None:
    found = by_band(connection, total(TABLE.c.n, "n"))
    assert found == {"a": 3, "b": None, "c": None}
    assert type(found["a"]) is int


def test_sum_and_mean_of_doubles_skip_nulls(connection: sa.Connection) -> None:
    assert by_band(connection, total(TABLE.c.x)) == {"a": 0.5, "b": 4.25, "c": None}
    assert by_band(connection, mean(TABLE.c.x)) == {"a": 0.5, "b": 2.125, "c": None}
    assert by_band(connection, mean(TABLE.c.n)) == {"a": 1.5, "b": None, "c": None}


def test_sum_may_be_of_an_expression_and_part_of_one(connection: sa.Connection) -> None:
    known = sa.case((TABLE.c.x > 0.3, TABLE.c.n), else_=7)
    assert by_band(connection, sa.cast(total(known), sa.Double) / 2) == {"a": 4.0, "b": 3.5, "c": 3.5}


def test_sum_of_no_rows_is_null(connection: sa.Connection) -> None:
    query = sa.select(total(TABLE.c.n), total(TABLE.c.x), mean(TABLE.c.x)).where(TABLE.c.band == "z")
    assert connection.execute(query).one() == (None, None, None)


@pytest.fixture
def damaged() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        TABLE.create(connection)
        connection.execute(TABLE.insert(), [{"band": "a", "n": 1, "x": 1.0}, {"band": "b", "n": 1, "x": 1.0}])
        yield connection
    engine.dispose()


@pytest.mark.parametrize("value", ["'x'", "''", "x'00ff'", "'nan'"])
@pytest.mark.parametrize("aggregate", [total(TABLE.c.n), total(TABLE.c.x), mean(TABLE.c.n), mean(TABLE.c.x)], ids=str)
def test_text_among_numbers_is_an_error(damaged: sa.Connection, aggregate: Any, value: str) -> None:
    damaged.exec_driver_sql(f"UPDATE numbers SET n = {value}, x = {value} WHERE band = 'b'")
    assert damaged.execute(sa.select(aggregate).where(TABLE.c.band == "a")).scalar() == 1
    with pytest.raises(sa.exc.OperationalError, match=NOT_A_NUMBER):
        damaged.execute(sa.select(aggregate)).scalar()
