"""Which epoch is looked at, and how to get to another."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import panel as pn

from ...schema.rows import MaskKey
from .markup import STYLE
from .wording import fraction

__all__ = ["EpochChoice"]

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
