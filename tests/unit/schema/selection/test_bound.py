"""Facts about selections bound to the names of mask bits."""

import pickle
from typing import Any

import numpy as np
import pytest

from goodpix.schema.bits import DES_Y6, OWN_CUT, SE_CRITERIA, BitNames
from goodpix.schema.criteria import BoundSelection, Criterion, Growth, Selection
from goodpix.schema.errors import UnknownNameError, UsageError

EVERY = 0xFF


def se_bits_but(*bits: int) -> int:
    return sum(1 << (8 + bit) for bit in range(24) if bit not in bits)


def coadd_bits_but(*bits: int) -> int:
    return sum(1 << (32 + bit) for bit in range(24) if bit not in bits)


def test_default_rejects_every_criterion() -> None:
    assert BoundSelection(Selection()).reject == EVERY


@pytest.mark.parametrize("name", ["COADD_SEG", "coadd_seg", " Coadd_Seg ", Criterion.COADD_SEG])
def test_ignored_criterion_does_not_reject(name: Criterion) -> None:
    assert BoundSelection(Selection(ignore=[name])).reject == EVERY & ~16


def test_one_criterion_may_be_given_alone() -> None:
    assert BoundSelection(Selection(ignore="SE_SEG")).reject == EVERY & ~1  # type: ignore[arg-type]  # not a list


def test_several_criteria_may_be_ignored_as_one_flag() -> None:
    assert BoundSelection(Selection(ignore=[SE_CRITERIA])).reject == EVERY & ~int(SE_CRITERIA)


@pytest.mark.parametrize("plane", ["SE", "se", "Se"])
def test_ignored_bit_by_name_leaves_the_other_bits(plane: str) -> None:
    assert BoundSelection(Selection(ignore_bits={plane: ["STAR"]})).reject == EVERY & ~4 | se_bits_but(5)


@pytest.mark.parametrize("names", [["STAR", 2048], ["star", "2048"], [32, "SUSPECT"], ("BIT_5", "BIT_11")])
def test_ignored_bits_may_be_names_or_values(names: list[str | int]) -> None:
    assert BoundSelection(Selection(ignore_bits={"SE": names})).reject == EVERY & ~4 | se_bits_but(5, 11)


def test_one_bit_may_be_given_alone() -> None:
    assert BoundSelection(Selection(ignore_bits={"COADD": "NO_DATA"})).reject == EVERY & ~64 | coadd_bits_but(0)


@pytest.mark.parametrize("value", [1 << 23, 1 << 30, 1 << 31, "OTHER"])
def test_ignored_value_above_bit_22_means_other(value: str | int) -> None:
    assert BoundSelection(Selection(ignore_bits={"SE": [value]})).reject == EVERY & ~4 | se_bits_but(23)


def test_planes_are_ignored_apart() -> None:
    selection = Selection(ignore_bits={"SE": ["BPM"], "COADD": ["NO_DATA"]})
    assert BoundSelection(selection).reject == EVERY & ~(4 | 64) | se_bits_but(0) | coadd_bits_but(0)


def test_plane_given_in_two_cases_counts_twice() -> None:
    selection = Selection(ignore_bits={"SE": ["BPM"], "se": ["STAR"]})
    assert BoundSelection(selection).reject == EVERY & ~4 | se_bits_but(0, 5)


def test_ignored_bits_of_an_ignored_criterion_change_nothing() -> None:
    assert BoundSelection(Selection(ignore=["SE_BMASK"], ignore_bits={"SE": ["STAR"]})).reject == EVERY & ~4


def test_empty_list_of_bits_changes_nothing() -> None:
    assert BoundSelection(Selection(ignore_bits={"SE": []})).reject == EVERY


def test_names_are_those_of_the_catalogue() -> None:
    names = BitNames(se={"GHOST": 4}, coadd={})
    assert BoundSelection(Selection(ignore_bits={"SE": ["GHOST"]}), names).reject == EVERY & ~4 | se_bits_but(2)


@pytest.mark.parametrize("value", [3, 0, -4, "12"])
def test_value_of_several_bits_is_an_error(value: str | int) -> None:
    with pytest.raises(UsageError, match="not a power of two"):
        BoundSelection(Selection(ignore_bits={"SE": [value]}))


def test_unknown_bit_comes_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown SE bit 'STARS', did you mean STAR"):
        BoundSelection(Selection(ignore_bits={"SE": ["STARS"]}))


def test_single_epoch_names_do_not_apply_to_the_coadd() -> None:
    with pytest.raises(UnknownNameError, match="unknown COADD bit 'STAR'"):
        BoundSelection(Selection(ignore_bits={"COADD": ["STAR"]}))


def test_good_pixels_fail_nothing_that_counts() -> None:
    flags = np.array([[0, 16], [4 | 1 << 13, 4 | 1 << 8]], np.int64)
    selection = Selection(ignore=["COADD_SEG"], ignore_bits={"SE": ["STAR"]})
    assert BoundSelection(selection).good(flags).tolist() == [[True, True], [True, False]]


def test_pixel_with_an_ignored_bit_and_another_is_bad() -> None:
    flags = np.array([4 | 1 << 13 | 1 << 8], np.int64)
    assert not BoundSelection(Selection(ignore_bits={"SE": ["STAR"]})).good(flags).any()


