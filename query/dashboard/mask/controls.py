"""Controls of the mask page: the selection and the choice of an epoch."""

from collections.abc import Callable, Sequence
from typing import Any

import panel as pn

from ....schema.bits import SE_CRITERIA, BitNames
from ....schema.criteria import BoundSelection, Criterion, Selection, SelectionWords
from ....schema.rows import MaskKey
from ..look.format import fraction
from ..look.markup import STYLE, escaped, html_pane, under

__all__ = ["EpochChoice", "SelectionBox"]


class SelectionBox:
    """Controls of a selection.

    Parameters
    ----------
    bit_names : BitNames
        The survey's names of mask bits.
    named : callable
        Returns the catalogue's selection of a name.
    changed : callable
        Called when the user changes a control, with a function that returns the selection or raises its error.
    """

    def __init__(
        self,
        bit_names: BitNames,
        named: Callable[[str], Selection],
        changed: Callable[[Callable[[], Selection]], None],
    ) -> None:
        self._bit_names, self._find, self._changed = bit_names, named, changed
        self._showing = False
        self._named = pn.widgets.Select(
            label="Named selection",
            options=[_OWN],
            value=_OWN,
            width=300,
            margin=(2, 0),
            visible=False,
            stylesheets=[STYLE],
        )
        self._named.param.watch(lambda event: self._ask_named(event.new), "value")
        known = [f"{plane.upper()}:{name}" for plane in _PLANES for name in [*bit_names.of_plane(plane), "OTHER"]]
        self._known_bits = list(dict.fromkeys(known))
        self._ignore = _boxes("Ignore criteria", [str(each.name) for each in Criterion])
        self._bits = _boxes("Ignore mask bits", self._known_bits)
        self._grow = pn.widgets.TextInput(
            label="Grow by pixels: criterion or PLANE:BIT",
            placeholder="COADD_SEG=8 SE:TRAIL=5",
            width=300,
            styles=_NARROW,
            margin=(2, 0),
        )
        self._border = pn.widgets.IntInput(label="Border, pixels", start=0, value=0, width=110, margin=(2, 0, 2, 12))
        self._exclude = pn.widgets.TextInput(
            label="Exclude: KEY=VALUE,KEY=VALUE ...",
            placeholder="ccdnum=31,amplifier=A box=0:48:0:4096",
            sizing_mode="stretch_width",
            max_width=440,
            margin=(2, 0),
        )
        for widget in (self._ignore, self._bits, self._grow, self._border, self._exclude):
            widget.param.watch(lambda _: self._ask(), "value")
        ignored = [
            pane for box in (self._ignore, self._bits) for pane in (html_pane(f"<p class='note'>{box.label}</p>"), box)
        ]
        self.body = under(self._named, *ignored, pn.FlexBox(self._grow, self._border, margin=0), self._exclude)

    def show(
        self, selection: Selection, names: Sequence[str], present: Sequence[str] = (), *, has_coadd: bool = True
    ) -> None:
        """Show a selection; offer what can be chosen.

        Parameters
        ----------
        selection : Selection
            The selection.
        names : sequence of str
            Named selections of the catalogue.
        present : sequence of str
            Bits of the mask, offered also if they have no name.
        has_coadd : bool
            Whether there is a coadd; without one, nothing about it is offered that is not in the selection.
        """
        words = SelectionWords.of(selection)
        self._showing = True
        try:
            self._named.param.update(
                options=[_OWN, *names], value=selection.name if selection.name in names else _OWN, visible=bool(names)
            )
            criteria = [str(each.name) for each in Criterion if has_coadd or each in SE_CRITERIA]
            self._ignore.options = [*criteria, *(name for name in words.ignore if name not in criteria)]
            self._ignore.value = list(words.ignore)
            # bits may be given by value
            bits = {_named(bit, self._bit_names) for bit in words.ignore_bits}
            known = [bit for bit in self._known_bits if has_coadd or bit in bits or not bit.startswith("COADD:")]
            unnamed = {*present, *bits} - set(known)
            self._bits.options = [*known, *sorted(unnamed, key=lambda each: (each[0] != "S", each))]
            self._bits.value = sorted(bits, key=self._bits.options.index)
            self._grow.value = " ".join(words.grow)
            self._border.value = words.border
            self._exclude.value = " ".join(words.exclude)
        finally:
            self._showing = False

    def _ask(self) -> None:
        if not self._showing:
            self._changed(self._selection)

    def _ask_named(self, name: str) -> None:
        """Ask for a named selection, or for the one in the controls without its name."""
        if not self._showing:
            self._changed(self._selection if name == _OWN else lambda: self._find(name))

    def _selection(self) -> Selection:
        """Return the selection set in the controls.

        Raises
        ------
        UnknownNameError, UsageError
            If it is invalid.
        """
        words = SelectionWords(
            self._ignore.value,
            self._bits.value,
            self._grow.value.replace(",", " ").split(),
            self._border.value or 0,
            self._exclude.value.split(),
        )
        return BoundSelection.of(words.selection(), self._bit_names).selection


