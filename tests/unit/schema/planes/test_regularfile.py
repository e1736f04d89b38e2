"""Regular files alone are opened, and no more is read or unzipped than is allowed."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from goodpix.schema.planes import regularfile
from goodpix.schema.planes.regularfile import open_regular, open_unzipped, read_regular, why_not


def test_regular_file_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to("a")
    assert read_regular(str(tmp_path / "b"), 7) == b"content"


def test_larger_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    with pytest.raises(OSError, match="has more than 6 bytes"):
        read_regular(str(tmp_path / "a"), 6)


def test_file_that_grows_without_end_is_refused() -> None:
    with pytest.raises(OSError, match="is not a regular file"):
        read_regular("/dev/zero", 100)


def test_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        open_regular(str(tmp_path / "a"))


def test_pipe_that_takes_the_place_of_a_file_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "a")
    (tmp_path / "b").write_bytes(b"")
    state = os.stat(tmp_path / "b")
    monkeypatch.setattr(os, "stat", lambda _: state)
    with pytest.raises(OSError, match="is not a regular file"):
        open_regular(str(tmp_path / "a"))


@pytest.mark.parametrize(
    ("error", "path", "said"),
    [
        (FileNotFoundError(2, "No such file or directory"), "a.fits", "no such file"),
        (FileNotFoundError(2, "No such file or directory"), "$SURVEY/a.fits", "no such file: is SURVEY set?"),
        (PermissionError(13, "Permission denied"), "a.fits", "cannot be opened (Permission denied)"),
        (IsADirectoryError(21, "is a folder"), "a.fits", "is a folder"),
        (ValueError("embedded null byte"), "a\0", "cannot be opened (embedded null byte)"),
    ],
)
def test_reason_is_told_in_words(error: OSError | ValueError, path: str, said: str) -> None:
    assert why_not(error, path) == said


@contextmanager
def unzipped(path: Path) -> Iterator[int]:
    zipped = open_regular(str(path))
    try:
        found = open_unzipped(zipped)
        try:
            yield found
        finally:
            os.close(found)
    finally:
        os.close(zipped)


@pytest.mark.parametrize("content", [b"", b"a", bytes(1 << 20), bytes(5 << 20), np.arange(1 << 20).tobytes()])
def test_content_comes_back(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(content, compresslevel=1))
    with unzipped(tmp_path / "a.gz") as found:
        assert os.fstat(found).st_size == len(content)
        assert os.pread(found, len(content) + 1, 0) == content


def test_unzipped_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"content"))
    with unzipped(tmp_path / "a.gz"):
        assert os.listdir(tmp_path) == ["a.gz"]


def test_more_than_any_surveys_files_is_not_unzipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regularfile, "_MOST_UNZIPPED", 1 << 22)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(1 << 23)))
    with pytest.raises(ValueError, match="has more than 4194304 bytes when unzipped"), unzipped(tmp_path / "a.gz"):
        pass
