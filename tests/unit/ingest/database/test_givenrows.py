"""Facts about rows given to a statement."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.givenrows import given_rows, matching

TABLE = sa.Table("thing", sa.MetaData(), sa.Column("number", sa.BigInteger), sa.Column("text", sa.Text))
COLUMNS = [TABLE.c.number, TABLE.c.text]
ROWS = [(1, "a"), (-(1 << 63), "b\"'\\"), (2, None), (None, "ä")]


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(database_url)
    with engine.connect() as connection:
        TABLE.create(connection)
        connection.execute(TABLE.insert(), [dict(zip(("number", "text"), row, strict=True)) for row in ROWS])
        yield connection
    engine.dispose()


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], []])
def test_rows_are_those_given(connection: sa.Connection, rows: list[tuple[int | None, str | None]]) -> None:
    given = given_rows(connection, COLUMNS, rows)
    assert [tuple(row) for row in connection.execute(sa.select(given))] == rows


def test_text_of_the_statement_does_not_depend_on_the_rows(connection: sa.Connection) -> None:
    texts = {str(sa.select(given_rows(connection, COLUMNS, ROWS[:n])).compile(connection)) for n in range(4)}
    assert len(texts) == 1


@pytest.mark.parametrize("keys", [ROWS[:2], [(1, "b")], []])
def test_rows_match_their_keys(connection: sa.Connection, keys: list[tuple[int, str]]) -> None:
    found = connection.execute(sa.select(TABLE).where(matching(connection, COLUMNS, keys))).all()
    assert {tuple(row) for row in found} == {*ROWS} & {*keys}


def test_matching_rows_are_deleted(connection: sa.Connection) -> None:
    connection.execute(TABLE.delete().where(matching(connection, COLUMNS, ROWS[:1])))
    assert {tuple(row) for row in connection.execute(sa.select(TABLE))} == {*ROWS[1:]}
