"""The demonstration, of tiles of any size."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

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
    (survey.folder / "tile.json").write_text(json.dumps(asdict(SMALL), indent=1))
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
