"""Mask width section of the overview, measured on a sample of CCD images."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
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
from ..look.figures import ink, new_figure
from ..look.filterbar import bands_of
from ..look.format import count, fraction
from ..look.markup import band_legend, escaped, html_pane, note, under
from ..numbers.scope import ImageSample, TileScope, sampled_images
from ..url import Span as Nights

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WidthBox", "widths_of"]

_PER_BAND = 4

_INTRODUCTION = (
    "Objects have wings beyond their detected outlines. The plot shows the residual brightness of good pixels after "
    f"growing the masks of objects, measured on {_PER_BAND} CCD images per band, spread evenly over those chosen, each "
    "over all tiles that contain it. It takes about a second per image."
)


@dataclass(frozen=True, slots=True, eq=False)
class Widths:
    """Mask widths of a sample of CCD images.

    Parameters
    ----------
    found : MaskWidths
        Residuals by band and radius; see `goodpix.Catalogue.mask_width`.
    drawn_from : mapping of str to str
        Number of CCD images by band from which the sample was drawn, such as ``"14 CCD images"``.
    """

    found: MaskWidths
    drawn_from: dict[str, str]


def widths_of(
    cache: CatalogueCache, scope: TileScope, since: float, nite: Nights | None = None, ccdnum: int | None = None
) -> Widths:
    """Return the residual of good pixels by the radius of growth, for a sample of CCD images.

    Parameters
    ----------
    cache : CatalogueCache
        The catalogue.
    scope : TileScope
        Tiles and bands.
    since : float
        Oldest acceptable time of the sample, seconds since 1970.
    nite : Span, optional
        Nights.
    ccdnum : int, optional
        CCD number.
    """
    filters = {"nite": None if nite is None else str(nite), "ccdnum": ccdnum}
    bands = [scope.band] if scope.band else bands_of(cache, since)

    def sample(connection: sa.Connection) -> tuple[dict[str, str], tuple[tuple[int, str], ...]]:
        """Return what was drawn from by band, and the ids and fingerprints of the sample's epochs in all tiles."""
        drawn_from: dict[str, str] = {}
        ids: list[int] = []
        for band in in_band_order(bands):
            of_band = sampled_images(connection, replace(scope, band=band), _PER_BAND, filters)
            drawn_from[band] = _counted(of_band)
            ids += of_band.ids
        own = epoch.alias("own")
        same_image = sa.and_(*(own.c[name] == epoch.c[name] for name in ("band", "expnum", "ccdnum")))
        query = sa.select(own.c.epoch_id, epoch.c.fingerprint).join(own, same_image).where(own.c.epoch_id.in_(ids))
        rows = connection.execute(query.order_by(own.c.epoch_id, epoch.c.tilename))
        return drawn_from, tuple((epoch_id, fingerprint) for epoch_id, fingerprint in rows)

    drawn_from, chosen = cache.get(("width sample", scope, nite, ccdnum), sample, since=since)

    def measured(earliest: float) -> MaskWidths:
        ids = sorted({epoch_id for epoch_id, _ in chosen})
        return cache.get(("widths", chosen), lambda _: _measured(cache, ids), since=earliest)

    # results of the same fingerprints never expire, but a missing file may have appeared
    found = measured(0.0)
    if found.left_out:
        found = measured(since)
    return Widths(found, drawn_from)


def _counted(sample: ImageSample) -> str:
    return f"{count(sample.n)} {sample.of if sample.n != 1 else sample.of.removesuffix('s')}"


def _measured(cache: CatalogueCache, ids: list[int]) -> MaskWidths:
    study = WidthStudy(cache.source, by="ccd")
    return study.summed(_interruptible(study.counted({"where": epoch.c.epoch_id.in_(ids)}), cache))


def _interruptible(counted: Iterator[Mapped], cache: CatalogueCache) -> Iterator[Mapped]:
    """Yield the same items, releasing the file lock between images and stopping when the server ends."""
    while not cache.closed:
        with cache.files:
            mapped = next(counted, None)
        if mapped is None:
            return
        yield mapped


