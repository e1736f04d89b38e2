"""The roles that docs/operations/postgres.md makes: what each may do, and where its password goes."""

import logging
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.benchmarks.postgres import Server
from goodpix.ingest.database.migrate import migrate
from goodpix.ingest.database.opening import open_for_writing
from goodpix.schema import tables
from goodpix.schema.database import REVISION
from goodpix.schema.errors import CatalogueError
from goodpix.schema.views import VIEWS

from .conftest import Run
from .survey import SPEC, Survey

DOCS = Path(__file__).resolve().parents[2] / "docs" / "operations" / "postgres.md"

WRITER, READER = "goodpix_writer", "goodpix_reader"
PASSWORDS = {WRITER: "wr1ter's=s3cr3t", READER: "reader:s3cr3t"}


@dataclass(frozen=True, slots=True)
class Site:
    """A server set up as the docs say, which asks for passwords, and a catalogue on it.

    Parameters
    ----------
    server : Server
        The server.
    survey : Survey
        The survey, and the masks root.
    folder : Path
        Where the password file is.
    """

    server: Server
    survey: Survey
    folder: Path

    def url(self, role: str, *, password: str | None = None, options: str = "-csearch_path=y6") -> str:
        """Return the URL of the catalogue; without a password, that is in the file of passwords."""
        made = sa.URL.create(
            "postgresql+psycopg", role, password, "127.0.0.1", self.server.port, "sky", {"options": options}
        )
        return made.render_as_string(hide_password=False)

    def superuser(self, database: str = "sky") -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection that may do anything."""
        return psycopg.connect(
            f"host=127.0.0.1 port={self.server.port} dbname={database} user=goodpix", autocommit=True
        )

    def reader(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Return a connection of the reader's that begins transactions which may write."""
        return psycopg.connect(
            f"host=127.0.0.1 port={self.server.port} dbname=sky user={READER}",
            options="-csearch_path=y6 -cdefault_transaction_read_only=off",
        )


def statements(block: str) -> list[str]:
    return [each.strip() for each in block.split(";") if each.strip()]


@pytest.fixture(scope="module")
def site(own_server: Server, small_tile: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(own_server, Survey(tmp_path_factory.mktemp("site") / "survey"), tmp_path_factory.mktemp("home"))
    shutil.copytree(small_tile, found.survey.folder)
    first, second = re.findall(r"```sql\n(.*?)```", DOCS.read_text(), re.DOTALL)
    for database, block in (("postgres", first), ("sky", second)):
        with found.superuser(database) as connection:
            for statement in statements(block):
                connection.execute(statement.encode())
    rules = own_server.data / "pg_hba.conf"
    locked = [f"host all {role} 127.0.0.1/32 scram-sha-256\n" for role in (*PASSWORDS, "bob")]
    with found.superuser() as connection:
        for role, password in PASSWORDS.items():
            connection.execute(f"ALTER ROLE {role} PASSWORD '{password.replace(chr(39), 2 * chr(39))}'".encode())
        # the first line that fits counts
        rules.write_text("".join(locked) + rules.read_text())
        connection.execute(b"SELECT pg_reload_conf()")
    passwords = found.folder / "passwords"
    quoted = {role: password.replace(":", "\\:") for role, password in PASSWORDS.items()}
    passwords.write_text("".join(f"127.0.0.1:*:sky:{role}:{quoted[role]}\n" for role in quoted))
    passwords.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSFILE", os.fspath(passwords))
        patch.setenv("MEDS_DIR", os.fspath(found.survey.folder))
        report = goodpix.ingest_tiles(found.survey.folder, db=found.url(WRITER), masks=found.survey.masks)
        assert (report.n_epochs, report.n_failures) == (6, 0)
        yield found


@pytest.fixture(autouse=True)
def _survey_is_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDS_DIR", os.fspath(site.survey.folder))


def test_writer_is_no_superuser_and_the_tables_lie_in_the_schema(site: Site) -> None:
    with site.superuser() as connection:
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [WRITER]).fetchone() == (False,)
        found = connection.execute("SELECT DISTINCT schemaname, tableowner FROM pg_tables WHERE tablename = 'epoch'")
        assert found.fetchall() == [("y6", WRITER)]


