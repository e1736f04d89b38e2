"""Facts about loading many rows at once, on both databases."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.bulk import given_rows, insert_rows, matching, new_ids, upsert_rows

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column(
        "thing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), primary_key=True
    ),
    sa.Column("whole", sa.BigInteger),
    sa.Column("real", sa.Double),
    sa.Column("text", sa.Text),
    sa.Column("truth", sa.Boolean),
)
tries = sa.Table(
    "tries",
    sa.MetaData(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("message", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
)


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(module_database_url)
    for table in (things, tries):
        table.create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose transaction is taken back afterwards."""
    with engine.connect() as connection:
        yield connection


def row(number: int, **values: Any) -> dict[str, Any]:
    return {"thing_id": number, "whole": None, "real": None, "text": None, "truth": None} | values


ROWS = [
    row(1),
    row(2, whole=-(2**63), real=-1.5, text="", truth=False),
    row(3, whole=2**63 - 1, real=1.7976931348623157e308, text="tab\tline\nreturn\rback\\slash", truth=True),
    row(4, real=5e-324, text="\\N"),
    row(5, real=0.1 + 0.2, text="\\."),
    row(6, text="ö 'quoted' \"twice\" %s %(a)s :b ? {}"),
]


def test_rows_come_back_as_they_were(connection: sa.Connection) -> None:
    insert_rows(connection, things, ROWS)
    found = connection.execute(sa.select(things).order_by(things.c.thing_id)).mappings()
    assert [repr(dict(each)) for each in found] == [repr(each) for each in ROWS]


def test_columns_that_are_not_given_take_their_defaults(connection: sa.Connection) -> None:
    insert_rows(connection, things, [{"whole": 1}, {"whole": 2}])
    found = connection.execute(sa.select(things.c.thing_id, things.c.text).order_by(things.c.whole)).all()
    assert found[1].thing_id == found[0].thing_id + 1
    assert {each.text for each in found} == {None}


def test_no_rows_are_no_statement(connection: sa.Connection) -> None:
    insert_rows(connection, things, [])
    assert connection.execute(sa.select(sa.func.count()).select_from(things)).scalar() == 0


def test_new_numbers_are_given_once(connection: sa.Connection) -> None:
    given: list[int] = []
    for n in (3, 1, 0, 200):
        numbers = new_ids(connection, things.c.thing_id, n)
        assert len(numbers) == n
        insert_rows(connection, things, [row(each) for each in numbers])
        given += numbers
    assert len(set(given)) == 204


@pytest.mark.engine("postgres")  # SQLite has one writer at a time
def test_two_writers_are_given_different_numbers(engine: sa.Engine) -> None:
    with engine.connect() as one, engine.connect() as other:
        numbers = [*new_ids(one, things.c.thing_id, 5), *new_ids(other, things.c.thing_id, 5)]
    assert len(set(numbers)) == 10


def test_violation_is_sqlalchemys_error_and_takes_back_all(engine: sa.Engine) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=r"(?i)unique"), engine.begin() as connection:
        insert_rows(connection, things, [row(1), row(2), row(1)])
    with engine.connect() as connection:
        assert connection.execute(sa.select(things)).all() == []


@pytest.mark.engine("postgres")  # SQLite has no server
def test_lost_connection_is_told_from_other_errors(engine: sa.Engine) -> None:
    with engine.connect() as connection, engine.connect() as other:
        process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        other.execute(sa.text("SELECT pg_terminate_backend(:process, 10000)"), {"process": process})
        with pytest.raises(sa.exc.DBAPIError) as raised:
            insert_rows(connection, things, [row(1)])
    assert raised.value.connection_invalidated


def test_row_takes_the_place_of_the_one_with_its_key_and_counts_on(connection: sa.Connection) -> None:
    for message in ("first", "second", "third"):
        upsert_rows(connection, tries, [{"key": "a", "message": message, "attempts": 1}], counter="attempts")
    upsert_rows(connection, tries, [{"key": "b", "message": "other", "attempts": 1}], counter="attempts")
    found = connection.execute(sa.select(tries).order_by(tries.c.key)).all()
    assert [tuple(each) for each in found] == [("a", "third", 3), ("b", "other", 1)]


TABLE = sa.Table("thing", sa.MetaData(), sa.Column("number", sa.BigInteger), sa.Column("text", sa.Text))
COLUMNS = [TABLE.c.number, TABLE.c.text]
GIVEN = [(1, "a"), (-(1 << 63), "b\"'\\"), (2, None), (None, "ä")]


@pytest.fixture
def with_things(database_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        TABLE.create(connection)
        connection.execute(TABLE.insert(), [dict(zip(("number", "text"), row, strict=True)) for row in GIVEN])
        yield connection
    engine.dispose()


# what an array's text would say in another way
ODD = [(k, text) for k, text in enumerate(["", "NULL", "a,b", "{}", "}", " ", "\n\t", "\\", '"', '\\"', "'", "%s:b"])]


@pytest.mark.parametrize("rows", [GIVEN, GIVEN[:1], [], ODD])
def test_rows_are_those_given(with_things: sa.Connection, rows: list[tuple[int | None, str | None]]) -> None:
    given = given_rows(with_things, COLUMNS, rows)
    assert [tuple(row) for row in with_things.execute(sa.select(given))] == rows


def test_text_of_the_statement_does_not_depend_on_the_rows(with_things: sa.Connection) -> None:
    texts = {str(sa.select(given_rows(with_things, COLUMNS, GIVEN[:n])).compile(with_things)) for n in range(4)}
    assert len(texts) == 1


@pytest.mark.parametrize("keys", [GIVEN[:2], [(1, "b")], []])
def test_rows_match_their_keys(with_things: sa.Connection, keys: list[tuple[int, str]]) -> None:
    found = with_things.execute(sa.select(TABLE).where(matching(with_things, COLUMNS, keys))).all()
    assert {tuple(row) for row in found} == {*GIVEN} & {*keys}


def test_matching_rows_are_deleted(with_things: sa.Connection) -> None:
    with_things.execute(TABLE.delete().where(matching(with_things, COLUMNS, GIVEN[:1])))
    assert {tuple(row) for row in with_things.execute(sa.select(TABLE))} == {*GIVEN[1:]}
