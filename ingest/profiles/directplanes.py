"""Planes of profiles, read by astropy and converted in plain numpy, for checks of stored masks."""

import itertools
import os
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from ...schema.errors import FitsFileError, GoodpixError
from ...schema.planes.conversion import Conversion, Meaning
from ...schema.planes.fitsfile import FitsFile
from ...schema.planes.imagefiles import PlaneFile, expand

__all__ = ["direct_header", "direct_plane"]

Pixels = npt.NDArray[Any]


def direct_header(file: PlaneFile) -> dict[str, Any]:
    """Return the header of a plane by keyword.

    Raises
    ------
    FitsFileError
        If the file cannot be read.
    """
    found: dict[str, Any] = _read(file, lambda unit: {key: unit.header[key] for key in set(unit.header)}, packed=False)
    return found


def direct_plane(file: PlaneFile) -> Pixels:
    """Return the pixels of a plane after its conversion, shape (ny, nx).

    Shares no code with the fast way but the look for the file.

    Raises
    ------
    FitsFileError
        If the file cannot be read.
    """
    conversion = file.conversion or Conversion()
    pixels: Pixels = _read(file, lambda unit: np.array(unit.data), packed=False)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    if conversion.lost_zeros:
        pixels[_read(file, lambda unit: _lost_zeros(unit, pixels), packed=True)] = 0
    if conversion.trim:
        pixels = pixels[conversion.trim : -conversion.trim, conversion.trim : -conversion.trim]
    if conversion.meaning is Meaning.NONE:
        return np.zeros(pixels.shape, np.int64)
    if conversion.meaning in (Meaning.VARIANCE, Meaning.SIGMA):
        power = 1 if conversion.meaning is Meaning.VARIANCE else 2
        with np.errstate(all="ignore"):
            inverse = 1 / pixels**power
        return np.where((pixels > 0) & np.isfinite(pixels), inverse, 0)
    if conversion.meaning is Meaning.CODES or conversion.moves_bits:
        pixels = _mask(pixels, conversion)
    for ext, each in conversion.also:
        pixels = pixels | direct_plane(replace(file, ext=ext, conversion=each))
    return pixels


def _read(file: PlaneFile, take: Any, *, packed: bool) -> Any:
    """Return what a function takes of the unit of a plane; with `packed`, of its table of compressed tiles."""
    try:
        # the file was found to be a regular one, of a name that means nothing else
        with (
            FitsFile(expand(file.path_now), file.path) as regular,
            os.fdopen(os.dup(regular.descriptor), "rb") as stream,
            fits.open(stream, memmap=False, disable_image_compression=packed) as units,
        ):
            return take(units[file.ext])
    except GoodpixError:
        raise
    except Exception as error:  # astropy raises many kinds for damaged files
        raise FitsFileError(f"{file.path}[{file.ext}]: astropy cannot read it ({error})") from error


def _lost_zeros(unit: Any, pixels: Pixels) -> npt.NDArray[np.bool_]:
    """Return where weights quantised with SUBTRACTIVE_DITHER_1 are up to half of their tile's ZSCALE."""
    lost = np.zeros(pixels.shape, np.bool_)
    header = unit.header
    if header.get("ZQUANTIZ") != "SUBTRACTIVE_DITHER_1":
        return lost
    (ny, nx), width, height = pixels.shape, header.get("ZTILE1", pixels.shape[1]), header.get("ZTILE2", 1)
    corners = itertools.product(range(0, ny, height), range(0, nx, width))
    for row, (y, x) in zip(unit.data, corners, strict=True):
        if row["ZZERO"] == 0 and len(row["COMPRESSED_DATA"]):
            box = (slice(y, y + height), slice(x, x + width))
            lost[box] = pixels[box] <= row["ZSCALE"] / 2
    return lost


def _mask(pixels: Pixels, conversion: Conversion) -> Pixels:
    """Return mask bits, one bit or code after the other."""
    out = np.zeros(pixels.shape, np.int64)
    places = dict(conversion.bits)
    for value in np.unique(pixels).tolist():
        number = value + (1 << 8 * pixels.dtype.itemsize) if value < 0 else value
        if conversion.meaning is Meaning.CODES:
            bits = 0 if number == 0 else 1 << places.get(number, min(number, 23))
        else:
            bits = 0
            for bit in range(number.bit_length()):
                to = places.get(bit, conversion.others)
                if number >> bit & 1 and to is not None and bit not in conversion.left_out:
                    bits |= 1 << to
        out[pixels == value] = bits
    return out
