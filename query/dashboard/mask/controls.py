"""The controls of a definition of good."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import panel as pn

from ....schema.bits import BitNames
from ....schema.criteria import Criterion, Selection, SelectionWords
from ....schema.masks.boundselection import BoundSelection
from ....schema.rows import MaskKey
from ..look.format import fraction
from ..look.markup import STYLE, html_pane, under

__all__ = ["EpochChoice", "SelectionBox"]


class SelectionBox:
    """The controls.

    Parameters
    ----------
    bit_names : BitNames
        The survey's names of mask bits.
    changed : callable
        Takes a function that returns the selection that someone asks for, or raises what is wrong with it.
    """

    def __init__(self, bit_names: BitNames, changed: Callable[[Callable[[], Selection]], None]) -> None:
        self._bit_names, self._changed = bit_names, changed
        self._showing = False
        bits = [f"{plane.upper()}:{name}" for plane in _PLANES for name in [*bit_names.of_plane(plane), "OTHER"]]
        self._ignore = _boxes("Ignore criteria", [str(each.name) for each in Criterion])
        self._bits = _boxes("Ignore mask bits", bits)
        self._grow = pn.widgets.TextInput(
            label="Grow by pixels: a criterion, or PLANE:BIT",
            placeholder="COADD_SEG=8 SE:TRAIL=5",
            width=300,
            margin=(2, 0),
        )
        self._border = pn.widgets.IntInput(label="Border, pixels", start=0, value=0, width=110, margin=(2, 0, 2, 12))
        for widget in (self._ignore, self._bits, self._grow, self._border):
            widget.param.watch(lambda _: self._ask(), "value")
        ignored = [
            part for box in (self._ignore, self._bits) for part in (html_pane(f"<p class='note'>{box.label}</p>"), box)
        ]
        self.body = under(*ignored, pn.FlexBox(self._grow, self._border, margin=0))

    def show(self, selection: Selection) -> None:
        """Show a definition."""
        words = SelectionWords.of(selection)
        self._showing = True
        try:
            self._ignore.value = list(words.ignore)
            # a bit may have been given by its value
            names = {_named(each, self._bit_names) for each in words.ignore_bits}
            self._bits.options = [*self._bits.options, *sorted(names - set(self._bits.options))]
            self._bits.value = sorted(names, key=self._bits.options.index)
            self._grow.value = " ".join(words.grow)
            self._border.value = words.border
        finally:
            self._showing = False

    def _ask(self) -> None:
        if not self._showing:
            self._changed(self._selection)

    def _selection(self) -> Selection:
        """Return the definition that the controls say.

        Raises
        ------
        UnknownNameError, UsageError
            If there is none.
        """
        words = SelectionWords(
            self._ignore.value, self._bits.value, self._grow.value.replace(",", " ").split(), self._border.value or 0
        )
        return BoundSelection.of(words.selection(), self._bit_names).selection


_PLANES = ("se", "coadd")


def _boxes(name: str, options: list[str]) -> Any:
    return pn.widgets.CheckBoxGroup(label=name, options=options, inline=True, margin=0, stylesheets=[STYLE])


def _named(word: str, bit_names: BitNames) -> str:
    """Return ``PLANE:BIT`` with the bit's name."""
    plane, _, bit = word.partition(":")
    return f"{plane.upper()}:{bit_names.name(plane.lower(), bit_names.bit(plane.lower(), bit))}"


_SAME_PLACE = "<span class='note'>of the same place on the sky</span>"


class EpochChoice:
    """Which epoch is shown, and how to get to another.

    Parameters
    ----------
    choose : callable
        Takes the fields of the view that someone asks for.
    step : callable
        Takes 1 for the next epoch of the same place, -1 for the one before.
    """

    def __init__(self, choose: Callable[..., None], step: Callable[[int], None]) -> None:
        self._key: MaskKey | None = None
        self._choose = choose
        self._tile = pn.widgets.TextInput(label="Tile", width=150, margin=(0, 12, 0, 0))
        self._epoch = pn.widgets.Select(label="Epoch: band, exposure / CCD", width=330, margin=(0, 12, 0, 0))
        self._tile.param.watch(lambda event: self._take_tile(event.new.strip()), "value")
        self._epoch.param.watch(lambda event: self._take_epoch(event.new), "value")
        before, after = (pn.widgets.Button(label=name, margin=(0, 8, 0, 0)) for name in ("Previous", "Next"))
        before.on_click(lambda _: step(-1))
        after.on_click(lambda _: step(1))
        self._words = pn.pane.HTML(_SAME_PLACE, margin=(0, 8), stylesheets=[STYLE])
        self.body = pn.FlexBox(self._tile, self._epoch, before, after, self._words, align_items="flex-end", margin=0)

    def show(self, key: MaskKey, epochs: Sequence[Any]) -> None:
        """Show which epoch it is, among those of its tile."""
        self._key = key
        self._tile.value = key.tilename
        options = {_epoch_label(row): (row.band, row.expnum, row.ccdnum) for row in epochs}
        # at once: with other options alone the first of them would be taken for a choice
        self._epoch.param.update(options=options, value=(key.band, key.expnum, key.ccdnum))

    def say(self, text: str) -> None:
        """Say something about the epochs of the same place."""
        self._words.object = f"<span class='note'>{escape(text)}</span>"

    def _take_tile(self, text: str) -> None:
        if self._key is not None and text and text != self._key.tilename:
            self._words.object = _SAME_PLACE
            self._choose(tile=text, band="")

    def _take_epoch(self, value: tuple[str, int, int] | None) -> None:
        if self._key is not None and value and value != (self._key.band, self._key.expnum, self._key.ccdnum):
            self._words.object = _SAME_PLACE
            self._choose(band=value[0], expnum=value[1], ccdnum=value[2])


def _epoch_label(row: Any) -> str:
    return (
        f"{row.band}  {row.expnum} / {row.ccdnum}  night {row.nite or '?'}  {fraction(row.fraction_good_on_coadd)} good"
    )
