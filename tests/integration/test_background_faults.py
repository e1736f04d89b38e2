"""Sky statistics of files that are missing, damaged or of another kind."""

import os
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from goodpix.ingest.synthetic import RESIDUAL_LEVEL

from .survey import SPEC, Pixels, Survey, break_card, records, rewrite


def planes(survey: Survey, row: Any, *names: str) -> list[Pixels]:
    """Return planes of the epoch of a row, as the file has them."""
    numbers = {(each["expnum"], each["ccdnum"]): k for k, each in enumerate(survey.info(row.band)["src_info"])}
    return [survey.plane(numbers[row.expnum, row.ccdnum], name, row.band) for name in names]


# Bad input: clear, per epoch, never the end of the others.

Break = Callable[[Survey], object]


def move_image(survey: Survey) -> None:
    survey.path(0, "image").rename(survey.folder / "elsewhere")


def touch_image(survey: Survey) -> None:
    os.utime(survey.path(0, "image"), ns=(1, 1))


def change_seg(survey: Survey) -> None:
    path = survey.path(0, "seg")
    path.write_bytes(path.read_bytes() + b" " * 2880)


def cut_image(survey: Survey) -> None:
    path = survey.path(0, "image")
    path.write_bytes(path.read_bytes()[:5000])


CHANGES = [
    (move_image, "no such file", False),
    (touch_image, "files have changed since the ingest", True),
    (change_seg, "files have changed since the ingest", True),
    (cut_image, "", False),
]


