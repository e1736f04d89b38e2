"""Facts about the heads of masks."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from goodpix.schema.files.object import StoredObject
from goodpix.schema.maskfile.head import MaskHead, verified_heads
from goodpix.schema.rows import MaskKey

HEAD = MaskHead(MaskKey("DES0124-3332", "i", "epoch", 492768, 11), 30, 40, "0" * 64)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of yesterday."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    aged(path, 86_400)
    return path


def aged(path: Path, seconds: float) -> None:
    before = path.stat().st_mtime - seconds
    os.utime(path, (before, before))


def test_head_is_read_from_a_row() -> None:
    key = HEAD.key
    columns = {"tilename": key.tilename, "band": key.band, "kind": key.kind, "expnum": key.expnum}
    columns |= {"ccdnum": key.ccdnum, "nx": 30, "ny": 40, "checksum": "0" * 64}
    assert MaskHead.of(pa.table({name: [value] for name, value in columns.items()})) == HEAD


def test_verified_mask_is_known_when_the_file_is_opened_again(path: Path) -> None:
    verified_heads(path)[3] = HEAD
    assert verified_heads(path) == {3: HEAD}


def test_verified_mask_of_a_changed_file_is_forgotten(path: Path) -> None:
    verified_heads(path)[3] = HEAD
    aged(path, 60)
    assert verified_heads(path) == {}


def test_verified_mask_of_a_new_file_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    verified_heads(path)[3] = HEAD
    assert verified_heads(path) == {}


def test_verified_mask_of_an_object_is_forgotten() -> None:
    place = StoredObject("memory://bucket/file")
    verified_heads(place)[3] = HEAD
    assert verified_heads(place) == {}


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        verified_heads(tmp_path / "gone")
