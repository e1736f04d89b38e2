"""Random samples of masks."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ...schema import tables
from ...schema.rows import MaskKey

__all__ = ["Sample", "sample_epochs", "sample_masks"]

_AT_A_TIME = 10_000


@dataclass(frozen=True, slots=True)
class Sample:
    """A random sample of masks.

    Parameters
    ----------
    tiles : mapping
        Row numbers by kind, for each tile and band.
    ccd_images : mapping
        Epochs of the sample, (expnum, ccdnum) by band.
    """

    tiles: Mapping[tuple[str, str], Mapping[str, list[int]]]
    ccd_images: Mapping[str, set[tuple[int, int]]]

    def of_tile(self, tilename: str, band: str) -> Mapping[str, list[int]]:
        """Return the row numbers of a tile and band, by kind."""
        return self.tiles[tilename, band]

    @property
    def tiles_by_band(self) -> dict[str, set[tuple[str]]]:
        """Tile names by band."""
        by_band: dict[str, set[tuple[str]]] = defaultdict(set)
        for tilename, band in self.tiles:
            by_band[band].add((tilename,))
        return by_band


def sample_masks(connection: sa.Connection, n: int, seed: int) -> Sample:
    """Choose n masks of epochs or coadds; all of them if there are no more."""
    epochs, coadds = (_numbers(connection, table) for table in (tables.epoch, tables.coadd))
    rng = np.random.default_rng(seed)
    picked = rng.permutation(epochs.size + coadds.size)[:n] if n else np.empty(0, np.int64)
    tiles: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    ccd_images: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for row in _rows(connection, tables.epoch, epochs[picked[picked < epochs.size]]):
        tiles[row["tilename"], row["band"]]["epoch"].append(row["epoch_id"])
        ccd_images[row["band"]].add((row["expnum"], row["ccdnum"]))
    for row in _rows(connection, tables.coadd, coadds[picked[picked >= epochs.size] - epochs.size]):
        tiles[row["tilename"], row["band"]]["coadd"].append(row["coadd_id"])
    return Sample({key: tiles[key] for key in sorted(tiles)}, ccd_images)


def sample_epochs(connection: sa.Connection, n: int, seed: int) -> list[MaskKey]:
    """Choose n epochs whose images could be read at the last attempt; all of them if there are no more."""
    if n == 0:
        return []
    numbers = _numbers(connection, tables.epoch, ~tables.epoch.c.stale)
    picked = np.random.default_rng(seed).choice(numbers, min(n, numbers.size), replace=False)
    return [
        MaskKey(row["tilename"], row["band"], "epoch", row["expnum"], row["ccdnum"])
        for row in _rows(connection, tables.epoch, np.sort(picked))
    ]


def _numbers(
    connection: sa.Connection, table: sa.Table, condition: "sa.ColumnElement[bool] | None" = None
) -> npt.NDArray[np.int64]:
    """Return the row numbers in ascending order; those of a survey take 64 MB."""
    number = table.c[f"{table.name}_id"]
    query = sa.select(number).order_by(number)
    if condition is not None:
        query = query.where(condition)
    rows = connection.execute(query, execution_options={"yield_per": _AT_A_TIME})
    return np.fromiter((row[0] for row in rows), np.int64)


def _rows(connection: sa.Connection, table: sa.Table, numbers: npt.NDArray[np.int64]) -> Iterator[Any]:
    """Yield the keys of the rows with these numbers."""
    number = table.c[f"{table.name}_id"]
    names = [name for name in ("tilename", "band", "expnum", "ccdnum") if name in table.c]
    for start in range(0, numbers.size, _AT_A_TIME):
        batch = numbers[start : start + _AT_A_TIME].tolist()
        query = sa.select(number, *(table.c[name] for name in names)).where(number.in_(batch)).order_by(number)
        yield from connection.execute(query).mappings()
