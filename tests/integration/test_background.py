"""The sky over good pixels: pixels, statistics, and what bad input does to them."""

import json
import math
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import goodpix
from goodpix.ingest.synthetic import make_tile
from goodpix.query.background.epochplanes import PlaneName
from goodpix.query.background.skyrow import STATISTICS, SkyRow
from goodpix.schema.columns import columns
from goodpix.schema.errors import UnknownNameError, UsageError

from .conftest import Run
from .skyway import ERRORS, plain_statistics
from .survey import SPEC, Pixels, Survey, records, rewrite

Selection = goodpix.Selection

WIDE = Selection(grow={"SE_SEG": 8, "COADD_SEG": 8})
LARGER = replace(SPEC, bands=("r",), coadd_shape=(400, 500), ccd_shape=(400, 200))
"""With enough good pixels to tell what the sky is."""

SELECTIONS = {
    "default": Selection(),
    "ignore": Selection(ignore=["COADD_SEG", "OFF_COADD", "SE_WEIGHT"], ignore_bits={"SE": ["STREAK", "EDGE"]}),
    "grow": Selection(grow={"SE_SEG": 3}, border=5),
    "little": Selection(border=30),
    "nothing": Selection(border=99),
}


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """A larger tile and its catalogue, for its MEDS_DIR; nobody changes them."""
    found = Survey(tmp_path_factory.mktemp("larger") / "survey")
    make_tile(found.folder, LARGER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", os.fspath(found.folder))
        found.ingest()
    return found


def planes(survey: Survey, row: Any, *names: str) -> list[Pixels]:
    """Return planes of the epoch of a row, as the file has them."""
    numbers = {(each["expnum"], each["ccdnum"]): k for k, each in enumerate(survey.info(row.band)["src_info"])}
    return [survey.plane(numbers[row.expnum, row.ccdnum], name, row.band) for name in names]


def good_of(catalogue: goodpix.Catalogue, row: Any, selection: Selection) -> Pixels:
    return catalogue.mask(row.tilename, row.band, row.expnum, row.ccdnum).good(selection)


def same(found: Any, expected: Any, *, rel: float = 1e-6) -> bool:
    if expected is None or (isinstance(expected, float) and math.isnan(expected)):
        return bool(pd.isna(found))
    return bool(found == pytest.approx(expected, rel=rel, abs=1e-9))


def wrong(row: Any, expected: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the statistics that differ from those of numpy and astropy, which count positions from the corner."""
    corner = {"level_x": row.x0, "level_y": row.y0}
    out = {}
    for name, value in expected.items():
        known = value + corner[name] if name in corner else value
        # a median from a histogram is as good as its bins
        if not same(getattr(row, name), known, rel=0.03 if name in ERRORS else 1e-6):
            out[name] = (getattr(row, name), known)
    return out


# Pixels.


@pytest.mark.parametrize(
    ("plane", "name"),
    [*(("image", name) for name in SELECTIONS), ("weight", "ignore"), ("bmask", "default"), ("seg", "little")],
)
def test_pixels_are_those_of_the_plane(ingested: Survey, plane: PlaneName, name: str) -> None:
    with ingested.catalogue() as catalogue:
        epochs = list(catalogue.pixels(plane, SELECTIONS[name], weight=True, band="r"))
        for each in epochs:
            good = good_of(catalogue, each.key, SELECTIONS[name])
            pixels, weight = planes(ingested, each.key, plane, "weight")
            y, x = np.nonzero(good)
            assert np.array_equal(each.x, x)
            assert np.array_equal(each.y, y)
            assert np.array_equal(each.values, pixels[good], equal_nan=plane == "image")
            assert each.weight is not None
            assert np.array_equal(each.weight, weight[good])
            assert (each.unit, each.bunit) == ("ADU" if plane == "image" else None, "ADU")
            assert (each.problem, each.calibrated, each.bkg_subtracted) == (None, False, False)
    assert len(epochs) == SPEC.n_epochs


def test_pixels_lie_where_wcslib_says(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        each = next(catalogue.pixels(sky=True, band="i"))
        mask = catalogue.mask(each.key.tilename, "i", each.key.expnum, each.key.ccdnum)
    ra, dec = mask.grid.wcs.wcslib().all_pix2world(each.x + 1.0, each.y + 1.0, 1)
    assert each.ra is not None
    assert each.dec is not None
    np.testing.assert_allclose([each.ra, each.dec], [ra, dec], rtol=0, atol=1e-9)
    assert each.to_pandas().columns.tolist() == ["x", "y", "value", "ra", "dec"]
    assert len(each.to_pandas()) == len(each) > 0


def test_background_is_subtracted_where_there_is_one(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        first, _, last = catalogue.pixels(subtract_background=True, band="r")
        image, bkg = planes(ingested, first.key, "image", "bkg")
        assert np.array_equal(first.values, image[first.y, first.x] - bkg[first.y, first.x])
        (own,) = catalogue.pixels("bkg", band="r", expnum=first.key.expnum)
        assert np.array_equal(own.values, bkg[own.y, own.x])
    assert (first.bkg_subtracted, last.bkg_subtracted) == (True, False)
    assert len(last) == last.values.size == 0
    assert last.problem is not None
    assert "bkg.fits.fz" in last.problem
    assert "no such file" in last.problem


def test_calibrated_pixels_have_a_zero_point_of_30(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        plain = next(catalogue.pixels(weight=True, band="r"))
        each = next(catalogue.pixels(weight=True, calibrated=True, band="r"))
        of_weight = next(catalogue.pixels("weight", calibrated=True, band="r"))
    scale = 10 ** (0.4 * (30 - ingested.epoch(0)["magzp"]))
    np.testing.assert_allclose(each.values, plain.values * scale, rtol=1e-6)
    assert plain.weight is not None
    assert each.weight is not None
    np.testing.assert_allclose(each.weight, plain.weight / scale**2, rtol=1e-6)
    np.testing.assert_allclose(of_weight.values, plain.weight / scale**2, rtol=1e-6)
    assert (each.unit, each.calibrated, of_weight.unit) == ("zero point 30", True, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plane": "head"}, "plane is 'head': expected one of image, weight, bmask, seg, bkg"),
        ({"plane": "seg", "calibrated": True}, "only image, bkg and weight can be calibrated"),
        ({"plane": "weight", "subtract_background": True}, "can only be subtracted from image"),
        ({"selection": Selection(ignore_bits={"SE": ["STARS"]})}, "STARS"),
        ({"colour": "r"}, "unknown filter 'colour'"),
    ],
)
def test_pixels_that_make_no_sense_are_refused_at_once(ingested: Survey, options: dict[str, Any], message: str) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match=message):
        catalogue.pixels(**options)


# Statistics.


@pytest.mark.parametrize("name", SELECTIONS)
def test_statistics_are_those_of_numpy_and_astropy(ingested: Survey, name: str) -> None:
    selection = SELECTIONS[name]
    with ingested.catalogue() as catalogue:
        found = catalogue.background(selection)
        for row in records(found):
            image, weight = planes(ingested, row, "image", "weight")
            expected = plain_statistics(image, weight, good_of(catalogue, row, selection))
            assert wrong(row, expected) == {}
            assert (row.x0, row.x1, row.y0, row.y1) == (0, row.n_pixels // 128, 0, 128)
            assert row.selection == str(selection)
    assert len(found) == 2 * SPEC.n_epochs
    assert found["problem"].isna().all()
    assert found["n"].gt(0).any() == (name != "nothing")


@pytest.mark.parametrize("box", [(30, 25), 64, (500, 7), (1, 64)])
def test_boxes_have_the_statistics_of_their_pixels(ingested: Survey, box: Any) -> None:
    rows, width = (box, box) if isinstance(box, int) else box
    entry = ingested.epoch(1)
    with ingested.catalogue() as catalogue:
        found = catalogue.background(box=box, expnum=entry["expnum"])
        row = next(found.itertuples())
        image, weight = planes(ingested, row, "image", "weight")
        good = good_of(catalogue, row, Selection())
    assert len(found) == math.ceil(128 / rows) * math.ceil(64 / width)
    assert found["n_pixels"].sum() == 128 * 64
    assert found["n"].sum() == good.sum()
    for row in records(found):
        part = np.s_[row.y0 : row.y1, row.x0 : row.x1]
        expected = plain_statistics(image, weight, good, part)
        assert wrong(row, expected) == {}
    assert found.loc[found["n"] == 0, "median"].isna().all()


def test_amplifier_halves_are_parts(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.background(amplifiers=True, band="r")
        counts = catalogue.epochs(band="r")
        for row in records(found):
            image, weight = planes(ingested, row, "image", "weight")
            expected = plain_statistics(
                image, weight, good_of(catalogue, row, Selection()), np.s_[row.y0 : row.y1, row.x0 : row.x1]
            )
            assert wrong(row, expected) == {}
    assert found["amplifier"].tolist() == ["A", "B"] * 3 or sorted(found["amplifier"]) == ["A"] * 3 + ["B"] * 3
    pixels = found.pivot_table(index="expnum", columns="amplifier", values="n_pixels")
    assert pixels["A"].tolist() == counts["n_pixels_amp_a"].tolist()
    assert pixels["B"].tolist() == counts["n_pixels_amp_b"].tolist()


def test_value_that_is_no_number_is_left_out(stored: Survey) -> None:
    image = stored.plane(0, "image").copy()
    image[40:90:7, ::3] = np.nan
    image[41:90:7, ::3] = np.inf
    rewrite(stored.path(0, "image"), {"sci": image})
    with stored.catalogue() as catalogue:
        (row,) = records(catalogue.background(allow_changed=True, expnum=stored.epoch(0)["expnum"]))
        expected = plain_statistics(image, stored.plane(0, "weight"), good_of(catalogue, row, Selection()))
    assert row.n_not_finite > 0
    assert wrong(row, expected) == {}


@pytest.mark.parametrize("kind", [np.float64, np.int16])
def test_image_of_another_type_is_measured(stored: Survey, kind: Any) -> None:
    image = stored.plane(0, "image").clip(-3e4, 3e4).astype(kind)
    rewrite(stored.path(0, "image"), {"sci": image, "wgt": stored.plane(0, "weight").astype(np.float64)})
    stored.ingest()
    with stored.catalogue() as catalogue:
        (row,) = records(catalogue.background(expnum=stored.epoch(0)["expnum"]))
        expected = plain_statistics(image, stored.plane(0, "weight"), good_of(catalogue, row, Selection()))
    assert row.n > 0
    assert wrong(row, expected) == {}


def test_calibrated_statistics_are_scaled(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        plain, calibrated = (catalogue.background(calibrated=each, band="r") for each in (False, True))
    scale = np.array([10 ** (0.4 * (30 - each["magzp"])) for each in ingested.info()["src_info"]])
    for name in ("median", "clipped_std", "p99", "gradient_y", "gradient_y_error", "plane_level", "noise_predicted"):
        np.testing.assert_allclose(calibrated[name], plain[name] * scale, rtol=1e-9)
    for name in ("n", "noise_ratio", "correlation_x", "skybrite", "skysigma", "bunit"):
        assert calibrated[name].tolist() == plain[name].tolist()
    assert set(calibrated["unit"]) == {"zero point 30"}


def test_statistics_that_are_not_asked_for_have_no_column(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        every = catalogue.background(band="r")
        some = catalogue.background(statistics=["gradient", "median"], band="r")
        none = catalogue.background(band="u")
    assert every.columns.tolist() == none.columns.tolist()
    assert every.columns.tolist() == [each.name for each in columns(SkyRow) if each.name != "n_tiles"]
    assert none.empty
    wanted = [*STATISTICS["median"], *STATISTICS["gradient"]]
    gone = {name for names in STATISTICS.values() for name in names} - set(wanted)
    assert some.columns.tolist() == [name for name in every.columns if name not in gone]
    pd.testing.assert_frame_equal(some, every[some.columns])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistics": ["mode"]}, "unknown statistic 'mode': expected one of mean, median"),
        ({"statistics": []}, "statistics is empty"),
        ({"box": (0, 5)}, r"box is \(0, 5\): expected rows and columns"),
        ({"box": (5, 5, 5)}, "expected rows and columns"),
        ({"box": 2.5}, "expected rows and columns"),
        ({"box": 64, "amplifiers": True}, "expected only one of them"),
        ({"selection": Selection(grow={"SE:STARS": 3})}, "STARS"),
        ({"workers": 0}, "workers is 0"),
    ],
)
def test_statistics_that_make_no_sense_are_refused(ingested: Survey, options: dict[str, Any], message: str) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UsageError, match=message):
        catalogue.background(**options)


def test_whoever_measures_finds_the_same(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, ThreadPoolExecutor(2) as threads:
        alone = catalogue.background(WIDE, box=50)
        pd.testing.assert_frame_equal(catalogue.background(WIDE, box=50, executor=threads), alone)
        pd.testing.assert_frame_equal(catalogue.background(WIDE, box=50, workers=2), alone)


def test_known_sky_comes_out(larger: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDS_DIR", os.fspath(larger.folder))
    truth = json.loads(next(larger.folder.rglob("*_r_sky_truth.json")).read_text())
    with larger.catalogue() as catalogue:
        found = catalogue.background(WIDE)
        halves = catalogue.background(WIDE, amplifiers=True, subtract_background=True)
    ny, nx = LARGER.ccd_shape
    wings = 0.1  # what is left of sources beyond 8 pixels
    for row in records(found):
        if not pd.isna(row.plane_level):
            assert abs(row.plane_level - truth["residual_level"]) < 4 * row.plane_level_error + wings
        from_middle = (row.level_x - (nx - 1) / 2) * truth["residual_gradient_x"] / (nx - 1)
        from_middle += (row.level_y - (ny - 1) / 2) * truth["residual_gradient_y"] / (ny - 1)
        assert abs(row.level - from_middle - truth["residual_level"]) < 4 * row.level_error + wings
        assert abs((ny - 1) * row.gradient_y - truth["residual_gradient_y"]) < 4 * (ny - 1) * row.gradient_y_error
        assert abs((nx - 1) * row.gradient_x - truth["residual_gradient_x"]) < 4 * (nx - 1) * row.gradient_x_error
        for correlation in (row.correlation_x, row.correlation_y):
            assert abs(correlation - truth["correlation"]) < 4 / math.sqrt(row.n)
    noise = {(each["expnum"], half): each[f"noise_amp_{half.lower()}"] for each in truth["epochs"] for half in "AB"}
    known = halves[halves["n"].notna()]
    assert len(known) == 4
    for row in records(known):
        # the error of a standard deviation from the median distance; 1 % scatter of the weights adds 1e-4
        error = 1.17 / math.sqrt(row.n)
        assert abs(row.noise_ratio - 1) < 4 * error
        assert abs(row.noise_predicted / noise[row.expnum, row.amplifier] - 1) < 1e-3
        assert abs(row.level) < 4 * row.level_error + wings
    assert found["plane_level"].notna().sum() == 2  # the third is half off the coadd


# The command.


@pytest.fixture
def db(ingested: Survey) -> list[str]:
    return ["--db", str(ingested.database)]


def test_command_writes_what_python_returns(ingested: Survey, db: list[str], cli: Run, tmp_path: Path) -> None:
    options = ["--grow", "SE_SEG=3", "--border", "5", "--box", "40x30", "--band", "r", "--calibrated"]
    done = cli("sky", *db, *options, "-o", tmp_path / "sky.parquet")
    assert (done.status, done.out) == (0, "")
    with ingested.catalogue() as catalogue:
        expected = catalogue.background(SELECTIONS["grow"], (40, 30), by="ccd", calibrated=True, band="r")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "sky.parquet"), expected, check_dtype=False)


def test_command_shows_a_table(db: list[str], cli: Run) -> None:
    columns = ["expnum", "amplifier", "n", "noise_ratio", "skybrite", "bkg_subtracted"]
    done = cli(
        "sky", *db, "--amplifiers", "--statistic", "median", "--statistic", "noise", "--columns", ",".join(columns)
    )
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert len(lines) == 1 + 2 * 2 * SPEC.n_epochs
    assert [heading.partition("[")[0] for heading in lines[0].split()] == columns


def test_command_names_epochs_that_cannot_be_used(stored: Survey, cli: Run, caplog: pytest.LogCaptureFixture) -> None:
    os.utime(stored.path(0, "image"), ns=(1, 1))
    done = cli("sky", "--db", stored.database, "--format", "csv")
    assert done.status == 1
    assert len(done.out.splitlines()) == 1 + 2 * SPEC.n_epochs
    assert done.lines[-1] == "CCD images that could not be used: 1"
    # a warning, which goes to standard error where nobody else takes it
    assert [each.getMessage().startswith(f"epoch {stored.name(0)}") for each in caplog.records] == [True]
    assert cli("sky", "--db", stored.database, "--allow-changed").status == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--box", "wide"], "--box wide: expected ROWS or ROWSxCOLUMNS"),
        (["--by", "tile"], "by is 'tile': expected ccd or epoch"),
        (["--box", "0"], "expected rows and columns"),
        (["--statistic", "mode"], "unknown statistic"),
        (["--min", "mean=3"], "mean"),
        (["--dataset", "sky", "-o", "sky.csv"], "--dataset sky receives the answer"),
    ],
)
def test_option_that_makes_no_sense_exits_2(
    db: list[str], cli: Run, options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("sky", *db, *options)
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_unknown_criterion_is_an_error(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue, pytest.raises(UnknownNameError, match="colour"):
        catalogue.background(colour="r")  # type: ignore[call-arg]  # wrong on purpose
