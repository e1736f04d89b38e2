"""Functions that a query may call on Postgres."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.opening import open_for_writing
from goodpix.query.catalogue import Catalogue
from goodpix.query.sqlfunctions import refused_functions
from goodpix.schema import tables
from goodpix.schema.database import open_for_reading
from goodpix.schema.errors import CatalogueError, UsageError
from goodpix.schema.views import VIEWS

from ..conftest import new_database

CALLS = [
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT pg_read_binary_file('/etc/hostname')",
    "SELECT * FROM pg_ls_dir('/')",
    "SELECT pg_stat_file('/etc')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_export(1, '/tmp/goodpix-must-not-exist')",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_create(7)",
    "SELECT lo_unlink(7)",
    "SELECT nextval('epoch_epoch_id_seq')",
    "SELECT setval('epoch_epoch_id_seq', 7)",
    "SELECT set_config('work_mem', '1MB', false)",
    "SELECT set_config('role', 'postgres', false)",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_restore_point('x')",
    "SELECT pg_logical_emit_message(false, 'x', 'y')",
    "SELECT pg_advisory_lock(7)",
    "SELECT pg_try_advisory_lock(7)",
    "SELECT pg_notify('x', 'y')",
    "SELECT pg_sleep(0)",
    "SELECT pg_stat_reset()",
    "SELECT pg_export_snapshot()",
    "SELECT query_to_xml('SELECT lo_create(7)', true, true, '')",
    "SELECT ts_stat('SELECT to_tsvector(campaign) FROM catalogue')",
    "SELECT PG_Sleep(0)",
    'SELECT "pg_sleep"(0)',
    "SELECT pg_catalog.pg_sleep(0)",
    "SELECT pg_sleep/**/(0)",
    "SELECT 1 FROM catalogue WHERE pg_sleep(0) IS NULL",
    "SELECT (SELECT lo_create(7) LIMIT 1)",
    "WITH a AS MATERIALIZED (SELECT lo_create(7)) SELECT * FROM a",
    'SELECT U&"\\0070g_sleep"(0)',
    "SELECT count_up()",
    "SELECT abs('x'::text)",
    'SELECT "CountUp"()',
    'SELECT "count up"()',
    'SELECT "count""up"()',
    'SELECT "zÄhl"()',
    f"SELECT {'f' * 64}()",
    "SELECT dblink_exec('', 'DELETE FROM catalogue')",
    "SELECT * FROM dblink('', 'DELETE FROM catalogue') AS a(b text)",
    "SELECT * FROM crosstab('SELECT lo_create(7), 1, 1') AS a(b text, c text)",
    "SELECT * FROM connectby('catalogue', 'lo_create(7)', 'uuid', 'x', 0) AS a(b text, c text, d int)",
    "SELECT * FROM xpath_table('uuid', 'lo_create(7)', 'catalogue', '/a', 'true') AS a(b text, c text)",
    "SELECT pg_file_write('goodpix-must-not-exist', 'x', false)",
    "SELECT table_to_xml('catalogue', true, true, '')",
    "SELECT * FROM ts_rewrite('a'::tsquery, 'SELECT lo_create(7)')",
    "SELECT txid_current()",
]

EXTENSIONS = ("tablefunc", "dblink", "xml2", "adminpack")


def make_catalogue(url: str, masks: Path) -> None:
    with open_for_writing(url, masks=masks, campaign="y6", wcs_source="image"):
        pass


@pytest.fixture(scope="module")
def with_a_function(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Postgres catalogue beside which somebody has made a function that does something."""
    for url in new_database(postgres_url):
        make_catalogue(url, tmp_path_factory.mktemp("function") / "masks")
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            for name in ("count_up", '"CountUp"', '"count up"', '"count""up"', '"zÄhl"', "f" * 63):
                connection.exec_driver_sql(f"CREATE FUNCTION {name}() RETURNS int LANGUAGE sql AS 'SELECT 1'")
            connection.exec_driver_sql("CREATE FUNCTION abs(text) RETURNS int LANGUAGE sql AS 'SELECT 1'")
            available = set(connection.exec_driver_sql("SELECT name FROM pg_available_extensions").scalars())
            for extension in sorted(available & {*EXTENSIONS}):
                connection.exec_driver_sql(f"CREATE EXTENSION {extension}")
        engine.dispose()
        yield url


@pytest.mark.parametrize("query", CALLS)
def test_function_that_may_do_something_is_refused(with_a_function: str, query: str) -> None:
    with Catalogue(with_a_function) as catalogue:
        with pytest.raises(UsageError, match=r"the query may not call|does not exist"):
            catalogue.sql(query)
        found = catalogue.sql(
            "SELECT (SELECT count(*) FROM pg_largeobject_metadata) AS objects, "
            "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks"
        )
    assert found.to_dict("list") == {"objects": [0], "locks": [0]}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT random() AS a, clock_timestamp() AS b",
        "SELECT pg_size_pretty(pg_total_relation_size('epoch')) AS a",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY fraction_good_se) AS a FROM ccd_quality",
        "SELECT count(*) AS a, max(current_setting('work_mem')) AS b, string_agg(tilename, ',') AS c FROM coadd",
    ],
)
def test_function_that_only_computes_may_be_called(with_a_function: str, query: str) -> None:
    with Catalogue(with_a_function) as catalogue:
        assert len(catalogue.sql(query)) == 1


def test_no_column_has_the_name_of_a_function_that_does_something(with_a_function: str) -> None:
    names = {*tables.metadata.tables, *VIEWS}
    names |= {c.name for table in tables.metadata.tables.values() for c in table.c}
    names |= {each.name for view in VIEWS.values() for each in view.columns}
    with open_for_reading(with_a_function) as database, database.engine.connect() as connection:
        assert refused_functions(connection, " ".join(names)) == []


def test_row_cannot_be_locked(with_a_function: str) -> None:
    with Catalogue(with_a_function) as catalogue, pytest.raises(UsageError, match="read-only transaction"):
        catalogue.sql("SELECT * FROM catalogue FOR UPDATE")


def test_transaction_is_read_only_without_the_servers_options(with_a_function: str) -> None:
    with open_for_reading(with_a_function) as database, database.engine.connect() as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = off")
        connection.rollback()
        connection.exec_driver_sql("SET SESSION default_transaction_read_only = off")
        connection.commit()
        with pytest.raises(CatalogueError, match="read-only transaction"):
            connection.execute(sa.text("DELETE FROM catalogue"))
