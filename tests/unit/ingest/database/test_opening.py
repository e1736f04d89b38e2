"""Facts about opening a catalogue."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.ingest.database import locks
from goodpix.ingest.database.migrate import upgrade
from goodpix.ingest.database.opening import open_for_writing
from goodpix.query.catalogue import Catalogue
from goodpix.schema import tables
from goodpix.schema.bits import DES_Y6, BitNames
from goodpix.schema.database import Database, is_catalogue, open_for_reading
from goodpix.schema.errors import (
    AmbiguousInputError,
    CatalogueBusyError,
    CatalogueError,
    CatalogueVersionError,
    UsageError,
)
from goodpix.schema.store.masksroot import FORMAT_VERSION, MasksRoot

CAMPAIGN = "des-pizza-slices-y6-v8"


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return tmp_path / "masks"


@pytest.fixture
def write(database_url: str, masks: Path) -> Callable[..., AbstractContextManager[Database]]:
    """Open a catalogue of the test's own for writing, as the first ingest did but for what is given."""
    return partial(written, database_url, masks=masks)


@pytest.fixture
def url(database_url: str, write: Callable[..., AbstractContextManager[Database]]) -> str:
    """The URL of a catalogue that exists."""
    with write():
        pass
    return database_url


@pytest.fixture(scope="module")
def kept(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a catalogue that every test leaves as it is."""
    with written(module_database_url, masks=tmp_path_factory.mktemp("kept") / "masks"):
        pass
    return module_database_url


def written(url: str, **changes: Any) -> AbstractContextManager[Database]:
    """Open a catalogue for writing, as the first ingest did but for what is given."""
    given: dict[str, Any] = {"masks": None, "campaign": CAMPAIGN, "wcs_source": "image"} | changes
    return open_for_writing(url, **given)


def change(url: str, statement: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def test_new_catalogue_is_what_it_was_made_for(write: Callable[..., AbstractContextManager[Database]]) -> None:
    with write() as database:
        identity = database.identity
    assert (identity.campaign, identity.wcs_source, identity.bit_names) == (CAMPAIGN, "image", DES_Y6)


def test_reader_finds_what_the_writer_made(kept: str) -> None:
    with written(kept) as writer, open_for_reading(kept) as read:
        assert (read.identity, read.root) == (writer.identity, writer.root)


def test_catalogue_keeps_the_surveys_bits(write: Callable[..., AbstractContextManager[Database]]) -> None:
    names = BitNames(se={"GHOST": 64}, coadd={})
    with write(bit_names=names):
        pass
    with write() as database:
        assert database.identity.bit_names == names


def test_two_catalogues_are_never_the_same(tmp_path: Path) -> None:
    uuids = set()
    for k in range(2):
        with open_for_writing(
            tmp_path / f"{k}.db", masks=tmp_path / f"masks{k}", campaign=CAMPAIGN, wcs_source="image"
        ) as database:
            uuids.add(database.identity.uuid)
    assert len(uuids) == 2


def test_place_without_a_catalogue_is_none(database_url: str) -> None:
    assert not is_catalogue(database_url)


def test_place_with_a_catalogue_is_one(kept: str) -> None:
    assert is_catalogue(kept)


def test_looking_for_a_catalogue_makes_no_file(tmp_path: Path) -> None:
    is_catalogue(tmp_path / "new.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "wanted", "found"),
    [("campaign", "another", CAMPAIGN), ("wcs_source", "scamp", "image")],
)
def test_other_definition_is_refused_and_both_named(
    url: str, write: Callable[..., AbstractContextManager[Database]], what: str, wanted: str, found: str
) -> None:
    change(url, "INSERT INTO coadd (coadd_id, tilename, band, generation, mask_file) VALUES (1, 't', 'i', 1, 'a')")
    with (
        pytest.raises(AmbiguousInputError, match=f"is {wanted}, but the catalogue .* was made with {found}"),
        write(**{what: wanted}),
    ):
        pass


def test_catalogue_without_masks_takes_another_definition(
    url: str, write: Callable[..., AbstractContextManager[Database]], masks: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_for_reading(url) as before:
        uuid = before.identity.uuid
    with write(campaign="another", wcs_source="scamp", segmentation="none") as database:
        assert MasksRoot.of(masks).facts == {"campaign": "another", "wcs_source": "scamp"}
    with open_for_reading(url) as read:
        assert read.identity == database.identity
        assert (read.identity.uuid, read.identity.segmentation) == (uuid, "none")
    assert f"has no masks: its inputs now have campaign another, no longer {CAMPAIGN}; wcs_source scamp" in caplog.text


def test_catalogue_without_masks_keeps_its_definition_while_others_write(
    postgres_database: str, masks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_TIMEOUT", 0.0)
    with (
        written(postgres_database, masks=masks),
        pytest.raises(CatalogueBusyError, match="is being written by goodpix"),
        written(postgres_database, masks=masks, campaign="another"),
    ):
        pass
    with open_for_reading(postgres_database) as read:
        assert read.identity.campaign == CAMPAIGN


def test_other_masks_root_is_refused_and_both_named(kept: str, tmp_path: Path) -> None:
    with (
        pytest.raises(AmbiguousInputError, match=r"masks root is .*/other, but .* made with .*/masks"),
        written(kept, masks=tmp_path / "other"),
    ):
        pass


def test_refused_masks_root_is_left_alone(kept: str, tmp_path: Path) -> None:
    with pytest.raises(AmbiguousInputError, match="masks root"), written(kept, masks=tmp_path / "other"):
        pass
    assert not (tmp_path / "other").exists()


def test_masks_root_need_not_be_given_again(
    url: str, write: Callable[..., AbstractContextManager[Database]], masks: Path
) -> None:
    with write(masks=None) as database:
        assert database.root == MasksRoot.of(masks)


def test_masks_root_of_another_catalogue_is_refused(
    write: Callable[..., AbstractContextManager[Database]], masks: Path
) -> None:
    MasksRoot.of(masks).claim("another")
    with pytest.raises(CatalogueError, match="belongs to catalogue another"), write():
        pass


def test_refused_masks_root_leaves_no_catalogue(
    database_url: str, write: Callable[..., AbstractContextManager[Database]], masks: Path
) -> None:
    MasksRoot.of(masks).claim("another")
    with pytest.raises(CatalogueError, match="belongs to"), write():
        pass
    assert not is_catalogue(database_url)


def test_masks_root_outlives_a_creation_that_failed(database_url: str, masks: Path) -> None:
    def created(bit_names: Any) -> None:
        with open_for_writing(database_url, masks=masks, campaign=CAMPAIGN, wcs_source="image", bit_names=bit_names):
            pass

    # what ends a process between the claim and the commit is not to be had; an argument of another type is
    with pytest.raises(TypeError, match="keys must be str"):
        created(BitNames(se={"A": 1}, coadd={b"B": 1}))  # type: ignore[dict-item]  # the point of the test
    created(DES_Y6)
    assert is_catalogue(database_url)


def test_missing_catalogue_is_named_with_the_cure(tmp_path: Path) -> None:
    with (
        pytest.raises(CatalogueError, match=r"no catalogue at .*gone\.db: goodpix ingest creates one"),
        open_for_reading(tmp_path / "gone.db"),
    ):
        pass


def test_reading_what_is_missing_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no catalogue"), open_for_reading(tmp_path / "gone.db"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_database_of_something_else_is_not_a_catalogue(
    database_url: str, write: Callable[..., AbstractContextManager[Database]]
) -> None:
    change(database_url, "CREATE TABLE people (name TEXT)")
    with pytest.raises(CatalogueError, match="is not a goodpix catalogue: it has no table catalogue"), write():
        pass


def test_database_of_something_else_is_left_alone(
    database_url: str, write: Callable[..., AbstractContextManager[Database]]
) -> None:
    change(database_url, "CREATE TABLE people (name TEXT)")
    with pytest.raises(CatalogueError, match="not a goodpix catalogue"), write():
        pass
    engine = sa.create_engine(database_url)
    assert sa.inspect(engine).get_table_names() == ["people"]
    engine.dispose()


def test_other_table_called_catalogue_is_refused(database_url: str) -> None:
    change(database_url, "CREATE TABLE catalogue (name TEXT)")
    with pytest.raises(CatalogueError, match="cannot use the database"), open_for_reading(database_url):
        pass


def test_empty_catalogue_table_is_refused(url: str) -> None:
    change(url, "DELETE FROM catalogue")
    with pytest.raises(CatalogueError, match="its table catalogue is empty"), open_for_reading(url):
        pass


@pytest.mark.parametrize("mode", ["read", "write"])
def test_newer_format_is_refused(url: str, write: Callable[..., AbstractContextManager[Database]], mode: str) -> None:
    change(url, f"UPDATE catalogue SET format_version = {FORMAT_VERSION + 1}")
    opened = write() if mode == "write" else open_for_reading(url)
    with pytest.raises(CatalogueVersionError, match="use the version of goodpix that created it"), opened:
        pass


@pytest.mark.parametrize("revision", ["0000", "9999"])
def test_other_revision_is_refused_with_the_cure(url: str, revision: str) -> None:
    change(url, f"UPDATE alembic_version SET version_num = '{revision}'")
    with (
        pytest.raises(
            CatalogueVersionError, match=f"tables of revision {revision}.*use the version of goodpix that created it"
        ),
        open_for_reading(url),
    ):
        pass


@pytest.mark.parametrize("how", ["DROP TABLE", "DELETE FROM"])
def test_catalogue_without_revision_is_refused_with_the_cure(url: str, how: str) -> None:
    change(url, f"{how} alembic_version")
    with pytest.raises(CatalogueError, match=r"alembic_version.*goodpix rebuild --force"), open_for_reading(url):
        pass


def test_view_that_is_lost_is_our_error_with_the_cure(url: str) -> None:
    change(url, "DROP VIEW epoch_quality")
    with (
        Catalogue(url) as catalogue,
        pytest.raises(CatalogueError, match=r"^cannot use the database .*epoch_quality.*goodpix db upgrade[^\n]*$"),
    ):
        catalogue.epochs()


def test_upgrade_makes_a_lost_view_again(url: str) -> None:
    change(url, "DROP VIEW epoch_quality")
    upgrade(url)
    with Catalogue(url) as catalogue:
        assert catalogue.epochs().empty


def test_wrong_query_of_a_user_is_not_the_databases_fault(kept: str) -> None:
    with Catalogue(kept) as catalogue, pytest.raises(UsageError, match=r"the query cannot be run: .*nosuch[^\n]*$"):
        catalogue.sql("SELECT 1 FROM nosuch")


def test_database_that_is_locked_after_opening_is_our_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goodpix.schema.dialects._BUSY_MS", 0)
    path = tmp_path / "a.db"
    with open_for_writing(path, masks=tmp_path / "masks", campaign=CAMPAIGN, wcs_source="image"):
        pass
    with Catalogue(path) as catalogue, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(CatalogueError, match=r"database is locked .another process holds it"):
            catalogue.tiles()


def test_reader_connects_anew_where_the_server_closed_its_connection(postgres_database: str, masks: Path) -> None:
    with open_for_writing(postgres_database, masks=masks, campaign=CAMPAIGN, wcs_source="image"):
        pass
    with Catalogue(postgres_database) as catalogue:
        change(
            postgres_database,
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        assert catalogue.tiles().empty


GARBAGE = b"this is no database, and longer than the header of one would be " * 40


@pytest.mark.parametrize("mode", ["read", "write"])
def test_file_that_is_no_database_is_refused(tmp_path: Path, masks: Path, mode: str) -> None:
    path = tmp_path / "garbage.db"
    path.write_bytes(GARBAGE)
    opened = (
        open_for_reading(path)
        if mode == "read"
        else open_for_writing(path, masks=masks, campaign=CAMPAIGN, wcs_source="image")
    )
    with pytest.raises(CatalogueError, match=r"garbage\.db: file is not a database"), opened:
        pass
    assert path.read_bytes() == GARBAGE


def test_file_that_is_no_database_cannot_be_asked(tmp_path: Path) -> None:
    (tmp_path / "garbage.db").write_bytes(GARBAGE)
    with pytest.raises(CatalogueError, match=r"garbage\.db: file is not a database"):
        is_catalogue(tmp_path / "garbage.db")


@pytest.mark.parametrize("mode", ["read", "write"])
def test_folder_in_place_of_the_database_is_refused(tmp_path: Path, masks: Path, mode: str) -> None:
    opened = (
        open_for_reading(tmp_path)
        if mode == "read"
        else open_for_writing(tmp_path, masks=masks, campaign=CAMPAIGN, wcs_source="image")
    )
    with pytest.raises(CatalogueError, match=str(tmp_path)), opened:
        pass


def test_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(CatalogueError, match=r"the folder .*/no does not exist"),
        open_for_writing(tmp_path / "no" / "a.db", masks=None, campaign=CAMPAIGN, wcs_source="image"),
    ):
        pass


def test_finished_write_leaves_one_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with open_for_writing(path, masks=tmp_path / "masks", campaign=CAMPAIGN, wcs_source="image"):
        pass
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_finished_write_leaves_no_file_beside(tmp_path: Path) -> None:
    with open_for_writing(tmp_path / "a.db", masks=tmp_path / "masks", campaign=CAMPAIGN, wcs_source="image"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"a.db", "masks"}


@pytest.mark.engine("sqlite")  # only SQLite has files
def test_writer_that_fails_leaves_one_plain_file(url: str, tmp_path: Path) -> None:
    with (
        pytest.raises(CatalogueError, match=r"cannot use the database .*no such table"),
        open_for_writing(url, masks=None, campaign=CAMPAIGN, wcs_source="image") as database,
        database.engine.begin() as connection,
    ):
        connection.execute(sa.text("UPDATE catalogue SET campaign = (SELECT 1 FROM nosuch)"))
    assert {path.name for path in tmp_path.iterdir()} == {"catalogue.db", "masks"}


def fail_after_changes(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(tables.catalogue.update().values(campaign="x"))
        connection.execute(sa.text("CREATE TABLE extra (a INTEGER)"))
        raise KeyboardInterrupt


def test_transaction_that_fails_changes_nothing(kept: str) -> None:
    with pytest.raises(KeyboardInterrupt), written(kept) as database:
        fail_after_changes(database)
    with open_for_reading(kept) as database:
        assert database.identity.campaign == CAMPAIGN
        assert not sa.inspect(database.engine).has_table("extra")


def test_foreign_keys_hold(write: Callable[..., AbstractContextManager[Database]]) -> None:
    with write() as database, database.engine.connect() as connection:
        statement = tables.footprint.insert().values(hpix=1, epoch_id=77)
        with pytest.raises(sa.exc.IntegrityError, match=r"(?i)foreign key"):
            connection.execute(statement)


def test_reader_sees_the_old_answer_while_a_writer_writes(
    url: str, write: Callable[..., AbstractContextManager[Database]]
) -> None:
    with write() as database, database.engine.begin() as connection:
        connection.execute(tables.catalogue.update().values(campaign="x"))
        with open_for_reading(url) as other:
            assert other.identity.campaign == CAMPAIGN


def test_schema_named_in_a_postgres_url_holds_a_catalogue_of_its_own(postgres_database: str, tmp_path: Path) -> None:
    change(postgres_database, "CREATE SCHEMA one")
    inside = f"{postgres_database}?options=-csearch_path%3Done"
    with open_for_writing(inside, masks=tmp_path / "masks", campaign=CAMPAIGN, wcs_source="image") as written:
        pass
    with open_for_reading(inside) as read:
        assert read.identity == written.identity
    assert not is_catalogue(postgres_database)
