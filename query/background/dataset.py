"""Sky statistics of a survey, as a folder of Parquet files that grows."""

import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ...schema.errors import AmbiguousInputError, UsageError
from ...schema.store.folder import publish
from ..masks.reader import MaskPlace, find_masks
from ..source import Source
from .skyrow import KEY, SKY_SCHEMA
from .statistics import Measure, Row, measure_epochs

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.dataset as pads

__all__ = ["SkyDataset", "SkyReport", "extend_dataset", "joined"]

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1

# Names with an underscore are not data, to all that read a folder of Parquet files.
_MARKER = "_goodpix-sky.json"

# A file is written for so many epochs, or once in so many seconds: no more than that is done again.
_EPOCHS_PER_FILE, _SECONDS_PER_FILE = 1000, 60.0


@dataclass(frozen=True, slots=True)
class SkyReport:
    """What was added to a dataset.

    Parameters
    ----------
    n_measured : int
        Epochs whose statistics were added.
    n_known : int
        Epochs that it had.
    problems : tuple of str
        Epochs that could not be used, and why: they are tried again the next time.
    """

    n_measured: int
    n_known: int
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        n_problems = len(self.problems)
        return f"epochs: {self.n_measured:,} measured, {self.n_known:,} known before, {n_problems:,} not usable"


