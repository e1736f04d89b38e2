"""Checks of plots."""

from matplotlib.axes import Axes
from matplotlib.text import Text

__all__ = ["within_its_figure"]


def within_its_figure(axes: Axes) -> bool:
    """Return whether the title, the x label and the legend lie within the drawn figure."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    title = next(text for text in axes.findobj(Text) if text.get_text() == axes.get_title(loc="left"))
    artists = [title, axes.xaxis.label, axes.get_legend()]
    boxes = [artist.get_window_extent() for artist in artists if artist is not None]
    # an empty artist has no position
    return all(figure.bbox.count_contains(box.corners()) == 4 for box in boxes if box.width)
