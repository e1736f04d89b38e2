"""RICE_1 decoded by the kernel is what a plain decoder, bit by bit, makes of the same bytes."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpix.schema.planes.codecs.rice import decode_rice

Pixels = npt.NDArray[Any]

KINDS = {1: ("u1", 3, 6), 2: ("i2", 4, 14), 4: ("i4", 5, 25)}
"""By BYTEPIX: the pixels' type, the bits that a block's size takes, and the size that means plain values."""


def encode(pixels: Pixels, width: int, block: int) -> bytes:
    """Compress pixels as RICE_1 does; a block has as many low bits as its mean code."""
    kind, n_size, plain = KINDS[width]
    n_bits, values = 8 * width, [int(v) for v in pixels.astype(kind)]
    bits = f"{values[0] % (1 << n_bits):0{n_bits}b}"
    last = values[0]
    for k in range(0, len(values), block):
        codes = []
        for value in values[k : k + block]:
            step = (value - last + (1 << (n_bits - 1))) % (1 << n_bits) - (1 << (n_bits - 1))
            codes.append(2 * step if step >= 0 else -2 * step - 1)
            last = value
        size = min(max(sum(codes) // len(codes), 1).bit_length() - 1, plain - 1)
        if not any(codes):
            bits += "0" * n_size
        elif sum((code >> size) + 1 + size for code in codes) >= n_bits * len(codes):
            bits += f"{plain + 1:0{n_size}b}" + "".join(f"{code:0{n_bits}b}" for code in codes)
        else:
            bits += f"{size + 1:0{n_size}b}"
            bits += "".join("0" * (c >> size) + "1" + (f"{c % (1 << size):0{size}b}" if size else "") for c in codes)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def decode_twin(data: bytes, n: int, width: int, block: int) -> Pixels | None:
    """Decode bit by bit; None where the bytes end too early."""
    kind, n_size, plain = KINDS[width]
    n_bits, bits, at = 8 * width, "".join(f"{byte:08b}" for byte in data), 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        if at > len(bits):
            raise EOFError
        return int(bits[at - count : at] or "0", 2)

    try:
        last, out = take(n_bits), []
        for k in range(0, n, block):
            size = take(n_size) - 1
            for _ in range(k, min(k + block, n)):
                code = 0
                if size == plain:
                    code = take(n_bits)
                elif size >= 0:
                    zeros = 0
                    while not take(1):
                        zeros += 1
                    code = ((zeros << size) | take(size)) % (1 << 32)
                last += -(code >> 1) - 1 if code & 1 else code >> 1
                out.append(last % (1 << n_bits))
    except EOFError:
        return None
    return np.array(out, f"u{width}").view(kind)


def decode(data: bytes, n: int, width: int, block: int) -> Pixels | None:
    """Decode a tile that lies between bytes that are not its own."""
    inside = np.frombuffer(b"\xff" * 3 + data + b"\xff" * 9, np.uint8)
    out: Pixels = np.full(n + 2, 7, np.int32)
    starts, stops, places = np.array([3]), np.array([3 + len(data)]), np.array([1, n + 1])
    bad = decode_rice(inside, starts, stops, places, out, width=width, block=block)
    assert (out[0], out[-1]) == (7, 7)
    return None if bad == 0 else out[1:-1]


@st.composite
def noise(draw: st.DrawFn) -> Pixels:
    """Noise of any breadth, with runs of equal pixels and jumps between a type's ends."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    n = draw(st.integers(1, 300))
    pixels = rng.normal(1000, 10.0 ** draw(st.floats(-1, 9)), n).clip(-(1 << 31), (1 << 31) - 1).astype(np.int64)
    if draw(st.booleans()):
        pixels[n // 4 : n // 2] = pixels[0]
    if draw(st.booleans()):
        pixels[:: draw(st.integers(1, 40))] = (1 << 31) - 1
        pixels[1 :: draw(st.integers(1, 40))] = -(1 << 31)
    return pixels


@pytest.mark.parametrize("width", KINDS)
@given(pixels=noise(), block=st.integers(1, 70))
def test_what_was_encoded_comes_back(pixels: Pixels, width: int, block: int) -> None:
    pixels = pixels.astype(KINDS[width][0])
    data = encode(pixels, width, block)
    found = decode(data, pixels.size, width, block)
    assert found is not None
    assert np.array_equal(found, pixels)
    twin = decode_twin(data, pixels.size, width, block)
    assert twin is not None
    assert np.array_equal(twin, pixels)


@pytest.mark.parametrize("width", KINDS)
@settings(max_examples=150)
@given(data=st.binary(max_size=80), n=st.integers(1, 200), block=st.integers(1, 70))
def test_any_bytes_are_what_the_twin_makes_of_them(data: bytes, n: int, width: int, block: int) -> None:
    found, twin = decode(data, n, width, block), decode_twin(data, n, width, block)
    assert (found is None) == (twin is None)
    if found is not None and twin is not None:
        assert np.array_equal(found, twin)


@pytest.mark.parametrize("width", KINDS)
@given(pixels=noise(), cut=st.integers(0, 1 << 30))
def test_stream_that_is_cut_short_is_refused(pixels: Pixels, width: int, cut: int) -> None:
    data = encode(pixels, width, 32)
    assert decode(data[: cut % len(data)], pixels.size, width, 32) is None


def test_code_of_many_zeros() -> None:
    pixels = np.array([0] + [200] + [200] * 62)
    data = bytes(4) + int(("00001" + "1" + "0" * 400 + "1" + "1" * 62).ljust(472, "0"), 2).to_bytes(59, "big")
    found = decode(data, 64, 4, 64)
    assert found is not None
    assert np.array_equal(found, pixels)


def test_tiles_are_told_apart() -> None:
    parts = [encode(np.arange(5) * k, 4, 32) for k in range(3)]
    stops = np.cumsum([len(part) for part in parts])
    starts = stops - [len(part) for part in parts]
    stops[1] -= 1
    out = np.zeros(15, np.int32)
    data = np.frombuffer(b"".join(parts), np.uint8)
    assert decode_rice(data, starts, stops, np.arange(4) * 5, out, width=4, block=32) == 1
    assert np.array_equal(out[:5], np.zeros(5))


@pytest.mark.parametrize(
    ("starts", "stops", "places"),
    [
        ([-1], [4], [0, 4]),
        ([0], [9], [0, 4]),
        ([4], [3], [0, 4]),
        ([0], [8], [0, 5]),
        ([0], [8], [-1, 4]),
        ([0], [8], [4]),
    ],
)
def test_tile_outside_its_arrays_is_refused(starts: list[int], stops: list[int], places: list[int]) -> None:
    a, b, c = (np.array(each, np.int64) for each in (starts, stops, places))
    with pytest.raises(ValueError, match="a tile lies outside the bytes or the pixels"):
        decode_rice(np.zeros(8, np.uint8), a, b, c, np.zeros(4, np.int32), width=4, block=32)


@pytest.mark.parametrize(("width", "block"), [(3, 32), (8, 32), (4, 0)])
def test_unknown_parameters_are_refused(width: int, block: int) -> None:
    none = np.zeros(0, np.int64)
    with pytest.raises(ValueError, match="BYTEPIX and BLOCKSIZE are"):
        decode_rice(
            np.zeros(8, np.uint8), none, none, np.zeros(1, np.int64), np.zeros(4, np.int32), width=width, block=block
        )