@pytest.mark.parametrize(("change", "message", "usable"), CHANGES, ids=lambda each: getattr(each, "__name__", None))
def test_epoch_whose_files_changed_is_left_out_unless_allowed(
    stored: Survey, change: Break, message: str, usable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with stored.catalogue() as catalogue:
        before = catalogue.background()
        change(stored)
        found, allowed = catalogue.background(), catalogue.background(allow_changed=True)
        first = next(catalogue.pixels(band="r"))
    name = stored.epoch(0)["expnum"]
    (row,) = records(found[found["expnum"] == name])
    assert message in row.problem
    assert "\n" not in row.problem
    assert row.problem == first.problem
    assert pd.isna([row.n, row.mean, row.n_clipped, row.noise_ratio]).all()
    assert (row.skybrite, row.bunit, row.bkg_subtracted) == (before.set_index("expnum").skybrite[name], "ADU", False)
    others = before["expnum"] != name
    pd.testing.assert_frame_equal(found[others], before[others], check_dtype=False)
    if usable:
        pd.testing.assert_frame_equal(allowed, before)
    else:
        assert allowed["n"].isna().sum() == 1
    assert f"epoch {stored.name(0)}" in caplog.text


TOLD: list[tuple[dict[str, object], list[dict[str, object]]]] = [
    (
        {},
        [
            {},
            {"bkg_path": ..., "bkg_ext": ...},
            {"position_offset": 2},
            {"filename": ..., "image_flags": ..., "pfw_attempt_id": ..., "magzp": float("nan")},
            {"image_ext": 1, "weight_ext": 3},
        ],
    ),
    (
        {"allow_missing_se_seg": True},
        [{"seg_path": ...}, {"seg_path": ""}, {"position_offset": 1.0, "magzp": 30, "scale": 1}],
    ),
    ({"allow_dithered_weights": True}, [{"head_path": ""}]),
]
"""Options of an ingest, and entries of epochs, the first with a head."""


@pytest.mark.parametrize(("options", "entries"), TOLD, ids=["plain", "no seg", "dithered"])
def test_files_of_an_ingest_are_known_again_whatever_it_was_told(
    survey: Survey, options: dict[str, object], entries: list[dict[str, object]]
) -> None:
    epochs = [(number, band) for band in SPEC.bands for number in range(SPEC.n_epochs)][: len(entries)]
    for (number, band), entry in zip(epochs, entries, strict=True):
        survey.set_entry(number, entry, band)
    survey.ingest(**options)
    with survey.catalogue() as catalogue:
        assert catalogue.background(statistics=["median"])["problem"].isna().all()
        for number, band in epochs:
            os.utime(survey.path(number, "weight", band), ns=(5, 5))
        assert catalogue.background(statistics=["median"])["problem"].notna().sum() == len(epochs)


def test_files_of_an_ingest_by_scamp_are_known_again(survey: Survey) -> None:
    survey.ingest(wcs_source="scamp")
    with survey.catalogue() as catalogue:
        found = catalogue.background(statistics=["median"])
    assert len(found) == 4
    assert found["problem"].isna().all()


def test_variables_of_the_paths_are_remembered(stored: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    with stored.catalogue() as catalogue:
        expected = catalogue.background()
        monkeypatch.delenv("MEDS_DIR")
        found = catalogue.background()
    # the copy's files lie where those lie that were ingested
    assert found["problem"].isna().all()
    pd.testing.assert_frame_equal(found, expected)


def test_variable_in_one_path_alone_is_remembered(stored: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored.path(1, "seg")
    monkeypatch.setenv("SEG_DIR", str(path.parent))
    stored.set_entry(1, {"seg_path": f"$SEG_DIR/{path.name}"})
    assert stored.ingest().n_epochs == 1
    monkeypatch.delenv("SEG_DIR")
    with stored.catalogue() as catalogue:
        assert catalogue.background()["problem"].isna().all()


def test_image_of_another_shape_is_left_out(stored: Survey) -> None:
    rewrite(stored.path(0, "image"), {"sci": stored.plane(0, "image")[:100]})
    with stored.catalogue() as catalogue:
        found = catalogue.background(allow_changed=True, band="r")
    assert found["n"].isna().tolist() == [True, False, False]
    assert "is 100 x 64, its mask 128 x 64" in found["problem"][0]


def test_unit_that_is_not_known_is_said(stored: Survey) -> None:
    break_card(stored.path(0, "image"), "SCI", "BUNIT", None)
    stored.set_entry(1, {"scale": ..., "magzp": ...})
    stored.set_entry(2, {"scale": -1.0})
    stored.ingest()
    with stored.catalogue() as catalogue:
        plain, calibrated = (catalogue.background(calibrated=each, band="r") for each in (False, True))
        pixels = list(catalogue.pixels(calibrated=True, band="r"))
    assert plain["n"].gt(0).all()
    assert plain["unit"].isna().tolist() == [True, False, False]
    assert "no BUNIT" in plain["problem"][0]
    assert plain["problem"][1:].isna().all()
    assert calibrated["n"].isna().tolist() == [False, True, True]
    assert "neither scale nor magzp" in calibrated["problem"][1]
    assert "scale is -1: expected a positive number" in calibrated["problem"][2]
    assert [each.problem for each in pixels][1:] == calibrated["problem"][1:].tolist()


def test_units_that_are_not_known_are_one_warning(stored: Survey, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(3):
        break_card(stored.path(number, "image"), "SCI", "BUNIT", None)
        break_card(stored.path(number, "image"), "SCI", "SKYSIGMA", None)
    stored.ingest()
    caplog.clear()
    with stored.catalogue() as catalogue:
        found = catalogue.background(band="r")
        widths = catalogue.mask_width(band="r", radii=[0])
    assert found["n"].gt(0).all()
    assert widths["n_left_out"].tolist() == [3]
    unit, sigma = (record.message for record in caplog.records)
    assert unit.endswith("and 2 others: the image's header has no BUNIT: the unit of the values is not known")
    assert sigma.endswith("and 2 others: PlaneError: skysigma is None: expected a positive number in the image header")


def test_magzp_takes_the_place_of_scale(stored: Survey) -> None:
    stored.set_entry(0, {"scale": ...})
    stored.ingest()
    with stored.catalogue() as catalogue:
        (plain,), (row,) = (
            records(catalogue.background(calibrated=each, expnum=stored.epoch(0)["expnum"])) for each in (False, True)
        )
    assert row.median == pytest.approx(plain.median * 10 ** (0.4 * (30 - stored.epoch(0)["magzp"])))


def test_background_that_is_missing_is_said(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.background(subtract_background=True)
        plain = catalogue.background()
    assert found.groupby("band")["n"].count().tolist() == [2, 2]
    missing = found[found["n"].isna()]
    assert missing["problem"].str.contains("no such file").all()
    assert not missing["bkg_subtracted"].any()
    there = found["n"].notna()
    assert found.loc[there, "bkg_subtracted"].all()
    # where half of the image is off the coadd, the background's gradient is in the level
    for name, tolerance in (("plane_level", 0.1), ("level", 1.0)):
        differences = (plain[name] - found[name])[there].dropna().to_numpy()
        assert differences.size >= 2
        assert differences == pytest.approx(RESIDUAL_LEVEL, abs=tolerance)


def test_background_that_the_info_file_does_not_list_is_said(stored: Survey) -> None:
    stored.set_entry(0, {"bkg_path": ...})
    stored.ingest()
    with stored.catalogue() as catalogue:
        found = catalogue.background(subtract_background=True, band="r")
    assert found["problem"][0] == "the info file has no bkg_path"


def test_mask_that_is_damaged_is_said(stored: Survey) -> None:
    for name in stored.mask_files():
        if name.startswith("r/"):
            (stored.masks / name).write_bytes(b"PAR1")
    with stored.catalogue() as catalogue:
        found = catalogue.background()
        pixels = {each.key.band: each for each in catalogue.pixels(weight=True)}
    assert pixels["i"].problem is None
    assert (pixels["r"].problem or "").startswith("MaskFileError: mask file")
    assert pixels["r"].weight is not None
    assert found.groupby("band")["n"].count().tolist() == [SPEC.n_epochs, 0]
    assert found.loc[found["band"] == "r", "problem"].str.startswith("MaskFileError: mask file").all()
