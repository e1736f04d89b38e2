"""Tables in every format, with the numbers as they were."""

import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from goodpix.query.provenance import Provenance
from goodpix.query.tables.formats import Format, format_of, rendered, write_table
from goodpix.query.tables.texttable import render_table
from goodpix.schema.errors import UsageError

NUMBERS = [3.697e-15, 123456789.125, -1 / 3, 2.0**-1074, None]
BIG = [2**62 + 1, None, -(2**53) - 1, 999999, 0]
ROWS = pd.DataFrame(
    {
        "level": pd.Series(NUMBERS, dtype="float64"),
        "n": pd.Series(BIG, dtype="Int64"),
        "stale": pd.Series([True, None, False, True, False], dtype="boolean"),
        "band": pd.Series(["g", "Y", None, "z", 'a "quote"'], dtype="str"),
    }
)
MACHINE_FORMATS = [each for each in Format if each not in (Format.table, Format.reg)]


def bytes_of(rows: pd.DataFrame, format_: Format, name: str = "sql") -> bytes:
    return b"".join(rendered([rows[:2], rows[2:]], name, format_))


def read(data: bytes, format_: Format) -> dict[str, list[Any]]:
    """Return the columns that another reader finds; None for nulls."""
    if format_ is Format.json:
        rows = json.loads(data)
        return {name: [row[name] for row in rows] for name in rows[0]}
    if format_ is Format.csv:
        frame = pd.read_csv(io.BytesIO(data), dtype={"n": "Int64", "stale": "boolean"})
    elif format_ is Format.parquet:
        frame = pd.read_parquet(io.BytesIO(data), dtype_backend="numpy_nullable")
    else:
        names = {Format.ecsv: "ascii.ecsv", Format.votable: "votable", Format.fits: "fits"}
        source = data.decode() if format_ is Format.ecsv else io.BytesIO(data)
        table = Table.read(source, format=names[format_])
        return {
            name: [None if each is np.ma.masked or each != each else each for each in table[name]]
            for name in table.colnames
        }
    return {str(name): [None if each is pd.NA or each != each else each for each in frame[name]] for name in frame}


@pytest.mark.parametrize("format_", MACHINE_FORMATS)
def test_every_number_comes_out_as_it_went_in(format_: Format) -> None:
    found = read(bytes_of(ROWS, format_), format_)
    assert found["level"] == NUMBERS
    assert found["n"] == BIG
    assert found["stale"] == [True, None, False, True, False]
    assert [text or None for text in found["band"]] == ["g", "Y", None, "z", 'a "quote"']


@pytest.mark.parametrize("format_", [Format.ecsv, Format.votable, Format.fits])
def test_numbers_of_a_column_whose_first_part_is_null_are_numbers(format_: Format) -> None:
    parts = [
        pd.DataFrame({"n": pd.Series([None], dtype=object), "f": pd.Series([None], dtype=object)}),
        pd.DataFrame({"n": pd.Series([2**53 + 1], dtype="int64"), "f": pd.Series([3.697e-15], dtype="float64")}),
    ]
    found = read(b"".join(rendered(parts, "sql", format_)), format_)
    assert found == {"n": [None, 2**53 + 1], "f": [None, 3.697e-15]}


def test_text_of_a_query_has_all_digits() -> None:
    lines = [line.split() for line in render_table(ROWS[["level", "n"]][:2], "sql").splitlines()]
    assert lines == [["level", "n"], ["3.697e-15", str(2**62 + 1)], ["123456789.125", "-"]]


def test_text_of_a_listing_has_six_digits_and_every_digit_of_a_large_number() -> None:
    rows = pd.DataFrame({"level": [1 / 3, 1234567.25, 3.697e-15]})
    assert render_table(rows, "sky").split() == ["level", "0.333333", "1234567.25", "3.697e-15"]


def test_text_escapes_control_characters() -> None:
    assert render_table(pd.DataFrame({"a": ["\x1b[2J\nx"]}), "sql").splitlines()[1] == "\\x1b[2J\\nx"


def test_json_has_infinities_and_all_kinds_of_values() -> None:
    when = pd.Timestamp("2013-11-15T01:02:03")
    rows = pd.DataFrame({"a": [np.inf, -np.inf]}).assign(
        b=pd.Series([Decimal("0.10"), b"\x00\xff"], dtype=object),
        c=pd.Series([[1, None], {"k": 2.5}], dtype=object),
        d=[when, when],
    )
    first, second = json.loads(bytes_of(rows, Format.json))
    assert first == {"a": np.inf, "b": 0.10, "c": [1, None], "d": "2013-11-15T01:02:03"}
    assert second == {"a": -np.inf, "b": "00ff", "c": {"k": 2.5}, "d": "2013-11-15T01:02:03"}


@pytest.mark.parametrize("format_", [Format.table, *MACHINE_FORMATS])
def test_table_without_rows_can_be_read(format_: Format) -> None:
    data = bytes_of(ROWS[:0], format_)
    if format_ is Format.json:
        assert json.loads(data) == []
    elif format_ is Format.table:
        assert data.split() == [b"level", b"n", b"stale", b"band"]
    else:
        assert list(read(data, format_)) == list(ROWS.columns)