def test_writer_can_look_after_the_catalogue(site: Site) -> None:
    url = site.url(WRITER)
    assert goodpix.ingest_tiles(site.survey.folder, db=url, force=True).n_epochs == 6
    assert goodpix.verify(url, repair=True).ok
    goodpix.rebuild(url, force=True)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate(connection, "0001")
    engine.dispose()
    assert goodpix.upgrade(url).after == REVISION
    # the downgraded rows lost what the first revision does not hold
    assert goodpix.verify(url, repair=True).repaired
    assert goodpix.verify(url).ok


def test_reader_without_a_right_is_told_so_in_one_line(site: Site, cli: Run) -> None:
    with site.superuser("sky") as connection:
        connection.execute(f"REVOKE SELECT ON y6.epoch_quality FROM {READER}".encode())
        try:
            done = cli("epochs", "--db", site.url(READER))
        finally:
            connection.execute(f"GRANT SELECT ON y6.epoch_quality TO {READER}".encode())
    assert (done.status, len(done.lines)) == (2, 1)
    assert "permission denied for view epoch_quality (ask the database's owner for the privilege)" in done.err


def test_reader_can_ask_everything(site: Site) -> None:
    url = site.url(READER)
    with goodpix.Catalogue(url) as catalogue:
        for name in (*tables.metadata.tables, *VIEWS, "alembic_version"):
            assert len(catalogue.sql(f"SELECT count(*) AS n FROM {name}")) == 1
        epochs = catalogue.epochs()
        assert [len(each) for each in (epochs, catalogue.tiles(), catalogue.ccds(), catalogue.bits())][:2] == [6, 2]
        assert len(catalogue.exposures()) > 0
        assert len(catalogue.at(SPEC.ra, SPEC.dec)) > 0
        first = epochs.iloc[0]
        mask = catalogue.mask(first.tilename, first.band, int(first.expnum), int(first.ccdnum))
        assert int(mask.good().sum()) == first.n_good
    assert goodpix.verify(url).ok


WRITES = [
    "INSERT INTO failure VALUES ('a', 'b', NULL, NULL, NULL, NULL, 'c', 'd', NULL, 1, 'e')",
    "UPDATE catalogue SET campaign = 'x'",
    "DELETE FROM epoch",
    "TRUNCATE failure",
    "SELECT * FROM catalogue FOR UPDATE",
    "CREATE TABLE extra (a INTEGER)",
    "CREATE TABLE public.extra (a INTEGER)",
    "CREATE TEMP TABLE extra (a INTEGER)",
    "CREATE SCHEMA extra",
    "CREATE VIEW extra AS SELECT 1",
    "CREATE INDEX extra ON epoch (fwhm)",
    "ALTER TABLE epoch ADD COLUMN extra INTEGER",
    "DROP TABLE failure",
    "DROP VIEW epoch_quality",
    "SELECT nextval('epoch_epoch_id_seq')",
    "SELECT setval('epoch_epoch_id_seq', 7)",
    "LOCK TABLE epoch IN EXCLUSIVE MODE",
    "COPY epoch TO '/tmp/goodpix-must-not-exist'",
    "COPY failure FROM PROGRAM 'true'",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_import('/etc/hostname')",
    "COMMENT ON TABLE epoch IS 'x'",
]


@pytest.mark.parametrize("statement", WRITES)
def test_reader_can_write_nothing(site: Site, statement: str) -> None:
    with site.reader() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_reader_begins_read_only_unless_it_says_otherwise(site: Site) -> None:
    url = f"host=127.0.0.1 port={site.server.port} dbname=sky user={READER}"
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("on",)


def test_reader_can_ask_what_is_made_later(site: Site) -> None:
    engine = sa.create_engine(site.url(WRITER))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE later AS SELECT 7 AS a")
        connection.exec_driver_sql("CREATE VIEW later_still AS SELECT a FROM later")
        migrate(connection, "0001")
        migrate(connection)
    engine.dispose()
    with goodpix.Catalogue(site.url(READER)) as catalogue:
        assert catalogue.sql("SELECT a FROM later JOIN later_still USING (a)").a.tolist() == [7]
        assert len(catalogue.tiles()) == 2


