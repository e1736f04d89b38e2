"""Conversion of stored pixels to weights, mask bits and segmentation maps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import DamagedValueError, PlaneError
from .scaling import Want, answer

__all__ = ["Conversion", "Meaning", "Pixels", "convert", "unite"]

Array = npt.NDArray[Any]

# The highest bit of a converted mask, which stands for all others.
_OTHER = 23


class Meaning(StrEnum):
    """Meaning of the numbers in a plane."""

    INVERSE_VARIANCE = "inverse variance"
    VARIANCE = "variance"
    SIGMA = "sigma"
    BITS = "bits"
    CODES = "codes"
    NONE = "none"


_MASKS = (Meaning.BITS, Meaning.CODES)


class Pixels(Protocol):
    """Pixels of a plane, read by rows.

    Attributes
    ----------
    shape : tuple of int
        (ny, nx).
    dtype : dtype
        Data type of the pixels.
    """

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    def read(self, y0: int, y1: int, want: Want, make: Callable[[], Array]) -> Array:
        """Return the wanted quantity for a range of rows; `make` allocates the array."""
        ...


@dataclass(frozen=True, slots=True)
class Conversion:
    """Rule that makes a weight, mask bits or a segmentation map of a plane.

    Parameters
    ----------
    meaning : Meaning
        Meaning of the stored numbers: weights as inverse variance, variance or sigma; masks as bits or codes; none if
        the plane only lends its shape to a mask without a bit set.
    bits : tuple of (int, int)
        Number in the plane of each mask bit or code, and number of the bit that it becomes. Without any, and without
        `others` and `left_out`, bits stay as they are; code n becomes bit n.
    others : int, optional
        Bit that other bits of the plane become; None to leave them out. Other codes n become bit n, 23 at most.
    left_out : tuple of int
        Numbers of bits in the plane that become none, whatever `others` is.
    trim : int
        Pixels at each edge that the image does not have.
    also : tuple of (str or int, Conversion)
        Other extensions of the same file whose mask bits are added, with their conversions.
    lost_zeros : bool
        Whether values quantised with SUBTRACTIVE_DITHER_1 are 0 up to half of their tile's ZSCALE, where ZZERO is 0: at
        exact zeros that method stores values from minus half to plus half of it.
    """

    meaning: Meaning = Meaning.INVERSE_VARIANCE
    bits: tuple[tuple[int, int], ...] = ()
    others: int | None = None
    trim: int = 0
    lost_zeros: bool = False
    also: tuple[tuple[str | int, "Conversion"], ...] = ()
    left_out: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        numbers: list[Any] = [number for pair in self.bits for number in pair] + [self.trim, self.others or 0]
        numbers += self.left_out
        if not all(isinstance(each, int) and each >= 0 for each in numbers):
            raise DamagedValueError(
                f"conversion of a plane has {numbers}: expected numbers of bits and pixels, 0 or more"
            )
        if (self.bits or self.left_out) and self.meaning not in _MASKS:
            raise DamagedValueError(f"conversion of a plane to {self.meaning} has bits: expected none")
        if any(to > _OTHER for _, to in self.bits) or (self.others or 0) > _OTHER:
            raise DamagedValueError(f"conversion of a plane has a bit above {_OTHER}: expected 0 to {_OTHER}")

    @property
    def moves_bits(self) -> bool:
        """Whether bits get other numbers; else those of a mask stay as they are."""
        return bool(self.bits or self.left_out) or self.others is not None

    @property
    def values(self) -> dict[str, Any]:
        """Values that differ from the defaults, for JSON."""
        given = {
            "bits": {str(number): to for number, to in self.bits},
            "trim": self.trim,
            "lost_zeros": self.lost_zeros,
            "left_out": list(self.left_out),
        }
        found: dict[str, Any] = {name: value for name, value in given.items() if value}
        if self.meaning is not Meaning.INVERSE_VARIANCE:
            found["meaning"] = str(self.meaning)
        if self.also:
            found["also"] = [[ext, each.values] for ext, each in self.also]
        return found if self.others is None else found | {"others": self.others}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Conversion":
        """Return the conversion with some values; see `values`.

        Raises
        ------
        DamagedValueError
            If they are not those of a conversion.
        """
        try:
            bits = tuple((int(number), to) for number, to in values.get("bits", {}).items())
            meaning = Meaning(values.get("meaning", Meaning.INVERSE_VARIANCE))
            trim, lost_zeros = values.get("trim", 0), bool(values.get("lost_zeros", False))
            also = tuple((_extension(ext), cls.of(each)) for ext, each in values.get("also", ()))
            return cls(meaning, bits, values.get("others"), trim, lost_zeros, also, tuple(values.get("left_out", ())))
        except (ValueError, TypeError, AttributeError) as error:
            raise DamagedValueError(f"conversion of a plane is {values!r} ({error})") from error


def _extension(value: object) -> str | int:
    if not isinstance(value, str | int):
        raise TypeError(f"extension {value!r}")
    return value


class _United:
    """Mask bits of several planes of one shape, added."""

    def __init__(self, parts: Sequence[Pixels]) -> None:
        self._parts, self.shape, self.dtype = parts, parts[0].shape, parts[0].dtype

    def read(self, y0: int, y1: int, want: Want, make: Callable[[], Array]) -> Array:
        """Return the wanted quantity for a range of rows."""
        bits = np.zeros((y1 - y0, self.shape[1]), self.dtype)
        part = np.empty_like(bits)
        for each in self._parts:
            bits |= each.read(y0, y1, Want.VALUES, lambda: part)
        out = make()
        answer(bits, want, out)
        return out


def unite(parts: Sequence[Pixels], where: str) -> Pixels:
    """Return the mask bits of several planes, added.

    Raises
    ------
    PlaneError
        If their shapes differ.
    """
    if len({each.shape for each in parts}) > 1:
        shapes = ", ".join(f"{each.shape[0]} x {each.shape[1]}" for each in parts)
        raise PlaneError(f"{where}: its masks are {shapes}: expected equal shapes")
    return _United(parts)


class _Converted:
    """Pixels of a plane after a conversion."""

    def __init__(self, pixels: Pixels, conversion: Conversion) -> None:
        self._pixels, self._conversion = pixels, conversion
        ny, nx = pixels.shape
        trim = conversion.trim
        self.shape = (ny - 2 * trim, nx - 2 * trim)
        is_mask = conversion.meaning in (Meaning.CODES, Meaning.NONE) or conversion.moves_bits
        inverted = conversion.meaning in (Meaning.VARIANCE, Meaning.SIGMA)
        self.dtype = np.dtype(np.uint32) if is_mask else pixels.dtype
        if inverted and pixels.dtype.kind != "f":
            self.dtype = np.dtype(np.float64)
        self._changes = inverted or is_mask

    def read(self, y0: int, y1: int, want: Want, make: Callable[[], Array]) -> Array:
        """Return the wanted quantity for a range of rows."""
        if self._conversion.meaning is Meaning.NONE:
            nothing = make()
            nothing[...] = 0
            return nothing
        trim, (_, nx) = self._conversion.trim, self._pixels.shape
        inner = Want.VALUES if self._changes else want
        dtype = self._pixels.dtype if inner is Want.VALUES else np.dtype(np.bool_)
        pixels = self._pixels.read(y0 + trim, y1 + trim, inner, lambda: np.empty((y1 - y0, nx), dtype))
        pixels = pixels[:, trim : nx - trim]
        out = make()
        if self._changes:
            answer(_values(pixels, self._conversion, self.dtype), want, out)
        else:
            out[...] = pixels
        return out


def convert(pixels: Pixels, conversion: Conversion, where: str) -> Pixels:
    """Return the pixels of a plane after a conversion.

    Parameters
    ----------
    pixels : Pixels
        Stored pixels.
    conversion : Conversion
        The conversion; its `lost_zeros` is left to those who know the tiles.
    where : str
        Name of the plane in messages.

    Raises
    ------
    PlaneError
        If a mask does not contain integers, or there is nothing left of the plane.
    """
    if conversion.meaning in _MASKS and pixels.dtype.kind not in "iu":
        raise PlaneError(f"{where}: its pixels are {pixels.dtype}: expected integers, mask {conversion.meaning}")
    if min(pixels.shape) <= 2 * conversion.trim:
        raise PlaneError(f"{where}: it is {pixels.shape[0]} x {pixels.shape[1]}: expected more than its trimmed edges")
    return _Converted(pixels, conversion)


def _values(pixels: Array, conversion: Conversion, dtype: np.dtype[Any]) -> Array:
    """Return the converted values of stored pixels."""
    if conversion.meaning is Meaning.BITS:
        return _bits(_unsigned(pixels), conversion)
    if conversion.meaning is Meaning.CODES:
        return _codes(_unsigned(pixels), conversion)
    values = pixels.astype(dtype, copy=False)
    weights = np.zeros(values.shape, dtype)
    positive = (values > 0) & (values < np.inf)
    with np.errstate(over="ignore", divide="ignore"):
        known = values[positive]
        weights[positive] = 1 / known if conversion.meaning is Meaning.VARIANCE else 1 / known**2
    return weights


def _unsigned(pixels: Array) -> Array:
    return np.ascontiguousarray(pixels).view(f"u{pixels.dtype.itemsize}")


def _bits(pixels: Array, conversion: Conversion) -> Array:
    """Return mask bits in the places that the conversion gives them."""
    out = np.zeros(pixels.shape, np.uint32)
    width = 8 * pixels.dtype.itemsize
    rest = (1 << width) - 1
    for number, to in conversion.bits:
        if number < width:
            bit = 1 << number
            rest &= ~bit
            out[(pixels & pixels.dtype.type(bit)) != 0] |= np.uint32(1 << to)
    for number in conversion.left_out:
        rest &= ~(1 << number)
    if rest and conversion.others is not None:
        out[(pixels & pixels.dtype.type(rest)) != 0] |= np.uint32(1 << conversion.others)
    return out


def _codes(pixels: Array, conversion: Conversion) -> Array:
    """Return the bit of each code; code 0 is none."""
    last = 255
    table = np.array([1 << min(code, _OTHER) for code in range(last + 1)], np.uint32)
    table[0] = 0
    for code, to in conversion.bits:
        if 0 < code < last:
            table[code] = 1 << to
    out: Array = table[np.minimum(pixels, last).astype(np.uint8)]
    return out
