"""FITS files and their units."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFileError, FitsFileError, UnsupportedFitsError
from .headers import BLOCK, Header, end_of
from .regularfile import open_regular, open_unzipped, why_not

__all__ = ["FitsFile", "Unit"]

Bytes = npt.NDArray[np.uint8]

# Bytes per read of a header, whose length is unknown.
_READ = 8 * BLOCK

# Bytes per read of data: a second on a slow disk. Signals are handled between reads.
_AT_ONCE = 1 << 25

# First bytes of files that are compressed as a whole.
_GZIP, _OTHERS = b"\x1f\x8b", {b"BZ": "bzip2", b"\x1f\x9d": "compress", b"PK": "zip"}

# Maximum bytes of a header and units of a file: far more than any camera needs, few enough to read quickly.
_LONGEST, _MOST = 1456 * BLOCK, 4096


@dataclass(frozen=True, slots=True)
class Unit:
    """Header of a FITS unit and position of its data.

    Parameters
    ----------
    header : Header
        Header of the unit.
    number : int
        Number of the unit in the file, from 0.
    begin : int
        Byte offset of the header in the file.
    start, size : int
        Byte offset of the data in the file, and their number of bytes; the data lie entirely inside the file.
    """

    header: Header
    number: int
    begin: int
    start: int
    size: int

    @property
    def name(self) -> str:
        """EXTNAME, or else HDUNAME, without outer blanks."""
        return self.header.text("EXTNAME") or self.header.text("HDUNAME")

    @property
    def padded(self) -> int:
        """Size of the data rounded up to whole blocks, bytes."""
        return -(-self.size // BLOCK) * BLOCK


class FitsFile:
    """Regular file in FITS format, open for reading; a context manager.

    Parameters
    ----------
    path : str
        Path of the file; a gzip-compressed file is decompressed into an unnamed temporary file.
    shown : str, optional
        Name of the file in messages.

    Attributes
    ----------
    path : str
        Name of the file in messages.
    size : int
        Size of the file, bytes.
    descriptor : int
        Descriptor of the open file.

    Raises
    ------
    FitsFileError
        If the file is missing, is not a regular file, cannot be read, or is not in FITS format.
    """

    def __init__(self, path: str, shown: str = "") -> None:
        self.path = shown or path
        try:
            self.descriptor = open_regular(path)
        except (OSError, ValueError) as error:
            why = why_not(error, path)
            raise FitsFileError(f"{self.path}: {why}{': expected a FITS file' * why.startswith('is ')}") from None
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        self._units: list[Unit] = []

    def __enter__(self) -> "FitsFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            os.close(self.descriptor)
        self.descriptor = -1

    def read(self, start: int, size: int) -> Bytes:
        """Return a range of bytes of the file.

        Parameters
        ----------
        start, size : int
            Byte offset and number of bytes.

        Raises
        ------
        FitsFileError
            If the range is not inside the file, or cannot be read.
        """
        if start < 0 or size < 0 or start + size > self.size:
            raise DamagedFileError(
                f"{self.path}: has {self.size} bytes: expected {start + size} or more: is the file truncated?"
            )
        out: Bytes = np.empty(size, np.uint8)
        view, n = out.data, 0
        try:
            while n < size and (got := os.preadv(self.descriptor, [view[n : n + _AT_ONCE]], start + n)):
                n += got
        except OSError as error:
            raise FitsFileError(f"{self.path}: cannot be read ({os.strerror(error.errno or errno.EIO)})") from error
        if n < size:
            raise DamagedFileError(f"{self.path}: has {start + n} bytes: expected {self.size}, as when it was opened")
        return out

    def units(self) -> Iterator[Unit]:
        """Yield the units of the file in order; headers are read only once.

        Raises
        ------
        DamagedFileError
            If a header has no END, or data extend beyond the end of the file.
        """
        number = 0
        while number < len(self._units) or self._find_next():
            yield self._units[number]
            number += 1

    def unit(self, ext: str | int) -> Unit:
        """Return a unit.

        Parameters
        ----------
        ext : str or int
            EXTNAME, in upper or lower case, or number.

        Raises
        ------
        FitsFileError
            If the file has no such unit.
        """
        wanted = str(ext).strip().lower()
        for unit in self.units():
            if unit.number == ext if isinstance(ext, int) else unit.name.lower() == wanted:
                return replace(unit, header=unit.header.at(f"{self.path}[{ext}]"))
        found = ", ".join(each.name or str(each.number) for each in self._units)
        raise FitsFileError(f"{self.path}: no extension {ext!r} (the file has {found}; is it truncated?)")

    def header_bytes(self, unit: Unit) -> bytes:
        """Return the header blocks of a unit, unchanged."""
        return self.read(unit.begin, unit.start - unit.begin).tobytes()

    def _open(self) -> None:
        """Decompress the file if necessary and check that it is in FITS format."""
        try:
            first = os.pread(self.descriptor, 30, 0)
            if first.startswith(_GZIP):
                zipped, self.descriptor = self.descriptor, open_unzipped(self.descriptor)
                os.close(zipped)
                first = os.pread(self.descriptor, 30, 0)
            self.size = os.fstat(self.descriptor).st_size
        except ValueError as error:
            raise DamagedFileError(f"{self.path}: {error}") from None
        except OSError as error:
            unreadable = FitsFileError(f"{self.path}: cannot be read ({error.strerror or error})")
            unreadable.errno = error.errno  # a full disk is not the file's fault
            raise unreadable from error
        for begin, name in _OTHERS.items():
            if first.startswith(begin):
                raise UnsupportedFitsError(f"{self.path}: the whole file is compressed by {name}: expected a FITS file")
        if not first.startswith(b"SIMPLE  =") or first[9:].strip() not in (b"T", b"F"):
            raise FitsFileError(f"{self.path}: not a FITS file, or truncated")

    def _find_next(self) -> bool:
        """Find the next unit; return False at the end of the file."""
        last = self._units[-1] if self._units else None
        start = last.start + last.padded if last else 0
        if last and (start + BLOCK > self.size or self.read(start, 8).tobytes() != b"XTENSION"):
            return False  # the standard allows other records after the last unit
        if len(self._units) == _MOST:
            raise UnsupportedFitsError(f"{self.path}: has more than {_MOST} extensions")
        number = len(self._units)
        cards, data = self._cards(start, f"{self.path}[{number}]")
        header = Header(cards, f"{self.path}[{number}]")
        size = _data_size(header, extension=number > 0)
        if data + size > self.size:
            raise DamagedFileError(
                f"{header.where}: the data end at byte {data + size}, the file at {self.size}: is it truncated?"
            )
        self._units.append(Unit(header, number, start, data, size))
        return True

    def _cards(self, start: int, where: str) -> tuple[bytes, int]:
        """Return the cards of the header at a byte offset, and the byte offset of its data."""
        stop = min(self.size - BLOCK, start + _LONGEST)
        found: list[bytes] = []
        at = start
        while at <= stop:
            piece = self.read(at, min(_READ, (self.size - at) // BLOCK * BLOCK)).tobytes()
            end = end_of(piece)
            found.append(piece if end < 0 else piece[:end])
            if end >= 0:
                return b"".join(found), at + (end // BLOCK + 1) * BLOCK
            at += len(piece)
        raise DamagedFileError(f"{where}: no END in the header: is the file truncated?")


def _data_size(header: Header, *, extension: bool) -> int:
    """Return the number of data bytes stated by a header; an extension must have every size keyword."""
    n_axes = header.integer("NAXIS")
    if not 0 <= n_axes <= 999:
        raise DamagedFileError(f"{header.where}: NAXIS is {n_axes}: expected 0 to 999")
    axes = [header.integer(f"NAXIS{n}") for n in range(1, n_axes + 1)]
    if axes and axes[0] == 0 and header.first("GROUPS") is True:
        axes = axes[1:]  # random groups
    bitpix = header.integer("BITPIX")
    pcount = header.integer("PCOUNT", None if extension else 0)
    gcount = header.integer("GCOUNT", None if extension else 1)
    if bitpix not in (8, 16, 32, 64, -32, -64) or min([*axes, pcount, gcount], default=0) < 0:
        raise DamagedFileError(
            f"{header.where}: BITPIX, NAXISn, PCOUNT, GCOUNT are {bitpix}, {axes}, {pcount}, {gcount}: "
            "expected a BITPIX of FITS, and 0 or more"
        )
    n_elements = 1 if axes else 0
    for axis in axes:
        n_elements *= axis
    return abs(bitpix) // 8 * gcount * (pcount + n_elements) if axes else 0
