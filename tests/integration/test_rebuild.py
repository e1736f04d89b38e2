"""A database made again from the masks root alone has every row that it had."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.ingest.database import replace

from .conftest import Run
from .damage import all_rows, change, flip_mask, make_older, mask_path
from .survey import SPEC, Survey, rewrite
from .test_frozen import FROZEN


def ingest_again(survey: Survey) -> None:
    """Change an epoch, and ingest what a second generation makes of it."""
    rewrite(survey.path(0, "image"), {"msk": survey.plane(0, "bmask") | 16})
    assert survey.ingest().n_epochs == 1


def test_database_that_was_deleted_comes_back_row_for_row(stored: Survey) -> None:
    before, flags = all_rows(stored.database), stored.flags()
    stored.database.unlink()
    report = goodpix.rebuild(stored.database, stored.masks)
    assert (report.n_tiles, report.n_bands, report.n_epochs) == (1, 2, 6)
    assert (report.failures, report.notes) == ((), ())
    assert all_rows(stored.database) == before
    after = stored.flags()
    assert all(np.array_equal(flags[key], after[key]) for key in flags)
    assert goodpix.verify(stored.database).ok


def test_rebuilt_catalogue_has_the_runs_of_no_ingest(stored: Survey) -> None:
    stored.database.unlink()
    goodpix.rebuild(stored.database, stored.masks)
    with stored.catalogue() as catalogue:
        assert catalogue.epochs().run_id.isna().all()


def test_rebuild_keeps_the_runs_and_failures_of_the_old_database(stored: Survey, database_url: str) -> None:
    stored.path(0, "image").unlink()
    stored.path(1, "image", "i").unlink()
    stored.ingest()
    goodpix.rebuild(database_url, stored.masks)
    stored.ingest(db=database_url)
    queries = (
        "SELECT * FROM ingest_run ORDER BY run_id",
        "SELECT * FROM failure ORDER BY failure_key",
        "SELECT tilename, band, expnum, ccdnum, run_id FROM epoch_quality ORDER BY 1, 2, 3, 4",
        "SELECT * FROM tile_run ORDER BY 1, 2, 3",
    )
    with goodpix.Catalogue(database_url) as catalogue:
        before = [catalogue.sql(query) for query in queries]
    assert [len(table) for table in before[:3]] == [1, 2, 6]
    goodpix.rebuild(database_url, force=True)
    with goodpix.Catalogue(database_url) as catalogue:
        for query, table in zip(queries, before, strict=True):
            pd.testing.assert_frame_equal(catalogue.sql(query), table)
    assert stored.ingest(db=database_url, retry_failed=True).run_id == 2


def test_statistics_after_a_rebuild_find_the_images_or_say_why_not(
    stored: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MEDS_DIR")
    goodpix.rebuild(stored.database, force=True)
    assert cli("sky", "--db", stored.database).status == 0
    stored.database.unlink()
    goodpix.rebuild(stored.database, stored.masks)
    with stored.catalogue() as catalogue:
        assert catalogue.background().problem.str.endswith("no such file: is MEDS_DIR set?").all()
    done = cli("sky", "--db", stored.database, "--format", "csv")
    assert (done.status, done.out.count("is MEDS_DIR set?")) == (1, 6)


def test_rebuild_keeps_what_is_readable_of_a_damaged_database(stored: Survey) -> None:
    change(stored, "UPDATE ingest_run SET arguments = 'x'")
    report = goodpix.rebuild(stored.database, force=True)
    assert report.ok
    assert report.notes == ("old database: 1 damaged row of its table ingest_run is left out",)
    with stored.catalogue() as catalogue:
        assert catalogue.epochs().run_id.isna().all()


def test_rebuilt_catalogue_is_up_to_date_for_an_ingest(stored: Survey) -> None:
    stored.database.unlink()
    goodpix.rebuild(stored.database, stored.masks)
    report = stored.ingest()
    assert (report.n_epochs, report.n_unchanged) == (0, 6)


def test_highest_generation_wins(stored: Survey) -> None:
    ingest_again(stored)
    before = all_rows(stored.database)
    make_older(mask_path(stored, generation=2))
    stored.database.unlink()
    assert goodpix.rebuild(stored.database, stored.masks).notes == ()
    assert all_rows(stored.database) == before


def test_two_tiles_with_the_same_images_come_back(neighbours: Survey, tmp_path: Path) -> None:
    before = all_rows(neighbours.database)
    copy = Survey(tmp_path / "first" / "survey")
    shutil.copytree(neighbours.folder.parent, copy.folder.parent)
    goodpix.rebuild(copy.database, copy.masks, force=True, workers=2)
    assert all_rows(copy.database) == before


def test_older_whole_file_comes_in_for_a_damaged_one(stored: Survey) -> None:
    before = all_rows(stored.database)
    ingest_again(stored)
    path = mask_path(stored, generation=2)
    path.write_bytes(path.read_bytes()[:1000])
    stored.database.unlink()
    report = goodpix.rebuild(stored.database, stored.masks)
    (failure,) = report.failures
    assert "_g2_" in failure
    assert f"using r/{mask_path(stored).name} instead" in failure
    with stored.catalogue() as catalogue:
        (recorded,) = catalogue.failures().message
        assert recorded in failure
        assert set(catalogue.tiles(band="r").generation) == {2}
    assert all_rows(stored.database)["epoch"] == before["epoch"]
    assert goodpix.verify(stored.database).ok


def test_ingest_after_a_fallback_makes_what_the_damaged_file_had(stored: Survey) -> None:
    ingest_again(stored)
    flags = stored.flags()
    path = mask_path(stored, generation=2)
    path.write_bytes(path.read_bytes()[:1000])
    stored.database.unlink()
    goodpix.rebuild(stored.database, stored.masks)
    assert stored.ingest().n_epochs == 1
    assert mask_path(stored, generation=3).exists()
    after = stored.flags()
    assert all(np.array_equal(flags[key], after[key]) for key in flags)
    with stored.catalogue() as catalogue:
        assert catalogue.failures().empty


def test_of_a_file_that_is_damaged_in_part_the_rest_is_used(stored: Survey) -> None:
    flip_mask(stored, 2)
    stored.database.unlink()
    report = goodpix.rebuild(stored.database, stored.masks)
    assert report.n_epochs == 5
    with stored.catalogue() as catalogue:
        (key,) = catalogue.failures().failure_key
        assert key.endswith(f"#{stored.name(1)}")
    assert stored.ingest().n_epochs == 1
    assert goodpix.verify(stored.database).ok


def test_tile_of_which_nothing_is_left_is_a_failure(stored: Survey) -> None:
    flip_mask(stored, 0)
    stored.database.unlink()
    report = goodpix.rebuild(stored.database, stored.masks)
    assert (report.n_tiles, len(report.failures)) == (1, 1)
    assert stored.ingest().n_epochs == 3
    with stored.catalogue() as catalogue:
        assert catalogue.failures().empty
    stored.database.unlink()
    assert goodpix.rebuild(stored.database, stored.masks).n_epochs == 6


def test_of_two_files_of_one_generation_the_last_is_taken(stored: Survey) -> None:
    path = mask_path(stored)
    other = path.with_name(path.name[: path.name.index("_g1_")] + "_g1_0123456789ab.parquet")
    shutil.copy(path, other)
    make_older(path)
    stored.database.unlink()
    (note,) = goodpix.rebuild(stored.database, stored.masks).notes
    assert note == f"r/{path.name} and r/{other.name} have the same generation: the one written last is used"


def test_other_files_are_passed_over(stored: Survey) -> None:
    before = all_rows(stored.database)
    (stored.masks / "r" / ".tmp.partial").write_bytes(b"")
    (stored.masks / "r" / "notes.txt").write_text("")
    (stored.masks / "r" / "mine.parquet").write_bytes(b"")
    stored.database.unlink()
    (note,) = goodpix.rebuild(stored.database, stored.masks).notes
    assert note.startswith("r/mine.parquet: ")
    assert all_rows(stored.database) == before


def test_database_with_rows_is_refused(stored: Survey) -> None:
    before = stored.database.read_bytes()
    with pytest.raises(goodpix.GoodpixError, match=r"has 1 tile in 2 bands: use --force \(force=True\) to replace it"):
        goodpix.rebuild(stored.database, stored.masks)
    assert stored.database.read_bytes() == before


def test_force_replaces_a_database(stored: Survey) -> None:
    before = all_rows(stored.database)
    change(stored, "UPDATE epoch SET n_good = 0")
    goodpix.rebuild(stored.database, force=True)
    assert all_rows(stored.database) == before


def test_force_replaces_what_is_no_database(stored: Survey) -> None:
    before = all_rows(stored.database)
    stored.database.write_bytes(b"not a database, by any means" * 1000)
    stored.database.with_name("goodpix.db-wal").write_bytes(b"of another")
    with pytest.raises(goodpix.GoodpixError, match=r"cannot be read .*--force"):
        goodpix.rebuild(stored.database, stored.masks)
    goodpix.rebuild(stored.database, stored.masks, force=True)
    assert all_rows(stored.database) == before
    assert not stored.database.with_name("goodpix.db-wal").exists()


def test_database_of_another_catalogue_is_never_replaced(stored: Survey, ingested: Survey, tmp_path: Path) -> None:
    other = Survey(tmp_path / "other" / "survey")
    shutil.copytree(stored.folder, other.folder)
    other.ingest()
    with pytest.raises(goodpix.GoodpixError, match=r"belongs to catalogue .* expected --db and --masks of the same"):
        goodpix.rebuild(other.database, stored.masks, force=True)


def test_database_in_use_is_not_replaced(stored: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    before = all_rows(stored.database)
    monkeypatch.setattr(replace, "PATIENCE", 0.1)
    with closing(sqlite3.connect(stored.database, isolation_level=None)) as user:
        user.execute("BEGIN IMMEDIATE")
        with pytest.raises(goodpix.GoodpixError, match="is in use"):
            goodpix.rebuild(stored.database, force=True)
    assert all_rows(stored.database) == before
    assert sorted(each.name for each in stored.database.parent.iterdir()) == ["goodpix.db", "masks", "survey"]


def test_rebuild_that_fails_leaves_the_old_database(stored: Survey) -> None:
    before = stored.database.read_bytes()

    def stop(done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        goodpix.rebuild(stored.database, force=True, progress=stop)
    assert stored.database.read_bytes() == before
    assert sorted(each.name for each in stored.database.parent.iterdir()) == ["goodpix.db", "masks", "survey"]


def test_link_to_a_database_stays_a_link(stored: Survey, tmp_path: Path) -> None:
    before = all_rows(stored.database)
    elsewhere = tmp_path / "elsewhere.db"
    stored.database.rename(elsewhere)
    stored.database.symlink_to(elsewhere)
    goodpix.rebuild(stored.database, force=True)
    assert stored.database.is_symlink()
    assert all_rows(elsewhere) == before
    assert len(stored.flags()) == 6


def test_ingest_leaves_in_the_root_what_a_rebuild_needs(ingested: Survey) -> None:
    marker = json.loads((ingested.masks / "_goodpix.json").read_text())
    with ingested.catalogue() as catalogue:
        assert marker["campaign"] == catalogue.database.identity.campaign
    assert marker["wcs_source"] == "image"


def test_root_that_does_not_say_what_it_is_is_refused(stored: Survey) -> None:
    before = all_rows(stored.database)
    (stored.masks / "_goodpix.json").unlink()
    stored.database.unlink()
    with pytest.raises(goodpix.GoodpixError, match="expected --campaign and --wcs"):
        goodpix.rebuild(stored.database, stored.masks)
    campaign = before["catalogue"][0][4]
    goodpix.rebuild(stored.database, stored.masks, campaign=campaign, wcs_source="image")
    after = all_rows(stored.database)
    assert {**after, "catalogue": []} == {**before, "catalogue": []}
    assert stored.ingest().n_unchanged == 6


def test_campaign_of_a_root_that_says_another_is_refused(stored: Survey) -> None:
    stored.database.unlink()
    with pytest.raises(goodpix.GoodpixError, match=r"campaign is other, but masks root .* has"):
        goodpix.rebuild(stored.database, stored.masks, campaign="other")


def test_lost_marker_comes_back_with_the_old_database(stored: Survey) -> None:
    marker = stored.masks / "_goodpix.json"
    before = marker.read_text()
    marker.unlink()
    goodpix.rebuild(stored.database, force=True)
    assert marker.read_text() == before


def test_frozen_catalogue_is_rebuilt_with_its_old_database(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FROZEN, tmp_path / "catalogue"))
    goodpix.upgrade(folder / "goodpix.db")
    before = all_rows(folder / "goodpix.db")
    goodpix.rebuild(folder / "goodpix.db", folder / "goodpix-masks", force=True)
    assert all_rows(folder / "goodpix.db") == before
    # the root says now what it did not
    (folder / "goodpix.db").unlink()
    goodpix.rebuild(folder / "goodpix.db", folder / "goodpix-masks")
    assert all_rows(folder / "goodpix.db") == before


def test_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(goodpix.GoodpixError, match="masks does not exist"):
        goodpix.rebuild(tmp_path / "new.db", tmp_path / "masks")
    assert not (tmp_path / "new.db").exists()


def rows(url: str) -> dict[str, object]:
    """Return the numbers that views give, in an order of their own."""
    with goodpix.Catalogue(url) as catalogue:
        found = {
            "epochs": catalogue.epochs(),
            "tiles": catalogue.tiles(),
            "ccds": catalogue.ccds(),
            "exposures": catalogue.exposures(),
            "bits": catalogue.bits(),
        }
    kept = {name: table.drop(columns=["run_id"], errors="ignore") for name, table in found.items()}
    return {name: table.sort_values(list(table.columns[:6])).to_csv(index=False) for name, table in kept.items()}


def test_postgres_is_emptied_and_filled(stored: Survey, postgres_database: str) -> None:
    expected = rows(str(stored.database))
    goodpix.rebuild(postgres_database, stored.masks)
    assert rows(postgres_database) == expected
    with pytest.raises(goodpix.GoodpixError, match="has 1 tile in 2 bands: use --force"):
        goodpix.rebuild(postgres_database, stored.masks)
    engine = sa.create_engine(postgres_database)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE epoch SET n_good = 0"))
    engine.dispose()
    assert not goodpix.verify(postgres_database).ok
    goodpix.rebuild(postgres_database, stored.masks, force=True)
    assert rows(postgres_database) == expected
    assert goodpix.verify(postgres_database).ok


def test_postgres_stays_as_it_is_when_a_rebuild_fails(stored: Survey, postgres_database: str) -> None:
    goodpix.rebuild(postgres_database, stored.masks)
    expected = rows(postgres_database)

    def stop(done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        goodpix.rebuild(postgres_database, force=True, progress=stop)
    assert rows(postgres_database) == expected


def test_command_rebuilds(stored: Survey, cli: Run) -> None:
    before = all_rows(stored.database)
    refused = cli("rebuild", "--db", stored.database, "--masks", stored.masks)
    assert (refused.status, refused.out, len(refused.lines)) == (2, "", 1)
    stored.database.unlink()
    done = cli("rebuild", "--db", stored.database, "--masks", stored.masks)
    assert (done.status, done.out) == (0, "")
    assert done.lines[-1] == "6 epochs of 1 tile in 2 bands"
    assert all_rows(stored.database) == before


def test_command_says_what_could_not_be_used(stored: Survey, cli: Run) -> None:
    flip_mask(stored, 1)
    done = cli("rebuild", "--force", "--db", stored.database)
    assert done.status == 1
    assert SPEC.tilename in done.err
    assert done.lines[-2:] == [
        "5 epochs of 1 tile in 2 bands, 1 failure",
        f"list the failures: goodpix failures --db sqlite:///{stored.database}",
    ]
