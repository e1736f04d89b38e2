"""Moon, sun, latitudes and airmass from the ingest to every table that shows them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.ingest.database.migrate import migrate
from goodpix.schema.observing.covariates import COMPUTED, Covariates
from goodpix.schema.tables import names

from ..astropysky import astropy_columns
from .survey import FIRST, Survey, break_card, records
from .test_frozen import FROZEN

NEW = names(Covariates)
EVERY = list(COMPUTED)
TWICE = [f"{name}_{side}" for name in COMPUTED for side in "xy"]
KEY = ["band", "expnum", "ccdnum"]


@pytest.fixture
def without_airmass(survey: Survey, database_url: str) -> str:
    """The URL of a catalogue in which the first epoch of band r has no airmass in its header."""
    break_card(survey.path(0, "image"), "sci", "AIRMASS", None)
    report = goodpix.ingest_tiles(survey.folder, db=database_url, masks=survey.masks)
    assert not report.failures
    return database_url


def expected(epochs: pd.DataFrame) -> pd.DataFrame:
    """Return the columns by astropy, with the airmass of the header where it has one."""
    mid = epochs.mjd_obs + epochs.exptime / 2 / 86400
    return pd.DataFrame(astropy_columns(mid.to_numpy(), epochs.ra_cent.to_numpy(), epochs.dec_cent.to_numpy()))


def assert_as_astropy(epochs: pd.DataFrame) -> None:
    found = epochs[NEW].to_numpy(float)
    assert len(found) > 0
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected(epochs)[NEW].to_numpy(), rtol=0, atol=1e-3)


@contextmanager
def at_revision(url: str, revision: str) -> Iterator[None]:
    """Bring a catalogue to an older revision, and afterwards to the newest."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate(connection, revision)
        # the view of that time that the test reads
        connection.execute(sa.text("CREATE VIEW ccd_quality AS SELECT * FROM ccd_image"))
    engine.dispose()
    yield
    goodpix.upgrade(url)


def test_epochs_ccd_images_and_exposures_have_them(without_airmass: str) -> None:
    with goodpix.Catalogue(without_airmass) as catalogue:
        epochs, ccds, exposures = catalogue.epochs(), catalogue.ccds(), catalogue.exposures()
        in_sql = catalogue.sql("SELECT expnum, moon_separation FROM exposure_quality ORDER BY expnum")
    assert_as_astropy(epochs)
    # each exposure of the tile has one CCD image
    for table in (ccds, exposures):
        pd.testing.assert_frame_equal(
            epochs.sort_values("expnum")[EVERY].reset_index(drop=True),
            table.sort_values("expnum")[EVERY].reset_index(drop=True),
        )
    assert in_sql.moon_separation.tolist() == exposures.sort_values("expnum").moon_separation.tolist()


def test_airmass_is_computed_only_where_the_header_has_none(without_airmass: str) -> None:
    with goodpix.Catalogue(without_airmass) as catalogue:
        epochs = catalogue.epochs()
    first = epochs.expnum == FIRST
    assert first.sum() == 1
    by_astropy = expected(epochs).airmass
    assert by_astropy[first].iloc[0] > 1
    np.testing.assert_allclose(epochs.airmass[first], by_astropy[first], rtol=1e-4)
    # random in the headers of the demonstration, and so unlike those of the positions
    assert (abs(epochs.airmass[~first] / by_astropy[~first] - 1) > 1e-3).all()


def test_header_without_a_time_leaves_the_latitudes(survey: Survey) -> None:
    for keyword in ("MJD-OBS", "AIRMASS"):
        break_card(survey.path(0, "image"), "sci", keyword, None)
    survey.ingest()
    with survey.catalogue() as catalogue:
        (row,) = records(catalogue.epochs(expnum=FIRST))
        exposure = catalogue.exposures(expnum=FIRST)
    assert pd.isna([row.moon_separation, row.moon_altitude, row.moon_illumination, row.sun_altitude, row.airmass]).all()
    assert exposure[["moon_separation", "airmass"]].isna().all(axis=None)
    by_astropy = astropy_columns(57000.0, row.ra_cent, row.dec_cent)
    for name in ("galactic_latitude", "ecliptic_latitude"):
        assert getattr(row, name) == pytest.approx(by_astropy[name], abs=1e-4)
        assert exposure[name].tolist() == [getattr(row, name)]


