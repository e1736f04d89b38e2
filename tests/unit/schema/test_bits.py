"""Facts about the bits of flags and the names of mask bits."""

import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from goodpix.schema.bits import (
    BIT_SHIFT,
    COADD_CRITERIA,
    CRITERIA_BITS,
    DES_Y6,
    N_BITS,
    OTHER_BIT,
    OWN_CUT,
    SE_CRITERIA,
    BitNames,
    Criterion,
    fold_bmask,
)
from goodpix.schema.errors import UnknownNameError, UsageError

_OTHER = 1 << 23


@pytest.mark.parametrize(
    ("name", "bit"), [("BPM", 0), ("STAR", 5), ("TAPEBUMP", 14), ("OTHER", 23), ("BIT_17", 17), ("BIT_23", 23)]
)
def test_bit_is_found_by_name(name: str, bit: int) -> None:
    assert DES_Y6.bit("se", name) == bit


@pytest.mark.parametrize("name", ["star", " Star ", "STAR"])
def test_case_and_blanks_of_a_name_do_not_matter(name: str) -> None:
    assert DES_Y6.bit("SE", name) == 5


@pytest.mark.parametrize("value", [32, "32", np.int64(32), np.uint16(32)])
def test_bit_is_found_by_value(value: Any) -> None:
    assert DES_Y6.bit("se", value) == 5


@pytest.mark.parametrize("power", range(23))
def test_values_up_to_bit_22_are_themselves(power: int) -> None:
    assert DES_Y6.bit("coadd", 1 << power) == power


@pytest.mark.parametrize("power", [23, 24, 31, 63])
def test_values_above_bit_22_mean_other(power: int) -> None:
    assert DES_Y6.bit("coadd", 1 << power) == OTHER_BIT


@pytest.mark.parametrize("value", [0, 3, -1, -2147483648, 48, "3", True])
def test_value_that_is_not_a_power_of_two_is_refused(value: str | int) -> None:
    with pytest.raises(UsageError, match="not a power of two"):
        DES_Y6.bit("se", value)


