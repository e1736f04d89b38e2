"""Optional libraries, and the extras that install them."""

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import MissingLibraryError

__all__ = ["EXTRAS", "extra_of", "missing_library", "optional"]

EXTRAS = {
    "plot": ("matplotlib",),
    "maps": ("healsparse", "mocpy"),
    "dashboard": ("panel", "bokeh"),
    "postgres": ("psycopg",),
    "dask": ("distributed",),
    "s3": ("s3fs",),
    "segment": ("sep",),
}
"""Libraries of each extra whose modules are imported here."""

_EXTRAS = {library: extra for extra, libraries in EXTRAS.items() for library in libraries}


def extra_of(library: str) -> str | None:
    """Return the extra that installs a library, given by the name of one of its modules; None if there is none."""
    return _EXTRAS.get(library.partition(".")[0])


def missing_library(library: str) -> MissingLibraryError:
    """Return the error of a library that is not installed, with the command that installs it."""
    name, extra = library.partition(".")[0], extra_of(library)
    how = f"pip install 'goodpix[{extra}]', or in a checkout pip install '.[{extra}]'"
    return MissingLibraryError(f"{name} is not installed: {how if extra else f'pip install {name}'}")


@contextmanager
def optional(*libraries: str) -> Iterator[None]:
    """Import optional libraries; one that is not installed is a `MissingLibraryError`.

    Parameters
    ----------
    *libraries : str
        Their names. Another module that is missing is a bug, and its error stays as it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in libraries or isinstance(error, MissingLibraryError):
            raise
        raise missing_library(name) from error