@pytest.mark.parametrize("by", ["epoch", "ccd"])
def test_sky_statistics_have_those_of_their_image(by: Literal["epoch", "ccd"], ingested: Survey) -> None:
    with ingested.catalogue() as catalogue:
        sky = catalogue.background(by=by, statistics=["mean"])
        epochs = catalogue.epochs()
    joined = sky.merge(epochs, on=KEY, suffixes=("", "_epoch"))
    assert len(joined) == len(epochs) > 0
    for name in COMPUTED:
        assert joined[name].notna().all()
        assert joined[name].tolist() == joined[f"{name}_epoch"].tolist()


def test_sky_dataset_has_them_and_joins_to_the_epochs_once(ingested: Survey, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue:
        catalogue.extend_background(tmp_path / "sky", statistics=["mean"])
        joined = catalogue.with_background(tmp_path / "sky")
        epochs = catalogue.epochs()
    (file,) = (tmp_path / "sky").glob("*.parquet")
    stored = pd.read_parquet(file)
    both = stored.merge(epochs, on=KEY)
    assert both.moon_altitude_x.tolist() == both.moon_altitude_y.tolist() != []
    assert joined.moon_altitude.tolist() == epochs.moon_altitude.tolist()


def test_rebuild_has_the_same(without_airmass: str, survey: Survey) -> None:
    def table() -> pd.DataFrame:
        with goodpix.Catalogue(without_airmass) as catalogue:
            return catalogue.exposures().merge(catalogue.epochs(), on=["band", "expnum"])[[*KEY, *TWICE]]

    before = table()
    if without_airmass.startswith("sqlite"):
        goodpix.rebuild(without_airmass, survey.masks, force=True)
    else:
        engine = sa.create_engine(without_airmass)
        with engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        engine.dispose()
        goodpix.rebuild(without_airmass, survey.masks)
    pd.testing.assert_frame_equal(table(), before)


def test_older_tables_have_nulls_until_an_upgrade_computes_them(without_airmass: str) -> None:
    def tables() -> list[pd.DataFrame]:
        with goodpix.Catalogue(without_airmass) as catalogue:
            return [catalogue.epochs().drop(columns=["run_id", "src_index"]), catalogue.ccds(), catalogue.exposures()]

    before = tables()
    with at_revision(without_airmass, "0009"), goodpix.Catalogue(without_airmass) as catalogue:
        assert catalogue.ccds()[NEW].isna().all(axis=None)
        assert catalogue.background(statistics=["mean"])[NEW].isna().all(axis=None)
        report = goodpix.verify(without_airmass)
        assert report.ok
        assert any("summaries are not checked" in note for note in report.notes)
    for was, now in zip(before, tables(), strict=True):
        pd.testing.assert_frame_equal(now, was)
    # an upgrade reads no mask file, where src_index is
    assert goodpix.verify(without_airmass, repair=True).repaired
    assert goodpix.verify(without_airmass).ok


def test_catalogue_of_version_1_has_them_after_an_upgrade(tmp_path: Path) -> None:
    frozen = Path(shutil.copytree(FROZEN, tmp_path / "catalogue")) / "goodpix.db"
    with goodpix.Catalogue(frozen) as catalogue:
        assert catalogue.exposures()[NEW].isna().all(axis=None)
    goodpix.upgrade(frozen)
    with goodpix.Catalogue(frozen) as catalogue:
        epochs, exposures = catalogue.epochs(), catalogue.exposures()
    assert_as_astropy(epochs)
    assert exposures[NEW].notna().all(axis=None)


def test_verify_finds_a_changed_value(stored: Survey) -> None:
    engine = sa.create_engine(f"sqlite:///{stored.database}")
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE epoch SET moon_altitude = 91 WHERE expnum = {FIRST}"))
    engine.dispose()
    report = goodpix.verify(stored.database)
    assert any("moon_altitude is 91.0, but " in each.message for each in report.problems)
    assert goodpix.verify(stored.database, repair=True).ok
    assert goodpix.verify(stored.database).ok
