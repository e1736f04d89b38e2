"""Facts about checks of rows against each other."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.opening import open_for_writing
from goodpix.ingest.database.summaries import fill_summaries
from goodpix.ingest.database.writer import Writer
from goodpix.ingest.upkeep import crosschecks
from goodpix.ingest.upkeep.crosschecks import check_ccd_images, check_orphans, check_summaries, delete_orphans
from goodpix.ingest.upkeep.report import Problem
from goodpix.schema.rows import EpochFacts
from goodpix.schema.summaries import SUMMARIES

from ....rows import BAND, TILE
from ..conftest import Mask, SmallCatalogue, receipt

OTHER = "DES0000+0000"
FIRST = (492768, 11)


@pytest.fixture
def neighbours(catalogue: SmallCatalogue, masks: list[Mask]) -> SmallCatalogue:
    """A catalogue of two tiles with the same CCD images."""
    copies = [(replace(row, key=replace(row.key, tilename=OTHER)), runs) for row, runs in masks]
    with catalogue.writing() as database:
        Writer(database, {}).commit(receipt("i/other.parquet", copies, tilename=OTHER))
    return catalogue


def summary_problems(catalogue: SmallCatalogue) -> list[str]:
    with catalogue.connected() as connection:
        return [str(each) for each in check_summaries(connection)]


def test_tiles_that_agree_are_no_problem(neighbours: SmallCatalogue) -> None:
    with neighbours.connected() as connection:
        assert check_ccd_images(connection) == []
        assert check_summaries(connection) == []
        assert check_orphans(connection) == []


def test_tiles_that_disagree_on_a_ccd_image_are_named(neighbours: SmallCatalogue) -> None:
    neighbours.change(
        f"UPDATE epoch SET n_good_se = 5, n_se_seg = 7 WHERE tilename = '{OTHER}' AND expnum = {FIRST[0]}",
        f"UPDATE epoch SET n_good_se = 3, n_se_seg = 7 WHERE tilename = '{TILE}' AND expnum = {FIRST[0]}",
        # counts on the coadd differ from tile to tile
        f"UPDATE epoch SET n_good = 1 WHERE tilename = '{OTHER}'",
    )
    with neighbours.connected() as connection:
        assert check_ccd_images(connection) == [
            Problem(
                "tiles disagree",
                "CCD image 492768/11 (band i)",
                "SE counts differ between its 2 tiles: n_good_se 3 to 5",
            )
        ]
        assert len(check_ccd_images(connection, {BAND: {FIRST, (1, 1)}})) == 1
        assert check_ccd_images(connection, {BAND: {(492769, 12)}}) == []
        assert check_ccd_images(connection, {}) == []


def test_tile_without_an_se_segmentation_map_disagrees_with_none(neighbours: SmallCatalogue) -> None:
    neighbours.change(f"UPDATE epoch SET n_good_se = 5, se_seg_used = 0 WHERE tilename = '{OTHER}'")
    with neighbours.connected() as connection:
        assert check_ccd_images(connection) == []


def test_rows_without_an_owner_are_counted_and_deleted(catalogue: SmallCatalogue) -> None:
    before = catalogue.count("bit_count"), catalogue.count("footprint")
    catalogue.change(
        "INSERT INTO footprint (hpix, epoch_id) VALUES (7, 999), (8, 999)",
        "INSERT INTO bit_count (epoch_id, plane, bit, name, n_pixels) VALUES (999, 'se', 0, 'BPM', 1)",
        "INSERT INTO bit_count (coadd_id, plane, bit, name, n_pixels) VALUES (999, 'coadd', 0, 'NO_DATA', 1)",
    )
    with catalogue.connected() as connection:
        assert [str(each) for each in check_orphans(connection)] == [
            "bit counts: table bit_count: 1 row without an existing epoch",
            "bit counts: table bit_count: 1 row without an existing coadd",
            "footprint: table footprint: 2 rows without an existing epoch",
        ]
    with catalogue.writing() as database, database.engine.begin() as connection:
        delete_orphans(connection)
    assert (catalogue.count("bit_count"), catalogue.count("footprint")) == before


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "UPDATE tile_summary SET area_good = area_good * 1.00001",
            "table tile_summary, tilename DES0124-3332, band i: differs from the rows that it summarises",
        ),
        (
            "UPDATE tile_summary SET area_good = NULL",
            "table tile_summary, tilename DES0124-3332, band i: differs from the rows that it summarises",
        ),
        ("DELETE FROM tile_run", "table tile_run, tilename DES0124-3332, band i, run_id 1: is missing"),
        (
            f"DELETE FROM ccd_night WHERE ccdnum = {FIRST[1]}",
            "table ccd_night, band i, ccdnum 11, nite 20151106: is missing",
        ),
        (
            "INSERT INTO tile_run (tilename, band, run_id, n_epochs) VALUES ('DES0124-3332', 'i', 7, 1)",
            "table tile_run, tilename DES0124-3332, band i, run_id 7: has no rows to summarise",
        ),
        (
            f"UPDATE ccd_median SET fraction_good_se = 0.5 WHERE ccdnum = {FIRST[1]}",
            "table ccd_median, band i, ccdnum 11: is not the median of its CCD images",
        ),
        (
            f"DELETE FROM ccd_median WHERE ccdnum = {FIRST[1]}",
            "table ccd_median, band i, ccdnum 11: is not the median of its CCD images",
        ),
        (
            "INSERT INTO ccd_median (band, ccdnum, n_ccd_images, fraction_good_se) VALUES ('r', 1, 1, 0.5)",
            "table ccd_median, band r, ccdnum 1: has no CCD images",
        ),
    ],
)
def test_wrong_row_of_a_summary_is_named(catalogue: SmallCatalogue, statement: str, problem: str) -> None:
    catalogue.change(statement)
    assert summary_problems(catalogue) == [f"summary: {problem}"]


def test_last_digit_of_a_sum_of_doubles_is_no_difference(catalogue: SmallCatalogue) -> None:
    catalogue.change("UPDATE tile_summary SET area_good = area_good * (1 + 1e-12)")
    assert summary_problems(catalogue) == []


def test_null_night_is_found_like_any_other(catalogue: SmallCatalogue) -> None:
    catalogue.change(
        "UPDATE epoch SET nite = NULL WHERE ccdnum = 11", "UPDATE ccd_image SET nite = NULL WHERE ccdnum = 11"
    )
    found = summary_problems(catalogue)
    assert "summary: table ccd_night, band i, ccdnum 11, nite None: is missing" in found
    assert "summary: table ccd_night, band i, ccdnum 11, nite 20151106: has no rows to summarise" in found


def test_null_night_is_equal_to_itself(catalogue: SmallCatalogue) -> None:
    catalogue.change("UPDATE epoch SET nite = NULL")
    with catalogue.writing() as database, database.engine.begin() as connection:
        fill_summaries(connection)
    assert summary_problems(catalogue) == []


def test_rows_are_joined_by_what_the_engine_looks_up(database_url: str, masks: list[Mask], tmp_path: Path) -> None:
    joins = []

    def listen(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if " AS missing" in statement:
            joins.append(statement.partition(" LEFT OUTER JOIN ")[2].rpartition(" ON ")[2].partition("WHERE")[0])

    row, runs = masks[1]
    assert isinstance(row.facts, EpochFacts)
    nightless = (replace(row, facts=replace(row.facts, nite=None)), runs)
    with open_for_writing(database_url, masks=tmp_path / "masks", campaign="c", wcs_source="image") as database:
        Writer(database, {}).commit(receipt("i/t.parquet", [masks[0], nightless, *masks[2:]]))
        with database.engine.connect() as connection:
            sa.event.listen(connection, "before_cursor_execute", listen)
            assert check_summaries(connection) == []
            assert connection.scalar(sa.text("SELECT count(*) FROM ccd_night WHERE nite IS NULL"))
            # Postgres hashes equality alone, and compares each row with all others otherwise
            looked_up = (" = ",) if connection.dialect.name == "postgresql" else (" = ", " IS ")
    assert len(joins) == len(SUMMARIES)
    for condition in joins:
        assert all(any(sign in term for sign in looked_up) for term in condition.split(" AND "))


def test_many_problems_of_a_table_are_counted(catalogue: SmallCatalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crosschecks, "_SHOWN", 1)
    catalogue.change("DELETE FROM exposure_summary")
    found = [each for each in summary_problems(catalogue) if "exposure_summary" in each]
    assert found == [
        "summary: table exposure_summary, expnum 492768, band i: is missing",
        "summary: table exposure_summary: 2 more problems",
    ]


def chosen_problems(connection: sa.Connection, tilename: str, ccd_image: tuple[int, int]) -> list[str]:
    """Return the tables of problems with a tile and a CCD image, chosen after others that do not exist."""
    found = check_summaries(connection, {BAND: {("A none",), (tilename,)}}, {BAND: {(1, 1), ccd_image}})
    return sorted(each.where.split(",")[0].removeprefix("table ") for each in found)


def test_chosen_rows_alone_are_checked(catalogue: SmallCatalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crosschecks, "_AT_A_TIME", 1)
    tables = ("tile_summary", "ccd_image", "exposure_summary", "ccd_night", "ccd_median")
    catalogue.change(*(f"DELETE FROM {table}" for table in tables[2:]), "UPDATE tile_summary SET n_good = 0")
    catalogue.change("UPDATE ccd_image SET n_tiles = 9 WHERE ccdnum = 11")
    with catalogue.connected() as connection:
        # medians take every CCD image
        assert chosen_problems(connection, TILE, FIRST) == sorted(tables[:4])
        assert chosen_problems(connection, OTHER, (492769, 12)) == ["ccd_night", "exposure_summary"]
