"""Output files, on a disk or in an object store."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputFolderError, UsageError
from .object import check_library, checked_url, file_system, local_text, telling

__all__ = ["OutputPath", "check_output", "output_file"]

OutputPath = str | os.PathLike[str]
"""Name of a file, or URL of an object."""


def check_output(path: OutputPath) -> str:
    """Return the name of an output file that can be written as far as its name tells.

    Parameters
    ----------
    path : path or str
        A file, ``file:///folder/name`` too, or an object such as ``s3://bucket/name``: of S3, Google Cloud Storage
        (``gs``), Azure (``abfs``) or this process's ``memory``. Nothing is contacted.

    Raises
    ------
    UsageError
        If it is empty, the URL of another protocol, may contain a password, or has lost a slash as a Path.
    MissingLibraryError
        If the protocol's library is not installed.
    """
    if not os.fspath(path):
        raise UsageError("output is '': expected the name of a file")
    text = local_text(path, "output")
    if "://" not in text:
        return text
    url = checked_url(text, "output")
    check_library(url)
    return url


@contextmanager
def output_file(path: OutputPath) -> Iterator[Path]:
    """Yield the file to write; when the block ends it becomes the output, whole, and after an error nothing does.

    Parameters
    ----------
    path : path or str
        See `check_output`. An existing file is replaced.

    Yields
    ------
    Path
        A new name beside a local file, or in the folder for temporary files before an upload; its ending is that of
        the output. What cannot be replaced, such as a pipe, is yielded itself.

    Raises
    ------
    UsageError
        See `check_output`.
    OutputFolderError
        If the folder of the file does not exist.
    StoreError
        If a store cannot be reached or refuses.
    """
    text = check_output(path)
    if "://" in text:
        with tempfile.TemporaryDirectory(prefix="goodpix-") as folder:
            file = Path(folder, f"output{Path(text).suffix}")
            yield file
            _upload(file, text)
        return
    output, target = Path(text), Path(os.path.realpath(text))
    # by its own name: the real one of a pipe, such as /dev/stdout or >(gzip), cannot be opened
    if output.exists() and not (target.is_file() and os.access(target.parent, os.W_OK)):
        yield output
        return
    if not target.parent.is_dir():
        raise OutputFolderError(f"{text}: cannot be written: there is no folder {output.parent}")
    file = target.with_name(f".{target.stem}.{os.getpid()}.part{target.suffix}")
    try:
        yield file
        file.replace(target)
    except OSError as error:
        if str(error.filename) == str(file):
            error.filename = text  # the name that was given
        raise
    finally:
        file.unlink(missing_ok=True)


def _upload(file: Path, url: str) -> None:
    """Write a file as an object; however large it is, it appears there whole."""
    files, path = file_system(url)
    with telling(url):
        files.put_file(str(file), path)
