"""Mask of one image: the flags of its pixels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ...schema.bits import CRITERIA_BITS
from ...schema.criteria import AnySelection, BoundSelection, Selection
from ...schema.files.outputfile import OutputPath
from ...schema.masks.applyselection import apply_selection, apply_selection_to_box
from ...schema.masks.rle import decode_bytes, decode_good
from ...schema.masks.runpixels import count_pixels
from ..plots.mask import plot_mask, thumbnail
from ..provenance import Provenance
from ..shapes import Disc, Polygon, Shape
from .ds9 import write_regions
from .exclusions import ImageBox, exclude
from .export import CUT_RUNS, MaskExport, check_mask_name, write_parquet, write_picture
from .maskpixels import MaskPixels, check_like
from .merge import without_tiles
from .regions import pixels_inside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Mask"]


@dataclass(frozen=True, slots=True, eq=False)
class Mask(MaskPixels):
    """Flags of the pixels of an epoch, a coadd, or a cut-out of one.

    Masks of the same image combine without being decoded: ``a & b`` is good where both are, ``a | b`` where at least
    one is, ``a ^ b`` where exactly one is, and ``~a`` where `a` is bad. A bad pixel of the result keeps the reasons of
    both. A cut-out that was recut, or combined with a mask of its own pixels only, no longer knows the rest of its
    image, so nothing grows into it from there.

    Parameters
    ----------
    key : MaskKey
        The image.
    encoded : Runs
        Runs of flags, decoded on request.
    bit_names : BitNames
        Names of the mask bits, for selections.
    x0, y0 : int
        First pixel of a cut-out, in the whole image.
    row : mapping of str to object, optional
        Row of the image in the catalogue, by column.
    whole : Runs, optional
        Runs of the whole image, for a cut-out.
    image_shape : tuple of int, optional
        (ny, nx) of the whole image, for a cut-out.
    catalogue : Identity, optional
        Catalogue that the mask is from.
    tiles : tuple of Mask
        Masks of the whole image in each tile, of a mask that was merged from several.
    formula : str
        What a combined mask or a user's own is made of, such as ``"epoch 1/2 (tile T, band i) & outside 3 discs"``.

    Notes
    -----
    ``numpy.asarray(mask)`` is `good`. Masks are equal where they are of the same pixels of one image, with equal flags.

    Examples
    --------
    >>> mask
    <Mask of epoch 201000/12 (tile DES0131-3206, band r), 256 x 512, 80.8% good, 3198 runs>
    """

    @classmethod
    def from_discs(cls, ra: npt.ArrayLike, dec: npt.ArrayLike, radius: npt.ArrayLike, *, like: "Mask") -> "Mask":
        """Return a user-defined mask that is bad within discs on the sky, such as around bright stars.

        Parameters
        ----------
        ra, dec : array of float, shape (n,)
            Centres, degrees.
        radius : float or array of float, shape (n,)
            Radii, degrees. A pixel is bad if its centre lies in a disc.
        like : Mask
            Mask of the same image.

        Raises
        ------
        UsageError
            If a disc is invalid, or `like` has no WCS.

        Examples
        --------
        >>> mask & Mask.from_discs([22.8785], [-32.1003], 10 / 3600, like=mask)
        <Mask of ... & outside 1 disc, 256 x 512, ...% good, ... runs>
        """
        return cls._outside(Disc.many(ra, dec, radius), "disc", like)

    @classmethod
    def from_polygons(cls, polygons: Sequence[npt.ArrayLike], *, like: "Mask") -> "Mask":
        """Return a user-defined mask that is bad within polygons on the sky, such as along satellite trails.

        Parameters
        ----------
        polygons : sequence of arrays of float, shape (n, 2)
            Right ascension and declination of the corners, degrees, joined by great circles. A pixel is bad if its
            centre lies in a polygon.
        like : Mask
            Mask of the same image.

        Raises
        ------
        UsageError
            If a polygon has fewer than three corners or is too large, a number is not finite, or `like` has no WCS.

        Examples
        --------
        >>> trail = Mask.from_polygons([[(22.87, -32.10), (22.89, -32.11), (22.89, -32.111)]], like=mask)
        >>> (mask & trail).count() < mask.count()
        True
        """
        return cls._outside(Polygon.many(polygons), "polygon", like)

    @classmethod
    def _outside(cls, shapes: Sequence[Shape], name: str, like: "Mask") -> "Mask":
        good = ~pixels_inside(check_like(like).grid, like.place, shapes)
        return cls._own(good, f"outside {len(shapes)} {name}{'s' if len(shapes) > 1 else ''}", like)

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

        Examples
        --------
        >>> mask.good()[10:12, 100:103]
        array([[ True,  True,  True],
               [ True,  True,  True]])
        >>> bool(mask.good(Selection(grow={"SE_SEG": 5})).sum() < mask.good().sum())
        True
        """
        bound = BoundSelection.of(selection, self.bit_names)
        if bound.by_pixel:
            return decode_good(self.encoded, bound.reject)
        return decode_good(self.recut(bound).encoded, CRITERIA_BITS)

    def bad(self, selection: AnySelection = None) -> npt.NDArray[np.bool_]:
        """Return which pixels are bad: the complement of `good`, as in photutils masks.

        Examples
        --------
        >>> bool((mask.bad() == ~mask.good()).all())
        True
        """
        return ~self.good(selection)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("the array of a mask is decoded: expected copy=None or copy=True")
        return self.good().astype(dtype or np.bool_, copy=False)

    def criteria(self, selection: AnySelection = None) -> npt.NDArray[np.uint8]:
        """Return the criteria that fail at each pixel, as bits of `goodpix.Criterion`.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.

        Returns
        -------
        ndarray of uint8, shape (ny, nx)
            0 is good; 128 is a border, an exclusion or a user-defined cut. The memory order is column-major.

        Examples
        --------
        >>> in_objects = mask.criteria() & Criterion.SE_SEG
        >>> bool(0 < (in_objects > 0).mean() < 0.2)
        True
        """
        runs = self.encoded if selection is None else self.recut(selection).encoded
        return decode_bytes(runs, (runs.flags & CRITERIA_BITS).astype(np.uint8))

    def count(self, selection: AnySelection = None) -> int:
        """Return the number of good pixels; decodes the mask only for `grow`, `border` and `exclude`.

        Examples
        --------
        >>> mask.count() < mask.count(Selection(ignore=["SE_SEG", "COADD_SEG"]))
        True
        """
        bound = BoundSelection.of(selection, self.bit_names)
        runs, reject = (self.encoded, bound.reject) if bound.by_pixel else (self.recut(bound).encoded, CRITERIA_BITS)
        return count_pixels(runs.lengths, runs.flags, reject)

    def recut(self, selection: AnySelection) -> "Mask":
        """Return the mask by another definition of good: its flags have the criteria that fail by that one.

        Bad pixels outside a cut-out grow into it. Where tiles of a merged mask are excluded, the others decide. Raises
        like `BoundSelection.of`.

        Examples
        --------
        >>> mask.recut(Selection(border=48)).count() == mask.count(Selection(border=48))
        True
        """
        bound, shape = BoundSelection.of(selection, self.bit_names), self.image_shape or self.shape
        runs, whole, exclusions = without_tiles(self, bound.selection.exclude)
        if whole is None:
            encoded = apply_selection(runs, bound, region=self.place, image_shape=shape)
        else:
            encoded = apply_selection_to_box(whole, bound, self.place)
        encoded = exclude(encoded, exclusions, ImageBox(self.key, self.row, self.place, shape))
        return replace(self, encoded=encoded, whole=None, tiles=())

    def plot(
        self, selection: Selection | None = None, *, over: Literal["image"] | None = None, ax: "Axes | None" = None
    ) -> "Axes":
        """Plot good and bad pixels, coloured by reason; needs the extra ``plot``.

        Parameters
        ----------
        selection : Selection, optional
            A definition of good other than the default.
        over : str, optional
            ``"image"``: show the image in grey under the reasons; needs its file.
        ax : Axes, optional
            Axes to draw on; by default those of a new figure.

        Examples
        --------
        >>> axes = mask.plot()
        >>> axes.get_title(loc="left").splitlines()[0]
        'DES0131-3206  r  exposure 201000, CCD 12'
        """
        return plot_mask(self, selection, over=over, ax=ax)

    def to_fits(self, path: OutputPath, selection: Selection | None = None, *, good: bool = False) -> None:
        """Write the mask as a FITS file: 1 is bad and 0 is good, or with `good` the other way round.

        Extension ``MASK`` is that image, with its meaning in the header. ``REASONS`` has a bit for each criterion and
        mask bit, named by ``MP_<name>`` (its number) and ``MSKNnnnn``, ``MSKMnnnn``, ``MSKDnnnn`` (name, value, text).

        Examples
        --------
        >>> mask.to_fits("mask.fits")
        >>> from astropy.io import fits
        >>> with fits.open("mask.fits") as file:
        ...     [unit.name for unit in file]
        ['PRIMARY', 'MASK', 'REASONS']
        """
        self._export(selection).to_fits(path, good=good)

    def to_npz(self, path: OutputPath, selection: Selection | None = None) -> None:
        """Write ``good`` and ``excluded`` (bool [ny, nx]), the stored runs and the provenance as a numpy npz file.

        Examples
        --------
        >>> mask.to_npz("mask.npz")
        >>> with np.load("mask.npz") as file:
        ...     bool((file["good"] == mask.good()).all())
        True
        """
        self._export(selection).to_npz(path)

    def to_regions(self, path: OutputPath, selection: Selection | None = None, *, min_pixels: int = 1) -> int:
        """Write the bad areas as regions for DS9, coloured and tagged by reason; return the number of regions.

        Parameters
        ----------
        path : path or str
            A file, or a URL such as ``s3://bucket/mask.reg``.
        selection : Selection, optional
            A definition of good other than the default.
        min_pixels : int
            Smallest area to write, pixels: of cosmic rays there may be thousands.

        Returns
        -------
        int
            Number of regions. Each is one connected area (corners count) of the reason that `plot` shows: a polygon in
            image coordinates along the edges of its pixels, so that it holds the centres of these pixels and of no
            other. A hole is joined to the outline by a line that is drawn twice, as DS9 has no polygons with holes.
            Pixels of a cut-out are those of the whole image.

        Raises
        ------
        UsageError
            If `min_pixels` is below 1.

        Examples
        --------
        >>> mask.to_regions("mask.reg", min_pixels=500) < mask.to_regions("mask.reg")
        True
        """
        return write_regions(path, self, selection, min_pixels)

    def save(self, path: OutputPath, selection: Selection | None = None, *, good: bool = False) -> None:
        """Write the mask, with its provenance, in the format given by the ending of the file name.

        Parameters
        ----------
        path : path or str
            A file, or a URL such as ``s3://bucket/mask.fits``. ``.png``: the plot; ``.fits``: see `to_fits`; ``.npz``:
            see `to_npz`; ``.parquet``: the runs, with the criteria that fail by the selection; ``.reg``: see
            `to_regions`.
        selection : Selection, optional
            A definition of good other than the default. The runs in npz keep every reason.
        good : bool
            Write 1 for good pixels to ``.fits``; other formats say which they are.

        Raises
        ------
        UsageError
            If the name has another ending, or not ``.fits`` with `good`, or is a URL that cannot be written to.

        Examples
        --------
        >>> mask.save("mask.fits", Selection(ignore=["SE_SEG", "COADD_SEG"]))
        """
        suffix = check_mask_name(path, good=good)
        if suffix == ".png":
            write_picture(path, self.plot(selection), self.provenance(selection))
        elif suffix == ".npz":
            self.to_npz(path, selection)
        elif suffix == ".reg":
            self.to_regions(path, selection)
        elif suffix == ".parquet":
            write_parquet(path, self.recut(selection).runs(), self.provenance(selection), CUT_RUNS)
        else:
            self.to_fits(path, selection, good=good)

    def provenance(self, selection: AnySelection = None) -> Provenance:
        """Return where the mask comes from, for files that are made of it.

        Examples
        --------
        >>> mask.provenance(Selection(border=48)).facts["selection"]
        'border 48'
        """
        about = asdict(self.key) | {"fingerprint": (self.row or {}).get("fingerprint"), "formula": self.formula}
        return Provenance.of(selection or Selection(), catalogue=self.catalogue, **about)

    def _export(self, selection: AnySelection) -> MaskExport:
        grid, runs = None if self.row is None else self.grid, self.recut(selection).encoded
        return MaskExport(runs, self.encoded, self.place, self.bit_names, self.provenance(selection), grid)

    def __repr__(self) -> str:
        ny, nx = self.shape
        return f"<Mask of {self.name}, {nx} x {ny}, {self.count() / (nx * ny):.1%} good, {len(self.encoded)} runs>"

    def _repr_html_(self) -> str:
        """Return the text that notebooks show beside the picture."""
        return f"<code>{escape(repr(self))}</code>"

    def _repr_png_(self) -> bytes | None:
        """Return a small picture for notebooks, or None without the extra ``plot``."""
        return thumbnail(self)
