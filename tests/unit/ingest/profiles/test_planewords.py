"""Facts about words in names of files and extensions."""

from pathlib import Path

import pytest

from goodpix.ingest.profiles.planewords import n_common, role_of, same_stem, word_of


@pytest.mark.parametrize(
    ("name", "plane"),
    [
        ("a.weight.fits", "weight"),
        ("a_flag.fits.fz", "mask"),
        ("a_segmap.fits", "seg"),
        ("a_sci2.fits", "image"),
        ("c4d_1_oow_r_v1.fits.fz", "weight"),
        ("c4d_1_ood_r_v1.fits.fz", "mask"),
        ("c4d_1_ooi_r_v1.fits.fz", "image"),
        ("mask.fits", ""),
        ("m31_r.fits", ""),
    ],
)
def test_end_of_a_name_tells_the_plane(name: str, plane: str) -> None:
    assert role_of(Path(name)) == plane


@pytest.mark.parametrize(("name", "word"), [("SCI1", "SCI"), ("dq_2", "DQ"), ("N4", ""), ("", "")])
def test_name_of_an_extension_tells_the_word(name: str, word: str) -> None:
    assert word_of(name) == word


@pytest.mark.parametrize(
    ("name", "image", "same"),
    [
        ("a.weight.fits", "a.fits", True),
        ("a_wht.fits", "a_sci.fits", True),
        ("b_wht.fits", "a_sci.fits", False),
        ("c_oow_r_v1.fits", "c_ooi_r_v1.fits", True),
        ("a.fits", "a.fits", False),
    ],
)
def test_files_of_one_image_differ_in_a_word(name: str, image: str, same: bool) -> None:
    assert same_stem(Path(name), Path(image)) is same


def test_common_letters_are_counted() -> None:
    assert [n_common("abc", "abd"), n_common("a", "ab"), n_common("", "a")] == [2, 1, 0]
