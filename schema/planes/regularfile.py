"""Regular files open for reading."""

import errno
import os
import stat
import tempfile
import zlib
from contextlib import suppress

from .imagefiles import variables

__all__ = ["open_regular", "open_unzipped", "read_regular", "why_not"]

# Maximum bytes of a decompressed file: more than any survey's files, less than most disks.
_MOST_UNZIPPED = 1 << 33

# Bytes per read; signals are handled between reads.
_READ = 1 << 20

_GZIP = b"\x1f\x8b"


def open_regular(path: str) -> int:
    """Open a regular file for reading; return its descriptor, which the caller must close.

    Raises
    ------
    OSError
        If the file is missing or cannot be opened, or is a folder, a device or a named pipe. Those are never
        opened: opening a device can have effects, and opening a pipe can block forever.
    ValueError
        If the path is invalid.
    """
    _check_regular(os.stat(path), path)
    # the file may have been replaced meanwhile: without O_NONBLOCK, opening a named pipe would wait for a writer
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check_regular(os.fstat(descriptor), path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(state: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", path)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "is not a regular file", path)


def why_not(error: OSError | ValueError, path: str) -> str:
    """Describe in a message why a file could not be opened or read, given the path, with variables of unknown value."""
    if isinstance(error, FileNotFoundError):
        unset = [name for name in variables([path]) if name not in os.environ]
        return f"no such file: is {unset[0]} set?" if unset else "no such file"
    why = (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())
    return why if why.startswith(("is ", "has ")) else f"cannot be opened ({why})"


def read_regular(path: str, most: int) -> bytes:
    """Return the content of a regular file.

    Parameters
    ----------
    path : str
        Path of the file.
    most : int
        Maximum size, bytes.

    Raises
    ------
    OSError
        If the file cannot be read, is not a regular file, or is larger.
    ValueError
        If the path is invalid.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"has more than {most} bytes", path)
    return content


def open_unzipped(descriptor: int) -> int:
    """Decompress a gzip file into an unnamed temporary file; return its descriptor, which the caller must close.

    Parameters
    ----------
    descriptor : int
        Descriptor of a gzip file of one or more members.

    Raises
    ------
    OSError
        If the disk is full.
    ValueError
        If the file is not valid gzip, is truncated, or is too large when decompressed.
    """
    out, name = tempfile.mkstemp(prefix="goodpix-unzipped-")
    os.unlink(name)
    try:
        _unzip(descriptor, out)
    except BaseException:
        with suppress(OSError):
            os.close(out)
        raise
    return out


def _unzip(descriptor: int, out: int) -> None:
    stream, at, n_written = zlib.decompressobj(wbits=31), 0, 0
    while piece := os.pread(descriptor, _READ, at):
        at += len(piece)
        is_full = False
        while piece or is_full:
            try:
                found = stream.decompress(piece, _READ)
            except zlib.error as error:
                raise ValueError(f"cannot be unzipped: is the file truncated or damaged? ({error})") from None
            n_written += len(found)
            if n_written > _MOST_UNZIPPED:
                raise ValueError(f"has more than {_MOST_UNZIPPED} bytes when unzipped")
            _write(out, found)
            # a full buffer: more output may follow from input already consumed
            is_full = len(found) == _READ and not stream.eof
            piece = stream.unconsumed_tail
            if stream.eof and (piece := stream.unused_data):
                if piece[:2] != _GZIP[: len(piece)]:
                    return  # trailing bytes after the last member, which gzip allows
                stream = zlib.decompressobj(wbits=31)
    if not stream.eof:
        raise ValueError("cannot be unzipped: it ends early: is the file truncated?")


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
