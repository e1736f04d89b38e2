"""Parameters of the segmentation maps that an ingest makes."""

import itertools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import DamagedValueError, UsageError

__all__ = ["SEGMENT_SETTINGS", "Segmentation"]

SEGMENT_SETTINGS: Mapping[str, str] = {
    "segment_threshold": "detection threshold, in units of the noise of a pixel",
    "segment_area": "minimum number of connected pixels above the threshold",
    "segment_mesh": "size of the background's mesh in pixels, such as 256 or 256x128 (x by y)",
    "segment_mesh_filter": "size of the median filter over the meshes, such as 3 or 3x5 (x by y)",
    "segment_filter": "convolution before detection: gauss_FWHM_NxN (pixels), default (3 x 3 pyramid) or none",
}
"""Meaning of each setting of segmentation maps, by name."""

_MOST = 10_000
_LARGEST_KERNEL = 31
_GAUSS = re.compile(r"gauss_(\d{1,2}(?:\.\d{1,3})?)_(\d{1,2})x(\d{1,2})")
_TEXT = re.compile(
    r"sep (?P<version>\S+): threshold (?P<threshold>\S+), area (?P<area>\d+), mesh (?P<mesh>\d+x\d+), "
    r"mesh_filter (?P<mesh_filter>\d+x\d+), filter (?P<filter>\S+)"
)
_PYRAMID = ((1, 2, 1), (2, 4, 2), (1, 2, 1))


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Parameters with which sep makes segmentation maps.

    The defaults are those of the Dark Energy Survey's configuration of Source Extractor (``docs/guide/profiles.md``).

    Parameters
    ----------
    version : str
        Version of sep.
    threshold : float
        Detection threshold of the filtered image, in units of the noise of a pixel, 1 / sqrt(weight).
    area : int
        Minimum number of connected pixels above the threshold.
    mesh, mesh_filter : tuple of int
        Size of the background's meshes (pixels), and of the median filter over meshes, each (x, y).
    filter : str
        Convolution before detection: ``gauss_FWHM_NxN``, ``default`` or ``none``; see `kernel`.

    Raises
    ------
    UsageError
        If a parameter cannot be used.
    """

    version: str
    threshold: float = 1.5
    area: int = 6
    mesh: tuple[int, int] = (256, 256)
    mesh_filter: tuple[int, int] = (3, 3)
    filter: str = "gauss_3.0_7x7"

    def __post_init__(self) -> None:
        if not 0 < self.threshold < math.inf:
            raise UsageError(f"segment_threshold is {self.threshold}: expected a positive number, such as 1.5")
        if not 1 <= self.area <= _MOST:
            raise UsageError(f"segment_area is {self.area}: expected a number of pixels, 1 to {_MOST}")
        if not all(8 <= size <= _MOST for size in self.mesh):
            raise UsageError(f"segment_mesh is {_by(self.mesh)}: expected pixels, 8 to {_MOST}")
        if not all(1 <= size <= 99 for size in self.mesh_filter):
            raise UsageError(f"segment_mesh_filter is {_by(self.mesh_filter)}: expected meshes, 1 to 99")
        gauss = _GAUSS.fullmatch(self.filter)
        odd = gauss is not None and all(int(size) % 2 and int(size) <= _LARGEST_KERNEL for size in gauss.groups()[1:])
        if self.filter not in ("default", "none") and not (gauss is not None and float(gauss[1]) > 0 and odd):
            raise UsageError(
                f"segment_filter is {self.filter}: expected default, none, or gauss_FWHM_NxN with an odd N up to "
                f"{_LARGEST_KERNEL}, such as gauss_3.0_7x7"
            )

    def __str__(self) -> str:
        """Text of all parameters, as it is stored; `parse` reads it."""
        return (
            f"sep {self.version}: threshold {self.threshold}, area {self.area}, mesh {_by(self.mesh)}, "
            f"mesh_filter {_by(self.mesh_filter)}, filter {self.filter}"
        )

    @classmethod
    def parse(cls, text: str) -> "Segmentation":
        """Return the parameters in a stored text.

        Raises
        ------
        DamagedValueError
            If it is not one of such parameters.
        """
        found = _TEXT.fullmatch(text)
        if found is None:
            raise DamagedValueError(f"segmentation is {text!r}: expected the parameters of a map made by sep")
        values = found.groupdict()
        version = values.pop("version")
        try:
            return cls.of({f"segment_{name}": value for name, value in values.items()}, version)
        except UsageError as error:
            raise DamagedValueError(f"segmentation is {text!r}: {error}") from error

    @classmethod
    def of(cls, settings: Mapping[str, str], version: str) -> "Segmentation":
        """Return the parameters with some settings; see `SEGMENT_SETTINGS`.

        Parameters
        ----------
        settings : mapping of str to str
            Settings by name; others have their defaults.
        version : str
            Version of sep.

        Raises
        ------
        UsageError
            If a setting is unknown, or its value cannot be used.
        """
        values: dict[str, object] = {}
        for key, text in settings.items():
            name = key.removeprefix("segment_")
            try:
                values[name] = _READERS[name](text)
            except KeyError:
                known = " or ".join(SEGMENT_SETTINGS)
                raise UsageError(f"segmentation maps have no setting {key}: expected {known}") from None
            except ValueError as error:
                raise UsageError(f"{key} is {text}: expected {SEGMENT_SETTINGS[key]}") from error
        return cls(version, **values)  # type: ignore[arg-type]  # each of the type that its reader returns

    @property
    def kernel(self) -> npt.NDArray[np.float32] | None:
        """Convolution kernel; None for no convolution.

        ``default`` is the 3 x 3 pyramid (1, 2, 1; 2, 4, 2; 1, 2, 1), ``gauss_FWHM_NxN`` a Gaussian of that full width
        at half maximum (pixels) and peak 1, averaged over each of N x N pixels and rounded to 6 decimals. Detection
        normalises the sum to 1.
        """
        if self.filter == "none":
            return None
        gauss = _GAUSS.fullmatch(self.filter)
        if gauss is None:
            return np.array(_PYRAMID, np.float32)
        x, y = (_averages(float(gauss[1]), int(size)) for size in gauss.groups()[1:])
        return np.round(np.outer(y, x), 6).astype(np.float32)


def _averages(fwhm: float, size: int) -> list[float]:
    """Return the averages of a Gaussian over pixels about its centre."""
    scale = math.sqrt(4 * math.log(2)) / fwhm  # the Gaussian is exp(-(scale * x)^2)
    edges = [math.erf(scale * (k - size / 2)) for k in range(size + 1)]
    return [math.sqrt(math.pi) / (2 * scale) * (high - low) for low, high in itertools.pairwise(edges)]


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _size(text: str) -> tuple[int, int]:
    """Return width and height of a text such as 256 or 256x128."""
    x, by, y = text.partition("x")
    return int(x), int(y if by else x)


_READERS: Mapping[str, Callable[[str], object]] = {
    "threshold": float,
    "area": int,
    "mesh": _size,
    "mesh_filter": _size,
    "filter": str,
}
