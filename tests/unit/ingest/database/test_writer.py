"""Facts about the writer of receipts."""

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.writer import Writer
from goodpix.ingest.infofile import TileInfo
from goodpix.ingest.plan import Known, KnownTile
from goodpix.ingest.report import Failure
from goodpix.ingest.tile import Receipt
from goodpix.schema import tables
from goodpix.schema.errors import CatalogueError

from ....plainsums import assert_summaries_are_true
from ....rows import BAND, TILE
from ..conftest import Mask, SmallCatalogue, receipt
from ..tinytile import info_of


def failure(what: str, *, path: str = "info.yaml", message: str = "message", tilename: str | None = TILE) -> Failure:
    return Failure(f"{path}#{what}", path, "PlaneError", message, tilename, tilename and BAND, fingerprint="f")


def failures(catalogue: SmallCatalogue) -> dict[str, tuple[int, str]]:
    """Return attempts and message of each failure by key."""
    with catalogue.connected() as connection:
        rows = connection.execute(sa.select(tables.failure))
        return {row.failure_key: (row.attempts, row.message) for row in rows}


def info(tilename: str = TILE, band: str = BAND) -> TileInfo:
    return info_of(tilename=tilename, band=band)


def test_run_is_recorded_with_its_arguments_and_its_end(catalogue: SmallCatalogue) -> None:
    with catalogue.writing() as database:
        writer = Writer(database, {"force": True, "inputs": ["a"]})
        writer.finish(n_tiles=1, n_epochs=2, n_unchanged=3, n_failures=4, outcome="failures")
    with catalogue.connected() as connection:
        first, second = connection.execute(sa.select(tables.ingest_run).order_by(tables.ingest_run.c.run_id))
    assert (first.outcome, first.finished) == (None, None)
    assert json.loads(second.arguments) == {"force": True, "inputs": ["a"]}
    assert (second.n_tiles, second.n_epochs, second.n_unchanged, second.n_failures) == (1, 2, 3, 4)
    assert second.outcome == "failures"
    assert second.started <= second.finished


def test_stored_tile_is_known(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    with catalogue.writing() as database:
        writer = Writer(database, {})
        known = writer.known(info())
        assert (writer.known(info(band="r")), writer.known(info("DES0000+0000"))) == (KnownTile(), KnownTile())
        assert writer.generations() == {(TILE, BAND): 1}
    coadd, *epochs = (row for row, _ in masks)
    assert known == KnownTile(
        generation=1,
        mask_file=catalogue.mask_file(),
        coadd=Known(0, coadd.facts.fingerprint),
        epochs={
            (row.key.expnum or 0, row.key.ccdnum or 0): Known(number, row.facts.fingerprint)
            for number, row in enumerate(epochs, start=1)
        },
    )


def test_newer_file_replaces_rows_bits_and_summaries(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    with catalogue.writing() as database:
        assert Writer(database, {}).commit(receipt("i/new.parquet", masks[:2], generation=2))
        with database.engine.connect() as connection:
            assert_summaries_are_true(connection)
    assert (catalogue.mask_file(), catalogue.count("epoch"), catalogue.count("coadd")) == ("i/new.parquet", 1, 1)
    (row, _), bits = masks[1], "bit_count WHERE epoch_id IS NOT NULL"
    assert catalogue.count(bits) == sum(map(len, row.bits.values()))


def test_run_is_that_which_made_the_mask(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    new = receipt("i/new.parquet", masks, generation=2)
    copied = [replace(each, made=number == 1) for number, each in enumerate(new.rows)]
    with catalogue.writing() as database:
        writer = Writer(database, {})
        writer.commit(replace(new, rows=tuple(copied)))
    assert catalogue.count(f"epoch WHERE run_id = {writer.run_id}") == 1
    assert catalogue.count("epoch WHERE run_id = 1") == 2
    assert catalogue.count("coadd WHERE run_id = 1") == 1


@pytest.mark.parametrize("generation", [1, 3])
def test_receipt_of_a_job_that_began_from_another_generation_changes_nothing(
    catalogue: SmallCatalogue, masks: list[Mask], generation: int
) -> None:
    before = catalogue.mask_file()
    late = replace(receipt("i/late.parquet", masks[:1], generation=generation), failures=(failure("1/2"),))
    with catalogue.writing() as database:
        assert not Writer(database, {}).commit(late)
    assert (catalogue.mask_file(), catalogue.count("epoch"), catalogue.count("failure")) == (before, 3, 0)


def test_receipt_may_be_stored_twice(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    again = receipt("i/new.parquet", masks, generation=2)
    with catalogue.writing() as database:
        writer = Writer(database, {})
        assert [writer.commit(again), writer.commit(again)] == [True, True]
    assert catalogue.count("epoch") == 3


def nothing_new(*failures: Failure, whole: bool = True, failed_before: tuple[str, ...] = ()) -> Receipt:
    """Return the receipt of a job that left the mask file as it was."""
    return Receipt("info.yaml", TILE, BAND, whole=whole, generation=1, failures=failures, failed_before=failed_before)


def test_failure_that_recurs_counts_its_attempts(catalogue: SmallCatalogue) -> None:
    with catalogue.writing() as database:
        writer = Writer(database, {})
        for message in ("first", "second"):
            writer.commit(nothing_new(failure("1/2", message=message)))
        assert writer.failed("info.yaml") == {"info.yaml#1/2": "f"}
        assert writer.failed("other.yaml") == {}
    assert failures(catalogue) == {"info.yaml#1/2": (2, "second")}


def test_failures_that_are_over_are_forgotten(catalogue: SmallCatalogue) -> None:
    with catalogue.writing() as database:
        writer = Writer(database, {})
        writer.commit_failure(failure("info", tilename=None))
        writer.commit_failure(failure("coadd", path="masks/lost.parquet"))
        for other in (failure("1/2", path="other.yaml", tilename="DES0000+0000"), failure("1/2"), failure("3/4")):
            writer.commit_failure(other)
        writer.commit(nothing_new(failed_before=("info.yaml#3/4",)))
    assert set(failures(catalogue)) == {"other.yaml#1/2", "info.yaml#3/4"}


def test_tile_without_a_coadd_keeps_the_failures_of_its_epochs(catalogue: SmallCatalogue) -> None:
    with catalogue.writing() as database:
        writer = Writer(database, {})
        for what in ("info", "1/2"):
            writer.commit_failure(failure(what))
        writer.commit(nothing_new(failure("coadd"), whole=False))
    assert set(failures(catalogue)) == {"info.yaml#1/2", "info.yaml#coadd"}


def test_outcome_of_an_interrupted_run_may_be_lost(catalogue: SmallCatalogue, caplog: pytest.LogCaptureFixture) -> None:
    counts = {"n_tiles": 0, "n_epochs": 0, "n_unchanged": 0, "n_failures": 0}
    gone = CatalogueError("the server is gone")

    def refuse(_: sa.Connection) -> None:
        raise gone

    with catalogue.writing() as database:
        writer = Writer(database, {})
        sa.event.listen(database.engine, "begin", refuse)
        with pytest.raises(CatalogueError, match="the server is gone"):
            writer.finish(**counts, outcome="done")
        writer.finish(**counts, outcome="interrupted")
        sa.event.remove(database.engine, "begin", refuse)
    assert caplog.messages == ["the outcome of the run cannot be recorded: the server is gone"]
