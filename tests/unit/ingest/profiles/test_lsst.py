"""Facts about visit images of the LSST Science Pipelines, each on a file that shows it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodpix.ingest.profiles.directplanes import direct_plane
from goodpix.ingest.profiles.exposure import CcdInfo
from goodpix.ingest.profiles.lsst import Lsst
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import InfoFileError, UsageError
from goodpix.schema.planes.reader import PlaneReader

from ....lsstfiles import KEY, OLD, SHAPE, VALUES
from ....lsstfiles import write_visit_image as write

PROFILE = Lsst()


def read(path: Path, **settings: str) -> CcdInfo:
    return PROFILE.read(path, settings).src_info[0]


def bmask(ccd: CcdInfo) -> Any:
    """Return the mask as it is stored, read both ways."""
    file = ccd.files["bmask"]
    with PlaneReader() as reader:
        found = reader.open(file).read()
        reader.check(reader.open(file))
    np.testing.assert_array_equal(found, direct_plane(file))
    return found


def bit(name: str) -> int:
    return PROFILE.bit_names.se[name]


@pytest.mark.parametrize("name", ["EXTTYPE", "EXTNAME"])
def test_planes_are_found_by_their_kind_and_bits_by_their_name(tmp_path: Path, name: str) -> None:
    ccd = read(write(tmp_path / "a.fits", OLD, name=name))
    names = {0: "BAD", 1: "SAT", 2: "INTRP", 3: "CR", 4: "EDGE"}
    expected = np.zeros(SHAPE, np.int64)
    for number, plane in names.items():
        expected |= np.where(VALUES >> number & 1, bit(plane), 0)
    expected |= np.where(VALUES >> 6, 1 << 23, 0)  # a plane of one's own, and bits that no plane has
    np.testing.assert_array_equal(bmask(ccd), expected)
    seg = ccd.files["seg"]
    with PlaneReader() as reader:
        np.testing.assert_array_equal(reader.open(seg).nonzero(), VALUES >> 5 & 1 > 0)
        weight, variance = reader.open(ccd.files["weight"]), reader.plane(ccd.weight_path, ccd.weight_ext).read()
        np.testing.assert_array_equal(weight.positive(), np.isfinite(variance) & (variance > 0))
        usable = weight.positive()
        np.testing.assert_array_equal(weight.read()[usable], 1 / variance[usable])


def test_numbers_of_planes_differ_between_files(tmp_path: Path) -> None:
    ccd = read(write(tmp_path / "a.fits", {"MP_SAT": 7, "MP_BAD": 3}))
    expected = np.where(VALUES >> 7 & 1, bit("SAT"), 0) | np.where(VALUES >> 3 & 1, bit("BAD"), 0)
    expected |= np.where(VALUES & ~(1 << 7 | 1 << 3), 1 << 23, 0)
    np.testing.assert_array_equal(bmask(ccd), expected)
    assert "seg" not in ccd.files


def test_newer_form_has_values_and_new_names(tmp_path: Path) -> None:
    names = ["SATURATED", "COSMIC_RAY", "INTERPOLATED", "DETECTION_EDGE", "DETECTED"]
    cards = {f"MSKN{k:04d}": name for k, name in enumerate(names)} | {f"MSKM{k:04d}": 1 << k for k in range(5)}
    cards |= {f"MSKD{k:04d}": "text" for k in range(5)}
    ccd = read(write(tmp_path / "a.fits", [(VALUES, cards)]))
    expected = np.zeros(SHAPE, np.int64)
    for number, old in enumerate(["SAT", "CR", "INTRP", "EDGE"]):
        expected |= np.where(VALUES >> number & 1, bit(old), 0)
    expected |= np.where(VALUES >> 5, 1 << 23, 0)  # no plane has these
    np.testing.assert_array_equal(bmask(ccd), expected)
    assert ccd.conversions["seg"].bits == ((4, 0),)


def test_planes_may_lie_in_several_extensions(tmp_path: Path) -> None:
    second = np.random.default_rng(9).integers(0, 4, SHAPE).astype(np.int32)
    more = {"MSKN0000": "STREAK", "MSKM0000": 1, "MSKN0001": "DETECTED", "MSKM0001": 2}
    ccd = read(write(tmp_path / "a.fits", [(VALUES, {"MSKN0000": "BAD", "MSKM0000": 4}), (second, more)]))
    expected = np.where(VALUES >> 2 & 1, bit("BAD"), 0) | np.where(second & 1, bit("STREAK"), 0)
    expected |= np.where(VALUES & ~4, 1 << 23, 0)
    np.testing.assert_array_equal(bmask(ccd), expected)
    with PlaneReader() as reader:
        np.testing.assert_array_equal(reader.open(ccd.files["seg"]).nonzero(), second & 2 > 0)


def test_bit_that_no_plane_has_is_never_good(tmp_path: Path) -> None:
    values = np.zeros(SHAPE, np.int32)
    values[0, :4] = 1 << 5, 1 << 20, -(1 << 31), 1 << 5 | 1 << 20
    expected = np.zeros(SHAPE, np.int64)
    expected[0, 1:4] = 1 << 23
    np.testing.assert_array_equal(bmask(read(write(tmp_path / "a.fits", [(values, {"MP_DETECTED": 5})]))), expected)


@pytest.mark.parametrize("cards", [{"MP_BAD": "x"}, {"MSKN0000": "BAD", "MSKM0000": 3}, {"MSKN0000": "BAD"}])
def test_plane_without_a_bit_is_a_failure(tmp_path: Path, cards: dict[str, Any]) -> None:
    with pytest.raises(
        InfoFileError, match=r"a\.fits\[2\]: (MP_BAD|MSKN0000) is .*: expected a mask plane with one bit"
    ):
        read(write(tmp_path / "a.fits", [(VALUES, cards)]))


@pytest.mark.parametrize("kind", ["IMAGE", "MASK", "VARIANCE"])
def test_missing_extension_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InfoFileError, match=f"it has no extension with EXTTYPE or EXTNAME {kind}"):
        read(write(tmp_path / "a.fits", OLD, without=kind))


def test_image_without_a_wcs_is_a_failure_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(InfoFileError, match=r"a\.fits: its image has no WCS: expected one of FITS"):
        read(write(tmp_path / "a.fits", OLD, wcs={}))


@pytest.mark.parametrize(
    ("primary", "settings"),
    [
        (KEY, {}),
        ({f"HIERARCH LSST BUTLER DATAID {name}": value for name, value in KEY.items()}, {}),
        ({"EXPID": 908120, "DET-ID": 56, "FILTER": "i"}, {}),
        ({"FILTER": "_unknown_"}, {"expnum": "908120", "ccdnum": "56", "band": "i"}),
        ({"BAND": "g"}, {"pattern": "HSC-(?P<expnum>[0-9]+)-(?P<ccdnum>[0-9]+)-(?P<band>[a-z])"}),
        ({**KEY, "BAND": "g"}, {"band": "i"}),
    ],
)
def test_key_is_as_set_or_named_or_in_the_headers(
    tmp_path: Path, primary: dict[str, Any], settings: dict[str, str]
) -> None:
    ccd = read(write(tmp_path / "HSC-0908120-056-i.fits", OLD, primary), **settings)
    assert (ccd.expnum, ccd.ccdnum, ccd.band, ccd.tilename) == (908120, 56, "i", "908120-056")


@pytest.mark.parametrize(("missing", "name"), [("VISIT", "expnum"), ("DETECTOR", "ccdnum"), ("BAND", "band")])
def test_part_of_the_key_that_nothing_says_is_named(tmp_path: Path, missing: str, name: str) -> None:
    primary = {keyword: value for keyword, value in KEY.items() if keyword != missing}
    with pytest.raises(
        InfoFileError, match=rf"a\.fits: its {name} \(.*\) stands in no header: expected --set {name}=\.\.\.,"
    ):
        read(write(tmp_path / "a.fits", OLD, primary))


def test_part_of_the_key_that_is_no_number_is_named_with_its_value(tmp_path: Path) -> None:
    with pytest.raises(InfoFileError, match=r"a\.fits: its ccdnum is 'S4': expected a whole number"):
        read(write(tmp_path / "a.fits", OLD), ccdnum="S4")


def test_all_parts_of_the_key_that_nothing_says_are_named_at_once(tmp_path: Path) -> None:
    expected = r"its expnum \(.*VISIT.*\) and its band \(.*FILTER\) stand in no header: expected .* --set band=\.\.\.,"
    with pytest.raises(InfoFileError, match=expected):
        read(write(tmp_path / "a.fits", OLD, {"DETECTOR": 56}))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "not a regular expression"), ("[0-9]+", "expected groups"), ("(?P<visit>[0-9]+)", "expected groups")],
)
def test_pattern_that_cannot_be_used_is_wrong_usage(tmp_path: Path, pattern: str, message: str) -> None:
    write(tmp_path / "a.fits", OLD)
    with pytest.raises(UsageError, match=message):
        PROFILE.find([tmp_path], {"pattern": pattern})


@pytest.mark.parametrize(
    ("primary", "magzp"), [({"FLUXMAG0": 1e12}, 30.0), ({"BUNIT": "nJy"}, 31.4), ({"FLUXMAG0": 0.0}, None), ({}, None)]
)
def test_zero_point_is_of_nanojansky_or_of_the_flux_of_magnitude_0(
    tmp_path: Path, primary: dict[str, Any], magzp: float | None
) -> None:
    assert read(write(tmp_path / "a.fits", OLD, {**KEY, **primary})).magzp == magzp


@pytest.mark.parametrize(("telescope", "night"), [("Subaru", 20160131), ("Simonyi Survey Telescope", 20160201)])
def test_night_changes_at_noon_of_the_site(tmp_path: Path, telescope: str, night: int) -> None:
    primary = {**KEY, "TELESCOP": telescope, "DATE-OBS": "2016-02-01T16:00:00"}
    facts = read(write(tmp_path / "a.fits", OLD, primary)).facts
    assert facts is not None
    assert facts.nite == night


def test_shipped_selection_ignores_what_is_no_defect() -> None:
    words = PROFILE.selections["lsst-visit"]
    names = ["NOT_DEBLENDED", "INJECTED", "INJECTED_CORE", "INJECTED_TEMPLATE", "INJECTED_CORE_TEMPLATE"]
    assert Selection.parse(words) == Selection(ignore_bits={"SE": names})
