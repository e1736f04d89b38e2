"""The ``sky`` command: background statistics over good pixels."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..schema.errors import GoodpixError, UsageError
from .options import DEFAULT_DB, Db, FormatOption, Output, with_options
from .output import answer, say
from .signals import stoppable

if TYPE_CHECKING:
    from ..query.tableshape import TableShape
    from ..schema.criteria import Selection

# Imports in function bodies: they load numba, pandas and SQL, which would slow --help down.

__all__ = ["sky"]


@with_options
def sky(
    *,
    db: Db = DEFAULT_DB,
    filters: dict[str, Any],
    selection: "Selection",
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="ccd|epoch",
            help="Measure each CCD image once, over all tiles that contain it (ccd), or once per tile (epoch). "
            "By default ccd, or what the folder of --dataset holds.",
        ),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option("--box", metavar="ROWS[xCOLUMNS]", help="Measure each box of a grid of this size, such as 256."),
    ] = None,
    amplifiers: Annotated[bool, typer.Option("--amplifiers", help="Measure each amplifier half.")] = False,
    statistic: Annotated[
        list[str] | None,
        typer.Option(
            "--statistic",
            metavar="NAME",
            help="Compute only this statistic: mean, median, clipped, ...; may be repeated.",
        ),
    ] = None,
    subtract_background: Annotated[
        bool, typer.Option("--subtract-background", help="First subtract the residual background map of bkg_path.")
    ] = False,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Scale values to a zero point of 30 by the info file's scale.")
    ] = False,
    allow_changed: Annotated[
        bool, typer.Option("--allow-changed", help="Use images even if they have changed since the ingest.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Number of worker processes.")] = 1,
    dataset: Annotated[
        Path | None,
        typer.Option(
            "--dataset", metavar="DIR", help="Add to this folder of Parquet files; images already in it are skipped."
        ),
    ] = None,
    shape: "TableShape",
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """Measure the sky background over good pixels: level, noise, gradient, correlation; one row per CCD image."""
    options: dict[str, Any] = {
        "by": by or (dataset and _recorded(dataset)) or "ccd",
        "box": _box(box),
        "amplifiers": amplifiers,
        "statistics": statistic or None,
        "subtract_background": subtract_background,
        "calibrated": calibrated,
        "allow_changed": allow_changed,
        "workers": workers,
    }
    if dataset is None:
        rows = answer(
            "sky",
            db,
            lambda cat, **given: cat.background(selection, **options, **given),
            filters,
            format_,
            output,
            selection=selection,
            shape=shape,
            tells=lambda found: found.empty or bool(found["n"].notna().any()),
        )
        n_problems = int(rows["n"].isna().sum())
    elif output is not None or format_ is not None:
        raise UsageError(f"--dataset {dataset} receives the answer: expected no --output or --format as well")
    else:
        with stoppable("stopped: finished work is stored; run the same command again to continue"):
            n_problems = _extend(
                dataset, db, lambda cat, **given: cat.extend_background(dataset, selection, **options, **given), filters
            )
    if n_problems:
        what = "epochs" if options["by"] == "epoch" else "CCD images"
        say(f"{what} that could not be used: {n_problems}")
        raise typer.Exit(1)


def _recorded(dataset: Path) -> str | None:
    """Return whether a dataset is by CCD image or by epoch; None if there is none yet."""
    from ..query.background.dataset import SkyDataset

    by = SkyDataset(dataset).by
    return None if by is None else by.value


def _extend(dataset: Path, db: str, extend: Callable[..., Any], filters: dict[str, Any]) -> int:
    """Add statistics to a dataset; return the number of unusable images."""
    from ..query.catalogue import Catalogue
    from ..query.unmatched import unmatched

    with Catalogue(db) as catalogue:
        try:
            report = extend(catalogue, **filters)
        except OSError as error:
            if isinstance(error, GoodpixError):
                raise
            raise UsageError(f"{dataset}: cannot be written ({' '.join(str(error).split())})") from error
        n_images = report.n_measured + report.n_known + len(report.problems)
        lines = unmatched(catalogue.database, "epoch", filters, some=n_images > 0)
    say(f"{dataset}: {report}")
    for line in lines:
        say(f"goodpix: {line}")
    return len(report.problems)


def _box(text: str | None) -> tuple[int, int] | None:
    """Parse a box size: ``256`` or ``256x128``, rows by columns."""
    if text is None:
        return None
    try:
        rows, _, columns = text.lower().partition("x")
        return int(rows), int(columns or rows)
    except ValueError:
        raise UsageError(f"--box {text}: expected ROWS or ROWSxCOLUMNS, such as 256") from None
