"""Facts about the queries that fill summary tables; their sums are checked where tables are filled."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.schema import tables
from goodpix.schema.columns import values_of
from goodpix.schema.summaries import BIT_NIGHTS, CCD_IMAGES, EXPOSURES, NIGHTS, RUNS, SUMMARIES, TILES, Summary

from ...rows import epoch_row, some_runs

MISSING = {tables.ccd_median}
"""Summaries without a query."""


def add_epoch(connection: sa.Connection, tilename: str, seed: int = 1, run_id: int | None = 1, **given: Any) -> None:
    """Insert an epoch without its coadd; the number of a bit is that of its run."""
    row = epoch_row(some_runs(seed, (12, 10)), tilename=tilename, **given)
    key = {"tilename": tilename, "band": row.key.band, "expnum": row.key.expnum, "ccdnum": row.key.ccdnum}
    values = key | {"nx": row.nx, "ny": row.ny, "mask_row_group": 0, "run_id": run_id}
    added = connection.execute(tables.epoch.insert(), values | values_of(row.counts) | values_of(row.facts))
    assert added.inserted_primary_key is not None
    bit = {"plane": "se", "bit": 5, "name": "STAR", "n_pixels": 10 * seed, "epoch_id": added.inserted_primary_key[0]}
    connection.execute(tables.bit_count.insert(), [bit, bit | {"plane": "coadd", "name": "BIT_5"}])


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    engine = sa.create_engine("sqlite://")
    needed = [tables.epoch, tables.bit_count, *(each.table for each in SUMMARIES)]
    tables.metadata.create_all(engine, [tables.coadd, tables.ingest_run, *needed])
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Empty tables; what a test puts there is taken back."""
    with engine.connect() as connection:
        yield connection


def rows(connection: sa.Connection, summary: Summary, *where: "sa.ColumnElement[bool]") -> list[dict[str, Any]]:
    """Return the rows of a summary by the names of its table's columns."""
    found = connection.execute(summary.query(*where))
    return [dict(zip(summary.table.c.keys(), row, strict=True)) for row in found]


def fill(connection: sa.Connection, *summaries: Summary) -> None:
    for summary in summaries:
        connection.execute(summary.table.insert().from_select(summary.table.c.keys(), summary.query()))


def test_every_summary_comes_after_its_source() -> None:
    done = {tables.epoch}
    for summary in SUMMARIES:
        assert summary.source in done
        done.add(summary.table)
    derived = {table for name, table in tables.metadata.tables.items() if name.startswith(("ccd_", "tile_", "expos"))}
    assert done == derived - MISSING | {tables.epoch}


@pytest.mark.parametrize("summary", SUMMARIES, ids=lambda each: each.table.name)
def test_summary_of_nothing_has_no_rows(connection: sa.Connection, summary: Summary) -> None:
    assert rows(connection, summary) == []


def test_tile_sums_the_epochs_that_count(connection: sa.Connection) -> None:
    for ccdnum, used in ((1, True), (2, True), (3, False)):
        add_epoch(connection, "A", seed=ccdnum, ccdnum=ccdnum, se_seg_used=used, stale=ccdnum == 1)
    (tile,) = rows(connection, TILES)
    n_good = [epoch_row(some_runs(seed, (12, 10))).counts.n_good for seed in (1, 2)]
    assert (tile["n_epochs"], tile["n_epochs_used"], tile["n_epochs_stale"]) == (3, 2, 1)
    assert (tile["n_pixels"], tile["n_good"]) == (240, sum(n_good))


def test_tile_without_epochs_that_count_has_no_sums(connection: sa.Connection) -> None:
    add_epoch(connection, "A", se_seg_used=False)
    (tile,) = rows(connection, TILES)
    assert (tile["n_epochs"], tile["n_epochs_used"], tile["n_pixels"]) == (1, 0, None)


def test_conditions_choose_the_rows_that_are_summarised(connection: sa.Connection) -> None:
    for tilename in "ABC":
        add_epoch(connection, tilename)
    epoch = tables.epoch.c
    found = rows(connection, TILES, epoch.tilename != "A", epoch.tilename != "C")
    assert [each["tilename"] for each in found] == ["B"]


def test_run_that_is_not_known_is_no_run(connection: sa.Connection) -> None:
    for ccdnum, run_id in enumerate((1, 1, 2, None)):
        add_epoch(connection, "A", ccdnum=ccdnum, run_id=run_id)
    assert [(each["run_id"], each["n_epochs"]) for each in rows(connection, RUNS)] == [(1, 2), (2, 1)]


@pytest.mark.parametrize(("seed", "disagree"), [(1, 0), (2, 1)])
def test_ccd_image_is_one_row_however_many_tiles_hold_it(connection: sa.Connection, seed: int, disagree: int) -> None:
    add_epoch(connection, "A", seed=1)
    add_epoch(connection, "B", seed=seed)
    add_epoch(connection, "C", seed=9, se_seg_used=False)
    (image,) = rows(connection, CCD_IMAGES)
    assert (image["n_tiles"], image["tiles_disagree"], image["n_pixels"]) == (2, disagree, 120)
    assert image["fraction_good_se"] == image["n_good_se"] / image["n_pixels"]


def test_exposure_has_the_mean_of_computed_columns_and_equal_values_exactly(connection: sa.Connection) -> None:
    # the mean of three times 0.1 is not 0.1
    for ccdnum, separation in ((1, 30.5), (2, 31.0), (3, None)):
        for tilename in ("A", "B"):
            add_epoch(connection, tilename, ccdnum=ccdnum, expnum=7, airmass=0.1)
        epoch = tables.epoch.c
        values = {"moon_separation": separation, "sun_altitude": -20.1}
        connection.execute(tables.epoch.update().where(epoch.ccdnum == ccdnum).values(values))
    fill(connection, CCD_IMAGES)
    (exposure,) = rows(connection, EXPOSURES)
    assert [exposure[name] for name in ("moon_separation", "sun_altitude", "airmass")] == [30.75, -20.1, 0.1]
    assert exposure["moon_altitude"] is None


def test_exposure_and_night_count_each_ccd_image_once(connection: sa.Connection) -> None:
    for tilename in ("A", "B"):
        for ccdnum in (1, 2):
            add_epoch(connection, tilename, ccdnum=ccdnum, expnum=7, fwhm=2.0 + ccdnum)
    fill(connection, CCD_IMAGES)
    (exposure,), nights = rows(connection, EXPOSURES), rows(connection, NIGHTS)
    assert (exposure["n_ccds"], exposure["n_pixels"], exposure["mean_fwhm"]) == (2, 240, 3.5)
    assert [(each["ccdnum"], each["n_ccd_images"], each["n_pixels"]) for each in nights] == [(1, 1, 120), (2, 1, 120)]


def test_bits_of_a_night_are_those_of_its_ccd_images_own_planes(connection: sa.Connection) -> None:
    for tilename in ("A", "B"):
        for expnum in (7, 8):
            add_epoch(connection, tilename, expnum=expnum, ccdnum=1)
    fill(connection, CCD_IMAGES)
    (bit,) = rows(connection, BIT_NIGHTS)
    assert (bit["name"], bit["bit"], bit["n_ccd_images"], bit["n_pixels"]) == ("STAR", 5, 2, 20)
