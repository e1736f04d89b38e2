"""Controls of the mask page: what they show, and what they ask for."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import panel as pn
import pytest

from goodpix.query.dashboard.mask.controls import EpochChoice, SelectionBox
from goodpix.schema.bits import DES_Y6
from goodpix.schema.criteria import Criterion, Selection
from goodpix.schema.errors import UnknownNameError, UsageError
from goodpix.schema.rows import MaskKey

SELECTIONS = [
    Selection(),
    Selection(["COADD_SEG", "SE_SEG"]),
    Selection(ignore_bits={"SE": ["STAR", "TRAIL"], "COADD": ["NO_DATA"]}),
    Selection(grow={"COADD_SEG": 8, "SE:TRAIL": 5.5}, border=48),
    Selection(exclude=["ccdnum=31,amplifier=A", "box=0:48:0:4096"]),
]


NAMED = {name: Selection(border=border).with_name(name) for name, border in (("wide", 48), ("narrow", 3))}


class Controls:
    """The controls of a selection, and what they ask for."""

    def __init__(self) -> None:
        self.asked: list[Callable[[], Selection]] = []
        self.box = SelectionBox(DES_Y6, NAMED.__getitem__, self.asked.append)

    def widget(self, label: str) -> Any:
        found = self.box.body.select(pn.widgets.Widget)
        return next(each for each in found if str(each.label).startswith(label))


@pytest.fixture
def controls() -> Controls:
    return Controls()


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_selection_that_is_shown_is_the_one_that_is_set(controls: Controls, selection: Selection) -> None:
    controls.box.show(selection, [])
    assert controls.asked == []
    controls.widget("Border").value += 1
    controls.widget("Border").value -= 1
    assert str(controls.asked[-1]()) == str(selection)


def test_bits_without_a_name_can_be_ignored_where_they_are_present(controls: Controls) -> None:
    bits = controls.widget("Ignore mask bits")
    known = list(bits.options)
    controls.box.show(Selection(), [], ["SE:STAR", "COADD:BIT_5", "SE:BIT_20"])
    assert bits.options == [*known, "SE:BIT_20", "COADD:BIT_5"]
    assert controls.asked == []
    bits.value = ["COADD:BIT_5"]
    assert controls.asked[-1]() == Selection(ignore_bits={"COADD": ["BIT_5"]})
    controls.box.show(Selection(), [])
    assert bits.options == known


def test_nothing_about_a_coadd_is_offered_where_there_is_none(controls: Controls) -> None:
    criteria, bits = (controls.widget(f"Ignore {what}") for what in ("criteria", "mask bits"))
    controls.box.show(Selection(), [], has_coadd=False)
    assert criteria.options == ["SE_SEG", "SE_WEIGHT", "SE_BMASK"]
    assert all(bit.startswith("SE:") for bit in bits.options)
    controls.box.show(Selection(["COADD_SEG"], ignore_bits={"COADD": ["NO_DATA"]}), [], has_coadd=False)
    assert (criteria.value, bits.value) == (["COADD_SEG"], ["COADD:NO_DATA"])
    controls.box.show(Selection(), [])
    assert "OFF_COADD" in criteria.options
    assert "COADD:NO_DATA" in bits.options
    assert controls.asked == []


def test_named_selection_that_is_chosen_is_asked_for_by_its_name(controls: Controls) -> None:
    named = controls.widget("Named selection")
    controls.box.show(Selection(), [])
    assert not named.visible
    controls.box.show(Selection(), list(NAMED))
    assert (named.visible, named.options[1:], named.value) == (True, ["wide", "narrow"], named.options[0])
    assert controls.asked == []
    named.value = "narrow"
    assert controls.asked[-1]().named == NAMED["narrow"].named
    controls.box.show(NAMED["wide"], list(NAMED))
    assert (named.value, controls.widget("Border").value, len(controls.asked)) == ("wide", 48, 1)


def test_selection_keeps_its_content_and_loses_its_name(controls: Controls) -> None:
    controls.box.show(NAMED["wide"], list(NAMED))
    controls.widget("Named selection").value = controls.widget("Named selection").options[0]
    assert (controls.asked[-1]().border, controls.asked[-1]().name) == (48, "")
    controls.widget("Border").value = 47
    assert (controls.asked[-1]().border, controls.asked[-1]().name) == (47, "")


def test_every_criterion_and_named_bit_can_be_ignored(controls: Controls) -> None:
    assert controls.widget("Ignore criteria").options == [str(each.name) for each in Criterion]
    bits = controls.widget("Ignore mask bits").options
    assert (bits[0], bits[-2:]) == ("SE:BPM", ["COADD:NO_DATA", "COADD:OTHER"])
    assert "SE:OTHER" in bits


def test_bit_given_by_its_value_is_shown_by_its_name(controls: Controls) -> None:
    controls.box.show(Selection(ignore_bits={"SE": [32, 1 << 20]}), [])
    bits = controls.widget("Ignore mask bits")
    assert bits.value == ["SE:STAR", "SE:BIT_20"]
    assert bits.options[-1] == "SE:BIT_20"


def test_each_control_asks_for_the_selection(controls: Controls) -> None:
    controls.widget("Ignore criteria").value = ["SE_SEG"]
    controls.widget("Ignore mask bits").value = ["SE:STAR"]
    controls.widget("Grow").value = "COADD_SEG=8, SE:TRAIL=5"
    controls.widget("Border").value = 3
    assert len(controls.asked) == 4
    expected = Selection(["SE_SEG"], {"SE": ["STAR"]}, {"COADD_SEG": 8, "SE:TRAIL": 5}, 3)
    assert str(controls.asked[-1]()) == str(expected)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("COADD_SEG", UsageError, "grow COADD_SEG: expected WHAT=PIXELS"),
        ("COADD_SEG=-1", UsageError, "expected a radius in pixels"),
        ("COAD_SEG=3", UnknownNameError, "did you mean COADD_SEG"),
        ("SE:STARS=3", UnknownNameError, "did you mean STAR"),
    ],
)
def test_text_that_is_no_growth_is_an_error_when_it_is_asked(
    controls: Controls, text: str, error: type[Exception], message: str
) -> None:
    controls.widget("Grow").value = text
    (ask,) = controls.asked
    with pytest.raises(error, match=message):
        ask()


KEY = MaskKey("A", "r", "epoch", 7, 11)
GOOD = {"n_on_coadd": 4, "fraction_good_on_coadd": 0.5, "fraction_good": 0.3}
EPOCHS = [
    SimpleNamespace(band="r", expnum=7, ccdnum=11, nite=20150101, **GOOD),
    SimpleNamespace(band="i", expnum=8, ccdnum=12, nite=None, **GOOD | {"fraction_good_on_coadd": None}),
]


class Choice:
    """The choice of an epoch, and what it asks for."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.steps: list[int] = []
        self.choice = EpochChoice(lambda **key: self.asked.append(key), self.steps.append)
        self.tile, self.epoch, self.before, self.after = self.choice.body.select(pn.widgets.Widget)

    @property
    def words(self) -> str:
        (pane,) = self.choice.body.select(pn.pane.HTML)
        return str(pane.object)


