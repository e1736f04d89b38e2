"""Exclusions: what an entry stands for, in text and back, and what is refused."""

from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Column

from goodpix.schema.amplifiers import Region
from goodpix.schema.errors import UnknownNameError, UsageError
from goodpix.schema.selection.exclusion import Exclusion, Range

ENTRIES: list[dict[str, Any]] = [
    {"ccdnum": 31},
    {"ccdnum": "31", "amplifier": "a", "nite": "20131115:", "box": "0:10:0:4096"},
    {"expnum": "1:9", "band": "z", "tilename": "DES0124+3332"},
    {"expnum": slice(None, 9)},
    {"ra": -0.5, "dec": -90, "radius_arcsec": 1.5e-3},
    {"ra": 359.99999999, "dec": 12.000000001, "radius_arcsec": 30, "band": "g"},
    {"box": (np.int64(1), 2, 3, 4), "ccdnum": np.int16(2)},
]


@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_entry_survives_its_text(entry: dict[str, Any]) -> None:
    (exclusion,) = Exclusion.many(entry)
    assert list(Exclusion.many(str(exclusion))) == [exclusion]
    assert list(Exclusion.many(exclusion)) == [exclusion]


def test_text_has_the_keys_in_one_order() -> None:
    (exclusion,) = Exclusion.many(" box = 0:10:0:4096 , nite=20131115:, amplifier=a,ccdnum=31")
    assert str(exclusion) == "ccdnum=31,nite=20131115:,amplifier=A,box=0:10:0:4096"
    assert exclusion == Exclusion(ccdnum=31, nite="20131115:", amplifier="A", box=Region(0, 10, 0, 4096))


def test_lists_of_values_are_entries_of_their_own() -> None:
    found = map(str, Exclusion.many({"ccdnum": [2, "61:62"], "band": ["g", "r"]}))
    assert sorted(found) == ["band=g,ccdnum=2", "band=g,ccdnum=61:62", "band=r,ccdnum=2", "band=r,ccdnum=61:62"]
    assert [str(each) for each in Exclusion.many({"box": [[0, 1, 2, 3], "4:5:6:7"]})] == ["box=0:1:2:3", "box=4:5:6:7"]


@pytest.mark.parametrize(
    "entry",
    [
        {"ra": 0.375 * u.hourangle, "dec": np.radians(-30) * u.rad, "radius_arcsec": 0.5 * u.arcmin},
        {"ra": np.array(5.625), "dec": [-30 * u.deg], "radius_arcsec": 30},
        {"ra": Column([0.375], unit="hourangle"), "dec": Column([-30.0], unit="deg"), "radius_arcsec": 30},
    ],
    ids=["quantities", "array", "columns"],
)
def test_units_are_taken_into_account(entry: dict[str, Any]) -> None:
    (found,) = Exclusion.many({**entry, "band": b"r "})
    assert (found.ra, found.dec, found.radius_arcsec) == pytest.approx((5.625, -30, 30), rel=1e-14)
    assert found.band == "r"


def test_empty_cell_of_a_table_is_no_value() -> None:
    assert list(Exclusion.many({"ccdnum": 31.0, "expnum": float("nan"), "band": " ", "nite": None})) == [
        Exclusion(ccdnum=31)
    ]


@pytest.mark.parametrize(
    ("text", "held", "not_held"),
    [("3", [3], [2, 4, None]), ("3:", [3, 9**18], [2]), (":3", [3, -1], [4]), ("3:5", [3, 5], [2, 6, None])],
)
def test_ends_belong_to_a_range(text: str, held: list[int], not_held: list[int | None]) -> None:
    found = Range.of("expnum", text)
    assert [found.holds(each) for each in (*held, *not_held)] == [True] * len(held) + [False] * len(not_held)
    assert str(found) == text


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"ra": 3 * u.m, "dec": 0, "radius_arcsec": 1}, r"exclude ra=3.0 m: expected an angle, as deg"),
        ({"ccdnum": 3 * u.deg}, r"exclude ccdnum=3.0 deg: expected no unit"),
        ({}, "an entry without keys would exclude every pixel"),
        ({"ccdnum": None}, "an entry without keys would exclude every pixel"),
        ("31", "cannot read '31': expected KEY=VALUE,KEY=VALUE, such as ccdnum=31,amplifier=A"),
        ("ccdnum=", "cannot read 'ccdnum='"),
        ("ccdnum=1,ccdnum=2", "ccdnum is given twice"),
        (31, "exclude 31: expected KEY=VALUE"),
        ("ccdnum=S31", "exclude ccdnum=S31: expected a number, or a range A:B"),
        ("ccdnum=:", "expected a number, or a range A:B"),
        ("ccdnum=1:2:3", "expected a number, or a range A:B"),
        ("ccdnum=3:1", "the range is empty, expected A:B with A not greater than B"),
        ({"ccdnum": 1.5}, "exclude ccdnum=1.5: expected a number"),
        ({"ccdnum": True}, "exclude ccdnum=True: expected a number"),
        ({"expnum": 1 << 63}, "expected a number"),
        ("amplifier=C", "exclude amplifier=C: expected A or B"),
        ("box=0:10:0", "exclude box=0:10:0: expected pixels X0:X1:Y0:Y1"),
        ("box=5:5:0:1", "expected pixels X0:X1:Y0:Y1, X0 less than X1"),
        ("box=-1:5:0:1", "expected pixels X0:X1:Y0:Y1"),
        ({"box": 7}, "expected pixels X0:X1:Y0:Y1"),
        ({"box": ["0", "10", "0"]}, "exclude box=0:10:0: expected pixels X0:X1:Y0:Y1"),
        ("ra=1,dec=2", "expected ra, dec and radius_arcsec together"),
        ("ra=1,dec=91,radius_arcsec=2", "exclude dec=91: expected degrees from -90 to 90"),
        ("ra=nan,dec=1,radius_arcsec=2", "exclude ra=nan: expected degrees"),
        ("ra=1,dec=1,radius_arcsec=0", "exclude radius_arcsec=0: expected arcseconds, more than 0"),
        ({"band": "g,r"}, "exclude band=g,r: expected a name, without commas"),
        ({"band": 5}, "exclude band=5: expected a name"),
    ],
)
def test_malformed_entry_is_refused(entry: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        list(Exclusion.many(entry))


def test_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="exclude: unknown key 'ccd', did you mean 'ccdnum'"):
        list(Exclusion.many("ccd=31"))
