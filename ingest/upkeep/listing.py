"""The files below a masks root; nothing but the upkeep lists them."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ...schema.masksroot import MasksRoot

__all__ = ["FoundFile", "MaskFileName", "list_files"]

_NAME = re.compile(r"(?P<band>[^/]+)/(?P<tilename>[^/]+)_(?P=band)_g(?P<generation>[0-9]+)_[0-9a-f]{12}\.parquet")


@dataclass(frozen=True, slots=True)
class MaskFileName:
    """What the name of a mask file says."""

    tilename: str
    band: str
    generation: int

    @classmethod
    def of(cls, name: str) -> "MaskFileName | None":
        """Return what a name below the root says; None where it is not that of a mask file."""
        match = _NAME.fullmatch(name)
        return cls(match["tilename"], match["band"], int(match["generation"])) if match else None


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file below the root.

    Parameters
    ----------
    name : str
        Relative to the root.
    n_bytes : int
        Its size.
    modified : float
        When it was written, seconds since 1970.
    """

    name: str
    n_bytes: int
    modified: float

    @property
    def is_temporary(self) -> bool:
        """Whether it is in the making, or what a killed job left."""
        last = self.name.rpartition("/")[2]
        return last.startswith(".") and last.endswith(".partial")

    @property
    def mask_file(self) -> MaskFileName | None:
        """What its name says, where it is a mask file."""
        return MaskFileName.of(self.name)


def list_files(root: MasksRoot) -> Iterator[FoundFile]:
    """Yield every file below the root, in order of their names; nothing where there is no such folder."""
    for folder, folders, names in os.walk(root.folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            try:
                state = os.stat(path, follow_symlinks=False)
            except FileNotFoundError:
                continue  # published or removed since
            yield FoundFile(os.path.relpath(path, root.folder), state.st_size, state.st_mtime)