@pytest.mark.parametrize("format_", [each for each in MACHINE_FORMATS if each is not Format.csv])
def test_column_that_stands_twice_is_refused(format_: Format) -> None:
    twice = pd.DataFrame([[1, 2]], columns=["n", "n"])
    with pytest.raises(UsageError, match=f"cannot be written as {format_}: column n stands twice: expected .* by AS"):
        bytes_of(twice, format_)


def test_letter_that_fits_cannot_hold_is_refused() -> None:
    with pytest.raises(UsageError, match=r"as fits: path has 'caf.': expected ASCII"):
        bytes_of(pd.DataFrame({"path": ["caf\xe9"]}), Format.fits)


def test_later_part_of_another_type_is_refused_in_parquet() -> None:
    parts = [pd.DataFrame({"n": [1]}), pd.DataFrame({"n": ["x"]})]
    with pytest.raises(UsageError, match=r"the answer cannot be written as parquet"):
        list(rendered(parts, "sql", Format.parquet))


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("a.fits", "fits"),
        ("a.VOT", "votable"),
        ("a.xml", "votable"),
        ("a.ecsv", "ecsv"),
        ("a.txt", "table"),
        ("-", "table"),
    ],
)
def test_ending_stands_for_a_format(name: str, format_: str) -> None:
    assert format_of(Path(name)) == format_


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.fits.gz", "rows.hdf5"])
def test_ending_that_stands_for_no_format_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"-o {name}: expected a name that ends in .csv, .json")):
        format_of(Path(name))


def test_text_names_units_where_the_name_of_the_column_does_not() -> None:
    rows = pd.DataFrame({"n_pixels": [1], "exptime": [90.0], "mean_fwhm": [4.0], "mean_fwhm_arcsec": [1.0]})
    headings = ["n_pixels", "exptime[s]", "mean_fwhm[pix]", "mean_fwhm_arcsec"]
    assert render_table(rows, "exposures").split()[:4] == headings
    assert render_table(rows, "sql").split()[:4] == list(rows.columns)
    assert render_table(pd.DataFrame({"n": [1], "level_x": [2.0]}), "").split()[:2] == ["n", "level_x[pix]"]


def test_parquet_has_units_and_provenance_in_its_metadata() -> None:
    rows = pd.DataFrame({"exptime": [90.0], "band": ["r"]})
    data = b"".join(rendered([rows], "epochs", Format.parquet, Provenance.of("border 3", filters="band=r")))
    schema = pq.read_schema(io.BytesIO(data))
    assert schema.field("exptime").metadata == {b"unit": b"s", b"ucd": b"time.duration;obs.exposure"}
    assert schema.field("band").metadata == {b"ucd": b"instr.bandpass"}
    assert (schema.metadata[b"goodpix.selection"], schema.metadata[b"goodpix.filters"]) == (b"border 3", b"band=r")
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(data)), rows)


def test_regions_are_points_without_a_radius_and_else_circles() -> None:
    rows = pd.DataFrame({"ra": [10.5, 359.25], "dec": [-1e-7, 45.0]})
    points = ["icrs", "point(10.5,-1e-07) # point=x", "point(359.25,45.0) # point=x"]
    assert bytes_of(rows, Format.reg).decode().splitlines()[1:] == points
    data = b"".join(rendered([rows], "blank-sky", Format.reg, Provenance({"seed": 3, "radius_arcsec": 1.5})))
    circles = ["icrs", 'circle(10.5,-1e-07,1.5")', 'circle(359.25,45.0,1.5")']
    assert data.decode().splitlines()[1:] == ["# seed: 3", "# radius_arcsec: 1.5", *circles]


def test_regions_need_positions() -> None:
    with pytest.raises(UsageError, match="cannot be written as reg: it has no columns ra and dec"):
        bytes_of(ROWS, Format.reg)


@pytest.mark.parametrize("name", ["rows.vot", "rows.ecsv", "rows.fits", "rows.parquet", "rows.csv", "rows.json"])
def test_answer_is_written_as_its_name_says(name: str, tmp_path: Path) -> None:
    rows = pd.DataFrame({"exptime": [90.0, 30.0], "expnum": [2**62 + 1, 3]})
    rows.attrs["software"] = "goodpix x"
    write_table(rows, tmp_path / name)
    provenance = Provenance({"software": "goodpix x"})
    expected = b"".join(rendered([rows], "epochs", format_of(name), provenance))
    assert (tmp_path / name).read_bytes() == expected
    write_table(rows, f"memory://tables/{name}")
    assert fsspec.filesystem("memory").cat_file(f"memory://tables/{name}") == expected


def test_format_can_be_another_than_the_name_says(tmp_path: Path) -> None:
    write_table(ROWS, tmp_path / "rows.dat", "votable")
    assert len(Table.read(tmp_path / "rows.dat", format="votable")) == len(ROWS)


def test_table_of_others_has_no_units(tmp_path: Path) -> None:
    write_table(pd.DataFrame({"exptime": [90.0]}), tmp_path / "rows.parquet")
    assert pq.read_schema(tmp_path / "rows.parquet").field("exptime").metadata is None


def test_table_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written as fits: path has"):
        write_table(pd.DataFrame({"path": ["caf\xe9"]}), tmp_path / "rows.fits")
    assert list(tmp_path.iterdir()) == []
