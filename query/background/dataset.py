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
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from ...schema.database import Database, Identity
from ...schema.errors import AmbiguousInputError, UsageError
from ...schema.files.object import local_path
from ...schema.store.folder import publish
from ...schema.tables import epoch
from ..dataframes import read_frame
from ..filters import FilterKeywords, Filters
from ..listings import view_frame
from ..masks.ccdmask import ccd_fingerprint
from ..masks.parallel import Readable
from ..provenance import described
from ..source import Source
from .skyrow import KEY, SKY_SCHEMA, By
from .statistics import Measure, Row, find_images, measure_images

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.dataset as pads

__all__ = ["SkyDataset", "SkyReport", "ccd_images", "extend_dataset", "joined"]

logger = logging.getLogger(__name__)

# Version 2 has rows by CCD image, which goodpix 0.1.0 would take for rows by epoch.
FORMAT_VERSIONS = {By.EPOCH: 1, By.CCD: 2}

# Parquet readers skip files whose names begin with an underscore.
_MARKER = "_goodpix-sky.json"

# A file is written after so many images or seconds; a killed run loses at most that much work.
_EPOCHS_PER_FILE, _SECONDS_PER_FILE = 1000, 60.0


@dataclass(frozen=True, slots=True)
class SkyReport:
    """Report of an extension of a dataset.

    Parameters
    ----------
    n_measured : int
        Epochs or CCD images whose statistics were added.
    n_known : int
        Those already in the dataset.
    problems : tuple of str
        Unusable ones with the reason; they are retried next time.
    by : By
        Whether CCD images or epochs were counted.
    """

    n_measured: int
    n_known: int
    problems: tuple[str, ...] = ()
    by: By = By.EPOCH

    def __str__(self) -> str:
        n_problems = len(self.problems)
        what = "epochs" if self.by is By.EPOCH else "CCD images"
        return f"{what}: {self.n_measured:,} measured, {self.n_known:,} already present, {n_problems:,} unusable"


@dataclass(frozen=True, slots=True)
class SkyDataset:
    """A folder of Parquet files with the sky statistics of a catalogue's CCD images or epochs.

    Its columns are those of `goodpix.query.background.skyrow.SkyRow`. Files are never modified. A remade mask has
    another fingerprint and hence other rows.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    folder: Path

    def __post_init__(self) -> None:
        local_path(self.folder, "sky dataset")

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
            if name != "format_version" and recorded.get(name) != value:
                raise AmbiguousInputError(
                    f"{self.folder}: {name} is {recorded.get(name)!r}, not {value!r}: "
                    "a sky dataset holds one catalogue and one definition, choose another folder"
                )

    @property
    def by(self) -> By | None:
        """Unit of the rows; None if the folder is not a sky dataset yet.

        Raises
        ------
        UsageError
            If its format is unknown.
        """
        recorded = self._read_marker()
        return None if recorded is None else By.of(recorded["by"])

    @property
    def selection(self) -> str | None:
        """Definition of good that its rows are of; None if the folder is not a sky dataset yet."""
        recorded = self._read_marker()
        return None if recorded is None else str(recorded["selection"])

    @property
    def is_by_ccd(self) -> bool:
        """True if each row is of a CCD image over all tiles."""
        return self.by is By.CCD

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows as one new file."""
        content = hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
        table = pa.Table.from_pylist([dict(row) for row in rows], SKY_SCHEMA)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self._write(f"sky-{content}.parquet", sink.getvalue().to_pybytes())

    def fingerprints(self) -> npt.NDArray[np.bytes_]:
        """Return the shortened fingerprints of all images in the dataset, sorted."""
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
        rows = rows.drop_duplicates(key).sort_values(key, ignore_index=True)
        return rows.drop(columns=(self.by or By.EPOCH).other_column)

    def noise(self) -> "pd.DataFrame":
        """Return the noise of each CCD image in the unit of its pixels: the square root of its mean ``mad_std ** 2``.

        Returns
        -------
        DataFrame
            Column ``noise``, indexed by band, expnum and ccdnum.

        Raises
        ------
        UsageError
            If the folder is not a sky dataset, or its values are scaled to zero point 30.
        """
        if (self._read_marker() or {}).get("calibrated"):
            raise UsageError(f"{self.folder}: its values are calibrated: expected a sky dataset in the unit of pixels")
        image = ["band", "expnum", "ccdnum"]
        table = self._data().to_table(columns=[*image, "n", "mad_std"])
        rows: pd.DataFrame = table.to_pandas().dropna(subset=["n", "mad_std"])
        rows["variance"] = rows["n"] * rows["mad_std"] ** 2
        sums = rows.groupby(image)[["n", "variance"]].sum()
        return (sums["variance"] / sums["n"]).pow(0.5).to_frame("noise")

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
        if isinstance(recorded, dict):
            # goodpix 0.1.0 wrote rows by epoch and did not say so
            known: dict[str, Any] = {"by": By.EPOCH.value, **recorded}
            if known.get("format_version") in [
                version for by, version in FORMAT_VERSIONS.items() if by.value == known["by"]
            ]:
                return known
        versions = " or ".join(str(version) for version in FORMAT_VERSIONS.values())
        raise UsageError(f"{self.folder}: a sky dataset of another format: expected version {versions}")

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
    **filters: Unpack[FilterKeywords],
) -> SkyReport:
    """Measure the images missing from a dataset and add them; see `goodpix.Catalogue.extend_background`."""
    locations = find_images(source, measure.by, filters)
    dataset = SkyDataset(folder)
    dataset.claim(_definition(source, measure))
    missing = _MissingImages(locations, dataset.fingerprints())
    measured = measure_images(source, measure, missing, executor=executor, workers=workers)
    with closing(_Buffer(dataset)) as buffer:
        for rows in measured:
            buffer.add(rows)
    return SkyReport(buffer.n_measured, missing.n_known, tuple(buffer.problems), measure.by)


