"""Database URLs, and what they say of themselves."""

import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.ingest.database.opening import open_for_writing
from goodpix.schema.database import check_type, is_catalogue, open_for_reading, parse_url, shown
from goodpix.schema.errors import CatalogueError, DamagedValueError, UsageError
from goodpix.schema.store.masksroot import MasksRoot

CAMPAIGN = "des-pizza-slices-y6-v8"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises((UsageError, CatalogueError), match=r"memory|file|FILE"), open_for_reading(url):
        pass


def test_plain_path_is_a_sqlite_file(tmp_path: Path) -> None:
    assert parse_url(tmp_path / "a.db") == sa.make_url(f"sqlite:///{tmp_path / 'a.db'}")


@pytest.mark.parametrize("name", ["with space.db", "per%cent.db", "ques?tion.db", "ha#sh.db", "ümlaut.db", "a:b.db"])
def test_path_may_hold_any_letter(tmp_path: Path, name: str) -> None:
    with open_for_writing(tmp_path / name, masks=tmp_path / "masks", campaign=CAMPAIGN, wcs_source="image"):
        pass
    with open_for_reading(tmp_path / name) as database:
        assert database.identity.campaign == CAMPAIGN
    assert {path.name for path in tmp_path.iterdir()} == {name, "masks"}


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgres_is_reached_by_psycopg_3(scheme: str) -> None:
    assert parse_url(f"{scheme}://someone@host/db").drivername == "postgresql+psycopg"


@pytest.mark.parametrize("url", ["mysql://host/db", "mssql+pyodbc://host/db", "gopher://host"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is not supported: expected sqlite:///FILE or postgresql"):
        parse_url(url)


@pytest.mark.parametrize("url", ["://", "://a", "postgresql://host:port/db", "postgresql://user:pass@host:5x/db"])
def test_url_that_cannot_be_understood_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="--db: cannot understand this URL"):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:top-secret@127.0.0.1:1/db",
        "postgresql://someone:top-secret@/db?host=/no/such/folder",
        "mysql://someone:top-secret@host/db",
        "postgresql://someone:top-secret@host:top-secret/db",
        "postgresql://someone:top-secret@127.0.0.1:1/db?password=top-secret",
        "postgresql://127.0.0.1:1/db?user=someone&options=-c%20password%3Dtop-secret",
        "postgresql:/someone:top-secret@host/db",
        "postgresql+psycopg:someone:top-secret@host/db",
        "mysql:/someone:top-secret@host/db",
        "host=127.0.0.1 user=someone password=top-secret",
        "sqlite:///host=127.0.0.1 password = top-secret",
        "sqlite:////no/such/file.db?password=top-secret",
    ],
)
def test_password_is_never_in_a_message(url: str) -> None:
    with pytest.raises((UsageError, CatalogueError), match=r"^(?!.*top-secret)"), open_for_reading(url):
        pass


@pytest.mark.parametrize("url", ["postgresql:/someone:top-secret@host/db", "host=here password=top-secret"])
def test_what_is_nearly_a_url_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(UsageError, match="cannot understand this URL"),
        open_for_writing(url, masks=None, campaign=CAMPAIGN, wcs_source="image"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_url_is_shown_without_its_password() -> None:
    assert shown(parse_url("postgresql://someone:top-secret@host/db")) == "postgresql+psycopg://someone:***@host/db"


def test_password_among_the_options_is_not_shown() -> None:
    assert "top-secret" not in shown(parse_url("postgresql://someone@host/db?password=top-secret"))


def test_database_whose_name_is_not_utf_8_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--db caf\\xe9\.db: expected a name in UTF-8"):
        parse_url(os.fsdecode(b"caf\xe9.db"))


def test_database_whose_name_is_too_long_does_not_exist() -> None:
    assert not is_catalogue("a" * 10_000)
    with pytest.raises(CatalogueError, match="no catalogue at"), open_for_reading("a" * 10_000):
        pass


def test_masks_root_beside_the_database_moves_with_it(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    with open_for_writing(
        tmp_path / "here" / "a.db", masks=tmp_path / "here" / "masks", campaign=CAMPAIGN, wcs_source="image"
    ):
        pass
    (tmp_path / "here").rename(tmp_path / "there")
    with open_for_reading(tmp_path / "there" / "a.db") as database:
        assert database.root == MasksRoot.of(tmp_path / "there" / "masks")


def test_masks_root_in_an_object_store_is_remembered_by_its_url(database_url: str) -> None:
    given: dict[str, Any] = {"campaign": CAMPAIGN, "wcs_source": "image"}
    root = f"memory://{uuid.uuid4()}/masks"
    with open_for_writing(database_url, masks=f"{root}/", **given):
        pass
    with open_for_reading(database_url) as database:
        assert (str(database.root), database.identity.masks_root) == (root, root)
        assert database.root.owner == database.identity.uuid
    with open_for_writing(database_url, masks=None, **given) as database:
        assert str(database.root) == root


def test_masks_root_that_is_no_place_leaves_no_database(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="nonsense://bucket"),
        open_for_writing(tmp_path / "a.db", masks="nonsense://bucket", campaign=CAMPAIGN, wcs_source="image"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_masks_root_elsewhere_stays_there(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    with open_for_writing(tmp_path / "here" / "a.db", masks=tmp_path / "masks", campaign=CAMPAIGN, wcs_source="image"):
        pass
    (tmp_path / "here").rename(tmp_path / "there")
    with open_for_reading(tmp_path / "there" / "a.db") as database:
        assert database.root == MasksRoot.of(tmp_path / "masks")


def test_moved_catalogue_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    given: dict[str, Any] = {"campaign": CAMPAIGN, "wcs_source": "image"}
    with open_for_writing(tmp_path / "here" / "a.db", masks=tmp_path / "here" / "masks", **given):
        pass
    shutil.move(tmp_path / "here", tmp_path / "there")
    with open_for_writing(tmp_path / "there" / "a.db", masks=tmp_path / "there" / "masks", **given) as database:
        assert database.root == MasksRoot.of(tmp_path / "there" / "masks")


@pytest.mark.parametrize(
    ("name", "value"), [("nx", 9), ("scale", 3), ("stale", 1), ("magzp", None), ("of_no_column", b"")]
)
def test_value_of_its_columns_type_is_sound(name: str, value: object) -> None:
    check_type(name, value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nx", "x", "nx is 'x' in the database: expected int: run goodpix verify --repair"),
        ("coadd_nx", 2.5, r"coadd_nx is 2\.5 in the database: expected int"),
        ("scale", "y" * 99, r"scale is 'y{59}\.\.\. in the database: expected float"),
        ("band", b"\xff", "band is b'.xff' in the database: expected str"),
    ],
)
def test_value_of_another_type_than_its_columns_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(DamagedValueError, match=message):
        check_type(name, value)
