"""What an ingest stores is right, and the same whenever it is stored."""

import re
from dataclasses import fields
from typing import Any

import fitsio
import numpy as np
import pandas as pd
import pytest

import goodpix
from goodpix.schema.bits import BIT_SHIFT, N_BITS, Criterion
from goodpix.schema.counts import Counts

from .survey import SPEC, Survey, epochs, records, the_file

SE = Criterion.SE_SEG | Criterion.SE_WEIGHT | Criterion.SE_BMASK
COADD = Criterion.COADD_SEG | Criterion.COADD_WEIGHT | Criterion.COADD_BMASK
KEY = ["tilename", "band", "expnum", "ccdnum"]


# The same inputs give the same bytes.


def test_same_inputs_give_the_same_bytes_in_two_roots(stored: Survey, ingested: Survey) -> None:
    other = stored.folder.parent / "elsewhere"
    stored.ingest(db=other.with_suffix(".db"), masks=other)
    assert {path.name: path.read_bytes() for path in other.rglob("*.parquet")} == {
        path.name: path.read_bytes() for path in ingested.masks.rglob("*.parquet")
    }


def test_only_mask_files_end_in_parquet(ingested: Survey) -> None:
    others = [path.name for path in ingested.masks.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    assert len(ingested.mask_files()) == 2
    assert others == ["_goodpix.json"]


def test_masks_folder_is_one_data_set_for_pandas(ingested: Survey) -> None:
    found = pd.read_parquet(ingested.masks)
    assert found.kind.value_counts().to_dict() == {"epoch": 6, "coadd": 2}


# What is stored is right.


@pytest.mark.parametrize("band", SPEC.bands)
@pytest.mark.parametrize("number", range(3))
def test_mask_equals_the_direct_way(number: int, band: str, ingested: Survey) -> None:
    assert str(ingested.check(number, band)) == "8,192 of 8,192 pixels agree with the mask computed directly"


def recounted(flags: "np.ndarray[Any, np.dtype[np.int64]]", amp_a: slice, amp_b: slice) -> dict[str, int]:
    """Return an epoch's counts from its pixels."""
    fails = {criterion: (flags & criterion) != 0 for criterion in Criterion}
    low = flags & 0x7F
    good_se = (low & SE) == 0
    out = {
        "n_pixels": flags.size,
        "n_good": int((flags == 0).sum()),
        "n_on_coadd": int((~fails[Criterion.OFF_COADD]).sum()),
        "n_good_se": int(good_se.sum()),
        "n_good_coadd": int(((low & (COADD | Criterion.OFF_COADD)) == 0).sum()),
        "n_good_se_amp_a": int(good_se[:, amp_a].sum()),
        "n_good_se_amp_b": int(good_se[:, amp_b].sum()),
        "n_pixels_amp_a": good_se[:, amp_a].size,
        "n_pixels_amp_b": good_se[:, amp_b].size,
    }
    for criterion, where in fails.items():
        name = str(criterion.name).lower()
        out[f"n_{name}"] = int(where.sum())
        out[f"only_{name}"] = int((low == criterion).sum())
    return out


def halves(row: Any) -> tuple[slice, slice]:
    """Return the columns of the amplifiers of a row's DATASECA and DATASECB."""
    sections = [re.findall(r"\d+", text) for text in (row.dataseca, row.datasecb)]
    a, b = (slice(int(numbers[0]) - 1, int(numbers[1])) for numbers in sections)
    return a, b


@pytest.mark.parametrize("band", SPEC.bands)
def test_counts_of_a_row_are_those_of_its_mask(band: str, ingested: Survey) -> None:
    masks = ingested.flags()
    for row in records(epochs(ingested).query("band == @band")):
        expected = recounted(masks[band, row.expnum, row.ccdnum], *halves(row))
        assert {name: getattr(row, name) for name in expected} == expected


def test_counts_of_the_coadd_are_those_of_its_mask(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        flags = catalogue.mask(SPEC.tilename, "r").flags()
        (row,) = records(catalogue.sql("SELECT * FROM coadd WHERE band = 'r'"))
    expected = recounted(flags, slice(0), slice(0))
    names = ["n_pixels", "n_good", "n_good_coadd", "n_coadd_seg", "only_coadd_seg", "n_coadd_weight", "n_coadd_bmask"]
    assert {name: getattr(row, name) for name in names} == {name: expected[name] for name in names}


def test_coadd_row_has_no_single_epoch_counts(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        (row,) = records(catalogue.sql("SELECT * FROM coadd WHERE band = 'r'"))
    assert [getattr(row, name) for name in ("n_se_seg", "n_off_coadd", "n_good_se", "n_pixels_amp_a")] == [None] * 4


def test_coadd_mask_is_its_planes(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        criteria = catalogue.mask(SPEC.tilename, "r").criteria()
    weight = ingested.plane(None, "weight")
    expected = (ingested.plane(None, "seg") != 0) * np.uint8(Criterion.COADD_SEG)
    expected |= ~(np.isfinite(weight) & (weight > 0)) * np.uint8(Criterion.COADD_WEIGHT)
    expected |= (ingested.plane(None, "bmask") != 0) * np.uint8(Criterion.COADD_BMASK)
    assert np.array_equal(criteria, expected)


def test_fractions_are_ratios_of_the_counts(ingested: Survey) -> None:
    found = epochs(ingested)
    assert np.allclose(found.fraction_good, found.n_good / found.n_pixels, rtol=1e-15)
    assert np.allclose(found.fraction_good_on_coadd, found.n_good / found.n_on_coadd, rtol=1e-15)
    assert np.allclose(found.fraction_good_se, found.n_good_se / found.n_pixels, rtol=1e-15)


@pytest.mark.parametrize("plane", ["se", "coadd"])
def test_bit_counts_are_those_of_the_masks(plane: str, ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.bits().query("plane == @plane")
    counted = {(row.band, row.expnum, row.ccdnum, row.bit): row.n_pixels for row in records(found)}
    expected = {
        (*key, bit): int(((flags >> (BIT_SHIFT[plane] + bit)) & 1).sum())
        for key, flags in ingested.flags().items()
        for bit in range(N_BITS)
    }
    assert counted == {key: n for key, n in expected.items() if n}


def test_mask_file_has_the_counts_of_the_rows(ingested: Survey) -> None:
    found = pd.read_parquet(ingested.masks).query("kind == 'epoch'").sort_values(KEY).reset_index(drop=True)
    names = [each.name for each in fields(Counts)]
    expected = epochs(ingested).sort_values(KEY).reset_index(drop=True)
    pd.testing.assert_frame_equal(found[names], expected[names], check_dtype=False)


def test_coadd_mask_value_1_is_no_data_and_never_bpm(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.bits().query("plane == 'coadd'")
        own = catalogue.sql("SELECT DISTINCT plane, bit, name FROM bit_count WHERE coadd_id IS NOT NULL")
    assert set(zip(found.bit, found.name, strict=True)) == {(0, "NO_DATA")}
    assert own.values.tolist() == [["coadd", 0, "NO_DATA"]]


def test_se_mask_value_1_is_bpm(ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        found = catalogue.bits().query("plane == 'se' and bit == 0")
    assert set(found.name) == {"BPM"}


def test_other_bit_names_are_recorded_and_used(survey: Survey) -> None:
    names = goodpix.BitNames(se={"HOT": 1}, coadd={"EMPTY": 1})
    survey.ingest(bit_names=names)
    with survey.catalogue() as catalogue:
        found = catalogue.bits().query("bit == 0")
    assert set(zip(found.plane, found.name, strict=True)) == {("se", "HOT"), ("coadd", "EMPTY")}


def test_header_facts_are_those_of_the_image(ingested: Survey) -> None:
    header = fitsio.read_header(ingested.path(0, "image"), ext="sci")
    (row,) = records(epochs(ingested).query("expnum == @ingested.epoch(0)['expnum']"))
    keywords = "MJD-OBS EXPTIME AIRMASS FWHM SKYBRITE SKYSIGMA SKYVARA SKYVARB BUNIT DETPOS DATASECA DATASECB"
    expected = {each.lower().replace("-", "_"): header[each] for each in keywords.split()}
    assert {name: getattr(row, name) for name in expected} == expected
    assert row.nite == int(header["NITE"])


def test_nothing_of_the_run_is_in_a_mask_file(ingested: Survey) -> None:
    text = the_file(ingested).read_bytes()
    assert str(ingested.folder).encode() not in text


def test_row_without_unique_region_has_no_count_of_it(survey: Survey) -> None:
    with survey.editing() as info:
        for key in ("uramin", "uramax", "udecmin", "udecmax", "crossra0"):
            del info[key]
    survey.ingest()
    with survey.catalogue() as catalogue:
        found = catalogue.sql("SELECT count(n_unique) AS n, count(area_good_unique) AS area FROM epoch WHERE band='r'")
    assert found.values.tolist() == [[0, 0]]


def test_unique_region_of_the_whole_coadd_counts_every_pixel_on_it(survey: Survey) -> None:
    wide = {"uramin": SPEC.ra - 1, "uramax": SPEC.ra + 1, "udecmin": SPEC.dec - 1, "udecmax": SPEC.dec + 1}
    survey.set_entry(None, wide)
    survey.ingest()
    found = epochs(survey).query("band == 'r'")
    assert found.n_unique.tolist() == found.n_on_coadd.tolist()
    assert found.n_good_unique.tolist() == found.n_good.tolist()
