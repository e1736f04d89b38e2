"""Counts of masks under a selection, and their place in a table of epochs."""

import logging

import numpy as np
import pandas as pd
import pytest

from goodpix.query.masks.mask import Mask
from goodpix.query.masks.parallel import Mapped
from goodpix.query.masks.selectioncounts import Recount, counts_of, recounted
from goodpix.schema.criteria import BoundSelection, Selection
from goodpix.schema.errors import UsageError
from goodpix.schema.masks.rle import decode
from goodpix.schema.rows import MaskKey

from ....rows import some_runs

RUNS = some_runs(5)
KEY = MaskKey("T", "r", "epoch", 1, 2)
ROW = {"dataseca": None, "datasecb": None, "pixel_area": 0.07, "se_seg_used": True, "n_unique": 77}
MASK = Mask(KEY, RUNS, row=ROW)
IGNORING = BoundSelection.of(Selection(ignore=["SE_SEG", "OFF_COADD"]))


def test_counts_are_those_of_the_pixels_by_the_selection() -> None:
    found = Recount(IGNORING)(MASK)
    flags = decode(RUNS)
    assert found["n_good"] == np.count_nonzero(flags & 0x76 == 0)
    assert (found["n_se_seg"], found["n_unique"], found["n_good_unique"]) == (0, 77, None)
    halves = [np.count_nonzero(half & 0x06 == 0) for half in (flags[:, :15], flags[:, 15:])]
    assert [found["n_good_se_amp_a"], found["n_good_se_amp_b"]] == halves


@pytest.mark.parametrize("mask", [Mask(KEY, RUNS), Mask(MaskKey("T", "r", "coadd", None, None), RUNS, row=ROW)])
def test_masks_of_other_than_epochs_have_no_counts(mask: Mask) -> None:
    with pytest.raises(UsageError, match="expected the mask of an epoch in a catalogue"):
        counts_of(mask)


def test_epoch_that_was_not_read_has_null_counts_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    key = pd.DataFrame({"tilename": "T", "band": "r", "expnum": [1, 1], "ccdnum": [2, 3]})
    stored = key.assign(n_good=[9, 9], nite=[5, 6], fraction_good=0.9)
    lost = Mapped(MaskKey("T", "r", "epoch", 1, 3), error="MaskFileError: gone")
    with caplog.at_level(logging.WARNING):
        found = recounted(stored, [lost, Mapped(KEY, {"n_good": 4, "fraction_good": 0.4})], IGNORING)
    assert caplog.messages == ["epoch 1/3 (tile T, band r): not counted: MaskFileError: gone"]
    assert found.columns.tolist() == [*stored.columns, "selection"]
    assert found["n_good"].dtype == "Int64"
    assert found["n_good"].tolist() == [4, pd.NA]
    assert found["fraction_good"].tolist()[0] == 0.4
    assert (found["nite"].tolist(), set(found["selection"])) == ([5, 6], {str(IGNORING)})
