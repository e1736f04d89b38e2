"""Regular files, opened for reading."""

import errno
import os
import stat
import tempfile
import zlib
from contextlib import suppress

from .imagefiles import variables

__all__ = ["open_regular", "open_unzipped", "read_regular", "why_not"]

# Bytes that are unzipped: more than any survey's files, less than most disks.
_MOST_UNZIPPED = 1 << 33

# Bytes read at a time, between which signals are heeded.
_READ = 1 << 20

_GZIP = b"\x1f\x8b"


def open_regular(path: str) -> int:
    """Open a regular file for reading; return its descriptor, which the caller closes.

    Raises
    ------
    OSError
        If there is no such file, it cannot be opened, or is a folder, a device or a named pipe, which are
        not opened: that alone may act on a device, and may never end on a pipe.
    ValueError
        If it is no path.
    """
    _check_regular(os.stat(path), path)
    # another file may have taken its place: without O_NONBLOCK a named pipe would wait for a writer
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
    """Return why a file was not opened or read, in words for a message."""
    if isinstance(error, FileNotFoundError):
        unset = variables([path])
        return f"no such file: is {unset[0]} set?" if unset else "no such file"
    why = (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())
    return why if why.startswith(("is ", "has ")) else f"cannot be opened ({why})"


def read_regular(path: str, most: int) -> bytes:
    """Return the content of a regular file.

    Parameters
    ----------
    path : str
        The file.
    most : int
        Bytes that it may have.

    Raises
    ------
    OSError
        If it cannot be read, is not a regular file, or is larger.
    ValueError
        If it is no path.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"has more than {most} bytes", path)
    return content


def open_unzipped(descriptor: int) -> int:
    """Unzip a file into one without a name; return its descriptor, which the caller closes.

    Parameters
    ----------
    descriptor : int
        A file compressed by gzip, of one or more members.

    Raises
    ------
    OSError
        If there is no room.
    ValueError
        If it is not such a file, ends early, or holds more than any survey's files.
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
                raise ValueError(f"cannot be unzipped ({error})") from None
            n_written += len(found)
            if n_written > _MOST_UNZIPPED:
                raise ValueError(f"holds more than {_MOST_UNZIPPED} bytes")
            _write(out, found)
            # what fills its room may have more to come of bytes that were taken
            is_full = len(found) == _READ and not stream.eof
            piece = stream.unconsumed_tail
            if stream.eof and (piece := stream.unused_data):
                if piece[:2] != _GZIP[: len(piece)]:
                    return  # other bytes behind the last member, as gzip allows them
                stream = zlib.decompressobj(wbits=31)
    if not stream.eof:
        raise ValueError("cannot be unzipped: it ends early")


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
