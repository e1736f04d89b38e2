"""Facts about selections."""

import pickle
from typing import Any

import numpy as np
import pytest

from goodpix.schema.criteria import Criterion, Selection, SelectionWords
from goodpix.schema.errors import UnknownNameError, UsageError


@pytest.mark.parametrize(("wrong", "near"), [("COADD_SEGG", "COADD_SEG"), ("se_wieght", "SE_WEIGHT")])
def test_unknown_criterion_comes_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown criterion '{wrong}', did you mean {near}"):
        Selection(ignore=[wrong])


def test_unknown_criterion_lists_all() -> None:
    with pytest.raises(UnknownNameError, match=r"Known: SE_SEG, .*, COADD_BMASK$"):
        Selection(ignore=["zzz"])


def test_unknown_plane_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown plane 'SEG': expected SE or COADD"):
        Selection(ignore_bits={"SEG": ["STAR"]})


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
        UsageError, match=r"^grow is 'COADD_SEG=8': expected a mapping of criteria or bits to radii in pixels, such as"
    ):
        Selection(grow="COADD_SEG=8")  # type: ignore[arg-type]


@pytest.mark.parametrize("border", [-1, 2.5, True, "48", None])
def test_border_that_is_no_number_of_pixels_is_refused(border: Any) -> None:
    with pytest.raises(UsageError, match="expected a number of pixels, 0 or more"):
        Selection(border=border)


def test_selection_says_all_of_itself() -> None:
    selection = Selection(["SE_SEG"], {"se": ["STAR", 2048]}, {"coadd_seg": 8, "SE:trail": 2.5}, 48)
    text = "ignore SE_SEG, ignore SE:STAR, ignore SE:2048, grow COADD_SEG by 8, grow SE:TRAIL by 2.5, border 48"
    assert str(selection) == text


@pytest.mark.parametrize(
    ("one", "given"),
    [
        (Selection(["SE_SEG", "COADD_SEG"]), {"ignore": [Criterion.COADD_SEG, "se_seg", "SE_SEG"]}),
        (Selection(ignore_bits={"SE": ["STAR", 4]}), {"ignore_bits": {"se": [np.int32(4), "star", "STAR"]}}),
        (Selection(ignore_bits={"SE": ["STAR"], "COADD": []}), {"ignore_bits": {"SE": "STAR"}}),
        (Selection(grow={"SE_SEG": 3, "SE:TRAIL": 5}), {"grow": {"se:trail": "5", Criterion.SE_SEG: 3.0}}),
        (Selection(border=48), {"border": np.int64(48)}),
    ],
)
def test_selections_that_say_the_same_are_one_key(one: Selection, given: dict[str, Any]) -> None:
    other = Selection(**given)
    assert one == other
    assert {one: "known"}[other] == "known"


OTHERS = [
    Selection(),
    Selection(["SE_SEG"]),
    Selection(["COADD_SEG"]),
    Selection(ignore_bits={"SE": ["STAR"]}),
    Selection(ignore_bits={"COADD": ["STAR"]}),
    Selection(grow={"SE_SEG": 3}),
    Selection(grow={"SE_SEG": 4}),
    Selection(border=1),
]


def test_selections_that_say_other_things_differ() -> None:
    assert len(set(OTHERS)) == len(OTHERS)
    assert Selection() != "default"


WIDE = Selection(["SE_SEG"], {"SE": ["STAR", 2048]}, {"COADD_SEG": 8}, 48)


def test_selection_travels() -> None:
    copy = pickle.loads(pickle.dumps(WIDE))
    assert (copy, str(copy)) == (WIDE, str(WIDE))


def test_selection_can_be_typed_in_again() -> None:
    assert eval(repr(Selection(ignore_bits={"SE": ["STAR"]}, grow={"SE_SEG": 8}, border=3))) == Selection(
        ignore_bits={"SE": ["STAR"]}, grow={"SE_SEG": 8}, border=3
    )


def test_words_say_all_of_a_selection() -> None:
    assert SelectionWords.of(WIDE).selection() == WIDE


@pytest.mark.parametrize("mapping", [WIDE.ignore_bits, WIDE.grow])
def test_mappings_of_a_selection_cannot_be_changed(mapping: Any) -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        mapping["SE"] = ()


def test_selection_does_not_follow_what_it_was_made_of() -> None:
    given = {"SE_SEG": 3.0}
    selection = Selection(grow=given)
    given["COADD_SEG"] = 8.0
    assert selection == Selection(grow={"SE_SEG": 3})
