"""The demonstration, of tiles of any size."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from astropy.io import fits

import goodpix
from goodpix.cli.ingest import _program
from goodpix.demo import run_demo
from goodpix.ingest.synthetic import SMALL

from .conftest import Run
from .survey import SPEC, Survey

ONE_BAND = replace(SPEC, bands=("i",), n_epochs=2)


@pytest.fixture(autouse=True)
def _meds_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what the demonstration sets put back afterwards."""
    monkeypatch.setenv("MEDS_DIR", "nowhere")


def test_demo_is_of_the_tile_that_is_asked_for(tmp_path: Path) -> None:
    made = run_demo(tmp_path / "demo", ONE_BAND)
    assert (made.report.n_epochs, made.report.n_failures) == (2, 0)
    assert set(made.epochs.band) == {"i"}
    assert set(made.epochs.n_pixels) == {ONE_BAND.ccd_shape[0] * ONE_BAND.ccd_shape[1]}
    assert made.picture is not None
    assert made.picture.read_bytes().startswith(b"\x89PNG")
    assert os.environ["MEDS_DIR"] == str(made.survey)


def test_demo_of_the_same_tile_makes_nothing_again(tmp_path: Path) -> None:
    run_demo(tmp_path, ONE_BAND)
    again = run_demo(tmp_path, ONE_BAND)
    assert (again.report.n_epochs, again.report.n_unchanged) == (0, 2)


def test_demo_that_was_interrupted_is_made_whole(tmp_path: Path) -> None:
    made = run_demo(tmp_path, ONE_BAND)
    (made.survey / "tile.json").unlink()
    assert run_demo(tmp_path, ONE_BAND).report.n_failures == 0


@pytest.mark.parametrize("n_left", [0, 1])
def test_demo_whose_epochs_fail_says_where_to_look_and_exits_1(n_left: int, survey: Survey, cli: Run) -> None:
    """Where all fail, there is nothing to draw."""
    asked_for = {name: value for name, value in asdict(SMALL).items() if value is not None}
    (survey.folder / "tile.json").write_text(json.dumps(asked_for, indent=1))
    images = sorted(survey.folder.rglob("*_immasked.fits.fz"))
    for image in images[n_left:]:
        image.unlink()
    folder = survey.folder.parent
    done = cli("demo", folder)
    assert done.status == 1, done.err
    made = "1 epoch made" if n_left == 1 else f"{n_left} epochs made"
    assert done.lines[-2].startswith(f"1 tile in 2 bands: {made}, 0 up to date, {len(images) - n_left} failed")
    assert done.lines[-1].startswith(f"list the failures: goodpix failures --db {folder / 'goodpix.db'}")
    assert (folder / "mask.png").exists() == ("mask.png" in done.out) == bool(n_left)


def test_demo_of_noirlab_cp_is_an_exposure_of_three_ccds(tmp_path: Path, cli: Run) -> None:
    done = cli("demo", "--profile", "noirlab-cp", tmp_path)
    assert done.status == 0, done.err
    assert (tmp_path / "mask.png").read_bytes().startswith(b"\x89PNG")
    assert os.environ["MEDS_DIR"] == "nowhere"
    names = sorted(path.name for path in (tmp_path / "survey").glob("*.fits.fz"))
    assert names == [f"c4d_181214_050844_oo{letter}_r_v1.fits.fz" for letter in "diw"]
    with fits.open(tmp_path / "survey" / names[2], disable_image_compression=True) as file:
        assert {unit.header["ZQUANTIZ"] for unit in file[1:]} == {"SUBTRACTIVE_DITHER_1"}
    with goodpix.Catalogue(tmp_path / "goodpix.db") as catalogue:
        epochs = catalogue.epochs()
        assert epochs.ccdnum.tolist() == [25, 26, 27]
        assert epochs.wcs_ok.all()
        assert epochs.n_se_seg.isna().all()
        assert epochs.src_index.isna().all()
        named = set(catalogue.bits().name)
        assert named == {"BAD", "SATURATED", "BLEED", "COSMIC_RAY", "DIFFERENCE", "STREAK"}
        sky = catalogue.background()
        # the sky is kept
        assert sky.level.tolist() == pytest.approx([424.0] * 3, abs=10)
    for ccdnum in (25, 26, 27):
        checked = cli("check", "c4d_181214_050844", "r", 802955, ccdnum, "--db", tmp_path / "goodpix.db")
        assert checked.status == 0, checked.out
    again = cli("demo", "--profile", "noirlab-cp", tmp_path)
    assert (again.status, "nothing to do" in again.err) == (0, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--profile", "lsst"), "profile 'lsst' has no demonstration: expected des-pizza-cutter or noirlab-cp"),
        (("--profile", "noirlab-cp", "--full"), "profile noirlab-cp has no tiles"),
    ],
)
def test_demo_that_there_is_not_is_refused(tmp_path: Path, cli: Run, options: tuple[str, ...], message: str) -> None:
    done = cli("demo", *options, tmp_path / "demo")
    assert (done.status, message in done.err) == (2, True)
    assert not (tmp_path / "demo").exists()


def test_demo_in_the_folder_of_the_other_kind_is_refused(tmp_path: Path, cli: Run) -> None:
    run_demo(tmp_path, ONE_BAND)
    done = cli("demo", "--profile", "noirlab-cp", tmp_path)
    assert (done.status, "holds a different tile" in done.err) == (2, True)


def in_shell(command: str, folder: Path) -> str:
    """Return what a command prints in a folder, without settings of ours."""
    settings = ("GOODPIX_DB", "GOODPIX_MASKS", "MEDS_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("profile", ["des-pizza-cutter", "noirlab-cp"])
def test_demo_ends_with_three_commands_that_work(tmp_path: Path, profile: str) -> None:
    printed = in_shell(f"{sys.executable} -m goodpix demo --profile {profile} 'my demo'", tmp_path).splitlines()
    commands = printed[printed.index("Try:") + 1 :]
    assert len(commands) == 3
    assert all(in_shell(each, tmp_path) for each in commands)
    assert (tmp_path / "my demo" / "wide.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("called", "program"),
    [("bin/goodpix", "bin/goodpix"), ("on path/goodpix", "goodpix"), ("bin/pytest", f"{sys.executable} -m goodpix")],
)
def test_program_is_shown_as_a_shell_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str, program: str
) -> None:
    for folder in ("bin", "on path"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "goodpix").touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "on path"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / called)])
    assert _program() == program
