"""Facts about the identity of profiles."""

import pytest

from goodpix.schema.errors import UsageError
from goodpix.schema.inputs.profile import DES_PIZZA_CUTTER, ProfileId


@pytest.mark.parametrize("name", [None, "", "des", "des-pizza-cutter"])
def test_masks_of_the_dark_energy_survey_name_its_profile_as_before_profiles(name: str | None) -> None:
    found = ProfileId.recorded(name, None)
    assert found == DES_PIZZA_CUTTER
    assert (found.stored_name, found.metadata, found.fingerprinted) == ("des", {"goodpix.profile": "des"}, {})


def test_masks_of_another_profile_name_it_and_its_version() -> None:
    found = ProfileId.recorded("noirlab-cp", "2")
    assert str(found) == "noirlab-cp (version 2)"
    assert found.metadata == {"goodpix.profile": "noirlab-cp", "goodpix.profile_version": "2"}
    assert found.fingerprinted == {"profile": ["noirlab-cp", "2"]}


@pytest.mark.parametrize("name", ["des", "", "two words", "a\n", "-a", "é", 3])
def test_name_is_a_word_that_no_other_profile_has(name: str) -> None:
    with pytest.raises(UsageError, match=r"the name of a profile is .*: expected a word such as noirlab-cp"):
        ProfileId(name, "1")


def test_version_is_a_word() -> None:
    with pytest.raises(UsageError, match=r"the version of a profile is '': expected a word such as 1.2"):
        ProfileId("a", "")
