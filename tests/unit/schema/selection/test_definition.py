"""Facts about selections, as given and as bound to the names of mask bits."""

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goodpix.schema.criteria import BoundSelection, Criterion, Selection, SelectionWords
from goodpix.schema.errors import UnknownNameError, UsageError


@pytest.mark.parametrize(("wrong", "near"), [("COADD_SEGG", "COADD_SEG"), ("se_wieght", "SE_WEIGHT")])
def test_unknown_criterion_comes_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown criterion '{wrong}', did you mean {near}"):
        Selection(ignore=[wrong])  # type: ignore[list-item]  # wrong on purpose


def test_unknown_criterion_lists_all() -> None:
    with pytest.raises(UnknownNameError, match=r"Known: SE_SEG, .*, COADD_BMASK$"):
        Selection(ignore=["zzz"])  # type: ignore[list-item]  # wrong on purpose


def test_unknown_plane_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown plane 'SEG': expected SE or COADD"):
        Selection(ignore_bits={"SEG": ["STAR"]})


@pytest.mark.parametrize(
    ("selection", "text"),
    [
        (Selection(), "default"),
        (Selection(ignore=["se_seg"]), "ignore SE_SEG"),  # type: ignore[list-item]  # case is ignored
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
    with pytest.raises(TypeError, match="a Selection cannot be changed"):
        mapping["SE"] = ()


def test_selection_does_not_follow_what_it_was_made_of() -> None:
    given = {"SE_SEG": 3.0}
    selection = Selection(grow=given)
    given["COADD_SEG"] = 8.0
    assert selection == Selection(grow={"SE_SEG": 3})


def test_selection_is_plain_data_to_json_and_dataclasses() -> None:
    selection = Selection(ignore_bits={"SE": ["STAR", 2048]}, grow={"SE_SEG": 3})
    assert dataclasses.asdict(selection)["grow"] == {"SE_SEG": 3.0}
    assert json.loads(json.dumps(selection.ignore_bits)) == {"SE": ["STAR", 2048]}
    assert pickle.loads(pickle.dumps(selection)) == copy.deepcopy(selection) == selection


@pytest.mark.parametrize("change", [lambda grow: grow.update(SE_SEG=4), lambda grow: grow.pop("SE_SEG")])
def test_dictionaries_of_a_selection_cannot_be_changed(change: Callable[[Any], object]) -> None:
    selection = Selection(grow={"SE_SEG": 3})
    with pytest.raises(TypeError, match="a Selection cannot be changed: make another"):
        change(selection.grow)
    assert selection == Selection(grow={"SE_SEG": 3})


EXCLUDING = Selection(
    ["COADD_SEG", "SE_SEG"],
    {"SE": ["STAR", 2048], "COADD": ["NO_DATA"]},
    {"SE:TRAIL": 5.5, "COADD_BMASK": 1 / 3, "SE_WEIGHT": 0},
    48,
    ["ccdnum=31,amplifier=A,nite=20131115:", {"ra": 0.1, "dec": -1 / 3, "radius_arcsec": 30}, {"ccdnum": [2, 61]}],
)


@pytest.mark.parametrize("selection", [Selection(), WIDE, EXCLUDING, EXCLUDING.with_name("shear-v1")], ids=str)
def test_selection_survives_its_text(selection: Selection) -> None:
    parsed = Selection.parse(str(selection))
    assert (parsed, parsed.hash, parsed.name, str(parsed)) == (
        selection,
        selection.hash,
        selection.name,
        str(selection),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("border many", "border is 'many'"),
        ("grow SE_SEG 3", "expected 'grow WHAT by PIXELS'"),
        ("grow SE_SEG by a lot", "grow SE_SEG by 'a lot'"),
        ("ignore SEG", "unknown criterion 'SEG'"),
        ("exclude 31", "cannot read '31'"),
        ("named shear 123456789abc, border 4", "its hash is .*, expected shear 123456789abc"),
        (5, "selection is 5: expected text"),
    ],
)
def test_text_of_no_selection_is_refused(text: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Selection.parse(text)


def test_hash_is_of_the_content_whatever_its_order_and_name() -> None:
    other = Selection(
        ["SE_SEG", "COADD_SEG"],
        {"COADD": ["NO_DATA"], "se": ["2048", "star"]},
        {"SE_WEIGHT": 0, "COADD_BMASK": 1 / 3, "SE:TRAIL": 5.5},
        48,
        list(EXCLUDING.exclude)[::-1],
        named="anything",
    )
    assert (other, other.hash, other.name) == (EXCLUDING, EXCLUDING.hash, "")
    assert len({EXCLUDING.hash, dataclasses.replace(EXCLUDING, border=47).hash, Selection().hash}) == 3


def test_hash_does_not_change_between_versions() -> None:
    assert Selection(border=48, exclude=["ccdnum=31"]).hash == (
        "1964e8e133a157555df77e36b491a8e9bda40f3bad0232ca51416d2a88604b08"
    )


def test_name_is_lost_with_its_content() -> None:
    named = EXCLUDING.with_name("shear-v1")
    assert (named.name, named == EXCLUDING, pickle.loads(pickle.dumps(named)).name) == ("shear-v1", True, "shear-v1")
    assert dataclasses.replace(named, border=47).name == ""


def test_excluding_selection_needs_a_whole_mask() -> None:
    bound = BoundSelection(Selection(exclude=["ccdnum=31"]))
    assert not bound.by_pixel
    with pytest.raises(UsageError, match="exclude needs a whole mask"):
        bound.good(np.zeros(3, np.int64))


@pytest.mark.parametrize("entries", ["ccdnum=31", {"ccdnum": 31}, ["ccdnum=31", {"ccdnum": "31"}]])
def test_one_entry_is_a_list_of_one(entries: Any) -> None:
    assert Selection(exclude=entries) == Selection(exclude=["ccdnum=31"])
    assert len(Selection(exclude=entries).exclude) == 1
