"""Mask page: the mask of one epoch, pixel by pixel."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import panel as pn

from ....schema.amplifiers import Region
from ....schema.criteria import Selection
from ....schema.errors import GoodpixError
from ....schema.rows import MaskKey
from ...namedselections import find_selection, named_selections
from ...plots.reasons import REASONS, reason_table
from ...position.at import epochs_at
from ..look.code import CodeBlock
from ..look.markup import STYLE, escaped, html_pane, title
from ..mask.colours import as_png
from ..mask.controls import EpochChoice, SelectionBox
from ..mask.legend import ReasonLegend, counts_html, legend_items, pixel_html
from ..mask.openmask import OpenMask, OpenMasks, epoch_of, epochs_in, python_lines
from ..mask.viewer import FRAME_HEIGHT, FRAME_WIDTH, PixelView, Scene, ViewerCallbacks, inside
from ..session import Section, Session, Update
from ..url import REASON_NAMES, Pixel, View

__all__ = ["MaskView"]

# Screen pixels per image pixel of the native zoom.
_NATIVE = 5
_IMAGE = "Image behind the mask"


@dataclass(frozen=True, slots=True, eq=False)
class _Data:
    """Data of the page."""

    key: MaskKey
    opened: OpenMask
    stored: OpenMask
    grey: npt.NDArray[np.uint8] | None
    no_grey: str
    epochs: Sequence[Any]
    selections: Sequence[str]


class MaskView:
    """The mask page.

    Parameters
    ----------
    session : Session
        Session of the page.
    masks : OpenMasks
        Cache of masks, shared by all sessions.
    """

    filters = ()

    def __init__(self, session: Session, masks: OpenMasks) -> None:
        self._session, self._masks = session, masks
        self._data: _Data | None = None
        self._picture = PixelView(ViewerCallbacks(self._moved, self._pointed, self._tapped), session.in_background)
        self._choice = EpochChoice(self._choose, self._step)
        self._legend = ReasonLegend(sizing_mode="stretch_width")
        self._legend.param.watch(lambda event: self._hide(event.new), "hidden_names")
        database = session.cache.source.database
        self._selection = SelectionBox(database.identity.bit_names, partial(find_selection, database), self._recut)
        self._counts, self._pixel = html_pane(), html_pane()
        self._code = CodeBlock(sizing_mode="stretch_width", margin=0)
        self._image = pn.widgets.CheckBoxGroup(options=[_IMAGE], margin=(4, 0), stylesheets=[STYLE])
        self._image.param.watch(lambda event: self._change(image=_IMAGE in event.new), "value")
        self._image_problem = html_pane()
        whole, native = (pn.widgets.Button(label=name, margin=(0, 8, 0, 0)) for name in ("Whole CCD", "Native pixels"))
        whole.on_click(lambda _: self._look_at(None))
        native.on_click(lambda _: self._look_at(self._native()))
        self._zoom = pn.Row(whole, native, margin=0)
        self._downloads = pn.Row(margin=(6, 0))

    def sections(self) -> Sequence[Section]:
        """Return the sections of the page, still without data."""
        right = pn.Column(
            title("Colours: first reason that applies"),
            self._legend,
            self._image,
            self._image_problem,
            title("Pixel under the pointer (click to pin)"),
            self._pixel,
            title("Selection: definition of good"),
            self._selection.body,
            self._counts,
            title("The same in Python"),
            self._code,
            self._downloads,
            sizing_mode="stretch_width",
            margin=0,
        )
        left = pn.Column(self._zoom, pn.pane.Bokeh(self._picture.plot, margin=0), margin=0)
        return (
            Section("choice", "", self._choice.body),
            Section("picture", "", left, "picture"),
            Section("about", "", right, "picture"),
        )

    def updates(self, view: View, since: float) -> Sequence[Update]:
        """Return the update that shows a view, with data read after `since`."""
        return (Update(lambda: self._read(view, since), lambda data: self._show(view, data)),)

    def _read(self, view: View, since: float) -> _Data:
        cache = self._session.cache
        key_of_view = (view.tile, view.band, view.expnum, view.ccdnum)
        key = cache.get(("epoch of", key_of_view), lambda c: epoch_of(c, view), since=since)
        epochs = cache.get(("epochs in", key.tilename), lambda c: epochs_in(c, key.tilename), since=since)
        selections = cache.get(
            "named selections",
            lambda _: [str(row["name"]) for row in named_selections(cache.source.database)],
            since=since,
        )
        opened = self._masks.open(key, view.selection)
        stored = self._masks.open(key, Selection())
        grey, no_grey = None, ""
        if view.image:
            try:
                grey = self._masks.grey(opened.mask)
            except GoodpixError as error:
                no_grey = f"The image cannot be shown: {error}"
        return _Data(key, opened, stored, grey, no_grey, epochs, selections)

    def _show(self, view: View, data: _Data) -> None:
        new_epoch = self._data is None or self._data.key != data.key
        self._data = data
        key = data.key
        # the user may have moved on within the same mask
        window = view.window if new_epoch else self._session.view.window
        view = replace(view, tile=key.tilename, band=key.band, expnum=key.expnum, ccdnum=key.ccdnum, window=window)
        self._session.note(view)
        self._choice.show(key, data.epochs)
        shown = inside(view.window, data.opened.mask.shape)
        if new_epoch or view.window is None:
            self._picture.look_at(shown)
        self._picture.draw(Scene(data.opened.criteria, reason_table(view.hide), data.grey, shown))
        self._picture.mark(view.pixel)
        items = legend_items(data.opened, view.hide, over_image=data.grey is not None)
        self._legend.param.update(items=items, hidden_names=list(view.hide))
        self._image.value = [_IMAGE] if view.image else []
        self._image_problem.object = f"<p class='words'>{escaped(data.no_grey)}</p>" if data.no_grey else ""
        has_coadd = any(row.n_on_coadd is not None for row in data.epochs)
        self._selection.show(view.selection, data.selections, data.stored.bits_present(), has_coadd=has_coadd)
        self._counts.object = counts_html(data.stored, data.opened)
        self._explain(view.pixel)
        self._code.code = python_lines(key, view.selection, self._session.cache.source.database.url)
        self._offer_downloads(data, view)

    def _change(self, **changes: Any) -> None:
        view = replace(self._session.view, **changes)
        if view != self._session.view:
            self._session.go(view)

    def _choose(self, **key: Any) -> None:
        self._change(**{"expnum": None, "ccdnum": None, "window": None, "pixel": None, **key})

    def _hide(self, names: Sequence[str]) -> None:
        self._change(hide=tuple(name for name in REASON_NAMES if name in names))

    def _recut(self, selection: Callable[[], Selection]) -> None:
        self._session.try_to_go(lambda: replace(self._session.view, selection=selection()))

    def _look_at(self, window: Region | None) -> None:
        self._change(window=window)
        if self._data is not None:
            self._picture.look_at(inside(window, self._data.opened.mask.shape))

    def _native(self) -> Region | None:
        """Return a window at native zoom, centred on the pinned pixel or on the visible part."""
        if self._data is None:
            return None
        view, (ny, nx) = self._session.view, self._data.opened.mask.shape
        box = inside(view.window, (ny, nx))
        x, y = (view.pixel.x, view.pixel.y) if view.pixel else ((box.x0 + box.x1) // 2, (box.y0 + box.y1) // 2)
        width, height = FRAME_WIDTH // _NATIVE, FRAME_HEIGHT // _NATIVE
        x0, y0 = max(0, x - width // 2), max(0, y - height // 2)
        return Region(x0, min(x0 + width, nx), y0, min(y0 + height, ny))

    def _moved(self, window: Region) -> None:
        if self._data is not None:
            whole = inside(None, self._data.opened.mask.shape)
            self._session.note(replace(self._session.view, window=None if window == whole else window))

    def _pointed(self, pixel: Pixel | None) -> None:
        self._explain(pixel or self._session.view.pixel)

    def _tapped(self, pixel: Pixel) -> None:
        if self._data is not None and self._data.opened.explain(pixel) is not None:
            self._session.note(replace(self._session.view, pixel=pixel))
            self._picture.mark(pixel)
            self._explain(pixel)

    def _explain(self, pixel: Pixel | None) -> None:
        known = self._data.opened.explain(pixel) if self._data is not None and pixel is not None else None
        self._pixel.object = pixel_html(known)

    def _step(self, by: int) -> None:
        """Go to the next or previous epoch that covers the pinned pixel or the centre of the visible part."""
        view = self._session.view
        if self._data is not None and view.expnum is not None and view.ccdnum is not None:
            # the epoch of the view, which may not have been read yet
            key = MaskKey(view.tile, view.band, "epoch", view.expnum, view.ccdnum)
            self._session.in_background(
                lambda: self._epochs_at_centre(key, view),
                lambda result: self._go_to_epoch(key, result[0], result[1], by),
            )

    def _epochs_at_centre(self, key: MaskKey, view: View) -> tuple[Pixel, Sequence[Any]]:
        """Return the pinned pixel or the centre of the visible part, and the epochs of the tile that cover it."""
        opened = self._masks.open(key, view.selection)
        centre = view.pixel or _centre(inside(view.window, opened.mask.shape))
        known = opened.explain(centre)
        if known is None:
            return centre, []
        source = self._session.cache.source
        epochs = epochs_at(source, known.ra, known.dec, reasons=False, tilename=key.tilename)
        return centre, epochs.to_dict("records")

    def _go_to_epoch(self, key: MaskKey, centre: Pixel, epochs: Sequence[Any], by: int) -> None:
        current = [number for number, row in enumerate(epochs) if _key_of(row) == key]
        if not current or len(epochs) < 2:
            self._choice.say("No other epoch of this tile covers this position.")
            return
        number = (current[0] + by) % len(epochs)
        row, view = epochs[number], self._session.view
        position = f"RA {row['ra']:.5f}, Dec {row['dec']:.5f}"
        self._choice.say(f"{number + 1} of {len(epochs)} epochs of this tile that cover {position}")
        x, y, to = round(row["x"]), round(row["y"]), _key_of(row)
        self._change(
            band=to.band,
            expnum=to.expnum,
            ccdnum=to.ccdnum,
            window=view.window and _shifted(view.window, x - centre.x, y - centre.y),
            pixel=Pixel(x, y) if view.pixel else None,
        )

    def _offer_downloads(self, data: _Data, view: View) -> None:
        name = f"{data.key.tilename}_{data.key.band}_{data.key.expnum}_{data.key.ccdnum:02d}"
        reasons, texts = reason_table(view.hide), _picture_texts(data.opened, view.hide)
        self._downloads.objects = [
            _download(f"{name}.png", "PNG", lambda: as_png(data.opened.criteria, reasons, texts)),
            _download(f"{name}.fits", "FITS", lambda: _as_fits(data.opened)),
        ]


def _shifted(window: Region, by_x: int, by_y: int) -> Region:
    """Return a shifted window, clipped at pixel 0 because a URL cannot hold negative pixels."""
    x0, x1, y0, y1 = window.x0 + by_x, window.x1 + by_x, window.y0 + by_y, window.y1 + by_y
    return Region(max(x0, 0), max(x1, 1), max(y0, 0), max(y1, 1))


def _centre(box: Region) -> Pixel:
    return Pixel((box.x0 + box.x1) // 2, (box.y0 + box.y1) // 2)


def _key_of(row: Any) -> MaskKey:
    return MaskKey(row["tilename"], row["band"], "epoch", int(row["expnum"]), int(row["ccdnum"]))


def _download(name: str, label: str, make: Callable[[], bytes]) -> Any:
    return pn.widgets.FileDownload(
        callback=lambda: BytesIO(make()), filename=name, label=f"Download {label}", margin=(0, 8, 0, 0), width=150
    )


def _picture_texts(opened: OpenMask, hidden: Sequence[str]) -> dict[str, str]:
    """Return the texts of a PNG file: provenance, WCS and the meaning of its colours."""
    mask, codes = opened.mask, [f"{number} {reason.label}" for number, reason in enumerate(REASONS, 1)]
    shown = f", except for {', '.join(hidden)}" if hidden else ""
    return mask.provenance(opened.selection).texts(
        meaning=f"number of the colour: 0 good, else the first reason that holds{shown}: {', '.join(codes)}; "
        "the first row of the image is at the bottom",
        wcs=json.dumps(dict(mask.grid.wcs.keywords)),
        position_offset=f"{mask.grid.offset:g}",
    )


def _as_fits(opened: OpenMask) -> bytes:
    with tempfile.TemporaryDirectory(prefix="goodpix-") as folder:
        path = Path(folder) / "mask.fits"
        opened.mask.to_fits(path, opened.selection.selection)
        return path.read_bytes()
