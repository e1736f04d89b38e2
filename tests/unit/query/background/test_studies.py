"""Sky studies of a catalogue of four epochs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from goodpix.query.background.studies import SkyStudies
from goodpix.query.source import Source
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import MaskNotFoundError, UnknownNameError

from ....maskcatalogue import BKG, EAST, EPOCHS, pixels_of

SKYSIGMA = 2.0


@pytest.fixture
def studies(source: Source) -> SkyStudies:
    return SkyStudies(source)


def test_files_that_changed_are_used_only_when_allowed(studies: SkyStudies) -> None:
    strict = studies.background(statistics="mean")
    assert strict["n"].isna().all()
    assert strict["problem"].str.startswith("files have changed since the ingest").all()
    allowed = studies.background(statistics="mean", allow_changed=True)
    assert allowed["n"].tolist() == [np.count_nonzero(epoch.flags == 0) for epoch in EPOCHS.values()]


def test_amplifier_halves_have_the_good_pixels_of_the_image(studies: SkyStudies) -> None:
    whole = studies.background(statistics="mean", allow_changed=True)
    halves = studies.background(statistics="mean", amplifiers=True, allow_changed=True)
    assert halves["amplifier"].tolist() == ["A", "B"] * len(EPOCHS)
    assert halves["n"].to_numpy().reshape(-1, 2).sum(axis=1).tolist() == whole["n"].tolist()


def test_background_that_is_subtracted_lowers_the_level_alone(studies: SkyStudies) -> None:
    plain = studies.background(statistics=["mean"], allow_changed=True)
    less = studies.background(statistics=["mean"], subtract_background=True, allow_changed=True)
    np.testing.assert_allclose(plain["mean"] - less["mean"], BKG, rtol=1e-5)
    np.testing.assert_allclose(plain["std"], less["std"], rtol=1e-5)


def test_definitions_keep_the_pixels_of_their_masks(studies: SkyStudies) -> None:
    definitions = {"stored": None, "inner": Selection(border=5)}
    found = studies.compare_definitions(definitions, allow_changed=True, band="i")
    (flags,) = (epoch.flags for key, epoch in EPOCHS.items() if key.band == "i")
    assert found["definition"].tolist() == ["stored", "inner"]
    assert found["n"].tolist() == [np.count_nonzero(flags == 0), np.count_nonzero(flags[5:-5, 5:-5] == 0)]
    assert found["unit"].tolist() == ["electrons"] * 2


def test_width_counts_good_pixels_and_has_no_median_beyond_its_bins(studies: SkyStudies) -> None:
    (row,) = studies.mask_width(radii=[0], grow=["SE_SEG"], allow_changed=True, band="i").itertuples()
    ((key, epoch),) = ((key, epoch) for key, epoch in EPOCHS.items() if key.band == "i")
    assert key.expnum is not None
    residuals = (pixels_of(key.expnum)[epoch.flags == 0] - BKG) / SKYSIGMA
    assert residuals.min() > 10
    assert (row.n, row.n_images, row.bkg_subtracted) == (residuals.size, 1, True)
    assert np.isnan(float(str(row.median)))


@pytest.mark.parametrize("name", ["pixels", "background", "mask_width"])
def test_unknown_filter_is_an_error_before_anything_is_read(name: str, studies: SkyStudies) -> None:
    method: Callable[..., Any] = getattr(studies, name)
    with pytest.raises(UnknownNameError, match="unknown filter 'bandd', did you mean 'band'"):
        method(bandd="r")


def test_map_of_an_epoch_that_is_not_there_names_what_there_is(studies: SkyStudies) -> None:
    with pytest.raises(MaskNotFoundError, match="the tile has CCD 11 of exposure 1"):
        studies.background_map(EAST, "r", 1, 12)
