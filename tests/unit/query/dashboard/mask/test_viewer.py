"""The picture of a mask follows what its reader looks at, also after a drawing that failed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from bokeh.events import RangesUpdate

from goodpix.query.dashboard.mask.downsample import Downsampled, downsample
from goodpix.query.dashboard.mask.viewer import PixelView, Scene, ViewerCallbacks, inside
from goodpix.query.plots.reasons import reason_table
from goodpix.schema.amplifiers import Region

SHAPE = (90, 70)


class Background:
    """Work that waits; it is done one piece at a time, when a test says so."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.errors: list[Exception] = []

    def __call__(
        self, read: Callable[[], Downsampled], show: Callable[[Downsampled], None], done: Callable[[], None]
    ) -> None:
        def work() -> None:
            try:
                show(read())
            except Exception as error:  # noqa: BLE001  # numba has errors of its own
                self.errors.append(error)
            done()

        self.waiting.append(work)

    def work(self) -> None:
        self.waiting.pop(0)()


@pytest.fixture
def scene() -> Scene:
    """All of a mask."""
    criteria = np.random.default_rng(3).integers(0, 3, SHAPE[::-1]).astype(np.uint8).T
    return Scene(criteria, reason_table(), None, inside(None, SHAPE))


@pytest.fixture
def seen() -> list[Region]:
    """What the page is told to be in sight."""
    return []


@pytest.fixture
def background() -> Background:
    """What draws."""
    return Background()


@pytest.fixture
def view(background: Background, seen: list[Region]) -> PixelView:
    """The picture."""
    return PixelView(ViewerCallbacks(seen.append, lambda _: None, lambda _: None), background)


def move(view: PixelView, window: Region) -> None:
    """Bring pixels into sight, as the browser says it."""
    edges = {name: getattr(window, name) - 0.5 for name in ("x0", "x1", "y0", "y1")}
    view.plot._trigger_event(RangesUpdate(view.plot, **edges))


def drawn(view: PixelView) -> npt.NDArray[np.uint8]:
    """Return the codes that the browser has."""
    (codes,) = view.plot.renderers[0].data_source.data["image"]
    return np.asarray(codes)


def test_only_the_newest_of_many_moves_is_drawn(
    view: PixelView, background: Background, seen: list[Region], scene: Scene
) -> None:
    view.draw(scene)
    windows = [Region(k, k + 20, 5, 30) for k in range(10)]
    for each in windows:
        move(view, each)
    assert seen == windows
    background.work()
    background.work()
    assert background.waiting == []
    assert np.array_equal(drawn(view), downsample(scene.criteria, scene.reasons, windows[-1]).codes)


def test_a_drawing_that_fails_is_followed_by_the_next(view: PixelView, background: Background, scene: Scene) -> None:
    view.draw(replace(scene, criteria=scene.criteria.ravel()))  # of no image
    background.work()
    assert len(background.errors) == 1
    assert background.waiting == []
    view.draw(scene)
    background.work()
    assert np.array_equal(drawn(view), downsample(scene.criteria, scene.reasons, scene.window).codes)
    assert len(background.errors) == 1


def test_a_move_during_a_drawing_that_fails_is_drawn(view: PixelView, background: Background, scene: Scene) -> None:
    view.draw(replace(scene, reasons=scene.reasons.astype(float)))
    view.draw(scene)
    background.work()
    assert len(background.errors) == 1
    background.work()
    assert np.array_equal(drawn(view), downsample(scene.criteria, scene.reasons, scene.window).codes)


def test_a_mask_that_is_no_longer_looked_at_is_not_shown(view: PixelView, background: Background, scene: Scene) -> None:
    other = replace(scene, criteria=np.asfortranarray(scene.criteria[:50]), window=inside(None, (50, 70)))
    view.draw(scene)
    view.draw(other)
    background.work()
    assert view.plot.renderers[0].data_source.data["image"] == []
    background.work()
    assert drawn(view).shape == (50, 70)


def test_what_is_in_sight_lies_inside_the_image(
    view: PixelView, background: Background, seen: list[Region], scene: Scene
) -> None:
    view.draw(scene)
    move(view, Region(-30, 40, 60, 200))
    move(view, Region(500, 600, -200, -100))
    assert seen == [Region(0, 40, 60, 90), Region(69, 70, 0, 1)]
