"""Digests of FITS files that masks are made from."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..errors import FitsFileError
from ..planes.datasum import compute_datasum, stated_datasum
from ..planes.imagefiles import Extension, expand
from ..planes.reader import OpenedFile, PlaneReader
from ..planes.regularfile import read_regular, why_not

__all__ = ["FileDigest", "digest_file", "digest_opened"]

# Maximum bytes of a digested file that is not FITS, such as a SCAMP header.
_LARGEST_TEXT = 1 << 24


@dataclass(frozen=True, slots=True)
class FileDigest:
    """Digest of units of a FITS file.

    Parameters
    ----------
    headers : str
        SHA-256 of the header blocks of the primary unit and the given units; of the entire file if it is not FITS.
    datasums : mapping of int to int
        Ones'-complement sum of the data on disk, by unit number.
    stated : mapping of int to int
        DATASUM of the units that have one, by unit number; -1 if it is not a number.
    checked : bool
        True if the data of every plane of the mask in this file match a DATASUM.
    damaged : bool
        True if the data of any plane of the mask in this file do not match its DATASUM.
    """

    headers: str
    datasums: Mapping[int, int] = field(default_factory=dict)
    stated: Mapping[int, int] = field(default_factory=dict)
    checked: bool = True
    damaged: bool = False


def digest_file(path: str, units: Iterable[Extension]) -> FileDigest:
    """Compute the digest of units of a FITS file, or of a text file if no units are given.

    Parameters
    ----------
    path : str
        Path of the file; environment variables and ``~`` are expanded.
    units : iterable of str or int
        EXTNAME or number of each unit; all their data are summed.

    Raises
    ------
    FitsFileError
        If the file or a unit is missing or cannot be read.
    PlaneError
        If a unit is not an image.
    """
    extensions = list(units)
    if not extensions:
        return FileDigest(_text_digest(path))
    with PlaneReader() as reader:
        for ext in extensions:
            reader.check(reader.plane(path, ext), allow_damaged=True)
        return digest_opened(reader.opened[path])


def digest_opened(opened: OpenedFile) -> FileDigest:
    """Compute the digest of the units of a file opened by a reader.

    Units that the reader has not checked are summed if they have no DATASUM, because nothing else can later prove
    that their data are unchanged.

    Raises
    ------
    FitsFileError
        If the file cannot be read.
    """
    file, units, checked = opened.file, opened.units, opened.sums
    stated = {number: total for number, unit in units.items() if (total := stated_datasum(unit)) is not None}
    others = {n: compute_datasum(file, unit) for n, unit in units.items() if n not in checked and n not in stated}
    datasums = {number: each.computed for number, each in checked.items()} | others
    digest = hashlib.sha256()
    for _, unit in sorted({0: file.unit(0), **units}.items()):
        digest.update(file.header_bytes(unit))
    return FileDigest(
        digest.hexdigest(),
        dict(sorted(datasums.items())),
        stated,
        checked=all(each.stored and not each.is_damaged for each in checked.values()),
        damaged=any(each.is_damaged for each in checked.values()),
    )


def _text_digest(path: str) -> str:
    try:
        content = read_regular(expand(path), _LARGEST_TEXT)
    except (OSError, ValueError) as error:
        raise FitsFileError(f"{path}: cannot be read ({why_not(error, path)})") from error
    return hashlib.sha256(content).hexdigest()
