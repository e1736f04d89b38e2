"""The index of an epoch in its info file: recorded, followed, and rebuilt from the masks."""

import shutil
from pathlib import Path

import pytest

import goodpix
from goodpix.schema.errors import UnknownNameError

from .damage import all_rows
from .survey import SPEC, Survey, records
from .test_frozen import FROZEN


def indices(survey: Survey, band: str = "r") -> dict[int, str]:
    """Return the name of the epoch with each index."""
    with survey.catalogue() as catalogue:
        return {row.src_index: f"{row.expnum}/{row.ccdnum}" for row in records(catalogue.epochs(band=band))}


def listed(survey: Survey, band: str = "r") -> dict[int, str]:
    """Return the name of each entry of the info file."""
    return {number: survey.name(number, band) for number in range(SPEC.n_epochs)}


def test_entry_of_an_info_file_is_found_by_its_index(ingested: Survey) -> None:
    for band in SPEC.bands:
        assert indices(ingested, band) == listed(ingested, band)
    with ingested.catalogue() as catalogue:
        (last,) = records(catalogue.epochs(band="r", min={"src_index": 2}))
        asked = catalogue.sql("SELECT expnum FROM epoch_quality WHERE band = 'r' AND src_index = 2")
    assert [last.expnum] == asked.expnum.tolist() == [ingested.epoch(2)["expnum"]]


def test_new_order_of_an_info_file_is_followed_without_a_mask_being_made(stored: Survey) -> None:
    before, flags, files = indices(stored), stored.flags(), stored.mask_files()
    with stored.editing() as info:
        info["src_info"].reverse()
    report = stored.ingest()
    assert (report.n_epochs, report.n_unchanged, report.failures) == (0, 6, ())
    assert indices(stored) == listed(stored) != before
    assert {key: each.tolist() for key, each in stored.flags().items()} == {k: v.tolist() for k, v in flags.items()}
    assert len(set(stored.mask_files()) - set(files)) == 1
    assert goodpix.verify(stored.database).ok
    now = stored.mask_files()
    stored.ingest()
    assert stored.mask_files() == now


def test_rebuilt_catalogue_has_the_indices(stored: Survey) -> None:
    before = all_rows(stored.database)
    goodpix.rebuild(stored.database, stored.masks, force=True)
    assert all_rows(stored.database) == before
    assert indices(stored) == listed(stored)


def test_catalogue_of_before_has_none_until_its_masks_are_written(tmp_path: Path) -> None:
    old = Path(shutil.copytree(FROZEN, tmp_path / "catalogue")) / "goodpix.db"
    for upgraded in (False, True):
        if upgraded:
            goodpix.upgrade(old)
        with goodpix.Catalogue(old) as catalogue:
            epochs = catalogue.epochs()
        assert len(epochs) > 0
        assert epochs.src_index.isna().all()


def test_sorting_by_a_column_newer_than_the_catalogue_names_the_upgrade(tmp_path: Path) -> None:
    old = Path(shutil.copytree(FROZEN, tmp_path / "catalogue")) / "goodpix.db"
    expected = "^epoch_quality of this catalogue has no column 'src_index': goodpix db upgrade adds it$"
    with goodpix.Catalogue(old) as catalogue:
        for options in ({"sort": "-src_index"}, {"sort": "src_index", "selection": goodpix.Selection(border=2)}):
            with pytest.raises(UnknownNameError, match=expected):
                catalogue.epochs(**options)
        assert len(catalogue.epochs(sort="good_area_images_unique")) > 0  # which had another name
    goodpix.upgrade(old)
    with goodpix.Catalogue(old) as catalogue:
        assert len(catalogue.epochs(sort="-src_index")) > 0


def test_seeing_of_exposures_is_filtered_in_a_catalogue_without_ccd_images(tmp_path: Path) -> None:
    old = Path(shutil.copytree(FROZEN, tmp_path / "catalogue")) / "goodpix.db"
    with goodpix.Catalogue(old) as catalogue:
        every = catalogue.exposures()
        middle = every.mean_fwhm_arcsec.median()
        some = catalogue.exposures(min={"mean_fwhm_arcsec": middle})
    assert 0 < len(some) < len(every)
    assert some.expnum.tolist() == every[every.mean_fwhm_arcsec >= middle].expnum.tolist()
