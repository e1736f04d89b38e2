"""Commands that choose places on the sky: blank ones and random ones."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_DB, Db, FormatOption, Output, with_options
from .output import answer, say_selection

if TYPE_CHECKING:
    from ..query.tableshape import TableShape
    from ..schema.criteria import Selection

# Imports in function bodies: they load numba, pandas and SQL, which would slow --help down.

__all__ = ["blank_sky", "randoms"]

Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed; the same one gives the same places.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Number of processes that read the masks.")]


@with_options
def blank_sky(
    n: Annotated[int, typer.Argument(metavar="N", help="Number of places.")],
    *,
    radius: Annotated[float, typer.Option("--radius", metavar="ARCSEC", help="Radius of the discs, up to 3600.")],
    min_images: Annotated[
        int, typer.Option("--min-images", min=1, help="Number of images of each band that hold a disc, at least.")
    ] = 1,
    background: Annotated[
        bool, typer.Option("--background", help="Measure level and noise in the discs, from the image files.")
    ] = False,
    seed: Seed = 0,
    workers: Workers = 1,
    db: Db = DEFAULT_DB,
    filters: dict[str, Any],
    selection: "Selection",
    shape: "TableShape",
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """Find discs on the sky that are good in every image, evenly spread; -o FILE.reg writes regions for DS9."""
    options: dict[str, Any] = {"seed": seed, "min_images": min_images, "background": background, "workers": workers}
    options["selection"] = selection
    answer(
        "blank-sky",
        db,
        lambda cat, **given: cat.blank_sky(n, radius, **options, **given),
        filters,
        format_,
        output,
        selection=selection,
        shape=shape,
    )
    say_selection(selection, filters)


@with_options
def randoms(
    n: Annotated[int | None, typer.Argument(metavar="N", help="Number of points; omit for --density.")] = None,
    *,
    density: Annotated[
        float | None, typer.Option("--density", metavar="NUMBER", help="Mean number of points per square degree.")
    ] = None,
    seed: Seed = 0,
    workers: Workers = 1,
    db: Db = DEFAULT_DB,
    filters: dict[str, Any],
    selection: "Selection",
    shape: "TableShape",
    format_: FormatOption = None,
    output: Output = None,
) -> None:
    """Draw random points on the sky, with the number of images and of good images at each."""
    options: dict[str, Any] = {"density": density, "seed": seed, "selection": selection, "workers": workers}
    answer(
        "randoms",
        db,
        lambda cat, **given: cat.randoms(n, **options, **given),
        filters,
        format_,
        output,
        selection=selection,
        shape=shape,
    )
    say_selection(selection, filters)
