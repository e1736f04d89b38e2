"""Input files, on a disk, in an object store or on a web server."""

import io
import os
from pathlib import Path
from typing import IO

from .object import check_library, checked_url, file_system, local_text, telling

__all__ = ["open_input"]


def open_input(path: str | os.PathLike[str]) -> IO[bytes]:
    """Return a small file such as a list or a table, open for reading.

    Parameters
    ----------
    path : path or str
        A file, or a URL of an object store or a web server, which is read whole and at once.

    Raises
    ------
    OSError
        If it cannot be read.
    UsageError
        If it is the URL of another protocol, may contain a password, or its library is not installed.
    """
    text = local_text(path, "input")
    if "://" not in text:
        return Path(text).expanduser().open("rb")
    url = checked_url(text, "input", readable=True)
    check_library(url)
    files, within = file_system(url)
    with telling(url):
        return io.BytesIO(files.cat_file(within))
