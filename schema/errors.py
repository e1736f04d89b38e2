"""Exceptions raised by goodpix.

Each is a `GoodpixError` and also a fitting built-in exception, so that a caller may catch either.
"""

import difflib
from collections.abc import Callable, Sequence

__all__ = [
    "AmbiguousInputError",
    "CatalogueBusyError",
    "CatalogueError",
    "CatalogueVersionError",
    "DamagedFileError",
    "DitheredWeightError",
    "FitsFileError",
    "GoodpixError",
    "HeaderMismatchError",
    "InfoFileError",
    "InputChangedError",
    "MalformedRunsError",
    "MaskFileError",
    "MaskFileMissingError",
    "MaskNotFoundError",
    "MissingLibraryError",
    "OutputError",
    "PlaneError",
    "StoreError",
    "UnknownNameError",
    "UnsupportedFitsError",
    "UsageError",
    "WcsError",
    "WorkerLostError",
    "did_you_mean",
    "interruption",
]


class GoodpixError(Exception):
    """Base of all goodpix errors; its text is one line that a person can act on."""


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


class MaskFileError(GoodpixError, OSError):
    """A mask file that is missing, damaged or of another format version."""


class MaskFileMissingError(MaskFileError, FileNotFoundError):
    """A mask file that does not exist, or no longer exists."""


class MaskNotFoundError(GoodpixError, LookupError):
    """A mask that the catalogue does not hold."""


class StoreError(GoodpixError, OSError):
    """An object store that cannot be reached or refuses access, so that its content is unknown."""


class MissingLibraryError(UsageError, ModuleNotFoundError):
    """An optional library that is not installed."""


class OutputError(GoodpixError, OSError):
    """An output that cannot be written."""


class CatalogueError(GoodpixError, OSError):
    """A catalogue that is missing or cannot be opened."""


class CatalogueBusyError(CatalogueError):
    """A catalogue that another process is writing to."""


class CatalogueVersionError(CatalogueError):
    """A catalogue of a version that this software cannot use."""


class WorkerLostError(GoodpixError, OSError):
    """A job whose worker process died, or an executor that accepts no more jobs."""


def did_you_mean(
    name: str, known: Sequence[str], *, show: Callable[[str], str] = repr, otherwise: str | None = None
) -> str:
    """Return the end of a message about an unknown name: the nearest known name, or all of them if none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f", did you mean {show(near[0])}?"
    return f": expected one of {', '.join(known)}" if otherwise is None else otherwise


def interruption(error: BaseException) -> KeyboardInterrupt | None:
    """Return the interrupt that became another error, as in a library that converts whatever stops it; or None."""
    chain: BaseException | None = error
    while chain is not None and not isinstance(chain, KeyboardInterrupt):
        chain = chain.__cause__ or chain.__context__
    return chain
