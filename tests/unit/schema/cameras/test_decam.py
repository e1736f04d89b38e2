"""Amplifiers and filters of DECam."""

import pytest

from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.schema.cameras.decam import A_IS_HIGH, DECAM_PROFILES, FILTERS, decam_sections, passband
from goodpix.schema.inputs.profile import DES_PROFILE


@pytest.mark.parametrize(
    ("ccdnum", "sections"),
    [
        (1, ("[1025:2048,1:4096]", "[1:1024,1:4096]")),
        (31, ("[1025:2048,1:4096]", "[1:1024,1:4096]")),
        (32, ("[1:1024,1:4096]", "[1025:2048,1:4096]")),
        (62, ("[1:1024,1:4096]", "[1025:2048,1:4096]")),
    ],
)
def test_amplifier_a_reads_large_x_on_ccds_up_to_31(ccdnum: int, sections: tuple[str, str]) -> None:
    assert decam_sections(ccdnum) == sections


def test_amplifiers_agree_with_the_focal_plane() -> None:
    assert [ccd.ccdnum for ccd in FOCAL_PLANE.values() if ccd.a_is_high] == list(A_IS_HIGH)


def test_images_of_des_are_of_decam() -> None:
    assert DES_PROFILE in DECAM_PROFILES


def test_filter_passes_half_its_width_to_either_side_of_its_centre() -> None:
    red = passband("r")
    assert (red.shortest, red.longest) == (567.5e-9, 715.5e-9)
    assert red.resolving_power == pytest.approx(4.33, abs=0.01)


def test_broad_filters_follow_each_other() -> None:
    bands = [passband(band) for band in ("u", "g", "r", "i", "z", "Y")]
    assert [each.centre for each in bands] == sorted(each.centre for each in bands)
    assert {passband(band).width > 900 for band in FILTERS if band != "N964"} == {True}
