"""One object of an object store: read, in parts too, and written."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..errors import StoreError, UsageError

__all__ = ["Reader", "StoredObject", "file_system", "telling"]

Reader = Callable[[int, int | None], bytes]
"""Takes the first byte of a range and that after the last, and returns the bytes."""

# What installs the library of a protocol, where it is not the library's own name.
_INSTALLS = {"s3fs": "goodpix[s3]"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object, named by its URL.

    Parameters
    ----------
    url : str
        Its URL, such as ``s3://bucket/prefix/name``; where the store is and who asks, the environment says.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        """Return its bytes, or those of a range, by one request; see `reader`."""
        return self.reader()(start, end)

    def reader(self) -> Reader:
        """Return a function that reads ranges, with one connection to the store whichever thread calls it.

        It takes the first byte and that after the last, None for all that follow. A negative start counts from the
        end of the object, of which there may be less.

        Raises
        ------
        FileNotFoundError
            If there is no such object, when it is read.
        StoreError
            If the store cannot be reached, or refuses, then.
        """
        files, path = file_system(self.url)

        def read(start: int, end: int | None) -> bytes:
            with telling(self.url):
                try:
                    # a start, though it be 0, spares s3fs the question how large the object is
                    found: bytes = files.cat_file(path, start=start, end=end)
                except OSError as error:
                    if not re.search("range (is )?not satisfiable", str(error)):
                        raise
                    return b""  # the object ends before
            return found

        return read

    def write(self, content: bytes, *, anew: bool = False) -> None:
        """Write it whole: by one request, as long as it is not larger than a hundred megabytes.

        Parameters
        ----------
        content : bytes
            Its bytes.
        anew : bool
            Whether there must be no such object yet.

        Raises
        ------
        FileExistsError
            If `anew` is wanted and there is one.
        StoreError
            If the store cannot be reached, or refuses.
        """
        files, path = file_system(self.url)
        with telling(self.url):
            files.pipe_file(path, content, **({"mode": "create"} if anew else {}))


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the URL's path in it.

    Returns
    -------
    fsspec.AbstractFileSystem, str
        Fsspec keeps one for each thread of each process. This one remembers no listing.

    Raises
    ------
    UsageError
        If there is no such protocol, or its library is not installed.
    """
    from fsspec.core import url_to_fs  # slow, and most catalogues lie in folders

    try:
        found: tuple[Any, str] = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        cause = error.__cause__
        library = cause.name if isinstance(cause, ModuleNotFoundError) and cause.name else str(error)
        raise UsageError(f"{library} is not installed: pip install '{_INSTALLS.get(library, library)}'") from error
    except ValueError as error:
        raise UsageError(f"{url}: {' '.join(str(error).split())}: expected a folder or s3://bucket/prefix") from error
    return found


@contextmanager
def telling(url: str) -> Iterator[None]:
    """Tell what goes wrong with a store in one line.

    Raises
    ------
    FileNotFoundError, FileExistsError
        As they come from the file system.
    StoreError
        If anything else goes wrong.
    """
    try:
        yield
    except (FileNotFoundError, FileExistsError) as error:
        if "bucket does not exist" in str(error):
            raise StoreError(f"{url}: the bucket does not exist") from error
        raise
    except Exception as error:
        # libraries of stores have errors of their own; botocore's are not even OSErrors
        raise StoreError(f"{url}: {_in_words(error)}") from error


def _in_words(error: Exception) -> str:
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    # an endpoint may have a password in its URL
    text = re.sub(r"//[^/@\s]*@", "//***@", " ".join(said.split()))[:300]
    return text if isinstance(error, OSError) and text else f"{type(error).__name__}: {text}"
