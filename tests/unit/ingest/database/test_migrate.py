"""Facts about migrations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alembic.autogenerate
import alembic.config
import alembic.runtime.migration
import alembic.script
import pytest
import sqlalchemy as sa

import goodpix.schema.migrations
from goodpix.ingest.database.maskrows import insert_masks
from goodpix.ingest.database.migrate import migrate
from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.database.summaries import fill_summaries
from goodpix.ingest.database.writer import record_failures
from goodpix.ingest.report import Failure
from goodpix.schema import tables
from goodpix.schema.bits import DES_Y6
from goodpix.schema.counts import COADD_COUNTS
from goodpix.schema.criteria import Selection
from goodpix.schema.database import REVISION, Identity, as_stored
from goodpix.schema.observing.covariates import COMPUTED, Covariates
from goodpix.schema.selection.named import NamedSelection
from goodpix.schema.store.masksroot import FORMAT_VERSION
from goodpix.schema.summaries import SUMMARIES
from goodpix.schema.views import VIEWS
from goodpix.schema.wcs.footprint import EVERY_CELL

from ....rows import coadd_and_epochs

TABLES = list(tables.metadata.tables)


@pytest.fixture(scope="module")
def connection(module_database_url: str) -> Iterator[sa.Connection]:
    """A connection to a database, brought to the newest revision; tests leave it there, and without rows."""
    engine = sa.create_engine(module_database_url)
    with engine.begin() as connection:
        migrate(connection)
        yield connection
    engine.dispose()


def config(connection: sa.Connection) -> alembic.config.Config:
    made = alembic.config.Config()
    made.set_main_option("script_location", str(Path(next(iter(goodpix.schema.migrations.__path__)))))
    made.attributes["connection"] = connection
    return made


def differences(connection: sa.Connection) -> list[object]:
    context = alembic.runtime.migration.MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    found: list[object] = alembic.autogenerate.compare_metadata(context, tables.metadata)
    return found


def test_migrations_give_the_tables_that_the_code_has(connection: sa.Connection) -> None:
    assert differences(connection) == []


def test_newest_revision_is_recorded(connection: sa.Connection) -> None:
    head = alembic.script.ScriptDirectory.from_config(config(connection)).get_current_head()
    assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all() == [head]
    assert head == REVISION


def test_new_catalogue_is_as_migrations_make_it(
    connection: sa.Connection, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    if connection.dialect.name == "postgresql":
        url = request.getfixturevalue("postgres_database")
    with (
        open_for_writing(url, masks=tmp_path / "masks", campaign="test", wcs_source="image") as database,
        database.engine.begin() as made,
    ):
        assert differences(made) == []
        assert constraints(made) == constraints(connection)
        migrate(made)
        assert differences(made) == []


def test_views_come_with_the_tables(connection: sa.Connection) -> None:
    assert set(sa.inspect(connection).get_view_names()) == set(VIEWS)


def test_downgrade_removes_every_table_and_an_upgrade_makes_them_again(connection: sa.Connection) -> None:
    migrate(connection, "base")
    assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    migrate(connection)
    assert differences(connection) == []


def rows(connection: sa.Connection) -> dict[str, list[str]]:
    """Return every row of every table there is, without the cells and computed columns that older ones do not know."""
    names = sorted(set(sa.inspect(connection).get_table_names()) - {"alembic_version"})
    queries = {name: sa.select(*as_stored(connection, tables.metadata.tables[name])) for name in names}
    queries["footprint"] = sa.select(tables.footprint.c.hpix, tables.footprint.c.epoch_id)
    computed = tables.names(Covariates)
    queries["epoch"] = sa.select(*(c for c in as_stored(connection, tables.epoch) if c.name not in computed))
    return {name: sorted(map(str, connection.execute(query).all())) for name, query in queries.items()}


def computed_rows(connection: sa.Connection) -> list[list[tuple[Any, ...]]]:
    """Return the computed columns of epochs, CCD images and exposures."""
    summarised = (tables.epoch, tables.ccd_image, tables.exposure_summary)
    columns = [(table.c.expnum, *as_stored(connection, table)) for table in summarised]
    queries = [sa.select(*(c for c in each if c.name in COMPUTED)).order_by(each[0]) for each in columns]
    return [[tuple(row) for row in connection.execute(query)] for query in queries]


def test_rows_outlive_a_downgrade_and_an_upgrade(connection: sa.Connection) -> None:
    run = {"version": "0", "arguments": "{}", "host": "here", "started": "2026-01-01"}
    connection.execute(tables.ingest_run.insert(), run)
    masks = [(row, number) for number, (row, _) in enumerate(coadd_and_epochs(3))]
    names = [row.key.name for row, _ in masks]
    insert_masks(connection, masks, {"mask_file": "i/a.parquet", "generation": 1}, DES_Y6, dict.fromkeys(names, 1))
    record_failures(connection, [Failure("info#coadd", "info", "PlaneError", "message")])
    connection.execute(tables.selection.insert(), NamedSelection("wide", Selection(border=48)).row)
    fill_summaries(connection)
    before, computed = rows(connection), computed_rows(connection)
    assert all(before[name] for name in tables.metadata.tables if name != "catalogue")
    migrate(connection, "0008")
    assert {value for table in computed_rows(connection) for row in table for value in row} == {None}
    migrate(connection, "0001")
    old = rows(connection)
    assert old == {name: before[name] for name in old}
    assert set(before) - set(old) == {each.table.name for each in SUMMARIES} | {"ccd_median", "selection"}
    migrate(connection)
    # a named selection is lost with its table, and comes back from the file beside the masks
    assert rows(connection) == before | {"selection": []}
    assert computed_rows(connection) == computed
    assert {type(value) for table in computed for row in table for value in row} == {float, type(None)}
    assert set(connection.scalars(sa.select(tables.footprint.c.cells))) == {EVERY_CELL}
    assert differences(connection) == []
    for table in reversed(tables.metadata.sorted_tables):
        connection.execute(table.delete())


def comments(connection: sa.Connection) -> dict[str, str | None]:
    """Return the comment of each column."""
    found = sa.inspect(connection)
    names = set(TABLES) & set(found.get_table_names())
    return {f"{name}.{column['name']}": column["comment"] for name in names for column in found.get_columns(name)}


@pytest.mark.engine("postgres")  # SQLite stores no comments
def test_tables_differ_from_the_code_if_a_comment_does(connection: sa.Connection) -> None:
    with connection.begin_nested() as changed:
        connection.execute(sa.text("COMMENT ON COLUMN epoch.stale IS 'other'"))
        assert len(differences(connection)) == 1
        changed.rollback()


@pytest.mark.engine("postgres")
def test_downgrade_restores_the_comments(connection: sa.Connection) -> None:
    newest = comments(connection)
    migrate(connection, "0004")
    downgraded = comments(connection)
    migrate(connection, "base")
    migrate(connection, "0004")
    assert comments(connection) == downgraded
    assert downgraded != newest
    migrate(connection)
    assert comments(connection) == newest


def test_migrating_twice_changes_nothing(connection: sa.Connection) -> None:
    migrate(connection)
    assert differences(connection) == []


def constraints(connection: sa.Connection) -> dict[str, list[object]]:
    """Return what comparing metadata leaves out: checks, keys and foreign keys of each table."""
    found = sa.inspect(connection)
    return {
        name: [
            sorted(str(check["name"]) for check in found.get_check_constraints(name)),
            found.get_pk_constraint(name)["constrained_columns"],
            sorted(
                (key["constrained_columns"], key["referred_table"], key["options"].get("ondelete"))
                for key in found.get_foreign_keys(name)
            ),
        ]
        for name in tables.metadata.tables
    }


@pytest.mark.engine("sqlite")  # Postgres has no tables without row numbers
def test_sqlite_keeps_footprints_in_order_of_their_key(connection: sa.Connection) -> None:
    made = connection.execute(sa.text("SELECT sql FROM sqlite_master WHERE name = 'footprint'")).scalar_one()
    assert made.rstrip().endswith("WITHOUT ROWID")


def test_script_for_new_migrations_is_there() -> None:
    assert (Path(next(iter(goodpix.schema.migrations.__path__))) / "script.py.mako").is_file()


def nullable(connection: sa.Connection, table: str) -> set[str]:
    return {column["name"] for column in sa.inspect(connection).get_columns(table) if column["nullable"]}


@pytest.mark.parametrize("table", ["epoch", "coadd"])
def test_counts_about_the_coadd_may_be_null_since_0006(connection: sa.Connection, table: str) -> None:
    assert nullable(connection, table) >= {*COADD_COUNTS}
    migrate(connection, "0005")
    assert not nullable(connection, table) & {*COADD_COUNTS}
    migrate(connection)
    assert nullable(connection, table) >= {*COADD_COUNTS}


def test_null_count_is_stored_after_an_upgrade(connection: sa.Connection) -> None:
    migrate(connection, "0005")
    migrate(connection)
    masks = [(row, number) for number, (row, _) in enumerate(coadd_and_epochs(1))]
    insert_masks(connection, masks, {"mask_file": "i/a.parquet", "generation": 1}, DES_Y6)
    connection.execute(tables.epoch.update().values(dict.fromkeys(COADD_COUNTS)))
    assert connection.execute(sa.select(tables.epoch.c.n_on_coadd)).scalars().all() == [None]
    for table in reversed(tables.metadata.sorted_tables):
        connection.execute(table.delete())


def test_upgrade_raises_the_format_version(connection: sa.Connection) -> None:
    identity = Identity("u", "masks", "y6", "image", DES_Y6)
    connection.execute(tables.catalogue.insert().values(identity.row))
    version = sa.select(tables.catalogue.c.format_version)
    migrate(connection, "0005")
    assert connection.execute(version).scalar_one() == 1
    migrate(connection)
    assert connection.execute(version).scalar_one() == FORMAT_VERSION
    connection.execute(tables.catalogue.delete())


@pytest.mark.engine("sqlite")
def test_sqlite_finds_its_tables_sound_after_an_upgrade(connection: sa.Connection) -> None:
    assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
    assert connection.exec_driver_sql("PRAGMA writable_schema").scalar_one() == 0
