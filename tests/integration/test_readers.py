"""Mask files are plain Parquet: other software reads them, one by one and as a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest

from goodpix.schema.counts import Counts
from goodpix.schema.maskfile import MASK_SCHEMA
from goodpix.schema.masks.rle import Runs
from goodpix.schema.rows import MaskRow
from goodpix.schema.store.masksroot import MasksRoot
from goodpix.schema.tables import names

from ..rows import TILE, coadd_and_epochs, coadd_row, epoch_row, folder_of, some_runs, write_masks

Masks = list[tuple[MaskRow, Runs]]
Row = dict[str, Any]


def in_band_r() -> Masks:
    runs = [some_runs(100 + k, (50, 20)) for k in range(3)]
    own = coadd_row(runs[0], band="r")
    epochs = [epoch_row(each, band="r", ccdnum=k + 1, unique=(6, 2)) for k, each in enumerate(runs[1:])]
    return list(zip([own, *epochs], runs, strict=True))


FILES: dict[str, Masks] = {"i": coadd_and_epochs(3), "r": in_band_r()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> MasksRoot:
    """A masks root as an ingest leaves it: two bands, and the mark of its catalogue."""
    root = MasksRoot.of(tmp_path_factory.mktemp("readers") / "masks")
    root.claim("6fd4196e-eab4-4fcc-81d4-331a3cb2148c")
    for band, masks in FILES.items():
        write_masks(root, masks, band=band)
    return root


def by_duckdb(place: Path) -> list[Row]:
    found = duckdb.read_parquet(pattern(place))
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def by_polars(place: Path) -> list[Row]:
    return pl.read_parquet(pattern(place)).to_dicts()


def by_pandas(place: Path) -> list[Row]:
    return [{str(k): v for k, v in row.items()} for row in pd.read_parquet(place).to_dict("records")]


def pattern(place: Path) -> str:
    return f"{place}/**/*.parquet" if place.is_dir() else str(place)


READERS: list[Callable[[Path], list[Row]]] = [by_duckdb, by_polars, by_pandas]


def is_null(value: object) -> bool:
    return value is None or value != value  # NaN is how pandas shows a null


def assert_same(found: list[Row], expected: Masks) -> None:
    key = ("band", "kind", "ccdnum")
    assert {row["tilename"] for row in found} == {TILE}
    assert len(found) == len(expected)
    by_key = {tuple(None if is_null(row[name]) else row[name] for name in key): row for row in found}
    for row, runs in expected:
        read = by_key[(row.key.band, row.key.kind, row.key.ccdnum)]
        assert list(read) == MASK_SCHEMA.names
        assert np.array_equal(np.asarray(read["lengths"]), runs.lengths)
        assert np.array_equal(np.asarray(read["flags"]), runs.flags)
        assert (read["nx"], read["ny"], read["checksum"], read["record"]) == (
            runs.nx,
            runs.ny,
            runs.checksum,
            row.record,
        )
        for name in names(Counts):
            value = getattr(row.counts, name)
            assert is_null(read[name]) if value is None else read[name] == value, name


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("band", list(FILES))
def test_one_file_is_read(read: Callable[[Path], list[Row]], root: MasksRoot, band: str) -> None:
    (path,) = (folder_of(root) / band).iterdir()
    assert_same(read(path), FILES[band])


@pytest.mark.parametrize("read", READERS)
def test_folder_is_read(read: Callable[[Path], list[Row]], root: MasksRoot) -> None:
    assert_same(read(folder_of(root)), [*FILES["i"], *FILES["r"]])


def test_query_over_the_folder_finds_the_good_fraction(root: MasksRoot) -> None:
    with duckdb.connect() as connection:
        query = "SELECT sum(n_good) / sum(n_pixels) FROM read_parquet(?) WHERE kind = 'epoch'"
        found = connection.execute(query, [pattern(folder_of(root))]).fetchall()
    epochs = [row.counts for masks in FILES.values() for row, _ in masks if row.key.kind == "epoch"]
    assert found == [(sum(each.n_good for each in epochs) / sum(each.n_pixels for each in epochs),)]
