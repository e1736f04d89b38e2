"""Facts about the masks root."""

import json
import os
from pathlib import Path

import pytest

from goodpix.schema.errors import CatalogueError, CatalogueVersionError
from goodpix.schema.masksroot import FORMAT_VERSION, MasksRoot, publish


@pytest.fixture
def root(tmp_path: Path) -> MasksRoot:
    return MasksRoot.of(tmp_path / "masks")


@pytest.fixture
def marker(root: MasksRoot) -> Path:
    """The file that a claimed root is marked with."""
    root.claim("one")
    (found,) = root.folder.iterdir()
    return found


def test_claimed_root_knows_its_catalogue(marker: Path) -> None:
    assert json.loads(marker.read_text()) == {"format_version": FORMAT_VERSION, "uuid": "one"}


def test_root_may_be_claimed_again_by_its_own_catalogue(root: MasksRoot, marker: Path) -> None:
    before = marker.read_bytes()
    root.claim("one")
    assert marker.read_bytes() == before


def test_root_of_another_catalogue_is_refused(root: MasksRoot, marker: Path) -> None:
    with pytest.raises(CatalogueError, match=r"belongs to catalogue one, expected two: .* --masks"):
        root.claim("two")


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 0, None, "1"])
def test_root_of_another_format_is_refused(root: MasksRoot, marker: Path, version: object) -> None:
    marker.write_text(json.dumps({"format_version": version, "uuid": "one"}))
    with pytest.raises(CatalogueVersionError, match=f"format version {version}, expected {FORMAT_VERSION}"):
        root.claim("one")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", "\ufffd"])
def test_damaged_marker_is_refused(root: MasksRoot, marker: Path, text: str) -> None:
    marker.write_text(text)
    with pytest.raises(CatalogueError, match=r"masks root .*masks"):
        root.claim("one")


def test_file_in_place_of_the_folder_is_refused(root: MasksRoot) -> None:
    root.folder.write_text("")
    with pytest.raises(CatalogueError, match="cannot be used"):
        root.claim("one")


def test_marker_is_no_parquet_file(marker: Path) -> None:
    assert marker.suffix != ".parquet"


def test_root_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert MasksRoot.of("a/../masks").folder == tmp_path / "masks"


def test_home_is_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert MasksRoot.of("~/masks").folder == tmp_path / "masks"


def test_temporary_file_lies_beside_the_final_one(root: MasksRoot) -> None:
    with root.temporary("i/name") as file:
        assert Path(file.name).parent == root.folder / "i"


def test_temporary_file_is_hidden_from_readers_of_the_folder(root: MasksRoot) -> None:
    with root.temporary("i/name") as file:
        assert Path(file.name).name.startswith(".")


def test_published_file_has_its_name_alone(root: MasksRoot) -> None:
    with root.temporary("name") as file:
        file.write(b"text")
    publish(Path(file.name), root.path("name"))
    assert [(path.name, path.read_bytes()) for path in root.folder.iterdir()] == [("name", b"text")]


def test_published_file_takes_the_place_of_an_older_one(root: MasksRoot) -> None:
    root.folder.mkdir()
    root.path("name").write_bytes(b"old")
    with root.temporary("name") as file:
        file.write(b"new")
    publish(Path(file.name), root.path("name"))
    assert root.path("name").read_bytes() == b"new"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_published_file_follows_the_umask(root: MasksRoot, umask: int, mode: int) -> None:
    with root.temporary("name") as file:
        file.write(b"text")
    before = os.umask(umask)
    try:
        publish(Path(file.name), root.path("name"))
    finally:
        os.umask(before)
    assert root.path("name").stat().st_mode & 0o777 == mode
