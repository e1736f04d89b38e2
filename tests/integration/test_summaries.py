"""Summary tables after whole ingests, and after the migration of an old catalogue."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.ingest.database.migrate import migrate, upgrade
from goodpix.ingest.database.opening import open_for_writing
from goodpix.schema.database import REVISION
from goodpix.schema.errors import CatalogueError, CatalogueVersionError
from goodpix.schema.observing.covariates import Covariates
from goodpix.schema.tables import names
from goodpix.schema.views import VIEWS

from ..plainsums import assert_summaries_are_true
from .survey import Survey

FROZEN = Path(__file__).resolve().parents[1] / "data" / "catalogue_v1"


def assert_true(url: object) -> None:
    text = str(url)
    engine = sa.create_engine(text if "://" in text else f"sqlite:///{text}")
    with engine.connect() as connection:
        assert_summaries_are_true(connection)
    engine.dispose()


def test_summaries_follow_every_ingest(database_url: str, survey: Survey) -> None:
    survey.ingest(db=database_url)
    assert_true(database_url)
    survey.ingest(db=database_url, force=True)
    assert_true(database_url)
    survey.path(2, "seg").unlink()
    with survey.editing() as info:
        del info["src_info"][1]
    survey.set_entry(0, {"seg_path": ...}, "i")
    survey.ingest(db=database_url, allow_missing_se_seg=True)
    assert_true(database_url)
    with goodpix.Catalogue(database_url) as catalogue:
        tiles = catalogue.tiles()
    assert (tiles.n_epochs.tolist(), tiles.n_epochs_used.tolist()) == ([3, 2], [2, 2])
    assert tiles.n_epochs_stale.tolist() == [0, 1]


def test_summaries_are_true_where_tiles_share_ccd_images(neighbours: Survey) -> None:
    assert_true(neighbours.database)
    with neighbours.catalogue() as catalogue:
        assert set(catalogue.ccds().n_tiles) == {2}


def test_copied_epochs_stay_with_the_run_that_made_them(stored: Survey) -> None:
    path = stored.path(0, "seg")
    path.rename(path.with_suffix(".new"))
    stored.set_entry(0, {"seg_path": str(path.with_suffix(".new"))})
    stored.ingest()
    assert_true(stored.database)
    with stored.catalogue() as catalogue:
        made = catalogue.sql("SELECT run_id, n_epochs FROM tile_run WHERE band = 'r' ORDER BY run_id")
    assert made.n_epochs.tolist() == [2, 1]


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """The database of a copy of the catalogue that goodpix 0.1.0 made."""
    return Path(shutil.copytree(FROZEN, tmp_path / "catalogue")) / "goodpix.db"


def shown(database: Path) -> dict[str, pd.DataFrame]:
    with goodpix.Catalogue(database) as catalogue:
        names = ("epochs", "tiles", "ccds", "exposures", "bits", "failures")
        return {name: getattr(catalogue, name)() for name in names}


def test_upgraded_catalogue_shows_what_it_showed(frozen: Path) -> None:
    before = shown(frozen)
    assert upgrade(frozen)
    computed = names(Covariates)
    for name, table in shown(frozen).items():
        # columns that the upgrade computes
        new = [column for column in table if column in computed]
        assert len(new) == (len(computed) if name in ("epochs", "ccds", "exposures") else 0)
        assert before[name][new].isna().all(axis=None)
        pd.testing.assert_frame_equal(table.drop(columns=new), before[name].drop(columns=new), rtol=1e-12)


def test_upgrade_fills_the_summaries(frozen: Path) -> None:
    upgrade(frozen)
    assert_true(frozen)


def test_upgrade_leaves_one_plain_file_of_the_newest_revision(frozen: Path) -> None:
    upgrade(frozen)
    with closing(sqlite3.connect(frozen)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISION,)
    assert {path.name for path in frozen.parent.iterdir()} == {path.name for path in FROZEN.iterdir()}


def test_second_upgrade_has_nothing_to_do(frozen: Path) -> None:
    upgrade(frozen)
    before = frozen.read_bytes()
    assert not upgrade(frozen)
    assert frozen.read_bytes() == before


def test_upgrade_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no catalogue at"):
        upgrade(tmp_path / "gone.db")


def test_old_catalogue_is_written_after_its_upgrade_only(frozen: Path, survey: Survey) -> None:
    with goodpix.Catalogue(frozen) as catalogue:
        campaign = catalogue.database.identity.campaign
    given: dict[str, Any] = {"masks": None, "campaign": campaign, "wcs_source": "image"}
    with (
        pytest.raises(CatalogueVersionError, match=f"expected {REVISION} .*: goodpix db upgrade upgrades it"),
        open_for_writing(frozen, **given),
    ):
        pass
    upgrade(frozen)
    with open_for_writing(frozen, **given) as database:
        assert database.identity.campaign == campaign


def test_migration_fills_the_summaries_of_many_epochs(database_url: str, survey: Survey) -> None:
    survey.ingest(db=database_url)
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        migrate(connection, "0001")
        migrate(connection)
        assert_summaries_are_true(connection)
    engine.dispose()


def test_upgrade_on_the_command_line(frozen: Path, cli: Any) -> None:
    done = [cli("db", "upgrade", "--db", frozen) for _ in range(2)]
    assert [each.status for each in done] == [0, 0]
    (first,), (second,) = (each.lines for each in done)
    assert first.startswith(f"revision 0001 -> {REVISION}")
    assert second.startswith("nothing more to do")
    assert_true(frozen)


def test_views_of_the_upgraded_catalogue_are_those_of_a_new_one(frozen: Path, ingested: Survey) -> None:
    upgrade(frozen)
    found = []
    for database in (frozen, ingested.database):
        with closing(sqlite3.connect(database)) as connection:
            found.append({view: connection.execute(f"PRAGMA table_info({view})").fetchall() for view in VIEWS})
    assert found[0] == found[1]
