"""Pixels that a selection excludes, against numpy and astropy."""

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.query.masks.exclusions import ImageBox, exclude, excluded_pixels
from goodpix.query.masks.mask import Mask
from goodpix.schema.amplifiers import Region
from goodpix.schema.bits import EXCLUDED, OWN_CUT
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import UsageError
from goodpix.schema.masks.rle import decode, encode
from goodpix.schema.rows import MaskKey

from ....rows import flags_image

Bools = npt.NDArray[np.bool_]

NY, NX = 48, 36
SCALE = 0.263 / 3600
PLACES = {"south": (20.0, -32.0), "RA 0": (0.0002, 10.0), "north pole": (123.0, 90.0), "south pole": (40.0, -89.9995)}
KEY = MaskKey("T1", "r", "epoch", 500, 31)
RUNS = encode(flags_image(3, (NY, NX)))


def cards(ra: float, dec: float) -> dict[str, Any]:
    sin, cos = SCALE * math.sin(0.4), SCALE * math.cos(0.4)
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": ra,
        "CRVAL2": dec,
        "CRPIX1": 15.3,
        "CRPIX2": 27.9,
        "CD1_1": -cos,
        "CD1_2": sin,
        "CD2_1": sin,
        "CD2_2": cos,
    }


def row(ra: float = 20.0, dec: float = -32.0, **values: Any) -> dict[str, Any]:
    found = {"tilename": "T1", "band": "r", "expnum": 500, "ccdnum": 31, "nite": 20131115, "position_offset": 1.0}
    # the amplifiers of the CCDs 1 to 31 of DECam: A is at high x
    sections = {"dataseca": f"[19:{NX},1:{NY}]", "datasecb": f"[1:18,1:{NY}]"}
    return {**found, **sections, "wcs": json.dumps(cards(ra, dec)), **values}


def mask(**values: Any) -> Mask:
    return Mask(KEY, RUNS, row=row(**values))


def excluded(*entries: Any, **values: Any) -> Bools:
    """Return the pixels that entries exclude; all others are as they were."""
    found = mask(**values)
    out: Bools = (found.recut(Selection(exclude=entries)).flags() & OWN_CUT) != 0
    selection = Selection(exclude=entries)
    np.testing.assert_array_equal(found.good(selection), found.good() & ~out)
    assert found.count(selection) == (found.good() & ~out).sum()
    np.testing.assert_array_equal(found.criteria(selection), found.criteria() | out * np.uint8(OWN_CUT))
    return out


Y, X = np.indices((NY, NX))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("ccdnum=31", X >= 0),
        ("ccdnum=30", X < 0),
        ("ccdnum=30:32,expnum=:500,nite=20131115:,band=r,tilename=T1", X >= 0),
        ("ccdnum=31,expnum=501:", X < 0),
        ("nite=20131116:", X < 0),
        ("nite=:20131115", X >= 0),
        ("band=R", X < 0),
        ("tilename=T", X < 0),
        ("amplifier=A", X >= 18),
        ("amplifier=B", X < 18),
        ("ccdnum=31,amplifier=A,box=10:20:5:7", (X >= 18) & (X < 20) & (Y >= 5) & (Y < 7)),
        ("box=0:1:0:1", (X == 0) & (Y == 0)),
        (f"box={NX - 1}:9000:{NY - 2}:9000", (X == NX - 1) & (Y >= NY - 2)),
        (f"box={NX}:9000:0:9000", X < 0),
    ],
)
def test_all_keys_of_an_entry_have_to_hold(entry: str, expected: Bools) -> None:
    np.testing.assert_array_equal(excluded(entry), expected)


def test_any_entry_excludes() -> None:
    np.testing.assert_array_equal(excluded("box=0:5:0:5", "box=4:9:4:9", "ccdnum=7"), (X // 5 + Y // 5 == 0) | SECOND)


SECOND = (X >= 4) & (X < 9) & (Y >= 4) & (Y < 9)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ((f"[1:18,1:{NY}]", f"[19:{NX},1:{NY}]"), X < 18),
        ((f"[1:{NX},25:{NY}]", f"[1:{NX},1:24]"), Y >= 24),
        ((None, None), X < NX / 2),
    ],
)
def test_amplifiers_are_where_the_header_has_them(sections: tuple[str, str], expected: Bools) -> None:
    found = excluded("amplifier=A", dataseca=sections[0], datasecb=sections[1])
    np.testing.assert_array_equal(found, expected)


def test_unknown_night_is_in_no_range() -> None:
    assert not excluded("nite=0:", nite=None).any()


