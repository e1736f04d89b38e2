"""Masks open in the viewer: loading, a selection applied, and information about pixels."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ....schema.bits import BIT_SHIFT, CRITERIA_BITS, N_BITS
from ....schema.criteria import BoundSelection, Selection, SelectionWords
from ....schema.database import shown
from ....schema.dialects import sqlite_path
from ....schema.errors import MaskNotFoundError
from ....schema.rows import MaskKey
from ....schema.tables import epoch, tile_summary
from ...masks.mask import Mask
from ...masks.selectioncounts import counts_of
from ...plots.image import grey_levels, image_behind
from ...position.reasons import Reasons
from ..cache import CatalogueCache
from ..url import Pixel, View
from .colours import grey_codes

__all__ = ["OpenMask", "OpenMasks", "PixelInfo", "epoch_of", "epochs_in", "python_lines"]

# Images of 8 MB each that are cached for all sessions.
_MOST_OPEN = 6


@dataclass(frozen=True, slots=True)
class PixelInfo:
    """Information about a pixel.

    Parameters
    ----------
    x, y : int
        The pixel.
    ra, dec : float
        Position of its centre, degrees.
    criteria : str
        Criteria that the pixel fails by the selection; empty for a good pixel.
    se_bits, coadd_bits : str
        Mask bits that are set.
    """

    x: int
    y: int
    ra: float
    dec: float
    criteria: str
    se_bits: str
    coadd_bits: str


@dataclass(frozen=True, slots=True, eq=False)
class OpenMask:
    """A mask with a selection applied.

    Parameters
    ----------
    mask : Mask
        The stored mask.
    selection : BoundSelection
        The selection.
    criteria : ndarray of uint8, shape (ny, nx)
        Criteria that each pixel fails by the selection; column-major.
    ends : ndarray of int64, shape (n_runs,)
        Ends of the runs of the stored mask.
    n_by_criteria : ndarray of int64, shape (256,)
        Number of pixels that fail each combination of criteria.
    counts : mapping of str to number
        Counts by the selection; see `goodpix.schema.counts.Counts`.
    """

    mask: Mask
    selection: BoundSelection
    criteria: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int64]
    n_by_criteria: npt.NDArray[np.int64]
    counts: Mapping[str, Any]

    @classmethod
    def of(cls, mask: Mask, selection: Selection) -> "OpenMask":
        """Apply a selection to a mask.

        Raises
        ------
        UnknownNameError, UsageError
            If the selection is invalid.
        """
        bound = BoundSelection.of(selection, mask.bit_names)
        recut = mask.recut(bound)
        failing = recut.encoded.flags & CRITERIA_BITS
        n_by_criteria = np.bincount(failing, weights=recut.encoded.lengths, minlength=CRITERIA_BITS + 1)
        ends = np.cumsum(mask.encoded.lengths, dtype=np.int64)
        return cls(mask, bound, recut.criteria(), ends, n_by_criteria.astype(np.int64), counts_of(recut))

    def bits_present(self) -> list[str]:
        """Return the mask bits that are set anywhere, as ``PLANE:BIT``."""
        union = int(np.bitwise_or.reduce(self.mask.encoded.flags))
        return [
            f"{plane.upper()}:{self.mask.bit_names.name(plane, bit)}"
            for plane, shift in BIT_SHIFT.items()
            for bit in range(N_BITS)
            if union >> (shift + bit) & 1
        ]

    def explain(self, pixel: Pixel) -> PixelInfo | None:
        """Return information about a pixel; None outside the image."""
        ny, nx = self.mask.shape
        if not (0 <= pixel.x < nx and 0 <= pixel.y < ny):
            return None
        ra, dec = self.mask.grid.sky(np.array([float(pixel.x)]), np.array([float(pixel.y)]))
        run = int(np.searchsorted(self.ends, pixel.x * ny + pixel.y, side="right"))
        flags = int(self.mask.encoded.flags[run])
        reasons = Reasons(self.selection)
        excluded = reasons.excludes(self.mask.key, self.mask.row or {}, pixel.x, pixel.y)
        return PixelInfo(
            pixel.x,
            pixel.y,
            float(ra[0]),
            float(dec[0]),
            reasons.criteria_texts([int(self.criteria[pixel.y, pixel.x])], [excluded])[0],
            reasons.bits_texts("se", [flags])[0],
            reasons.bits_texts("coadd", [flags])[0],
        )


class OpenMasks:
    """Cache of the most recently viewed masks and images, shared by all sessions.

    Parameters
    ----------
    cache : CatalogueCache
        The catalogue.
    """

    def __init__(self, cache: CatalogueCache) -> None:
        self._cache = cache
        self._opened: _LastUsed[OpenMask] = _LastUsed()
        self._greys: _LastUsed[npt.NDArray[np.uint8]] = _LastUsed()

    def open(self, key: MaskKey, selection: Selection) -> OpenMask:
        """Return the mask of an epoch with a selection applied.

        Raises
        ------
        MaskNotFoundError, MaskFileError
            If there is no such mask, or its file cannot be read.
        UnknownNameError, UsageError
            If the selection is invalid.
        """
        mask = self._cache.mask(key.tilename, key.band, int(key.expnum or 0), int(key.ccdnum or 0))
        # equal selections may have different names, or their terms in another order, which downloads repeat
        return self._opened.get((*_row_of(mask), str(selection)), lambda: OpenMask.of(mask, selection))

    def grey(self, mask: Mask) -> npt.NDArray[np.uint8]:
        """Return the image of an epoch in grey levels; see `goodpix.query.dashboard.mask.colours.grey_codes`.

        Raises
        ------
        FitsFileError, PlaneError
            If its file does not exist, or holds another image.
        """
        return self._greys.get(_row_of(mask), lambda: self._read_image(mask))

    def _read_image(self, mask: Mask) -> npt.NDArray[np.uint8]:
        with self._cache.files:
            image = image_behind(mask)
        return grey_codes(image, *grey_levels(image, mask.good()))


def _row_of(mask: Mask) -> tuple[Hashable, ...]:
    """Return a cache key for a mask: its key and its row in a mask file, which never changes."""
    assert mask.row is not None  # masks of a catalogue have a row
    return mask.key, mask.row["mask_file"], mask.row["mask_row_group"]


_Value = TypeVar("_Value")


class _LastUsed(Generic[_Value]):
    """A least-recently-used cache of `_MOST_OPEN` values."""

    def __init__(self) -> None:
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], _Value]) -> _Value:
        """Return the value of a key, made if it is not in the cache."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            if len(self._values) > _MOST_OPEN:
                self._values.popitem(last=False)
        return value


