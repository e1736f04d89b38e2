"""Axes that notebooks show as a picture."""

from io import BytesIO

from matplotlib.axes import Axes

__all__ = ["ShownAxes"]


class ShownAxes(Axes):
    """Axes whose figure notebooks show below a cell that ends with them.

    Without pyplot, which knows no figure of these plots, they would show the name of the class.
    """

    def _repr_png_(self) -> bytes:
        picture = BytesIO()
        figure = self.get_figure(root=True)
        assert figure is not None  # it is made with one
        figure.savefig(picture, format="png")
        return picture.getvalue()
