"""Input files of a mask as the catalogue records them: the column ``files``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .filedigest import FileDigest

__all__ = ["RecordedFile", "State", "files_column", "recorded_files"]

State = tuple[int, int] | None
"""Size (bytes) and modification time (ns) of a file; None if it does not exist."""


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One input file at the time when its mask was made or last compared.

    Parameters
    ----------
    size, mtime_ns : int
        Size (bytes) and modification time (ns).
    headers : str or None
        See `goodpix.schema.inputs.filedigest.FileDigest`; None if the file could not be digested.
    datasums : mapping of int to int
        Sum of the data by number of the unit.
    fingerprint_mtime_ns : int, optional
        Modification time in the mask's fingerprint, if the file has been copied since without a change.
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
        """Size and modification time as they enter the mask's fingerprint."""
        return self.size, self.mtime_ns if self.fingerprint_mtime_ns is None else self.fingerprint_mtime_ns

    def matches(self, found: FileDigest) -> bool:
        """Tell whether a file has the same contents, given the digest of all units of its planes.

        A unit whose data were not summed has to agree with the DATASUM of its header, which is the same header.
        """
        return self.headers == found.headers and all(
            total == self.datasums.get(number, found.stated.get(number)) for number, total in found.datasums.items()
        )

    def at(self, mtime_ns: int) -> "RecordedFile":
        """Return the same file with a new modification time; the one in the fingerprint stays."""
        original = self.mtime_ns if self.fingerprint_mtime_ns is None else self.fingerprint_mtime_ns
        return replace(self, mtime_ns=mtime_ns, fingerprint_mtime_ns=None if original == mtime_ns else original)


def files_column(files: Mapping[str, RecordedFile]) -> str:
    """Return the value of the column ``files``, JSON by path as written in the info file."""
    return json.dumps({path: _values(file) for path, file in files.items()}, sort_keys=True, separators=(",", ":"))


def recorded_files(text: str) -> dict[str, RecordedFile]:
    """Return the files of a value of the column ``files``, by path; unknown entries are ignored."""
    return {
        path: RecordedFile(
            size=values["size"],
            mtime_ns=values["mtime_ns"],
            headers=values.get("headers"),
            datasums={int(number): total for number, total in values.get("datasums", {}).items()},
            fingerprint_mtime_ns=values.get("fingerprint_mtime_ns"),
        )
        for path, values in json.loads(text).items()
    }


def _values(file: RecordedFile) -> dict[str, Any]:
    values: dict[str, Any] = {
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "headers": file.headers,
        "datasums": {str(number): total for number, total in file.datasums.items()},
    }
    if file.fingerprint_mtime_ns is not None:
        values["fingerprint_mtime_ns"] = file.fingerprint_mtime_ns
    return values
