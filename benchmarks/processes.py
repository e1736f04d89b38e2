"""Programs measured as separate processes."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .tiles import Tile

__all__ = [
    "Command",
    "ProgramError",
    "goodpix_command",
    "ingest_command",
    "peak_memory",
    "plain_read_command",
    "python_command",
    "run_program",
    "run_together",
]

Command = Sequence[str | Path]

# -P keeps the program from importing modules of the current folder.
_PYTHON = (sys.executable, "-P")

_POLL_SECONDS = 0.005


class ProgramError(Exception):
    """A program failed."""


def goodpix_command(*arguments: str | Path) -> Command:
    """Return a command line of goodpix."""
    return [*_PYTHON, "-m", "goodpix", *arguments]


def python_command(code: str) -> Command:
    """Return the command line that runs Python code."""
    return [*_PYTHON, "-c", code]


def ingest_command(tiles: Sequence[Tile], folder: Path, workers: int | None = None) -> Command:
    """Return the command that ingests tiles into a new catalogue in a folder.

    Parameters
    ----------
    tiles : sequence of Tile
        Tiles to ingest.
    folder : Path
        Folder of the new catalogue.
    workers : int, optional
        Number of workers; by default goodpix's own choice.
    """
    options = ["--db", str(folder / "goodpix.db"), "--masks", str(folder / "masks")]
    if workers is not None:
        options += ["--workers", str(workers)]
    return goodpix_command("ingest", *(tile.info_path for tile in tiles), *options)


def plain_read_command(tiles: Sequence[Tile], folder: Path) -> Command:
    """Return the command that only reads every plane of tiles."""
    listed = folder / "planes.json"
    listed.write_text(json.dumps([plane for each in tiles for plane in each.planes()]))
    return [*_PYTHON, Path(__file__).with_name("plainread.py"), listed]


def run_program(command: Command) -> None:
    """Run a program to its end.

    Raises
    ------
    ProgramError
        If it fails; the message has the last line of its standard error.
    """
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    _check(command, done.returncode, done.stderr)


def run_together(commands: Sequence[Command]) -> None:
    """Run several programs side by side, to the end of the last.

    Raises
    ------
    ProgramError
        If one fails.
    """
    with ThreadPoolExecutor(len(commands)) as threads:
        list(threads.map(run_program, commands))


def peak_memory(command: Command) -> list[int]:
    """Run a program to its end, and return the peak memory of each of its processes.

    Returns
    -------
    list of int
        Peak resident bytes of the program itself, then of the processes that it started. Shared pages are
        counted in each.

    Raises
    ------
    ProgramError
        If the program fails, or the system is not Linux.

    Notes
    -----
    From VmHWM in ``/proc``. The ``ru_maxrss`` of ``wait4`` is no use: a process starts with the peak of the
    one that it was forked from.
    """
    if not Path("/proc/self/status").exists():
        raise ProgramError("peak memory: there is no /proc/self/status: expected Linux")
    peaks: dict[int, int] = {}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None:
            for pid in _family(process.pid):
                # keep the last value: until it executes its program, a process has the peak of its parent
                peaks[pid] = _resident_peak(pid) or peaks.get(pid, 0)
            time.sleep(_POLL_SECONDS)
        stderr = process.stderr.read() if process.stderr else ""
    _check(command, process.returncode, stderr)
    return list(peaks.values())


def _check(command: Command, status: int, stderr: str) -> None:
    if status != 0:
        shown = " ".join(Path(each).name for each in command)
        raise ProgramError(f"{shown} exited {status}: {(stderr.strip().splitlines() or ['no error message'])[-1]}")


def _family(pid: int) -> list[int]:
    """Return a process and its living descendants."""
    pids = [pid]
    for each in pids:
        try:
            children = [path.read_text().split() for path in Path(f"/proc/{each}/task").glob("*/children")]
        except OSError:
            continue
        pids += [int(child) for some in children for child in some]
    return pids


def _resident_peak(pid: int) -> int:
    """Return VmHWM in bytes, or 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