@pytest.mark.parametrize("place", PLACES.values(), ids=list(PLACES))
@pytest.mark.parametrize(
    ("x", "y", "radius"), [(17.2, 20.9, 2.0), (-8.0, 50.0, 4.5), (3.0, 3.0, 0.1), (17.0, 20.0, 90)]
)
def test_places_on_the_sky_exclude_the_pixels_whose_centres_they_hold(
    place: tuple[float, float], x: float, y: float, radius: float
) -> None:
    wcs = WCS(fits.Header(list(cards(*place).items())))
    ra, dec = map(float, wcs.wcs_pix2world(x, y, 0))
    pixels = SkyCoord(*wcs.wcs_pix2world(X, Y, 0), unit="deg")
    expected = pixels.separation(SkyCoord(ra, dec, unit="deg")) <= radius * units.arcsec
    entry = {"ra": ra - 360, "dec": dec, "radius_arcsec": radius}
    np.testing.assert_array_equal(excluded(entry, ra=place[0], dec=place[1]), expected)
    both = excluded({**entry, "amplifier": "B", "box": (0, 25, 10, 40)}, ra=place[0], dec=place[1])
    np.testing.assert_array_equal(both, expected & (X < 18) & (Y >= 10) & (Y < 40))


def test_cutout_has_the_exclusions_of_its_pixels() -> None:
    selection = Selection(grow={"SE_SEG": 2}, border=3, exclude=["amplifier=A,box=0:30:0:40", "box=2:4:8:9"])
    whole, part = mask(), mask().cutout(1, 30, 7, 40)
    np.testing.assert_array_equal(part.good(selection), whole.good(selection)[7:40, 1:30])
    np.testing.assert_array_equal(part.recut(selection).flags(), whole.recut(selection).flags()[7:40, 1:30])


def test_excluded_pixels_do_not_grow() -> None:
    grown, found = Selection(grow={"SE_SEG": 2}), mask()
    both = Selection(grow={"SE_SEG": 2}, exclude=["box=0:5:0:5"])
    np.testing.assert_array_equal(found.good(both), found.good(grown) & ~((X < 5) & (Y < 5)))


def test_coadd_is_no_ccd_image() -> None:
    coadd = Mask(MaskKey("T1", "r", "coadd", None, None), RUNS, row=row(expnum=None, ccdnum=None, nite=None))
    entries = ["ccdnum=31", "box=0:9:0:9", "amplifier=A", "nite=1:", "expnum=1:"]
    assert coadd.count(Selection(exclude=entries)) == coadd.count()
    assert coadd.count(Selection(exclude=["tilename=T1"])) == 0
    assert 0 < coadd.count(Selection(exclude=["ra=20,dec=-32,radius_arcsec=2"])) < coadd.count()


MERGED = MaskKey("DES0124+3332+T2", "r", "epoch", 500, 31)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["tilename=T2"], X < 0),
        (["tilename=DES0124+3332"], X < 0),
        (["tilename=T2", "tilename=DES0124+3332"], X >= 0),
        (["tilename=T2", "tilename=DES0124+3332,box=0:3:0:9000"], X < 3),
        (["tilename=T2,box=0:4:0:9000", "box=0:1:0:9000"], X < 1),
        (["tilename=3332"], X < 0),
    ],
)
def test_pixels_of_a_merged_mask_are_excluded_in_all_of_its_tiles(entries: list[str], expected: Bools) -> None:
    merged = Mask(MERGED, RUNS, row=row(tilename=MERGED.tilename))
    np.testing.assert_array_equal((merged.recut(Selection(exclude=entries)).flags() & OWN_CUT) != 0, expected)


def test_users_own_mask_has_boxes_and_no_sky() -> None:
    own = Mask.from_bool(np.ones((NY, NX), np.bool_))
    np.testing.assert_array_equal(own.bad(Selection(exclude=["box=0:3:0:2", "ccdnum=31"])), (X < 3) & (Y < 2))
    with pytest.raises(UsageError, match=r"a user's own mask has no WCS: expected a mask from a catalogue"):
        own.good(Selection(exclude=["ra=1,dec=2,radius_arcsec=3"]))


def test_runs_are_unchanged_where_nothing_is_excluded() -> None:
    image = ImageBox(KEY, row(), Region(0, NX, 0, NY), (NY, NX))
    entries = Selection(exclude=["ccdnum=1", "ra=200,dec=0,radius_arcsec=9"]).exclude
    assert exclude(RUNS, entries, image) is RUNS
    assert excluded_pixels(entries, image) is None
    whole = exclude(RUNS, Selection(exclude=["ccdnum=31"]).exclude, image)
    np.testing.assert_array_equal(decode(whole), decode(RUNS) | OWN_CUT | EXCLUDED)


def test_unknown_amplifiers_are_not_guessed() -> None:
    unknown = mask(profile="noirlab-cp", dataseca=None, datasecb=None)
    with pytest.raises(
        UsageError, match=r"amplifiers of epoch 500/31 .* are unknown: expected an exclusion with a box"
    ):
        unknown.good(Selection(exclude=["ccdnum=31,amplifier=A"]))
    other = Selection(exclude=["ccdnum=30,amplifier=A"])
    np.testing.assert_array_equal(unknown.good(other), unknown.good())


@pytest.mark.parametrize(("flags", "excluded"), [(None, False), (0, False), (1, True), (4096, True)])
def test_images_that_are_flagged_as_a_whole_are_excluded(flags: int | None, excluded: bool) -> None:
    found = mask(image_flags=flags).good(Selection(exclude=["image_flags=1:"]))
    np.testing.assert_array_equal(found, np.zeros((NY, NX), np.bool_) if excluded else mask().good())
