"""Data frames of rows: types, and nulls that stay null."""

import sqlalchemy as sa

from goodpix.query.dataframes import frame

COLUMNS = [
    sa.Column("count", sa.BigInteger),
    sa.Column("ratio", sa.Double),
    sa.Column("used", sa.Boolean),
    sa.Column("name", sa.String),
]


def test_counts_stay_whole_where_some_are_null() -> None:
    large = (1 << 53) + 1
    found = frame(COLUMNS, [(large, 0.5, True, "a"), (None, None, None, None)])
    assert found.dtypes.astype(str).tolist()[:3] == ["Int64", "float64", "boolean"]
    assert found["count"].tolist()[0] == large
    assert found.isna().sum(axis=1).tolist() == [0, 4]


def test_columns_without_nulls_have_plain_types_empty_or_not() -> None:
    for rows in ([], [(1, 0.5, True, "a")]):
        found = frame(COLUMNS, rows)
        assert found.dtypes.astype(str).tolist() == ["int64", "float64", "bool", "str"]
        assert found.columns.tolist() == ["count", "ratio", "used", "name"]