@pytest.mark.parametrize(("wrong", "near"), [("STARR", "STAR"), ("edge_bleed", "EDGEBLEED"), ("OTHERS", "OTHER")])
def test_unknown_name_comes_with_the_nearest(wrong: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown SE bit '{wrong}', did you mean {near}"):
        DES_Y6.bit("se", wrong)


@pytest.mark.parametrize("name", ["BIT_24", "BIT_", "BIT_-1", "BIT_x"])
def test_bit_number_outside_of_flags_is_unknown(name: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown SE bit '{name}'"):
        DES_Y6.bit("se", name)


def test_unknown_name_lists_those_of_its_own_plane() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown COADD bit 'BPM'.*Known: NO_DATA, OTHER$"):
        DES_Y6.bit("coadd", "BPM")


def test_unknown_plane_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown plane 'seg': expected SE or COADD"):
        DES_Y6.of_plane("seg")


@pytest.mark.parametrize(
    ("plane", "bit", "name"),
    [("se", 0, "BPM"), ("coadd", 0, "NO_DATA"), ("se", 15, "BIT_15"), ("coadd", 1, "BIT_1"), ("coadd", 23, "OTHER")],
)
def test_name_of_a_bit_is_that_of_its_plane(plane: str, bit: int, name: str) -> None:
    assert DES_Y6.name(plane, bit) == name


@pytest.mark.parametrize("plane", ["se", "coadd"])
def test_every_name_leads_back_to_its_bit(plane: str) -> None:
    assert [DES_Y6.bit(plane, DES_Y6.name(plane, bit)) for bit in range(N_BITS)] == list(range(N_BITS))


def test_named_value_above_bit_22_is_other() -> None:
    assert BitNames(se={"HIGH": 1 << 30}, coadd={}).bit("se", "high") == OTHER_BIT


@pytest.mark.parametrize("plane", ["se", "coadd"])
def test_name_of_several_bits_is_refused(plane: str) -> None:
    with pytest.raises(UsageError, match=f"bit BAD of plane {plane}: 6 is not a power of two"):
        BitNames(**{"se": {}, "coadd": {}, plane: {"BAD": 6}})


def test_names_do_not_change_with_the_mapping_they_were_made_of() -> None:
    given = {"A": 1}
    names = BitNames(se=given, coadd={})
    given["B"] = 2
    assert dict(names.se) == {"A": 1}


def test_names_travel_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(DES_Y6)) == DES_Y6


def test_des_names_are_those_of_year_six() -> None:
    names = "BPM SATURATE INTERP BADAMP CRAY STAR TRAIL EDGEBLEED SSXTALK EDGE STREAK SUSPECT FIXED NEAREDGE TAPEBUMP"
    assert dict(DES_Y6.se) == {name: 1 << bit for bit, name in enumerate(names.split(" "))}


def test_criteria_are_the_bits_that_files_hold() -> None:
    assert {each.name: each.value for each in Criterion} == {
        "SE_SEG": 1,
        "SE_WEIGHT": 2,
        "SE_BMASK": 4,
        "OFF_COADD": 8,
        "COADD_SEG": 16,
        "COADD_WEIGHT": 32,
        "COADD_BMASK": 64,
    }


def test_bits_of_flags_do_not_overlap() -> None:
    planes = [sum(1 << (shift + bit) for bit in range(24)) for shift in BIT_SHIFT.values()]
    assert sum([CRITERIA_BITS, *planes]) == (1 << 56) - 1


def test_every_criterion_but_off_coadd_belongs_to_one_image() -> None:
    assert int(SE_CRITERIA) + int(COADD_CRITERIA) + int(Criterion.OFF_COADD) == CRITERIA_BITS & ~OWN_CUT


@pytest.mark.parametrize(
    ("dtype", "value", "folded"),
    [
        (np.uint8, 255, 255),
        (np.int16, -32768, 1 << 15),
        (np.int16, -1, 0xFFFF),
        (np.uint16, 0xFFFF, 0xFFFF),
        (np.int32, 1 << 22, 1 << 22),
        (np.int32, 1 << 23, _OTHER),
        (np.int32, -2147483648, _OTHER),
        (np.int32, -1, (1 << 24) - 1),
        (np.uint32, 1 << 31 | 1, _OTHER | 1),
        (np.int64, 1 << 62 | 4, _OTHER | 4),
        (np.int64, -(1 << 63), _OTHER),
        (np.uint64, (1 << 64) - 1, (1 << 24) - 1),
        (np.int64, 0, 0),
    ],
)
def test_mask_values_fold_as_unsigned_of_their_own_width(dtype: Any, value: int, folded: int) -> None:
    assert fold_bmask(np.array([value], dtype)).tolist() == [folded]


def test_folding_keeps_the_shape() -> None:
    bmask: npt.NDArray[np.int16] = np.arange(12, dtype=np.int16).reshape(3, 4)
    assert np.array_equal(fold_bmask(bmask), bmask)


def test_folding_takes_a_part_of_an_array() -> None:
    bmask: npt.NDArray[np.int32] = np.arange(24, dtype=np.int32).reshape(4, 6)
    assert np.array_equal(fold_bmask(bmask[::2, 1::3]), bmask[::2, 1::3])


def test_equal_names_hash_equal_in_any_order() -> None:
    one, other = BitNames({"A": 1, "B": 2}, {}), BitNames({"B": 2, "A": 1}, {})
    assert (one, hash(one)) == (other, hash(other))


BOTH = BitNames(se={"SAT": 2, "EDGE": 16}, coadd={"SAT": 8, "NO_DATA": 1})


@pytest.mark.parametrize(
    ("bits", "plane", "found"),
    [
        ("SAT", None, [("se", 1), ("coadd", 3)]),
        ("sat", "COADD", [("coadd", 3)]),
        ("EDGE", None, [("se", 4)]),
        (["coadd: sat", "EDGE"], None, [("coadd", 3), ("se", 4)]),
        (3, None, [("se", 3), ("coadd", 3)]),
        (np.int64(3), "se", [("se", 3)]),
        (" 23 ", "se", [("se", 23)]),
        ("OTHER", None, [("se", 23), ("coadd", 23)]),
        ("SE:BIT_9", None, [("se", 9)]),
        ((), None, []),
        (b"EDGE", None, BOTH.find("EDGE")),
        ([np.bytes_(b"EDGE  "), np.str_(" 5\0")], "se", BOTH.find(["EDGE", 5], "se")),
    ],
)
def test_bits_are_found_in_the_planes_that_have_them(
    bits: Any, plane: str | None, found: list[tuple[str, int]]
) -> None:
    assert BOTH.find(bits, plane) == found


@pytest.mark.parametrize(
    ("bits", "plane", "error", "message"),
    [
        (
            "EDGES",
            None,
            UnknownNameError,
            r"unknown bit 'EDGES', did you mean EDGE\? Known: SE: SAT, EDGE, OTHER; COAD",
        ),
        ("EDGE", "coadd", UnknownNameError, r"unknown COADD bit 'EDGE'.*Known: SAT, NO_DATA, OTHER$"),
        ("COADD:EDGE", None, UnknownNameError, "unknown COADD bit 'EDGE'"),
        ("SEG:EDGE", None, UnknownNameError, "unknown plane 'SEG': expected SE or COADD"),
        ([], "seg", UnknownNameError, "unknown plane 'seg': expected SE or COADD"),
        (3, 5, UnknownNameError, "unknown plane 5: expected SE or COADD"),
        ("SE:EDGE", "coadd", UsageError, "^bit SE:EDGE: its plane is not COADD$"),
        ("SE:32", None, UsageError, "^bit SE:32: expected a name after the plane, or a plane and a number apart$"),
        (32, None, UsageError, r"^bit is 32: expected a number from 0 to 23, or a name \(a value of 32 is bit 5\)$"),
        ("24", None, UsageError, "^bit is 24: expected a number from 0 to 23, or a name$"),
        (-1, None, UsageError, "^bit is -1: expected a number from 0 to 23, or a name$"),
        ("9" * 5000, None, UsageError, "^bit is 999.*: expected a number from 0 to 23, or a name$"),
        (b"\xff", None, UsageError, r"^bit is b'\\xff': expected text$"),
        (1.5, None, UsageError, "^bit is 1.5: expected a number or a name$"),
        ([True], None, UsageError, "^bit is True: expected a number or a name$"),
    ],
)
def test_bit_that_there_is_not_is_refused(bits: Any, plane: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        BOTH.find(bits, plane)
