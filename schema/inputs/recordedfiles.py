"""Records of a mask's input files in the column ``files``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..columns import json_object
from ..errors import DamagedValueError
from ..planes.imagefiles import PlaneFile
from .filedigest import FileDigest

__all__ = ["FINGERPRINTED", "SE_PLANES", "RecordedFile", "State", "files_column", "recorded_files"]

SE_PLANES = ("image", "weight", "bmask", "seg")
"""Planes of a CCD image whose files enter its single-epoch fingerprint."""

FINGERPRINTED = (*SE_PLANES, "head")
"""Planes of an epoch whose files enter its fingerprint, and are recorded."""

State = tuple[int, int] | None
"""Size (bytes) and modification time (ns) of a file; None if it does not exist."""


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """State of an input file when its mask was made or last compared.

    Parameters
    ----------
    size, mtime_ns : int
        Size (bytes) and modification time (ns).
    headers : str or None
        Digest of the headers (see `goodpix.schema.inputs.filedigest.FileDigest`); None if it could not be computed.
    datasums : mapping of int to int
        Sum of the data, by unit number.
    fingerprint_mtime_ns : int, optional
        Modification time in the mask's fingerprint, if the unchanged file has been copied since.
    """

    size: int
    mtime_ns: int
    headers: str | None = None
    datasums: Mapping[int, int] = field(default_factory=dict)
    fingerprint_mtime_ns: int | None = None

    @property
    def state(self) -> State:
        """Size and modification time."""
        return self.size, self.mtime_ns

    @property
    def fingerprinted(self) -> State:
        """Size and modification time used in the mask's fingerprint."""
        return self.size, self.mtime_ns if self.fingerprint_mtime_ns is None else self.fingerprint_mtime_ns

    def matches(self, found: FileDigest) -> bool:
        """Return True if a file has the same contents, given the digest of all units of its planes.

        Data without a recorded sum must match the DATASUM in the header, which is unchanged.
        """
        return self.headers == found.headers and all(
            total == self.datasums.get(number, found.stated.get(number)) for number, total in found.datasums.items()
        )

    def at(self, mtime_ns: int) -> "RecordedFile":
        """Return the file with a new modification time; the one in the fingerprint is kept."""
        original = self.mtime_ns if self.fingerprint_mtime_ns is None else self.fingerprint_mtime_ns
        return replace(self, mtime_ns=mtime_ns, fingerprint_mtime_ns=None if original == mtime_ns else original)


def files_column(files: Mapping[str, RecordedFile], planes: Mapping[str, PlaneFile]) -> str:
    """Return the value of the column ``files``: JSON, each file by the name of its first plane.

    Parameters
    ----------
    files : mapping of str to RecordedFile
        Files by path as written in the info file.
    planes : mapping of str to PlaneFile
        Planes of the image by name. They have a column of their own, so that paths need not be repeated.
    """
    names = _first_planes(planes)
    return json.dumps(
        {names[path]: _values(file) for path, file in files.items()}, sort_keys=True, separators=(",", ":")
    )


def recorded_files(text: str, planes: Mapping[str, PlaneFile]) -> dict[str, RecordedFile]:
    """Parse a value of the column ``files``; return its files by path, those of other planes left out.

    Raises
    ------
    DamagedValueError
        If the value is not one of that column.
    """
    found = {name: _file(name, values) for name, values in json_object(text, "files").items()}
    return {path: found[name] for path, name in _first_planes(planes).items() if name in found}


def _first_planes(planes: Mapping[str, PlaneFile]) -> dict[str, str]:
    """Return the name of the first plane in each file, by path."""
    return {planes[name].path: name for name in reversed(FINGERPRINTED) if name in planes}


def _file(name: str, values: Any) -> RecordedFile:
    try:
        file = RecordedFile(
            size=values["size"],
            mtime_ns=values["mtime_ns"],
            headers=values.get("headers"),
            datasums={int(number): total for number, total in values.get("datasums", {}).items()},
            fingerprint_mtime_ns=values.get("fingerprint_mtime_ns"),
        )
        numbers = [file.size, file.mtime_ns, file.fingerprint_mtime_ns or 0, *file.datasums.values()]
        if all(isinstance(each, int) for each in numbers) and isinstance(file.headers, str | None):
            return file
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise DamagedValueError(f"files has no size, time and digests of {name}")


def _values(file: RecordedFile) -> dict[str, Any]:
    values: dict[str, Any] = {"size": file.size, "mtime_ns": file.mtime_ns, "headers": file.headers}
    if file.datasums:
        values["datasums"] = {str(number): total for number, total in file.datasums.items()}
    if file.fingerprint_mtime_ns is not None:
        values["fingerprint_mtime_ns"] = file.fingerprint_mtime_ns
    return values
