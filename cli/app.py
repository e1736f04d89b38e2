"""The ``goodpix`` program: commands in the order of the help, and exit statuses."""

import atexit
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from gc import set_threshold
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ..schema.errors import GoodpixError
from ..schema.extras import extra_of, missing_library
from .help import Command, Program
from .ingest import check, demo, describe, ingest, profiles
from .maps import make_map, moc
from .output import LateBar, say
from .places import blank_sky, randoms
from .query import AS_THEY_STAND, LISTINGS, at, bits, dashboard, epochs, info, listing, mask, sql
from .selection import add, remove, selections, show_selection
from .shells import InstallCompletion, ShowCompletion, know_shells
from .signals import stoppable
from .sky import sky
from .streams import guarded_streams
from .upkeep import doctor, gc, rebuild, upgrade, verify

__all__ = ["app", "main", "program"]

# Objects made before Python looks for garbage among them; its default is some hundreds.
_GARBAGE = 50_000

app = typer.Typer(
    cls=Program,
    help="A catalogue of good background pixels.",
    no_args_is_help=True,
    add_completion=False,  # whose script for bash does not know words with colons
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=Command)(demo)
app.command(cls=Command)(ingest)
app.command(cls=Command)(profiles)
app.command(cls=Command)(describe)
app.command(cls=Command)(epochs)
for _name, _meaning in LISTINGS.items():
    app.command(_name, cls=Command, help=_meaning)(listing(_name))
app.command(cls=Command)(bits)
app.command(cls=Command, context_settings=AS_THEY_STAND)(at)
app.command(cls=Command)(mask)
app.command(cls=Command)(check)
app.command("map", cls=Command)(make_map)
app.command(cls=Command)(moc)
app.command(cls=Command)(blank_sky)
app.command(cls=Command)(randoms)
app.command(cls=Command)(sky)
app.command(cls=Command)(sql)
app.command(cls=Command)(verify)
app.command(cls=Command)(rebuild)
app.command(cls=Command)(gc)
app.command(cls=Command)(dashboard)
app.command(cls=Command)(doctor)

db_app = typer.Typer(cls=Program, help="The database of a catalogue.", no_args_is_help=True, rich_markup_mode=None)
db_app.command(cls=Command)(info)
db_app.command(cls=Command)(upgrade)
app.add_typer(db_app, name="db")

selection_app = typer.Typer(
    cls=Program, help="The named selections of a catalogue.", no_args_is_help=True, rich_markup_mode=None
)
selection_app.command(cls=Command)(add)
selection_app.command("list", cls=Command)(selections)
selection_app.command("show", cls=Command)(show_selection)
selection_app.command(cls=Command)(remove)
app.add_typer(selection_app, name="selection")


def main() -> None:
    """Run the command line; a `GoodpixError` prints one line and exits 2, an interrupt exits 130 or 143."""
    # a query that is stopped may leave a cursor that cannot be closed, which Python would print with a traceback
    logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())
    know_shells()
    with guarded_streams():
        try:
            with stoppable("stopped"):
                try:
                    with _progress():
                        app(prog_name="goodpix")
                finally:
                    sys.stdout.flush()
        except GoodpixError as error:
            _fail(str(error))
        except ModuleNotFoundError as error:
            if extra_of(error.name or "") is None:
                raise
            _fail(str(missing_library(error.name or "")))
        except FileNotFoundError:
            if _has_working_folder():
                raise
            _fail("the working folder no longer exists: change to another one")


@contextmanager
def _progress() -> Iterator[None]:
    """Show how far long loops have come, on a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from ..schema.executors import watched_by  # would slow --help down where nobody waits

    bar = LateBar()
    try:
        with watched_by(bar):
            yield
    finally:
        bar.close()


def _fail(message: str) -> NoReturn:
    say(f"goodpix: {message}")
    sys.exit(2)


def _has_working_folder() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def program() -> None:
    """Run the command line and end the process; see `main`.

    Notes
    -----
    The process ends without the interpreter's removal of every module and object, which takes half a second after an
    ingest, and as long after Ctrl-C.
    """
    set_threshold(_GARBAGE)  # imports make many objects and no garbage
    status = 0
    try:
        main()
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        status = ended.code or 0
    if status not in (130, 143):  # after a signal nobody waits for threads that only read
        threading._shutdown()  # type: ignore[attr-defined]  # as multiprocessing ends its processes
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # closed by whoever started the program
                stream.flush()
    except OSError:
        sys.exit(status)  # the interpreter flushes again, and reports the error
    os._exit(status)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"goodpix {version('goodpix')}")
        raise typer.Exit


@app.callback()
def goodpix(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    install_completion: InstallCompletion = False,
    show_completion: ShowCompletion = False,
) -> None:
    """Show which pixels of a survey are sky, and why the others are not."""