class WidthBox:
    """The plot, and the button that starts the measurement.

    Parameters
    ----------
    ask : callable
        Called when the user clicks the button.
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self._button = pn.widgets.Button(label="Measure", margin=(0, 8, 8, 0))
        self._button.on_click(lambda _: ask())
        self._note = html_pane()
        self._plot = new_figure(
            "radius by which objects are grown (pixels)",
            "median residual (skysigma)",
            tooltips=[("band", "@band"), ("radius", "@radius"), ("median", "@median{0.0000} ± @error{0.0000}")],
            visible=False,
            name="width-plot",
        )
        names = ("radius", "median", "low", "high", "error", "band", "colour")
        self._points = ColumnDataSource({name: [] for name in names})
        self._lines = ColumnDataSource({"xs": [], "ys": [], "colour": []})
        self._plot.add_layout(Span(location=0, dimension="width", line_color="#999999", line_width=1))
        self._plot.multi_line("xs", "ys", source=self._lines, line_color=ink(), line_width=1.6)
        self._plot.scatter("radius", "median", source=self._points, color=ink(), size=6)
        self._plot.segment("radius", "low", "radius", "high", source=self._points, color=ink())
        self.body = under(html_pane(note(_INTRODUCTION)), self._button, self._note, self._plot)

    def ask(self, wanted: bool) -> None:
        """Show that the measurement is running, or offer to start it."""
        self._button.visible = not wanted
        self._plot.visible = False
        self._note.object = note("Measuring \u2026") if wanted else ""

    def show(self, widths: Widths | str | None) -> None:
        """Show the result, or why there is none; None if nothing was asked for."""
        if widths is None:
            return
        if isinstance(widths, str):
            self._note.object = f"<p class='words'>{escaped(f'Cannot measure: {widths}')}</p>"
            return
        table = widths.found.table
        table = table[table["n"] > 0]
        bands = in_band_order(table["band"])
        self._note.object = _notes(widths, table) + band_legend(bands)
        self._plot.visible = bool(bands)
        self._plot.title.text = ""
        self._points.data = {
            "radius": table["radius"].tolist(),
            "median": table["median"].tolist(),
            "low": (table["median"] - table["median_error"]).tolist(),
            "high": (table["median"] + table["median_error"]).tolist(),
            "error": table["median_error"].tolist(),
            "band": table["band"].tolist(),
            "colour": [band_colour(band) for band in table["band"]],
        }
        by_band = [table[table["band"] == band] for band in bands]
        self._lines.data = {
            "xs": [rows["radius"].tolist() for rows in by_band],
            "ys": [rows["median"].tolist() for rows in by_band],
            "colour": [band_colour(band) for band in bands],
        }


def _notes(widths: Widths, table: "pd.DataFrame") -> str:
    bands = []
    for band in in_band_order(table["band"]):
        of_band = table[table["band"] == band]
        first, last = of_band.iloc[0], of_band.iloc[-1]
        bands.append(
            f"{band}: {first['n_images']} CCD image{'' if first['n_images'] == 1 else 's'} from "
            f"{widths.drawn_from[band]}, "
            f"{fraction(last['n'] / first['n'])} of good pixels left at a radius of {last['radius']:g} pixels"
        )
    notes = note("The mask is wide enough where the curve is flat. " + "; ".join(bands) + ".") if bands else ""
    notes += "".join(note(line) for line in _missing(widths.found.left_out))
    return notes or note("No matching images.")


_PROBLEM = re.compile(r"(?P<image>epoch .*?\)): (?:\w+Error: )?(?:(?P<path>\S*/\S*): )?(?P<cause>.*)")
_VARIABLE = re.compile(r"^\$\{?(\w+)")


def _missing(left_out: Sequence[str]) -> list[str]:
    """Return lines about the images that were left out: how many for the same reason, the first, and the cure."""
    by_cause: dict[str, list[tuple[str, str]]] = {}
    for line in left_out:
        found = _PROBLEM.fullmatch(line)
        image, _, rest = line.partition(": ")
        cause = found["cause"] if found else rest
        by_cause.setdefault(cause, []).append((found["image"], found["path"] or "") if found else (image, ""))
    lines = []
    for cause, images in by_cause.items():
        (image, path), n = images[0], len(images)
        which = f"the first {image}" if n > 1 else image
        lines.append(f"Left out: {n} CCD image{'s' * (n != 1)} ({which}): {f'{path}: ' if path else ''}{cause}")
    variables = {name[1] for images in by_cause.values() for _, path in images if (name := _VARIABLE.match(path))}
    return lines + [_about(name) for name in sorted(variables)]


def _about(variable: str) -> str:
    """Return what a variable is for this server; it stands in the paths of files that were not read."""
    value = os.environ.get(variable)
    if value is None:
        return f"{variable} is not set: set it to the folder of the survey's files, and start the dashboard again."
    return f"{variable} is {value} for this dashboard: the files named are not there, or cannot be read."
