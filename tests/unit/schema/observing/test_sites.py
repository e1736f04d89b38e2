"""Facts about the sites of profiles."""

import erfa
import numpy as np
import pytest

from goodpix.schema.inputs.profile import DES_PROFILE
from goodpix.schema.observing.sites import CERRO_TOLOLO, site_of


@pytest.mark.parametrize("profile", [DES_PROFILE, None])
def test_des_and_masks_without_a_profile_are_of_cerro_tololo(profile: str | None) -> None:
    assert site_of(profile) == CERRO_TOLOLO


def test_profile_without_a_site_has_none() -> None:
    assert site_of("noirlab-cp") is None


def test_site_has_the_degrees_of_the_sexagesimal_coordinates() -> None:
    found = (CERRO_TOLOLO.longitude, CERRO_TOLOLO.latitude)
    expected = np.degrees([erfa.af2a("-", 70, 48, 23.49), erfa.af2a("-", 30, 10, 10.78)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
