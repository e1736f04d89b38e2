"""Regions of an image and the rows of their statistics."""

from typing import Any

import numpy as np
import pytest

from goodpix.query.background.statistics import (
    Box,
    _check_box,
    _measured_regions,
    make_measure,
    measure_images,
    sky_statistics,
)
from goodpix.query.masks.reader import find_masks
from goodpix.query.source import Source
from goodpix.schema.amplifiers import Amplifiers
from goodpix.schema.errors import UsageError

from ....maskcatalogue import EPOCHS, SHAPE, pixels_of


@pytest.mark.parametrize(
    ("box", "size"), [(None, None), (256, (256, 256)), ((7, 9), (7, 9)), ([7, 9], (7, 9)), (np.int64(5), (5, 5))]
)
def test_box_has_rows_and_columns(box: Any, size: tuple[int, int] | None) -> None:
    assert _check_box(box, amplifiers=False) == size


@pytest.mark.parametrize("box", [0, -1, 2.5, (0, 5), (5, 5, 5), (5,), "64"])
def test_box_that_is_no_size_is_refused(box: Any) -> None:
    with pytest.raises(UsageError, match=r"box is .*: expected rows and columns, such as \(256, 256\)"):
        _check_box(box, amplifiers=False)


def test_boxes_and_amplifiers_are_not_measured_at_once() -> None:
    with pytest.raises(UsageError, match="box is 64 and amplifiers is set: expected only one of them"):
        _check_box(64, amplifiers=True)


@pytest.mark.parametrize("box", [None, (1, 1), (4, 3), (10, 7), (99, 99)])
def test_boxes_cover_every_pixel_once(box: tuple[int, int] | None) -> None:
    regions = [each.region for each in _measured_regions((10, 7), box, None)]
    counted = np.zeros((10, 7), int)
    for region in regions:
        counted[region.y0 : region.y1, region.x0 : region.x1] += 1
    assert (counted == 1).all()
    assert sum(region.n_pixels for region in regions) == counted.size
    assert [(each.y0, each.x0) for each in regions] == sorted((each.y0, each.x0) for each in regions)


def test_regions_of_amplifiers_are_the_two_halves() -> None:
    halves = Amplifiers.halves((10, 8))
    found = _measured_regions((10, 8), None, halves)
    assert [(each.amplifier, each.region) for each in found] == [("A", halves.a), ("B", halves.b)]


@pytest.mark.parametrize("box", [None, (15, 30), 8])
def test_statistics_are_those_of_the_good_pixels_of_each_box(source: Source, box: Box) -> None:
    measure = make_measure(source, box=box, statistics=["mean", "median"], allow_changed=True)
    found = sky_statistics(source, measure, executor=None, workers=1)
    for row in found.itertuples():
        key = next(
            key for key in EPOCHS if (key.tilename, key.band, key.expnum) == (row.tilename, row.band, row.expnum)
        )
        assert key.expnum is not None
        part = np.s_[int(str(row.y0)) : int(str(row.y1)), int(str(row.x0)) : int(str(row.x1))]
        values = pixels_of(key.expnum)[part][EPOCHS[key].flags[part] == 0].astype(float)
        assert row.n == values.size
        if values.size:
            assert row.mean == pytest.approx(values.mean(), rel=1e-6)
            assert row.median == pytest.approx(np.median(values), rel=1e-6)
    assert found["n"].sum() == sum(np.count_nonzero(epoch.flags == 0) for epoch in EPOCHS.values())
    assert found["n_pixels"].sum() == len(EPOCHS) * SHAPE[0] * SHAPE[1]


def test_epoch_that_cannot_be_used_is_one_row_with_the_reason(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    measure = make_measure(source, box=8)
    rows = list(measure_images(source, measure, find_masks(source.database, "epoch", {"band": "i"})))
    (((row,)),) = rows
    assert row["problem"].startswith("files have changed since the ingest")
    assert (row["expnum"], row["n"], row["x0"], row["bkg_subtracted"]) == (3, None, None, False)
    assert caplog.messages == [f"epoch 3/11 (tile {row['tilename']}, band i): {row['problem']}"]
