"""Output of commands: data to standard output or a file, messages and progress to standard error."""

import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..query.tables.formats import Format, format_of, rendered, write_parts
from ..query.tables.texttable import TextTable, terminal_width
from ..schema.errors import GoodpixError, UsageError
from ..schema.files.outputfile import OutputPath
from ..schema.printable import printable
from .completion import BOUNDED, DEFAULT_DB
from .streams import write_bytes

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.progress import Progress

    from ..query.catalogue import Catalogue
    from ..query.provenance import Provenance
    from ..query.tableshape import TableShape
    from ..schema.criteria import Selection

__all__ = [
    "STANDARD_OUTPUT",
    "LateBar",
    "answer",
    "db_option",
    "say",
    "say_selection",
    "show",
    "show_progress",
    "write_output",
    "write_table",
]

STANDARD_OUTPUT = "-"
"""Output file that stands for standard output."""

_MOST_NAMES = 8


def answer(
    name: str,
    db: str,
    ask: "Callable[..., pd.DataFrame]",
    filters: Mapping[str, Any],
    format_: Format | None,
    output: OutputPath | None,
    *,
    more: Mapping[str, Any] = MappingProxyType({}),
    selection: object = None,
    shape: "TableShape",
    shaped: bool = False,
    position: tuple[float, float] | None = None,
    radius: float | None = None,
    tells: "Callable[[pd.DataFrame], bool]" = lambda _: True,
) -> "pd.DataFrame":
    """Query a catalogue, write the answer and return what was asked for; say which filters match nothing.

    Parameters
    ----------
    name : str
        Name of the answer.
    db : str
        URL of the database.
    ask : callable
        Function of the catalogue (its listings, for an answer that is one) and the filters that returns the answer.
    filters : mapping
        See `goodpix.query.filters.Filters`.
    format_, output : Format and path, optional
        Format and file; by default text on standard output.
    more : mapping, optional
        Wishes beside the filters that choose rows, by name; None is no wish.
    selection : Selection, optional
        Definition of good, for the provenance of files.
    shape : TableShape
        Order, number and columns of the rows to write.
    shaped : bool
        Whether the answer has that shape already, since it is a listing, which the database gave.
    position : tuple of float, optional
        Right ascension and declination that were asked for, degrees.
    radius : float, optional
        Radius about the position, degrees.
    tells : callable, optional
        Function of the answer that tells whether a table of text on standard output is any use.
    """
    from ..query.listings import open_listings
    from ..query.provenance import Provenance, filters_text
    from ..query.unmatched import unmatched

    chosen = format_ or format_of(output)
    with open_listings(db) if shaped else _catalogue(db) as catalogue:
        rows = ask(catalogue, **filters, **more)
        lines = unmatched(
            catalogue.database, BOUNDED.get(name, "epoch"), filters, some=not rows.empty, position=position
        )
        if rows.empty and not lines and any(more.values()):
            lines = ["nothing matches all of the filters together"]
        place = ", ".join(str(each) for each in (*(position or ()), radius) if each is not None)
        about: dict[str, Any] = {
            "filters": filters_text({**filters, **more, "sort": shape.sort or None, "limit": shape.limit}),
            "position": place,
        }
        about |= {name: rows.attrs[name] for name in ("radius_arcsec", "seed") if name in rows.attrs}
        provenance = Provenance.of(selection, catalogue=catalogue.database.identity, **about)
    if output is not None or chosen is not Format.table or tells(rows):
        written = rows if shaped else shape.of_frame(rows, name)
        write_table([written], name, chosen, output, provenance, whole=bool(shape.columns))
    for line in lines:
        say(f"goodpix: {line}")
    return rows


def _catalogue(db: str) -> "Catalogue":
    from ..query.catalogue import Catalogue  # slow to import, and not needed for listings

    return Catalogue(db)


def write_table(
    frames: "Iterable[pd.DataFrame]",
    name: str,
    format_: Format,
    output: OutputPath | None,
    provenance: "Provenance | None" = None,
    *,
    whole: bool = False,
) -> None:
    """Write a table that comes in parts to a file, or to standard output; a file is whole or is not there.

    A table of text on standard output is as wide as the terminal, unless the user chose its columns: it is `whole`.
    """
    if whole and name != "sql":
        name = ""
    if output is None and format_ is Format.table:
        table = TextTable(name, None if whole else terminal_width())
        for part in table.lines(frames):
            sys.stdout.write(part.decode())
        notes = _not_shown(table)
        if notes and (sys.stdout.isatty() or name == "sql"):
            say(f"{'; '.join(notes)} (--columns A,B chooses, --wide shows every column)")
        return
    parts = rendered(frames, name, format_, provenance)
    if output is not None and str(output) != STANDARD_OUTPUT:
        write_output(lambda: write_parts(parts, output), output)
        return
    on_terminal = sys.stdout.isatty()
    if on_terminal and format_ in (Format.parquet, Format.fits):
        raise UsageError(f"--format {format_} is not text: expected -o FILE, or a pipe")
    for part in parts:
        if on_terminal:
            sys.stdout.write(printable(part.decode(), keep="\n"))
        else:
            write_bytes(part)


