"""Databases on Postgres whose encoding is not UTF-8."""

import os
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

import goodpix

from .conftest import Run
from .survey import SPEC, Survey


@pytest.fixture
def ascii_database(postgres_url: str) -> Iterator[str]:
    """The URL of a new database without an encoding, as servers with LANG=C make them."""
    url = sa.make_url(postgres_url)
    name = f"goodpix_ascii_{os.getpid()}"
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(False), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0".encode()
        )
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_database_without_an_encoding_is_used_as_utf_8(stored: Survey, ascii_database: str, cli: Run) -> None:
    goodpix.rebuild(ascii_database, stored.masks)
    assert stored.ingest(db=ascii_database, force=True).n_epochs == 6
    assert goodpix.verify(ascii_database).ok
    for command in (["epochs"], ["tiles"], ["at", 20, -32], ["mask", SPEC.tilename, "r"]):
        done = cli(*command, "--db", ascii_database)
        assert (done.status, "Traceback" in done.err) == (0, False), (command, done)
    assert "ä" in cli("sql", "SELECT 'ä' AS a", "--db", ascii_database).out


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_encoding_of_the_environment_does_not_matter(
    stored: Survey, postgres_database: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", encoding)
    goodpix.rebuild(postgres_database, stored.masks)
    with goodpix.Catalogue(f"{postgres_database}?client_encoding={encoding}") as catalogue:
        assert len(catalogue.epochs()) == 6
        assert catalogue.sql("SELECT 'ä€' AS a").a[0] == "ä€"


def test_text_that_is_not_utf_8_is_told_in_a_line(stored: Survey, ascii_database: str, cli: Run) -> None:
    goodpix.rebuild(ascii_database, stored.masks)
    plain = sa.make_url(ascii_database).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        connection.execute(rb"UPDATE epoch SET filename = E'caf\351'")
        connection.execute(rb"UPDATE coadd SET filename = E'caf\351'")
    for command in (["epochs"], ["mask", SPEC.tilename, "r"], ["verify"], ["verify", "--repair"]):
        done = cli(*command, "--db", ascii_database)
        assert (done.status, len(done.lines)) == (2, 1), (command, done)
        assert "invalid byte sequence" in done.err
        assert done.err.endswith("(expected a database made with ENCODING 'UTF8')\n")
