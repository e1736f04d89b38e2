"""Every kind of damage to a catalogue is found and named, and repaired where that can be."""

import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

import pytest

import goodpix
from goodpix.schema.maskfile import MaskFile, MaskFileWriter
from goodpix.schema.store.masksroot import MasksRoot

from .conftest import Run
from .damage import all_rows, change, flip, flip_mask, mask_path
from .survey import SPEC, Survey, rewrite

FIRST = "(SELECT min(epoch_id) FROM epoch WHERE band = 'r')"


def problems(survey: Survey, **options: object) -> list[str]:
    return [str(each) for each in goodpix.verify(survey.database, **options).problems]  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Damage:
    """A way to damage a catalogue, and what is said of it.

    Parameters
    ----------
    do : callable
        Damages it.
    what, where, message : str
        Parts of the one problem that is found, or the first.
    """

    do: Callable[[Survey], None]
    what: str
    where: str
    message: str


def sql(*statements: str) -> Callable[[Survey], None]:
    return lambda survey: change(survey, *statements)


ROWS = {
    "count": Damage(sql(f"UPDATE epoch SET n_good = n_good - 1 WHERE epoch_id = {FIRST}"), "row", "epoch", "n_good is"),
    "null": Damage(sql(f"UPDATE epoch SET nite = NULL WHERE epoch_id = {FIRST}"), "row", "epoch", "nite is null"),
    "coadd's count": Damage(
        sql("UPDATE coadd SET n_coadd_seg = 0 WHERE band = 'r'"), "row", "coadd", "n_coadd_seg is 0"
    ),
    "row group": Damage(
        sql(f"UPDATE epoch SET mask_row_group = 7 WHERE epoch_id = {FIRST}"), "row", "epoch", "mask_row_group is 7"
    ),
    "two rows on one row group": Damage(
        sql("UPDATE epoch SET mask_row_group = 1 WHERE band = 'r' AND mask_row_group = 2"),
        "row",
        "epoch",
        "mask_row_group is 1, but 2 in the mask file",
    ),
    "generation": Damage(sql("UPDATE coadd SET generation = 0 WHERE band = 'r'"), "row", "coadd", "generation is 0"),
    "epoch's row": Damage(
        sql(
            f"DELETE FROM bit_count WHERE epoch_id = {FIRST}",
            f"DELETE FROM footprint WHERE epoch_id = {FIRST}",
            f"DELETE FROM epoch WHERE epoch_id = {FIRST}",
        ),
        "row",
        "epoch",
        "the database has no row for",
    ),
    "bit count": Damage(
        sql(f"DELETE FROM bit_count WHERE epoch_id = {FIRST} AND bit = 5 AND plane = 'se'"),
        "bit counts",
        "epoch",
        "pixels (STAR) in the mask file",
    ),
    "bit's name": Damage(
        sql("UPDATE bit_count SET name = 'COMET' WHERE coadd_id = (SELECT min(coadd_id) FROM bit_count)"),
        "bit counts",
        "coadd",
        "COMET",
    ),
    "footprint": Damage(sql(f"DELETE FROM footprint WHERE epoch_id = {FIRST}"), "footprint", "epoch", "is missing"),
    "cells": Damage(
        sql(f"UPDATE footprint SET cells = 3 WHERE epoch_id = {FIRST}"), "footprint", "epoch", "are 3, but"
    ),
    "another's footprint": Damage(
        sql(f"INSERT INTO footprint (hpix, epoch_id) VALUES (7, {FIRST})"),
        "footprint",
        "epoch",
        "7 is not in the mask file",
    ),
    "mask file of another band": Damage(
        sql("UPDATE coadd SET mask_file = (SELECT mask_file FROM coadd WHERE band = 'i') WHERE band = 'r'"),
        "row",
        "coadd",
        "mask_file belongs to another",
    ),
    "coadd's row": Damage(
        sql("DELETE FROM bit_count WHERE coadd_id IS NOT NULL", "DELETE FROM coadd"), "row", "coadd", "has no row"
    ),
    "tile summary": Damage(
        sql("UPDATE tile_summary SET n_good = 0 WHERE band = 'r'"), "summary", "tile_summary", "differs from the rows"
    ),
    "area": Damage(sql("UPDATE tile_summary SET area_good = 0"), "summary", "tile_summary", "differs from the rows"),
    "CCD image": Damage(sql("DELETE FROM ccd_image WHERE band = 'r'"), "summary", "ccd_image", "is missing"),
    "exposure": Damage(
        sql("UPDATE exposure_summary SET expnum = expnum + 5000 WHERE band = 'r'"),
        "summary",
        "exposure_summary",
        "is missing",
    ),
    "night": Damage(sql("UPDATE ccd_night SET n_good_se = NULL"), "summary", "ccd_night", "differs from the rows"),
    "bits of a night": Damage(
        sql("UPDATE ccd_bit_night SET n_pixels = 7 WHERE bit = 0"), "summary", "ccd_bit_night", "differs from the rows"
    ),
    "median": Damage(sql("UPDATE ccd_median SET fraction_good_se = 2"), "summary", "ccd_median", "not the median"),
    "tile's run": Damage(sql("UPDATE tile_run SET n_epochs = 99"), "summary", "tile_run", "differs from the rows"),
}
"""What can be wrong with rows, and put right by the masks."""


