"""A catalogue of four epochs in Python: what its methods return and refuse."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from goodpix.query.catalogue import Catalogue
from goodpix.query.masks.mask import Mask
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import CatalogueError, UnknownNameError, UsageError
from goodpix.schema.executors import watched_by

from ...maskcatalogue import EAST, EPOCHS, WEST, MaskCatalogue

GOOD = [np.count_nonzero(epoch.flags == 0) for epoch in EPOCHS.values()]


@pytest.fixture(scope="module")
def cat(mask_catalogue: MaskCatalogue) -> Iterator[Catalogue]:
    with Catalogue(mask_catalogue.url) as opened:
        yield opened


def test_path_and_url_are_the_same_catalogue(cat: Catalogue, mask_catalogue: MaskCatalogue) -> None:
    with Catalogue(mask_catalogue.folder / "goodpix.db") as by_path:
        assert by_path.info() == cat.info()


def test_where_there_is_no_catalogue_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no catalogue at"):
        Catalogue(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_epochs_have_the_counts_of_their_pixels(cat: Catalogue) -> None:
    assert cat.epochs()["n_good"].tolist() == GOOD
    assert cat.epochs(band="i")["n_good"].tolist() == GOOD[1:2]


def test_epochs_by_a_selection_have_its_counts_and_its_words(cat: Catalogue) -> None:
    found = cat.epochs(selection=Selection(ignore=["SE_SEG"], border=4))
    inner = [epoch.flags[4:-4, 4:-4] & 0xFE for epoch in EPOCHS.values()]
    assert found["n_good"].tolist() == [np.count_nonzero(each == 0) for each in inner]
    assert set(found["selection"]) == {"ignore SE_SEG, border 4"}


def test_bounds_are_about_the_counts_of_the_selection(cat: Catalogue) -> None:
    selection = Selection(border=4)
    every = cat.epochs(selection=selection)["n_good"].tolist()
    limit = sorted(every)[1]
    assert sorted(every) != sorted(GOOD)
    found = cat.epochs(selection=selection, min={"n_good": limit})["n_good"].tolist()
    assert found == [n for n in every if n >= limit]


def test_coadds_own_mask_is_that_without_an_exposure(cat: Catalogue) -> None:
    assert (cat.mask(EAST, "r").key.kind, cat.mask(EAST, "r", 1, 11).key.kind) == ("coadd", "epoch")


@pytest.mark.parametrize("key", [{"expnum": 1}, {"ccdnum": 11}])
def test_half_a_key_is_refused(cat: Catalogue, key: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="give both expnum and ccdnum, or neither for the coadd's own mask"):
        cat.mask(EAST, "r", **key)


def test_function_is_applied_to_every_mask_of_a_kind(cat: Catalogue) -> None:
    assert [each.value for each in cat.map(Mask.count)] == GOOD
    assert [each.key.tilename for each in cat.map(Mask.count, kind="coadd")] == [WEST, EAST, EAST]


def test_long_loops_are_counted(cat: Catalogue) -> None:
    seen: list[tuple[int, int]] = []
    with watched_by(lambda n, n_all: seen.append((n, n_all))):
        assert len(cat.epochs(selection=Selection(border=1), band="r")) == 3
        assert len(cat.background(by="ccd", band="r")) == 2
        cat.mask_width(band="r", by="epoch", allow_changed=True)
        assert seen == [(k, n) for n in (3, 2, 3) for k in range(1, n + 1)]
        cat.healsparse_map("fracdet", nside=4096)
    n_patches = seen[-1][1]
    assert seen[8:] == [(k, n_patches) for k in range(1, n_patches + 1)] != []


def test_runs_in_every_form_are_those_of_the_masks(cat: Catalogue, tmp_path: Path) -> None:
    frame, table = cat.to_pandas(band="r"), cat.to_arrow(band="r")
    assert cat.to_parquet(tmp_path / "masks.parquet", band="r") == len(frame) == table.num_rows == 3
    for lengths, flags, mask in zip(frame.run_lengths, frame.run_flags, cat.masks(band="r"), strict=True):
        np.testing.assert_array_equal(np.repeat(flags, lengths), mask.flags().T.ravel())
    assert pd.read_parquet(tmp_path / "masks.parquet")["expnum"].tolist() == frame["expnum"].tolist()
    assert sum(runs["length"].sum() for runs in cat.runs(band="r")) == 3 * 1200


def test_runs_have_their_old_names_too(cat: Catalogue) -> None:
    frame = cat.to_pandas(band="r")
    assert frame["lengths"].equals(frame.run_lengths)
    assert frame["flags"].equals(frame.run_flags)


def test_condition_beside_a_selection_sees_the_stored_counts(cat: Catalogue) -> None:
    stored = cat.epochs(sort="n_good")
    wide = Selection(border=5)
    most = int(stored.n_good.max())
    condition = "n_good >= :n"
    assert cat.epochs(selection=wide, where=condition, params={"n": most}).expnum.tolist() == [stored.expnum.iloc[-1]]
    assert cat.epochs(selection=wide, min={"n_good": most}).empty


def test_frames_say_what_they_are(cat: Catalogue) -> None:
    wide = Selection(ignore=["SE_SEG"])
    at = cat.mask(WEST, "r", 1, 11).grid.sky(np.array([5.0]), np.array([6.0]))
    for frame, selection in (
        (cat.epochs(band="r"), Selection()),
        (cat.epochs(selection=wide, limit=1), wide),
        (cat.tiles(), Selection()),
        (cat.to_pandas(band="r"), Selection()),
        (cat.blank_sky(1, 0.1, band="r", selection=wide), wide),
        (cat.randoms(1, band="r", selection=wide), wide),
        (cat.at(at[0][0], at[1][0], selection=wide), wide),
        (cat.background(wide, by="epoch", band="r"), wide),
    ):
        assert frame.attrs["catalogue"] == cat.info()["uuid"]
        assert Selection.parse(frame.attrs["selection"]) == selection
        units = frame.attrs["units"]
        assert set(units) <= set(frame.columns)
        assert units.get("exptime", "s") == "s"
        assert units.get("ra", "deg") == "deg"


def test_whole_ccd_is_of_all_its_tiles(cat: Catalogue) -> None:
    assert cat.ccd_mask("r", 1, 11).key.tilename == f"{WEST}+{EAST}"


def test_epochs_stand_beside_the_sky_in_a_folder(cat: Catalogue, tmp_path: Path) -> None:
    cat.extend_background(tmp_path, statistics="mean", allow_changed=True, band="i")
    found = cat.with_background(tmp_path)
    assert found["n"].fillna(-1).tolist() == [-1, GOOD[1], -1, -1]
    assert found["n_good"].tolist() == GOOD


@pytest.mark.parametrize("ask", [Catalogue.epochs, Catalogue.masks, Catalogue.to_pandas, Catalogue.sky_area])
def test_unknown_filter_is_refused_everywhere(cat: Catalogue, ask: Callable[..., Any]) -> None:
    with pytest.raises(UnknownNameError, match="unknown filter 'bandd', did you mean 'band'"):
        ask(cat, bandd="r")


def test_closed_catalogue_leaves_its_folder_as_it_was(mask_catalogue: MaskCatalogue) -> None:
    before = sorted(mask_catalogue.folder.iterdir())
    with Catalogue(mask_catalogue.url) as opened:
        opened.epochs()
    assert sorted(mask_catalogue.folder.iterdir()) == before