_PLANES = ("se", "coadd")
_NARROW = {"max-width": "100%"}
_OWN = "(none: as set below)"


def _boxes(name: str, options: list[str]) -> Any:
    return pn.widgets.CheckBoxGroup(label=name, options=options, inline=True, margin=0, stylesheets=[STYLE])


def _named(text: str, bit_names: BitNames) -> str:
    """Return ``PLANE:BIT`` with the name of the bit in place of its value."""
    plane, _, bit = text.partition(":")
    return f"{plane.upper()}:{bit_names.name(plane.lower(), bit_names.bit(plane.lower(), bit))}"


_SAME_POSITION = "<span class='note'>epoch covering the same position</span>"


class EpochChoice:
    """Controls that choose the epoch to show.

    Parameters
    ----------
    choose : callable
        Called with fields of the view when the user chooses an epoch.
    step : callable
        Called with 1 for the next epoch that covers the same position, -1 for the previous one.
    """

    def __init__(self, choose: Callable[..., None], step: Callable[[int], None]) -> None:
        self._key: MaskKey | None = None
        self._choose = choose
        self._tile = pn.widgets.TextInput(label="Tile", width=150, margin=(0, 12, 0, 0))
        self._epoch = pn.widgets.Select(
            label="Epoch: band, exposure / CCD", width=330, margin=(0, 12, 0, 0), stylesheets=[STYLE]
        )
        self._tile.param.watch(lambda event: self._take_tile(event.new.strip()), "value")
        self._epoch.param.watch(lambda event: self._take_epoch(event.new), "value")
        before, after = (pn.widgets.Button(label=name, margin=(0, 8, 0, 0)) for name in ("Previous", "Next"))
        before.on_click(lambda _: step(-1))
        after.on_click(lambda _: step(1))
        self._words = pn.pane.HTML(_SAME_POSITION, margin=(0, 8), stylesheets=[STYLE])
        self.body = pn.FlexBox(self._tile, self._epoch, before, after, self._words, align_items="flex-end", margin=0)

    def show(self, key: MaskKey, epochs: Sequence[Any]) -> None:
        """Show the current epoch among those of its tile."""
        self._key = key
        self._tile.value = key.tilename
        options = {_epoch_label(row): (row.band, row.expnum, row.ccdnum) for row in epochs}
        # in one update: new options alone would select the first of them
        self._epoch.param.update(options=options, value=(key.band, key.expnum, key.ccdnum))

    def say(self, text: str) -> None:
        """Show a message about the epochs that cover the same position."""
        self._words.object = f"<span class='note'>{escaped(text)}</span>"

    def _take_tile(self, text: str) -> None:
        if self._key is not None and text and text != self._key.tilename:
            self._words.object = _SAME_POSITION
            self._choose(tile=text, band="")

    def _take_epoch(self, value: tuple[str, int, int] | None) -> None:
        if self._key is not None and value and value != (self._key.band, self._key.expnum, self._key.ccdnum):
            self._words.object = _SAME_POSITION
            self._choose(band=value[0], expnum=value[1], ccdnum=value[2])


def _epoch_label(row: Any) -> str:
    # without a coadd, of all pixels
    good = fraction(row.fraction_good if row.n_on_coadd is None else row.fraction_good_on_coadd)
    return f"{row.band}  {row.expnum} / {row.ccdnum}  night {row.nite or '?'}  {good} good"
