"""The overview's numbers and runs as tables."""

from collections.abc import Mapping
from typing import Any

from ..look.markup import note
from ..look.wording import count, fraction, html_table, number, share, short_count
from ..numbers.ingests import Ingests
from ..numbers.survey import Numbers

__all__ = ["numbers_html", "runs_html"]

_LARGE = 1000.0


def numbers_html(found: Numbers) -> str:
    """Return the survey in numbers, a row for each band."""
    if not found.bands:
        return "<p class='words'>No tile is left: the catalogue is empty, or the filters leave nothing.</p>"
    rows = [_numbers_row(row["band"], row) for row in found.bands]
    if len(rows) > 1:
        rows.append(_numbers_row("all", found.total))
    header = [
        "Band",
        "Good SE",
        "Good on coadd",
        "Tiles",
        "CCD images",
        "Epochs",
        "Pixels",
        "Good pixels",
        "Good area, deg² x epochs",
    ]
    table = html_table(header, rows, numbers=[False, *[True] * 8], total=len(rows) > 1)
    unused = found.total["n_epochs"] - found.total["n_epochs_used"]
    facts = [
        f"Unique sky area of the tiles: {number(found.sky_area)} square degrees."
        if found.sky_area == found.sky_area
        else "",
        f"{count(unused)} epochs have no SE segmentation map and are in no sum." if unused else "",
        f"Failures on record: {count(found.n_failures)}.",
    ]
    return f"{table}{note(' '.join(filter(None, facts)))}"


def _numbers_row(name: str, row: Mapping[str, Any]) -> list[str]:
    area = row["area_good_unique"]
    return [
        name,
        fraction(share(row["n_good_se"], row["n_pixels"])),
        fraction(share(row["n_good"], row["n_on_coadd"])),
        count(row["n_tiles"]),
        count(row["n_ccd_images"]),
        count(row["n_epochs"]),
        short_count(row["n_pixels"]),
        short_count(row["n_good"]),
        _area(None if area is None else area / 3600.0),
    ]


def _area(value: float | None) -> str:
    """Return an area, of which a small one is not 0."""
    return count(value) if value is None or value >= _LARGE else number(value)


def runs_html(found: Ingests) -> str:
    """Return the last runs, and what failed most."""
    if not found.runs:
        return note("The catalogue knows of no run: it was rebuilt from its masks.")
    header = ["Run", "Started, UTC", "Outcome", "Tiles", "Epochs made", "Unchanged", "Failures"]
    rows = [
        [
            row["run_id"],
            str(row["started"])[:19].replace("T", " "),
            row["outcome"] or "runs, or died",
            count(row["n_tiles"]),
            count(row["n_epochs"]),
            count(row["n_unchanged"]),
            count(row["n_failures"]),
        ]
        for row in found.runs
    ]
    kinds = ", ".join(f"{count(n)} {name}" for name, n in found.failures)
    return html_table(header, rows, numbers=[False] * 3 + [True] * 4) + (
        note(f"Failures on record: {kinds}.") if kinds else ""
    )
