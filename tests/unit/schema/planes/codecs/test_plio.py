"""PLIO_1 decoded by the kernel is what a plain decoder makes of the same bytes."""

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.schema.planes.codecs.plio import decode_plio

Pixels = npt.NDArray[Any]

HEADER = [0, 7, -100, 0, 0, 0, 0]


def decode_twin(data: bytes, n: int, least: int, most: int) -> list[int] | None:
    """Decode word by word; None where they are not instructions or make a value that is not allowed."""
    words = [int(word) for word in np.frombuffer(data[: len(data) // 2 * 2], ">i2")]
    if len(words) < 3:
        return None
    length, first = words[2], 3
    if length <= 0:
        if len(words) < 5 or min(words[3:5]) < 0:
            return None
        length, first = (words[4] << 15) + words[3], words[1]
    if not 0 < length <= len(words) or first < 0:
        return None
    out: list[int] = []
    value, rest = 1, iter(words[first:length])
    for word in rest:
        if len(out) >= n:
            break
        code, number = divmod(word, 4096)
        if word < 0:
            return None
        if code == 1:
            value = (next(rest, 0) << 12) + number
        elif code in (2, 3, 6, 7):
            value += number if code in (2, 6) else -number
        if code in (4, 5, 6, 7) and not least <= value <= most:
            return None
        if code in (0, 5):
            out += [0] * number
        if code == 5 and number:
            out[-1] = value
        if code == 4:
            out += [value] * number
        if code in (6, 7):
            out.append(value)
    return (out + [0] * n)[:n]


def decode(data: bytes, n: int, least: int = -(1 << 31), most: int = (1 << 31) - 1) -> list[int] | None:
    """Decode a tile that lies between bytes that are not its own."""
    inside = np.frombuffer(b"\xff" * 3 + data + b"\xff" * 9, np.uint8)
    out: Pixels = np.full(n + 2, 7, np.int32)
    tile = (np.array([3]), np.array([3 + len(data)]), np.array([1, n + 1]))
    bad = decode_plio(inside, *tile, out, least=least, most=most)
    assert (out[0], out[-1]) == (7, 7)
    return None if bad == 0 else [int(v) for v in out[1:-1]]


def packed(*words: int) -> bytes:
    """Return a list of instructions behind its header."""
    n = len(HEADER) + len(words)
    return np.array([*HEADER[:3], n % 32768, n // 32768, 0, 0, *words], ">i2").tobytes()


words = st.one_of(
    st.integers(0, 20),
    st.builds(lambda code, number: (code << 12) | number, st.integers(0, 7), st.integers(0, 30)),
    st.integers(-(1 << 15), (1 << 15) - 1),
)


@settings(max_examples=100)
@given(instructions=st.lists(words, max_size=30), n=st.integers(1, 200))
def test_instructions_are_what_the_twin_makes_of_them(instructions: list[int], n: int) -> None:
    data = packed(*instructions)
    for limits in ((-(1 << 31), (1 << 31) - 1), (0, 40)):
        assert decode(data, n, *limits) == decode_twin(data, n, *limits)


@settings(max_examples=100)
@given(data=st.binary(max_size=60), n=st.integers(1, 200))
def test_any_bytes_are_what_the_twin_makes_of_them(data: bytes, n: int) -> None:
    assert decode(data, n) == decode_twin(data, n, -(1 << 31), (1 << 31) - 1)


def test_runs_of_values_and_zeros() -> None:
    assert decode(packed(2, 1 << 12 | 5, 3, 4 << 12 | 2, 3 << 12 | 5, 5 << 12 | 2, 6 << 12 | 1), 8) == [
        0, 0, 12293, 12293, 0, 12288, 12289, 0,
    ]  # fmt: skip


def test_older_header_of_three_words() -> None:
    assert decode(np.array([0, 0, 5, 2, 4 << 12 | 3], ">i2").tobytes(), 6) == [0, 0, 1, 1, 1, 0]
