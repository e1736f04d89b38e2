"""Malformed values in a mask file whose checksums hold, and damaged text in a database, end no command badly."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.query.summary import over_time
from goodpix.schema import tables
from goodpix.schema.maskfile import MASK_SCHEMA
from goodpix.schema.masks.rle import encode
from goodpix.schema.sql.mistyped import mistyped

from .conftest import Run
from .damage import change, mask_path
from .survey import SPEC, Survey

Values = dict[str, Any]


def rewrite_mask(path: Path, row_group: int, change_values: Callable[[Values], Values]) -> None:
    """Write a mask file again with other values of one mask."""
    file = pq.ParquetFile(path)
    with pq.ParquetWriter(path.with_suffix(".new"), MASK_SCHEMA, compression="zstd", store_schema=False) as writer:
        for k in range(file.num_row_groups):
            table = file.read_row_group(k)
            if k == row_group:
                values = change_values(table.to_pylist()[0])
                table = pa.table(
                    {name: pa.array([values[name]], MASK_SCHEMA.field(name).type) for name in MASK_SCHEMA.names},
                    schema=MASK_SCHEMA,
                )
            writer.write_table(table, row_group_size=1)
        writer.add_key_value_metadata({k.decode(): v.decode() for k, v in file.metadata.metadata.items()})
    path.with_suffix(".new").replace(path)


def record(entries: Values) -> Callable[[Values], Values]:
    return lambda values: values | {"record": json.dumps({**json.loads(values["record"]), **entries})}


def one_run(nx: int, ny: int) -> Callable[[Values], Values]:
    """Return a mask of any size in one run, with its right checksum and counts."""
    runs = encode(np.zeros((1, 1), np.int64))
    for name, value in (("nx", nx), ("ny", ny), ("lengths", np.array([nx * ny], np.uint32))):
        object.__setattr__(runs, name, value)
    n = {"n_pixels": nx * ny, "n_good": nx * ny, "n_good_se": nx * ny}
    return lambda values: (
        values | n | {"nx": nx, "ny": ny, "lengths": [nx * ny], "flags": [0], "checksum": runs.checksum}
    )


# SQLite itself checks the numbers of rows, and the owner of a bit count.
CHECKED = {("catalogue", "catalogue_id"), ("coadd", "coadd_id"), ("epoch", "epoch_id"), ("ingest_run", "run_id")}
CHECKED |= {("bit_count", f"{name}_id") for name in ("bit_count", "coadd", "epoch")}

MALFORMED: dict[str, Callable[[Values], Values]] = {
    "pixels of a whole survey": one_run(65535, 65535),
    "pixels of another image": one_run(12000, 12000),
    "more runs than pixels": lambda values: values | {"lengths": [1] * 600_000, "flags": [0, 1] * 300_000},
    "deep": lambda values: values | {"record": "[" * 100_000 + "]" * 100_000},
    "long": record({"filename": "x" * 3_000_000}),
    "infinite": lambda values: values | {"pixel_area": float("inf")},
    "no number": record({"exptime": "long"}),
    "no text": record({"filename": "\0"}),
    "no WCS": record({"wcs": "7"}),
    "WCS beyond floats": record({"wcs": f'{{"CRVAL1": {10**400}}}'}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_mask_is_named_and_costs_itself_alone(
    stored: Survey, cli: Run, name: str, postgres_database: str
) -> None:
    rewrite_mask(mask_path(stored), 1, MALFORMED[name])
    key = [SPEC.tilename, "r", *stored.name(0).split("/")]
    database = ["--db", stored.database]
    verify = cli("verify", *database)
    assert (verify.status, "Traceback" in verify.err) == (1, False)
    assert verify.out
    for command in (["mask", *key], ["map", SPEC.tilename, "r", "-o", stored.folder / "map.fits"], ["check", *key]):
        done = cli(*command, *database)
        assert done.status in (0, 1, 2), (command, done)
        assert "Traceback" not in done.err, (command, done)
        assert len(done.lines) <= 2, (command, done)
    rebuilt = goodpix.rebuild(postgres_database, stored.masks)
    assert (rebuilt.n_epochs, len(rebuilt.failures)) == (5, 1)
    assert goodpix.verify(stored.database, repair=True).ok
    assert stored.ingest().n_epochs == 1
    assert goodpix.verify(stored.database).ok


@pytest.mark.parametrize(
    ("statement", "mended"),
    [
        ("UPDATE epoch SET planes = '{}' WHERE band = 'r'", True),
        ("UPDATE epoch SET planes = 'x' WHERE band = 'r'", True),
        ("UPDATE epoch SET wcs = '{\"CRVAL1\": \"x\"}' WHERE band = 'r'", True),
        ("UPDATE epoch SET wcs = '' WHERE band = 'r'", True),
        ("UPDATE coadd SET wcs = '[]'", True),
        ("UPDATE epoch SET files = '{\"a\": 1}' WHERE band = 'r'", True),
        ("UPDATE epoch SET files = 'x' WHERE band = 'r'", True),
        ("UPDATE ingest_run SET arguments = '['", False),
        ("UPDATE ingest_run SET arguments = '{\"variables\": 7}'", False),
        ("UPDATE epoch SET detpos = CAST(x'ff' AS TEXT) WHERE band = 'r'", False),
        ("UPDATE epoch SET date_obs = CAST(x'ff' AS TEXT) WHERE band = 'r'", False),
        ("UPDATE catalogue SET bits = '{\"se\": 1}'", False),
        ("UPDATE coadd SET mask_file = 'r/x' || char(0) WHERE band = 'r'", False),
        ("UPDATE catalogue SET format_version = x'fffe00'", False),
        ("UPDATE catalogue SET wcs_source = x'fffe00'", False),
        ("UPDATE epoch SET rac4 = 'x' WHERE band = 'r'", True),
        ("UPDATE epoch SET nx = 'x' WHERE band = 'r'", True),
        ("UPDATE epoch SET mask_row_group = 2.5 WHERE band = 'r'", True),
        ("UPDATE epoch SET position_offset = 'x' WHERE band = 'r'", True),
        ("UPDATE coadd SET uramin = x'fffe' WHERE band = 'r'", True),
        ("UPDATE footprint SET cells = 'x'", True),
        ("UPDATE tile_summary SET n_epochs_used = 9e999", True),
        ("UPDATE coadd SET generation = 'x'", True),
        ("UPDATE coadd SET generation = x'fffe'", True),
        ("UPDATE epoch SET n_good = 'x' WHERE band = 'r'", True),
    ],
    ids=lambda each: str(each)[7:40],
)
def test_damaged_text_in_a_database_is_an_error_of_a_line(
    stored: Survey, cli: Run, statement: str, mended: bool
) -> None:
    with stored.catalogue() as catalogue:
        row = catalogue.epochs(band="r").iloc[0]
    change(stored, statement)
    key = [SPEC.tilename, "r", *stored.name(0).split("/")]
    commands: list[list[object]] = [
        ["epochs"],
        ["tiles"],
        ["at", row.ra_cent, row.dec_cent],
        ["mask", *key, "-o", stored.folder / "mask.npz"],
        ["mask", SPEC.tilename, "r"],
        ["map", SPEC.tilename, "r", "-o", stored.folder / "map.fits"],
        ["sky"],
        ["check", *key],
        ["verify", "--images", 6],
        ["ingest", stored.folder, "--masks", stored.masks],
        ["gc"],
    ]
    for command in commands:
        done = cli(*command, "--db", stored.database)
        assert done.status in (0, 1, 2), (command, done)
        assert "Traceback" not in done.err, (command, done)
    if mended:
        goodpix.verify(stored.database, repair=True)
        assert goodpix.verify(stored.database).ok
    assert goodpix.rebuild(stored.database, stored.masks, force=True).n_epochs == 6
    assert goodpix.verify(stored.database, images=6).ok


def test_wrong_type_in_any_column_is_named(stored: Survey) -> None:
    rows = {"failure": "'k', 'p', 't', 'r', 1, 1, 'e', 'm', 'f', 1, 'd'", "selection": "'n', 's', 'd', 'h'"}
    change(stored, *(f"INSERT INTO {table} VALUES ({values})" for table, values in rows.items()))
    damaged = set()
    for table in tables.metadata.sorted_tables:
        columns = [column for column in table.c if (table.name, column.name) not in CHECKED]
        damaged |= {(table.name, column.name) for column in columns}
        values = [f"{c.name} = {'X' if c.type.python_type is str else ''}'00ff'" for c in columns]
        with_rowid = table.dialect_options["sqlite"]["with_rowid"]
        first = f"rowid = (SELECT min(rowid) FROM {table.name})" if with_rowid else "true"
        change(stored, f"UPDATE OR REPLACE {table.name} SET {', '.join(values)} WHERE {first}")
    engine = sa.create_engine(f"sqlite:///{stored.database}")
    with engine.connect() as connection:
        assert {(each.table, each.column) for each in mistyped(connection)} == damaged
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "command", "where"),
    [
        ("UPDATE epoch SET n_good = 'x'", "epochs", r"table epoch, tilename '.*', expnum \d+, ccdnum \d+: n_good"),
        ("UPDATE epoch SET stale = 'x'", "epochs", r"table epoch, .*: stale"),
        ("UPDATE epoch SET fwhm = 'nan'", "epochs", r"table epoch, .*: fwhm"),
        ("UPDATE tile_summary SET area_good = 'x'", "tiles", r"table tile_summary, .*: area_good"),
        ("UPDATE ccd_image SET pixel_area = 'x'", "exposures", r"table ccd_image, .*: pixel_area"),
        ("UPDATE coadd SET generation = 'x'", "tiles", r"table coadd, tilename '.*', band 'r': generation"),
    ],
)
def test_wrong_type_is_named_with_its_row(stored: Survey, cli: Run, statement: str, command: str, where: str) -> None:
    change(stored, f"{statement} WHERE band = 'r'")
    done = cli(command, "--db", stored.database)
    assert (done.status, len(done.lines), done.out) == (2, 1, "")
    assert re.search(where + " is '(x|nan)': expected", done.err)
    checked = cli("verify", "--db", stored.database)
    assert checked.status == 1
    assert re.search("value: " + where, checked.out)


def test_error_of_the_caller_is_its_own_whatever_the_database_holds(stored: Survey) -> None:
    change(stored, "UPDATE epoch SET n_good = 'x' WHERE band = 'r'")
    with pytest.raises(ValueError, match=r"^mine$"), stored.catalogue():
        raise ValueError("mine")
    with pytest.raises(goodpix.GoodpixError, match="n_good is 'x'"), stored.catalogue() as catalogue:
        catalogue.epochs()


@pytest.mark.parametrize(
    ("statistic", "column"),
    [
        ("n_good_se", "n_good_se"),
        ("fraction_good_se", "n_good_se"),
        ("sky_rate", "mean_skybrite"),
        ("fwhm", "mean_fwhm"),
    ],
)
def test_sum_over_a_wrong_type_is_no_number(stored: Survey, statistic: str, column: str) -> None:
    change(stored, f"UPDATE exposure_summary SET {column} = 'x' WHERE band = 'r'")
    with (
        pytest.raises(goodpix.GoodpixError, match=rf"table exposure_summary, .*: {column} is 'x': expected"),
        stored.catalogue() as catalogue,
    ):
        over_time(catalogue, statistic)
