"""Recording and comparison of the input files of masks."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..schema.errors import FitsFileError, PlaneError
from ..schema.inputs.filedigest import FileDigest, digest_file, digest_opened
from ..schema.inputs.profile import ProfileId
from ..schema.inputs.recordedfiles import FINGERPRINTED, RecordedFile, State, files_column
from ..schema.planes.imagefiles import Extension, file_state
from ..schema.planes.reader import OpenedFile
from .infofile import ImageInfo

__all__ = ["InputFiles", "compare_files", "file_states", "input_paths", "record_files", "supposed_states"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InputFiles:
    """Input files of a mask, with their digests.

    Parameters
    ----------
    files : mapping of str to RecordedFile
        Existing files by path as written in the info file.
    checked : bool
        True if the data of all planes match a DATASUM.
    damaged : bool
        True if the data of any plane do not match its DATASUM.
    """

    files: Mapping[str, RecordedFile]
    checked: bool
    damaged: bool

    @property
    def states(self) -> dict[str, State]:
        """State of each file, by path."""
        return {path: file.state for path, file in self.files.items()}

    def facts(self, info: ImageInfo, segmentation: str, profile: ProfileId) -> dict[str, Any]:
        """Return the columns of an image's mask that describe its input files and its source of segmentation maps."""
        return {
            "files": files_column(self.files, info.files),
            "planes_checked": self.checked,
            "damaged_taken": self.damaged,
            "profile": profile.stored_name,
            "segmentation": segmentation,
        }


def record_files(states: Mapping[str, State], opened: Mapping[str, OpenedFile]) -> InputFiles:
    """Return the input files of an image with their digests.

    Parameters
    ----------
    states : mapping of str to State
        State of each file before it was read; see `file_states`.
    opened : mapping of str to OpenedFile
        FITS files opened by the reader, by path. SCAMP headers are read here; an unreadable one has no digest.
    """
    files: dict[str, RecordedFile] = {}
    digests: list[FileDigest] = []
    for path, state in states.items():
        if state is None:
            continue
        digest = digest_opened(opened[path]) if path in opened else _digest(path, [])
        if digest is None:
            files[path] = RecordedFile(*state)
        else:
            digests.append(digest)
            files[path] = RecordedFile(*state, digest.headers, digest.datasums)
    return InputFiles(
        files,
        checked=all(digest.checked for digest in digests),
        damaged=any(digest.damaged for digest in digests),
    )


def file_states(info: ImageInfo) -> dict[str, State]:
    """Return the present state of each input file of an image, by path."""
    return {path: file_state(path) for path in input_paths(info)}


def input_paths(info: ImageInfo) -> list[str]:
    """Return the path of each input file of an image, once."""
    paths = (getattr(info, f"{name}_path", None) for name in FINGERPRINTED)
    return list(dict.fromkeys(path for path in paths if path))


def supposed_states(recorded: Mapping[str, RecordedFile], states: Mapping[str, State]) -> dict[str, State]:
    """Return the states in a mask's fingerprint if its files have at most been copied; see `compare_files`.

    Only a file of another size has its present state: files of the same size may have been copied, and are read only
    if nothing else has changed.

    Parameters
    ----------
    recorded : mapping of str to RecordedFile
        Files from which the mask was made, by path.
    states : mapping of str to State
        Present states.
    """
    return {
        path: recorded[path].fingerprinted if path in recorded and state and state[0] == recorded[path].size else state
        for path, state in states.items()
    }


def compare_files(
    info: ImageInfo, recorded: Mapping[str, RecordedFile], states: Mapping[str, State]
) -> Mapping[str, RecordedFile] | None:
    """Return the recorded files with their present modification times; None if the contents of one have changed.

    The mapping itself is returned if nothing has changed. Only files whose modification time differs are read.

    Parameters
    ----------
    info : ImageInfo
        The info file's entry for the image.
    recorded : mapping of str to RecordedFile
        Files from which the mask was made, by path.
    states : mapping of str to State
        Present states; see `file_states`.
    """
    others = {path: file for path, file in recorded.items() if states.get(path) != file.state}
    if not others:
        return recorded
    units = _units_by_path(info)
    now = dict(recorded)
    for path, file in others.items():
        state = states.get(path)
        if state is None or state[0] != file.size or path not in units:
            return None
        found = _digest(path, units[path])
        if found is None or not file.matches(found):
            return None
        now[path] = file.at(state[1])
    return now


def _units_by_path(info: ImageInfo) -> dict[str, list[Extension]]:
    """Return the extensions of each file in the fingerprint, by path; a SCAMP header has none."""
    units: dict[str, list[Extension]] = {}
    for name in FINGERPRINTED:
        file = info.file(name)
        if file is not None:
            of_path = units.setdefault(file.path, [])
            if name != "head":
                also = () if file.conversion is None else file.conversion.also
                of_path += [file.ext, *(ext for ext, _ in also)]
    return units


def _digest(path: str, units: Iterable[Extension]) -> FileDigest | None:
    try:
        return digest_file(path, units)
    except (FitsFileError, PlaneError) as error:
        logger.debug("no digest: %s", error)
        return None
