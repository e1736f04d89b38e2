"""What is drawn: directions, patches, colours, and words where there is nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

import goodpix
from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.query.palette import (
    BAND_COLOURS,
    CRITERION_COLOURS,
    NO_DATA_COLOUR,
    OUTLIER_COLOUR,
    SEQUENTIAL,
    band_colour,
    in_band_order,
)
from goodpix.query.plots import plot_criteria, plot_focal_plane, plot_sky, plot_time
from goodpix.query.plots.style import HATCH, filter_words, limits, statistic_words
from goodpix.query.summary.ccdhalves import ccd_halves
from goodpix.query.summary.costs import criteria_costs
from goodpix.query.summary.overtime import over_time
from goodpix.schema.criteria import Criterion

from ....pictures import within_its_figure
from ....rowcatalogue import BANDS, DARK, SICK, TILES, make_catalogue

PLOTS: list[Callable[..., Axes]] = [plot_sky, plot_focal_plane, plot_criteria, plot_time]

pytestmark = pytest.mark.slow  # drawing takes its time


@pytest.fixture(scope="module")
def cat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[goodpix.Catalogue]:
    folder = tmp_path_factory.mktemp("drawn")
    make_catalogue(f"sqlite:///{folder / 'catalogue.db'}", folder / "masks")
    with goodpix.Catalogue(folder / "catalogue.db") as catalogue:
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


@pytest.mark.parametrize("plot", PLOTS)
def test_every_picture_can_be_drawn_with_and_without_axes(cat: goodpix.Catalogue, plot: Callable[..., Axes]) -> None:
    given = Figure().add_subplot()
    assert plot(cat, ax=given) is given
    own = plot(cat, band="r")
    assert own is not given
    assert "band" in words(own)
    for axes in (given, own):
        drawn(axes)


@pytest.mark.parametrize("plot", PLOTS)
def test_where_nothing_matches_the_picture_says_so(cat: goodpix.Catalogue, plot: Callable[..., Axes]) -> None:
    axes = plot(cat, band="Q")
    assert "matches" in words(axes)
    assert axes.get_title(loc="left").splitlines()[-1] == "band Q"
    assert not axes.patches
    assert not axes.collections
    drawn(axes)


@pytest.mark.parametrize("plot", PLOTS)
def test_many_filters_lie_within_the_figure(cat: goodpix.Catalogue, plot: Callable[..., Axes]) -> None:
    bands = ["r", *(f"of another name {k}" for k in range(9))]
    for given in (None, Figure(figsize=(7, 5)).add_subplot()):
        axes = plot(cat, ax=given, band=bands)
        assert within_its_figure(axes)


@pytest.mark.parametrize("plot", PLOTS)
def test_drawing_leaves_the_settings_of_others_alone(cat: goodpix.Catalogue, plot: Callable[..., Axes]) -> None:
    before = dict(mpl.rcParams)
    plot(cat)
    assert dict(mpl.rcParams) == before


# On the sky.


def outlines(axes: Axes) -> list[Any]:
    """Return the polygons of tiles, in the order of tiles."""
    (found,) = (each for each in axes.collections if isinstance(each, PolyCollection) and not each.get_hatch())
    return [path.vertices for path in found.get_paths()]


def test_right_ascension_grows_to_the_left_across_zero(cat: goodpix.Catalogue) -> None:
    axes = plot_sky(cat, "n_epochs", band="r")
    assert axes.xaxis_inverted()
    assert not axes.yaxis_inverted()
    polygons = dict(zip(sorted(TILES), outlines(axes), strict=True))
    east, west, far = (polygons[name].mean(axis=0) for name in ("DES0001-3332", "DES2359-3332", "DES0124-3332"))
    left, right = (axes.transData.transform(each)[0] for each in (east, west))
    assert left < right
    # side by side, and not 360 degrees apart
    assert east[0] - west[0] == pytest.approx(0.6 * np.cos(np.radians(33.5)), abs=0.02)
    assert far[0] - east[0] > 15


def test_tiles_have_the_shape_of_their_corners(cat: goodpix.Catalogue) -> None:
    for vertices in outlines(plot_sky(cat, "n_epochs", band="r")):
        ring = np.asarray(vertices)
        assert ring.shape == (5, 2)
        x, y = ring[:-1].T
        area = 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
        assert area == pytest.approx(0.6 * np.cos(np.radians(33.5)) * 0.5, rel=0.01)


def test_tiles_without_a_number_are_hatched(cat: goodpix.Catalogue) -> None:
    # no epoch is in the third tile
    axes = plot_sky(cat, band="r")
    (none,) = (each for each in axes.collections if isinstance(each, PolyCollection) and each.get_hatch())
    assert none.get_hatch() == HATCH
    assert colour_of(none) == NO_DATA_COLOUR
    assert len(none.get_paths()) == 1
    assert legend(axes) == ["no data: 1"]


# In the focal plane.


def halves(axes: Axes) -> dict[str, Polygon]:
    return {str(patch.get_gid()): patch for patch in axes.patches if isinstance(patch, Polygon)}


def test_every_ccd_has_two_halves_in_their_places(cat: goodpix.Catalogue) -> None:
    axes = plot_focal_plane(cat)
    found = halves(axes)
    assert len(found) == 2 * 62 == len(axes.patches)
    for ccd in FOCAL_PLANE.values():
        for half in "ab":
            np.testing.assert_allclose(found[f"{ccd.detpos} {half}"].get_xy()[:-1], ccd.corners(half))
    assert axes.xaxis_inverted()
    assert {text.get_text() for text in axes.texts} >= {*map(str, range(1, 63)), "N", "E"}


def test_halves_have_the_colours_of_their_numbers(cat: goodpix.Catalogue) -> None:
    frame = ccd_halves(cat, band="r")
    frame = frame[frame.value.notna() & ~frame.outlier]
    found = halves(plot_focal_plane(cat, band="r"))
    lowest, highest = (frame.loc[getattr(frame.value, end)()] for end in ("idxmin", "idxmax"))
    for row, colour in ((lowest, SEQUENTIAL[0]), (highest, SEQUENTIAL[-1])):
        assert to_hex(found[f"{row.detpos} {row.half}"].get_facecolor()) == colour


def test_halves_without_data_are_hatched_and_not_coloured(cat: goodpix.Catalogue) -> None:
    axes = plot_focal_plane(cat)
    hatched = {gid for gid, patch in halves(axes).items() if patch.get_hatch()}
    assert hatched == {f"{FOCAL_PLANE[DARK].detpos} {half}" for half in "ab"}
    assert {to_hex(halves(axes)[gid].get_facecolor()) for gid in hatched} == {NO_DATA_COLOUR}
    assert "no data" in legend(axes)


def test_outliers_stand_out_and_do_not_stretch_the_scale(cat: goodpix.Catalogue) -> None:
    axes = plot_focal_plane(cat)
    sick = f"{FOCAL_PLANE[SICK[0]].detpos} {SICK[1]}"
    marked = {gid for gid, patch in halves(axes).items() if to_hex(patch.get_edgecolor()) == OUTLIER_COLOUR}
    assert marked == {sick}
    assert "far from the others" in legend(axes)
    (bar,) = (each for each in drawn(axes).axes if each is not axes)
    assert bar.get_ylim()[0] > 0


def test_what_is_not_counted_by_amplifier_colours_both_halves_alike(cat: goodpix.Catalogue) -> None:
    for statistic in ("fraction_se_seg", "SE:BPM"):
        found = halves(plot_focal_plane(cat, statistic))
        for ccd in FOCAL_PLANE.values():
            assert found[f"{ccd.detpos} a"].get_facecolor() == found[f"{ccd.detpos} b"].get_facecolor()


# Criteria.


def test_bars_are_as_long_as_the_costs(cat: goodpix.Catalogue) -> None:
    axes = plot_criteria(cat)
    sums = criteria_costs(cat).groupby("criterion")[["n_fail", "n_only", "n_pixels"]].sum()
    totals, alones = (list(each) for each in axes.containers)
    for criterion, total, alone in zip(Criterion, totals, alones, strict=True):
        assert isinstance(total, Rectangle)
        assert isinstance(alone, Rectangle)
        costs = sums.loc[str(criterion.name)]
        expected = [100 * costs.n_fail / costs.n_pixels, 100 * costs.n_only / costs.n_pixels]
        assert [total.get_width(), alone.get_width()] == pytest.approx(expected)
        assert to_hex(alone.get_facecolor()) == CRITERION_COLOURS[criterion]
        assert total.get_facecolor()[:3] == to_rgba(CRITERION_COLOURS[criterion])[:3]


# Time.


def colour_of(found: Any, what: str = "facecolor") -> str:
    """Return the colour of the first of some shapes."""
    return to_hex(np.asarray(getattr(found, f"get_{what}")())[0])


def places_of(found: PathCollection) -> np.ndarray[Any, Any]:
    return np.asarray(found.get_offsets(), float)


def points(axes: Axes) -> dict[str, PathCollection]:
    return {str(each.get_label()): each for each in axes.collections if isinstance(each, PathCollection)}


@pytest.mark.parametrize("by", ["night", "exposure"])
def test_points_lie_at_their_time_and_number(cat: goodpix.Catalogue, by: str) -> None:
    frame = over_time(cat, by=by)
    frame = frame[frame.nite.notna()]
    found = points(plot_time(cat, by=by))
    for band in BANDS:
        of_band = frame[frame.band == band]
        if by == "night":
            when = pd.to_datetime(of_band.nite.astype(str), format="%Y%m%d").to_numpy()
            days = date2num(when)
        else:
            days = of_band.mjd_obs.to_numpy(float) - 40587  # of 1970-01-01
        np.testing.assert_allclose(places_of(found[band]), np.column_stack([days, of_band.value]), atol=1e-5)
        assert colour_of(found[band]) == BAND_COLOURS[band]
    assert list(found)[: len(BANDS)] == ["r", "i"]


def test_what_has_no_date_or_number_is_counted(cat: goodpix.Catalogue) -> None:
    # of 8 exposures, 2 have no night; of the others, one has no exposure time, so that there is no rate
    assert plot_time(cat, by="exposure").get_title(loc="left") == "6 exposures, 2 without a date or value left out"
    rates = plot_time(cat, "sky_rate", by="exposure")
    assert rates.get_title(loc="left") == "4 exposures, 4 without a date or value left out"


def test_a_bad_night_has_a_ring(cat: goodpix.Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    nights = pd.DataFrame({"nite": range(20150101, 20150121), "band": "r", "n_ccd_images": 60})
    nights["value"] = 0.8 + 0.001 * (nights.nite % 5)
    nights.loc[7, "value"] = 0.5
    monkeypatch.setattr("goodpix.query.plots.overtime.over_time", lambda *_, **__: nights)
    (ring,) = (each for label, each in points(plot_time(cat)).items() if label.startswith("far"))
    np.testing.assert_allclose(places_of(ring), [[date2num(np.datetime64("2015-01-08")), 0.5]])
    assert colour_of(ring, "edgecolor") == OUTLIER_COLOUR


# Words and ends.


def test_filters_are_named_in_titles() -> None:
    filters = {"band": ["r", "i"], "nite": "20150101:20151231", "ccdnum": slice(1, 3), "min": {"n_pixels": 5}}
    assert filter_words(filters | {"expnum": None}) == ("band r i, nite 20150101:20151231, ccdnum 1:3, min n_pixels 5")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fraction_good_se", "fraction_good_se = n_good_se / n_pixels"),
        ("SE:STAR", "pixels with bit SE:STAR / n_pixels"),
        ("airmass", "airmass"),
    ],
)
def test_statistics_say_what_they_are_made_of(name: str, expected: str) -> None:
    assert statistic_words(name) == expected


def test_bands_come_in_order_of_colour() -> None:
    assert in_band_order(["Y", "VR", "g", "z", "g", "r"]) == ["g", "r", "z", "Y", "VR"]
    assert band_colour("VR") not in BAND_COLOURS.values()


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], (0.0, 1.0)), ([np.nan], (0.0, 1.0)), ([2.0, np.nan], (1.98, 2.02)), ([1.0, 3.0], (1.0, 3.0))],
)
def test_scale_has_ends_whatever_there_is(values: list[float], expected: tuple[float, float]) -> None:
    assert limits(np.array(values)) == pytest.approx(expected)
