"""RICE_1 decompression, used for most planes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ...jit import instruction, kernel
from .tilearrays import OUTSIDE, check_arrays, tiles_inside

__all__ = ["decode_rice"]


Word = Any
"""64-bit word in a kernel."""


@instruction
def _leading_zeros(typing_context: Any, word: Any) -> Any:  # noqa: ARG001
    """Count the leading zero bits of a word, in one instruction."""
    from llvmlite import ir  # slow to import
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


@instruction
def _load(typing_context: Any, data: Any, at: Any) -> Any:  # noqa: ARG001
    """Load eight bytes as a big-endian word, in one instruction without bounds check."""
    from llvmlite import ir  # slow to import
    from numba import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        word = builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()), align=1)
        return builder.bswap(word)

    return types.uint64(data, types.int64), generate


@kernel
def _word(data: npt.NDArray[np.uint8], bit: int, stop: int) -> Word:
    """Return the bits from a bit offset on, at least 57, in the high bits of a word.

    Bytes from `stop` on are not read and count as zeros.
    """
    at = bit >> 3
    if at + 8 <= stop:
        return _load(data, at) << np.uint64(bit & 7)
    word = np.uint64(0)
    for k in range(8):
        word <<= np.uint64(8)
        if at + k < stop:
            word |= np.uint64(data[at + k])
    return word << np.uint64(bit & 7)


@kernel
def _difference(code: Word) -> Any:
    """Return the difference encoded by a 32-bit code: 0, -1, 1, -2, 2, ..."""
    low = np.uint32(code)
    return np.int32(low >> np.uint32(1)) ^ -np.int32(low & np.uint32(1))


@kernel
def _code(word: Word, zeros: int, n_bits: int) -> Word:
    """Return the code in the high bits of a word, given its number of leading zeros."""
    # after the shift, the 1 that ends the zeros is the highest bit and the low bits follow
    low = (word << np.uint64(zeros & 63)) >> np.uint64(63 - n_bits)
    return (np.uint64(zeros) << np.uint64(n_bits)) + low - (np.uint64(1) << np.uint64(n_bits))


@kernel
def _behind(word: Word, zeros: int, n_bits: int) -> Word:
    """Return the word without the code in its high bits."""
    # a shift by 64 is undefined and does not occur: the caller rejects a code longer than the word by its length
    return (word << np.uint64(n_bits + 1)) << np.uint64(zeros & 63)


@kernel
def _block(
    data: npt.NDArray[np.uint8], bit: int, stop: int, n_bits: int, last: Any, out: npt.NDArray[np.int32]
) -> tuple[int, Any]:
    """Decode a block of codes with `n_bits` low bits each; return its end (-1 if damaged) and the last pixel."""
    n, k = out.size, 0
    while k < n:
        word = _word(data, bit, stop)
        if k + 4 <= n:
            # four codes from one word, valid if together they fit in it
            z0 = _leading_zeros(word)
            word1 = _behind(word, z0, n_bits)
            z1 = _leading_zeros(word1)
            word2 = _behind(word1, z1, n_bits)
            z2 = _leading_zeros(word2)
            word3 = _behind(word2, z2, n_bits)
            z3 = _leading_zeros(word3)
            length = z0 + z1 + z2 + z3 + 4 * (n_bits + 1)
            if length <= 57:
                bit += length
                out[np.uint64(k)] = last = np.int32(last + _difference(_code(word, z0, n_bits)))
                out[np.uint64(k + 1)] = last = np.int32(last + _difference(_code(word1, z1, n_bits)))
                out[np.uint64(k + 2)] = last = np.int32(last + _difference(_code(word2, z2, n_bits)))
                out[np.uint64(k + 3)] = last = np.int32(last + _difference(_code(word3, z3, n_bits)))
                k += 4
                continue
        zeros = 0
        while word == 0:  # 57 or more zeros, possible in a valid stream
            zeros += 57
            bit += 57
            if bit >> 3 >= stop:
                return -1, last
            word = _word(data, bit, stop)
        z0 = _leading_zeros(word)
        zeros += z0
        bit += z0 + 1
        word = _word(data, bit, stop)
        code = (np.uint64(zeros) << np.uint64(n_bits)) | (word >> np.uint64(63 - n_bits) >> np.uint64(1))
        bit += n_bits
        out[np.uint64(k)] = last = np.int32(last + _difference(code))
        k += 1
    return bit, last


@kernel
def _rice_tile(
    data: npt.NDArray[np.uint8], start: int, stop: int, width: int, block: int, out: npt.NDArray[np.int32]
) -> bool:
    """Decode one tile; return False if its bytes do not contain all of its pixels."""
    n_size = 3 if width == 1 else 4 if width == 2 else 5  # bits of the field that states the number of low bits
    plain = 6 if width == 1 else 14 if width == 2 else 25
    if stop - start < width:
        return False
    bit, k, n = 8 * start, 0, out.size
    last: Any = np.int32(_word(data, bit, stop) >> np.uint64(64 - 8 * width))
    bit += 8 * width
    while k < n:
        word = _word(data, bit, stop)
        size: Any = np.int64(word >> np.uint64(64 - n_size)) - 1
        end = min(k + block, n)
        if size < 0:  # equal pixels, in one block per zero field at the start of the word
            n_blocks = _leading_zeros(word | np.uint64(127)) // n_size
            bit += n_size * min(n_blocks, -(-(n - k) // block))
            end = min(k + n_blocks * block, n)
            for i in range(k, end):
                out[i] = last
        elif size == plain:
            bit += n_size
            if bit + 8 * width * (end - k) > 8 * stop:
                return False
            for i in range(k, end):
                code = _word(data, bit, stop) >> np.uint64(64 - 8 * width)
                bit += 8 * width
                out[i] = last = np.int32(last + _difference(code))
        else:
            bit, last = _block(data, bit + n_size, stop, size, last, out[k:end])
        if bit > 8 * stop or bit < 0:
            return False
        k = end
    return True


@kernel
def _rice_tiles(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    width: int,
    block: int,
    out: npt.NDArray[np.int32],
) -> int:
    """Decode tiles; return the index of the first invalid one, or -1."""
    if not tiles_inside(data.size, starts, stops, places, out.size):
        return OUTSIDE
    for tile in range(starts.size):
        pixels = out[places[tile] : places[tile + 1]]
        if not _rice_tile(data, starts[tile], stops[tile], width, block, pixels):
            return tile
        if width == 1:
            for k in range(pixels.size):
                pixels[k] &= np.int32(255)
        elif width == 2:
            for k in range(pixels.size):
                pixels[k] = np.int32(np.int16(pixels[k]))
    return -1


def decode_rice(
    data: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    out: npt.NDArray[np.int32],
    *,
    width: int,
    block: int,
) -> int:
    """Decode tiles compressed by RICE_1.

    Parameters
    ----------
    data : ndarray of uint8
        Buffer that contains the compressed tiles.
    starts, stops : ndarray of int64, shape (n_tiles,)
        Start and end of each tile in `data`; nothing outside them is read.
    places : ndarray of int64, shape (n_tiles + 1,)
        Boundaries of the tiles' pixels in `out`.
    out : ndarray of int32
        Output array of the pixels.
    width : int
        BYTEPIX, bytes per pixel: 1 (unsigned), 2 or 4 (signed).
    block : int
        BLOCKSIZE, pixels per block.

    Returns
    -------
    int
        Index of the first tile whose bytes do not contain all of its pixels; -1 if there is none.
    """
    if width not in (1, 2, 4) or block < 1:
        raise ValueError(f"BYTEPIX and BLOCKSIZE are {width} and {block}: expected 1, 2 or 4, and 1 or more")
    return check_arrays(_rice_tiles(data, starts, stops, places, width, block, out))
