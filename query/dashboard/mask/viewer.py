"""Pan-and-zoom picture of a mask; only the visible part is sent to the browser."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.events import MouseLeave, MouseMove, RangesUpdate, Tap
from bokeh.models import BoxZoomTool, ColumnDataSource, CustomJS, LinearColorMapper, Range1d, WheelZoomTool

from ....schema.amplifiers import Region
from ..look.figures import new_figure, whole_ticks
from ..url import Pixel
from .colours import palette
from .downsample import Downsampled, downsample

__all__ = ["FRAME_HEIGHT", "FRAME_WIDTH", "PixelView", "Scene", "ViewerCallbacks", "inside"]

FRAME_WIDTH, FRAME_HEIGHT = 540, 720
_OUTSIDE = "#ececec"
_N_COLOURS = 256
_AT_REST_MS = 60
_LEAST = 12  # smallest width of the frame in pixels of the image

# Limits the rate of pointer messages to the server; the last position is always sent.
_POINTER = """
const state = (window.goodpixPointer ??= {timer: null, at: []});
state.at = inside ? [Math.floor(cb_obj.x + 0.5), Math.floor(cb_obj.y + 0.5)] : [];
state.timer ??= setTimeout(() => {
  state.timer = null;
  const [x, y] = state.at;
  if (source.data.x[0] !== x || source.data.y[0] !== y) source.data = {x: state.at.slice(0, 1), y: state.at.slice(1)};
}, 60);
"""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A mask and its visible part.

    Parameters
    ----------
    criteria : ndarray of uint8, shape (ny, nx)
        Criteria that each pixel fails; column-major.
    reasons : ndarray of uint8, shape (256,)
        See `goodpix.query.plots.reasons.reason_table`.
    grey : ndarray of uint8, shape (ny, nx), optional
        The image behind the mask; see `goodpix.query.dashboard.mask.colours.grey_codes`.
    window : Region
        Visible pixels, inside the image.
    """

    criteria: npt.NDArray[np.uint8]
    reasons: npt.NDArray[np.uint8]
    grey: npt.NDArray[np.uint8] | None
    window: Region

    def downsampled(self) -> Downsampled:
        """Return the visible part at the resolution of the screen."""
        return downsample(self.criteria, self.reasons, self.window, self.grey)


@dataclass(frozen=True, slots=True)
class ViewerCallbacks:
    """Callbacks for the user's actions on the picture.

    Parameters
    ----------
    moved : callable
        Takes the visible pixels after a pan or zoom.
    pointed : callable
        Takes the pixel under the pointer, or None.
    tapped : callable
        Takes the pixel that was clicked.
    """

    moved: Callable[[Region], None]
    pointed: Callable[[Pixel | None], None]
    tapped: Callable[[Pixel], None]


Background = Callable[[Callable[[], Downsampled], Callable[[Downsampled], None], Callable[[], None]], None]
"""Function that reads in a thread, shows the result and calls a final function; see `Session.in_background`."""


