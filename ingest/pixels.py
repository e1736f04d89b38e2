"""The tests that a pixel of a plane must pass."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ..schema.bits import OTHER_BIT
from ..schema.jit import kernel

__all__ = ["as_floats", "as_unsigned", "fold_bits", "is_positive"]

_LOW = np.int64((1 << OTHER_BIT) - 1)


def as_unsigned(plane: npt.NDArray[Any]) -> npt.NDArray[np.unsignedinteger[Any]]:
    """Return an integer plane as unsigned of its own width, without a copy: a sign bit is a mask bit."""
    return plane.view(f"u{plane.dtype.itemsize}")


def as_floats(plane: npt.NDArray[Any]) -> npt.NDArray[np.floating[Any]]:
    """Return a weight plane as float32 or float64; integers of any size keep their sign and zeros."""
    return plane if plane.dtype in (np.float32, np.float64) else plane.astype(np.float64)


@kernel
def is_positive(weight: np.floating[Any]) -> bool:
    """Tell whether a weight is finite and positive; NaN is neither."""
    return bool((weight > 0) & (weight < np.inf))


@kernel
def fold_bits(bmask: np.unsignedinteger[Any]) -> np.int64:
    """Return the 24 bits that flags hold of an unsigned mask value, as `goodpix.schema.criteria.fold_bmask` does."""
    value = np.uint64(bmask)
    return np.int64(value & np.uint64(_LOW)) | (np.int64((value >> np.uint64(OTHER_BIT)) != 0) << OTHER_BIT)
