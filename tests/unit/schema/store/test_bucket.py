"""Facts about a store of objects, in the one that fsspec keeps in memory: what it says of stores holds for S3, too."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

from goodpix.schema.errors import MaskFileError
from goodpix.schema.files.object import StoredObject
from goodpix.schema.maskfile import MaskFile
from goodpix.schema.store.bucket import ObjectStore
from goodpix.schema.store.masksroot import MasksRoot

from ....rows import coadd_and_epochs, folder_of, write_masks

MASKS = coadd_and_epochs(3)
URL = "memory://bucket/masks"


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    yield ObjectStore.at(URL)
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def place(store: ObjectStore) -> StoredObject:
    """A mask file."""
    return store.path(write_masks(MasksRoot(store), MASKS))


def names(store: ObjectStore) -> list[str]:
    return [each.name for each in store.listing().files]


def test_object_has_the_bytes_of_the_file_in_a_folder(store: ObjectStore, place: StoredObject, tmp_path: Path) -> None:
    root = MasksRoot.of(tmp_path)
    name = write_masks(root, MASKS)
    assert names(store) == [name]
    assert place.read() == (folder_of(root) / name).read_bytes()


@pytest.mark.parametrize("whole", [False, True])
def test_masks_are_read_by_parts_or_whole(place: StoredObject, whole: bool) -> None:
    file = MaskFile.open(place, whole=whole)
    assert list(file.rows()) == [row for row, _ in MASKS]
    for k, (row, runs) in enumerate(MASKS):
        assert file.runs(k, row.key).checksum == runs.checksum
        pixels = np.array([5, 700])
        assert file.flags_at(k, pixels, row.key).tolist() == MaskFile.open(place).flags_at(k, pixels, row.key).tolist()


def test_draft_is_no_object_before_it_is_published(store: ObjectStore) -> None:
    for name in ("", "r/name"):
        draft = store.draft("r")
        draft.file.write(b"text")
        assert names(store) == []
        if name:
            draft.publish(name)
        draft.discard()
    assert names(store) == ["r/name"]
    assert store.read("r/name") == b"text"


def test_created_object_is_not_written_over(store: ObjectStore) -> None:
    assert [store.create("name", content) for content in (b"one", b"two")] == [True, False]
    assert store.read("name") == b"one"
    store.write("name", b"three")
    assert store.read("name") == b"three"


def test_what_is_not_there_is_nothing(store: ObjectStore) -> None:
    assert store.read("name") is None
    assert not store.exists()
    assert names(store) == []
    store.write("r/name", b"")
    assert store.exists()


def test_objects_are_listed_with_size_and_age_and_removed(store: ObjectStore) -> None:
    for name in ("r/b", "r/a", "_top"):
        store.write(name, name.encode())
    found = list(store.listing().files)
    assert [(each.name, each.n_bytes) for each in found] == [("_top", 4), ("r/a", 3), ("r/b", 3)]
    store.write("r/a", b"again")
    for each in (*found, found[0]):
        store.remove(each)
    assert names(store) == ["r/a"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no Parquet file, by any means, though of some length"])
def test_what_is_no_mask_file_is_damaged(store: ObjectStore, content: bytes) -> None:
    store.write("name", content)
    with pytest.raises(MaskFileError, match=rf"mask file {URL}/name is damaged"):
        MaskFile.open(store.path("name"))


def test_protocol_may_be_written_in_capitals(store: ObjectStore, place: StoredObject) -> None:
    found = ObjectStore.at(URL.replace("memory", "MEMORY"))
    assert found == store
    assert found.path(names(store)[0]).read() == place.read()


def test_missing_object_is_told(store: ObjectStore) -> None:
    with pytest.raises(MaskFileError, match=rf"mask file {URL}/name is missing"):
        MaskFile.open(store.path("name"))


def test_store_travels_to_a_worker(store: ObjectStore) -> None:
    root = MasksRoot(store)
    assert pickle.loads(pickle.dumps(root)) == root