def joined(images: "pd.DataFrame", folder: Path, catalogue: Identity | None = None) -> "pd.DataFrame":
    """Join the rows of a dataset to epochs or CCD images; see `goodpix.Catalogue.with_background`."""
    dataset = SkyDataset(folder)
    rows = dataset.read(images["fingerprint"].tolist())
    rows = rows.rename(columns={"n_pixels": "n_pixels_part"})
    key = [name for name in KEY if name in rows.columns]
    new = [name for name in rows.columns if name in key or name not in images.columns]
    return described(images.merge(rows[new], on=key, how="left"), catalogue, dataset.selection)


def ccd_images(database: Database, filters: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the rows of the view ``ccd_quality`` that match filters, with the `fingerprint` of each CCD image."""
    images = view_frame(database, "ccd_quality", filters)
    key = ["band", "expnum", "ccdnum"]
    shared = Filters.of(**{name: filters[name] for name in (*key, "nite") if name in filters})
    columns = [epoch.c[name] for name in (*key, "tilename", "fingerprint")]
    epochs = read_frame(database.engine, sa.select(*columns).where(*shared.conditions(epoch)))
    fingerprints = epochs.sort_values("tilename").groupby(key)["fingerprint"].agg(list).map(ccd_fingerprint)
    return images.merge(fingerprints.reset_index(), on=key, how="left")


def _definition(source: Source, measure: Measure) -> dict[str, object]:
    """Return the definition that all rows of a dataset share."""
    return {
        "format_version": FORMAT_VERSIONS[measure.by],
        "catalogue": source.database.identity.uuid,
        "by": measure.by.value,
        "selection": str(measure.selection),
        "box": None if measure.box is None else list(measure.box),
        "amplifiers": measure.amplifiers,
        "statistics": list(measure.statistics),
        "subtract_background": measure.subtract_background,
        "calibrated": measure.calibrated,
    }


class _MissingImages:
    """Iteration over the images missing from a dataset, with a count of those present."""

    def __init__(self, locations: Iterator[Readable], known: npt.NDArray[np.bytes_]) -> None:
        self._locations, self._known = locations, known
        self.n_known = 0

    def __iter__(self) -> Iterator[Readable]:
        for location in self._locations:
            if self._has(_short(location.fingerprint)):
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
        """Add the rows of an image; an unusable image is recorded as a problem instead."""
        first = rows[0]
        if first["n"] is None:
            tile = "" if first["tilename"] is None else f"{first['tilename']} "
            name = f"{tile}{first['band']} {first['expnum']}/{first['ccdnum']}"
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
            logger.info("%s: %d images added", self.dataset.folder, self._n_waiting)
        self._rows, self._n_waiting, self._since = [], 0, time.monotonic()


def _short(fingerprint: str) -> bytes:
    """Shorten a fingerprint so that those of a whole survey fit into memory; still unique."""
    return fingerprint[:24].encode()
