"""The picture of a mask that can be moved and zoomed: only what is in sight is sent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from bokeh.events import MouseLeave, MouseMove, RangesUpdate, Tap
from bokeh.models import BoxZoomTool, ColumnDataSource, CustomJS, LinearColorMapper, Range1d, WheelZoomTool

from ....schema.amplifiers import Region
from ..look.figures import new_figure
from ..url import Pixel
from .colours import palette
from .downsample import Downsampled, downsample

__all__ = ["FRAME_HEIGHT", "FRAME_WIDTH", "PixelView", "Scene", "ViewerCallbacks", "inside"]

FRAME_WIDTH, FRAME_HEIGHT = 540, 720
_OUTSIDE = "#ececec"
_N_COLOURS = 256
_AT_REST_MS = 60
_LEAST = 12  # pixels that a window has at least, each way

# The pointer moves faster than the server should be asked; where it comes to rest must be told.
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
    """A mask, and how much of it is in sight.

    Parameters
    ----------
    criteria : ndarray of uint8, shape (ny, nx)
        Which criteria fail; column-major.
    reasons : ndarray of uint8, shape (256,)
        See `goodpix.query.plots.reasons.reason_table`.
    grey : ndarray of uint8, shape (ny, nx), optional
        The image behind the mask; see `goodpix.query.dashboard.mask.colours.grey_codes`.
    window : Region
        The pixels in sight, inside the image.
    """

    criteria: npt.NDArray[np.uint8]
    reasons: npt.NDArray[np.uint8]
    grey: npt.NDArray[np.uint8] | None
    window: Region

    def downsampled(self) -> Downsampled:
        """Return what is in sight, in as many cells as a screen needs."""
        return downsample(self.criteria, self.reasons, self.window, self.grey)


@dataclass(frozen=True, slots=True)
class ViewerCallbacks:
    """Who is told what the reader of the picture does.

    Parameters
    ----------
    moved : callable
        Takes the pixels that have come into sight.
    pointed : callable
        Takes the pixel under the pointer, or None.
    tapped : callable
        Takes the pixel that was clicked on.
    """

    moved: Callable[[Region], None]
    pointed: Callable[[Pixel | None], None]
    tapped: Callable[[Pixel], None]


Background = Callable[[Callable[[], Downsampled], Callable[[Downsampled], None], Callable[[], None]], None]
"""Computes in a thread, then shows, then calls a third function, whatever went wrong; see `Session.in_background`."""


class PixelView:
    """The picture, which follows what its reader looks at.

    All of its methods are called in the server's thread. They only note the newest scene; scenes are drawn in the
    background, one at a time, and each that is drawn gives way to the newest by then.

    Parameters
    ----------
    reader : ViewerCallbacks
        Who is told what is done to it.
    in_background : callable
        What draws.
    """

    def __init__(self, reader: ViewerCallbacks, in_background: Background) -> None:
        self._reader, self._in_background = reader, in_background
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
        # the frame decides, so that pixels are squares of whole pixels of the screen
        self.plot.update(sizing_mode=None, width=None, height=None)
        # Bokeh tells of a turn of the wheel when none has followed for so long, and by itself waits half a second
        self.plot.lod_timeout = _AT_REST_MS
        self.plot.background_fill_color = _OUTSIDE
        self.plot.grid.visible = False
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
        self.plot.on_event(Tap, lambda event: self._reader.tapped(_pixel(event.x, event.y)))
        # a source that no glyph uses has to be part of the document all the same
        self.plot.scatter("x", "y", source=pointer, size=0, alpha=0)

    def look_at(self, window: Region) -> None:
        """Bring pixels into sight, in the middle of the frame."""
        shown = _framed(window)
        self.plot.x_range.update(start=shown.x0 - 0.5, end=shown.x1 - 0.5)
        self.plot.y_range.update(start=shown.y0 - 0.5, end=shown.y1 - 0.5)

    def draw(self, scene: Scene) -> None:
        """Draw a scene, unless a newer one comes first."""
        self._scene = scene
        if not self._drawing:
            self._draw_newest(scene)

    def _draw_newest(self, scene: Scene) -> None:
        self._drawing = True

        def done() -> None:
            self._drawing = False
            if self._scene is not None and self._scene is not scene:
                self._draw_newest(self._scene)

        self._in_background(scene.downsampled, lambda part: self._show(scene, part), done)

    def _show(self, scene: Scene, part: Downsampled) -> None:
        if self._scene is None or scene.criteria is not self._scene.criteria:
            return  # another mask is looked at by now
        wanted = self._plain if scene.grey is None else self._tinted
        if self._colours.palette != wanted:
            self._colours.palette = wanted
        n_rows, n_columns = part.codes.shape
        self._image.data = {
            "image": [part.codes],
            "x": [part.x0 - 0.5],
            "y": [part.y0 - 0.5],
            "dw": [n_columns * part.size],
            "dh": [n_rows * part.size],
        }

    def mark(self, pixel: Pixel | None) -> None:
        """Mark a pixel."""
        self._marked.data = {"x": [pixel.x], "y": [pixel.y]} if pixel else {"x": [], "y": []}

    def _move(self, event: Any) -> None:
        if self._scene is None or None in (event.x0, event.x1, event.y0, event.y1):
            return
        x0, x1, y0, y1 = (int(np.floor(each + 0.5)) for each in (event.x0, event.x1, event.y0, event.y1))
        window = inside(Region(x0, max(x1, x0 + 1), y0, max(y1, y0 + 1)), self._scene.criteria.shape)
        self._reader.moved(window)
        self.draw(replace(self._scene, window=window))

    def _point(self, data: Any) -> None:
        self._reader.pointed(_pixel(data["x"][0], data["y"][0]) if len(data["x"]) else None)


def inside(window: Region | None, shape: tuple[int, ...]) -> Region:
    """Return the part of a window that is in an image of that shape, at least a pixel; all of it for None."""
    ny, nx = shape
    if window is None:
        return Region(0, nx, 0, ny)
    x0, x1 = min(max(window.x0, 0), nx - 1), min(max(window.x1, 1), nx)
    y0, y1 = min(max(window.y0, 0), ny - 1), min(max(window.y1, 1), ny)
    return Region(x0, max(x1, x0 + 1), y0, max(y1, y0 + 1))


def _framed(window: Region) -> Region:
    """Return the pixels that the frame shows when a window just fits into it."""
    scale = max((window.x1 - window.x0) / FRAME_WIDTH, (window.y1 - window.y0) / FRAME_HEIGHT, _LEAST / FRAME_WIDTH)
    centre_x, centre_y = (window.x0 + window.x1) / 2, (window.y0 + window.y1) / 2
    width, height = round(scale * FRAME_WIDTH), round(scale * FRAME_HEIGHT)
    x0, y0 = round(centre_x - width / 2), round(centre_y - height / 2)
    return Region(x0, x0 + width, y0, y0 + height)


def _pixel(x: float, y: float) -> Pixel:
    return Pixel(int(np.floor(x + 0.5)), int(np.floor(y + 0.5)))