@dataclass(frozen=True, slots=True)
class SkyDataset:
    """A folder of Parquet files with the sky statistics of a catalogue's epochs.

    Its columns are those of `goodpix.query.background.skyrow.SkyRow`. Files are never changed. A mask that was made
    again has another fingerprint, and other rows.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    def claim(self, definition: Mapping[str, object]) -> None:
        """Make the folder if there is none, and note what its numbers are; or check that they are the same.

        Raises
        ------
        AmbiguousInputError
            If its numbers are others.
        UsageError
            If it is no such folder, or cannot be made.
        """
        try:
            found = self._marked()
            if found is None:
                if self.folder.exists() and any(self.folder.iterdir()):
                    raise UsageError(f"{self.folder}: holds other files: expected an empty folder or a sky dataset")
                self.folder.mkdir(parents=True, exist_ok=True)
                self._write(_MARKER, (json.dumps(definition, indent=1) + "\n").encode())
                return
        except OSError as error:
            raise UsageError(f"{self.folder}: cannot be used as a sky dataset ({error})") from error
        for name, wanted in definition.items():
            if found.get(name) != wanted:
                raise AmbiguousInputError(
                    f"{self.folder}: its {name} is {found.get(name)!r}, not {wanted!r}: "
                    "one sky dataset is of one catalogue and one definition, give another folder"
                )

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows, as one file."""
        content = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
        table = pa.Table.from_pylist([dict(row) for row in rows], SKY_SCHEMA)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self._write(f"sky-{content}.parquet", sink.getvalue().to_pybytes())

    def fingerprints(self) -> npt.NDArray[np.bytes_]:
        """Return the fingerprints of all epochs that it has, shortened and in order."""
        column = self._data().to_table(columns=["fingerprint"])["fingerprint"]
        return np.unique(np.array([_short(each) for each in column.unique().to_pylist()], "S24"))

    def read(self, fingerprints: Collection[str] | None = None) -> "pd.DataFrame":
        """Return its rows, all or those of some fingerprints; what two runs have measured, once.

        Whole numbers and truth values are pandas' ``Int64`` and ``boolean``.

        Raises
        ------
        UsageError
            If it is no sky dataset.
        """
        import pandas as pd  # both are slow to import
        import pyarrow.dataset as pads

        wanted = None
        if fingerprints is not None:
            wanted = pads.field("fingerprint").isin(pa.array(list(fingerprints), pa.string()))
        kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
        found: pd.DataFrame = self._data().to_table(filter=wanted).to_pandas(types_mapper=kinds.get)
        of_part = [*KEY, "fingerprint", "y0", "x0"]
        return found.drop_duplicates(of_part).sort_values(of_part, ignore_index=True)

    def _data(self) -> "pads.Dataset":
        import pyarrow.dataset as pads  # slow to import

        if self._marked() is None:
            raise UsageError(f"{self.folder}: no sky dataset: goodpix sky --dataset makes one")
        return pads.dataset(self.folder, SKY_SCHEMA, "parquet")

    def _marked(self) -> dict[str, Any] | None:
        """Return what the folder says of itself; None where it says nothing."""
        try:
            found = json.loads((self.folder / _MARKER).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.folder / _MARKER}: cannot be read ({error})") from error
        if not isinstance(found, dict) or found.get("format_version") != FORMAT_VERSION:
            raise UsageError(f"{self.folder}: a sky dataset of another format: expected version {FORMAT_VERSION}")
        return found

    def _write(self, name: str, content: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", suffix=".partial", delete=False) as file:
            file.write(content)
        publish(Path(file.name), self.folder / name)


def extend_dataset(
    source: Source,
    measure: Measure,
    folder: Path,
    *,
    executor: Executor | None = None,
    workers: int = 1,
    **filters: Any,
) -> SkyReport:
    """Measure the epochs that a dataset has not, and add them; see `goodpix.Catalogue.extend_background`."""
    places = find_masks(source.database, "epoch", filters)
    dataset = SkyDataset(folder)
    dataset.claim(_definition(source, measure))
    left = _Left(places, dataset.fingerprints())
    measured = measure_epochs(source, measure, left, executor=executor, workers=workers)
    with closing(_Buffer(dataset)) as buffer:
        for rows in measured:
            buffer.add(rows)
    return SkyReport(buffer.n_measured, left.n_known, tuple(buffer.problems))


def joined(epochs: "pd.DataFrame", folder: Path) -> "pd.DataFrame":
    """Return epochs beside what a dataset has of each; see `goodpix.Catalogue.with_background`."""
    found = SkyDataset(folder).read(epochs["fingerprint"].tolist())
    found = found.rename(columns={"n_pixels": "n_pixels_part"})
    new = [name for name in found.columns if name in KEY or name not in epochs.columns]
    return epochs.merge(found[new], on=list(KEY), how="left")


def _definition(source: Source, measure: Measure) -> dict[str, object]:
    """Return what all numbers of a dataset have in common."""
    return {
        "format_version": FORMAT_VERSION,
        "catalogue": source.database.identity.uuid,
        "selection": str(measure.selection),
        "box": None if measure.box is None else list(measure.box),
        "amplifiers": measure.amplifiers,
        "statistics": list(measure.statistics),
        "subtract_background": measure.subtract_background,
        "calibrated": measure.calibrated,
    }


class _Left:
    """The places of masks that a dataset has not; counts those that it has."""

    def __init__(self, places: Iterator[MaskPlace], known: npt.NDArray[np.bytes_]) -> None:
        self._places, self._known = places, known
        self.n_known = 0

    def __iter__(self) -> Iterator[MaskPlace]:
        for place in self._places:
            if self._has(_short(place.row["fingerprint"])):
                self.n_known += 1
            else:
                yield place

    def _has(self, short: bytes) -> bool:
        where = int(np.searchsorted(self._known, np.bytes_(short)))
        return where < self._known.size and self._known[where] == np.bytes_(short)


@dataclass(slots=True)
class _Buffer:
    """Rows that wait to be written."""

    dataset: SkyDataset
    n_measured: int = 0
    problems: list[str] = field(default_factory=list)
    _rows: list[Row] = field(default_factory=list)
    _n_waiting: int = 0
    _since: float = field(default_factory=time.monotonic)

    def add(self, rows: list[Row]) -> None:
        """Take the rows of an epoch, but not of one that could not be used."""
        first = rows[0]
        if first["n"] is None:
            name = f"{first['tilename']} {first['band']} {first['expnum']}/{first['ccdnum']}"
            self.problems.append(f"{name}: {first['problem']}")
            return
        self._rows += rows
        self._n_waiting += 1
        self.n_measured += 1
        if self._n_waiting >= _EPOCHS_PER_FILE or time.monotonic() - self._since > _SECONDS_PER_FILE:
            self.close()

    def close(self) -> None:
        """Write what waits: also when the work is stopped."""
        if self._rows:
            self.dataset.append(self._rows)
            logger.info("%s: %d epochs added", self.dataset.folder, self._n_waiting)
        self._rows, self._n_waiting, self._since = [], 0, time.monotonic()


def _short(fingerprint: str) -> bytes:
    """Return as much of a fingerprint as tells it from any other: a survey's fit into memory."""
    return fingerprint[:24].encode()
