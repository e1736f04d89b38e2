"""A catalogue to draw, and what is drawn in axes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import goodpix

from ..conftest import RowCatalogue


@pytest.fixture(scope="module")
def cat(sqlite_rows: RowCatalogue) -> Iterator[goodpix.Catalogue]:
    with goodpix.Catalogue(sqlite_rows.url) as catalogue:
        yield catalogue


def drawn(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return figure


def words(axes: Axes) -> str:
    return " ".join([axes.get_title(loc="left"), *(text.get_text() for text in axes.texts)])


def legend(axes: Axes) -> list[str]:
    found = axes.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def colour_of(found: Any, what: str = "facecolor") -> str:
    """Return the colour of the first of some shapes."""
    return to_hex(np.asarray(getattr(found, f"get_{what}")())[0])
