"""Facts about selections."""

from typing import Any

import numpy as np
import pytest

from goodpix.schema.bits import OWN_CUT, SE_CRITERIA, BitNames
from goodpix.schema.criteria import Criterion, Growth, Selection
from goodpix.schema.errors import UnknownNameError, UsageError

EVERY = 0xFF


def se_bits_but(*bits: int) -> int:
    return sum(1 << (8 + bit) for bit in range(24) if bit not in bits)


def coadd_bits_but(*bits: int) -> int:
    return sum(1 << (32 + bit) for bit in range(24) if bit not in bits)


def test_default_rejects_every_criterion() -> None:
    assert Selection().reject() == EVERY


@pytest.mark.parametrize("name", ["COADD_SEG", "coadd_seg", " Coadd_Seg ", Criterion.COADD_SEG])
def test_ignored_criterion_does_not_reject(name: str | Criterion) -> None:
    assert Selection(ignore=[name]).reject() == EVERY & ~16


def test_one_criterion_may_be_given_alone() -> None:
    assert Selection(ignore="SE_SEG").reject() == EVERY & ~1


def test_several_criteria_may_be_ignored_as_one_flag() -> None:
    assert Selection(ignore=[SE_CRITERIA]).reject() == EVERY & ~int(SE_CRITERIA)


@pytest.mark.parametrize("plane", ["SE", "se", "Se"])
def test_ignored_bit_by_name_leaves_the_other_bits(plane: str) -> None:
    assert Selection(ignore_bits={plane: ["STAR"]}).reject() == EVERY & ~4 | se_bits_but(5)


@pytest.mark.parametrize("names", [["STAR", 2048], ["star", "2048"], [32, "SUSPECT"], ("BIT_5", "BIT_11")])
def test_ignored_bits_may_be_names_or_values(names: list[str | int]) -> None:
    assert Selection(ignore_bits={"SE": names}).reject() == EVERY & ~4 | se_bits_but(5, 11)


def test_one_bit_may_be_given_alone() -> None:
    assert Selection(ignore_bits={"COADD": "NO_DATA"}).reject() == EVERY & ~64 | coadd_bits_but(0)


@pytest.mark.parametrize("value", [1 << 23, 1 << 30, 1 << 31, "OTHER"])
def test_ignored_value_above_bit_22_means_other(value: str | int) -> None:
    assert Selection(ignore_bits={"SE": [value]}).reject() == EVERY & ~4 | se_bits_but(23)


def test_planes_are_ignored_apart() -> None:
    selection = Selection(ignore_bits={"SE": ["BPM"], "COADD": ["NO_DATA"]})
    assert selection.reject() == EVERY & ~(4 | 64) | se_bits_but(0) | coadd_bits_but(0)


def test_plane_given_in_two_cases_counts_twice() -> None:
    selection = Selection(ignore_bits={"SE": ["BPM"], "se": ["STAR"]})
    assert selection.reject() == EVERY & ~4 | se_bits_but(0, 5)


def test_ignored_bits_of_an_ignored_criterion_change_nothing() -> None:
    assert Selection(ignore=["SE_BMASK"], ignore_bits={"SE": ["STAR"]}).reject() == EVERY & ~4


def test_empty_list_of_bits_changes_nothing() -> None:
    assert Selection(ignore_bits={"SE": []}).reject() == EVERY


def test_names_are_those_of_the_catalogue() -> None:
    names = BitNames(se={"GHOST": 4}, coadd={})
    assert Selection(ignore_bits={"SE": ["GHOST"]}).reject(names) == EVERY & ~4 | se_bits_but(2)


@pytest.mark.parametrize("value", [3, 0, -4, "12"])
def test_value_of_several_bits_is_an_error(value: str | int) -> None:
    with pytest.raises(UsageError, match="not a power of two"):
        Selection(ignore_bits={"SE": [value]}).reject()


@pytest.mark.parametrize(("wrong", "near"), [("COADD_SEGG", "COADD_SEG"), ("se_wieght", "SE_WEIGHT")])
def test_unknown_criterion_comes_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown criterion '{wrong}', did you mean {near}"):
        Selection(ignore=[wrong])


def test_unknown_criterion_lists_all() -> None:
    with pytest.raises(UnknownNameError, match=r"Known: SE_SEG, .*, COADD_BMASK$"):
        Selection(ignore=["zzz"])


def test_unknown_bit_comes_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown SE bit 'STARS', did you mean STAR"):
        Selection(ignore_bits={"SE": ["STARS"]}).reject()


def test_single_epoch_names_do_not_apply_to_the_coadd() -> None:
    with pytest.raises(UnknownNameError, match="unknown COADD bit 'STAR'"):
        Selection(ignore_bits={"COADD": ["STAR"]}).reject()


def test_unknown_plane_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown plane 'SEG': expected SE or COADD"):
        Selection(ignore_bits={"SEG": ["STAR"]})


def test_good_pixels_fail_nothing_that_counts() -> None:
    flags = np.array([[0, 16], [4 | 1 << 13, 4 | 1 << 8]], np.int64)
    selection = Selection(ignore=["COADD_SEG"], ignore_bits={"SE": ["STAR"]})
    assert selection.good(flags).tolist() == [[True, True], [True, False]]