def test_own_cut_is_no_criterion_and_always_rejects() -> None:
    assert OWN_CUT not in [int(each) for each in Criterion]
    assert BoundSelection(Selection(ignore=list(Criterion))).reject == OWN_CUT


@pytest.mark.parametrize(
    ("grow", "expected"),
    [
        ({"COADD_SEG": 8}, Growth(Criterion.COADD_SEG, 16, 8.0)),
        ({" coadd_seg ": 8}, Growth(Criterion.COADD_SEG, 16, 8.0)),
        ({"SE:TRAIL": 5}, Growth(Criterion.SE_BMASK, 1 << 14, 5.0)),
        ({"se:trail": "5"}, Growth(Criterion.SE_BMASK, 1 << 14, 5.0)),
        ({"SE:64": 5}, Growth(Criterion.SE_BMASK, 1 << 14, 5.0)),
        ({"COADD:NO_DATA": 2.5}, Growth(Criterion.COADD_BMASK, 1 << 32, 2.5)),
        ({"COADD:OTHER": 1}, Growth(Criterion.COADD_BMASK, 1 << 55, 1.0)),
    ],
)
def test_what_grows_is_a_criterion_or_a_bit(grow: Any, expected: Growth) -> None:
    assert BoundSelection(Selection(grow=grow)).growths == (expected,)


def test_bmask_criterion_grows_from_the_bits_that_are_left() -> None:
    (growth,) = BoundSelection(Selection(ignore_bits={"SE": ["STAR"]}, grow={"SE_BMASK": 2})).growths
    assert growth == Growth(Criterion.SE_BMASK, se_bits_but(5), 2.0)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(ignore=["COADD_SEG"], grow={"COADD_SEG": 8}),
        Selection(ignore=["SE_BMASK"], grow={"SE:TRAIL": 5}),
        Selection(ignore_bits={"SE": ["TRAIL"]}, grow={"SE:TRAIL": 5}),
    ],
    ids=str,
)
def test_what_is_ignored_cannot_grow(selection: Selection) -> None:
    with pytest.raises(UsageError, match="the selection ignores it, so there is nothing to grow"):
        BoundSelection(selection)


def test_growth_of_an_unknown_bit_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="TRAIL"):
        BoundSelection(Selection(grow={"SE:TRIAL": 5}))


@pytest.mark.parametrize("selection", [Selection(border=1), Selection(grow={"SE_SEG": 1})], ids=str)
def test_flags_alone_cannot_tell_what_grows_or_is_near_an_edge(selection: Selection) -> None:
    bound = BoundSelection(selection)
    assert not bound.by_pixel
    with pytest.raises(UsageError, match="grow and border need a whole mask"):
        bound.good(np.zeros(3, np.int64))


def test_growth_by_nothing_is_a_selection_by_pixel() -> None:
    assert BoundSelection(Selection(grow={"SE_SEG": 0})).by_pixel


def test_selection_is_bound_once() -> None:
    bound = BoundSelection.of(Selection(border=3), DES_Y6)
    assert BoundSelection.of(bound, DES_Y6) is bound
    assert bound.growths is bound.growths
    assert BoundSelection.of(None) == BoundSelection(Selection())


def test_what_is_no_selection_cannot_be_bound() -> None:
    wrong: Any = "SE_SEG"
    with pytest.raises(UsageError, match=r"^selection is 'SE_SEG': expected a goodpix\.Selection$"):
        BoundSelection.of(wrong)


def test_names_belong_to_what_is_bound() -> None:
    selection = Selection(ignore_bits={"SE": ["STAR"]})
    one, other = BoundSelection(selection), BoundSelection(selection, BitNames({"STAR": 1}, {}))
    assert len({one, other, BoundSelection(selection)}) == 2
    assert one.reject != other.reject


def test_bound_selection_travels_with_what_was_computed() -> None:
    bound = BoundSelection(Selection(["SE_SEG"], {"SE": ["STAR"]}, {"COADD_SEG": 8}, 48))
    copy = pickle.loads(pickle.dumps(bound))
    assert (copy, copy.reject, copy.growths, copy.by_pixel) == (bound, bound.reject, bound.growths, False)
    flags = np.array([0, 1, 4 | 1 << 13, 4 | 1 << 8], np.int64)
    assert copy.criteria(flags).tolist() == bound.criteria(flags).tolist() == [0, 0, 0, 4]


def test_selection_bound_to_the_names_of_another_catalogue_is_refused() -> None:
    others = BitNames(se={"STAR": 16}, coadd={})
    with pytest.raises(UsageError, match="bound to the bit names of another catalogue"):
        BoundSelection.of(BoundSelection(Selection(), others), DES_Y6)


def test_flags_can_be_judged_by_a_selection_itself() -> None:
    flags = np.array([0, int(Criterion.SE_SEG), int(Criterion.COADD_SEG)], np.int64)
    selection = Selection(ignore=["SE_SEG"])
    assert selection.good(flags).tolist() == [True, True, False]
    assert selection.criteria(flags).tolist() == [0, 0, int(Criterion.COADD_SEG)]