def _not_shown(table: TextTable) -> list[str]:
    """Return what of a table was cut, and how many columns were left out and the first of them."""
    notes = [f"cut: {', '.join(table.cut)}"] if table.cut else []
    if n := table.n_not_shown:
        first = table.hidden[:_MOST_NAMES]
        names = ", ".join([*first, "..."] if n > len(first) else first)
        notes.append(f"{n} column{'s' * (n > 1)} not shown" + (f": {names}" if first else ""))
    return notes


def write_output(write: Callable[[], object], output: OutputPath) -> None:
    """Write a file by calling a function, and report it on standard error."""
    try:
        write()
    except OSError as error:
        if isinstance(error, GoodpixError):
            raise
        raise UsageError(f"{output}: cannot be written ({error.strerror or ' '.join(str(error).split())})") from error
    say(f"wrote {output}")


def show(text: object) -> None:
    """Print to standard output, control characters as escapes."""
    print(printable(str(text), keep="\n"))


def say(text: str) -> None:
    """Print to standard error, control characters as escapes."""
    print(printable(text, keep="\n"), file=sys.stderr)


def say_selection(selection: "Selection", filters: Mapping[str, Any]) -> None:
    """Print a selection other than the default one to standard error, with the filters beside it."""
    from ..query.provenance import filters_text

    if str(selection) != "default":
        text = filters_text(filters)
        say(f"selection: {selection}{f'; filters: {text}' if text else ''}")


def db_option(db: str) -> str:
    """Return the ``--db`` option for a command on the same catalogue; empty if it is the default."""
    from ..schema.database import parse_url, shown

    return "" if db == os.environ.get("GOODPIX_DB", DEFAULT_DB) else f" --db {shown(parse_url(db))}"


class _PrintableFormatter(logging.Formatter):
    """The message of a record in one line, control characters as escapes."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


class LateBar:
    """A bar of progress with the time left, for a loop that takes long; it goes when the loop ends.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to draw it; by default standard error.
    after : float
        Seconds after which it appears.
    """

    def __init__(self, console: "Console | None" = None, after: float = 2.0) -> None:
        self._console, self._after = console, after
        self._began: float | None = None
        self._bar: Progress | None = None

    def __call__(self, n: int, n_all: int) -> None:
        """Show that a loop has come to result `n` of `n_all`; 0 if that is not known."""
        now = time.monotonic()
        if n == 1 or self._began is None:
            self.close()
            self._began = now
        if self._bar is None and now - self._began >= self._after:
            self._bar = _bar(self._console, transient=True)
            self._bar.add_task("images", total=None)
            self._bar.start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=n, total=n_all or None)
        if n == n_all:
            self.close()

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = None


def _bar(console: "Console | None", **how: Any) -> "Progress":
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:3], MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console or Console(stderr=True), **how)


@contextmanager
def show_progress() -> Iterator[Callable[[int, int], None]]:
    """Show progress: a bar on a terminal, otherwise a line per tile."""
    package = logging.getLogger("goodpix")
    if not sys.stderr.isatty():
        handler: logging.Handler = logging.StreamHandler()
        handler.setFormatter(_PrintableFormatter())
        package.addHandler(handler)
        package.setLevel(logging.INFO)
        try:
            yield lambda _done, _total: None
        finally:
            package.removeHandler(handler)
        return
    from rich.console import Console
    from rich.logging import RichHandler

    from ..schema.executors import watched_by

    console = Console(stderr=True)
    handler = RichHandler(logging.WARNING, console, show_path=False, show_time=False)
    handler.setFormatter(_PrintableFormatter())
    package.addHandler(handler)
    try:
        # over the whole run: the usual half a minute is less than a tile may take
        with watched_by(None), _bar(console, speed_estimate_period=math.inf) as bar:
            task = bar.add_task("tiles by band", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    finally:
        package.removeHandler(handler)