class PixelView:
    """The picture, redrawn when the user pans or zooms.

    All methods are called in the server's thread and only record the newest scene. Scenes are drawn in the
    background, one at a time; after each drawing the newest scene follows.

    Parameters
    ----------
    callbacks : ViewerCallbacks
        Callbacks for the user's actions.
    in_background : callable
        Runs the drawing.
    """

    def __init__(self, callbacks: ViewerCallbacks, in_background: Background) -> None:
        self._callbacks, self._in_background = callbacks, in_background
        self._scene: Scene | None = None
        self._drawing = False
        self.plot = new_figure(
            "x (pixels)",
            "y (pixels)",
            name="pixel-plot",
            tools="pan,save",
            x_range=Range1d(0, 1),
            y_range=Range1d(0, 1),
            frame_width=FRAME_WIDTH,
            frame_height=FRAME_HEIGHT,
        )
        # the frame sets the size of the plot, so that image pixels are square
        self.plot.update(sizing_mode=None, width=None, height=None)
        # Bokeh reports a zoom after this pause in the wheel's events, by default half a second
        self.plot.lod_timeout = _AT_REST_MS
        self.plot.background_fill_color = _OUTSIDE
        self.plot.grid.visible = False
        self.plot.axis.ticker = whole_ticks()
        zoom = WheelZoomTool(zoom_on_axis=False)
        self.plot.add_tools(zoom, BoxZoomTool(match_aspect=True))
        self.plot.toolbar.active_scroll = zoom
        self._plain, self._tinted = palette(over_image=False), palette(over_image=True)
        self._colours = LinearColorMapper(palette=self._plain, low=0, high=_N_COLOURS)
        self._image = ColumnDataSource({name: [] for name in ("image", "x", "y", "dw", "dh")})
        self.plot.image(image="image", x="x", y="y", dw="dw", dh="dh", source=self._image, color_mapper=self._colours)
        self._marked = ColumnDataSource({"x": [], "y": []})
        self.plot.rect("x", "y", 1, 1, source=self._marked, fill_color=None, line_color="#000000", line_width=2)
        self.plot.scatter(
            "x", "y", source=self._marked, size=15, marker="circle", fill_color=None, line_color="#000000"
        )
        pointer = ColumnDataSource({"x": [], "y": []})
        for event, inside in ((MouseMove, True), (MouseLeave, False)):
            self.plot.js_on_event(event, CustomJS(args={"source": pointer, "inside": inside}, code=_POINTER))
        pointer.on_change("data", lambda _name, _old, new: self._point(new))
        self.plot.on_event(RangesUpdate, self._move)
        self.plot.on_event(Tap, lambda event: self._callbacks.tapped(_pixel(event.x, event.y)))
        # an invisible glyph, because a source without glyphs would not belong to the document
        self.plot.scatter("x", "y", source=pointer, size=0, alpha=0)

    def look_at(self, window: Region) -> None:
        """Centre the frame on a window and zoom to it."""
        shown = _framed(window)
        self.plot.x_range.update(start=shown.x0 - 0.5, end=shown.x1 - 0.5)
        self.plot.y_range.update(start=shown.y0 - 0.5, end=shown.y1 - 0.5)

    def draw(self, scene: Scene) -> None:
        """Draw a scene, unless a newer one comes first."""
        self._scene = scene
        self.plot.title.text = ""
        if not self._drawing:
            self._draw_newest(scene)

    def _draw_newest(self, scene: Scene) -> None:
        self._drawing = True

        def done() -> None:
            self._drawing = False
            if self._scene is not None and self._scene is not scene:
                self._draw_newest(self._scene)

        self._in_background(scene.downsampled, lambda cells: self._show(scene, cells), done)

    def _show(self, scene: Scene, cells: Downsampled) -> None:
        if self._scene is None or scene.criteria is not self._scene.criteria:
            return  # the page has moved on to another mask
        colours = self._plain if scene.grey is None else self._tinted
        if self._colours.palette != colours:
            self._colours.palette = colours
        n_rows, n_columns = cells.codes.shape
        self._image.data = {
            "image": [cells.codes],
            "x": [cells.x0 - 0.5],
            "y": [cells.y0 - 0.5],
            "dw": [n_columns * cells.size],
            "dh": [n_rows * cells.size],
        }

    def mark(self, pixel: Pixel | None) -> None:
        """Mark a pixel, or remove the mark."""
        self._marked.data = {"x": [pixel.x], "y": [pixel.y]} if pixel else {"x": [], "y": []}

    def _move(self, event: Any) -> None:
        if self._scene is None or None in (event.x0, event.x1, event.y0, event.y1):
            return
        x0, x1, y0, y1 = (int(np.floor(edge + 0.5)) for edge in (event.x0, event.x1, event.y0, event.y1))
        window = inside(Region(x0, max(x1, x0 + 1), y0, max(y1, y0 + 1)), self._scene.criteria.shape)
        self._callbacks.moved(window)
        self.draw(replace(self._scene, window=window))

    def _point(self, data: Any) -> None:
        self._callbacks.pointed(_pixel(data["x"][0], data["y"][0]) if len(data["x"]) else None)


def inside(window: Region | None, shape: tuple[int, ...]) -> Region:
    """Clip a window to an image of that shape, keeping at least a pixel; None means the whole image."""
    ny, nx = shape
    if window is None:
        return Region(0, nx, 0, ny)
    x0, x1 = min(max(window.x0, 0), nx - 1), min(max(window.x1, 1), nx)
    y0, y1 = min(max(window.y0, 0), ny - 1), min(max(window.y1, 1), ny)
    return Region(x0, max(x1, x0 + 1), y0, max(y1, y0 + 1))


def _framed(window: Region) -> Region:
    """Return the smallest region of the frame's aspect ratio that contains a window."""
    scale = max((window.x1 - window.x0) / FRAME_WIDTH, (window.y1 - window.y0) / FRAME_HEIGHT, _LEAST / FRAME_WIDTH)
    centre_x, centre_y = (window.x0 + window.x1) / 2, (window.y0 + window.y1) / 2
    width, height = round(scale * FRAME_WIDTH), round(scale * FRAME_HEIGHT)
    x0, y0 = round(centre_x - width / 2), round(centre_y - height / 2)
    return Region(x0, x0 + width, y0, y0 + height)


def _pixel(x: float, y: float) -> Pixel:
    return Pixel(int(np.floor(x + 0.5)), int(np.floor(y + 0.5)))
