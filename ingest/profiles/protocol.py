"""Protocol of profiles."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from ...schema.bits import BitNames
from ...schema.inputs.profile import ProfileId
from ..infofile import TileInfo

__all__ = ["Profile", "SelectionsOfFiles"]


class Profile(Protocol):
    """A pipeline's files: how they are found, what belongs together, and what their values mean.

    A profile is sent to worker processes, so that it must be possible to pickle it.

    Attributes
    ----------
    identity : ProfileId
        Name and version.
    summary : str
        Description in one line.
    bit_names : BitNames
        Names of the mask bits as they are stored.
    settings : mapping of str to str
        Meaning of each setting that the profile takes, by name.
    selections : mapping of str to str
        Named selections that a new catalogue is given, in words as `Selection.parse` reads them, by name.
    """

    identity: ProfileId
    summary: str
    bit_names: BitNames
    settings: Mapping[str, str]
    selections: Mapping[str, str]

    def find(self, given: Sequence[Path], settings: Mapping[str, str]) -> list[Path]:
        """Return the files to read, one for each tile and band or exposure, in order and without duplicates.

        Parameters
        ----------
        given : sequence of Path
            Files, and folders to search.
        settings : mapping of str to str
            Settings by name.

        Raises
        ------
        UsageError
            If a path does not exist, or a folder has no file of the profile; the message says what was looked for.
        """
        ...

    def read(self, path: Path, settings: Mapping[str, str]) -> TileInfo:
        """Return what is to be ingested of a file.

        Parameters
        ----------
        path : Path
            One of the files that `find` returned.
        settings : mapping of str to str
            Settings by name.

        Raises
        ------
        InfoFileError
            If the file cannot be used; the message names the file, the key, its value and what was expected.
        """
        ...

    def campaign(self, path: Path, settings: Mapping[str, str]) -> str:
        """Return the campaign of a file; a catalogue has one."""
        ...


@runtime_checkable
class SelectionsOfFiles(Protocol):
    """A profile some of whose named selections depend on the files; a profile need not be one."""

    def selections_of(self, paths: Sequence[Path], settings: Mapping[str, str]) -> Mapping[str, str]:
        """Return the named selections that a new catalogue is given in place of those of the profile, by name.

        Parameters
        ----------
        paths : sequence of Path
            The files of its first ingest that can be read.
        settings : mapping of str to str
            Settings by name.
        """
        ...
