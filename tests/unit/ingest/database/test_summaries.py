"""Facts about the summary tables."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from goodpix.ingest.database import summaries
from goodpix.ingest.database.migrate import migrate
from goodpix.ingest.database.summaries import fill_summaries, refresh_summaries, summaries_following
from goodpix.schema import tables

from ....plainsums import assert_summaries_are_true
from ....rows import coadd_row, epoch_row, some_runs

TILES = ["DES0001-0001", "DES0002-0002", "DES0003-0003"]
SHAPE = (12, 10)
SUMMARIES = ["tile_summary", "tile_run", "ccd_image", "exposure_summary", "ccd_night", "ccd_bit_night", "ccd_median"]


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(module_database_url)
    with engine.begin() as connection:
        migrate(connection)
        connection.execute(tables.ingest_run.insert(), [run(number) for number in (1, 2, 3)])
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Empty tables; what a test puts there is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def run(number: int) -> dict[str, Any]:
    text = dict.fromkeys(("version", "arguments", "host", "started"), "")
    return {"run_id": number, **text}


def epoch(tilename: str, *, seed: int, run_id: int | None = 1, counts: Any = (), **given: Any) -> dict[str, Any]:
    row = epoch_row(some_runs(seed, SHAPE), tilename=tilename, unique=(7, 5), **given)
    values = {"tilename": tilename, "band": row.key.band, "nx": row.nx, "ny": row.ny, "mask_row_group": 0}
    values |= {"expnum": row.key.expnum, "ccdnum": row.key.ccdnum, "run_id": run_id}
    return {"bits": row.bits, **values, **asdict(row.counts), **asdict(row.facts), **dict(counts)}


def replace(connection: sa.Connection, tilename: str, epochs: list[dict[str, Any]], band: str = "i") -> None:
    """Put epochs in the place of a tile's, as an ingest does."""
    with summaries_following(connection, tilename, band):
        replace_rows(connection, tilename, epochs, band)


def replace_rows(connection: sa.Connection, tilename: str, epochs: list[dict[str, Any]], band: str = "i") -> None:
    e, c = tables.epoch.c, tables.coadd.c
    # SQLite without its foreign keys, as here, does not do it by itself
    gone = sa.select(e.epoch_id).where(e.tilename == tilename, e.band == band)
    connection.execute(tables.bit_count.delete().where(tables.bit_count.c.epoch_id.in_(gone)))
    connection.execute(tables.epoch.delete().where(e.tilename == tilename, e.band == band))
    connection.execute(tables.coadd.delete().where(c.tilename == tilename, c.band == band))
    row = coadd_row(some_runs(99, SHAPE), tilename=tilename, band=band)
    values = {"tilename": tilename, "band": band, "nx": row.nx, "ny": row.ny, "mask_row_group": 0}
    values |= {"generation": 1, "mask_file": "a", "run_id": 1}
    connection.execute(tables.coadd.insert().values(values | asdict(row.counts) | asdict(row.facts)))
    for each in epochs:
        row_of_epoch = {name: value for name, value in each.items() if name != "bits"}
        added = connection.execute(tables.epoch.insert().values(row_of_epoch)).inserted_primary_key
        assert added is not None
        bits = [
            {"epoch_id": added[0], "plane": plane, "bit": bit, "name": f"BIT_{bit}", "n_pixels": n}
            for plane, of_plane in each["bits"].items()
            for bit, n in of_plane.items()
        ]
        connection.execute(tables.bit_count.insert(), bits)


