"""Facts about a folder that keeps files."""

import os
from pathlib import Path

import pytest

from goodpix.schema.errors import StoreError
from goodpix.schema.store.folder import LocalFolder, publish


@pytest.fixture
def store(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "masks")


def contents(store: LocalFolder) -> dict[str, bytes]:
    paths = [path for path in store.folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(store.folder)): path.read_bytes() for path in paths}


def test_draft_lies_beside_the_final_file_where_no_reader_looks(store: LocalFolder) -> None:
    draft = store.draft("i")
    path = Path(draft.file.name)
    assert path.parent == store.folder / "i"
    assert path.name.startswith(".")
    assert [each.is_temporary for each in store.listing().files] == [True]
    draft.discard()


def test_published_file_has_its_name_alone(store: LocalFolder) -> None:
    draft = store.draft("i")
    draft.file.write(b"text")
    draft.publish("i/name")
    draft.discard()
    assert contents(store) == {"i/name": b"text"}


def test_discarded_draft_leaves_nothing(store: LocalFolder) -> None:
    draft = store.draft("i")
    draft.file.write(b"text")
    draft.discard()
    draft.discard()
    assert contents(store) == {}


def test_written_file_takes_the_place_of_an_older_one(store: LocalFolder) -> None:
    for content in (b"old", b"new"):
        store.write("name", content)
        assert contents(store) == {"name": content}


def test_created_file_is_not_written_over(store: LocalFolder) -> None:
    assert [store.create("name", content) for content in (b"one", b"two")] == [True, False]
    assert contents(store) == {"name": b"one"}


def test_file_is_created_where_no_file_has_two_names(store: LocalFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # as vfat says

    monkeypatch.setattr(os, "link", refuse)
    assert store.create("name", b"one")
    assert contents(store) == {"name": b"one"}


def test_what_is_not_there_is_nothing(store: LocalFolder) -> None:
    assert store.read("name") is None
    assert not store.exists()
    assert list(store.listing().files) == []


def test_file_in_place_of_the_folder_holds_nothing(store: LocalFolder) -> None:
    store.folder.write_text("")
    assert store.read("name") is None
    assert not store.exists()


def test_files_are_listed_with_size_and_age(store: LocalFolder) -> None:
    for name in ("r/b", "r/a", "_top"):
        store.write(name, name.encode())
    os.utime(store.path("r/b"), (5, 5))
    found = {each.name: each for each in store.listing().files}
    assert list(found) == ["_top", "r/a", "r/b"]
    assert (found["r/b"].n_bytes, found["r/b"].modified) == (3, 5.0)


def test_folder_behind_a_link_is_listed_once(store: LocalFolder, tmp_path: Path) -> None:
    store.write("r/a", b"")
    store.path("r").rename(tmp_path / "disk")
    store.path("r").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "above").symlink_to(store.folder)
    listing = store.listing()
    assert ([each.name for each in listing.files], listing.unlisted) == (["r/a"], ())


@pytest.mark.parametrize("target", ["no-disk", "r"])
def test_link_to_a_folder_that_cannot_be_entered_is_named(store: LocalFolder, target: str) -> None:
    store.write("i/a", b"")
    store.path("r").symlink_to(target)
    listing = store.listing()
    assert [each.name for each in listing.files] == ["i/a"]
    (unlisted,) = listing.unlisted
    assert unlisted.startswith(f"{store.path('r')} cannot be listed: ")


def test_root_that_cannot_be_entered_is_an_error(store: LocalFolder) -> None:
    store.folder.symlink_to(store.folder.name)
    with pytest.raises(StoreError, match="masks cannot be read: Too many levels of symbolic links"):
        store.listing()


def test_removed_file_is_gone_and_one_written_again_since_is_not(store: LocalFolder) -> None:
    for name in ("a", "b"):
        store.write(name, b"")
    first, second = store.listing().files
    os.utime(store.path("b"), (5, 5))
    store.remove(first)
    store.remove(first)
    store.remove(second)
    assert list(contents(store)) == ["b"]


@pytest.mark.parametrize(("place", "seen"), [("here", "masks"), ("", "here/masks"), ("there", "{tmp}/here/masks")])
def test_folder_is_remembered_relative_to_what_it_lies_in(tmp_path: Path, place: str, seen: str) -> None:
    store = LocalFolder(tmp_path / "here" / "masks")
    assert store.seen_from(tmp_path / place) == seen.format(tmp=tmp_path)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_published_file_follows_the_umask(store: LocalFolder, umask: int, mode: int) -> None:
    draft = store.draft("")
    draft.file.write(b"text")
    draft.file.close()
    before = os.umask(umask)
    try:
        publish(Path(draft.file.name), store.path("name"))
    finally:
        os.umask(before)
    assert store.path("name").stat().st_mode & 0o777 == mode
