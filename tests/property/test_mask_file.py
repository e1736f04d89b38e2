"""Laws of mask files."""

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.schema.errors import MaskFileError
from goodpix.schema.maskfile import MaskFile
from goodpix.schema.masks.rle import Runs
from goodpix.schema.store.masksroot import MasksRoot

from ..rows import coadd_and_epochs, coadd_row, contents_of, epoch_row, folder_of, write_masks
from .strategies import masks

nullable_floats = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=15)
@given(st.lists(masks, min_size=1, max_size=3), st.data())
def test_reading_undoes_writing(several: list[Runs], data: st.DataObject) -> None:
    written = [(coadd_row(several[0]), several[0])]
    for k, runs in enumerate(several[1:]):
        facts: dict[str, Any] = {"airmass": data.draw(nullable_floats), "detpos": data.draw(st.none() | st.text())}
        facts |= {"se_seg_used": data.draw(st.booleans()), "image_flags": data.draw(st.integers(-(2**63), 2**63 - 1))}
        unique = data.draw(st.none() | st.just((5, 3)))
        written.append((epoch_row(runs, ccdnum=k + 1, unique=unique, **facts), runs))
    with tempfile.TemporaryDirectory() as folder:
        root = MasksRoot.of(folder)
        file = MaskFile.open(root.path(write_masks(root, written)))
        assert list(file.rows()) == [row for row, _ in written]
        for k, (_, runs) in enumerate(written):
            found = file.runs(k)
            assert (found.nx, found.ny, found.checksum) == (runs.nx, runs.ny, runs.checksum)
            assert (found.lengths.tolist(), found.flags.tolist()) == (runs.lengths.tolist(), runs.flags.tolist())


# Damaged files.


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of few bytes, each of which matters; a test that damages it puts it back."""
    root = MasksRoot.of(tmp_path_factory.mktemp("short"))
    return folder_of(root) / write_masks(root, coadd_and_epochs(1, shape=(9, 6)), generation=2)


def misread(path: Path, damaged: Iterable[bytes]) -> int:
    """Return how many of some damaged contents are neither refused, by our own error, nor read as the whole file."""
    data, whole = path.read_bytes(), contents_of(path)
    n = 0
    for content in damaged:
        path.write_bytes(content)
        with suppress(MaskFileError):
            n += contents_of(path) != whole
    path.write_bytes(data)
    return n


def with_flipped(data: bytes, offset: int, bits: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ bits]) + data[offset + 1 :]


@pytest.mark.parametrize("part", range(4))
def test_flipped_bit_is_never_another_mask(short: Path, part: int) -> None:
    data = short.read_bytes()
    offsets = np.random.default_rng(part).integers(0, len(data), 25).tolist()
    assert misread(short, (with_flipped(data, each, 1 << each % 8) for each in offsets)) == 0


@pytest.mark.parametrize("part", range(2))
def test_flipped_bit_in_the_footer_is_our_error(short: Path, part: int) -> None:
    data = short.read_bytes()
    footer = int.from_bytes(data[-8:-4], "little") + 8
    offsets = np.random.default_rng(part).integers(len(data) - footer, len(data), 25).tolist()
    assert misread(short, (with_flipped(data, each, 0x80) for each in offsets)) == 0


@pytest.mark.parametrize("part", range(2))
def test_swapped_bytes_are_never_another_mask(short: Path, part: int) -> None:
    data = short.read_bytes()
    damaged = []
    for one, other in np.random.default_rng(part).integers(0, len(data), (25, 2)).tolist():
        swapped_bytes = bytearray(data)
        swapped_bytes[one], swapped_bytes[other] = data[other], data[one]
        damaged.append(bytes(swapped_bytes))
    assert misread(short, damaged) == 0


def test_pixels_of_a_damaged_file_are_refused_or_right(tmp_path: Path) -> None:
    several = coadd_and_epochs(2)
    path = folder_of(root := MasksRoot.of(tmp_path)) / write_masks(root, several)
    row, runs = several[2]
    flags, pixels = np.repeat(runs.flags, runs.lengths), np.arange(0, runs.nx * runs.ny, 11)
    content, refused = path.read_bytes(), 0
    file = MaskFile.open(path)
    for where in range(4, len(content) - 8, 97):
        path.write_bytes(with_flipped(content, where, 0x41))
        try:
            found = file.flags_at(2, pixels, row.key)
        except MaskFileError:
            refused += 1
        else:
            np.testing.assert_array_equal(found, flags[pixels])
    assert refused > 3
