"""A profile that another package brings, from the command line to a rebuilt catalogue."""

from pathlib import Path

import pytest

import goodpix
from goodpix.schema.database import open_for_reading
from goodpix.schema.errors import AmbiguousInputError
from goodpix.schema.inputs.profile import ProfileId
from goodpix.schema.maskfile import MaskFile

from ..profilepackage import install_profile
from .conftest import Run
from .survey import Survey, epochs, failures, the_file

CODE = """
from goodpix.ingest.profiles.des_pizza_cutter import DesPizzaCutter
from goodpix.schema.bits import BitNames
from goodpix.schema.inputs.profile import ProfileId

class Mine(DesPizzaCutter):
    identity = ProfileId("mine", "{version}")
    summary = "images of mine"
    bit_names = BitNames(se={{"HOT": 1}}, coadd={{}})
    settings = {{"only": "band to ingest"}}

    def read(self, path, settings):
        info = super().read(path, settings)
        if info.band != settings.get("only", info.band):
            raise KeyError("EXPNUM")
        return info

PROFILE = Mine()
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a profile that is installed."""
    install_profile(tmp_path / "site", "profiles_mine", CODE.format(version="3"), mine="PROFILE")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return "mine"


def profile_of(survey: Survey) -> ProfileId:
    with open_for_reading(survey.database) as database:
        return database.identity.profile


def test_profiles_are_listed_by_name_version_and_meaning(mine: str, cli: Run) -> None:
    done = cli("profiles")
    lines = [line.split(maxsplit=2) for line in done.out.splitlines()]
    assert lines[0] == ["name", "version", "summary"]
    assert (done.status, done.err, lines[1][:2], lines[-1]) == (
        0,
        "",
        ["des-pizza-cutter", "1"],
        ["mine", "3", "images of mine"],
    )


def test_broken_profile_is_named_on_standard_error(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_profile(tmp_path / "site", "profiles_broken", "raise ValueError('no')", broken="PROFILE")
    monkeypatch.syspath_prepend(tmp_path / "site")
    done = cli("profiles")
    assert (done.status, "broken" in done.out) == (0, False)
    assert done.err == (
        "goodpix: profile broken cannot be used: profiles_broken:PROFILE: cannot be loaded (ValueError: no)\n"
    )


def test_catalogue_remembers_its_profile_and_a_rebuild_finds_it(survey: Survey, mine: str, cli: Run) -> None:
    where = ["--db", survey.database, "--masks", survey.masks]
    assert cli("ingest", survey.folder, "--profile", mine, *where).status == 0
    assert profile_of(survey) == ProfileId("mine", "3")
    assert set(epochs(survey).profile) == {"mine"}
    file = MaskFile.open(the_file(survey))
    assert (file.profile_id, dict(file.bit_names.se)) == (ProfileId("mine", "3"), {"HOT": 1})
    survey.database.unlink()
    goodpix.rebuild(survey.database, survey.masks)
    assert profile_of(survey) == ProfileId("mine", "3")
    with survey.catalogue() as catalogue:
        assert "HOT" in set(catalogue.bits()["name"])


def test_two_profiles_in_one_catalogue_are_refused_and_both_named(stored: Survey, mine: str, cli: Run) -> None:
    done = cli("ingest", stored.folder, "--profile", mine, "--db", stored.database)
    assert (done.status, len(done.lines)) == (2, 1)
    assert "profile is mine, but the catalogue" in done.err
    assert "was made with des-pizza-cutter: use another --db and --masks for it" in done.err
    assert profile_of(stored).is_des


def test_other_way_round_is_refused_too(survey: Survey, mine: str) -> None:
    survey.ingest(profile=mine)
    with pytest.raises(AmbiguousInputError, match=r"profile is des-pizza-cutter, but .* was made with mine"):
        survey.ingest()


def test_new_version_of_a_profile_makes_masks_again(
    survey: Survey, mine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    survey.ingest(profile=mine)
    before = epochs(survey)
    assert survey.ingest(profile=mine).n_unchanged == 6
    monkeypatch.undo()
    monkeypatch.setenv("MEDS_DIR", str(survey.folder))
    install_profile(tmp_path / "new", "profiles_newer", CODE.format(version="4"), mine="PROFILE")
    monkeypatch.syspath_prepend(tmp_path / "new")
    assert survey.ingest(profile="mine").n_epochs == 6
    assert profile_of(survey) == ProfileId("mine", "4")
    after = epochs(survey)
    for column in ("fingerprint", "se_fingerprint"):
        assert not set(before[column]) & set(after[column])
    newest = max((survey.masks / "r").glob("*_g2_*.parquet"))
    assert MaskFile.open(newest).profile_id.version == "4"


def test_error_in_a_profile_is_a_failure_of_its_file_alone(survey: Survey, mine: str, cli: Run) -> None:
    where = ["--db", survey.database, "--masks", survey.masks]
    done = cli("ingest", survey.folder, "--profile", mine, "--set", "only=r", *where)
    assert (done.status, len(epochs(survey))) == (1, 3)
    assert failures(survey).message.tolist() == [f"{survey.info_path('i')}: KeyError: 'EXPNUM'"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile", "noirlab"], "unknown profile 'noirlab'"),
        (["--set", "a=1"], "profile des-pizza-cutter has no setting a: it has none"),
        (["--set", "a"], "--set a: expected KEY=VALUE"),
    ],
)
def test_wrong_profile_or_setting_is_wrong_usage(survey: Survey, cli: Run, arguments: list[str], message: str) -> None:
    done = cli("ingest", survey.folder, "--db", survey.database, *arguments)
    assert (done.status, len(done.lines)) == (2, 1)
    assert message in done.err
    assert not survey.database.exists()
