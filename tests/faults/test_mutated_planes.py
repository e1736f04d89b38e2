"""Damaged files are an error or the pixels that CFITSIO reads, never a crash or a hang."""

import hashlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from goodpix.schema.errors import FitsFileError, PlaneError
from goodpix.schema.planes.fitsfile import FitsFile
from goodpix.schema.planes.plane import open_plane

Pixels = npt.NDArray[Any]

N_MUTATIONS = int(os.environ.get("GOODPIX_TEST_MUTATIONS", "1000"))
"""Files of each codec."""

SHAPE = (9, 40)

# A process that may die: CFITSIO does. It reads planes whose paths it is given, one a line, and says what they hold.
ORACLE = """
import hashlib, sys, fitsio, numpy as np
for line in sys.stdin:
    path, ext = line.rstrip("\\n").rsplit(" ", 1)
    try:
        pixels = fitsio.read(path, ext=int(ext))
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
        pixels[pixels != pixels] = 7
        said = hashlib.sha256(str((pixels.dtype, pixels.shape)).encode() + pixels.tobytes()).hexdigest()
    except Exception as error:
        said = "error " + " ".join(str(error).split())
    print(said, flush=True)
"""


def digest(pixels: Pixels) -> str:
    """Return what the oracle says of pixels."""
    pixels = pixels.copy()
    pixels[pixels != pixels] = 7  # NaN of any bits
    return hashlib.sha256(str((pixels.dtype, pixels.shape)).encode() + pixels.tobytes()).hexdigest()


class Oracle:
    """Asks a process of its own what CFITSIO reads; starts another when that one has died or hangs."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    def ask(self, path: Path, ext: int) -> str:
        """Return a digest of a plane's pixels, or what went wrong."""
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-c", ORACLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        child = self._child
        assert child.stdin
        assert child.stdout
        child.stdin.write(f"{path} {ext}\n")
        child.stdin.flush()
        ready, _, _ = select.select([child.stdout], [], [], 20)
        said = child.stdout.readline().rstrip("\n") if ready else ""
        if not said:
            self.close()
        return said or "died"

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    asked = Oracle()
    yield asked
    asked.close()


def planes(codec: str, folder: Path) -> Iterator[bytes]:
    """Yield files of one codec, with an image in extension 1."""
    rng = np.random.default_rng(2)
    numbers = rng.normal(0.5, 1, SHAPE).astype("f4")
    numbers[rng.random(SHAPE) < 0.2] = 0
    numbers[4, :20] = np.nan
    numbers[6] = 10.0 ** np.linspace(-30, 30, SHAPE[1])
    masks = np.where(rng.random(SHAPE) < 0.1, 1 << rng.integers(0, 14, SHAPE), 0)
    pixels: list[Pixels] = [masks.astype(dtype) for dtype in ("i2", "u2", "i4", "u1")]
    if codec == "PLIO":
        del pixels[2]
    else:
        pixels += [numbers, numbers.astype("f8")]
    path = folder / "whole.fits"
    for plane in pixels:
        kind: dict[str, Any] = {"compress": codec} if codec != "plain" else {}
        if plane.dtype.kind == "f" and codec != "plain":
            kind |= {"qmethod": "SUBTRACTIVE_DITHER_2", "qlevel": 8}
        if codec == "NOCOMPRESS":
            fits.CompImageHDU(plane, compression_type=codec, quantize_level=0).writeto(path, overwrite=True)
        else:
            with fitsio.FITS(str(path), "rw", clobber=True) as file:
                file.write(None)
                small = (5, 16) if codec == "HCOMPRESS" else (2, 16)
                file.write(plane, tile_dims=small if codec != "plain" and plane.dtype == "i4" else None, **kind)
        yield path.read_bytes()


def mutate(rng: np.random.Generator, data: bytes) -> bytes:
    """Change some bytes of the primary header, the next, the table or what is behind; or cut the file short."""
    out = bytearray(data)
    header = range(2880, data.index(b"END".ljust(80), 2880))
    start = -(-header.stop // 2880) * 2880
    regions = [header, header, range(800), range(start, min(start + 300, len(out)))] + 2 * [range(start, len(out))]
    region = regions[rng.integers(0, len(regions))]
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(region.start, region.stop))
        if at < start:  # a value rather than a comment, and a digit rather than another letter
            at = at // 80 * 80 + int(rng.choice([0, 3, 11, 18, 22, 27, 28, 29]))
            out[at] = int(rng.choice(np.frombuffer(b"0123456789- TF'QPIJ.E", np.uint8)))
        elif rng.random() < 0.5:
            out[at] ^= 1 << int(rng.integers(0, 8))
        else:
            out[at] = int(rng.choice([0, 1, 127, 128, 255, int(rng.integers(0, 256))]))
    return data[: int(rng.integers(0, len(out)))] if rng.random() < 0.05 else bytes(out)


def answers(path: Path) -> Pixels | None:
    """Return the pixels of the plane after they were compared with what else can be asked; None for an error."""
    try:
        with FitsFile(str(path)) as file:
            plane = open_plane(file, 1)
            pixels = plane.read()
            positive, rows = plane.positive(), plane.read(slice(plane.shape[0] // 2, plane.shape[0]))
    except (FitsFileError, PlaneError) as error:
        if str(path) not in str(error):
            raise
        return None
    with np.errstate(invalid="ignore"):
        assert np.array_equal(positive, np.isfinite(pixels) & (pixels > 0))
    assert np.array_equal(rows, pixels[plane.shape[0] // 2 :], equal_nan=True)
    return pixels


@pytest.mark.parametrize("codec", ["RICE", "PLIO", "HCOMPRESS", "GZIP", "GZIP_2", "NOCOMPRESS", "plain"])
def test_damaged_file_is_an_error_or_what_cfitsio_reads(codec: str, tmp_path: Path, oracle: Oracle) -> None:
    rng = np.random.default_rng(6)
    path, whole = tmp_path / "damaged.fits", list(planes(codec, tmp_path))
    undamaged = []
    for content in whole:
        path.write_bytes(content)
        pixels = answers(path)
        assert pixels is not None
        undamaged.append(digest(pixels))
    n_read = 0
    for n in range(N_MUTATIONS):
        content = mutate(rng, whole[n % len(whole)])
        path.write_bytes(content)
        began = time.process_time()
        pixels = answers(path)
        assert time.process_time() - began < 2
        if pixels is not None:
            n_read += 1
            ours, start = digest(pixels), content.index(b"END".ljust(80), 2880)
            # astropy's way of NOCOMPRESS is not CFITSIO's
            if ours != undamaged[n % len(whole)] and codec != "NOCOMPRESS":
                said = oracle.ask(path, 1)
                # a header that CFITSIO refuses may hold all that is needed
                refused = said.startswith("error") and content[start:] == whole[n % len(whole)][start:]
                assert ours == said or refused, f"mutation {n}"
    assert n_read > N_MUTATIONS // 20