def test_reader_is_refused_as_a_writer(site: Site) -> None:
    with pytest.raises(CatalogueError, match=r"permission denied|read-only transaction"):
        goodpix.ingest_tiles(site.survey.folder, db=site.url(READER))


def test_colleague_writes_with_the_writers_rights(site: Site) -> None:
    with site.superuser() as connection:
        connection.execute("CREATE ROLE bob LOGIN PASSWORD 'b0b'")
        connection.execute(f"GRANT {WRITER} TO bob".encode())
    url = site.url("bob", password="b0b", options=f"-csearch_path=y6 -crole={WRITER}")
    assert goodpix.ingest_tiles(site.survey.folder, db=url, force=True).n_epochs == 6
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate(connection, "0001")
        migrate(connection)
    engine.dispose()
    with site.superuser() as connection:
        found = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'y6'")
        assert found.fetchall() == [(WRITER,)]


def test_service_stands_for_the_url(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    file = site.folder / "services"
    text = DOCS.read_text()
    (service,) = re.findall(r"\n\n((?:    .*\n)*    \[sky\]\n(?:    .*\n)*)", text)
    lines = [line.strip() for line in service.splitlines()]
    lines[lines.index("host=db.example.org")] = f"host=127.0.0.1\nport={site.server.port}"
    file.write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("PGSERVICEFILE", os.fspath(file))
    with goodpix.Catalogue("postgresql://?service=sky") as catalogue:
        assert len(catalogue.epochs()) == 6


def test_schema_of_another_catalogue_is_another(site: Site, tmp_path: Path) -> None:
    with site.superuser() as connection:
        connection.execute(f"CREATE SCHEMA y3 AUTHORIZATION {WRITER}".encode())
    other = site.url(WRITER, options="-csearch_path=y3")
    with open_for_writing(other, masks=tmp_path / "y3", campaign="y3", wcs_source="image") as database:
        assert database.identity.campaign == "y3"
    with goodpix.Catalogue(site.url(WRITER)) as catalogue:
        assert catalogue.database.identity.campaign == SPEC.campaign


# Passwords.


def test_password_reaches_no_row_message_or_log(site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = site.url(WRITER, password=PASSWORDS[WRITER])
    report = goodpix.ingest_tiles(site.survey.folder, db=url, force=True, report=tmp_path / "report.json")
    said = [str(report), repr(report), (tmp_path / "report.json").read_text(), caplog.text]
    with site.superuser() as connection:
        connection.execute("SET search_path TO y6")
        for name in tables.metadata.tables:
            said += map(str, connection.execute(f"SELECT * FROM {name}".encode()).fetchall())
        said += map(str, connection.execute("SELECT * FROM pg_stat_activity").fetchall())
    assert (f"{WRITER}:***@" in report.database, len(said) > 30) == (True, True)
    assert not [text for text in said if "s3cr3t" in text]


@pytest.mark.parametrize("command", ["ingest", "epochs", "verify", "db upgrade", "rebuild"])
def test_wrong_password_is_one_line_that_does_not_show_it(
    command: str, site: Site, cli: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    inputs = [site.survey.folder] if command == "ingest" else []
    done = cli(*command.split(), *inputs, "--db", site.url(WRITER, password="wr0ng-s3cr3t"))
    assert (done.status, done.out, len(done.lines)) == (2, "", 1), done.err
    assert f'password authentication failed for user "{WRITER}"' in done.err
    assert "s3cr3t" not in done.err + caplog.text


@pytest.mark.parametrize("option", ["pwd", "passwrd", "passfile", "sslpassword", "secret"])
def test_password_in_an_option_that_is_misspelt_is_not_shown(option: str, site: Site, cli: Run) -> None:
    done = cli("epochs", "--db", f"{site.url(WRITER)}&{option}=s3cr3t")
    assert (done.status, len(done.lines)) == (2, 1) if option in ("pwd", "passwrd", "secret") else (0, 0), done.err
    assert "s3cr3t" not in done.err


def test_missing_password_is_one_line(site: Site, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    done = cli("epochs", "--db", site.url(WRITER))
    assert (done.status, len(done.lines)) == (2, 1)
    assert "no password supplied" in done.err
