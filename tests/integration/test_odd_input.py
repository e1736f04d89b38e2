"""Input that is valid, however odd."""

import shutil
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest

from goodpix.schema.criteria import Criterion

from .survey import SPEC, Pixels, Survey, break_card, records, rewrite, same

BAD = 2


# What follows is valid, however odd.


def row_of(survey: Survey, number: int, band: str = "r") -> Any:
    """Return the row of an epoch."""
    of = survey.epoch(number, band)
    with survey.catalogue() as catalogue:
        (row,) = records(catalogue.epochs(band=band, expnum=of["expnum"], ccdnum=of["ccdnum"]))
    return row


def criterion_of(survey: Survey, number: int, criterion: Criterion) -> Any:
    """Return where a criterion fails, in an epoch."""
    of = survey.epoch(number)
    with survey.catalogue() as catalogue:
        mask = catalogue.mask(SPEC.tilename, "r", of["expnum"], of["ccdnum"])
    return (mask.criteria() & criterion) != 0


@pytest.fixture(scope="module")
def off_coadd(small_tile: Path, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """The survey with an epoch whose image lies a degree away; nobody changes it."""
    survey = Survey(tmp_path_factory.mktemp("off-coadd") / "survey")
    shutil.copytree(small_tile, survey.folder)
    crval = fitsio.read_header(survey.path(BAD, "image"), ext="sci")["CRVAL2"]
    break_card(survey.path(BAD, "image"), "sci", "CRVAL2", f"CRVAL2  = {crval + 1!r}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", str(survey.folder))
        survey.ingest()
    return survey


def test_epoch_off_the_coadd_has_no_good_pixel(off_coadd: Survey) -> None:
    row = row_of(off_coadd, BAD)
    assert (row.n_good, row.n_on_coadd, row.n_off_coadd) == (0, 0, row.n_pixels)


def test_epoch_off_the_coadd_has_no_fraction_on_it(off_coadd: Survey) -> None:
    with off_coadd.catalogue() as catalogue:
        found = catalogue.sql("SELECT count(*) AS n FROM epoch_quality WHERE fraction_good_on_coadd IS NULL")
    assert found.n.tolist() == [1]


def test_epoch_off_the_coadd_is_no_failure(off_coadd: Survey) -> None:
    with off_coadd.catalogue() as catalogue:
        assert catalogue.failures().empty


def test_epoch_off_the_coadd_equals_the_direct_way(off_coadd: Survey) -> None:
    assert off_coadd.check(BAD).equal


def test_weight_that_is_not_finite_and_positive_is_bad(stored: Survey) -> None:
    weight: Pixels = np.ones((128, 64), np.float32)
    weight[5, 7:13] = [np.nan, np.inf, -np.inf, -1.0, 0.0, -0.0]
    rewrite(stored.path(BAD, "image"), {"wgt": weight})
    assert not stored.ingest().failures
    fails = criterion_of(stored, BAD, Criterion.SE_WEIGHT)
    assert np.argwhere(fails).tolist() == [[5, x] for x in range(7, 13)]


def test_weight_that_is_tiny_or_huge_is_good(stored: Survey) -> None:
    weight = np.full((128, 64), 1e-45, np.float32)
    weight[:, ::2] = 3.4e38
    rewrite(stored.path(BAD, "image"), {"wgt": weight})
    assert stored.ingest().n_epochs == 1
    assert not criterion_of(stored, BAD, Criterion.SE_WEIGHT).any()


def test_weight_of_any_number_is_taken(stored: Survey) -> None:
    for number, dtype in enumerate([np.float64, np.int16]):
        weight: Pixels = np.ones((128, 64), dtype)
        weight[:, :3] = 0
        rewrite(stored.path(number, "image"), {"wgt": weight})
    stored.ingest()
    assert [row_of(stored, number).n_se_weight for number in range(2)] == [3 * 128] * 2


MASK_VALUES = [
    (-32768, np.int16, {15}),
    (-1, np.int16, set(range(16))),
    (-(1 << 31), np.int32, {23}),
    (1 << 22 | 1 << 23 | 1, np.int32, {0, 22, 23}),
    (1 << 15, np.uint16, {15}),
    (65535, np.uint16, set(range(16))),
    (1 << 40, np.int64, {23}),
]


def test_mask_value_is_unsigned_of_its_own_width(many: Survey) -> None:
    for number, (value, dtype, _) in enumerate(MASK_VALUES):
        bmask: Pixels = np.zeros((128, 64), dtype)
        bmask[3, 4] = value
        rewrite(many.path(number, "image"), {"msk": bmask})
    assert not many.ingest().failures
    with many.catalogue() as catalogue:
        found = catalogue.bits(band="r").query("plane == 'se'")
    for number, (value, dtype, bits) in enumerate(MASK_VALUES):
        rows = found[found.expnum == many.epoch(number)["expnum"]]
        assert set(rows.bit) == bits, (value, dtype)
        assert set(rows.n_pixels) == {1}


def test_seg_of_any_integer_is_taken(stored: Survey) -> None:
    for number, dtype in enumerate([np.int16, np.int64]):
        seg: Pixels = np.zeros((128, 64), dtype)
        seg[0, :5] = 9
        rewrite(stored.path(number, "seg"), {"sci": seg})
    stored.ingest()
    assert [row_of(stored, number).n_se_seg for number in range(2)] == [5, 5]


def test_plain_file_beside_packed_ones_gives_the_same_mask(ingested: Survey, stored: Survey) -> None:
    for number in (0, None):
        rewrite(stored.path(number, "image"))
    assert stored.ingest().n_epochs == 3
    assert same(stored, ingested)


def test_extension_may_be_a_number_and_in_either_case(stored: Survey) -> None:
    stored.set_entry(BAD, {"image_ext": 1, "bmask_ext": 2, "weight_ext": "Wgt", "seg_ext": 1})
    assert stored.ingest().n_epochs == 1
    assert stored.check(BAD).equal


def test_coadd_that_is_not_square_is_taken_as_it_is(stored: Survey) -> None:
    with stored.editing() as info:
        del info["uramin"]
    seg = stored.plane(None, "seg")[:100]
    image = stored.path(None, "image")
    rewrite(image, {ext: fitsio.read(image, ext=ext)[:100] for ext in ("sci", "msk", "wgt")})
    rewrite(stored.path(None, "seg"), {"sci": seg})
    assert stored.ingest().n_epochs == 3
    assert all(stored.check(number).equal for number in range(3))


def test_missing_bkg_and_head_files_are_no_failure(survey: Survey) -> None:
    survey.path(0, "bkg").unlink()
    survey.path(BAD, "head").unlink()
    report = survey.ingest()
    assert (report.n_epochs, report.failures) == (6, ())


def test_epoch_without_a_key_that_is_not_needed_is_taken(survey: Survey) -> None:
    # in two epochs, lest one key makes up for another
    survey.set_entry(BAD, dict.fromkeys(("bkg_path", "head_path", "image_flags"), ...))
    survey.set_entry(0, dict.fromkeys(("psf_path", "magzp", "filename"), ...))
    report = survey.ingest()
    assert (report.n_epochs, report.failures) == (6, ())


def test_seg_ext_is_sci_when_absent(ingested: Survey, stored: Survey) -> None:
    assert "seg_ext" not in stored.epoch(BAD)
    with stored.editing() as info:
        del info["seg_ext"]
        for each in info["src_info"]:
            each["seg_ext"] = "sci"
        info["src_info"][BAD]["seg_ext"] = "SCI"
    assert stored.ingest(force=True).n_epochs == 6
    assert same(stored, ingested)


def test_unknown_keys_are_no_failure(stored: Survey) -> None:
    stored.set_entry(None, {"made_by": "somebody", "notes": {"a": [1, 2]}})
    stored.set_entry(BAD, {"colour": "blue"})
    assert not stored.ingest().failures


def test_entry_may_leave_tile_and_band_out(stored: Survey) -> None:
    stored.set_entry(BAD, {"tilename": ..., "band": ...})
    assert not stored.ingest().failures


def test_home_and_variables_in_paths_are_filled_in(
    stored: Survey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(stored.path(BAD, "seg"), home / "seg.fits.fz")
    monkeypatch.setenv("HOME", str(home))
    stored.set_entry(BAD, {"seg_path": "~/seg.fits.fz"})
    report = stored.ingest()
    assert (report.n_epochs, report.failures) == (1, ())


@pytest.fixture
def without_seg(stored: Survey) -> Survey:
    """The catalogue with an epoch that has lost its segmentation map, ingested again."""
    stored.set_entry(BAD, {"seg_path": ...})
    stored.ingest(allow_missing_se_seg=True)
    return stored


def test_epoch_without_seg_has_no_count_of_it(without_seg: Survey) -> None:
    of = without_seg.epoch(BAD)
    with without_seg.catalogue() as catalogue:
        found = catalogue.sql(
            "SELECT n_se_seg, only_se_seg, se_seg_used FROM epoch WHERE expnum = :expnum", {"expnum": of["expnum"]}
        )
    assert found.iloc[0].tolist() == [None, None, 0]


def test_epoch_without_seg_is_in_no_tile_sum(without_seg: Survey) -> None:
    with without_seg.catalogue() as catalogue:
        (tile,) = records(catalogue.tiles(band="r"))
        others = catalogue.epochs(band="r").query("se_seg_used")
    assert (tile.n_epochs, tile.n_epochs_used) == (3, 2)
    assert (tile.n_good, tile.n_pixels) == (others.n_good.sum(), others.n_pixels.sum())


def test_epoch_without_seg_is_in_no_ccd_sum(without_seg: Survey) -> None:
    of = without_seg.epoch(BAD)
    with without_seg.catalogue() as catalogue:
        assert of["expnum"] not in set(catalogue.ccds().expnum)
        assert of["expnum"] not in set(catalogue.exposures().expnum)


def test_epoch_without_seg_is_the_others_without_that_criterion(without_seg: Survey) -> None:
    of = without_seg.epoch(BAD)
    with without_seg.catalogue() as catalogue:
        bare = catalogue.mask(SPEC.tilename, "r", of["expnum"], of["ccdnum"]).flags()
    seg = np.zeros((128, 64), np.int32)
    path = without_seg.folder / "zero.fits"
    fitsio.write(path, seg, extname="sci")
    without_seg.set_entry(BAD, {"seg_path": str(path)})
    without_seg.ingest()
    with without_seg.catalogue() as catalogue:
        full = catalogue.mask(SPEC.tilename, "r", of["expnum"], of["ccdnum"]).flags()
    assert np.array_equal(bare, full)
