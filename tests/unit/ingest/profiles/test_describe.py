"""Drafts of descriptions, and ingests by them as they are printed."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from astropy.io import fits

from goodpix.ingest.profiles.describe import draft_description
from goodpix.ingest.profiles.description import Description
from goodpix.ingest.profiles.files import Files
from goodpix.schema.errors import GoodpixError, UsageError

from ....lsstfiles import OLD, write_visit_image
from ....ownfiles import own_planes, wcs_cards, write_own_files

FLOAT, WORDS = np.ones((4, 5), np.float32), np.ones((4, 5), np.int16)
PLANES: tuple[npt.NDArray[Any], ...] = (FLOAT, FLOAT, WORDS)


def write(path: Path, *units: tuple[str, npt.NDArray[Any]], **cards: Any) -> Path:
    """Write a file with extensions of some names."""
    primary = fits.PrimaryHDU()
    primary.header.update({"EXPNUM": 7, "FILTER": "r", "CCDNUM": 3, **cards})
    made = [fits.ImageHDU(pixels, name=name) for name, pixels in units]
    for unit in made:
        unit.header.update(wcs_cards((4, 5)))
    fits.HDUList([primary, *made]).writeto(path)
    return path


def parsed(tmp_path: Path, *given: Path) -> Description:
    path = tmp_path / "my.yaml"
    path.write_text(draft_description(given))
    return Description.read(path)


@pytest.mark.parametrize(
    ("names", "meaning"),
    [
        (("SCI", "WHT", "DQ"), "inverse variance"),
        (("SCI", "ERR", "DQ"), "sigma"),
        (("IMAGE", "VARIANCE", "MASK"), "variance"),
        (("", "", ""), "inverse variance"),
    ],
)
def test_extensions_are_known_by_name_or_else_by_type(tmp_path: Path, names: tuple[str, ...], meaning: str) -> None:
    path = write(tmp_path / "a.fits", (names[0], FLOAT), (names[1], FLOAT), (names[2], WORDS))
    description = parsed(tmp_path, path)
    assert description.mask is not None
    profile = Files(description)
    (ccd,) = profile.read(path, {}).src_info
    assert (ccd.image_ext, ccd.weight_ext, ccd.bmask_ext, ccd.name) == (1, 2, 3, "7/3")
    assert ccd.files["weight"].conversion is not None
    assert ccd.files["weight"].conversion.meaning == meaning
    assert ("a guess" in draft_description([path]).splitlines()[1]) == (names[0] == "")


def test_extensions_of_several_ccds_go_together(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", *[(f"{name}{n}", FLOAT) for n in (1, 2) for name in ("SCI", "WHT")], CCDNUM="no")
    with fits.open(path, mode="update") as file:
        for number, unit in enumerate(file[1:]):
            unit.header["CHIP"] = number // 2 + 1
    profile = Files(parsed(tmp_path, path))
    found = [(ccd.ccdnum, ccd.image_ext, ccd.weight_ext) for ccd in profile.read(path, {}).src_info]
    assert found == [(1, 1, 2), (2, 3, 4)]


@pytest.mark.parametrize("ends", [("", ".weight", "_flag"), ("_sci", "_wht", "_msk"), (".image", ".wgt", ".mask")])
def test_planes_in_other_files_are_known_by_their_names(tmp_path: Path, ends: tuple[str, ...]) -> None:
    for name in ("a1", "a2"):
        for end, pixels in zip(ends, PLANES, strict=True):
            write(tmp_path / f"{name}{end}.fits", ("X", pixels), EXPNUM=int(name[1:]))
    profile = Files(parsed(tmp_path, tmp_path))
    paths = profile.find([], {})
    assert [path.name for path in paths[: 2 if ends[0] else None] if path.name.endswith(f"{ends[0]}.fits")][:1] == [
        f"a1{ends[0]}.fits"
    ]
    (ccd,) = profile.read(tmp_path / f"a2{ends[0]}.fits", {}).src_info
    assert [Path(ccd.weight_path).name, Path(ccd.bmask_path).name] == [f"a2{end}.fits" for end in ends[1:]]


def test_what_is_missing_is_a_comment(tmp_path: Path) -> None:
    write_own_files(tmp_path / "raw")
    text = draft_description([tmp_path / "raw"])
    assert "expnum is missing" in text
    assert "wcs: 0" in text
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"key\.expnum is missing"):
        Description.read(path)


def test_bits_that_are_set_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.fits", ("SCI", FLOAT), ("WHT", FLOAT), ("DQ", own_planes(71)["dq"]))
    assert "bits set: 1, 4, 16, 64;" in draft_description([path])


def test_files_of_known_profiles_are_said_first(tmp_path: Path) -> None:
    first = draft_description([write_visit_image(tmp_path / "visit.fits", OLD)]).splitlines()[0]
    assert first == f"# This looks like lsst: goodpix ingest --profile lsst {tmp_path}"
    path = write(tmp_path / "c4d_1_ooi_r_v1.fits", ("N1", FLOAT))
    first = draft_description([path]).splitlines()[0]
    assert first == f"# This looks like noirlab-cp: goodpix ingest --profile noirlab-cp --no-segment {tmp_path}"
    (tmp_path / "x_pizza_cutter_info.yaml").write_text("")
    assert draft_description([tmp_path]) == f"# This looks like des-pizza-cutter: goodpix ingest {tmp_path}"


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.fits", ("SCI", FLOAT), ("WHT", FLOAT), ("DQ", WORDS)).read_bytes()
    path = tmp_path / "b.fits"
    rng = np.random.default_rng(3)
    for length in (0, 100, 2880, 6000, len(whole) - 2880):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 40):
            damaged[place] = rng.integers(256)
        for content in (whole[:length], bytes(damaged)):
            path.write_bytes(content)
            assert said_of(path).startswith(("# ", f"{path}"))


def said_of(path: Path) -> str:
    """Return the draft, or the error that names the file."""
    try:
        return draft_description([path])
    except GoodpixError as error:
        return str(error)


def test_folder_without_fits_files_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no FITS file: expected names that end in \.fits"):
        draft_description([tmp_path])
    with pytest.raises(UsageError, match="no such file or folder"):
        draft_description([tmp_path / "a"])
