"""Tiles that share CCD images: each image is read once, and the masks are those made from its files."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

import fitsio
import pytest

import goodpix
from goodpix.ingest import survey as survey_module

from .conftest import Run
from .objects import Bucket
from .opens import counted_opens
from .overlapping import IMAGES, TILES, Overlapping, make_overlapping

FIRST, SECOND, THIRD, FOURTH = TILES
ORDERS = [[FIRST, SECOND, THIRD, FOURTH], [FOURTH, THIRD, SECOND, FIRST], [SECOND, FOURTH, FIRST, THIRD]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Overlapping:
    """The tiles, whose images nobody changes, and catalogues of them made from the files alone."""
    made = make_overlapping(tmp_path_factory.mktemp("overlapping") / "tiles")
    for source in ("image", "scamp"):
        assert not made.ingest(name=source, wcs_source=source, reread=True).failures
    return made


@pytest.fixture
def tiles(tmp_path: Path) -> Overlapping:
    """Tiles that a test may break."""
    return make_overlapping(tmp_path / "tiles")


@pytest.fixture(autouse=True)
def _every_worker_is_worth_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "BYTES_PER_WORKER", 1)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("order", ORDERS, ids=["east first", "west first", "mixed"])
def test_each_image_is_read_once_and_masks_are_those_of_the_files(
    made: Overlapping, order: list[str], workers: int
) -> None:
    name = f"{ORDERS.index(order)}-{workers}"
    with counted_opens(map(made.image, IMAGES)) as opened:
        report = made.ingest(order, name, workers=workers)
    assert (report.failures, report.n_epochs, report.n_tiles) == ((), 12, 4)
    assert opened == {made.image(expnum): 1 for expnum in IMAGES}
    assert made.files(name) == made.files("image")


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_executor_is_given_tiles_in_turns(made: Overlapping, workers: int) -> None:
    with ThreadPoolExecutor(4) as executor, counted_opens(map(made.image, IMAGES)) as opened:
        made.ingest(name=f"executor-{workers}", executor=executor, workers=workers)
    assert opened == {made.image(expnum): 1 for expnum in IMAGES}
    assert made.files(f"executor-{workers}") == made.files("image")


def test_rows_are_those_of_the_files(made: Overlapping) -> None:
    made.ingest(name="rows")
    with goodpix.Catalogue(made.database("rows")) as one, goodpix.Catalogue(made.database("image")) as other:
        found = one.epochs()
        assert found.drop(columns="run_id").equals(other.epochs().drop(columns="run_id"))
    assert sorted(found.magzp.unique()) == [30, 31, 32, 33]
    assert found.groupby("expnum").nite.nunique().eq(1).all()
    assert goodpix.verify(made.database("rows")).ok


def test_each_image_is_read_once_with_any_database(made: Overlapping, database_url: str) -> None:
    name = "sqlite" if database_url.startswith("sqlite") else "postgres"
    with counted_opens(map(made.image, IMAGES)) as opened:
        made.ingest(name=name, db=database_url)
    assert opened == {made.image(expnum): 1 for expnum in IMAGES}
    assert made.files(name) == made.files("image")


def test_each_image_is_read_once_with_masks_in_an_object_store(made: Overlapping, bucket: Bucket) -> None:
    with counted_opens(map(made.image, IMAGES)) as opened:
        made.ingest(name="bucket", masks=bucket.root)
    assert opened == {made.image(expnum): 1 for expnum in IMAGES}
    with goodpix.Catalogue(made.database("bucket")) as one, goodpix.Catalogue(made.database("image")) as other:
        assert one.epochs().drop(columns="run_id").equals(other.epochs().drop(columns="run_id"))


def test_scamp_header_is_the_tiles_own(made: Overlapping) -> None:
    made.ingest(name="scamp-once", wcs_source="scamp")
    assert made.files("scamp-once") == made.files("scamp")


@pytest.mark.parametrize("name", ["sci", "N4"])
def test_scamp_header_is_chosen_by_the_names_in_the_image_header(tiles: Overlapping, name: str) -> None:
    for tilename, expnums in TILES.items():
        for expnum in expnums:
            text = tiles.head(tilename, expnum).read_text()
            other = text.replace("CRPIX1", "EXTNAME = 'other   '\nCRPIX1", 1)
            tiles.head(tilename, expnum).write_text(text.replace("CRPIX1", f"EXTNAME = '{name:<8}'\nCRPIX1", 1) + other)
    for expnum in IMAGES:
        with fitsio.FITS(str(tiles.image(expnum)), "rw") as file:
            file["sci"].write_key("DETPOS", "N4")
    tiles.ingest()
    tiles.ingest(name="reread", reread=True)
    with goodpix.Catalogue(tiles.database()) as catalogue:
        assert catalogue.epochs().wcs_delta_pix.notna().all()
    assert tiles.files() == tiles.files("reread")


def test_index_of_an_image_is_that_of_each_tile(tiles: Overlapping) -> None:
    tiles.ingest([FIRST])
    tiles.spoil([3])  # its mask comes from the first tile, its index does not
    assert not tiles.ingest([SECOND]).failures
    with goodpix.Catalogue(tiles.database()) as catalogue:
        found = catalogue.epochs().set_index(["tilename", "expnum"]).src_index.to_dict()
        merged = catalogue.ccd_mask("i", 3, 2)
    expected = {(name, expnum): k for name in (FIRST, SECOND) for k, expnum in enumerate(TILES[name])}
    assert found == expected
    assert expected[FIRST, 3] != expected[SECOND, 3]
    assert merged.row is not None
    assert "src_index" not in merged.row


def test_files_are_not_opened(tiles: Overlapping) -> None:
    tiles.ingest([SECOND], "reread", reread=True)
    tiles.ingest([FIRST, THIRD])
    tiles.spoil()
    assert not tiles.ingest([SECOND]).failures
    (name,) = tiles.files("reread")
    assert tiles.files()[name] == tiles.files("reread")[name]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_changed_coadd_costs_no_image(tiles: Overlapping, workers: int) -> None:
    for name in ("catalogue", "reread"):
        tiles.ingest([FIRST], name)
    tiles.change_coadd(FIRST)
    tiles.ingest([FIRST], "reread", reread=True)
    tiles.spoil()
    report = tiles.ingest([FIRST], workers=workers)
    assert (report.failures, report.n_epochs) == ((), 3)
    assert tiles.files() == tiles.files("reread")


@pytest.mark.parametrize("option", ["reread", "force"])
def test_reread_and_force_go_to_the_files(tiles: Overlapping, option: str) -> None:
    tiles.ingest([FIRST])
    tiles.spoil([2])
    options: dict[str, Any] = {option: True}
    (failure,) = tiles.ingest([SECOND], **options).failures
    assert failure.expnum == 2


def test_reread_makes_nothing_again(tiles: Overlapping) -> None:
    tiles.ingest()
    assert tiles.ingest(reread=True).n_unchanged == 12


def test_command_takes_reread(tiles: Overlapping, cli: Run) -> None:
    tiles.ingest([FIRST])
    tiles.spoil([2])
    places = ["--db", tiles.database(), "--masks", tiles.masks()]
    done = cli("ingest", tiles.info_path(SECOND), *places, "--reread")
    assert (done.status, "2 epochs made" in done.err, "1 failed" in done.err) == (1, True, True)


def test_changed_image_is_read(tiles: Overlapping) -> None:
    tiles.ingest([FIRST])
    tiles.change_image(3)
    tiles.ingest([SECOND])
    tiles.ingest([SECOND], "reread", reread=True)
    assert tiles.files().items() >= tiles.files("reread").items()


def test_image_changed_in_one_tile_is_changed_in_the_next(tiles: Overlapping) -> None:
    for name in ("catalogue", "reread"):
        tiles.ingest([FIRST, SECOND], name)
    tiles.change_image(3)
    tiles.ingest([FIRST, SECOND], "reread", reread=True)
    with counted_opens([tiles.image(3)]) as opened:
        assert tiles.ingest([FIRST, SECOND]).n_epochs == 2
    assert opened == {tiles.image(3): 1}
    assert tiles.files() == tiles.files("reread")


@pytest.mark.parametrize("same", [True, False], ids=["same bytes", "other bytes"])
def test_copied_image_is_compared(tiles: Overlapping, same: bool) -> None:
    tiles.ingest([FIRST])
    if not same:
        tiles.change_image(3)
    os.utime(tiles.image(3), ns=(1, 10**18))
    tiles.ingest([SECOND])
    tiles.ingest([SECOND], "reread", reread=True)
    assert tiles.files().items() >= tiles.files("reread").items()


def test_image_of_a_copied_survey_is_not_opened(tiles: Overlapping) -> None:
    tiles.ingest([FIRST])
    for expnum in IMAGES:
        os.utime(tiles.image(expnum), ns=(1, 10**18 + expnum))
    tiles.ingest([FIRST])
    tiles.ingest([SECOND], "reread", reread=True)
    tiles.spoil([2, 3])
    assert not tiles.ingest([SECOND]).failures
    assert tiles.files().items() >= tiles.files("reread").items()


def test_missing_or_damaged_source_sends_the_job_to_the_files(
    tiles: Overlapping, caplog: pytest.LogCaptureFixture
) -> None:
    tiles.ingest([SECOND], "reread", reread=True)
    tiles.ingest([FIRST, THIRD])
    first, third = (next(tiles.masks().rglob(f"{tilename}*")) for tilename in (FIRST, THIRD))
    first.unlink()
    content = bytearray(third.read_bytes())
    content[len(content) // 4 :: 997] = bytes(len(content[len(content) // 4 :: 997]))
    third.write_bytes(content)
    assert not tiles.ingest([SECOND]).failures
    assert "reading the files of its CCD images again: mask file" in caplog.text
    assert tiles.files().items() >= tiles.files("reread").items()


@pytest.mark.parametrize("change", ["stale = 1", "se_fingerprint = NULL"])
def test_stale_mask_and_one_of_format_1_are_no_source(tiles: Overlapping, change: str) -> None:
    tiles.ingest([FIRST])
    with closing(connect(tiles.database())) as database:
        database.execute(f"UPDATE epoch SET {change}")
        database.commit()
    tiles.spoil([2])
    (failure,) = tiles.ingest([SECOND]).failures
    assert failure.expnum == 2


def test_epoch_that_cannot_be_read_any_more_is_no_source(tiles: Overlapping) -> None:
    tiles.ingest([FIRST])
    kept = tiles.image(2).read_bytes()
    state = tiles.image(2).stat()
    tiles.image(2).unlink()
    tiles.ingest([FIRST])
    tiles.image(2).write_bytes(bytes(len(kept)))
    os.utime(tiles.image(2), ns=(state.st_atime_ns, state.st_mtime_ns))
    (failure,) = tiles.ingest([SECOND]).failures
    assert failure.expnum == 2


def test_damaged_image_that_was_allowed_is_no_source_without_the_option(tiles: Overlapping) -> None:
    path, state = tiles.image(3), tiles.image(3).stat()
    content = bytearray(path.read_bytes())
    content[-2880] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    tiles.ingest([FIRST], allow_damaged=True)
    with goodpix.Catalogue(tiles.database()) as catalogue:
        assert catalogue.epochs(expnum=3).damaged_taken.tolist() == [True]
    (failure,) = tiles.ingest([SECOND]).failures
    assert (failure.error_type, failure.expnum) == ("DamagedFileError", 3)
    tiles.ingest([THIRD], "reread", reread=True, allow_damaged=True)
    tiles.spoil([3])
    assert not tiles.ingest([THIRD], allow_damaged=True).failures
    assert tiles.files().items() >= tiles.files("reread").items()


def test_dithered_weight_that_was_allowed_is_no_source_without_the_option(tiles: Overlapping) -> None:
    tiles.ingest([FIRST], allow_dithered_weights=True)
    tiles.spoil([2])
    (failure,) = tiles.ingest([SECOND]).failures
    assert failure.expnum == 2


def test_missing_segmentation_map_that_was_allowed_is_no_source_without_the_option(tiles: Overlapping) -> None:
    for tilename in (FIRST, SECOND):
        info = tiles.info_path(tilename)
        first, *others = info.read_text().split("\n- ")
        info.write_text("\n- ".join([first, *(each.replace("seg_path", "no_path") for each in others)]))
    assert not tiles.ingest([FIRST], allow_missing_se_seg=True).failures
    for name in ("catalogue", "reread"):
        assert len(tiles.ingest([SECOND], name).failures) == 3
    tiles.ingest([SECOND], "reread", reread=True, allow_missing_se_seg=True)
    tiles.spoil([2, 3])
    assert not tiles.ingest([SECOND], allow_missing_se_seg=True).failures
    assert tiles.files().items() >= tiles.files("reread").items()


def test_sweep_beside_a_run_loses_nothing(tiles: Overlapping) -> None:
    """It removes the source masks after the job was given their places."""
    tiles.ingest([SECOND], "reread", reread=True)
    tiles.ingest([FIRST, THIRD])

    class Late(ThreadPoolExecutor):
        def submit(self, function, /, *arguments, **named):  # type: ignore[no-untyped-def]
            for path in tiles.masks().rglob("*.parquet"):
                path.unlink()
            return super().submit(function, *arguments, **named)

    with Late(1) as executor:
        assert not tiles.ingest([SECOND], executor=executor).failures
    assert tiles.files() == tiles.files("reread")


def test_both_tiles_read_an_image_without_turns(made: Overlapping) -> None:
    with counted_opens(map(made.image, IMAGES)) as opened:
        made.ingest([FIRST, SECOND], "reread", reread=True)
    assert (opened[made.image(2)], opened[made.image(3)]) == (2, 2)


def test_arguments_of_the_run_say_whether_files_were_read_again(tiles: Overlapping) -> None:
    tiles.ingest([FIRST], reread=True)
    with goodpix.Catalogue(tiles.database()) as catalogue:
        assert json.loads(catalogue.sql("SELECT arguments FROM ingest_run").arguments[0])["reread"] is True
