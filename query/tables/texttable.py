"""Tables as text."""

import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...schema.printable import printable

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEADING", "TextTable", "plain", "python_columns", "render_table", "terminal_width"]

LEADING = {
    "epochs": "tilename band expnum ccdnum fraction_good_se fraction_good_on_coadd n_good n_on_coadd n_se_seg "
    "n_se_weight n_se_bmask n_off_coadd n_coadd_seg n_coadd_weight n_coadd_bmask nite stale",
    "tiles": "tilename band n_epochs fraction_good_se fraction_good_on_coadd n_good n_on_coadd n_good_unique "
    "good_area_images_unique area_good_any_unique coadd_fraction_good generation",
    "ccds": "band expnum ccdnum n_tiles tiles_disagree fraction_good_se n_good_se n_pixels n_se_seg n_se_weight "
    "n_se_bmask nite",
    "exposures": "band expnum n_ccds fraction_good_se n_good_se n_pixels nite exptime mean_fwhm "
    "mean_fwhm_arcsec mean_skybrite mean_skybrite_per_second bunit",
    "at": "tilename band expnum ccdnum x y good criteria se_bits coadd_bits on_image coadd_x coadd_y on_coadd",
    "sky": "tilename band expnum ccdnum amplifier level level_error unit n x0 y0 noise_ratio gradient_x gradient_y "
    "clipped_median plane_level plane_level_error correlation_x correlation_y skybrite mu_sky n_tiles "
    "bkg_subtracted",
    "bits": "tilename band expnum ccdnum plane bit n_pixels name",
    "failures": "failure_key error_type message attempts failed_at",
}
"""Columns of the widest answers, as many of which are shown as fit; the other formats have every column."""

_KEY = ("tilename", "band", "expnum", "ccdnum", "plane", "bit", "failure_key", "ra", "dec")

# Corners of boxes and halves, which are 0 throughout where whole images are measured.
_CORNERS = ("x0", "y0")

# Columns that are left out after all others but the key.
_KEPT = {"bits": ("name",)}

_WIDTH = 80

# Characters that are shown of a longer text in any case, and of a text that begins at the left.
_LEAST, _LONG = 16, 25


