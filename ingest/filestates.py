"""States of the input files of a run."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ..schema.inputs.recordedfiles import State
from ..schema.planes.imagefiles import file_state
from .infofile import TileInfo
from .inputs import input_paths

__all__ = ["FileStates"]

# Files asked for one after the other before it is decided whether that is fast enough.
_SAMPLE = 8

# Seconds per file above which they are asked for side by side: a local disk answers from memory in a tenth of it.
_FAR = 1e-4

# Questions at a time; what takes the time is the way to the server and back.
_THREADS = 32


class FileStates:
    """States of input files, each asked for once, however many tiles list it."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}

    def of(self, info: TileInfo) -> dict[str, State]:
        """Return the state of each input file of a tile, by path."""
        paths = list(dict.fromkeys(path for image in (info, *info.src_info) for path in input_paths(image)))
        new = [path for path in paths if path not in self._states]
        self._states |= zip(new, _ask(new), strict=True)
        return {path: self._states[path] for path in paths}


def _ask(paths: Sequence[str]) -> list[State]:
    """Return the state of each file, asking side by side where a file system takes its time."""
    started = time.perf_counter()
    states = _ask_in_turn(paths[:_SAMPLE])
    rest = paths[_SAMPLE:]
    if not rest or time.perf_counter() - started < _FAR * _SAMPLE:
        return states + _ask_in_turn(rest)
    step = -(-len(rest) // _THREADS)
    with ThreadPoolExecutor(_THREADS) as threads:
        for some in threads.map(_ask_in_turn, (rest[k : k + step] for k in range(0, len(rest), step))):
            states += some
    return states


def _ask_in_turn(paths: Sequence[str]) -> list[State]:
    return [file_state(path) for path in paths]
