"""Reader of FITS planes and headers."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType

from ..errors import DitheredWeightError, PlaneError
from .datasum import DataSum
from .fitsfile import FitsFile, Unit
from .headers import Header
from .imagefiles import Extension, PlaneFile, expand
from .plane import Plane, open_plane

__all__ = ["OpenedFile", "PlaneReader", "check_integer", "check_weight"]


@dataclass(slots=True)
class OpenedFile:
    """File opened by a reader.

    Parameters
    ----------
    file : FitsFile
        Open file.
    units : dict of int to Unit
        Units that were opened, by number.
    sums : dict of int to DataSum
        Checksums of the units that were checked, by number.
    """

    file: FitsFile
    units: dict[int, Unit] = field(default_factory=dict)
    sums: dict[int, DataSum] = field(default_factory=dict)


class PlaneReader:
    """Reader of planes that opens each FITS file once; a context manager."""

    def __init__(self) -> None:
        self._files: dict[str, OpenedFile] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "PlaneReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def plane(self, path: str, ext: Extension) -> Plane:
        """Return a plane without reading its pixels.

        Parameters
        ----------
        path : str
            Path of the file; environment variables and ``~`` are expanded.
        ext : str or int
            EXTNAME, in upper or lower case, or number of the extension.

        Raises
        ------
        FitsFileError
            If the file or the extension is missing or cannot be read.
        PlaneError
            If the extension is not a two-dimensional image.
        """
        return self.open(PlaneFile(path, ext))

    def open(self, file: PlaneFile) -> Plane:
        """Return the plane of a file and extension; see `plane`. Messages show the path as written."""
        opened = self._open(file)
        plane = open_plane(opened.file, file.ext, file.conversion)
        for each in (plane, *plane.also):
            opened.units[each.unit.number] = each.unit
        return plane

    def primary_header(self, path: str) -> Header:
        """Return the header of a file's primary unit.

        Raises
        ------
        FitsFileError
            If the file is missing or cannot be read.
        """
        return self._open(PlaneFile(path)).file.unit(0).header

    def check(self, plane: Plane, *, allow_damaged: bool = False) -> None:
        """Compare the data of a plane with their DATASUM, if they have one.

        Parameters
        ----------
        plane : Plane
            Plane opened by this reader, before its pixels are read.
        allow_damaged : bool
            Accept data that do not match.

        Raises
        ------
        DamagedFileError
            If the data do not match, unless damaged data are allowed.
        FitsFileError
            If the data cannot be read.
        """
        sums = self._files[plane.path].sums
        for each in (plane, *plane.also):
            number = each.unit.number
            if number not in sums:
                sums[number] = each.datasum()
            if not allow_damaged:
                sums[number].check()

    @property
    def opened(self) -> Mapping[str, OpenedFile]:
        """Open files, by path as written."""
        return self._files

    def _open(self, file: PlaneFile) -> OpenedFile:
        if file.path not in self._files:
            opened = self._stack.enter_context(FitsFile(expand(file.path_now), file.path))
            self._files[file.path] = OpenedFile(opened)
        return self._files[file.path]


def check_weight(plane: Plane, *, allow_dithered: bool = False) -> str | None:
    """Return the quantisation of a weight plane after checking that exact zeros are preserved, or found by a rule.

    Raises
    ------
    DitheredWeightError
        If the plane was compressed with SUBTRACTIVE_DITHER_1, which makes half of the zeros positive.
    """
    quantization = plane.quantization
    if quantization == "SUBTRACTIVE_DITHER_1" and not (allow_dithered or plane.conversion.lost_zeros):
        raise DitheredWeightError(
            f"{plane.path}[{plane.ext}]: ZQUANTIZ is SUBTRACTIVE_DITHER_1, which loses the exact zeros of a "
            "weight plane: expected SUBTRACTIVE_DITHER_2 "
            "(--allow-dithered-weights, allow_dithered_weights=True, accepts it anyway)"
        )
    return quantization


def check_integer(plane: Plane, what: str) -> None:
    """Check that a plane contains integers.

    Raises
    ------
    PlaneError
        If its pixels are not integers.
    """
    if plane.dtype.kind not in "iu":
        raise PlaneError(f"{plane.path}[{plane.ext}]: {what} is {plane.dtype}: expected integers")
