"""Facts about the profile of info files."""

import pickle
from pathlib import Path

import pytest

from goodpix.ingest.profiles.des_pizza_cutter import DesPizzaCutter, campaign_of
from goodpix.ingest.profiles.protocol import Profile
from goodpix.schema.bits import DES_Y6
from goodpix.schema.errors import UsageError


def test_profile_keeps_the_protocol_and_can_be_sent_to_a_worker() -> None:
    profile: Profile = pickle.loads(pickle.dumps(DesPizzaCutter()))
    assert (profile.identity.name, profile.bit_names) == ("des-pizza-cutter", DES_Y6)


def test_campaign_is_the_grandparent_folder(tmp_path: Path) -> None:
    path = tmp_path / "y6-v8" / "info" / "a_pizza_cutter_info.yaml"
    path.parent.mkdir(parents=True)
    path.touch()
    profile = DesPizzaCutter()
    assert profile.find([tmp_path], {}) == [path]
    assert profile.campaign(path, {}) == campaign_of(path) == "y6-v8"


def test_folder_without_info_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the folder contains no \*_pizza_cutter_info\.yaml"):
        DesPizzaCutter().find([tmp_path], {})
