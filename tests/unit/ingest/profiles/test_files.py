"""Facts about the profile of files of any origin."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from goodpix.ingest.profiles.files import Files
from goodpix.schema.errors import GoodpixError, UsageError

from ....ownfiles import wcs_cards

KEY = "key: {expnum: EXPNUM, ccdnum: EXTVER, band: {constant: r}}\n"


def write(path: Path, units: list[tuple[str, int]], **cards: Any) -> None:
    """Write a file with extensions of some names and versions."""
    primary = fits.PrimaryHDU()
    primary.header.update({"EXPNUM": 7} | cards)
    made = [fits.ImageHDU(np.ones((4, 5), np.float32), name=name, ver=version) for name, version in units]
    for unit in made:
        unit.header.update(wcs_cards((4, 5)))
    fits.HDUList([primary, *made]).writeto(path)


def described(tmp_path: Path, text: str) -> Files:
    path = tmp_path / "my.yaml"
    path.write_text(text)
    return Files().configured([path])


def extensions(tmp_path: Path, text: str) -> list[tuple[int, int, int]]:
    profile = described(tmp_path, text)
    (path,) = profile.find([], {})
    return [(ccd.ccdnum, ccd.image_ext, ccd.weight_ext) for ccd in profile.read(path, {}).src_info]  # type: ignore[misc]


def test_names_that_occur_several_times_go_together_in_their_order(tmp_path: Path) -> None:
    write(tmp_path / "a.fits", [("SCI", 1), ("WHT", 1), ("SCI", 2), ("WHT", 2)])
    text = "image: {files: a.fits, ext: sci}\nweight: {ext: WHT}\n" + KEY
    assert extensions(tmp_path, text) == [(1, 1, 2), (2, 3, 4)]


def test_star_in_a_name_is_what_it_is_in_the_image(tmp_path: Path) -> None:
    write(tmp_path / "a.fits", [("W_N1", 1), ("W_S2", 2), ("I_S2", 2), ("I_N1", 1)])
    text = 'image: {files: a.fits, ext: "I_*"}\nweight: {ext: "W_*"}\n' + KEY
    assert extensions(tmp_path, text) == [(2, 3, 2), (1, 4, 1)]


def test_lists_of_extensions_go_together_in_their_order(tmp_path: Path) -> None:
    write(tmp_path / "a.fits", [("A", 1), ("B", 2), ("C", 1), ("D", 2)])
    assert extensions(tmp_path, "image: {files: a.fits, ext: [1, 2]}\nweight: {ext: [C, D]}\n" + KEY) == [
        (1, 1, 3),
        (2, 2, 4),
    ]


def test_plane_in_another_file_has_the_name_of_the_image(tmp_path: Path) -> None:
    write(tmp_path / "a.fits", [("N1", 1), ("N2", 2)])
    write(tmp_path / "w.fits", [("N2", 2), ("N1", 1)])
    text = 'image: {files: a.fits, ext: "N*"}\nweight: {files: w.fits}\n' + KEY
    assert extensions(tmp_path, text) == [(1, 1, 2), (2, 2, 1)]


def test_file_of_one_ccd_is_named_by_exposure_and_ccd(tmp_path: Path) -> None:
    write(tmp_path / "a.fits", [("SCI", 4), ("WHT", 4)])
    profile = described(tmp_path, "image: {files: a.fits, ext: SCI}\nweight: {ext: WHT}\n" + KEY)
    assert profile.read(tmp_path / "a.fits", {}).tilename == "7-004"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image: {files: a.fits}\nweight: {ext: WHT}", "its images are SCI, WHT: expected .*image.ext to name one"),
        ("image: {files: a.fits, ext: SCI}\nweight: {ext: VAR}", "no extension 'VAR'"),
        ("image: {files: a.fits, ext: 'X*'}\nweight: {ext: WHT}", r"it has no image whose EXTNAME is like X\*"),
        ("image: {files: a.fits, ext: SCI}\nweight: {ext: [1, 2]}", "weight.ext has 2 extensions: expected 1"),
        ("image: {files: a.fits, ext: SCI}\nweight: {ext: WHT}\nwcs: 0", "a.fits"),
    ],
)
def test_file_that_is_not_as_described_is_named(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path / "a.fits", [("SCI", 1), ("WHT", 1)])
    with pytest.raises(GoodpixError, match=message):
        described(tmp_path, f"{text}\n{KEY}").read(tmp_path / "a.fits", {})


def test_pattern_without_a_file_says_what_was_looked_for(tmp_path: Path) -> None:
    profile = described(tmp_path, "image: {files: 'b*/a_*.fits', ext: 0}\nweight: {ext: 1}\n" + KEY)
    with pytest.raises(UsageError, match=r"image.files is .*/b\*/a_\*\.fits: no such file"):
        profile.find([], {})


def test_two_descriptions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected one YAML file"):
        Files().configured([tmp_path / "a.yaml", tmp_path / "b.yaml"])
