"""Standard streams that may be full, closed or unable to show a letter."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..schema.errors import OutputError

__all__ = ["guarded_streams", "write_bytes"]

# The shell's status of a program that was ended because nobody reads its output, as by ``| head``.
_NOBODY_READS = 141

_STDOUT, _STDERR = 1, 2


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard the standard streams of a command.

    A standard output that cannot be written raises an `OutputError`, or exits in silence if its reader has gone.
    Messages that cannot be written to standard error are dropped: no job fails because of them.
    """
    _open_closed_ones()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Output(_stream(_STDOUT)), _Messages(_stream(_STDERR))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def write_bytes(data: bytes) -> None:
    """Write to standard output.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    sys.stdout.flush()
    with _reported():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def _open_closed_ones() -> None:
    """Open descriptors that the caller closed; else the next file, such as the database, would be standard output."""
    for number in (0, _STDOUT, _STDERR):
        try:
            os.fstat(number)
        except OSError:
            # the lowest free number; writes to one that is open for reading fail
            os.set_inheritable(os.open(os.devnull, os.O_WRONLY if number == _STDERR else os.O_RDONLY), True)


def _stream(number: int) -> Any:
    """Return a standard stream; a new one where Python made none because its descriptor was closed."""
    stream = sys.stdout if number == _STDOUT else sys.stderr
    if stream is not None:
        return stream
    binary = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return io.TextIOWrapper(binary, encoding="utf-8", errors="backslashreplace", line_buffering=True)


class _Stream:
    """A text stream in the place of another."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def writelines(self, lines: Any) -> None:
        """Write each of some texts."""
        for line in lines:
            self.write(line)

    def write(self, text: str) -> int:
        """Write a text."""
        return int(self._stream.write(text))


class _Output(_Stream):
    """Standard output."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._failure: BaseException | None = None

    def write(self, text: str) -> int:
        """Write a text; raises `OutputError`."""
        with self._failing_again():
            return super().write(text)

    def flush(self) -> None:
        """Write what is buffered; raises `OutputError`."""
        with self._failing_again():
            self._stream.flush()

    @contextmanager
    def _failing_again(self) -> Iterator[None]:
        """Raise an earlier failure again: libraries try whether a stream can be written, and pass over it."""
        if self._failure is not None:
            raise self._failure
        try:
            with _reported():
                yield
        except (OutputError, SystemExit) as failure:
            self._failure = failure
            raise


class _Messages(_Stream):
    """Standard error, whose failures are ignored."""

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        try:
            return super().write(text)
        except OSError:
            _discard(_STDERR)
            return len(text)

    def flush(self) -> None:
        """Write what is buffered, or drop it."""
        try:
            self._stream.flush()
        except OSError:
            _discard(_STDERR)


@contextmanager
def _reported() -> Iterator[None]:
    """Turn errors of standard output into an `OutputError`."""
    try:
        yield
    except BrokenPipeError:
        _discard(_STDOUT)
        raise SystemExit(_NOBODY_READS) from None
    except UnicodeEncodeError as error:
        letter = ascii(error.object[error.start])
        raise OutputError(
            f"standard output cannot show {letter} in {error.encoding}: set PYTHONIOENCODING=utf-8, or write to a "
            "file with -o"
        ) from error
    except OSError as error:
        _discard(_STDOUT)
        raise OutputError(f"standard output cannot be written ({error.strerror or error})") from error


def _discard(number: int) -> None:
    """Send a stream to nowhere, so that Python can flush what is buffered when it ends."""
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)
