"""Pixels of a mask: where they are, and masks that combine."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ...schema.amplifiers import Region
from ...schema.bits import DES_Y6, OWN_CUT, BitNames
from ...schema.database import Identity
from ...schema.errors import UsageError
from ...schema.masks.rle import Runs, decode, encode
from ...schema.masks.runalgebra import complement, crop, good_in_both, good_in_either, good_in_one
from ...schema.rows import MaskKey
from ...schema.wcs.pixelgrid import PixelGrid, stored_grid
from ..provenance import described
from .export import column_runs, fits_wcs
from .regions import box_within

if TYPE_CHECKING:
    import pandas as pd
    from astropy.wcs import WCS

__all__ = ["MaskPixels", "check_like"]


@dataclass(frozen=True, slots=True, eq=False)
class MaskPixels:
    """Runs of an image or of a box of it, with their place; the base of `goodpix.Mask`, which has the parameters."""

    key: MaskKey
    encoded: Runs
    bit_names: BitNames = DES_Y6
    x0: int = 0
    y0: int = 0
    row: Mapping[str, Any] | None = None
    whole: Runs | None = None
    image_shape: tuple[int, int] | None = None
    catalogue: Identity | None = None
    tiles: tuple["Self", ...] = ()
    formula: str = ""

    @classmethod
    def from_bool(cls, good: npt.ArrayLike, *, like: "Self | None" = None) -> Self:
        """Return a user-defined mask, to combine with others.

        Parameters
        ----------
        good : array of bool, shape (ny, nx)
            True is good.
        like : Mask, optional
            Mask of the same image, which gives bit names and position.

        Raises
        ------
        UsageError
            If the array is not boolean, or its shape differs from that of `like`.

        Examples
        --------
        >>> left = np.broadcast_to(np.arange(256) < 128, mask.shape)
        >>> mask & Mask.from_bool(left, like=mask)
        <Mask of epoch 201000/12 (tile DES0131-3206, band r) & own pixels, 256 x 512, 42.2% good, 3199 runs>
        """
        image = np.asarray(good)
        if image.dtype != np.bool_ or image.ndim != 2 or not image.size:
            raise UsageError(f"array has dtype {image.dtype}, shape {image.shape}: expected bool, shape (ny, nx)")
        if like is not None and image.shape != check_like(like).shape:
            raise UsageError(f"array has shape {image.shape}: expected {like.shape}, that of the mask")
        return cls._own(image, "own pixels", like)

    @classmethod
    def _own(cls, good: npt.NDArray[np.bool_], formula: str, like: "Self | None") -> Self:
        runs = encode(np.where(good, 0, OWN_CUT).astype(np.uint8))
        if like is None:
            return cls(MaskKey.own(), runs, formula=formula)
        return replace(like, key=MaskKey.own(), encoded=runs, whole=None, tiles=(), formula=formula)

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (ny, nx)."""
        return self.encoded.ny, self.encoded.nx

    @property
    def place(self) -> Region:
        """Box of the mask in the whole image."""
        return Region(self.x0, self.x0 + self.encoded.nx, self.y0, self.y0 + self.encoded.ny)

    @property
    def wcs(self) -> "WCS":
        """WCS of the mask's own array, of a cut-out too: an `astropy.wcs.WCS`; raises like `grid`.

        Examples
        --------
        >>> mask.wcs.pixel_to_world(10, 20).to_string("decimal", precision=2)
        '22.86 -32.09'
        """
        from astropy.io.fits import Header  # slow to import
        from astropy.wcs import WCS

        cards = {card["name"]: card["value"] for card in fits_wcs(self.grid, self.place)}
        wcs = WCS(Header(cards), fix=False)
        wcs.pixel_shape = self.shape[::-1]
        return wcs

    @property
    def position_offset(self) -> float:
        """Offset added to zero-based pixels before the WCS keywords of the row."""
        return 1.0 if self.row is None else float(self.row["position_offset"])

    @property
    def grid(self) -> PixelGrid:
        """Pixels of the whole image on the sphere; a `UsageError` if the mask is not from a catalogue."""
        if self.row is None:
            raise UsageError(f"{self.key} has no WCS: expected a mask from a catalogue")
        return stored_grid(self.row["wcs"], self.image_shape or self.shape, self.position_offset)

    @property
    def name(self) -> str:
        """The image, or what a combined mask is made of."""
        return self.formula or str(self.key)

    def flags(self) -> npt.NDArray[np.int64]:
        """Return the flags of the pixels; int64, shape (ny, nx).

        Examples
        --------
        >>> flags = mask.flags()
        >>> flags.dtype, int((flags == 0).sum()) == mask.count()
        (dtype('int64'), True)
        """
        return decode(self.encoded)

    def runs(self) -> "pd.DataFrame":
        """Return the runs, split at column ends.

        Returns
        -------
        DataFrame
            Columns ``x``, ``y`` (first pixel, in the whole image), ``length`` and ``flags``; its ``attrs`` say what it
            is of.

        Examples
        --------
        >>> int(mask.runs().length.sum()) == mask.shape[0] * mask.shape[1]
        True
        """
        return described(
            column_runs(self.encoded, self.place), self.catalogue, formula=self.formula, **asdict(self.key)
        )

    def cutout(self, x0: int, x1: int, y0: int, y1: int) -> Self:
        """Return the cut-out ``x0 <= x < x1``, ``y0 <= y < y1``.

        Parameters
        ----------
        x0, x1, y0, y1 : int
            Zero-based pixels of this mask.

        Raises
        ------
        UsageError
            If a limit is no whole number, or the box is empty or extends beyond the mask.

        Examples
        --------
        >>> stamp = mask.cutout(100, 140, 200, 260)
        >>> stamp.shape, (stamp.x0, stamp.y0)
        ((60, 40), (100, 200))
        """
        box = box_within(self.shape, x0, x1, y0, y1)
        whole, image_shape = (self.encoded, self.shape) if self.image_shape is None else (self.whole, self.image_shape)
        x0, y0 = self.x0 + box.x0, self.y0 + box.y0
        return replace(self, encoded=crop(self.encoded, box), x0=x0, y0=y0, whole=whole, image_shape=image_shape)

    def __and__(self, other: Self) -> Self:
        """Return the mask that is good where both are."""
        return self._combined(other, good_in_both, "&")

    def __or__(self, other: Self) -> Self:
        """Return the mask that is good where at least one is."""
        return self._combined(other, good_in_either, "|")

    def __xor__(self, other: Self) -> Self:
        """Return the mask that is good where exactly one is."""
        return self._combined(other, good_in_one, "^")

    def __invert__(self) -> Self:
        """Return the mask that is good where this one is bad."""
        whole = None if self.whole is None else complement(self.whole)
        return replace(self, encoded=complement(self.encoded), whole=whole, tiles=(), formula=f"~{self._operand}")

    def __eq__(self, other: object) -> bool:
        """Return whether two masks are of the same pixels of one image, with equal flags and bit names."""
        if not isinstance(other, MaskPixels):
            return NotImplemented
        a, b = self.encoded, other.encoded
        return (
            (self.key, self.place, self.bit_names) == (other.key, other.place, other.bit_names)
            and np.array_equal(a.lengths, b.lengths)
            and np.array_equal(a.flags, b.flags)
        )

    def __hash__(self) -> int:
        return hash((self.key, self.place, len(self.encoded)))

    def _combined(self, other: Self, combine: Callable[[Runs, Runs], Runs], sign: str) -> Self:
        if not isinstance(other, MaskPixels):
            return NotImplemented
        if len({each._image for each in (self, other)} - {None}) > 1:
            raise UsageError(f"masks of {self.key} and {other.key}: expected masks of the same pixels of one image")
        first = self if self.key.kind != "own" else other
        whole = None if self.whole is None or other.whole is None else combine(self.whole, other.whole)
        formula = f"{self._operand} {sign} {other._operand}"
        return replace(first, encoded=combine(self.encoded, other.encoded), whole=whole, tiles=(), formula=formula)

    @property
    def _operand(self) -> str:
        """The name, in brackets if it is of a combined mask."""
        return f"({self.name})" if any(sign in self.formula for sign in "&|^") else self.name

    @property
    def _image(self) -> tuple[object, ...] | None:
        """The image and the box of pixels; None for a mask that fits any image."""
        if self.row is None and self.key.kind == "own":
            return None
        row = asdict(self.key) if self.row is None else self.row
        return (*(row.get(name) for name in ("tilename", "band", "expnum", "ccdnum")), self.place)


Pixels = TypeVar("Pixels", bound=MaskPixels)


def check_like(like: Pixels) -> Pixels:
    """Return a mask; a `UsageError` for anything else."""
    if not isinstance(like, MaskPixels):
        raise UsageError(f"like is {like!r}: expected a goodpix.Mask of the same image")
    return like
