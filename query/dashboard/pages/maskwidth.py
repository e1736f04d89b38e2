"""Whether the masks are wide enough, measured on the images of some epochs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import panel as pn
import sqlalchemy as sa
from bokeh.models import ColumnDataSource, Span

from ....schema.tables import epoch
from ...background.maskwidth import MaskWidths, WidthStudy
from ...masks.parallel import Mapped
from ...palette import band_colour, in_band_order
from ..cache import CatalogueCache
from ..look.figures import new_figure
from ..look.filterbar import bands_of
from ..look.format import count, fraction
from ..look.markup import band_legend, html_pane, note, under
from ..numbers.scope import TileScope, sampled_epochs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WidthBox", "widths_of"]

_PER_BAND = 4

_WORDS = (
    "Objects have wings beyond where they are detected. How bright are good pixels still when objects are grown by "
    f"so many pixels? Measured on the images of {_PER_BAND} epochs a band, spread evenly over these tiles: about a "
    "second for each."
)


@dataclass(frozen=True, slots=True, eq=False)
class Widths:
    """What some epochs say.

    Parameters
    ----------
    found : MaskWidths
        By band and radius; see `goodpix.Catalogue.mask_width`.
    n_epochs : mapping of str to int
        By band, how many epochs they stand for.
    """

    found: MaskWidths
    n_epochs: dict[str, int]


def widths_of(cache: CatalogueCache, scope: TileScope, since: float) -> Widths:
    """Return what good pixels of some epochs have left, by the radius that objects are grown by.

    Parameters
    ----------
    cache : CatalogueCache
        The catalogue.
    scope : TileScope
        Which tiles and bands.
    since : float
        Seconds since 1970: which epochs stand for the others is not looked up earlier.
    """
    bands = [scope.band] if scope.band else bands_of(cache, since)

    def sample(connection: sa.Connection) -> tuple[dict[str, int], tuple[tuple[int, str], ...]]:
        """Return by band how many epochs there are, and of some of them numbers and fingerprints."""
        n_epochs: dict[str, int] = {}
        ids: list[int] = []
        for band in in_band_order(bands):
            of_band, n_epochs[band] = sampled_epochs(connection, replace(scope, band=band), _PER_BAND)
            ids += of_band
        query = sa.select(epoch.c.epoch_id, epoch.c.fingerprint).where(epoch.c.epoch_id.in_(ids))
        rows = connection.execute(query.order_by(epoch.c.epoch_id))
        return n_epochs, tuple((number, fingerprint) for number, fingerprint in rows)

    n_epochs, chosen = cache.get(("width sample", scope), sample, since=since)

    def measured(earliest: float) -> MaskWidths:
        ids = [number for number, _ in chosen]
        return cache.get(("widths", chosen), lambda _: _measured(cache, ids), since=earliest)

    # what was made of the same files is the same, however old, but a file that was not there may be by now
    found = measured(0.0)
    if found.left_out:
        found = measured(since)
    return Widths(found, n_epochs)


def _measured(cache: CatalogueCache, ids: list[int]) -> MaskWidths:
    study = WidthStudy(cache.source)
    return study.summed(_in_turns(study.counted({"where": epoch.c.epoch_id.in_(ids)}), cache))


def _in_turns(counted: Iterator[Mapped], cache: CatalogueCache) -> Iterator[Mapped]:
    """Yield the same, and between two epochs let others read files, or the server end."""
    while not cache.closed:
        with cache.files:
            each = next(counted, None)
        if each is None:
            return
        yield each


class WidthBox:
    """The plot, and the button that asks for it.

    Parameters
    ----------
    ask : callable
        Called when someone wants to see it.
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self._button = pn.widgets.Button(label="Measure", margin=(0, 8, 8, 0))
        self._button.on_click(lambda _: ask())
        self._words = html_pane()
        self._plot = new_figure(
            "radius by which objects are grown (pixels)",
            "median residual / skysigma",
            tooltips=[("band", "@band"), ("radius", "@radius"), ("median", "@median{0.0000} ± @error{0.0000}")],
            visible=False,
            name="width-plot",
        )
        names = ("radius", "median", "low", "high", "error", "band", "colour")
        self._points = ColumnDataSource({name: [] for name in names})
        self._lines = ColumnDataSource({"xs": [], "ys": [], "colour": []})
        self._plot.add_layout(Span(location=0, dimension="width", line_color="#999999", line_width=1))
        self._plot.multi_line("xs", "ys", source=self._lines, line_color="colour", line_width=1.6)
        self._plot.scatter("radius", "median", source=self._points, color="colour", size=6)
        self._plot.segment("radius", "low", "radius", "high", source=self._points, color="colour")
        self.body = under(html_pane(note(_WORDS)), self._button, self._words, self._plot)

    def ask(self, wanted: bool) -> None:
        """Show that it is being measured, or could be."""
        self._button.visible = not wanted
        self._plot.visible = False
        self._words.object = note("Measuring \u2026") if wanted else ""

    def show(self, widths: Widths | None) -> None:
        """Show what was measured; None where nobody has asked."""
        if widths is None:
            return
        table = widths.found.table
        table = table[table["n"] > 0]
        bands = in_band_order(table["band"])
        self._words.object = _words_of(widths, table) + band_legend(bands)
        self._plot.visible = bool(bands)
        self._points.data = {
            "radius": table["radius"].tolist(),
            "median": table["median"].tolist(),
            "low": (table["median"] - table["median_error"]).tolist(),
            "high": (table["median"] + table["median_error"]).tolist(),
            "error": table["median_error"].tolist(),
            "band": table["band"].tolist(),
            "colour": [band_colour(each) for each in table["band"]],
        }
        of_bands = [table[table["band"] == band] for band in bands]
        self._lines.data = {
            "xs": [each["radius"].tolist() for each in of_bands],
            "ys": [each["median"].tolist() for each in of_bands],
            "colour": [band_colour(band) for band in bands],
        }


def _words_of(widths: Widths, table: "pd.DataFrame") -> str:
    parts = []
    for band in in_band_order(table["band"]):
        of_band = table[table["band"] == band]
        first, last = of_band.iloc[0], of_band.iloc[-1]
        parts.append(
            f"{band}: {first['n_epochs']} of {count(widths.n_epochs[band])} epochs, "
            f"{fraction(last['n'] / first['n'])} of good pixels left at {last['radius']:g}"
        )
    said = note("Where it is flat the mask is wide enough. " + "; ".join(parts) + ".") if parts else ""
    left_out = widths.found.left_out
    if left_out:
        said += note(f"Left out: {len(left_out)}, first {left_out[0]}")
    elif not parts:
        said += note("There is no epoch.")
    return said
