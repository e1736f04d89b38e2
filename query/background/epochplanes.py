"""Planes of an epoch, read only in rows with good pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from ...schema.errors import FitsFileError, InfoFileError, InputChangedError, PlaneError, UsageError
from ...schema.inputs.fingerprint import inputs_unchanged
from ...schema.inputs.recordedfiles import FINGERPRINTED
from ...schema.planes.imagefiles import PlaneFile, file_state, files_of_row
from ...schema.planes.plane import Plane
from ...schema.planes.reader import PlaneReader
from ..masks.mask import Mask
from ..source import Source

__all__ = ["PLANES", "EpochFiles", "GoodRows", "PlaneName", "calibration_of", "floats", "unit_of", "zero_point_of"]

PlaneName = Literal["image", "weight", "bmask", "seg", "bkg"]

PLANES = get_args(PlaneName)
"""Names of an epoch's planes."""

Pixels = npt.NDArray[Any]


def floats(pixels: Pixels) -> npt.NDArray[np.floating[Any]]:
    """Return pixels as float32 or float64; other dtypes are converted to float64."""
    return pixels if pixels.dtype in (np.float32, np.float64) else pixels.astype(np.float64)


@dataclass(frozen=True, slots=True)
class GoodRows:
    """Rows of an image that hold good pixels.

    Parameters
    ----------
    start, stop : int
        The first such row, and the row after the last.
    spans : tuple of slice
        The rows as contiguous slices.
    """

    start: int
    stop: int
    spans: tuple[slice, ...]

    @classmethod
    def of(cls, good: npt.NDArray[np.bool_]) -> Self:
        """Return the rows with good pixels of a good-pixel image of shape (ny, nx)."""
        edges = np.flatnonzero(np.diff(good.any(axis=1), prepend=False, append=False)).tolist()
        spans = tuple(slice(*pair) for pair in zip(edges[::2], edges[1::2], strict=True))
        return cls(spans[0].start, spans[-1].stop, spans) if spans else cls(0, 0, ())

    def read(self, plane: Plane) -> Pixels:
        """Read the rows of a plane from `start` to `stop`; rows without good pixels are 0.

        Raises
        ------
        FitsFileError
            If the plane cannot be read.
        """
        if len(self.spans) == 1:
            return plane.read(None if self.stop - self.start == plane.shape[0] else self.spans[0])
        out: Pixels | None = None
        for span in self.spans:
            rows = plane.read(span)
            if out is None:
                out = np.zeros((self.stop - self.start, plane.shape[1]), rows.dtype)
            out[span.start - self.start : span.stop - self.start] = rows
        return np.zeros((0, plane.shape[1])) if out is None else out


@dataclass(frozen=True, slots=True)
class EpochFiles:
    """Access to the files of epochs, with a check that they have not changed since the ingest.

    Parameters
    ----------
    wcs_source : str
        WCS source of the catalogue, on which its fingerprints depend.
    allow_changed : bool
        Whether files may have changed since the ingest.
    """

    wcs_source: str
    allow_changed: bool = False

    @classmethod
    def of(cls, source: Source, *, allow_changed: bool = False) -> Self:
        """Return the access to the files of a catalogue's epochs."""
        return cls(source.database.identity.wcs_source, allow_changed)

    def planes(self, mask: Mask, reader: PlaneReader) -> "EpochPlanes":
        """Return the planes of an epoch, or of the first epoch of a CCD image, after checking the files.

        Raises
        ------
        InputChangedError
            If the files have changed since the ingest, unless `allow_changed`.
        FitsFileError, PlaneError
            If the image is unusable.
        UsageError
            If the mask is not of an epoch of a catalogue.
        """
        if mask.row is None or mask.key.kind != "epoch":
            raise UsageError(f"{mask.key}: expected the mask of an epoch of a catalogue")
        planes = EpochPlanes(mask, files_of_row(mask.row, "image", "weight"), reader)
        # opened before the check, because a missing file raises a clearer error here
        planes.plane("image")
        if not self.allow_changed:
            # a merged mask has pixels of each of its epochs; its planes are those of the first
            for row in mask.row.get("epochs", (mask.row,)):
                self._check(mask, row)
        return planes

    def _check(self, mask: Mask, row: Mapping[str, Any]) -> None:
        files = files_of_row(row, "image", "weight")
        states = {files[name].path: file_state(files[name].path_now) for name in FINGERPRINTED if name in files}
        if not inputs_unchanged(row, states, wcs_source=self.wcs_source):
            raise InputChangedError(
                f"{mask.key}: files have changed since the ingest, such as {row['image_path']}: "
                "goodpix ingest remakes the mask, --allow-changed (allow_changed=True) uses the files as they are"
            )