def test_pixel_with_an_ignored_bit_and_another_is_bad() -> None:
    flags = np.array([4 | 1 << 13 | 1 << 8], np.int64)
    assert not Selection(ignore_bits={"SE": ["STAR"]}).good(flags).any()


@pytest.mark.parametrize(
    ("selection", "text"),
    [
        (Selection(), "default"),
        (Selection(ignore=["se_seg"]), "ignore SE_SEG"),
        (Selection(ignore=["SE_SEG"], ignore_bits={"se": ["STAR", 4]}), "ignore SE_SEG, ignore SE:STAR, ignore SE:4"),
    ],
)
def test_selection_says_what_it_is(selection: Selection, text: str) -> None:
    assert str(selection) == text


def test_own_cut_is_no_criterion_and_always_rejects() -> None:
    assert OWN_CUT not in [int(each) for each in Criterion]
    assert Selection(ignore=[each.name or "" for each in Criterion]).reject() == OWN_CUT


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
    assert Selection(grow=grow).growths() == (expected,)


def test_bmask_criterion_grows_from_the_bits_that_are_left() -> None:
    (growth,) = Selection(ignore_bits={"SE": ["STAR"]}, grow={"SE_BMASK": 2}).growths()
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
    with pytest.raises(UsageError, match="the selection ignores it, so that there is nothing to grow"):
        selection.growths()


@pytest.mark.parametrize(
    ("grow", "message"),
    [
        ({"COADD_SEGG": 8}, "unknown criterion 'COADD_SEGG', did you mean COADD_SEG"),
        ({"XX:TRAIL": 8}, "grow: unknown plane 'XX': expected SE or COADD"),
        ({"SE_SEG": -1}, "grow SE_SEG by -1: expected a radius in pixels, 0 or more"),
        ({"SE_SEG": "wide"}, "grow SE_SEG by 'wide': expected a radius"),
        ({"SE_SEG": float("nan")}, "expected a radius"),
        ({"SE_SEG": float("inf")}, "expected a radius"),
        ({"SE_SEG": True}, "expected a radius"),
        ({"SE_SEG": None}, "expected a radius"),
        ({5: 3}, "unknown criterion '5'"),
        ({Criterion.SE_SEG | Criterion.COADD_SEG: 3}, "unknown criterion 'SE_SEG.COADD_SEG', did you mean"),
    ],
)
def test_growth_that_is_none_is_refused(grow: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Selection(grow=grow)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ignore": None}, "unknown criterion None. Known: SE_SEG"),
        ({"ignore": 5}, "unknown criterion 5. Known: SE_SEG"),
        ({"ignore": [5]}, "unknown criterion 5. Known: SE_SEG"),
        ({"ignore_bits": {5: [3]}}, "ignore_bits: unknown plane 5: expected SE or COADD"),
        ({"ignore_bits": {"SE": None}}, "ignore_bits SE: None is not a power of two"),
        ({"ignore_bits": {"SE": [1.5]}}, "ignore_bits SE: 1.5 is not a power of two"),
    ],
)
def test_what_is_no_name_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}[^\n]*$"):
        Selection(**given)


def test_criterion_itself_grows() -> None:
    assert Selection(grow={Criterion.SE_SEG: 3}) == Selection(grow={"SE_SEG": 3})


def test_one_bit_of_numpys_is_a_bit() -> None:
    one: Any = np.int64(4)
    assert Selection(ignore_bits={"SE": one}) == Selection(ignore_bits={"SE": [4]})


def test_what_must_be_a_mapping_and_is_none_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^ignore_bits is \['SE:STAR'\]: expected a mapping of planes to bits, such as"
    ):
        Selection(ignore_bits=["SE:STAR"])  # type: ignore[arg-type]
    with pytest.raises(
        UsageError, match=r"^grow is 'COADD_SEG=8': expected a mapping of what grows to pixels, such as"
    ):
        Selection(grow="COADD_SEG=8")  # type: ignore[arg-type]


def test_growth_of_an_unknown_bit_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="TRAIL"):
        Selection(grow={"SE:TRIAL": 5}).growths()


@pytest.mark.parametrize("border", [-1, 2.5, True, "48", None])
def test_border_that_is_no_number_of_pixels_is_refused(border: Any) -> None:
    with pytest.raises(UsageError, match="expected a number of pixels, 0 or more"):
        Selection(border=border)


@pytest.mark.parametrize("selection", [Selection(border=1), Selection(grow={"SE_SEG": 1})], ids=str)
def test_flags_alone_cannot_tell_what_grows_or_is_near_an_edge(selection: Selection) -> None:
    assert not selection.by_pixel
    with pytest.raises(UsageError, match="grow and border need a whole mask"):
        selection.good(np.zeros(3, np.int64))


def test_growth_by_nothing_is_a_selection_by_pixel() -> None:
    assert Selection(grow={"SE_SEG": 0}).by_pixel


def test_selection_says_all_of_itself() -> None:
    selection = Selection(["SE_SEG"], {"se": ["STAR", 2048]}, {"coadd_seg": 8, "SE:trail": 2.5}, 48)
    text = "ignore SE_SEG, ignore SE:STAR, ignore SE:2048, grow COADD_SEG by 8, grow SE:TRAIL by 2.5, border 48"
    assert str(selection) == text
