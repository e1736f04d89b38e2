"""Programs that are measured as processes of their own."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
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
]

Command = Sequence[str | Path]

# Not the folder one happens to be in: the program must not find modules there.
_PYTHON = (sys.executable, "-P")

_POLL_SECONDS = 0.005


class ProgramError(Exception):
    """A program failed."""


def goodpix_command(*arguments: str | Path) -> Command:
    """Return the command line of goodpix."""
    return [*_PYTHON, "-m", "goodpix", *arguments]


def python_command(code: str) -> Command:
    """Return the command line of some Python."""
    return [*_PYTHON, "-c", code]


def ingest_command(tiles: Sequence[Tile], folder: Path, workers: int | None = None) -> Command:
    """Return the command that ingests tiles into a new catalogue in a folder.

    Parameters
    ----------
    tiles : sequence of Tile
        What to ingest.
    folder : Path
        Where the catalogue goes.
    workers : int, optional
        As many processes; by default what goodpix takes by itself.
    """
    chosen = [] if workers is None else ["--workers", str(workers)]
    place = ["--db", str(folder / "goodpix.db"), "--masks", str(folder / "masks")]
    return goodpix_command("ingest", *(each.info_path for each in tiles), *place, *chosen)


def plain_read_command(tiles: Sequence[Tile], folder: Path) -> Command:
    """Return the command that reads every plane of tiles and does nothing else."""
    listed = folder / "planes.json"
    listed.write_text(json.dumps([plane for each in tiles for plane in each.planes()]))
    return [*_PYTHON, Path(__file__).with_name("plainread.py"), listed]


def run_program(command: Command) -> None:
    """Run a program to its end.

    Raises
    ------
    ProgramError
        If it fails; the message has the last line that it said.
    """
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    _check(command, done.returncode, done.stderr)


def peak_memory(command: Command) -> list[int]:
    """Run a program to its end, and return the peak memory of each of its processes.

    Returns
    -------
    list of int
        Bytes that were resident, of the program itself and then of the processes it started. Pages
        that they share are counted in each.

    Raises
    ------
    ProgramError
        If the program fails, or this is not Linux.

    Notes
    -----
    VmHWM of ``/proc``. What ``wait4`` says (``ru_maxrss``) is no use: a process starts
    with the peak of the one that it was forked from.
    """
    if not Path("/proc/self/status").exists():
        raise ProgramError("peak memory: there is no /proc/self/status: expected Linux")
    peaks: dict[int, int] = {}
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None:
            for pid in _family(process.pid):
                # the last one: before it executes its program, a process has the peak of its parent
                peaks[pid] = _resident_peak(pid) or peaks.get(pid, 0)
            time.sleep(_POLL_SECONDS)
        said = process.stderr.read() if process.stderr else ""
    _check(command, process.returncode, said)
    return list(peaks.values())


def _check(command: Command, status: int, said: str) -> None:
    if status != 0:
        shown = " ".join(Path(each).name for each in command)
        raise ProgramError(f"{shown} exited {status}: {(said.strip().splitlines() or ['it said nothing'])[-1]}")


def _family(pid: int) -> list[int]:
    """Return a process and all that descend from it; without those that have ended meanwhile."""
    found = [pid]
    for each in found:
        try:
            children = [path.read_text().split() for path in Path(f"/proc/{each}/task").glob("*/children")]
        except OSError:
            continue
        found += [int(child) for some in children for child in some]
    return found


def _resident_peak(pid: int) -> int:
    """Return VmHWM in bytes; 0 of a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
