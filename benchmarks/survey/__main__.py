"""The program ``python -m benchmarks.survey``."""

import argparse
import sqlite3
import sys
import time
from importlib.metadata import version
from pathlib import Path

from ..measure import Result, WrongAnswerError
from ..postgres import ServerError
from ..report import Machine, as_json, as_markdown, versions
from .asking import ask_all, load_rows
from .databases import DATABASES
from .synthetic import Survey

__all__ = ["main"]

_FOLDER = Path(__file__).resolve().parents[2] / "build" / "benchmarks" / "survey"
_ROUNDS = 5


def main() -> int:
    """Load and query one database after the other, print a table and write JSON; return the exit status."""
    options = _parse()
    machine, results, status = Machine.here(), list[Result](), 0
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    survey = Survey.of(options.scale)
    _say(f"{len(survey.tiles):,} tiles, {len(survey.images):,} CCD images, {len(survey):,} epochs")
    for name in options.databases:
        started = time.monotonic()
        try:
            with DATABASES[name](survey, folder, keep=options.keep) as loaded:
                _say(f"{name}: ready after {time.monotonic() - started:.0f} s")
                results += load_rows(survey, loaded)
                results += ask_all(survey, loaded, folder, _ROUNDS)
        except ServerError as error:
            _say(f"{name} skipped: {error}")
        except WrongAnswerError as error:
            _say(f"{name} failed: {error}")
            status = 1
        _say(f"{name}: {time.monotonic() - started:.0f} s")
    used = versions() | {"sqlite": sqlite3.sqlite_version, "duckdb": version("duckdb"), "psycopg": version("psycopg")}
    print(f"{machine}\n{', '.join(f'{name} {each}' for name, each in used.items())}\n")
    print(as_markdown(results))
    if options.output is not None:
        options.output.write_text(as_json(results, machine))
        _say(f"wrote {options.output}")
    return status


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.survey",
        description="Time quality-assurance queries on a catalogue of a whole survey.",
    )
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="fraction of 8 million epochs, which take 27 GB and half an hour in each database (default: %(default)s)",
    )
    parser.add_argument(
        "--databases",
        nargs="+",
        choices=DATABASES,
        default=list(DATABASES),
        metavar="NAME",
        help=f"databases to query, of {', '.join(DATABASES)} (default: all)",
    )
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="work folder (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep the databases for another run")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="also write every sample to a file")
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
