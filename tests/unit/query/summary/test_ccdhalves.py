"""Summaries of amplifier halves against plain sums over the CCD images."""

import math
import statistics

import pytest

import goodpix
from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.query.summary.ccdhalves import ccd_halves

from ....rowcatalogue import DARK, NIGHTS, SICK, Row, grouped, ratio
from .conftest import same


def nightly_median(rows: list[Row], part: str, whole: str) -> float:
    return statistics.median(ratio(of_night, part, whole) for of_night in grouped(rows, "nite").values())


@pytest.mark.parametrize("nite", [None, "20150101:20150102"])
@pytest.mark.parametrize("band", [None, "i"])
@pytest.mark.parametrize("statistic", ["fraction_good_se", "fraction_se_bmask", "n_se_seg"])
def test_halves_have_the_median_of_nights(
    cat: goodpix.Catalogue, ccds: list[Row], statistic: str, band: str | None, nite: str | None
) -> None:
    wanted = [r for r in ccds if band in (None, r["band"]) and (nite is None or r["nite"] in NIGHTS[:2])]
    of_ccd = grouped(wanted, "ccdnum")
    found = ccd_halves(cat, statistic, band=band, nite=nite)
    assert list(zip(found.ccdnum, found.half, strict=True)) == [(n, half) for n in FOCAL_PLANE for half in "ab"]
    expected = []
    for ccdnum, half in zip(found.ccdnum, found.half, strict=True):
        rows = of_ccd[(ccdnum,)]
        if not rows:
            expected.append(math.nan)
        elif statistic == "fraction_good_se":
            expected.append(nightly_median(rows, f"n_good_se_amp_{half}", f"n_pixels_amp_{half}"))
        elif statistic == "fraction_se_bmask":
            expected.append(nightly_median(rows, "n_se_bmask", "n_pixels"))
        else:
            expected.append(float(sum(row["n_se_seg"] for row in rows)))
    assert same(found.value, expected)
    assert found.n_ccd_images.tolist() == [len(of_ccd[(n,)]) for n in found.ccdnum]
    assert found.n_nights.tolist() == [len(grouped(of_ccd[(n,)], "nite")) for n in found.ccdnum]


@pytest.mark.parametrize("nite", [None, "20150101:20150102"])
@pytest.mark.parametrize("band", [None, "i"])
@pytest.mark.parametrize("statistic", ["SE:BPM", "SE:OTHER", "se:1"])
def test_halves_have_the_share_of_a_bit(
    cat: goodpix.Catalogue, ccds: list[Row], statistic: str, band: str | None, nite: str | None
) -> None:
    bit = {"SE:OTHER": 23}.get(statistic, 0)
    counted = [{**row, "n_set": row["bits"]["se"].get(bit, 0)} for row in ccds]
    of_ccd = grouped(
        [r for r in counted if band in (None, r["band"]) and (nite is None or r["nite"] in NIGHTS[:2])], "ccdnum"
    )
    found = ccd_halves(cat, statistic, band=band, nite=nite)
    expected = [nightly_median(of_ccd[(n,)], "n_set", "n_pixels") if of_ccd[(n,)] else math.nan for n in found.ccdnum]
    assert same(found.value, expected)
    assert found.n_ccd_images.tolist() == [len(of_ccd[(n,)]) for n in found.ccdnum]


def test_a_ccd_without_images_is_null_and_no_outlier(cat: goodpix.Catalogue) -> None:
    dark = ccd_halves(cat).query(f"ccdnum == {DARK}")
    assert dark.value.isna().all()
    assert not dark.outlier.any()
    assert dark.n_ccd_images.tolist() == [0, 0]


def test_a_sick_half_is_an_outlier(cat: goodpix.Catalogue) -> None:
    found = ccd_halves(cat)
    outliers = found[found.outlier]
    assert list(zip(outliers.ccdnum, outliers.half, strict=True)) == [SICK]
