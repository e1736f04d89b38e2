"""Objects of an object store."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StoreError, UsageError
from ..extras import missing_library

__all__ = [
    "Reader",
    "StoredObject",
    "check_library",
    "checked_url",
    "file_system",
    "local_path",
    "local_text",
    "telling",
]

_PROTOCOLS = ("s3", "gs", "abfs", "memory")
_READABLE = ("https", "http")
_LOCAL = re.compile(r"(file|local)://(?=/)", re.IGNORECASE)
_LOST_SLASH = re.compile(r"[a-z0-9]{2,}:/(?!/)")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/]+(/.*)?", re.IGNORECASE)

Reader = Callable[[int, int | None], bytes]
"""Returns the bytes of a range, given its start and its end (exclusive)."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object, named by its URL.

    Parameters
    ----------
    url : str
        Its URL, such as ``s3://bucket/prefix/name``; endpoint and credentials come from the environment.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def read(self, start: int = 0, end: int | None = None) -> bytes:
        """Return its bytes, or those of a range, in one request; see `reader`."""
        return self.reader()(start, end)

    def reader(self) -> Reader:
        """Return a function that reads ranges over one connection, whichever thread calls it.

        It takes the start and the end (exclusive) of a range; None means the end of the object. A negative start
        counts from the end and may exceed the object's size.

        Raises
        ------
        FileNotFoundError
            On reading, if there is no such object.
        StoreError
            On reading, if the store cannot be reached or refuses.
        """
        files, path = file_system(self.url)

        def read(start: int, end: int | None) -> bytes:
            with telling(self.url):
                try:
                    # with a start, even 0, s3fs need not ask for the object's size
                    content: bytes = files.cat_file(path, start=start, end=end)
                except OSError as error:
                    if not re.search("range (is )?not satisfiable", str(error)):
                        raise
                    return b""  # the object ends before the range
            return content

        return read

    def write(self, content: bytes, *, anew: bool = False) -> None:
        """Write the whole object, up to a hundred megabytes in one request.

        Parameters
        ----------
        content : bytes
            Its bytes.
        anew : bool
            Whether the object must not exist yet.

        Raises
        ------
        FileExistsError
            If `anew` is true and the object exists.
        StoreError
            If the store cannot be reached or refuses.
        """
        files, path = file_system(self.url)
        with telling(self.url):
            files.pipe_file(path, content, **({"mode": "create"} if anew else {}))


def file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the URL's path in it.

    Returns
    -------
    fsspec.AbstractFileSystem, str
        Fsspec keeps one file system per thread and process; this one caches no listings.

    Raises
    ------
    UsageError
        If the protocol is unknown or its library is not installed.
    """
    from fsspec.core import url_to_fs  # slow, and most catalogues are in folders

    if "::" in url:  # fsspec would go on to another place
        raise UsageError(f"{url}: expected a URL without ::")
    check_library(url)
    try:
        files_and_path: tuple[Any, str] = url_to_fs(url, use_listings_cache=False)
    except ValueError as error:
        raise UsageError(f"{url}: {' '.join(str(error).split())}: expected a path or s3://bucket/name") from error
    return files_and_path


def local_text(path: str | os.PathLike[str], what: str) -> str:
    """Return a path or URL as text, without the protocol if that is of local files.

    Raises
    ------
    UsageError
        If a Path was made of a URL.
    """
    text = os.fspath(path)
    if not isinstance(path, str) and _LOST_SLASH.match(text):
        raise UsageError(f"{what} {text}: a Path has lost a slash of this URL: expected a string")
    return _LOCAL.sub("", text)


def local_path(path: str | os.PathLike[str], what: str) -> Path:
    """Return the path of what can be on a file system alone, such as images.

    Raises
    ------
    UsageError
        If it is the URL of anything else.
    """
    text = _LOCAL.sub("", os.fspath(path))
    if re.match("[A-Za-z0-9+.-]{2,}:/", text) and not os.path.exists(text):  # a Path has lost a slash of it
        raise UsageError(f"{what} {text}: is read from a file system, not from a store: expected a local path")
    return Path(text)


def checked_url(url: str, what: str, local: str = "file", *, readable: bool = False) -> str:
    """Return the URL of an object, or of a prefix of such, with its protocol in lower case.

    Parameters
    ----------
    url : str
        A URL of S3, Google Cloud Storage (``gs``), Azure (``abfs``) or this process's ``memory``.
    what : str
        What it is the URL of, for messages.
    local : str
        What stands there without a URL: ``file`` or ``folder``.
    readable : bool
        Whether it is read alone, so that it may be of a web server (``https``).

    Raises
    ------
    UsageError
        If the URL is not supported or may contain a password.
    """
    example = "s3://bucket/prefix" if local == "folder" else "s3://bucket/name"
    protocol, _, rest = url.partition("://")
    # the URL is stored or shown, so it must not contain a secret
    if "@" in url or "?" in url or "#" in url:
        raise UsageError(
            f"{what} {protocol}://...: expected a URL without @, ? and #, such as {example}: set credentials in the "
            "environment (AWS_PROFILE, AWS_ACCESS_KEY_ID ...)"
        )
    if protocol.lower() in ("file", "local"):
        raise UsageError(
            f"{what} {url}: expected three slashes and a whole path, file:///..., or a {local} without file://"
        )
    if "::" in url or not _URL.fullmatch(url):
        raise UsageError(f"{what} {url}: expected a {local}, or a URL such as {example}")
    supported = _PROTOCOLS + _READABLE * readable
    if protocol.lower() not in supported:
        why = "can only be read" if local == "file" and protocol.lower() in _READABLE else "is not supported"
        known = ", ".join(f"{each}://" for each in supported)
        raise UsageError(f"{what} {url}: {protocol}:// {why}: expected a {local} or {known}")
    return f"{protocol.lower()}://{rest}"


def check_library(url: str) -> None:
    """Check that the library of a URL's protocol is installed, without contacting the store.

    Raises
    ------
    UsageError
        If the protocol is unknown or its library is not installed.
    """
    from fsspec import get_filesystem_class  # as above

    try:
        get_filesystem_class(url.partition("://")[0].lower())
    except ImportError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name:
            raise missing_library(cause.name) from error
        raise UsageError(f"{url}: {' '.join(str(error).split())}") from error
    except ValueError as error:
        raise UsageError(f"{url}: {' '.join(str(error).split())}: expected a path or s3://bucket/name") from error


@contextmanager
def telling(url: str) -> Iterator[None]:
    """Turn the errors of a store into one-line messages.

    Raises
    ------
    FileNotFoundError, FileExistsError
        If an object is missing or exists already.
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
        # store libraries raise their own errors; botocore's are not even OSErrors
        raise StoreError(f"{url}: {_message(error)}") from error


def _message(error: Exception) -> str:
    message = (error.strerror if isinstance(error, OSError) else None) or str(error)
    # the URL of an endpoint may contain a password
    text = re.sub(r"//[^/@\s]*@", "//***@", " ".join(message.split()))[:300]
    return text if isinstance(error, OSError) and text else f"{type(error).__name__}: {text}"
