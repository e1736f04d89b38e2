"""What tests ask of pictures."""

from matplotlib.axes import Axes
from matplotlib.text import Text

__all__ = ["within_its_figure"]


def within_its_figure(axes: Axes) -> bool:
    """Return whether the title, the label below and the legend are on the figure once it is drawn."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    title = next(text for text in axes.findobj(Text) if text.get_text() == axes.get_title(loc="left"))
    parts = [title, axes.xaxis.label, axes.get_legend()]
    boxes = [part.get_window_extent() for part in parts if part is not None]
    # what is empty lies nowhere
    return all(figure.bbox.count_contains(box.corners()) == 4 for box in boxes if box.width)
