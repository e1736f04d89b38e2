"""A mask: the flags of every pixel of one image."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.bits import CRITERIA_BITS, DES_Y6, OWN_CUT, BitNames
from ...schema.criteria import Selection
from ...schema.errors import UsageError
from ...schema.masks.applyselection import recut, recut_box
from ...schema.masks.boundselection import AnySelection, BoundSelection
from ...schema.masks.rle import Runs, decode, decode_good, encode
from ...schema.masks.runalgebra import complement, crop, good_in_both, good_in_either, good_in_one
from ...schema.rows import MaskKey
from ...schema.wcs.pixelgrid import PixelGrid
from ...schema.wcs.solution import Wcs
from ..plots.mask import plot_mask, thumbnail
from ..shapes import Disc, Polygon
from .export import write_fits, write_npz
from .regions import pixels_inside

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Mask"]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The flags of every pixel of one epoch, one coadd, or a part of it.

    Masks of one image combine without becoming images: ``a & b`` is good where both are, ``a | b`` where
    one is, ``a ^ b`` where exactly one is, and ``~a`` where `a` is not. A pixel that is bad in the result
    keeps the reasons of both. A cut-out combined with a mask of its own pixels alone, or cut by another definition,
    knows nothing of the rest of the image: nothing grows into it from there.

    Parameters
    ----------
    key : MaskKey
        What it is the mask of.
    encoded : Runs
        The runs; images are made from them when asked for.
    bit_names : BitNames
        Names of the mask bits, for selections.
    x0, y0 : int
        First pixel of the part, in the whole image.
    row : mapping of str to object, optional
        The catalogue's row of it, by column.
    whole : Runs, optional
        The runs of the whole image, where this is a part of it.
    image_shape : tuple of int, optional
        (ny, nx) of the whole image, where this is a part of it.
    """

    key: MaskKey
    encoded: Runs
    bit_names: BitNames = DES_Y6
    x0: int = 0
    y0: int = 0
    row: Mapping[str, Any] | None = None
    whole: Runs | None = None
    image_shape: tuple[int, int] | None = None

    @classmethod
    def from_bool(cls, good: npt.ArrayLike, *, like: "Mask | None" = None) -> "Mask":
        """Return a mask of one's own, to be combined with others.

        Parameters
        ----------
        good : array of bool, shape (ny, nx)
            True is good.
        like : Mask, optional
            The mask of the same image, whose names and place it takes.

        Raises
        ------
        UsageError
            If the array is not of truth values, or not of the shape of `like`.
        """
        image = np.asarray(good)
        if image.dtype != np.bool_ or image.ndim != 2 or not image.size:
            raise UsageError(f"an array of {image.dtype}, shape {image.shape}: expected one of bool, shape (ny, nx)")
        if like is not None and image.shape != like.shape:
            raise UsageError(f"an array of shape {image.shape}: expected {like.shape}, the mask's")
        runs = encode(np.where(image, 0, OWN_CUT).astype(np.uint8))
        if like is None:
            return cls(MaskKey.own(), runs)
        return replace(like, key=MaskKey.own(), encoded=runs, whole=None)

    @classmethod
    def from_discs(cls, ra: npt.ArrayLike, dec: npt.ArrayLike, radius: npt.ArrayLike, *, like: "Mask") -> "Mask":
        """Return a mask of one's own that is bad within discs on the sky, such as those of bright stars.

        Parameters
        ----------
        ra, dec : array of float, shape (n,)
            Centres, degrees.
        radius : float or array of float, shape (n,)
            Radii, degrees. A pixel is bad when its centre lies within one.
        like : Mask
            The mask of the same image.

        Raises
        ------
        UsageError
            If there is no such disc, or `like` has no place on the sky.
        """
        return cls.from_bool(~pixels_inside(like.grid, like.place, Disc.many(ra, dec, radius)), like=like)

    @classmethod
    def from_polygons(cls, polygons: Sequence[npt.ArrayLike], *, like: "Mask") -> "Mask":
        """Return a mask of one's own that is bad within polygons on the sky, such as those of streaks.

        Parameters
        ----------
        polygons : sequence of arrays of float, shape (n, 2)
            Right ascension and declination of the corners, degrees; the edges are great circles. A pixel
            is bad when its centre lies within one.
        like : Mask
            The mask of the same image.

        Raises
        ------
        UsageError
            If a polygon has fewer than three corners or reaches 90 degrees from its middle, a number is not
            finite, or `like` has no place on the sky.
        """
        return cls.from_bool(~pixels_inside(like.grid, like.place, map(Polygon.of, polygons)), like=like)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self.encoded.ny, self.encoded.nx

    @property
    def place(self) -> Region:
        """Where its pixels are in the whole image."""
        return Region(self.x0, self.x0 + self.encoded.nx, self.y0, self.y0 + self.encoded.ny)

    @property
    def wcs(self) -> Wcs:
        """The solution of its image, for pixels of the whole image with `position_offset` added.

        Raises
        ------
        UsageError
            If it is not of a catalogue.
        """
        if self.row is None:
            raise UsageError(f"{self.key} has no place on the sky: expected a mask of a catalogue")
        return Wcs.from_json(self.row["wcs"])

    @property
    def position_offset(self) -> float:
        """The image's ``position_offset``; see `grid`."""
        return 1.0 if self.row is None else float(self.row["position_offset"])

    @property
    def grid(self) -> PixelGrid:
        """All pixels of its image on the sphere.

        Raises
        ------
        UsageError
            If it is not of a catalogue.
        """
        return PixelGrid(self.wcs, self.image_shape or self.shape, self.position_offset)

    def good(self, selection: AnySelection = None) -> npt.NDArray[np.bool_]:
        """Return which pixels are good.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.

        Returns
        -------
        ndarray of bool, shape (ny, nx)
            True is good. The memory order is column-major.
        """
        wanted = BoundSelection.of(selection, self.bit_names)
        if wanted.by_pixel:
            return decode_good(self.encoded, wanted.reject)
        return decode_good(self.recut(wanted).encoded, CRITERIA_BITS)

    def bad(self, selection: AnySelection = None) -> npt.NDArray[np.bool_]:
        """Return which pixels are bad: the complement of `good`, photutils' sense of a mask."""
        return ~self.good(selection)

    def flags(self) -> npt.NDArray[np.int64]:
        """Return the flags; int64, shape (ny, nx)."""
        return decode(self.encoded)

    def criteria(self, selection: AnySelection = None) -> npt.NDArray[np.uint8]:
        """Return which criteria fail, see `goodpix.Criterion`.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.

        Returns
        -------
        ndarray of uint8, shape (ny, nx)
            0 is good; 128 is a border or a cut of one's own. The memory order is column-major.
        """
        runs = self.encoded if selection is None else self.recut(selection).encoded
        failing = (runs.flags & CRITERIA_BITS).astype(np.uint8)
        return np.repeat(failing, runs.lengths).reshape(runs.nx, runs.ny).T

    def count(self, selection: AnySelection = None) -> int:
        """Return how many pixels are good; without `grow` and `border` no image is made."""
        wanted = BoundSelection.of(selection, self.bit_names)
        by_pixel = wanted.by_pixel
        runs, reject = (self.encoded, wanted.reject) if by_pixel else (self.recut(wanted).encoded, CRITERIA_BITS)
        return int(runs.lengths[(runs.flags & np.int64(reject)) == 0].sum(dtype=np.int64))

    def recut(self, selection: AnySelection) -> "Mask":
        """Return the mask by another definition of good: its flags hold the criteria that fail by that one.

        What grows reaches into a cut-out from the rest of the image.

        Raises
        ------
        UnknownNameError, UsageError
            If the selection cannot be used.
        """
        wanted = BoundSelection.of(selection, self.bit_names)
        if self.whole is None:
            runs = recut(self.encoded, wanted, place=self.place, image_shape=self.image_shape)
            return replace(self, encoded=runs)
        return replace(self, encoded=recut_box(self.whole, wanted, self.place), whole=None)

    def runs(self) -> "pd.DataFrame":
        """Return the runs, split at column ends.

        Returns
        -------
        DataFrame
            Columns ``x``, ``y`` (first pixel, in the whole image), ``length`` and ``flags``.
        """
        import pandas as pd  # slow to import, and masks are used without it

        ny = self.encoded.ny
        starts = self.encoded.starts
        columns = np.arange(self.encoded.nx, dtype=np.int64) * ny
        pieces = np.union1d(starts, columns)
        run = np.searchsorted(starts, pieces, side="right") - 1
        lengths = np.diff(pieces, append=ny * self.encoded.nx)
        return pd.DataFrame(
            {
                "x": pieces // ny + self.x0,
                "y": pieces % ny + self.y0,
                "length": lengths,
                "flags": self.encoded.flags[run],
            }
        )

    def cutout(self, x0: int, x1: int, y0: int, y1: int) -> "Mask":
        """Return the mask of a half-open box ``x0 <= x < x1``, ``y0 <= y < y1``.

        Parameters
        ----------
        x0, x1, y0, y1 : int
            Pixels of this mask, zero-based.

        Raises
        ------
        UsageError
            If the box is empty or not inside the mask.
        """
        ny, nx = self.shape
        if not (0 <= x0 < x1 <= nx and 0 <= y0 < y1 <= ny):
            raise UsageError(f"box x {x0}:{x1}, y {y0}:{y1}: expected a part of x 0:{nx}, y 0:{ny} that is not empty")
        part = crop(self.encoded, Region(x0, x1, y0, y1))
        whole, image_shape = (self.encoded, self.shape) if self.image_shape is None else (self.whole, self.image_shape)
        x0, y0 = self.x0 + x0, self.y0 + y0
        return replace(self, encoded=part, x0=x0, y0=y0, whole=whole, image_shape=image_shape)

    def __and__(self, other: "Mask") -> "Mask":
        """Return the mask of what is good in both."""
        return self._combined(other, good_in_both)

    def __or__(self, other: "Mask") -> "Mask":
        """Return the mask of what is good in one or both."""
        return self._combined(other, good_in_either)

    def __xor__(self, other: "Mask") -> "Mask":
        """Return the mask of what is good in exactly one."""
        return self._combined(other, good_in_one)

    def __invert__(self) -> "Mask":
        """Return the mask whose good pixels are the bad ones of this."""
        whole = None if self.whole is None else complement(self.whole)
        return replace(self, encoded=complement(self.encoded), whole=whole)

    def _combined(self, other: "Mask", combine: Callable[[Runs, Runs], Runs]) -> "Mask":
        if not isinstance(other, Mask):
            return NotImplemented
        if len({each._image for each in (self, other)} - {None}) > 1:
            raise UsageError(f"masks of {self.key} and {other.key}: expected masks of the same pixels of one image")
        first = self if self.key.kind != "own" else other
        whole = None if self.whole is None or other.whole is None else combine(self.whole, other.whole)
        return replace(first, encoded=combine(self.encoded, other.encoded), whole=whole)

    @property
    def _image(self) -> tuple[object, ...] | None:
        """What it is a mask of, and which pixels; None for one of any image."""
        if self.row is None and self.key.kind == "own":
            return None
        row = asdict(self.key) if self.row is None else self.row
        return (*(row.get(name) for name in ("tilename", "band", "expnum", "ccdnum")), self.place)

    def plot(self, selection: Selection | None = None, *, over: str | None = None, ax: "Axes | None" = None) -> "Axes":
        """Draw good and bad pixels, coloured by reason; needs the extra ``plot``.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.
        over : str, optional
            ``"image"``: the image itself in grey under the reasons, where its file is there.
        ax : Axes, optional
            Where to draw; by default a new figure.
        """
        return plot_mask(self, selection, over=over, ax=ax)

    def to_fits(self, path: Path | str, selection: Selection | None = None) -> None:
        """Write the mask as a PLIO-compressed FITS image: 0 is good, 1 is bad.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        write_fits(path, self.bad(selection), self.key, self.place, str(selection or Selection()))

    def to_npz(self, path: Path | str, selection: Selection | None = None) -> None:
        """Write ``good`` (bool [ny, nx]) and the runs (``lengths``, ``flags``) as numpy's npz."""
        write_npz(path, self.good(selection), self.encoded, str(selection or Selection()))

    def save(self, path: Path | str, selection: Selection | None = None) -> None:
        """Write the mask in the format that the file's name ends in.

        Parameters
        ----------
        path : path
            ``.png``: the picture; ``.fits``: see `to_fits`; ``.npz``: see `to_npz`; ``.parquet``: its runs, with
            the criteria that fail by the selection.
        selection : Selection, optional
            A definition of good other than the default; the runs of npz keep every reason all the same.

        Raises
        ------
        UsageError
            If the name ends otherwise.
        """
        suffix = Path(path).suffix.lower()
        if suffix == ".png":
            figure = self.plot(selection).get_figure(root=True)
            assert figure is not None  # axes that were just made have one
            figure.savefig(path)
        elif suffix in (".fits", ".fz"):
            self.to_fits(path, selection)
        elif suffix == ".npz":
            self.to_npz(path, selection)
        elif suffix == ".parquet":
            (self if selection is None else self.recut(selection)).runs().to_parquet(path, index=False)
        else:
            raise UsageError(f"{path}: expected a name that ends in .png, .fits, .npz or .parquet")

    def __repr__(self) -> str:
        ny, nx = self.shape
        return f"<Mask of {self.key}, {nx} x {ny}, {self.count() / (nx * ny):.1%} good, {len(self.encoded)} runs>"

    def _repr_html_(self) -> str:
        """Return the mask as a notebook shows it, its picture apart."""
        return f"<code>{escape(repr(self))}</code>"

    def _repr_png_(self) -> bytes | None:
        """Return a small picture for notebooks; None without the extra ``plot``."""
        return thumbnail(self)