def some_epochs(tilename: str, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return epochs of a few CCD images, which other tiles may have, too."""
    keys = {(int(rng.integers(1, 5)), int(rng.integers(1, 4))) for _ in range(rng.integers(0, 8))}
    return [
        epoch(
            tilename,
            # mostly the same SE counts in every tile, as it should be
            seed=expnum * 10 + ccdnum + int(rng.random() < 0.1),
            expnum=expnum,
            ccdnum=ccdnum,
            nite=[20150101, 20150102, None, 20150101][expnum - 1],
            airmass=None if expnum == 2 else 1.25 * expnum,
            run_id=[1, 2, 3, None][rng.integers(0, 4)],
            # two exposures of one night, of which one lacks a count
            counts={"n_good_se_amp_a": None} if expnum == 4 else {},
            stale=bool(rng.random() < 0.2),
            se_seg_used=bool(rng.random() < 0.8),
        )
        for expnum, ccdnum in sorted(keys)
    ]


@pytest.mark.parametrize("seed", range(3))
def test_summaries_stay_true_whatever_replaces_what(connection: sa.Connection, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(10):
        tilename = TILES[rng.integers(0, len(TILES))]
        replace(connection, tilename, some_epochs(tilename, rng))
        assert_summaries_are_true(connection)


def test_summaries_computed_again_are_those_that_followed(connection: sa.Connection) -> None:
    rng = np.random.default_rng(3)
    for tilename in [*TILES, *TILES]:
        replace(connection, tilename, some_epochs(tilename, rng))
    kept, images = contents(connection), sa.select(tables.epoch.c.expnum, tables.epoch.c.ccdnum)
    for each in ("ccd_night", "ccd_bit_night", "ccd_median", "exposure_summary", "ccd_image"):
        connection.execute(tables.metadata.tables[each].delete())
    refresh_summaries(connection, TILES[0], "i", {(row[0], row[1]) for row in connection.execute(images)})
    assert contents(connection) == kept


def test_summaries_made_from_scratch_are_those_that_were_kept(connection: sa.Connection) -> None:
    rng = np.random.default_rng(7)
    for tilename in [*TILES, *TILES]:
        replace(connection, tilename, some_epochs(tilename, rng))
    kept = contents(connection)
    fill_summaries(connection)
    assert contents(connection) == kept


def contents(connection: sa.Connection) -> dict[str, list[Any]]:
    found = {name: connection.execute(sa.select(tables.metadata.tables[name])).all() for name in SUMMARIES}
    return {name: sorted(map(repr, rows)) for name, rows in found.items()}


def test_many_keys_are_done_in_parts(connection: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "_AT_A_TIME", 2)
    rng = np.random.default_rng(8)
    for tilename in TILES:
        epochs = some_epochs(tilename, rng)
        replace_rows(connection, tilename, epochs)
        refresh_summaries(connection, tilename, "i", {(each["expnum"], each["ccdnum"]) for each in epochs})
    assert_summaries_are_true(connection)


def test_bands_are_apart(connection: sa.Connection) -> None:
    for band in ("i", "r"):
        replace(connection, TILES[0], [epoch(TILES[0], seed=1, band=band)], band)
    replace(connection, TILES[0], [], "r")
    assert_summaries_are_true(connection)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_median_is_the_middle_one_or_the_mean_of_two(connection: sa.Connection, n: int) -> None:
    replace(connection, TILES[0], [epoch(TILES[0], seed=k, expnum=k) for k in range(n)])
    fractions = [each.fraction_good_se for each in connection.execute(sa.select(tables.ccd_image))]
    (found,) = connection.execute(sa.select(tables.ccd_median)).all()
    assert (found.n_ccd_images, found.fraction_good_se) == (n, float(np.median(fractions)))


def test_summaries_of_an_empty_catalogue_are_empty(connection: sa.Connection) -> None:
    fill_summaries(connection)
    assert contents(connection) == {name: [] for name in SUMMARIES}


def test_summary_goes_with_its_tile(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
    replace(connection, TILES[0], [epoch(TILES[0], seed=1)])
    connection.execute(tables.epoch.delete())
    connection.execute(tables.coadd.delete())
    found = [connection.execute(sa.select(table)).all() for table in (tables.tile_summary, tables.tile_run)]
    assert found == [[], []]


def identity() -> dict[str, Any]:
    text = dict.fromkeys(("uuid", "masks_root", "campaign", "wcs_source", "bits"), "")
    return {"catalogue_id": 1, "format_version": 1, "footprint_nside": 256, **text}


@pytest.mark.engine("sqlite")  # Postgres plans by what is there
def test_keys_are_looked_up_in_indexes(connection: sa.Connection) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("DELETE", "INSERT", "UPDATE")) or "json_each" in statement:
            asked.append((statement, parameters))

    for tilename in TILES[:2]:
        replace(connection, tilename, [epoch(tilename, seed=k, expnum=k, ccdnum=k) for k in range(1, 4)])
    sa.event.listen(connection, "before_cursor_execute", note)
    with summaries_following(connection, TILES[0], "i"):
        replace_rows(connection, TILES[0], [epoch(TILES[0], seed=9, expnum=9, ccdnum=9)])
    refresh_summaries(connection, TILES[0], "i", {(k, k) for k in range(1, 4)})
    sa.event.remove(connection, "before_cursor_execute", note)
    assert len(asked) > 20
    for statement, parameters in asked:
        if statement.startswith("INSERT") and "SELECT" not in statement:
            continue
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        # a column of the key besides the band, or a million rows would be looked at for a hundred
        searched = [row[3] for row in plan if row[3].startswith(("SEARCH", "SCAN ccd", "SCAN epoch", "SCAN tile"))]
        assert all(any(f"{name}=?" in e for name in ("num", "_id", "tilename")) for e in searched), (
            statement,
            searched,
        )
