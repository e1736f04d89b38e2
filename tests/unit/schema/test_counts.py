"""Facts about counts."""

from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.amplifiers import Amplifiers, Region
from goodpix.schema.counts import BitCounts, Counts, count, count_coadd
from goodpix.schema.criteria import Criterion
from goodpix.schema.masks.rle import encode

from ...rows import flags_image

AREA = 0.07
IMAGE = flags_image(1, (41, 31))
BOXES = Amplifiers(Region(3, 17, 2, 30), Region(17, 31, 5, 41))


def counted(
    image: npt.NDArray[np.int64] = IMAGE,
    *,
    amplifiers: Amplifiers = BOXES,
    unique: tuple[int, int] | None = None,
    se_seg_used: bool = True,
) -> tuple[Counts, BitCounts]:
    return count(encode(image), amplifiers=amplifiers, pixel_area=AREA, unique=unique, se_seg_used=se_seg_used)


def test_good_pixels_fail_nothing() -> None:
    assert counted()[0].n_good == (IMAGE & 0xFF == 0).sum()


def test_good_se_pixels_pass_the_three_se_criteria() -> None:
    assert counted()[0].n_good_se == (IMAGE & 0x07 == 0).sum()


def test_good_coadd_pixels_are_on_the_coadd_and_pass_its_criteria() -> None:
    assert counted()[0].n_good_coadd == (IMAGE & 0x78 == 0).sum()


def test_pixels_on_the_coadd_are_those_not_off_it() -> None:
    assert counted()[0].n_on_coadd == (IMAGE & 0x08 == 0).sum()


@pytest.mark.parametrize("criterion", list(Criterion))
def test_pixel_counts_for_each_criterion_it_fails(criterion: Criterion) -> None:
    counts = asdict(counted()[0])
    assert counts[f"n_{str(criterion.name).lower()}"] == (IMAGE & criterion != 0).sum()


@pytest.mark.parametrize("criterion", list(Criterion))
def test_only_counts_pixels_that_fail_nothing_else(criterion: Criterion) -> None:
    counts = asdict(counted()[0])
    assert counts[f"only_{str(criterion.name).lower()}"] == np.equal(IMAGE & 0x7F, criterion).sum()


@pytest.mark.parametrize(("plane", "shift"), [("se", 8), ("coadd", 32)])
def test_bits_count_pixels_that_have_them(plane: str, shift: int) -> None:
    expected = [int((IMAGE >> (shift + bit) & 1).sum()) for bit in range(24)]
    assert getattr(counted()[1], plane).tolist() == expected


def test_amplifier_counts_are_of_their_boxes() -> None:
    counts, good = counted()[0], np.equal(IMAGE & 0x07, 0)
    assert (counts.n_good_se_amp_a, counts.n_good_se_amp_b) == (good[2:30, 3:17].sum(), good[5:41, 17:31].sum())


def test_amplifier_pixels_are_those_of_their_boxes() -> None:
    counts = counted()[0]
    assert (counts.n_pixels_amp_a, counts.n_pixels_amp_b) == (28 * 14, 36 * 14)


@pytest.mark.parametrize(("nx", "width_a"), [(4, 2), (5, 3), (1, 1)])
def test_amplifier_half_a_is_where_x_is_less_than_half_of_nx(nx: int, width_a: int) -> None:
    halves = Amplifiers.halves((7, nx))
    assert (halves.a, halves.b) == (Region(0, width_a, 0, 7), Region(width_a, nx, 0, 7))


def test_fractions_are_of_all_pixels() -> None:
    counts = counted()[0]
    expected = (counts.n_good / IMAGE.size, (IMAGE & 0x07 == 0).sum() / IMAGE.size)
    assert (counts.fraction_good, counts.fraction_good_se) == expected


def test_fraction_on_coadd_is_of_pixels_on_the_coadd() -> None:
    counts = counted()[0]
    assert counts.n_on_coadd
    assert counts.fraction_good_on_coadd == counts.n_good / counts.n_on_coadd


def test_fraction_on_coadd_is_null_where_nothing_is_on_it() -> None:
    assert counted(np.full((4, 3), 8, np.int64), amplifiers=Amplifiers.halves((4, 3)))[0].fraction_good_on_coadd is None


def test_good_area_is_in_square_arcmin() -> None:
    counts = counted()[0]
    assert counts.area_good == pytest.approx(counts.n_good * AREA / 3600, rel=1e-14)


def test_unique_area_is_that_of_good_unique_pixels() -> None:
    assert counted(unique=(90, 36))[0].area_good_unique == pytest.approx(36 * AREA / 3600, rel=1e-14)


def test_no_unique_pixel_is_zero() -> None:
    counts = counted(unique=(0, 0))[0]
    assert (counts.n_unique, counts.n_good_unique, counts.area_good_unique) == (0, 0, 0)


def test_without_unique_region_its_counts_are_null() -> None:
    counts = counted()[0]
    assert (counts.n_unique, counts.n_good_unique, counts.area_good_unique) == (None, None, None)


def test_without_se_seg_its_counts_are_null() -> None:
    counts = counted(se_seg_used=False)[0]
    assert (counts.n_se_seg, counts.only_se_seg) == (None, None)


def test_coadd_counts_concern_no_single_epoch() -> None:
    counts = asdict(count_coadd(encode(IMAGE & 0x70), pixel_area=AREA, unique=None)[0])
    nulls = {name for name, value in counts.items() if value is None}
    se = {f"{prefix}_{name}" for prefix in ("n", "only") for name in ("se_seg", "se_weight", "se_bmask", "off_coadd")}
    amps = {f"n_{what}_amp_{half}" for what in ("pixels", "good_se") for half in "ab"}
    assert nulls == se | amps | {"n_good_se", "fraction_good_se", "n_unique", "n_good_unique", "area_good_unique"}


def test_coadd_is_wholly_on_itself() -> None:
    counts = count_coadd(encode(IMAGE & 0x70), pixel_area=AREA, unique=None)[0]
    assert (counts.n_on_coadd, counts.fraction_good_on_coadd) == (IMAGE.size, counts.fraction_good)
