"""Facts about values that their columns cannot hold."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.opening import open_for_writing
from goodpix.schema.errors import CatalogueError, DamagedValueError, UsageError
from goodpix.schema.sql.aggregates import NOT_A_NUMBER
from goodpix.schema.sql.mistyped import mistyped, naming_mistyped

KEY = "tilename 'DES0124-3332', band 'i'"


def make(url: str, masks: Path) -> None:
    with open_for_writing(url, masks=masks, campaign="y6", wcs_source="image") as database:
        row = "INSERT INTO coadd (coadd_id, tilename, band, generation, mask_file, nx, ra_cent, planes_checked) "
        with database.engine.begin() as connection:
            connection.execute(sa.text(f"{row} VALUES (1, 'DES0124-3332', 'i', 1, 'a.parquet', 7, 21.0, true)"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    make(str(tmp_path / "a.db"), tmp_path / "masks")
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    yield engine
    engine.dispose()


def change(engine: sa.Engine, statement: str) -> None:
    with closing(sqlite3.connect(str(engine.url.database))) as connection:
        connection.execute(statement)
        connection.commit()


def found(engine: sa.Engine, most: int = 20) -> list[str]:
    with engine.connect() as connection:
        return [str(each) for each in mistyped(connection, most)]


def test_sound_catalogue_has_none(engine: sa.Engine) -> None:
    assert found(engine) == []


def test_postgres_holds_none(postgres_database: str, tmp_path: Path) -> None:
    make(postgres_database, tmp_path / "masks")
    engine = sa.create_engine(postgres_database)
    assert found(engine) == []
    engine.dispose()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("generation", "'x'", "generation is 'x': expected a whole number"),
        ("nx", "1.5", "nx is 1.5: expected a whole number"),
        ("nx", "x'fffe'", "nx is X'FFFE': expected a whole number"),
        ("ra_cent", "'nan'", "ra_cent is 'nan': expected a finite number"),
        ("wcs", "x'00'", "wcs is X'00': expected text"),
        ("planes_checked", "2", "planes_checked is 2: expected 0 or 1"),
        ("planes_checked", "'true'", "planes_checked is 'true': expected 0 or 1"),
        ("nx", "'\x1b[31m'", r"nx is '\\x1b[31m': expected a whole number"),
        ("nx", f"'{'x' * 1000}'", f"nx is '{'x' * 59}: expected a whole number"),
    ],
)
def test_value_is_named_with_its_table_and_row(engine: sa.Engine, column: str, value: str, message: str) -> None:
    change(engine, f"UPDATE coadd SET {column} = {value}")
    assert found(engine) == [f"table coadd, {KEY}: {message.replace(chr(92) * 2, chr(92))}"]


def test_infinity_is_no_value_of_a_column(engine: sa.Engine) -> None:
    change(engine, "UPDATE coadd SET ra_cent = -9e999")
    (value,) = found(engine)
    assert value.startswith(f"table coadd, {KEY}: ra_cent is -")
    assert value.endswith(": expected a finite number")


@pytest.mark.parametrize("change_to", ["nx = NULL", "ra_cent = 21", "nx = 70000", "planes_checked = 0", "wcs = ''"])
def test_value_that_the_column_can_hold_is_none(engine: sa.Engine, change_to: str) -> None:
    change(engine, f"UPDATE coadd SET {change_to}")
    assert found(engine) == []


def test_of_many_the_first_are_named(engine: sa.Engine) -> None:
    for number in range(5):
        change(engine, f"INSERT INTO failure VALUES ('{number}', 'a', 0, 0, 'x', 0, 'b', 'c', 0, 1, 'd')")
    assert len(found(engine, most=2)) == 2


def raising(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    "error",
    [
        TypeError("'<' not supported"),
        KeyError("x"),
        DamagedValueError("nx is 'x' in the database"),
        CatalogueError(f"cannot use the database: {NOT_A_NUMBER}"),
    ],
    ids=repr,
)
def test_error_that_a_value_explains_names_it(engine: sa.Engine, error: Exception) -> None:
    change(engine, "UPDATE coadd SET nx = 'x'")
    with (
        pytest.raises(DamagedValueError, match=rf"^table coadd, {KEY}: nx is 'x': .*verify --repair") as caught,
        naming_mistyped(engine),
    ):
        raising(error)()
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [UsageError("no such tile"), CatalogueError("the server is away")], ids=repr)
def test_error_with_a_cause_of_its_own_stays(engine: sa.Engine, error: Exception) -> None:
    change(engine, "UPDATE coadd SET nx = 'x'")
    with pytest.raises(type(error), match=str(error)), naming_mistyped(engine):
        raising(error)()


def test_error_of_a_sound_catalogue_stays(engine: sa.Engine) -> None:
    with pytest.raises(TypeError, match="unsupported"), naming_mistyped(engine):
        raising(TypeError("unsupported"))()