def test_whole_catalogue_has_no_problems(ingested: Survey) -> None:
    report = goodpix.verify(ingested.database)
    assert (report.ok, report.problems, report.notes) == (True, (), ())
    assert (report.n_files, report.n_masks, report.seed) == (2, 8, None)


def is_named(damage: Damage, found: Sequence[goodpix.Problem]) -> bool:
    """Return whether a damage is among problems."""
    return any(each.what == damage.what and damage.where in each.where for each in found) and any(
        damage.message in each.message for each in found
    )


@pytest.mark.parametrize("name", ROWS)
def test_damaged_row_is_named_and_as_it_was_after_a_repair(stored: Survey, ingested: Survey, name: str) -> None:
    ROWS[name].do(stored)
    assert is_named(ROWS[name], goodpix.verify(stored.database).problems)
    report = goodpix.verify(stored.database, repair=True)
    assert report.ok
    assert report.repaired
    assert all_rows(stored.database) == all_rows(ingested.database)
    with stored.catalogue() as catalogue:
        assert catalogue.failures().empty


def test_repair_keeps_the_run_that_made_an_epoch(stored: Survey) -> None:
    ROWS["count"].do(stored)
    goodpix.verify(stored.database, repair=True)
    with stored.catalogue() as catalogue:
        assert set(catalogue.epochs().run_id) == {1}


def truncate(survey: Survey) -> None:
    path = mask_path(survey)
    path.write_bytes(path.read_bytes()[:-100])


def swap(survey: Survey) -> None:
    first, second = mask_path(survey, "r"), mask_path(survey, "i")
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


FILES: dict[str, tuple[Callable[[Survey], object], str]] = {
    "gone": (lambda survey: mask_path(survey).unlink(), "is missing"),
    "truncated": (truncate, "is damaged"),
    "empty": (lambda survey: mask_path(survey).write_bytes(b""), "is damaged"),
    "footer": (lambda survey: flip(mask_path(survey), -40), "is damaged"),
    "swapped": (swap, "the file name says tile"),
}


@pytest.mark.parametrize("name", FILES)
def test_damaged_file_is_named(stored: Survey, name: str) -> None:
    do, message = FILES[name]
    do(stored)
    found = goodpix.verify(stored.database).problems
    assert found
    assert {each.what for each in found} <= {"mask file", "mask"}
    assert all(message in each.message for each in found)
    assert any(SPEC.tilename in each.where for each in found)


@pytest.mark.parametrize("name", FILES)
def test_rows_whose_file_is_gone_become_failures(stored: Survey, name: str) -> None:
    FILES[name][0](stored)
    report = goodpix.verify(stored.database, repair=True)
    n_lost = 8 if name == "swapped" else 4  # with the file of the other band
    assert (report.ok, report.n_lost) == (True, n_lost)
    assert str(report).endswith(f"{n_lost} masks lost until the next goodpix ingest")
    with stored.catalogue() as catalogue:
        failures = catalogue.failures(band="r")
        assert catalogue.epochs(band="r").empty
        assert set(failures.failure_key.str.rpartition("#")[2]) == {"coadd", *(stored.name(k) for k in range(3))}
        assert set(failures.error_type) == {"MaskFileError"}
    assert goodpix.verify(stored.database).ok


