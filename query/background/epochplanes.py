"""The planes of an epoch, of which only rows with good pixels are read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ...schema.errors import FitsFileError, InfoFileError, InputChangedError, PlaneError, UsageError
from ...schema.fingerprint import FINGERPRINTED, is_fingerprint
from ...schema.planes.files import PlaneFile, file_state, files_of_row
from ...schema.planes.reader import Plane, PlaneReader
from ..masks.mask import Mask
from ..source import Source

__all__ = ["PLANES", "EpochFiles", "GoodRows", "calibration_of", "floats", "unit_of"]

PLANES = ("image", "weight", "bmask", "seg", "bkg")
"""Planes that an epoch may have."""

Pixels = npt.NDArray[Any]


def floats(pixels: Pixels) -> npt.NDArray[np.floating[Any]]:
    """Return pixels as floating-point numbers: those of 32 and 64 bits as they are, others of 64."""
    return pixels if pixels.dtype in (np.float32, np.float64) else pixels.astype(np.float64)


@dataclass(frozen=True, slots=True)
class GoodRows:
    """The rows of an image that hold good pixels.

    Parameters
    ----------
    start, stop : int
        The first of them, and the one after the last.
    spans : tuple of slice
        All of them, as stretches without a gap.
    """

    start: int
    stop: int
    spans: tuple[slice, ...]

    @classmethod
    def of(cls, good: npt.NDArray[np.bool_]) -> Self:
        """Return the rows of an image of good pixels, shape (ny, nx)."""
        edges = np.flatnonzero(np.diff(good.any(axis=1), prepend=False, append=False)).tolist()
        spans = tuple(slice(*pair) for pair in zip(edges[::2], edges[1::2], strict=True))
        return cls(spans[0].start, spans[-1].stop, spans) if spans else cls(0, 0, ())

    def read(self, plane: Plane) -> Pixels:
        """Return the rows of a plane from `start` to `stop`; those between without a good pixel are 0.

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
    """How the files of epochs are found, and whether they must be those that the masks were made from.

    Parameters
    ----------
    wcs_source : str
        That of the catalogue; its fingerprints depend on it.
    allow_changed : bool
        Whether files may have changed since the ingest.
    """

    wcs_source: str
    allow_changed: bool = False

    @classmethod
    def of(cls, source: Source, *, allow_changed: bool = False) -> Self:
        """Return how the files of a catalogue's epochs are found."""
        return cls(source.database.identity.wcs_source, allow_changed)

    def planes(self, mask: Mask, reader: PlaneReader) -> "EpochPlanes":
        """Return the planes of an epoch, after a look at its files.

        Raises
        ------
        InputChangedError
            If the files are not those that the mask was made from, and that is not allowed.
        FitsFileError, PlaneError
            If the image cannot be used.
        UsageError
            If the mask is not an epoch's of a catalogue.
        """
        if mask.row is None or mask.key.kind != "epoch":
            raise UsageError(f"{mask.key}: expected the mask of an epoch of a catalogue")
        files = files_of_row(mask.row)
        planes = EpochPlanes(mask, files, reader)
        # what cannot be found says so itself, in better words
        planes.plane("image")
        if not self.allow_changed:
            self._check(mask, files)
        return planes

    def _check(self, mask: Mask, files: dict[str, PlaneFile]) -> None:
        row = mask.row or {}
        states = {files[name].path: file_state(files[name].place) for name in FINGERPRINTED if name in files}
        if not is_fingerprint(row["fingerprint"], row, states, wcs_source=self.wcs_source):
            raise InputChangedError(
                f"{mask.key}: its files are not those that the mask was made from, such as {row['image_path']}: "
                "goodpix ingest makes the mask again, --allow-changed (allow_changed=True) goes on as it is"
            )


@dataclass(frozen=True, slots=True)
class EpochPlanes:
    """The planes of an epoch, which a reader has open.

    Parameters
    ----------
    mask : Mask
        Of the epoch.
    files : mapping of str to PlaneFile
        Where each plane is.
    reader : PlaneReader
        What reads them.
    """

    mask: Mask
    files: dict[str, PlaneFile]
    reader: PlaneReader

    def plane(self, name: str) -> Plane:
        """Return a plane by its name.

        Raises
        ------
        FitsFileError
            If the epoch has none, or its file cannot be read.
        PlaneError
            If it is not of the mask's shape.
        """
        if name not in self.files:
            raise FitsFileError(f"{self.mask.key}: the info file has no {name}_path")
        found = self.reader.open(self.files[name])
        if found.shape != self.mask.shape:
            sizes = [f"{ny} x {nx}" for ny, nx in (found.shape, self.mask.shape)]
            raise PlaneError(f"{self.mask.key}: {found.path}[{found.ext}] is {sizes[0]}, its mask {sizes[1]}")
        return found

    def read(self, name: str, rows: GoodRows, *, subtract_background: bool = False) -> Pixels:
        """Return the rows of a plane that hold good pixels, see `GoodRows.read`, less the background if wanted."""
        found = rows.read(self.plane(name))
        return found - rows.read(self.plane("bkg")) if subtract_background else found


_ZERO_POINT = 30.0

_CALIBRATED_UNIT = "zero point 30"
"""The unit of calibrated values: a flux of 1 is of magnitude 30."""


def calibration_of(mask: Mask) -> float:
    """Return what values of an epoch are multiplied by: the info file's ``scale``, else by its ``magzp``.

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


def unit_of(row: Mapping[str, Any], *, calibrated: bool) -> str | None:
    """Return the unit of an epoch's values; None if it is not known."""
    return _CALIBRATED_UNIT if calibrated else row.get("bunit")
