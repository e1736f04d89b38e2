"""Output of commands: data to standard output or a file, messages and progress to standard error."""

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..schema.errors import UsageError
from ..schema.printable import printable
from .options import DEFAULT_DB, Format

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["answer", "db_option", "render_table", "say", "show", "show_progress", "write_output"]

# Columns that the table format shows of the widest answers; the other formats have every column.
LEADING = {
    "epochs": "tilename band expnum ccdnum fraction_good_se fraction_good_on_coadd n_good n_on_coadd n_se_seg "
    "n_se_weight n_se_bmask n_off_coadd n_coadd_seg n_coadd_weight n_coadd_bmask nite stale",
    "tiles": "tilename band n_epochs fraction_good_se fraction_good_on_coadd n_good n_on_coadd n_good_unique "
    "area_good_unique coadd_fraction_good generation",
    "ccds": "band expnum ccdnum n_tiles tiles_disagree fraction_good_se n_good_se n_pixels n_se_seg n_se_weight "
    "n_se_bmask nite",
    "exposures": "band expnum n_ccds fraction_good_se n_good_se n_pixels nite exptime mean_fwhm mean_skybrite",
    "at": "tilename band expnum ccdnum x y on_image coadd_x coadd_y on_coadd good criteria se_bits coadd_bits",
    "sky": "tilename band expnum ccdnum amplifier x0 y0 n clipped_median clipped_mean_error plane_level gradient_x "
    "gradient_y noise_ratio correlation_x correlation_y unit skybrite bkg_subtracted",
    "failures": "failure_key error_type message attempts failed_at",
}


def answer(
    name: str, db: str, ask: "Callable[[Any], pd.DataFrame]", format_: Format | None, output: Path | None
) -> "pd.DataFrame":
    """Query a catalogue, write the answer and return it."""
    from ..query.catalogue import Catalogue

    chosen = format_ or _format_of(output)
    with Catalogue(db) as catalogue:
        rows = ask(catalogue)
    if output is not None:
        write_output(lambda: output.write_bytes(_rendered(rows, name, chosen)), output)
    elif chosen is Format.table:
        show(render_table(rows, name))
    elif sys.stdout.isatty():
        if chosen is Format.parquet:
            raise UsageError("--format parquet is not text: expected -o FILE, or a pipe")
        show(_rendered(rows, name, chosen).decode().removesuffix("\n"))
    else:
        sys.stdout.buffer.write(_rendered(rows, name, chosen))
        sys.stdout.buffer.flush()
    return rows


def _format_of(output: Path | None) -> Format:
    suffix = output.suffix.lstrip(".").lower() if output else ""
    return Format(suffix) if suffix in set(Format) else Format.table


def _rendered(rows: "pd.DataFrame", name: str, format_: Format) -> bytes:
    try:
        return _in_format(rows, name, format_)
    except (ValueError, TypeError) as error:
        raise UsageError(f"the answer cannot be written as {format_}: {' '.join(str(error).split())}") from error


def _in_format(rows: "pd.DataFrame", name: str, format_: Format) -> bytes:
    if format_ is Format.csv:
        return rows.to_csv(index=False).encode()
    if format_ is Format.json:
        return (rows.to_json(orient="records", indent=1, double_precision=15) + "\n").encode()
    if format_ is Format.parquet:
        return bytes(rows.to_parquet(index=False))
    return (render_table(rows, name) + "\n").encode()


def render_table(rows: "pd.DataFrame", name: str) -> str:
    """Return rows as lines of text, with only the `LEADING` columns of the answer of that name."""
    leading = [column for column in LEADING.get(name, "").split() if column in rows]
    shown = rows[leading] if leading else rows
    if shown.empty:
        return "  ".join(shown.columns)
    # to_string would write missing integers as <NA>
    filled = shown.rename(columns=printable).apply(
        lambda values: values if values.notna().all() else values.astype(object).where(values.notna(), "-")
    )
    filled = filled.map(lambda value: printable(value) if isinstance(value, str) else value)
    return str(filled.to_string(index=False, float_format=lambda value: f"{value:.6g}"))


def write_output(write: Callable[[], object], output: Path) -> None:
    """Write a file by calling a function, and report it on standard error."""
    try:
        write()
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({' '.join(str(error).split())})") from error
    say(f"wrote {output}")


def show(text: object) -> None:
    """Print to standard output, control characters as escapes."""
    print(printable(str(text), keep="\n"))


def say(text: str) -> None:
    """Print to standard error, control characters as escapes."""
    print(printable(text, keep="\n"), file=sys.stderr)


def db_option(db: str) -> str:
    """Return the ``--db`` option for a command on the same catalogue; empty if it is the default."""
    from ..schema.database import parse_url, shown

    return "" if db == os.environ.get("GOODPIX_DB", DEFAULT_DB) else f" --db {shown(parse_url(db))}"


class _PrintableFormatter(logging.Formatter):
    """The message of a record in one line, control characters as escapes."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


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
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    handler = RichHandler(logging.WARNING, console, show_path=False, show_time=False)
    handler.setFormatter(_PrintableFormatter())
    package.addHandler(handler)
    try:
        with Progress(
            *Progress.get_default_columns()[:3], MofNCompleteColumn(), TimeRemainingColumn(), console=console
        ) as bar:
            task = bar.add_task("tiles by band", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
    finally:
        package.removeHandler(handler)