def test_flipped_bytes_of_a_mask_are_found(stored: Survey) -> None:
    flip_mask(stored, 2)
    (problem,) = goodpix.verify(stored.database).problems
    assert (problem.what, problem.where) == ("mask", f"epoch {stored.name(1)} (tile {SPEC.tilename}, band r)")
    assert "is damaged" in problem.message


def test_damaged_mask_costs_its_epoch_alone(stored: Survey) -> None:
    flip_mask(stored, 2)
    report = goodpix.verify(stored.database, repair=True)
    assert (report.ok, len(report.repaired)) == (True, 1)
    with stored.catalogue() as catalogue:
        (key,) = catalogue.failures().failure_key
        assert key.endswith(f"#{stored.name(1)}")
        assert len(catalogue.epochs(band="r")) == 2
    after = goodpix.verify(stored.database)
    assert after.ok
    assert "no row names it" in after.notes[0]
    assert stored.ingest().n_epochs == 1
    assert goodpix.verify(stored.database).ok


def test_earlier_file_comes_in_for_one_that_is_gone(stored: Survey) -> None:
    first = goodpix.verify(stored.database)
    rewrite(stored.path(0, "image"), {"msk": stored.plane(0, "bmask") | 16})
    stored.ingest()
    mask_path(stored, generation=2).unlink()
    report = goodpix.verify(stored.database, repair=True)
    assert (first.ok, report.ok) == (True, True)
    with stored.catalogue() as catalogue:
        assert len(catalogue.epochs(band="r")) == 3
        # the others have the same inputs, and so the same masks
        (failure,) = catalogue.failures().failure_key
        assert failure.endswith(f"_g2_{failure.rpartition('_g2_')[2]}")
        assert failure.endswith(f"#{stored.name(0)}")
        assert set(catalogue.tiles(band="r").generation) == {2}
    assert stored.ingest().n_epochs == 1
    assert mask_path(stored, generation=3).exists()
    assert goodpix.verify(stored.database).ok


def test_counts_in_a_file_that_are_not_those_of_its_runs_are_found(stored: Survey) -> None:
    path = mask_path(stored)
    file = MaskFile.open(path)
    masks = [(file.row(k), file.runs(k)) for k in range(len(file))]
    with MaskFileWriter(MasksRoot.of(stored.masks), SPEC.tilename, "r", 1, file.bit_names) as writer:
        for k, (row, runs) in enumerate(masks):
            writer.add(row if k != 1 else masks[2][0], runs)
        made = writer.finish()
    shutil.move(stored.masks / made, path)
    found = problems(stored)
    assert any("is damaged" in each or "n_good" in each for each in found)


