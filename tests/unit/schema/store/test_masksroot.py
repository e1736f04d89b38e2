"""Facts about the masks root."""

import json
import os
import sys
from pathlib import Path

import pytest

from goodpix.schema.errors import CatalogueError, CatalogueVersionError, UsageError
from goodpix.schema.store.bucket import ObjectStore
from goodpix.schema.store.folder import LocalFolder
from goodpix.schema.store.masksroot import FORMAT_VERSION, MasksRoot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "masks"


@pytest.fixture
def root(folder: Path) -> MasksRoot:
    return MasksRoot.of(folder)


@pytest.fixture
def marker(root: MasksRoot, folder: Path) -> Path:
    """The file that a claimed root is marked with."""
    root.claim("one")
    (found,) = folder.iterdir()
    return found


def test_claimed_root_knows_its_catalogue(marker: Path) -> None:
    assert json.loads(marker.read_text()) == {"format_version": FORMAT_VERSION, "uuid": "one"}


def test_root_may_be_claimed_again_by_its_own_catalogue(root: MasksRoot, marker: Path) -> None:
    before = marker.read_bytes()
    root.claim("one")
    assert marker.read_bytes() == before


def test_root_keeps_the_facts_that_it_is_given(root: MasksRoot, marker: Path) -> None:
    assert root.facts == {}
    facts = {"campaign": "y6", "wcs_source": "image"}
    root.claim("one", facts=facts)
    assert (root.owner, root.facts) == ("one", facts)


def test_root_of_another_catalogue_is_refused(root: MasksRoot, marker: Path) -> None:
    with pytest.raises(CatalogueError, match=r"belongs to catalogue one, expected two: .* --masks"):
        root.claim("two")


def test_of_two_catalogues_that_claim_it_at_once_one_has_it(root: MasksRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    create = LocalFolder.create

    def after_another(store: LocalFolder, name: str, content: bytes) -> bool:
        monkeypatch.undo()
        MasksRoot(store).claim("two")
        return create(store, name, content)

    monkeypatch.setattr(LocalFolder, "create", after_another)
    with pytest.raises(CatalogueError, match="belongs to catalogue two, expected one"):
        root.claim("one")
    assert root.owner == "two"


@pytest.mark.parametrize("version", [FORMAT_VERSION + 1, 0, None, "1"])
def test_root_of_another_format_is_refused(root: MasksRoot, marker: Path, version: object) -> None:
    marker.write_text(json.dumps({"format_version": version, "uuid": "one"}))
    with pytest.raises(CatalogueVersionError, match=f"format version {version}, expected {FORMAT_VERSION} or older"):
        root.claim("one")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", "\ufffd"])
def test_damaged_marker_is_refused(root: MasksRoot, marker: Path, text: str) -> None:
    marker.write_text(text)
    with pytest.raises(CatalogueError, match=r"masks root .*masks"):
        root.claim("one")


def test_file_in_place_of_the_folder_is_refused(root: MasksRoot, folder: Path) -> None:
    folder.write_text("")
    with pytest.raises(CatalogueError, match="cannot be used"):
        root.claim("one")


def test_marker_is_no_parquet_file(marker: Path) -> None:
    assert marker.suffix != ".parquet"


def test_root_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(MasksRoot.of("a/../masks")) == str(tmp_path / "masks")


def test_home_is_filled_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(MasksRoot.of("~/masks")) == str(tmp_path / "masks")


@pytest.mark.parametrize("url", ["file:///data/masks", "local:///data/masks", "file:///data/masks/"])
def test_url_of_a_file_means_the_folder(url: str) -> None:
    assert MasksRoot.of(url) == MasksRoot(LocalFolder(Path("/data/masks")))


@pytest.mark.parametrize("url", ["s3://bucket/some/masks", "s3://bucket/some/masks/"])
def test_url_of_a_bucket_means_its_objects(url: str) -> None:
    root = MasksRoot.of(url)
    assert root == MasksRoot(ObjectStore("s3://bucket/some/masks"))
    assert str(root.path("r/name")) == "s3://bucket/some/masks/r/name"
    assert root.seen_from(Path("/data")) == root.seen_from(None) == "s3://bucket/some/masks"


def test_path_that_was_a_url_is_refused() -> None:
    with pytest.raises(UsageError, match=r"masks root s3:/bucket/masks: a Path has lost a slash .* expected a string"):
        MasksRoot.of(Path("s3://bucket/masks"))


@pytest.mark.parametrize("url", ["s3://", "s3:///masks", "://bucket", "simplecache::s3://bucket/masks"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="expected a folder, or a URL such as s3://bucket/prefix"):
        MasksRoot.of(url)


@pytest.mark.parametrize("protocol", ["nonsense", "http", "https", "sftp", "ftp", "github", "hf", "smb", "GIT"])
def test_protocol_other_than_those_of_stores_is_refused(protocol: str) -> None:
    says = f"{protocol}://host/masks: {protocol}:// is not supported: expected a folder or s3://, gs://"
    with pytest.raises(UsageError, match=says):
        MasksRoot.of(f"{protocol}://host/masks")


@pytest.mark.parametrize("protocol", ["s3", "gs", "abfs", "memory"])
def test_root_in_a_store_is_named_without_its_library(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    assert str(MasksRoot.of(f"{protocol}://bucket/masks")) == f"{protocol}://bucket/masks"


def test_root_whose_name_is_not_utf_8_is_refused() -> None:
    with pytest.raises(UsageError, match=r"masks root caf\\xe9: expected a name in UTF-8"):
        MasksRoot.of(os.fsdecode(b"caf\xe9"))


def test_root_whose_name_is_too_long_does_not_exist() -> None:
    assert not MasksRoot.of("a" * 10_000).store.exists()


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/masks", "s3://bucket/masks?token=secret", "s3://b/m#secret"])
def test_url_with_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="expected a URL without") as refused:
        MasksRoot.of(url)
    assert "secret" not in str(refused.value)


@pytest.fixture
def old_marker(marker: Path) -> Path:
    """The marker of a root of format 1."""
    marker.write_text(json.dumps({"format_version": 1, "uuid": "one", "campaign": "y6", "wcs_source": "image"}))
    return marker


def version_of(marker: Path) -> object:
    return json.loads(marker.read_text())["format_version"]


def test_root_of_format_1_is_claimed_as_it_is(root: MasksRoot, old_marker: Path) -> None:
    root.claim("one", facts={"campaign": "y6", "wcs_source": "image"})
    assert version_of(old_marker) == 1


def test_root_of_format_1_stays_so_with_new_facts(root: MasksRoot, old_marker: Path) -> None:
    root.claim("one", facts={"campaign": "y7", "wcs_source": "image"})
    assert (version_of(old_marker), root.facts["campaign"]) == (1, "y7")


def test_raising_the_version_changes_nothing_else(root: MasksRoot, old_marker: Path) -> None:
    before = json.loads(old_marker.read_text())
    root.raise_version()
    assert json.loads(old_marker.read_text()) == before | {"format_version": FORMAT_VERSION}


def test_version_of_a_new_root_is_not_raised(root: MasksRoot, marker: Path) -> None:
    before = marker.stat()
    root.raise_version()
    assert marker.stat() == before


def test_root_without_a_marker_gets_none(root: MasksRoot, folder: Path) -> None:
    root.raise_version()
    assert not folder.exists()
