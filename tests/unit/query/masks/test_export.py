"""Masks in FITS, NumPy and Parquet files, read by others."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from goodpix.query.masks.export import check_mask_name
from goodpix.query.masks.mask import Mask
from goodpix.query.source import Source
from goodpix.schema.bits import DES_Y6, EXCLUDED, OWN_CUT, BitNames, Criterion
from goodpix.schema.criteria import Selection
from goodpix.schema.errors import OutputFolderError, UsageError
from goodpix.schema.masks.rle import encode
from goodpix.schema.rows import MaskKey

from ....maskcatalogue import EAST, EPOCHS, SHAPE, grid_of

KEY = MaskKey(EAST, "r", "epoch", 2, 12)
FLAGS = EPOCHS[KEY].flags
WIDE = Selection(ignore=["SE_SEG"], border=2)


@pytest.fixture
def mask(source: Source) -> Mask:
    return source.mask(KEY)


def opened(path: Path) -> dict[str, tuple[fits.Header, Any]]:
    with fits.open(path) as hdus:
        return {hdu.name: (hdu.header, hdu.data) for hdu in hdus[1:]}


@pytest.mark.parametrize("good", [False, True])
def test_fits_image_says_what_its_values_mean(good: bool, mask: Mask, tmp_path: Path) -> None:
    mask.to_fits(tmp_path / "mask.fits", WIDE, good=good)
    header, image = opened(tmp_path / "mask.fits")["MASK"]
    assert (header["MASKGOOD"], header["MASKBAD"]) == (int(good), int(not good))
    np.testing.assert_array_equal(image == header["MASKGOOD"], mask.good(WIDE))
    np.testing.assert_array_equal(image == header["MASKBAD"], mask.bad(WIDE))


def test_every_extension_says_where_it_comes_from(mask: Mask, source: Source, tmp_path: Path) -> None:
    mask.to_fits(tmp_path / "mask.fits", WIDE)
    found = opened(tmp_path / "mask.fits")
    assert list(found) == ["MASK", "REASONS"]
    for header, _ in found.values():
        names = ("TILENAME", "BAND", "EXPNUM", "CCDNUM", "SELECT", "CATALOG", "CAMPAIGN", "CREATOR", "MASKFP")
        assert [header[name] for name in names] == [
            *(EAST, "r", 2, 12, str(WIDE), source.database.identity.uuid, "test"),
            f"goodpix {version('goodpix')}",
            mask.row["fingerprint"] if mask.row else "",
        ]


def test_reasons_have_the_bits_that_their_names_stand_for(mask: Mask, tmp_path: Path) -> None:
    mask.to_fits(tmp_path / "mask.fits", WIDE)
    header, image = opened(tmp_path / "mask.fits")["REASONS"]
    criteria = mask.criteria(WIDE)
    expected = {str(each.name): criteria & each != 0 for each in Criterion} | {"OWN_CUT": criteria & OWN_CUT != 0}
    for plane, shift, names in (("SE", 8, DES_Y6.se), ("COADD", 32, DES_Y6.coadd)):
        expected |= {f"{plane}_{name}": FLAGS >> shift & value != 0 for name, value in names.items()}
    assert image.dtype == np.int32
    assert {"SE_STAR", "COADD_NO_DATA"} <= set(expected)
    for name, is_set in expected.items():
        np.testing.assert_array_equal(image >> header[f"MP_{name}"] & 1, is_set, err_msg=name)


def test_bits_are_named_by_number_and_by_value(mask: Mask, tmp_path: Path) -> None:
    mask.to_fits(tmp_path / "mask.fits")
    header, image = opened(tmp_path / "mask.fits")["REASONS"]
    numbers = {name.removeprefix("MP_"): value for name, value in header.items() if name.startswith("MP_")}
    named = {header[f"MSKN{k:04d}"]: header[f"MSKM{k:04d}"] for k in range(len(numbers))}
    assert named == {name: 1 << number for name, number in numbers.items()}
    assert all(header[f"MSKD{k:04d}"] for k in range(len(numbers)))
    assert int(np.bitwise_or.reduce(image, axis=None)) < 1 << len(numbers)


def test_bits_without_a_name_are_there_if_set_and_equal_names_differ(tmp_path: Path) -> None:
    flags = np.array([[0, 1 << 8 + 5], [1 << 32 + 7, 1 << 8 + 23]], np.int64)
    names = BitNames(se={"SEG": 1, "a": 32}, coadd={})
    Mask(MaskKey.own(), encode(flags), names).to_fits(tmp_path / "mask.fits")
    header, image = opened(tmp_path / "mask.fits")["REASONS"]
    for name, pixel in (("SE_A", (0, 1)), ("COADD_BIT_7", (1, 0)), ("SE_OTHER", (1, 1))):
        assert image[pixel] == 1 << header[f"MP_{name}"]
    assert header["MP_SE_SEG"] == 0
    assert "MP_SE_SEG_0" in header
    assert "CRVAL1" not in header


def test_more_bits_than_an_integer_has_take_a_longer_one(tmp_path: Path) -> None:
    flags = (1 << np.arange(56, dtype=np.int64)).reshape(7, 8)
    Mask(MaskKey.own(), encode(flags)).to_fits(tmp_path / "mask.fits")
    _, image = opened(tmp_path / "mask.fits")["REASONS"]
    assert image.dtype.itemsize == 8
    np.testing.assert_array_equal(image, flags)


@pytest.mark.parametrize("extension", ["MASK", "REASONS"])
def test_wcs_is_that_of_the_exported_pixels(extension: str, mask: Mask, tmp_path: Path) -> None:
    mask.cutout(5, 25, 7, 38).to_fits(tmp_path / "cut.fits")
    header, _ = opened(tmp_path / "cut.fits")[extension]
    assert (header["X0"], header["Y0"]) == (5, 7)
    x, y = np.array([0.0, 19.0]), np.array([0.0, 30.0])
    expected = grid_of(EPOCHS[KEY].first, SHAPE).sky(x + 5, y + 7)
    np.testing.assert_allclose(WCS(header).all_pix2world(x, y, 0), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", ["mask.fits", "mask.npz", "mask.parquet", "mask.png"])
def test_same_mask_gives_the_same_bytes(name: str, mask: Mask, tmp_path: Path) -> None:
    contents = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        mask.save(tmp_path / folder / name, WIDE)
        contents.append((tmp_path / folder / name).read_bytes())
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in contents[0]


def test_npz_has_good_pixels_runs_and_provenance(mask: Mask, tmp_path: Path) -> None:
    mask.to_npz(tmp_path / "mask.data", WIDE)
    with np.load(tmp_path / "mask.data") as file:
        np.testing.assert_array_equal(file["good"], mask.good(WIDE))
        image = np.repeat(file["flags"], file["lengths"]).reshape(SHAPE[::-1]).T
        np.testing.assert_array_equal(image, FLAGS)
        assert {name: str(file[name]) for name in mask.provenance(WIDE).facts} == mask.provenance(WIDE).texts()
        assert "True is good" in str(file["meaning"])
        assert json.loads(str(file["wcs"])) == dict(mask.grid.wcs.keywords)


def test_parquet_has_provenance_beside_the_runs(mask: Mask, tmp_path: Path) -> None:
    mask.save(tmp_path / "mask.parquet", WIDE)
    metadata = {
        key.decode(): value.decode() for key, value in pq.read_schema(tmp_path / "mask.parquet").metadata.items()
    }
    facts = mask.provenance(WIDE).texts()
    assert {name: metadata[f"goodpix.{name}"] for name in facts} == facts
    assert "flags & 255 is 0 where pixels are good" in metadata["goodpix.meaning"]
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "mask.parquet"), mask.recut(WIDE).runs())


def test_picture_has_provenance_in_its_texts(mask: Mask, tmp_path: Path) -> None:
    from PIL import Image

    mask.save(tmp_path / "mask.png", WIDE)
    with Image.open(tmp_path / "mask.png") as picture:
        texts = mask.provenance(WIDE).texts()
        assert {name: picture.info[name] for name in texts} == texts


@pytest.mark.parametrize(
    "name", ["x[1].fits", "!x.fits", " x.fits", "x(other).fits", "mem:.fits", "x.fits.gz.fits", "x.fits.gz"]
)
def test_letters_of_a_name_are_no_commands(
    name: str, mask: Mask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for good in (True, False):  # the second replaces the first
        mask.to_fits(name, good=good)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with (tmp_path / name).open("rb") as file, fits.open(file) as hdus:
        assert hdus["MASK"].header["BAND"] == "r"
        np.testing.assert_array_equal(hdus["MASK"].data, mask.bad())


def test_missing_folder_is_an_error_of_one_line(mask: Mask, tmp_path: Path) -> None:
    with pytest.raises(OutputFolderError, match=r"\A[^\n]+missing/mask\.fits: cannot be written: there is no folder "):
        mask.to_fits(tmp_path / "missing" / "mask.fits")


BOXES = [{"expnum": 2, "box": [3, 9, y, y + 1]} for y in range(0, 20, 2)]
CUT = Selection(border=1, exclude=BOXES)
IN_BOXES = np.zeros(SHAPE, np.bool_)
IN_BOXES[0:20:2, 3:9] = True
ON_BORDER = np.ones(SHAPE, np.bool_)
ON_BORDER[1:-1, 1:-1] = False


def test_excluded_pixels_are_no_own_cuts_among_the_reasons(mask: Mask, tmp_path: Path) -> None:
    mask.to_fits(tmp_path / "mask.fits", CUT)
    found = opened(tmp_path / "mask.fits")
    header, image = found["REASONS"]
    assert (IN_BOXES & ON_BORDER).any()
    np.testing.assert_array_equal(image >> header["MP_EXCLUDED"] & 1, IN_BOXES)
    np.testing.assert_array_equal(image >> header["MP_OWN_CUT"] & 1, ON_BORDER & ~IN_BOXES)
    assert header[f"MSKD{header['MP_EXCLUDED']:04d}"] == "excluded by the selection"
    np.testing.assert_array_equal(found["MASK"][1], mask.bad(CUT))
    assert header["SELECT"] == str(CUT)


def test_image_that_is_excluded_as_a_whole_is_so_in_every_file(mask: Mask, tmp_path: Path) -> None:
    whole = Selection(border=1, exclude=["ccdnum=12"])
    for name in ("mask.fits", "mask.npz", "mask.parquet"):
        mask.save(tmp_path / name, whole)
    header, image = opened(tmp_path / "mask.fits")["REASONS"]
    assert (image >> header["MP_EXCLUDED"] & 1).all()
    assert not (image >> header["MP_OWN_CUT"] & 1).any()
    assert np.load(tmp_path / "mask.npz")["excluded"].all()
    assert (pd.read_parquet(tmp_path / "mask.parquet")["flags"] & EXCLUDED != 0).all()


def test_npz_says_which_pixels_are_excluded(mask: Mask, tmp_path: Path) -> None:
    mask.to_npz(tmp_path / "mask.npz", CUT)
    mask.to_npz(tmp_path / "none.npz")
    found = np.load(tmp_path / "mask.npz")
    np.testing.assert_array_equal(found["excluded"], IN_BOXES)
    np.testing.assert_array_equal(found["good"], (FLAGS == 0) & ~IN_BOXES & ~ON_BORDER)
    assert "excluded: True is excluded by the selection" in str(found["meaning"])
    assert not np.load(tmp_path / "none.npz")["excluded"].any()


def test_parquet_tells_exclusions_from_own_cuts(mask: Mask, tmp_path: Path) -> None:
    mask.save(tmp_path / "mask.parquet", CUT)
    rows = pd.read_parquet(tmp_path / "mask.parquet")
    flags = np.zeros(SHAPE, np.int64)
    for x, y, length, value in rows.itertuples(index=False):
        flags[y : y + length, x] = value
    np.testing.assert_array_equal(flags & EXCLUDED != 0, IN_BOXES)
    np.testing.assert_array_equal(flags & OWN_CUT != 0, IN_BOXES | ON_BORDER)
    np.testing.assert_array_equal(flags & 255 == 0, mask.good(CUT))
    text = (pq.read_schema(tmp_path / "mask.parquet").metadata or {})[b"goodpix.meaning"].decode()
    assert text.endswith("128 is an own cut (OWN_CUT), beside 1 << 56 an exclusion (EXCLUDED)")


def test_name_of_no_format_is_refused() -> None:
    assert check_mask_name("a.b/mask.FITS", good=True) == ".fits"
    with pytest.raises(UsageError, match=r"mask\.jpg: expected a name that ends in .*, \.parquet or \.reg"):
        check_mask_name("mask.jpg")
    with pytest.raises(UsageError, match=r"mask\.npz: only FITS images have 1 for good pixels"):
        check_mask_name("mask.npz", good=True)