def terminal_width() -> int:
    """Return the number of columns to write on standard output: the terminal's, else COLUMNS or 80."""
    fallback = (_WIDTH, 24)
    if sys.stdout.isatty():
        return shutil.get_terminal_size(fallback).columns
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isdecimal() and int(text) > 0 else _WIDTH


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of text: its place and name, its width, whether it may be cut, and whether it begins at the left."""

    place: int
    name: str
    width: int
    is_text: bool
    is_long: bool

    @classmethod
    def of(cls, place: int, name: str, cells: Iterable[str], values: Iterable[object]) -> "_Column":
        width, is_text = max(map(len, cells)), any(isinstance(value, str) for value in values)
        return cls(place, name, width, is_text, is_text and width >= _LONG)

    @property
    def least(self) -> int:
        """The width below which it is not cut."""
        return min(self.width, _LEAST) if self.is_text else self.width

    def placed(self, cell: str, whole: bool) -> str:
        """Return a cell of this width; a text that is longer loses its middle unless the column is whole."""
        if self.is_text and not whole and len(cell) > self.width:
            n = self.width - len(_GAP)
            cell = f"{cell[: n - n // 2]}{_GAP}{cell[len(cell) - n // 2 :]}"
        return cell.ljust(self.width) if self.is_long else cell.rjust(self.width)


_GAP = "..."


@dataclass(slots=True)
class TextTable:
    """A table as lines of text.

    Parameters
    ----------
    name : str
        Name of the answer; of those in `LEADING` only the columns named there are shown, and none that is null
        throughout, or a corner that is 0 throughout.
    width : int, optional
        Characters of a line at most: long texts lose their middle, and of the columns of the answer as many are shown
        as fit, but always its key, which the answer of a query has not. By default no limit.
    """

    name: str
    width: int | None = None
    hidden: list[str] = field(default_factory=list)
    """Columns of the answer that did not fit."""
    cut: list[str] = field(default_factory=list)
    """Columns of texts that did not fit."""
    n_not_shown: int = 0
    """Columns that are not shown in all: those that did not fit, are not in `LEADING`, or are null throughout."""

    def lines(self, frames: "Iterable[pd.DataFrame]") -> Iterator[bytes]:
        """Yield lines of text; the first part sets the widths of columns."""
        layout: list[_Column] = []
        chosen: list[str] | None = None
        for number, rows in enumerate(frames):
            if number == 0:
                chosen = self._chosen(rows)
            shown = rows if chosen is None else rows[chosen]
            digits = _all_digits if self.name == "sql" else _six_digits
            values = python_columns(shown)
            columns = [[_cell(value, digits) for value in column] for column in values]
            if number == 0:
                names = list(map(str, shown.columns))
                columns = [
                    [_heading(printable(name), self.name), *column] for name, column in zip(names, columns, strict=True)
                ]
                every = zip(range(len(names)), names, columns, values, strict=True)
                layout = self._fitting([_Column.of(*each) for each in every])
                self.n_not_shown = rows.shape[1] - len(layout)
            for row in zip(*(columns[each.place] for each in layout), strict=True):
                cells = [
                    column.placed(cell, column.name not in self.cut) for cell, column in zip(row, layout, strict=True)
                ]
                yield ("  ".join(cells).rstrip() + "\n").encode(errors="backslashreplace")

    def _chosen(self, rows: "pd.DataFrame") -> list[str] | None:
        """Return the columns to show, of those in `LEADING` that are not null throughout; None for all."""
        leading = [column for column in LEADING.get(self.name, "").split() if column in rows]
        told = [column for column in leading if rows.empty or column in _KEY or rows[column].notna().any()]
        corners = [column for column in told if column in _CORNERS]
        if not rows.empty and not rows[corners].any(axis=None):
            told = [column for column in told if column not in _CORNERS]
        return told or None

    def _fitting(self, columns: list[_Column]) -> list[_Column]:
        """Return the columns that fit, and note the others and those that are cut."""
        if self.width is None:
            return columns
        shown, key, kept = list(columns), () if self.name == "sql" else _KEY, _KEPT.get(self.name, ())
        while len(shown) > 1 and _total([column.least for column in shown]) > self.width:
            others = [column for column in shown if column.name not in key]
            if not others:
                break
            shown.remove(next((column for column in reversed(others) if column.name not in kept), others[-1]))
        self.hidden = [column.name for column in columns if column not in shown]
        columns, n = shown, len(shown)
        widths = [column.least for column in shown]
        room = self.width - _total(widths)
        short = [k for k in range(n) if widths[k] < columns[k].width]
        while room > 0 and short:
            for k in short[:room]:
                widths[k] += 1
            room -= len(short[:room])
            short = [k for k in short if widths[k] < columns[k].width]
        self.cut = [columns[k].name for k in short]
        return [replace(column, width=width) for column, width in zip(columns, widths, strict=True)]


def _total(widths: list[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def render_table(rows: "pd.DataFrame", name: str, width: int | None = None) -> str:
    """Return rows as lines of text, as many of the `LEADING` columns of the answer of that name as fit, with units."""
    return b"".join(TextTable(name, width).lines([rows])).decode().removesuffix("\n")


def python_columns(rows: "pd.DataFrame") -> list[list[Any]]:
    """Return the columns as lists of Python objects, with None for nulls; two may have the same name."""
    out = []
    for position in range(rows.shape[1]):
        series = rows.iloc[:, position]
        null = series.isna().tolist()
        out.append([None if is_null else value for value, is_null in zip(series.tolist(), null, strict=True)])
    return out


def plain(value: object) -> str:
    """Return a value as text; bytes in hexadecimal digits."""
    return value.hex() if isinstance(value, bytes) else str(value)


_COUNTS = ("n_", "only_", "coadd_n_")


def _heading(column: str, name: str) -> str:
    """Return a column with its unit, unless the name says it, as counts do, or another column of each row does."""
    from ..dataframes import UNITS

    unit = "" if name == "sql" or column == "n" or column.startswith(_COUNTS) else UNITS.get(column, "")
    return f"{column}[{unit}]" if unit and "{" not in unit and not column.endswith(f"_{unit}") else column


def _cell(value: object, digits: Callable[[float], str]) -> str:
    if value is None:
        return "-"
    return digits(value) if isinstance(value, float) else printable(plain(value))


def _six_digits(value: float) -> str:
    return f"{value:.6g}" if abs(value) < 1e6 or not math.isfinite(value) else f"{value:.15g}"


def _all_digits(value: float) -> str:
    return repr(float(value))
