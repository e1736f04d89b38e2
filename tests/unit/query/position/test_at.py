"""Epochs at positions, against the shifts of their images."""

from typing import Any

import numpy as np
import pytest

from goodpix.query.position.at import _frame, _targets, epochs_at
from goodpix.query.position.targets import DiscTargets, Points, PolygonTarget
from goodpix.query.source import Source
from goodpix.schema.bits import Criterion
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UsageError

from ....maskcatalogue import COADD_SHAPE, EAST, EPOCHS, SHAPE, grid_of

GRID = grid_of((0, 0), COADD_SHAPE)
SQUARE = [(30, -40), (31, -40), (31, -39)]


def sky(x: Any, y: Any) -> tuple[Any, Any]:
    """Return positions of pixels of the eastern coadd."""
    return GRID.sky(np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float)))


@pytest.mark.parametrize("band", ["r", "i"])
def test_epochs_are_those_whose_image_has_the_pixel(source: Source, band: str) -> None:
    y, x = (each.ravel() for each in np.mgrid[-3:55:7, -8:62:9])
    # within the pixel, and not at its centre
    found = epochs_at(source, *sky(x + 0.4, y - 0.4), tilename=EAST, band=band)
    expected = []
    for position, (at_x, at_y) in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        for key, epoch in EPOCHS.items():
            own_x, own_y = at_x - epoch.first[0], at_y - epoch.first[1]
            inside = 0 <= own_x < SHAPE[1] and 0 <= own_y < SHAPE[0]
            if (key.tilename, key.band) == (EAST, band) and inside:
                on_coadd = 0 <= at_x < COADD_SHAPE[1] and 0 <= at_y < COADD_SHAPE[0]
                flags = int(epoch.flags[own_y, own_x])
                expected.append((position, key.expnum, own_x + 0.4, own_y - 0.4, on_coadd, flags))
    shown = found[["position", "expnum", "x", "y", "on_coadd", "flags"]].round(4)
    assert [tuple(row) for row in shown.itertuples(index=False)] == expected != []


def test_pixel_is_good_when_no_criterion_fails_by_the_selection(source: Source) -> None:
    y, x = (each.ravel() for each in np.mgrid[8:48:3, 5:35:3])
    for selection, ignored in ((None, 0), (Selection(ignore=["SE_BMASK"]), Criterion.SE_BMASK)):
        found = epochs_at(source, *sky(x, y), tilename=EAST, band="r", expnum=1, selection=selection)
        failing = found["flags"] & 0xFF & ~int(ignored)
        assert found["good"].tolist() == (failing == 0).tolist()
        assert (found["criteria"] == "").tolist() == found["good"].tolist()
        assert 0 < found["good"].sum() < len(found)


def test_without_reasons_there_are_no_flags(source: Source) -> None:
    found = epochs_at(source, 30.0, -40.0, reasons=False)
    assert not {"good", "flags", "criteria", "se_bits", "coadd_bits", "position"} & set(found)
    assert len(found) == 3


def test_image_is_listed_once_from_the_tile_whose_region_holds_the_position(source: Source) -> None:
    for column, tilename in ((19, "DES0200-4000"), (20, "DES0159-4000")):
        ra, dec = (each.item() for each in sky(column, 20))
        every = epochs_at(source, ra, dec, expnum=1)
        assert len(every) == 2
        assert epochs_at(source, ra, dec, expnum=1, unique=True)["tilename"].tolist() == [tilename]


def test_disc_finds_images_beside_the_position_without_a_pixel(source: Source) -> None:
    ra, dec = (each.item() for each in sky(3, 20))  # 2 columns before the image 1/11
    found = epochs_at(source, ra, dec, radius=4 * 0.263 / 3600, tilename=EAST, expnum=1)
    assert (found["on_image"].tolist(), found["x"].round(3).tolist()) == ([False], [-2.0])
    assert found[["good", "flags"]].isna().all(axis=None)
    assert epochs_at(source, ra, dec, radius=0.263 / 3600, tilename=EAST, expnum=1).empty


def test_frame_has_the_types_of_its_columns_with_and_without_nulls() -> None:
    found = _frame({"expnum": [1, 2], "flags": [None, 1 << 54], "good": [True, None], "band": ["r", "i"], "x": [1, 2]})
    assert found.dtypes.astype(str).tolist() == ["int64", "Int64", "boolean", "str", "float64"]
    assert found["flags"].tolist()[1] == 1 << 54


def test_targets_are_points_discs_or_a_polygon() -> None:
    assert isinstance(_targets([1, 2], [3, 4], None, None), Points)
    assert isinstance(_targets(1, 3, 0.5, None), DiscTargets)
    polygon = _targets(None, None, None, SQUARE)
    assert isinstance(polygon, PolygonTarget)
    np.testing.assert_allclose(np.linalg.norm(polygon.vectors, axis=0), [1.0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"radius": 1, "polygon": SQUARE}, "radius and polygon are both given: expected one of them"),
        ({"ra": 0.0, "dec": 0.0, "radius": [1, 2]}, r"radius is \[1, 2\]: expected one number, degrees, 0 or more"),
        ({"ra": [0.0], "dec": [0.0], "polygon": SQUARE}, r"ra has shape \(1,\) with a polygon: expected one position"),
        ({"ra": 0.0, "dec": 0.0, "selection": Selection(), "reasons": False}, "a selection needs reasons"),
        ({"ra": [0.0, 1.0], "dec": [0.0]}, r"ra has shape \(2,\), dec \(1,\): expected the same shape"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(source: Source, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        epochs_at(source, **given)


def test_no_position_is_no_row(source: Source) -> None:
    found = epochs_at(source, np.empty(0), np.empty(0))
    assert found.empty
    assert found["position"].dtype == np.int64
