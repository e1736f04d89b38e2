"""Segmentation maps of images that have none, made with sep."""

import threading
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ...schema.errors import MissingLibraryError, PlaneError
from ...schema.extras import optional
from ...schema.inputs.segmentation import Segmentation
from ...schema.planes.plane import Plane
from .pixels import BLOCK, MadeMap

__all__ = ["check_version", "detect_objects", "make_map", "sep_version"]

Booleans = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]

# Pixels of unfinished objects that sep holds at first: enough for most images, since all of the memory is written.
_PIXEL_STACK = 1 << 19

# The size of the pixel stack is global in sep.
_LOCK = threading.Lock()


def sep_version() -> str:
    """Return the version of sep.

    Raises
    ------
    MissingLibraryError
        If it is not installed.
    """
    return str(_sep().__version__)


def check_version(parameters: Segmentation) -> None:
    """Check that the version of sep is the one in the parameters, since another may find other pixels.

    Raises
    ------
    MissingLibraryError
        If there is no sep, or another version.
    """
    version = sep_version()
    if version != parameters.version:
        raise MissingLibraryError(
            f"sep {version} is installed, but these segmentation maps are made by sep {parameters.version}: "
            f"pip install sep=={parameters.version}"
        )


def make_map(image: Plane, weight: Plane, bmask: Plane, parameters: Segmentation) -> MadeMap:
    """Make the segmentation map of an image.

    Parameters
    ----------
    image, weight, bmask : Plane
        Planes of one shape.
    parameters : Segmentation
        Parameters of the detection.

    Raises
    ------
    FitsFileError
        If a plane cannot be read.
    MissingLibraryError
        If sep of the parameters' version is not installed.
    PlaneError
        If sep cannot make a map.
    """
    check_version(parameters)
    ny, _ = image.shape
    pixels = _Pixels.empty(image.shape)
    for y in range(0, ny, BLOCK):  # whole planes of several types would take several times the memory
        rows = slice(y, min(y + BLOCK, ny))
        pixels.fill(rows, image.read(rows), weight.read(rows), bmask.nonzero(rows))
    try:
        return MadeMap(_detect(pixels, parameters))
    except _SepError as error:
        raise PlaneError(f"{image.header.where}: no segmentation map can be made of it ({error})") from error


def detect_objects(
    image: npt.NDArray[Any], weight: npt.NDArray[Any], masked: Booleans, parameters: Segmentation
) -> Booleans:
    """Return the pixels of an image that are in detected objects.

    Parameters
    ----------
    image, weight : ndarray, shape (ny, nx)
        Image, and inverse variances of its pixels.
    masked : ndarray of bool, shape (ny, nx)
        True where a mask bit is set.
    parameters : Segmentation
        Parameters of the detection.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        True in at least ``area`` connected pixels whose value above the background, convolved with the kernel,
        exceeds ``threshold`` times their own noise, 1 / sqrt(weight).

    Notes
    -----
    Pixels that are masked, have no weight, or no finite value count neither in the background nor in objects, and are
    zero in the convolution. Objects are neither divided nor cleaned, since only what is in none of them matters.
    """
    pixels = _Pixels.empty(image.shape)
    pixels.fill(slice(None), image, weight, masked)
    return _detect(pixels, parameters)


class _SepError(Exception):
    """An error of sep."""


class _Pixels(NamedTuple):
    """Pixels as sep takes them; shape (ny, nx) each."""

    data: Floats
    noise: Floats
    unusable: Booleans

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> "_Pixels":
        return cls(np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.bool_))

    def fill(self, rows: slice, image: npt.NDArray[Any], weight: npt.NDArray[Any], masked: Booleans) -> None:
        """Fill some rows."""
        data, noise = self.data[rows], self.noise[rows]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            data[...] = image
            noise[...] = 1 / np.sqrt(weight)
        unusable = masked | ~((weight > 0) & (weight < np.inf) & np.isfinite(data))
        data[unusable], noise[unusable] = 0, 1
        self.unusable[rows] = unusable


def _detect(pixels: _Pixels, parameters: Segmentation) -> Booleans:
    """Return the pixels in objects, and subtract the background."""
    if pixels.unusable.all():
        return np.zeros_like(pixels.unusable)
    (bw, bh), (fw, fh) = parameters.mesh, parameters.mesh_filter
    background = _sep().Background(pixels.data, mask=pixels.unusable, bw=bw, bh=bh, fw=fw, fh=fh)
    background.subfrom(pixels.data)
    size = min(_PIXEL_STACK, pixels.data.size + 2)  # one is never used, and with one left it counts as full
    with _LOCK:
        before = _sep().get_extract_pixstack()
        try:
            while True:
                _sep().set_extract_pixstack(size)
                try:
                    return _extract(pixels, parameters)
                except _StackFullError:
                    if size > pixels.data.size:
                        raise
                    size *= 2
        finally:
            _sep().set_extract_pixstack(before)


class _StackFullError(_SepError):
    """More pixels of objects than the pixel stack holds."""


def _extract(pixels: _Pixels, parameters: Segmentation) -> Booleans:
    try:
        _, labels = _sep().extract(
            pixels.data,
            parameters.threshold,
            err=pixels.noise,
            mask=pixels.unusable,
            minarea=parameters.area,
            filter_kernel=parameters.kernel,
            filter_type="conv",
            deblend_nthresh=1,
            deblend_cont=1.0,
            clean=False,
            segmentation_map=True,
        )
    except Exception as error:  # sep raises no other kind
        full = "pixel buffer full" in str(error)
        raise (_StackFullError if full else _SepError)(f"sep {_sep().__version__}: {error}") from error
    objects: Booleans = labels != 0
    return objects


def _sep() -> Any:
    with optional("sep"):
        import sep  # an extra
    return sep
