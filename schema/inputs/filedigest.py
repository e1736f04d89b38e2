"""Digests of the parts of a FITS file that masks are made from."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import FitsFileError
from ..planes.datasum import compute_datasum
from ..planes.fitsfile import FitsFile, Unit
from ..planes.imagefiles import Extension, expand

__all__ = ["FileDigest", "digest_file", "headers_digest", "stated_datasum"]

# Bytes of a file that is not FITS, such as a SCAMP header, beyond which it is not read.
_LARGEST_TEXT = 1 << 24

_MODULUS = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class FileDigest:
    """Digest of some units of a FITS file.

    Parameters
    ----------
    headers : str
        SHA-256 of the header blocks of the primary unit and of the given ones; of a file that is not FITS, of
        all its bytes.
    datasums : mapping of int to int
        Ones'-complement sum of the data on disk, by number of the unit.
    stated : mapping of int to int
        DATASUM in the header of the units that have one; -1 if it is not a number.
    checked : bool
        Whether the data of every unit that is a plane of the mask agree with a DATASUM.
    damaged : bool
        Whether the data of any such unit disagree with its DATASUM.
    """

    headers: str
    datasums: Mapping[int, int] = field(default_factory=dict)
    stated: Mapping[int, int] = field(default_factory=dict)
    checked: bool = True
    damaged: bool = False


def digest_file(path: str, planes: Iterable[Extension], others: Iterable[Extension] = ()) -> FileDigest:
    """Return the digest of some units of a FITS file, or of a text file if none is given.

    Parameters
    ----------
    path : str
        The file; environment variables and ``~`` are expanded.
    planes : iterable of str or int
        EXTNAME or number of each unit whose data are summed.
    others : iterable of str or int
        Units whose data are summed only if their header has no DATASUM, because nothing else reads them.

    Raises
    ------
    FitsFileError
        If the file or a unit is missing or cannot be read.
    """
    summed, rest = list(planes), list(others)
    if not (summed or rest):
        return FileDigest(_text_digest(path))
    with FitsFile(expand(path), path) as file:
        read = {unit.number: unit for unit in map(file.unit, summed)}
        units = read | {unit.number: unit for unit in map(file.unit, rest)}
        stated = {number: total for number, unit in units.items() if (total := stated_datasum(unit)) is not None}
        datasums = {
            number: compute_datasum(file, unit)
            for number, unit in units.items()
            if number in read or number not in stated
        }
        headers = headers_digest(file, units)
    return FileDigest(
        headers,
        datasums,
        stated,
        checked=all(stated.get(number) == datasums[number] for number in read),
        damaged=any(stated.get(number, datasums[number]) != datasums[number] for number in read),
    )


def headers_digest(file: FitsFile, numbers: Iterable[int]) -> str:
    """Return the SHA-256 of the header blocks of the primary unit and of units with these numbers, in file order."""
    wanted = {0, *numbers}
    digest, start = hashlib.sha256(), 0
    for unit in file.units():
        if unit.number in wanted:
            digest.update(file.read(start, unit.start - start).tobytes())
        start = unit.start + unit.padded
    return digest.hexdigest()


def stated_datasum(unit: Unit) -> int | None:
    """Return the DATASUM of a unit's header; None if it has none, -1 if that is not a number."""
    text = unit.header.text("DATASUM")
    if not text:
        return None
    return int(text) % _MODULUS if text.isascii() and text.isdigit() else -1


def _text_digest(path: str) -> str:
    try:
        with open(expand(path), "rb", opener=_open_regular) as file:
            content = file.read(_LARGEST_TEXT + 1)
    except (OSError, ValueError) as error:
        raise FitsFileError(f"{path}: cannot be read ({error})") from error
    if len(content) > _LARGEST_TEXT:
        raise FitsFileError(f"{path}: has more than {_LARGEST_TEXT} bytes: expected a header")
    return hashlib.sha256(content).hexdigest()


def _open_regular(path: str, flags: int) -> int:
    # without O_NONBLOCK a named pipe would wait for a writer
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
