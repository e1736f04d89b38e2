"""The program ``python -m benchmarks``."""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from goodpix.ingest.synthetic import FULL

from .bench import Bench, Effort
from .measure import Result, WrongAnswerError
from .processes import ProgramError
from .questions import QUESTIONS
from .report import Machine, as_json, as_markdown, versions
from .tiles import TileNotMadeError, other_tile, own_tile

__all__ = ["main"]

_FOLDER = Path(__file__).resolve().parents[1] / "build" / "benchmarks"
# A quarter of the pixels and half of the epochs of a full-size tile.
_QUICK = replace(FULL, n_epochs=4, coadd_shape=(5000, 5000), ccd_shape=(2048, 2048))


def main() -> int:
    """Run the benchmarks, print a table and write JSON; return the exit status.

    A missed goal is marked in the table and is not an error; a failed program or a wrong answer is.
    """
    options = _parse()
    started = time.monotonic()
    machine, results, status = Machine.here(), list[Result](), 0
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="run-") as work:
        bench = _bench(folder, Path(work), Effort.QUICK if options.quick else Effort.FULL)
        for name in options.only or QUESTIONS:
            asked = time.monotonic()
            try:
                results += QUESTIONS[name](bench)
            except (WrongAnswerError, ProgramError) as error:
                _say(f"{name} failed: {error}")
                status = 1
            _say(f"{name}: {time.monotonic() - asked:.0f} s")
    print(f"{machine}\n{', '.join(f'{name} {each}' for name, each in versions().items())}\n")
    print(as_markdown(results))
    if options.output is not None:
        options.output.write_text(as_json(results, machine))
        _say(f"wrote {options.output}")
    _say(f"total: {time.monotonic() - started:.0f} s")
    return status


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure goodpix against its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, on one smaller tile: two minutes")
    parser.add_argument(
        "--folder", type=Path, default=_FOLDER, help="folder of tiles, which are made if missing (default: %(default)s)"
    )
    parser.add_argument(
        "--only", nargs="+", choices=QUESTIONS, metavar="NAME", help=f"benchmarks to run, of {', '.join(QUESTIONS)}"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="also write every sample to a file")
    return parser.parse_args()


def _bench(folder: Path, work: Path, effort: Effort) -> Bench:
    """Return the bench, making its tiles if they are missing."""
    if effort is Effort.QUICK:
        return Bench((own_tile(folder, work, _QUICK, "small tile"),), work, effort)
    tiles = [own_tile(folder, work)]
    try:
        tiles.append(other_tile(folder, work, FULL.n_epochs))
    except TileNotMadeError as error:
        _say(str(error))
    return Bench(tuple(tiles), work, effort)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
