"""Facts about conditions written as SQL, in both databases."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from goodpix.schema.errors import UnknownNameError, UsageError
from goodpix.schema.sql.condition import parse_condition
from goodpix.schema.views import VIEWS

COLUMNS = ("name", "n", "m", "x", "used")
ROWS = [("a", 1, 2, 0.5, True), ("B", 7, 2, -1.5, False), ("it's", 9, 0, None, None), ("a_b", 10, 3, 4.0, True)]
TABLE = sa.Table(
    "numbers",
    sa.MetaData(),
    *(
        sa.Column(name, kind)
        for name, kind in zip(COLUMNS, (sa.Text, sa.SmallInteger, sa.BigInteger, sa.Double, sa.Boolean), strict=True)
    ),
)


@pytest.fixture(scope="module")
def connection(module_database_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(module_database_url)
    with engine.connect() as connection:
        TABLE.create(connection)
        connection.execute(TABLE.insert(), [dict(zip(COLUMNS, row, strict=True)) for row in ROWS])
        yield connection
        connection.rollback()
    engine.dispose()


def column(name: str) -> Any:
    if name not in TABLE.c:
        raise UnknownNameError(f"numbers has no column {name!r}")
    return TABLE.c[name]


def rows(connection: sa.Connection, text: str, params: dict[str, Any]) -> list[int]:
    return list(connection.scalars(sa.select(TABLE.c.n).where(parse_condition(text, params, column)).order_by("n")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n > 7", [9, 10]),
        ("n >= 7 and N <> 9", [7, 10]),
        ("n != 9 AND NOT n == 1", [7, 10]),
        ("n = 1 OR n = 7 AND m = 0", [1]),
        ("(n = 1 OR n = 7) AND m = 2", [1, 7]),
        ("NOT (n = 1 OR n = 7)", [9, 10]),
        ("n IN (1, 9)", [1, 9]),
        ("n NOT IN (1, 9)", [7, 10]),
        ("n BETWEEN 2 AND 9 AND m > 0", [7]),
        ("n NOT BETWEEN 2 AND 9", [1, 10]),
        ("x IS NULL", [9]),
        ("x is not null", [1, 7, 10]),
        ("name = 'it''s'", [9]),
        ("\"name\" = 'B'", [7]),
        ("name LIKE 'A%'", [1, 10]),
        (r"name LIKE '%\_b'", [10]),
        ("name NOT LIKE '%''s'", [1, 7, 10]),
        ("lower(name) = 'b' OR length(name) = 3", [7, 10]),
        ("abs(x) > 1", [7, 10]),
        ("coalesce(x, 100, n) > 50", [9]),
        ("name LIKE NULL", []),
        ("+".join(["1"] * 60) + " < n * 10", [7, 9, 10]),
        ("abs(" * 29 + "n" + ")" * 29 + " > 9", [10]),
        ("-x > 1 OR +x > 3.5e0", [7, 10]),
        ("n - m - 1 = 4", [7]),
        ("n - (m - 1) = 6", [7]),
        ("n / 2 * 2 = n", [10]),
        ("n * 1.0 / 2 > 3.4", [7, 9, 10]),
        ("n % 2 = 0", [10]),
        # by zero: unknown
        ("n / m >= 3", [7, 10]),
        ("used", [1, 10]),
        ("NOT used", [7]),
        ("used = 0 OR used IS NULL", [7, 9]),
        ("used = TRUE AND n IN (1)", [1]),
        ("used IS NOT TRUE", [7, 9]),
        ("(n > 7) = used", [7, 10]),
        ("TRUE", [1, 7, 9, 10]),
        (" n>7\n\tAND n<10 ", [9]),
        (" OR ".join(f"n = {number}" for number in range(100)), [1, 7, 9, 10]),
    ],
)
def test_condition_chooses_rows(connection: sa.Connection, text: str, expected: list[int]) -> None:
    assert rows(connection, text, {}) == expected


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("x > :x", {"x": 0.2}, [1, 10]),
        ("n = :n OR n=:n+2", {"n": np.int64(7)}, [7, 9]),
        ("n > :n", {"n": 7.5}, [9, 10]),
        ("n < :n", {"n": 1 << 62}, [1, 7, 9, 10]),
        ("name = :name", {"name": "it's"}, [9]),
        ("name = :name", {"name": "' OR 1 = 1 --"}, []),
        ("used = :used", {"used": np.True_}, [1, 10]),
        ("n IN :n", {"n": np.array([1, 7])}, [1, 7]),
        ("n NOT IN :n AND name IN (:a, 'B')", {"n": (1, 9), "a": "a_b"}, [7, 10]),
        ("n IN :n", {"n": range(30_000)}, [1, 7, 9, 10]),
        ("n IN :n", {"n": []}, []),
    ],
)
def test_parameters_are_values(
    connection: sa.Connection, text: str, params: dict[str, Any], expected: list[int]
) -> None:
    assert rows(connection, text, params) == expected


def test_no_text_is_handed_on() -> None:
    found = parse_condition("name = 'DROP' AND name LIKE :p", {"p": "TABLE"}, column)
    assert not re.search("DROP|TABLE", str(found))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "where: expected a column or a value at the end"),
        ("n >", "where: expected a column or a value at the end"),
        ("n > 1 m > 2", "where: expected an operator or the end at 'm > 2'"),
        ("n > 1; DROP TABLE numbers", "where: unexpected '; DROP TABLE numbers'"),
        ("n > 1 -- ", "where: unexpected '-- '"),
        ("n > 1 /* */", "where: unexpected '/* */'"),
        ("n > 1)", "where: expected an operator or the end at ')'"),
        ("(n > 1", "where: expected ) at the end"),
        ("name = 'B", 'where: unexpected "\'B"'),
        ("n > 12ab", "where: unexpected '12ab'"),
        ("n IN (SELECT n FROM numbers)", "where: expected a column or a value at 'SELECT n FROM numbers)'"),
        ("n IN 5", "where: expected ( at '5'"),
        ("n BETWEEN 1 OR 2", "where: expected AND at 'OR 2'"),
        ("n NOT 5", "where: expected IN or BETWEEN or LIKE at '5'"),
        ("n IS 5", "where: expected NULL or TRUE or FALSE at '5'"),
        ("n IS TRUE", "where: n is a number: expected a boolean"),
        ("n = NULL", "where: nothing is = NULL: expected IS NULL or IS NOT NULL"),
        ("n", "where: n is no condition: expected one, such as fwhm < 4"),
        ("n AND x > 1", "where: n is no condition"),
        ("n > '5'", "where: n is a number, '5' is text: expected one type"),
        ("n IN (1, 'a')", "where: n is a number, 'a' is text"),
        ("name + 1 > 2", "where: name is text: expected a number"),
        ("n LIKE 'a'", "where: n is a number: expected text"),
        ("used = 2", "where: 2 is a number: expected TRUE or FALSE"),
        ("x % 2 = 0", "where: expected whole numbers on both sides of %"),
        ("load_extension('a') = 1", "where: unknown function 'load_extension': expected one of abs, coalesce"),
        ("abs(n, m) > 1", "where: expected ) at ', m) > 1'"),
        ("coalesce(n) > 1", "where: coalesce has one argument: expected at least two"),
        ("abs(" * 31 + "n" + ")" * 31 + " > 9", "where has more than 60 operations and parentheses"),
        ("y > 1", "numbers has no column 'y'"),
        ('"N" > 1', "numbers has no column 'N'"),
        ("n > 9223372036854775808", "where is 9223372036854775808: expected text, a 64-bit integer"),
        ("name = '\0'", "where is '\\x00': expected text"),
        ("(" * 200 + "n > 1" + ")" * 200, "where has more than 60 operations and parentheses"),
        ("NOT " * 200 + "n > 1", "where has more than 60 operations and parentheses"),
        ("n > 1 OR " * 300 + "n > 1", "where has more than 1000 words"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, message: str) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=re.escape(message)):
        parse_condition(text, {}, column)


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        ("n > :n", {}, "where: parameter :n has no value in params"),
        ("n > :lest", {"least": 1}, "where: parameter :lest has no value in params, did you mean 'least'?"),
        ("n > :n", {"n": 1, "m": 2}, "params: where has no parameter :m"),
        ("n > :n", {"n": [1]}, "n is [1]: expected text, a 64-bit integer, a number, True or False"),
        ("n > :n", {"n": float("nan")}, "n is nan: expected text"),
        ("n > :n", {"n": None}, "nothing is > NULL"),
        ("name = :n", {"n": "\ud800"}, "expected text"),
        ("n IN :n", {"n": 5}, "params: n is 5: expected a list of values, for IN"),
        ("n IN :n", {"n": range(30_001)}, "params: n has 30,001 values: expected at most 30,000"),
        ("n IN :n", {"n": ["a"]}, "n is a number, 'a' is text"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(text: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=re.escape(message)):
        parse_condition(text, params, column)


def test_names_of_columns_are_in_small_letters() -> None:
    """So a bare name means the same column in any letters."""
    names = [each.name for view in VIEWS.values() for each in view.table.c]
    assert [name for name in names if name != name.lower()] == []
    assert len(names) > 100
