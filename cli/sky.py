"""The command that measures the sky background."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..schema.errors import GoodpixError, UsageError
from .options import DEFAULT_DB, Db, Format, FormatOption, Output, with_options
from .output import answer, say
from .signals import stoppable

if TYPE_CHECKING:
    import pandas as pd

    from ..schema.criteria import Selection

# Imports in function bodies: they bring numba, pandas and SQL, which the help must not wait for.

__all__ = ["sky"]


@with_options
def sky(
    *,
    db: Db = DEFAULT_DB,
    filters: dict[str, Any],
    selection: "Selection",
    box: Annotated[
        str | None, typer.Option("--box", metavar="ROWS[xCOLUMNS]", help="A row for each box of a grid, such as 256.")
    ] = None,
    amplifiers: Annotated[bool, typer.Option("--amplifiers", help="A row for each amplifier half.")] = False,
    statistic: Annotated[
        list[str] | None,
        typer.Option("--statistic", help="mean, median, clipped, ...: these alone; may be repeated."),
    ] = None,
    subtract_background: Annotated[
        bool, typer.Option("--subtract-background", help="Subtract the residual background of bkg_path first.")
    ] = False,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Multiply by the info file's scale, to a zero point of 30.")
    ] = False,
    allow_changed: Annotated[
        bool, typer.Option("--allow-changed", help="Go on with images that have changed since the ingest.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 1,
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", metavar="DIR", help="Folder of Parquet files to add to; what it has is not redone."),
    ] = None,
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """Measure the sky background over good pixels: level, noise, gradient, correlation."""
    options: dict[str, Any] = {
        "box": _box(box),
        "amplifiers": amplifiers,
        "statistics": statistic or None,
        "subtract_background": subtract_background,
        "calibrated": calibrated,
        "allow_changed": allow_changed,
        "workers": workers,
    }
    if dataset is None:
        n_problems = _list(lambda cat: cat.background(selection, **options, **filters), db, format_, output)
    elif output is not None or format_ is not None:
        raise UsageError(f"--dataset {dataset} is where the answer goes: expected no --output or --format beside it")
    else:
        with stoppable("stopped: what is measured is stored, the same command goes on with the rest"):
            n_problems = _extend(
                dataset, db, lambda cat: cat.extend_background(dataset, selection, **options, **filters)
            )
    if n_problems:
        say(f"epochs that could not be used: {n_problems}")
        raise typer.Exit(1)


def _list(ask: "Callable[[Any], pd.DataFrame]", db: str, format_: Format | None, output: Path | None) -> int:
    """Write the answer; return how many epochs have none."""
    return int(answer("sky", db, ask, format_, output)["n"].isna().sum())


def _extend(dataset: Path, db: str, extend: Callable[[Any], Any]) -> int:
    """Add to a dataset; return how many epochs could not be."""
    from ..query.catalogue import Catalogue

    with Catalogue(db) as catalogue:
        try:
            report = extend(catalogue)
        except OSError as error:
            if isinstance(error, GoodpixError):
                raise
            raise UsageError(f"{dataset}: cannot be written ({' '.join(str(error).split())})") from error
    say(f"{dataset}: {report}")
    return len(report.problems)


def _box(text: str | None) -> tuple[int, int] | None:
    """Return rows and columns of ``256`` or ``256x128``."""
    if text is None:
        return None
    try:
        rows, _, columns = text.lower().partition("x")
        return int(rows), int(columns or rows)
    except ValueError:
        raise UsageError(f"--box {text}: expected ROWS or ROWSxCOLUMNS, such as 256") from None
