"""Amplifier halves in the focal plane, as drawn."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Polygon

import goodpix
from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.query.palette import (
    NO_DATA_COLOUR,
    OUTLIER_COLOUR,
    SEQUENTIAL,
)
from goodpix.query.plots import plot_focal_plane
from goodpix.query.summary.ccdhalves import ccd_halves
from goodpix.query.summary.layout import focal_plane

from ....noirlabfiles import CpExposure
from ....rowcatalogue import DARK, SICK
from .conftest import drawn, legend

pytestmark = pytest.mark.slow  # drawing takes its time


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


def test_ccds_of_another_camera_are_drawn_whole(tmp_path: Path) -> None:
    path = CpExposure("mosaic3", {"WCSCAL": "Successful"}, ccds={"CCD1": 1, "CCD3": 3}).write(tmp_path / "files")
    goodpix.ingest_tiles(
        path, db=tmp_path / "cp.db", masks=tmp_path / "masks", profile="noirlab-cp", no_segment=True, workers=1
    )
    with goodpix.Catalogue(tmp_path / "cp.db") as mosaic:
        axes, plane = plot_focal_plane(mosaic), focal_plane(mosaic)
        found = halves(axes)
        assert list(found) == ["1", "3"]
        for ccdnum, patch in found.items():
            np.testing.assert_allclose(patch.get_xy()[:-1], plane[int(ccdnum)].corners())
            assert patch.get_hatch() is None
        assert {text.get_text() for text in axes.texts} >= {"1", "3", "N", "E"}
        for ax_limits, axis in ((axes.get_xlim(), 0), (axes.get_ylim(), 1)):
            corners = np.array([ccd.corners() for ccd in plane.values()])[:, :, axis]
            assert min(ax_limits) < corners.min() < corners.max() < max(ax_limits)
