"""A catalogue of exposures that have no coadd."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.text import Text

import goodpix
from goodpix.query.dashboard.mask.legend import counts_html, legend_items
from goodpix.query.dashboard.mask.openmask import OpenMask
from goodpix.query.plots import plot_sky
from goodpix.schema.counts import COADD_COUNTS
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import MaskNotFoundError, UsageError
from goodpix.schema.views import VIEWS

from .conftest import Run
from .exposures import EXPNUMS, PROFILE, SHAPE, Exposures, install_exposures_profile
from .test_columns_doc import documented

KEYS = [(expnum, ccdnum) for expnum in EXPNUMS for ccdnum in (1, 2, 31)]
OF_COADD = [*COADD_COUNTS, "n_off_coadd", "only_off_coadd", "n_unique", "n_good_unique", "fraction_good_on_coadd"]


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposures]:
    folder = tmp_path_factory.mktemp("exposures")
    made = Exposures(folder / "files")
    made.write()
    install_exposures_profile(folder / "site")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "site")
        assert made.ingest().n_failures == 0
        yield made


@pytest.fixture
def made(_made: Exposures) -> Exposures:
    """The exposures and their catalogue; nobody changes them."""
    return _made


@pytest.fixture
def changing(_made: Exposures, tmp_path: Path) -> Exposures:
    """Exposures and a catalogue that a test may change."""
    own = Exposures(tmp_path / "own" / "files")
    own.write()
    own.ingest()
    return own


def test_flags_are_those_of_the_image_alone(made: Exposures) -> None:
    with made.catalogue() as catalogue:
        for expnum, ccdnum in KEYS:
            found = catalogue.mask(f"exp{expnum}", "r", expnum, ccdnum).flags()
            np.testing.assert_array_equal(found, made.flags(expnum, ccdnum))
        assert len(list(catalogue.masks())) == 6


def test_counts_are_those_of_the_pixels_and_null_about_the_coadd(made: Exposures) -> None:
    with made.catalogue() as catalogue:
        epochs = catalogue.epochs()
    assert epochs.tilename.tolist() == [f"exp{expnum}" for expnum, _ in KEYS]
    for row in epochs.to_dict("records"):
        flags = made.flags(row["expnum"], row["ccdnum"])
        assert row["n_good"] == row["n_good_se"] == int((flags == 0).sum())
        assert row["fraction_good"] == row["fraction_good_se"] == row["n_good"] / flags.size
        assert (row["n_se_weight"], row["n_se_bmask"]) == (int((flags & 2 > 0).sum()), int((flags & 4 > 0).sum()))
    assert epochs[[*OF_COADD, "n_se_seg", "only_se_seg", "area_good_unique"]].isna().all(axis=None)
    assert epochs.se_seg_used.all()
    assert set(epochs.segmentation) == {"none"}


def test_files_have_no_coadd_and_the_database_a_row_per_file(made: Exposures) -> None:
    files = sorted((made.masks / "r").glob("*.parquet"))
    assert [name.name.split("_")[0] for name in files] == ["exp501", "exp502"]
    for file in files:
        table = pq.read_table(file)
        assert set(table["kind"].to_pylist()) == {"epoch"}
        metadata = pq.ParquetFile(file).metadata.metadata
        expected = {b"goodpix.coadd": b"none", b"goodpix.segmentation": b"none", b"goodpix.profile": b"three-ccds"}
        assert {key: metadata[key] for key in expected} == expected
    with made.catalogue() as catalogue:
        rows = catalogue.sql("SELECT * FROM coadd")
    filled = {"coadd_id", "tilename", "band", "generation", "mask_file", "run_id", "profile", "segmentation"}
    assert set(rows.columns[rows.notna().all()]) == filled
    assert set(rows.columns[rows.isna().all()]) == set(rows.columns) - filled


def test_sums_count_every_image(made: Exposures) -> None:
    n_good = {key: int((made.flags(*key) == 0).sum()) for key in KEYS}
    with made.catalogue() as catalogue:
        tiles, exposures, ccds, bits = catalogue.tiles(), catalogue.exposures(), catalogue.ccds(), catalogue.bits()
    by_exposure = [sum(n for (of, _), n in n_good.items() if of == expnum) for expnum in EXPNUMS]
    assert tiles.n_good.tolist() == tiles.n_good_se.tolist() == exposures.n_good_se.tolist() == by_exposure
    assert tiles.n_epochs_used.tolist() == [3, 3]
    assert tiles[["n_on_coadd", "fraction_good_on_coadd", "coadd_n_pixels", "n_se_seg"]].isna().all(axis=None)
    assert ccds.n_good_se.tolist() == list(n_good.values())
    assert set(bits.name) == {"BAD", "SATURATED", "COSMIC_RAY"}
    found = bits.set_index(["expnum", "ccdnum", "name"]).n_pixels[501, 2, "SATURATED"]
    assert found == int((made.planes(501, 2)["_codes"] == 3).sum())


def test_segmentation_map_of_the_profile_is_used(changing: Exposures) -> None:
    shutil.rmtree(changing.masks)
    changing.database.unlink()
    changing.ingest(settings={"seg": "_seg.fits"})
    with changing.catalogue() as catalogue:
        for expnum, ccdnum in KEYS:
            found = catalogue.mask(f"exp{expnum}", "r", expnum, ccdnum).flags()
            np.testing.assert_array_equal(found, changing.flags(expnum, ccdnum, seg=True))
        epochs = catalogue.epochs()
        expected = [int((changing.planes(*key)["_seg"] > 0).sum()) for key in KEYS]
        assert epochs.n_se_seg.tolist() == expected
    assert goodpix.verify(changing.database, images=6).ok
    with pytest.raises(UsageError, match=r"segmentation is none, but the catalogue .* was made with file"):
        changing.ingest()


def test_check_derives_each_mask_again(made: Exposures, cli: Run) -> None:
    for expnum, ccdnum in KEYS:
        done = cli("check", f"exp{expnum}", "r", expnum, ccdnum, "--db", made.database)
        assert (done.status, done.out.strip()) == (0, "6,144 of 6,144 pixels agree with the mask computed directly")


def test_check_finds_a_pixel_that_differs(changing: Exposures) -> None:
    with fitsio.FITS(str(changing.path(501, "_codes")), "rw") as file:
        pixels = file["N2"].read()
        pixels[5, 7] = 5 if pixels[5, 7] != 5 else 0
        file["N2"].write(pixels)
    comparison = goodpix.check_mask(changing.database, "exp501", "r", 501, 2)
    assert (comparison.n_pixels - comparison.n_equal, comparison.examples[0].split(":")[0]) == (1, "x 7, y 5")


def test_verify_finds_it_whole_and_counts_masks(made: Exposures, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for options in ({}, {"sample": 3}, {"images": 2}):
        report = goodpix.verify(made.database, **options)  # type: ignore[arg-type]  # numbers
        assert (report.ok, report.problems, report.n_coadds) == (True, (), 0)
    assert (goodpix.verify(made.database).n_masks, goodpix.verify(made.database).n_files) == (6, 2)
    assert caplog.messages[-2:] == ["exp501 r: 3 masks, 0 problems", "exp502 r: 3 masks, 0 problems"]


def rows(made: Exposures) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(made.database)) as connection:
        out = {}
        for table in ("epoch", "coadd", "bit_count", "tile_summary", "ccd_image", "exposure_summary", "catalogue"):
            cursor = connection.execute(f"SELECT * FROM {table}")
            hidden = {"run_id", "epoch_id", "coadd_id", "bit_count_id"}
            names = [each[0] for each in cursor.description]
            kept = [k for k, name in enumerate(names) if name not in hidden]
            out[table] = sorted(str([row[k] for k in kept]) for row in cursor)
    return out


@pytest.mark.parametrize("name", VIEWS)
def test_column_that_is_null_without_a_coadd_may_be(made: Exposures, name: str) -> None:
    with made.catalogue() as catalogue:
        shown = catalogue.sql(f"SELECT * FROM {name}")
    never = [row[0].strip("`") for row in documented(name) if row[4] == "never"]
    assert [column for column in never if shown[column].isna().any()] == []


def test_doctor_counts_no_coadd(made: Exposures, cli: Run) -> None:
    assert f"three-ccds, 0 coadds, {len(KEYS)} epochs, 0 failures" in cli("doctor", "--db", made.database).out


def test_rebuilt_database_is_the_one_before(changing: Exposures) -> None:
    before = rows(changing)
    changing.database.unlink()
    report = goodpix.rebuild(changing.database, changing.masks)
    assert (report.n_tiles, report.n_epochs, report.failures, report.notes) == (2, 6, (), ())
    assert rows(changing) == before
    assert changing.ingest().n_unchanged == 6


def test_damaged_rows_are_repaired(changing: Exposures) -> None:
    before = rows(changing)
    with closing(sqlite3.connect(changing.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("UPDATE epoch SET n_good = 1 WHERE expnum = 501 AND ccdnum = 2")
        connection.execute("DELETE FROM epoch WHERE expnum = 502 AND ccdnum = 31")
        connection.execute("UPDATE coadd SET nx = 7 WHERE tilename = 'exp502'")
    report = goodpix.verify(changing.database)
    assert {problem.what for problem in report.problems} >= {"row"}
    goodpix.verify(changing.database, repair=True)
    assert (goodpix.verify(changing.database).problems, rows(changing)) == ((), before)


def test_lost_file_is_found_and_made_again(changing: Exposures) -> None:
    before = rows(changing)["ccd_image"]
    next((changing.masks / "r").glob("exp501*")).unlink()
    assert not goodpix.verify(changing.database).ok
    goodpix.verify(changing.database, repair=True)
    with changing.catalogue() as catalogue:
        assert len(catalogue.epochs()) == 3
    assert changing.ingest().n_epochs == 3
    assert rows(changing)["ccd_image"] == before
    assert goodpix.verify(changing.database).ok


def test_unchanged_images_are_copied_and_changed_ones_made(changing: Exposures) -> None:
    assert (changing.ingest().n_epochs, changing.ingest().n_unchanged) == (0, 6)
    with fitsio.FITS(str(changing.path(501, "_codes")), "rw") as file:
        pixels = file["N2"].read()
        pixels[:9] = 1
        file["N2"].write(pixels)
    report = changing.ingest()
    assert (report.n_epochs, report.n_unchanged) == (1, 5)  # the others lie in the same file, and are as they were
    with changing.catalogue() as catalogue:
        assert (catalogue.mask("exp501", "r", 501, 2).flags()[:9] & 0x204 == 0x204).all()
        np.testing.assert_array_equal(catalogue.mask("exp501", "r", 501, 1).flags(), changing.flags(501, 1))
    assert goodpix.gc(changing.database).n_kept >= 0
    assert goodpix.verify(changing.database).ok


def test_image_that_cannot_be_read_is_a_failure_alone(changing: Exposures) -> None:
    changing.path(502, "_var").unlink()
    assert changing.ingest().n_failures == 3
    with changing.catalogue() as catalogue:
        assert catalogue.epochs().stale.tolist() == [False] * 3 + [True] * 3
        assert all("exp502_var.fits" in message for message in catalogue.failures().message)


def test_position_has_no_place_on_a_coadd(made: Exposures) -> None:
    with made.catalogue() as catalogue:
        mask = catalogue.mask("exp502", "r", 502, 2)
        ra, dec = mask.grid.sky(np.array([20.0]), np.array([30.0]))
        found = catalogue.at(float(ra[0]), float(dec[0]))
        row = found[(found.expnum == 502) & (found.ccdnum == 2)].iloc[0]
        assert (round(row.x, 6), round(row.y, 6), row.good) == (20, 30, bool(mask.good()[30, 20]))
        assert found[["coadd_x", "coadd_y", "on_coadd"]].isna().all(axis=None)
        once = catalogue.at(float(ra[0]), float(dec[0]), unique=True)
    assert set(zip(found.expnum, found.ccdnum, strict=True)) == set(zip(once.expnum, once.ccdnum, strict=True))


def test_merged_mask_is_the_epochs(made: Exposures) -> None:
    with made.catalogue() as catalogue:
        np.testing.assert_array_equal(catalogue.ccd_mask("r", 501, 31).flags(), made.flags(501, 31))


def test_coadds_own_mask_is_not_there(made: Exposures, cli: Run) -> None:
    with made.catalogue() as catalogue:
        with pytest.raises(
            MaskNotFoundError, match=r"no mask of coadd \(tile exp501, band r\): its images have no coadd"
        ):
            catalogue.mask("exp501", "r")
        assert list(catalogue.masks(kind="coadd")) == []
        assert (catalogue.info()["coadds"], catalogue.info()["epochs"]) == (0, 6)
    assert cli("mask", "exp501", "r", "--db", made.database).status == 2


def test_map_on_a_coadd_is_refused_with_the_one_on_the_sky(made: Exposures, cli: Run) -> None:
    with made.catalogue() as catalogue, pytest.raises(UsageError, match=r"has no coadd.*expected healsparse_map"):
        catalogue.good_epoch_map("exp501", "r")
    done = cli("map", "exp501", "r", "--db", made.database)
    assert (done.status, "healsparse_map" in done.err) == (2, True)


def test_area_is_that_of_the_good_pixels_of_images_side_by_side(made: Exposures) -> None:
    with made.catalogue() as catalogue:
        found = catalogue.sky_area(expnum=501)
        expected = float(catalogue.epochs(expnum=501).area_good.sum())
    assert found == pytest.approx(expected, rel=0.02)


def test_heal_map_counts_images(made: Exposures) -> None:
    pytest.importorskip("healsparse")
    with made.catalogue() as catalogue:
        found = catalogue.healsparse_map("n_images", nside=4096)
    assert set(found[found.valid_pixels]) <= {0, 1, 2, 3, 4, 5, 6}
    assert max(found[found.valid_pixels]) >= 2


def test_sky_statistics_count_the_good_pixels(made: Exposures) -> None:
    with made.catalogue() as catalogue:
        for by in ("epoch", "ccd"):
            found = catalogue.background(by=by)
            assert found.n.tolist() == [int((made.flags(*key) == 0).sum()) for key in KEYS]
            expected = [np.median(made.planes(*key)["_img"][made.flags(*key) == 0]) for key in KEYS]
            np.testing.assert_allclose(found["median"], expected, rtol=1e-3)


def test_without_a_map_or_an_option_it_is_wrong_usage(changing: Exposures, cli: Run) -> None:
    where = ["--db", changing.database.with_name("new.db"), "--masks", changing.masks.with_name("new")]
    done = cli("ingest", changing.folder, "--profile", "three-ccds", *where)
    assert (done.status, len(done.lines)) == (2, 1)
    assert "exp501_img.fits: its CCD images have no segmentation map" in done.err
    assert "--segment (segment=True)" in done.err
    assert "--no-segment (no_segment=True)" in done.err
    assert cli("ingest", changing.folder, "--profile", "three-ccds", "--no-segment", *where).status == 0
    done = cli("ingest", changing.folder, "--profile", "three-ccds", "--segment", *where)
    assert (done.status, len(done.lines)) == (2, 1)
    assert " was made with none: " in done.err


def test_two_workers_make_the_same_files(made: Exposures, tmp_path: Path) -> None:
    made.ingest(db=tmp_path / "two.db", masks=tmp_path / "masks", force=True)
    first = {path.name: path.read_bytes() for path in (made.masks / "r").glob("*.parquet")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "masks" / "r").glob("*.parquet")} == first
    assert SHAPE == (96, 64)


def test_printed_tables_hide_what_is_about_the_coadd(made: Exposures, cli: Run) -> None:
    for command in ("epochs", "tiles"):
        heading = cli(command, "--db", made.database).out.splitlines()[0].split()
        assert "fraction_good_se" in heading
        assert [name for name in heading if "coadd" in name or name.endswith("_unique")] == []
        with_all = cli(command, "--db", made.database, "--format", "csv").out.splitlines()[0].split(",")
        assert {"n_on_coadd", "fraction_good_on_coadd"} <= set(with_all)


def test_mask_page_and_map_of_tiles_say_nothing_about_coadds(made: Exposures) -> None:
    with made.catalogue() as catalogue:
        opened = OpenMask.of(next(catalogue.masks()), Selection())
        ax = plot_sky(catalogue)
        figure = ax.get_figure(root=True)
        assert figure is not None
        shown = [text.get_text() for text in figure.findobj(Text)]
    labels = [each["label"] for each in legend_items(opened, (), over_image=False)]
    assert "SE object" in labels
    assert [label for label in labels if "coadd" in label] == []
    table = counts_html(opened, opened)
    assert ("Good SE" in table, "Good on coadd" in table) == (True, False)
    assert [text for text in shown if "coadd" in text] == []
    assert any("n_good_se" in text or "SE" in text for text in shown), shown


def test_profile_of_the_documentation_has_40_lines_and_its_selection(made: Exposures) -> None:
    assert len([line for line in PROFILE.splitlines() if line.strip()]) <= 40
    with made.catalogue() as catalogue:
        assert catalogue.selections().name.tolist() == ["cosmic-rays-are-fine"]
        selection = catalogue.selection("cosmic-rays-are-fine")
        flags = made.flags(501, 1)
        expected = (flags == 0) | (flags == (32 << 8 | 4))
        np.testing.assert_array_equal(catalogue.mask("exp501", "r", 501, 1).good(selection), expected)