@dataclass(frozen=True, slots=True)
class EpochPlanes:
    """Planes of an epoch, opened by a reader.

    Parameters
    ----------
    mask : Mask
        Mask of the epoch.
    files : mapping of str to PlaneFile
        File of each plane.
    reader : PlaneReader
        Reader of the files.
    """

    mask: Mask
    files: dict[str, PlaneFile]
    reader: PlaneReader

    def plane(self, name: str) -> Plane:
        """Return a plane by its name.

        Raises
        ------
        FitsFileError
            If the epoch has no such plane, or its file cannot be read.
        PlaneError
            If the plane does not have the shape of the mask.
        """
        if name not in self.files:
            raise FitsFileError(f"{self.mask.key}: the info file has no {name}_path")
        plane = self.reader.open(self.files[name])
        if plane.shape != self.mask.shape:
            sizes = [f"{ny} x {nx}" for ny, nx in (plane.shape, self.mask.shape)]
            raise PlaneError(f"{self.mask.key}: {plane.path}[{plane.ext}] is {sizes[0]}, its mask {sizes[1]}")
        return plane

    def read(self, name: str, rows: GoodRows, *, subtract_background: bool = False) -> Pixels:
        """Read the rows of a plane that hold good pixels, optionally background-subtracted; see `GoodRows.read`."""
        pixels = rows.read(self._checked(name))
        return pixels - rows.read(self._checked("bkg")) if subtract_background else pixels

    def read_whole(self, name: str) -> Pixels:
        """Read all rows of a plane."""
        return self._checked(name).read()

    def _checked(self, name: str) -> Plane:
        """Return a plane whose data agree with their DATASUM, or of an epoch that was ingested in spite of it."""
        plane = self.plane(name)
        self.reader.check(plane, allow_damaged=bool((self.mask.row or {}).get("damaged_taken")))
        return plane


_ZERO_POINT = 30.0

_CALIBRATED_UNIT = "zero point 30"
"""Unit of calibrated values: a flux of 1 corresponds to magnitude 30."""


def calibration_of(mask: Mask) -> float:
    """Return the calibration factor of an epoch: the info file's ``scale``, or that of its ``magzp`` if absent.

    Raises
    ------
    InfoFileError
        If the info file has neither, or the scale is not positive.
    """
    row = mask.row or {}
    scale, magzp = row.get("scale"), row.get("magzp")
    if scale is None and magzp is not None:
        scale = 10 ** (0.4 * (_ZERO_POINT - magzp))
    if scale is None:
        raise InfoFileError(f"{mask.key}: the info file has neither scale nor magzp: values cannot be calibrated")
    if not scale > 0:
        raise InfoFileError(f"{mask.key}: the info file's scale is {scale:g}: expected a positive number")
    return float(scale)


def zero_point_of(row: Mapping[str, Any], *, calibrated: bool) -> float | None:
    """Return the magnitude zero point of an epoch's values; None if unknown."""
    return _ZERO_POINT if calibrated else row.get("magzp")


def unit_of(row: Mapping[str, Any], *, calibrated: bool) -> str | None:
    """Return the unit of an epoch's values; None if unknown."""
    return _CALIBRATED_UNIT if calibrated else row.get("bunit")