@pytest.fixture
def choice() -> Choice:
    made = Choice()
    made.choice.show(KEY, EPOCHS)
    return made


def test_epoch_without_a_coadd_has_the_good_fraction_of_all_pixels(choice: Choice) -> None:
    row = SimpleNamespace(band="r", expnum=7, ccdnum=11, nite=1, **GOOD | {"n_on_coadd": None})
    choice.choice.show(KEY, [row])
    assert list(choice.epoch.options) == ["r  7 / 11  night 1  30.00 % good"]


def test_epoch_that_is_shown_is_chosen_without_asking(choice: Choice) -> None:
    assert (choice.tile.value, choice.epoch.value, choice.asked) == ("A", ("r", 7, 11), [])
    assert list(choice.epoch.options) == ["r  7 / 11  night 20150101  50.00 % good", "i  8 / 12  night ?  — good"]


def test_other_epoch_or_tile_is_asked_for(choice: Choice) -> None:
    choice.epoch.value = ("i", 8, 12)
    choice.tile.value = " B "
    assert choice.asked == [{"band": "i", "expnum": 8, "ccdnum": 12}, {"tile": "B", "band": ""}]


def test_same_tile_or_none_is_not_asked_for(choice: Choice) -> None:
    choice.tile.value = ""
    choice.tile.value = "A "
    assert choice.asked == []


def test_nothing_is_asked_for_before_an_epoch_is_shown() -> None:
    made = Choice()
    made.tile.value = "B"
    assert made.asked == []


def test_buttons_step_back_and_forth(choice: Choice) -> None:
    choice.after.clicks += 1
    choice.before.clicks += 1
    assert choice.steps == [1, -1]


def test_message_is_escaped_and_gone_with_the_next_choice(choice: Choice) -> None:
    choice.choice.say("<1> of 2")
    assert "&lt;1&gt; of 2" in choice.words
    choice.epoch.value = ("i", 8, 12)
    assert "epoch covering the same position" in choice.words
