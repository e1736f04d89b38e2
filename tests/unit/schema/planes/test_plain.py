"""Facts about the pixels of images that are stored as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from goodpix.schema.planes import plain
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.plain import PlainPixels
from goodpix.schema.planes.scaling import Want

PIXELS = (np.arange(12 * 7).reshape(12, 7) - 40).astype(np.int16)


def read(path: Path, y0: int, y1: int, want: Want = Want.VALUES) -> npt.NDArray[Any]:
    with FitsFile(str(path)) as file:
        pixels = PlainPixels(file, file.unit(0))
        assert pixels.shape == (12, 7)
        dtype = pixels.dtype if want is Want.VALUES else np.dtype(bool)
        return pixels.read(y0, y1, want, lambda: np.empty((y1 - y0, 7), dtype))


def write(path: Path, pixels: npt.NDArray[Any], **cards: float) -> Path:
    """Write an image; cards say what its numbers mean."""
    unit = fits.PrimaryHDU(pixels)
    unit.header.update(cards)
    unit.writeto(path)
    data = path.read_bytes()
    stored = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(data[:2880] + stored.ljust(2880, b"\0"))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "a.fits", PIXELS)


@pytest.mark.parametrize(("y0", "y1"), [(0, 12), (0, 1), (11, 12), (3, 8)])
@pytest.mark.parametrize("chunk", [1, 7, 20, 1 << 17])
def test_rows_are_read_whatever_is_done_at_a_time(
    path: Path, monkeypatch: pytest.MonkeyPatch, y0: int, y1: int, chunk: int
) -> None:
    monkeypatch.setattr(plain, "_CHUNK", chunk)
    assert np.array_equal(read(path, y0, y1), PIXELS[y0:y1])
    assert np.array_equal(read(path, y0, y1, Want.POSITIVE), PIXELS[y0:y1] > 0)
    assert np.array_equal(read(path, y0, y1, Want.NONZERO), PIXELS[y0:y1] != 0)


def test_pixels_are_in_native_byte_order(path: Path) -> None:
    assert read(path, 0, 12).dtype == np.dtype("=i2")


@pytest.mark.parametrize(("scale", "zero", "dtype"), [(1, 32768, "u2"), (0.5, -3.0, "f4"), (2, 7, "i4")])
def test_numbers_are_scaled(tmp_path: Path, scale: float, zero: float, dtype: str) -> None:
    path = write(tmp_path / "a.fits", PIXELS, BSCALE=scale, BZERO=zero)
    expected = (PIXELS.astype(float) * scale + zero).astype(dtype)
    found = read(path, 2, 9)
    assert found.dtype == np.dtype(dtype)
    assert np.array_equal(found, expected[2:9])
    assert np.array_equal(read(path, 2, 9, Want.POSITIVE), expected[2:9] > 0)
