"""Facts about arrays that worker processes share."""

import errno
import fcntl
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from goodpix.ingest.images.sharedarray import SharedArray, remove_leftovers, scratch_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder, for this test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_new_array_is_of_zeros(tmp_path: Path, in_file: bool, dtype: type) -> None:
    made = SharedArray.zeros((3, 4), dtype, tmp_path if in_file else None)
    assert (made.array.shape, made.array.dtype) == ((3, 4), np.dtype(dtype))
    assert not made.array.any()
    assert (made.path is not None, len(list(tmp_path.iterdir()))) == (in_file, in_file)


def test_array_in_a_file_is_one_for_all_who_have_it(tmp_path: Path) -> None:
    one = SharedArray.zeros((3, 4), np.uint16, tmp_path)
    content = pickle.dumps(one)
    other = pickle.loads(content)
    other.array[1, 2] = 7
    assert one.array[1, 2] == 7
    assert len(content) < 300 + len(str(one.path))


def test_array_whose_file_is_gone_is_unpickled_but_not_used(tmp_path: Path) -> None:
    content = pickle.dumps(SharedArray.zeros((3, 4), np.uint16, tmp_path))
    for file in tmp_path.iterdir():
        file.unlink()
    other = pickle.loads(content)
    with pytest.raises(FileNotFoundError, match="array"):
        other.array[1, 2] = 7


def test_array_in_memory_is_sent_as_a_copy() -> None:
    one = SharedArray.zeros((3, 4), np.uint8)
    other = pickle.loads(pickle.dumps(one))
    other.array[1, 2] = 7
    assert not one.array.any()
    assert other.array.tolist()[1] == [0, 0, 7, 0]


def test_arrays_in_one_folder_are_apart(tmp_path: Path) -> None:
    one, other = (SharedArray.zeros((5,), np.uint8, tmp_path) for _ in range(2))
    one.array[:] = 1
    assert not other.array.any()


def test_array_without_room_is_refused_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_handle: int, _start: int, n_bytes: int) -> None:
        assert n_bytes == 3 * 4 * 2
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match=r"No space left on device: .*\.array"):
        SharedArray.zeros((3, 4), np.uint16, tmp_path)


def test_scratch_folder_is_gone_after_its_block(temporary: Path) -> None:
    with scratch_folder() as folder:
        SharedArray.zeros((3, 4), np.uint8, folder)
        assert folder.parent == temporary
        assert len(list(folder.iterdir())) == 1
    assert list(temporary.iterdir()) == []


def aged(folder: Path, seconds: float) -> Path:
    folder.mkdir(exist_ok=True)
    when = time.time() - seconds
    os.utime(folder, (when, when))
    return folder


@pytest.mark.parametrize(
    ("name", "seconds", "gone"),
    [("goodpix-scratch-a", 3600, True), ("goodpix-scratch-a", 5, False), ("other-a", 3600, False)],
)
def test_old_scratch_folders_are_removed(temporary: Path, name: str, seconds: float, gone: bool) -> None:
    folder = aged(temporary / name, seconds)
    remove_leftovers()
    assert folder.exists() != gone


def test_scratch_folder_in_use_stays_however_old(temporary: Path) -> None:
    with scratch_folder() as folder:
        aged(folder, 3600)
        remove_leftovers()
        assert folder.exists()


def test_scratch_folder_that_another_process_has_locked_stays(temporary: Path) -> None:
    folder = aged(temporary / "goodpix-scratch-a", 3600)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_leftovers()
        assert folder.exists()
    finally:
        os.close(descriptor)


def test_link_is_not_followed(temporary: Path) -> None:
    aged(temporary / "mine", 3600)
    link = temporary / "goodpix-scratch-a"
    link.symlink_to(temporary / "mine")
    os.utime(link, (0, 0), follow_symlinks=False)
    remove_leftovers()
    assert (temporary / "mine").exists()
