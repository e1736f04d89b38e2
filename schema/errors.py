"""Exceptions raised by goodpix.

Each is a `GoodpixError` and also a fitting built-in exception, so that a caller may catch either.
"""

import difflib
import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .printable import printable

__all__ = [
    "AmbiguousInputError",
    "CatalogueBusyError",
    "CatalogueError",
    "CatalogueVersionError",
    "DamagedFileError",
    "DamagedValueError",
    "DitheredWeightError",
    "FitsFileError",
    "GoodpixError",
    "HeaderMismatchError",
    "InfoFileError",
    "InputChangedError",
    "MalformedRunsError",
    "MaskFileError",
    "MaskFileMissingError",
    "MaskFileUnreadableError",
    "MaskNotFoundError",
    "MissingLibraryError",
    "OutputError",
    "OutputFolderError",
    "PlaneError",
    "StopRequest",
    "StoreError",
    "UnknownNameError",
    "UnsupportedFitsError",
    "UsageError",
    "WcsError",
    "WorkerLostError",
    "WorkersNotStartedError",
    "check_utf_8",
    "damaged_mask_file",
    "did_you_mean",
    "expected_by",
    "interruption",
    "mask_file_error",
    "may_pass",
    "stop_request",
]


class GoodpixError(Exception):
    """Base of all goodpix errors; its text is one line that a person can act on, without control characters.

    Examples
    --------
    >>> try:
    ...     cat.mask("DES0131-3206", "z", 201000, 12)
    ... except goodpix.GoodpixError as error:
    ...     print(error)
    the catalogue has no mask of epoch 201000/12 (tile DES0131-3206, band z): tile DES0131-3206 has bands i, r
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class UsageError(GoodpixError, ValueError):
    """A call or command that cannot be carried out as given."""


class AmbiguousInputError(UsageError):
    """Inputs that contradict each other or the catalogue they are meant for."""


class UnknownNameError(UsageError, LookupError):
    """A criterion, bit, column or filter that does not exist."""


class InfoFileError(GoodpixError, ValueError):
    """An info file that cannot be read or has invalid content."""


class FitsFileError(GoodpixError, OSError):
    """A FITS file or extension that is missing or cannot be read."""


class DamagedFileError(FitsFileError):
    """A FITS file whose data contradict its header, checksum or compression format."""


class UnsupportedFitsError(FitsFileError):
    """A FITS file in a form that goodpix does not read by itself."""


class InputChangedError(GoodpixError, ValueError):
    """Image files that differ from those the mask was made from."""


class PlaneError(GoodpixError, ValueError):
    """A plane of the wrong type or shape."""


class DitheredWeightError(PlaneError):
    """A weight plane whose compression has lost its exact zeros."""


class HeaderMismatchError(GoodpixError, ValueError):
    """A FITS header that contradicts the info file."""


class WcsError(GoodpixError, ValueError):
    """A header whose celestial coordinates cannot be used."""


class MalformedRunsError(GoodpixError, ValueError):
    """Runs that do not describe an image."""


class DamagedValueError(GoodpixError, ValueError):
    """A stored value that its column cannot hold."""


class MaskFileError(GoodpixError, OSError):
    """A mask file that is missing, damaged or of another format version."""


class MaskFileMissingError(MaskFileError, FileNotFoundError):
    """A mask file that does not exist, or no longer exists."""


class MaskFileUnreadableError(MaskFileError):
    """A mask file whose content is unknown for the moment: no permission, a failing disk, no memory."""


class MaskNotFoundError(GoodpixError, LookupError):
    """A mask that the catalogue does not hold."""


class StoreError(GoodpixError, OSError):
    """A store that cannot be reached or refuses access, so that its content is unknown."""


class MissingLibraryError(UsageError, ModuleNotFoundError):
    """An optional library that is not installed."""


class OutputError(GoodpixError, OSError):
    """An output that cannot be written."""


class OutputFolderError(OutputError, FileNotFoundError):
    """An output in a folder that does not exist."""


class CatalogueError(GoodpixError, OSError):
    """A catalogue that is missing or cannot be opened."""


class CatalogueBusyError(CatalogueError):
    """A catalogue that another process is writing to."""


class CatalogueVersionError(CatalogueError):
    """A catalogue of a version that this software cannot use."""


class WorkersNotStartedError(UsageError):
    """Worker processes that cannot start, so that nothing is known of the jobs meant for them."""


class WorkerLostError(GoodpixError, OSError):
    """A job whose worker process died, or an executor that accepts no more jobs."""


def check_utf_8(name: str, what: str) -> None:
    """Check that a name can be stored in a database: a file name whose bytes are not UTF-8 cannot.

    Raises
    ------
    UsageError
        If it cannot.
    """
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} {name}: expected a name in UTF-8, which databases can store") from error


def mask_file_error(path: object, error: Exception) -> MaskFileError:
    """Return an error that tells a missing mask file, a damaged one, and one that cannot be read for the moment apart.

    Parameters
    ----------
    path : Path or object
        Location of the file.
    error : Exception
        What reading it raised.
    """
    if isinstance(error, FileNotFoundError) and not _behind_dangling_link(path):
        return MaskFileMissingError(f"mask file {path} is missing: goodpix ingest remakes it")
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None):
        why = " ".join(str(error).split())[:200] or "not enough memory"
        return MaskFileUnreadableError(f"mask file {path} cannot be read: {why}")
    return MaskFileError(damaged_mask_file(path, error))


def damaged_mask_file(path: object, why: object) -> str:
    """Return the message about a mask file whose content is wrong."""
    return (
        f"mask file {path} is damaged: run goodpix verify --repair, then goodpix ingest, to remake it "
        f"({' '.join(str(why).split())[:200]})"
    )


def _behind_dangling_link(path: object) -> bool:
    """Tell whether a file or a folder above it is a link to nothing, as to a disk that is not mounted."""
    return isinstance(path, Path) and any(each.is_symlink() and not each.exists() for each in (path, *path.parents))


def did_you_mean(
    name: str, known: Sequence[str], *, show: Callable[[str], str] = repr, otherwise: str | None = None
) -> str:
    """Return the end of a message about an unknown name: the nearest known name, or all of them if none is near."""
    in_small_letters = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name, known, n=1) or [
        in_small_letters[each] for each in difflib.get_close_matches(name.lower(), in_small_letters, n=1)
    ]
    if near:
        return f", did you mean {show(near[0])}?"
    return f": expected one of {', '.join(known)}" if otherwise is None else otherwise


# Errors of a system or a server, not of the file for which they were raised.
_OF_SYSTEM = {
    *(errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN),
    *(errno.EBUSY, errno.ENODEV, errno.ENXIO, errno.ENOSPC, errno.EDQUOT, errno.EREMOTEIO, errno.ETIMEDOUT),
    *(errno.ENOTCONN, errno.ECONNRESET, errno.ECONNREFUSED, errno.ESHUTDOWN, errno.EHOSTDOWN, errno.EHOSTUNREACH),
    *(errno.ENETDOWN, errno.ENETUNREACH, errno.ENOLCK, errno.EINTR),
}


def may_pass(error: BaseException) -> bool:
    """Tell whether an error may not recur although the files are the same.

    That is so of a worker that died or lacks a library, and if no permission, a failing disk or server, too many open
    files, no memory or no room is behind the error.
    """
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return True  # written, not read: a limit on the size of files
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, WorkerLostError | MemoryError | MissingLibraryError):
            return True
        if isinstance(chain, OSError) and chain.errno in _OF_SYSTEM:
            return True
        chain = chain.__cause__ or chain.__context__
    return False


@dataclass(slots=True)
class StopRequest:
    """Request to stop this process, which a signal makes.

    Parameters
    ----------
    interrupt : callable, optional
        Returns the interrupt to raise; None while there is no request.
    """

    interrupt: Callable[[], KeyboardInterrupt] | None = None


stop_request = StopRequest()
"""The request to stop this process."""


def interruption(error: BaseException) -> KeyboardInterrupt | None:
    """Return the interrupt that became another error; None if the error is one of its own.

    Notes
    -----
    Some libraries convert whatever stops them, and the interrupt is then among the causes. Others lose it: ctypes
    swallows an interrupt inside a callback, for instance of the compiler, which then fails in some other way. So after
    a request to stop, any error is taken to be the interruption.
    """
    chain: BaseException | None = error
    while chain is not None and not isinstance(chain, KeyboardInterrupt):
        chain = chain.__cause__ or chain.__context__
    if chain is None and stop_request.interrupt is not None:
        return stop_request.interrupt()
    return chain


_EXPECTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    "finite_number": "a finite number",
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    "string_type": "text",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    **dict.fromkeys(("list_type", "tuple_type"), "a list"),
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    **dict.fromkeys(("dict_type", "model_type"), "a mapping of keys"),
}


def expected_by(details: Mapping[str, Any]) -> str:
    """Return what pydantic expected in place of a value, by the details of its error.

    Examples
    --------
    >>> expected_by({"type": "greater_than_equal", "msg": "Input should be ...", "ctx": {"ge": 1}})
    'expected 1 or more'
    """
    expected = _EXPECTED.get(details["type"])
    if expected is None:
        return str(details["msg"]).removeprefix("Value error, ")
    return f"expected {expected.format(**details.get('ctx', {}))}"
