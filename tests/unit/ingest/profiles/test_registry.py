"""Facts about profiles by name."""

from pathlib import Path

import pytest

from goodpix.ingest.profiles.des_pizza_cutter import DesPizzaCutter
from goodpix.ingest.profiles.registry import checked_settings, find_profile, installed_profiles
from goodpix.schema.errors import UsageError

from ....profilepackage import install_profile

CODE = """
from goodpix.ingest.profiles.des_pizza_cutter import DesPizzaCutter
from goodpix.schema.inputs.profile import ProfileId

class Mine(DesPizzaCutter):
    identity = ProfileId("mine", "3")
    settings = {"night": "night of the run"}

PROFILE = Mine()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path of Python."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_des_pizza_cutter_is_always_there() -> None:
    assert isinstance(find_profile("des-pizza-cutter"), DesPizzaCutter)
    assert next(iter(installed_profiles()[0])) == "des-pizza-cutter"


def test_profile_of_an_installed_package_is_found(site: Path) -> None:
    install_profile(site, "registry_mine", CODE, mine="PROFILE")
    assert find_profile("mine").identity.version == "3"
    profiles, broken = installed_profiles()
    assert (list(profiles)[-1], broken) == ("mine", {})


def test_unknown_profile_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        UsageError, match=r"unknown profile 'des', did you mean|unknown profile 'des'. Known: des-pizza"
    ):
        find_profile("des")


def test_package_that_cannot_be_imported_spoils_its_own_profile_alone(site: Path) -> None:
    install_profile(site, "registry_broken", "import no_such_module", broken="PROFILE")
    with pytest.raises(UsageError, match=r"profile broken: registry_broken:PROFILE: cannot be loaded \(ModuleNotFound"):
        find_profile("broken")
    profiles, broken = installed_profiles()
    assert ("des-pizza-cutter" in profiles, list(broken)) == (True, ["broken"])


def test_profile_has_the_name_of_its_entry_point(site: Path) -> None:
    install_profile(site, "registry_other", CODE, other="PROFILE")
    with pytest.raises(UsageError, match="its name is mine: expected that of the entry point, other"):
        find_profile("other")


def test_package_cannot_take_the_name_of_a_profile_of_goodpix(site: Path) -> None:
    install_profile(site, "registry_taken", CODE, des_pizza_cutter="PROFILE")
    profiles, broken = installed_profiles()
    assert type(profiles["des-pizza-cutter"]) is DesPizzaCutter
    assert broken == {"des-pizza-cutter": "registry_taken:PROFILE: goodpix has a profile of that name"}


def test_setting_that_the_profile_does_not_take_is_refused(site: Path) -> None:
    install_profile(site, "registry_settings", CODE, mine="PROFILE")
    assert checked_settings(find_profile("mine"), {"night": "20131115"}) == {"night": "20131115"}
    with pytest.raises(UsageError, match="profile mine has no setting day: expected night"):
        checked_settings(find_profile("mine"), {"day": "1"})
    with pytest.raises(UsageError, match="profile des-pizza-cutter has no setting night: it has none"):
        checked_settings(find_profile("des-pizza-cutter"), {"night": "1"})
