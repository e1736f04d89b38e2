"""Queries in SQL: their values as they are stored, part by part, within limits."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from goodpix.query.listings import Listings
from goodpix.query.source import open_source
from goodpix.schema.errors import UsageError

from .conftest import RowCatalogue

ENDLESS = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n) SELECT count(*) AS c FROM n"
NUMBERS = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 100) SELECT k FROM n"


@pytest.fixture(scope="module")
def listings(row_catalogue: RowCatalogue) -> Iterator[Listings]:
    with open_source(row_catalogue.url) as opened:
        yield Listings(opened.database)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"'\:x'", r"\:x"),
        ("':x'", ":x"),
        ("'100 %'", "100 %"),
        ("'%(a)s %%'", "%(a)s %%"),
        ("'it''s :band'", "it's :band"),
        ("3.697e-15", 3.697e-15),
        ("9007199254740993", 9007199254740993),
    ],
)
@pytest.mark.parametrize("parameters", [None, {"band": "r"}])
def test_text_and_numbers_come_back_as_written(
    listings: Listings, text: str, value: object, parameters: dict[str, Any] | None
) -> None:
    where = "" if parameters is None else " FROM coadd WHERE band = :band LIMIT 1"
    assert listings.sql(f"SELECT {text} AS a{where}", parameters).a.tolist() == [value]


def test_null_makes_no_integer_a_float(listings: Listings) -> None:
    query = "SELECT 9007199254740993 AS n, 1 AS k UNION ALL SELECT NULL, 2 ORDER BY k"
    found = listings.sql(query)
    assert found.n.dtype == "Int64"
    assert found.n.tolist() == [9007199254740993, pd.NA]


def test_sum_of_integers_is_an_integer(listings: Listings) -> None:
    found = listings.sql("SELECT SUM(n_good_se) AS n, AVG(n_good_se) AS mean FROM epoch")
    assert found.dtypes.astype(str).tolist() == ["int64", "float64"]


@pytest.mark.engine("postgres")
def test_integer_of_more_than_64_bits_keeps_its_digits(listings: Listings) -> None:
    assert listings.sql("SELECT CAST(100000000000000000001 AS numeric) AS n").n.tolist() == [100000000000000000001]


def test_columns_may_have_one_name(listings: Listings) -> None:
    found = listings.sql("SELECT 1 AS n, 'x' AS m")
    assert (found.columns.tolist(), found.values.tolist()) == (["n", "m"], [[1, "x"]])


def test_parts_are_the_rows_in_their_order(listings: Listings) -> None:
    with listings.sql_answer(NUMBERS) as answer:
        parts = list(answer.parts(40))
    assert [len(part) for part in parts] == [40, 40, 20]
    assert pd.concat(parts).k.tolist() == list(range(1, 101))
    assert not answer.cut


def test_parts_of_wide_rows_are_short(listings: Listings) -> None:
    # the last 400 of 1,000 rows have a megabyte each
    wide = "CASE WHEN k > 600 THEN replace(hex(zeroblob(500000)), '0', 'x') END"
    if listings._database.engine.dialect.name == "postgresql":
        wide = "CASE WHEN k > 600 THEN repeat('x', 1000000) END"
    query = NUMBERS.replace("100", "1000").replace("SELECT k FROM n", f"SELECT k, {wide} AS wide FROM n")
    n_rows = 0
    with listings.sql_answer(query) as answer:
        for part in answer.parts():
            # 64 MB, and what was fetched before its width was known
            assert int(part.wide.str.len().sum()) <= 67_108_864 + 256_000_000
            assert part.k.tolist() == list(range(n_rows + 1, n_rows + len(part) + 1))
            n_rows += len(part)
    assert n_rows == 1000


def test_query_that_is_not_utf_8_is_told_so(listings: Listings) -> None:
    with pytest.raises(UsageError, match=r"^the query holds '\\udce9': expected text in UTF-8$"):
        listings.sql("SELECT '\udce9' AS a")


@pytest.mark.parametrize(
    ("limit", "n_rows", "cut"), [(0, 0, True), (40, 40, True), (100, 100, False), (101, 100, False)]
)
@pytest.mark.parametrize("of_part", [1, 40, 1000])
def test_answer_is_cut_at_its_limit(listings: Listings, limit: int, n_rows: int, cut: bool, of_part: int) -> None:
    with listings.sql_answer(NUMBERS, limit=limit) as answer:
        assert sum(len(part) for part in answer.parts(of_part)) == n_rows
    assert answer.cut == cut
    assert listings.sql(NUMBERS, limit=limit).attrs["cut"] == cut


def test_query_that_takes_too_long_is_given_up(listings: Listings) -> None:
    with pytest.raises(UsageError, match=r"^the query did not end within 0\.2 s, its timeout$"):
        listings.sql(ENDLESS, timeout=0.2)
    assert listings.sql("SELECT 1 AS a", timeout=60).a.tolist() == [1]


@pytest.mark.parametrize("name", ["epochs_quality", "pixels"])
def test_table_that_does_not_exist_names_the_views(listings: Listings, name: str) -> None:
    nearest = ", did you mean 'epoch_quality'?" if name.startswith("epoch") else ""
    with pytest.raises(UsageError, match=rf"{name}.*{nearest}.* \(views: epoch_quality, tile_quality"):
        listings.sql(f"SELECT * FROM {name}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": 0}, "timeout is 0: expected a number of seconds"),
        ({"timeout": float("nan")}, "timeout is nan: expected a number of seconds"),
        ({"limit": -1}, "limit is -1: expected a whole number of rows"),
        ({"limit": 1.5}, "limit is 1.5: expected a whole number of rows"),
        ({"parameters": ["r"]}, r"parameters is \['r'\]: expected a mapping"),
        ({"parameters": {"band": object()}}, "the query cannot be run"),
        ({"parameters": {"band": "\ud800"}}, "the query cannot be run"),
    ],
)
def test_options_that_cannot_be_used_are_refused(listings: Listings, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        listings.sql("SELECT * FROM coadd WHERE band = :band", **{"parameters": {"band": "r"}, **options})


@pytest.mark.parametrize("query", [None, 7, b"SELECT 1", "SELECT '\x00'", "SELECT '\ud800'"])
def test_query_that_is_no_text_is_refused(listings: Listings, query: Any) -> None:
    with pytest.raises(UsageError, match="the query"):
        listings.sql(query)