def test_tiles_that_disagree_on_a_ccd_image_are_found(
    neighbours: Survey, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = Survey(tmp_path_factory.mktemp("neighbours") / "first" / "survey")
    shutil.copytree(neighbours.folder.parent, copy.folder.parent)
    assert goodpix.verify(copy.database).ok
    change(copy, "UPDATE epoch SET n_good_se = n_good_se - 1 WHERE epoch_id = 1")
    with closing(sqlite3.connect(copy.database)) as connection:
        expnum, ccdnum, band = connection.execute(
            "SELECT expnum, ccdnum, band FROM epoch WHERE epoch_id = 1"
        ).fetchone()
    found = [each for each in goodpix.verify(copy.database).problems if each.what == "tiles disagree"]
    assert [each.where for each in found] == [f"CCD image {expnum}/{ccdnum} (band {band})"]
    assert "n_good_se" in found[0].message


def test_rows_that_hang_on_nothing_are_found(stored: Survey) -> None:
    change(stored, "INSERT INTO footprint (hpix, epoch_id) VALUES (7, 12345)")
    (problem,) = goodpix.verify(stored.database).problems
    assert str(problem) == "footprint: table footprint: 1 row without an existing epoch"
    report = goodpix.verify(stored.database, repair=True)
    assert (report.ok, report.repaired) == (True, (problem,))
    assert goodpix.verify(stored.database).ok


def test_file_that_no_row_names_is_a_note(stored: Survey) -> None:
    shutil.copy(mask_path(stored), str(mask_path(stored)).replace("_g1_", "_g2_"))
    (stored.masks / "r" / "copy.parquet").write_bytes(b"")
    report = goodpix.verify(stored.database)
    assert report.ok
    assert len(report.notes) == 2
    assert "not named like a mask file" in report.notes[0]
    assert "no row names it" in report.notes[1]


def test_sample_looks_at_so_many_masks(ingested: Survey) -> None:
    report = goodpix.verify(ingested.database, sample=3)
    assert (report.ok, report.n_masks, report.seed) == (True, 3, 1)


def test_sample_larger_than_the_catalogue_is_all_of_it(ingested: Survey) -> None:
    assert goodpix.verify(ingested.database, sample=1000).n_masks == 8


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"epoch's row", "coadd's row", "median"}))
def test_sample_of_everything_finds_what_is_wrong_with_rows(stored: Survey, name: str) -> None:
    ROWS[name].do(stored)
    assert not goodpix.verify(stored.database, sample=1000).ok


def test_one_seed_gives_one_sample(stored: Survey) -> None:
    change(stored, "UPDATE epoch SET nite = 7")
    first, again, other = (problems(stored, sample=4, seed=seed) for seed in (1, 1, 3))
    assert first == again != other


def test_several_processes_find_the_same(stored: Survey) -> None:
    flip_mask(stored, 1)
    ROWS["count"].do(stored)
    assert problems(stored, workers=2) == problems(stored)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": -1}, "sample is -1: expected 0 or more"),
        ({"images": -1}, "images is -1: expected 0 or more"),
        ({"sample": 1, "repair": True}, "expected no sample"),
        ({"workers": 0}, "workers is 0: expected 1 or more"),
    ],
)
def test_wrong_options_are_refused(ingested: Survey, options: dict[str, object], message: str) -> None:
    with pytest.raises(goodpix.GoodpixError, match=message):
        problems(ingested, **options)


def test_frozen_catalogue_of_old_tables_is_verified(tmp_path: object) -> None:
    from .test_frozen import FROZEN

    copy = shutil.copytree(FROZEN, f"{tmp_path}/catalogue")
    report = goodpix.verify(f"{copy}/goodpix.db")
    assert report.ok
    assert "goodpix db upgrade" in report.notes[0]


def test_command_says_nothing_is_wrong(ingested: Survey, cli: Run) -> None:
    done = cli("verify", "--db", ingested.database)
    assert (done.status, done.out) == (0, "")
    assert done.lines[-1] == "8 masks in 2 files checked (6 epochs, 2 coadds): nothing is wrong"


def test_command_prints_what_is_wrong_and_exits_1(stored: Survey, cli: Run) -> None:
    ROWS["count"].do(stored)
    mask_path(stored, "i").unlink()
    done = cli("verify", "--db", stored.database)
    assert done.status == 1
    # a sum of rows of which one is wrong is wrong, too
    assert [line.partition(":")[0] for line in done.out.splitlines()] == ["mask file", "row", "summary"]
    assert done.lines[-1].endswith("3 problems")


def test_command_repairs_and_says_so(stored: Survey, cli: Run) -> None:
    ROWS["count"].do(stored)
    done = cli("verify", "--repair", "--db", stored.database)
    assert done.status == 0
    assert done.out.startswith("repaired: row: epoch ")
    assert done.lines[-1].endswith(": 1 problem repaired")


def test_command_prints_the_seed_of_a_sample(ingested: Survey, cli: Run) -> None:
    done = cli("verify", "--sample", 2, "--db", ingested.database)
    assert "2 masks in" in done.lines[-1]
    assert "chosen with seed 1" in done.lines[-1]


def test_command_without_a_catalogue_exits_2_with_one_line(tmp_path: object, cli: Run) -> None:
    done = cli("verify", "--db", f"{tmp_path}/none.db")
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
