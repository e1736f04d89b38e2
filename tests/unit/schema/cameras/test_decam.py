"""Amplifiers of DECam."""

import pytest

from goodpix.query.focalplane import FOCAL_PLANE
from goodpix.schema.cameras.decam import A_IS_HIGH, DECAM_PROFILES, decam_sections
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
