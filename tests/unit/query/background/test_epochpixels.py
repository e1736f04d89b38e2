"""Values at good pixels of images of a few pixels, against numpy."""

from typing import Any

import numpy as np
import pytest

from goodpix.query.background.epochpixels import EpochPixels, PixelRequest
from goodpix.query.background.epochplanes import EpochFiles, PlaneName
from goodpix.query.masks.reader import find_masks
from goodpix.query.source import Source
from goodpix.schema.criteria import BoundSelection, Selection
from goodpix.schema.errors import UsageError

from ....maskcatalogue import BKG, EPOCHS, grid_of, pixels_of, weights_of

FILES = EpochFiles("image", allow_changed=True)


def read(
    source: Source, plane: PlaneName = "image", selection: Selection | None = None, **given: Any
) -> list[EpochPixels]:
    request = PixelRequest(FILES, plane, BoundSelection.of(selection), **given)
    return list(request.of(find_masks(source.database, "epoch", {}), source.database))


@pytest.mark.parametrize("selection", [None, Selection(border=4), Selection(ignore=["SE_SEG"])], ids=str)
def test_values_are_those_of_good_pixels_row_by_row(source: Source, selection: Selection | None) -> None:
    found = read(source, selection=selection, weight=True)
    assert [each.key for each in found] == list(EPOCHS)
    masks = source.masks({})
    for each, mask in zip(found, masks, strict=True):
        assert each.key.expnum is not None
        y, x = np.nonzero(mask.good(selection))
        assert (len(each), each.problem, each.unit) == (y.size, None, "electrons")
        np.testing.assert_array_equal([each.y, each.x], [y, x])
        np.testing.assert_array_equal(each.values, pixels_of(each.key.expnum)[y, x])
        np.testing.assert_array_equal(each.weight, weights_of(each.key.expnum)[y, x])


def test_selection_without_a_good_pixel_has_no_values_and_no_problem(source: Source) -> None:
    for each in read(source, selection=Selection(border=20), sky=True):
        assert (len(each), each.values.size, each.problem) == (0, 0, None)
        assert each.ra is not None
        assert each.ra.size == 0


def test_background_is_subtracted_from_the_image_alone(source: Source) -> None:
    plain, subtracted = read(source), read(source, subtract_background=True)
    for a, b in zip(plain, subtracted, strict=True):
        np.testing.assert_array_equal(b.values, a.values - np.float32(BKG))
        assert (a.bkg_subtracted, b.bkg_subtracted) == (False, True)
    assert np.unique(read(source, "bkg")[0].values).tolist() == [BKG]


def test_calibrated_values_are_scaled_and_weights_by_the_inverse_square(source: Source) -> None:
    scale = 1.1  # of all rows
    plain, scaled = read(source, weight=True)[1], read(source, weight=True, calibrated=True)[1]
    np.testing.assert_allclose(scaled.values, plain.values * scale, rtol=1e-6)
    assert plain.weight is not None
    assert scaled.weight is not None
    np.testing.assert_allclose(scaled.weight, plain.weight / scale**2, rtol=1e-6)
    np.testing.assert_array_equal(read(source, "weight", calibrated=True)[1].values, scaled.weight)
    assert (scaled.unit, read(source, "weight", calibrated=True)[1].unit) == ("zero point 30", None)


def test_positions_are_those_of_the_pixel_centres(source: Source) -> None:
    each = read(source, sky=True)[2]
    grid = grid_of(EPOCHS[each.key].first, (40, 30))
    ra, dec = grid.sky(each.x.astype(float), each.y.astype(float))
    assert each.ra is not None
    assert each.dec is not None
    np.testing.assert_allclose(np.array([each.ra, each.dec]), np.array([ra, dec]), rtol=0, atol=1e-11)
    assert each.to_pandas().columns.tolist() == ["x", "y", "value", "ra", "dec"]


def test_epoch_that_cannot_be_used_has_a_problem_and_ends_nothing(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    found = read(source, "seg")
    assert [(len(each), each.problem) for each in found] == [(0, "the info file has no seg_path")] * len(EPOCHS)
    assert f"{found[0].key}: the info file has no seg_path" in caplog.messages
    assert not any(each.bkg_subtracted for each in found)


def test_epoch_that_cannot_be_used_has_arrays_all_the_same(source: Source) -> None:
    for each in read(source, "seg", weight=True, sky=True):
        assert each.weight is not None
        assert each.ra is not None
        assert each.dec is not None
        arrays = (each.x, each.y, each.values, each.weight, each.ra, each.dec)
        assert [array.shape for array in arrays] == [(0,)] * 6
        assert (each.values * np.sqrt(each.weight)).sum() == 0
        assert each.to_pandas().columns.tolist() == ["x", "y", "value", "weight", "ra", "dec"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"plane": "head"}, "plane is 'head': expected one of image, weight, bmask, seg, bkg"),
        ({"plane": "weight", "subtract_background": True}, "can only be subtracted from image"),
        ({"plane": "bmask", "calibrated": True}, "only image, bkg and weight can be calibrated"),
    ],
)
def test_request_that_makes_no_sense_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PixelRequest(FILES, selection=BoundSelection.of(None), **given)
