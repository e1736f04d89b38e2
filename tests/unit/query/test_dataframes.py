"""Data frames of rows: types, and nulls that stay null."""

from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from goodpix.query.background.skyrow import SkyRow
from goodpix.query.dataframes import UNITS, frame, units_of
from goodpix.schema.columns import columns
from goodpix.schema.errors import DamagedValueError
from goodpix.schema.views import VIEWS

DOCUMENTED = Path(__file__).resolve().parents[3] / "docs" / "reference" / "columns.md"
# as docs/reference/columns.md writes units
SPELT = {
    "pixels": "pix",
    "coadd pixels": "pix",
    "degree": "deg",
    "day": "d",
    "arcsec^2": "arcsec2",
    "arcmin^2": "arcmin2",
    "arcmin^2 x images": "arcmin2",
    "bunit": "{bunit}",
    "bunit^2": "{bunit}**2",
    "s": "s",
    "m": "m",
    "arcsec": "arcsec",
    "kbyte": "kbyte",
    "mag": "mag",
    # numbers of things have no unit
    "": "",
    "CCD images": "",
    "epochs": "",
    "tiles": "",
}

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


@pytest.mark.parametrize(("name", "value"), [("count", "x"), ("count", float("inf")), ("count", 2.5), ("ratio", "x")])
def test_value_of_another_type_is_an_error_that_names_its_column(name: str, value: object) -> None:
    row = [value if column.name == name else None for column in COLUMNS]
    with pytest.raises(DamagedValueError, match=f"^column {name} of the database is damaged: .*: run goodpix verify"):
        frame(COLUMNS, [row])


def test_columns_without_nulls_have_plain_types_empty_or_not() -> None:
    for rows in ([], [(1, 0.5, True, "a")]):
        found = frame(COLUMNS, rows)
        assert found.dtypes.astype(str).tolist() == ["int64", "float64", "bool", "str"]
        assert found.columns.tolist() == ["count", "ratio", "used", "name"]


def test_columns_have_the_units_that_the_docs_give() -> None:
    lines = [line.strip("| ").split(" | ") for line in DOCUMENTED.read_text().splitlines() if line.startswith("| `")]
    documented = {row[0].strip("` "): SPELT[row[2].strip()] for row in lines if len(row) == 5}
    assert {column.name for view in VIEWS.values() for column in view.columns} <= set(documented)
    assert {name: UNITS.get(name, "") for name in documented} == documented


def test_sky_statistics_have_the_unit_of_their_values() -> None:
    plain = {"n_tiles", "ccdnum", "expnum", "correlation_x", "correlation_y", "noise_ratio", "scale"}
    plain |= {"airmass", "moon_illumination"}
    numbers = {each.name for each in columns(SkyRow) if each.kind in (int, float)}
    assert numbers - set(UNITS) == plain & numbers


def test_units_of_values_are_those_that_all_rows_name() -> None:
    rows = pd.DataFrame(
        {"skybrite": [1.0, 2.0], "gradient_x": 0.0, "exptime": 90.0, "n_tiles": 1, "bunit": ["ADU", None]}
    )
    assert units_of(rows.assign(unit="electrons")) == {"skybrite": "ADU", "gradient_x": "electrons/pix", "exptime": "s"}
    assert units_of(rows.assign(bunit=["ADU", "counts"], unit="zero point 30")) == {"exptime": "s"}
    assert units_of(rows[:0]) == {"exptime": "s"}
