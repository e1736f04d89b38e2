"""Sky statistics of a survey in a growing folder of Parquet files."""

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
from ..masks.reader import MaskLocation, find_masks
from ..source import Source
from .skyrow import KEY, SKY_SCHEMA
from .statistics import Measure, Row, measure_epochs

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.dataset as pads

__all__ = ["SkyDataset", "SkyReport", "extend_dataset", "joined"]

logger = logging.getLogger(__name__)

FORMAT_VERSION = 1

# Parquet readers skip files whose names begin with an underscore.
_MARKER = "_goodpix-sky.json"

# A file is written after so many epochs or seconds; a killed run loses at most that much work.
_EPOCHS_PER_FILE, _SECONDS_PER_FILE = 1000, 60.0


@dataclass(frozen=True, slots=True)
class SkyReport:
    """Report of an extension of a dataset.

    Parameters
    ----------
    n_measured : int
        Epochs whose statistics were added.
    n_known : int
        Epochs already in the dataset.
    problems : tuple of str
        Unusable epochs with the reason; they are retried next time.
    """

    n_measured: int
    n_known: int
    problems: tuple[str, ...] = ()

    def __str__(self) -> str:
        n_problems = len(self.problems)
        return f"epochs: {self.n_measured:,} measured, {self.n_known:,} already present, {n_problems:,} unusable"


@dataclass(frozen=True, slots=True)
class SkyDataset:
    """A folder of Parquet files with the sky statistics of a catalogue's epochs.

    Its columns are those of `goodpix.query.background.skyrow.SkyRow`. Files are never modified. A remade mask has
    another fingerprint and hence other rows.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    def claim(self, definition: Mapping[str, object]) -> None:
        """Create the folder with this definition, or check that an existing folder has the same definition.

        Raises
        ------
        AmbiguousInputError
            If the folder has another definition.
        UsageError
            If the folder is not a sky dataset or cannot be created.
        """
        try:
            recorded = self._read_marker()
            if recorded is None:
                if self.folder.exists() and any(self.folder.iterdir()):
                    raise UsageError(f"{self.folder} holds other files: expected an empty folder or a sky dataset")
                self.folder.mkdir(parents=True, exist_ok=True)
                self._write(_MARKER, (json.dumps(definition, indent=1) + "\n").encode())
                return
        except OSError as error:
            raise UsageError(f"{self.folder}: cannot be used as a sky dataset ({error})") from error
        for name, value in definition.items():
            if recorded.get(name) != value:
                raise AmbiguousInputError(
                    f"{self.folder}: {name} is {recorded.get(name)!r}, not {value!r}: "
                    "a sky dataset holds one catalogue and one definition, choose another folder"
                )

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows as one new file."""
        content = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
        table = pa.Table.from_pylist([dict(row) for row in rows], SKY_SCHEMA)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self._write(f"sky-{content}.parquet", sink.getvalue().to_pybytes())

    def fingerprints(self) -> npt.NDArray[np.bytes_]:
        """Return the shortened fingerprints of all epochs in the dataset, sorted."""
        column = self._data().to_table(columns=["fingerprint"])["fingerprint"]
        return np.unique(np.array([_short(fingerprint) for fingerprint in column.unique().to_pylist()], "S24"))

    def read(self, fingerprints: Collection[str] | None = None) -> "pd.DataFrame":
        """Return all rows, or those of some fingerprints; rows that two runs measured appear once.

        Integer and boolean columns have the pandas types ``Int64`` and ``boolean``.

        Raises
        ------
        UsageError
            If the folder is not a sky dataset.
        """
        import pandas as pd  # both are slow to import
        import pyarrow.dataset as pads

        condition = None
        if fingerprints is not None:
            condition = pads.field("fingerprint").isin(pa.array(list(fingerprints), pa.string()))
        kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
        rows: pd.DataFrame = self._data().to_table(filter=condition).to_pandas(types_mapper=kinds.get)
        key = [*KEY, "fingerprint", "y0", "x0"]
        return rows.drop_duplicates(key).sort_values(key, ignore_index=True)

    def _data(self) -> "pads.Dataset":
        import pyarrow.dataset as pads  # slow to import

        if self._read_marker() is None:
            raise UsageError(f"{self.folder}: not a sky dataset: goodpix sky --dataset creates one")
        return pads.dataset(self.folder, SKY_SCHEMA, "parquet")

    def _read_marker(self) -> dict[str, Any] | None:
        """Return the definition recorded in the folder; None if there is none."""
        try:
            recorded = json.loads((self.folder / _MARKER).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.folder / _MARKER}: cannot be read ({error})") from error
        if not isinstance(recorded, dict) or recorded.get("format_version") != FORMAT_VERSION:
            raise UsageError(f"{self.folder}: a sky dataset of another format: expected version {FORMAT_VERSION}")
        return recorded

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
    """Measure the epochs missing from a dataset and add them; see `goodpix.Catalogue.extend_background`."""
    locations = find_masks(source.database, "epoch", filters)
    dataset = SkyDataset(folder)
    dataset.claim(_definition(source, measure))
    missing = _MissingEpochs(locations, dataset.fingerprints())
    measured = measure_epochs(source, measure, missing, executor=executor, workers=workers)
    with closing(_Buffer(dataset)) as buffer:
        for rows in measured:
            buffer.add(rows)
    return SkyReport(buffer.n_measured, missing.n_known, tuple(buffer.problems))


def joined(epochs: "pd.DataFrame", folder: Path) -> "pd.DataFrame":
    """Join the rows of a dataset to epochs; see `goodpix.Catalogue.with_background`."""
    rows = SkyDataset(folder).read(epochs["fingerprint"].tolist())
    rows = rows.rename(columns={"n_pixels": "n_pixels_part"})
    new = [name for name in rows.columns if name in KEY or name not in epochs.columns]
    return epochs.merge(rows[new], on=list(KEY), how="left")


def _definition(source: Source, measure: Measure) -> dict[str, object]:
    """Return the definition that all rows of a dataset share."""
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


class _MissingEpochs:
    """Iteration over the epochs missing from a dataset, with a count of those present."""

    def __init__(self, locations: Iterator[MaskLocation], known: npt.NDArray[np.bytes_]) -> None:
        self._locations, self._known = locations, known
        self.n_known = 0

    def __iter__(self) -> Iterator[MaskLocation]:
        for location in self._locations:
            if self._has(_short(location.row["fingerprint"])):
                self.n_known += 1
            else:
                yield location

    def _has(self, short: bytes) -> bool:
        index = int(np.searchsorted(self._known, np.bytes_(short)))
        return index < self._known.size and self._known[index] == np.bytes_(short)


@dataclass(slots=True)
class _Buffer:
    """Rows waiting to be written."""

    dataset: SkyDataset
    n_measured: int = 0
    problems: list[str] = field(default_factory=list)
    _rows: list[Row] = field(default_factory=list)
    _n_waiting: int = 0
    _since: float = field(default_factory=time.monotonic)

    def add(self, rows: list[Row]) -> None:
        """Add the rows of an epoch; an unusable epoch is recorded as a problem instead."""
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
        """Write the waiting rows; also called on an interrupt."""
        if self._rows:
            self.dataset.append(self._rows)
            logger.info("%s: %d epochs added", self.dataset.folder, self._n_waiting)
        self._rows, self._n_waiting, self._since = [], 0, time.monotonic()


def _short(fingerprint: str) -> bytes:
    """Shorten a fingerprint so that those of a whole survey fit into memory; still unique."""
    return fingerprint[:24].encode()