def epoch_of(connection: sa.Connection, view: View) -> MaskKey:
    """Return the first epoch that matches a view.

    Raises
    ------
    MaskNotFoundError
        If there is no such epoch.
    """
    given = {"tilename": view.tile, "band": view.band, "expnum": view.expnum, "ccdnum": view.ccdnum}
    known: dict[str, Any] = {name: value for name, value in given.items() if value not in ("", None)}
    sums = tile_summary.c
    # part of a tile name is enough
    named = sa.func.upper(sums.tilename).contains(view.tile.upper(), autoescape=True)
    if view.expnum is None:
        # the first tile, rather than the first exposure of the survey
        where = [named, sums.band == view.band] if view.band else [named]
        order = (sums.tilename, sums.band)
        first = connection.execute(sa.select(*order).where(*where).order_by(*order).limit(1)).first()
        if first is not None:
            known |= {"tilename": first.tilename, "band": first.band}
    if not known:
        raise MaskNotFoundError("the catalogue has no epochs yet")
    columns = [epoch.c[name] for name in ("tilename", "band", "expnum", "ccdnum")]
    conditions = [epoch.c[name] == value for name, value in known.items()]
    if view.expnum is not None and view.tile:
        conditions[0] = epoch.c.tilename.in_(sa.select(sums.tilename).where(named))
    query = sa.select(*columns).where(*conditions)
    row = connection.execute(query.order_by(*columns).limit(1)).first()
    if row is None:
        values = ", ".join(f"{name} {value}" for name, value in known.items())
        raise MaskNotFoundError(f"the catalogue has no epoch with {values}")
    return MaskKey(row.tilename, row.band, "epoch", row.expnum, row.ccdnum)


def epochs_in(connection: sa.Connection, tilename: str) -> Sequence[Any]:
    """Return the epochs of a tile: ``band``, ``expnum``, ``ccdnum``, ``nite`` and the good fractions."""
    names = ("band", "expnum", "ccdnum", "nite", "fraction_good_on_coadd", "fraction_good", "n_on_coadd")
    query = sa.select(*(epoch.c[name] for name in names)).where(epoch.c.tilename == tilename)
    return connection.execute(query.order_by(epoch.c.band, epoch.c.expnum, epoch.c.ccdnum)).all()


def python_lines(key: MaskKey, selection: Selection, url: sa.URL) -> str:
    """Return a Python program that reads the same good pixels, from whatever folder it is run.

    A password in the database's URL is not shown: the program takes the URL from ``GOODPIX_DB`` instead.
    """
    words = SelectionWords.of(selection)
    by_plane: dict[str, list[str]] = {}
    for text in words.ignore_bits:
        plane, _, bit = text.partition(":")
        by_plane.setdefault(plane, []).append(bit)
    radii = dict(text.split("=") for text in words.grow)
    given = {
        "ignore": words.ignore and repr(list(words.ignore)),
        "ignore_bits": by_plane and repr(by_plane),
        "grow": radii and "{" + ", ".join(f"{what!r}: {radius}" for what, radius in radii.items()) + "}",
        "border": words.border and str(words.border),
        "exclude": words.exclude and repr(list(words.exclude)),
    }
    arguments = ", ".join(f"{name}={value}" for name, value in given.items() if value)
    chosen = f"goodpix.Selection({arguments})" if arguments else ""
    if selection.name:
        chosen = f"cat.selection({selection.name!r})"
    mask = f"cat.mask({key.tilename!r}, {key.band!r}, {key.expnum}, {key.ccdnum})"
    path = sqlite_path(url)
    whole = url if path is None else url.set(database=str(path))
    imports, database = ["import goodpix"], repr(whole.render_as_string(hide_password=False))
    if shown(whole) != whole.render_as_string(hide_password=False):
        imports, database = ["import os", "", "import goodpix"], 'os.environ["GOODPIX_DB"]'
        imports.append(f"\n# GOODPIX_DB is {shown(whole)} with its password")
    return "\n".join([*imports, "", f"cat = goodpix.Catalogue({database})", f"good = {mask}.good({chosen})"])
