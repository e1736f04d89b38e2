"""The list of functions that a query may call."""

import pytest

from goodpix.query.sqlfunctions import ALLOWED


@pytest.mark.parametrize(
    "name",
    [
        *("query_to_xml", "cursor_to_xml", "table_to_xml", "schema_to_xml", "database_to_xml", "ts_stat", "ts_rewrite"),
        *("crosstab", "connectby", "dblink", "xpath_table", "pg_file_write", "pg_read_file", "set_config", "lo_import"),
        *("nextval", "pg_sleep", "pg_terminate_backend", "pg_advisory_lock", "pg_notify", "txid_current"),
    ],
)
def test_function_that_runs_a_text_or_changes_something_is_not_allowed(name: str) -> None:
    assert name not in ALLOWED


def test_names_are_lower_case_words() -> None:
    assert all(name == name.lower() and name.isidentifier() for name in ALLOWED)
