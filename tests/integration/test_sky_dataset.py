"""Sky statistics of a survey: a folder of Parquet files that grows, whatever stops it, and joins the catalogue."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE
from typing import Any

import duckdb
import pandas as pd
import pytest

import goodpix
from goodpix.query.background import dataset as module
from goodpix.query.background.dataset import SkyDataset
from goodpix.query.background.skyrow import KEY, SKY_SCHEMA
from goodpix.schema.errors import AmbiguousInputError

from ..waiting import until
from .conftest import Run
from .deadly import make_endless, readers
from .survey import SPEC, Survey

N_EPOCHS = len(SPEC.bands) * SPEC.n_epochs


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def equal(found: pd.DataFrame, expected: pd.DataFrame) -> bool:
    """Tell whether two tables hold the same, be nulls of one kind or another."""
    both = [each.astype(object).where(each.notna(), None).to_dict("records") for each in (found, expected)]
    return both[0] == both[1]


def test_what_is_in_the_folder_is_what_was_measured(ingested: Survey, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue:
        report = catalogue.extend_background(tmp_path / "sky", box=50)
        expected = catalogue.background(box=50)
    assert (report.n_measured, report.n_known, report.problems) == (N_EPOCHS, 0, ())
    assert str(report) == "epochs: 6 measured, 0 already present, 0 unusable"
    assert equal(SkyDataset(tmp_path / "sky").read(), expected)


def test_others_read_the_folder_as_it_lies(ingested: Survey, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue:
        catalogue.extend_background(tmp_path, band="r")
        expected = catalogue.background(band="r")
    pandas = pd.read_parquet(tmp_path)
    assert pandas.columns.tolist() == SKY_SCHEMA.names
    assert sorted(pandas["median"]) == sorted(expected["median"])
    with duckdb.connect() as connection:
        total = connection.execute(f"SELECT SUM(n) FROM read_parquet('{tmp_path}/*.parquet')").fetchall()
    assert total == [(expected["n"].sum(),)]


def test_what_is_there_is_not_measured_again(stored: Survey, tmp_path: Path) -> None:
    folder = tmp_path / "sky"
    with stored.catalogue() as catalogue:
        assert catalogue.extend_background(folder, band="r").n_measured == SPEC.n_epochs
        before = {path: path.read_bytes() for path in parts(folder)}
        # it would fail
        stored.path(0, "image").unlink()
        report = catalogue.extend_background(folder)
        assert (report.n_measured, report.n_known, report.problems) == (SPEC.n_epochs, SPEC.n_epochs, ())
        assert {path: path.read_bytes() for path in before} == before
        assert len(parts(folder)) == 2
        assert catalogue.extend_background(folder).n_known == N_EPOCHS
    assert len(parts(folder)) == 2


def test_epochs_that_cannot_be_used_are_told_and_tried_again(stored: Survey, tmp_path: Path) -> None:
    image = stored.path(0, "image")
    aside = image.rename(image.with_suffix(".aside"))
    with stored.catalogue() as catalogue:
        report = catalogue.extend_background(tmp_path / "sky")
        assert report.n_measured == N_EPOCHS - 1
        (problem,) = report.problems
        assert problem.startswith(f"{SPEC.tilename} r {stored.name(0)}: ")
        assert "no such file" in problem
        assert catalogue.with_background(tmp_path / "sky")["n"].isna().sum() == 1
        aside.rename(image)
        report = catalogue.extend_background(tmp_path / "sky")
        assert (report.n_measured, report.n_known, report.problems) == (1, N_EPOCHS - 1, ())
        assert catalogue.with_background(tmp_path / "sky")["n"].notna().all()


def test_whoever_measures_adds_the_same(ingested: Survey, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue, ThreadPoolExecutor(2) as threads:
        ways: list[dict[str, Any]] = [{}, {"executor": threads}, {"workers": 2}]
        for number, way in enumerate(ways):
            catalogue.extend_background(tmp_path / str(number), **way)
    found = [SkyDataset(tmp_path / str(number)).read() for number in range(3)]
    assert equal(found[0], found[1])
    assert equal(found[0], found[2])


def test_two_who_measure_the_same_count_once(ingested: Survey, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue:
        catalogue.extend_background(tmp_path / "one", box=60)
        catalogue.extend_background(tmp_path / "two", box=60, band="r")
    for path in parts(tmp_path / "two"):
        shutil.copy(path, tmp_path / "one" / f"other-{path.name}")
    found = SkyDataset(tmp_path / "one").read()
    assert len(found) == N_EPOCHS * 3 * 2
    assert not found.duplicated([*KEY, "x0", "y0"]).any()


# Joined.


@pytest.mark.parametrize("box", [None, (128, 32)])
def test_epochs_stand_beside_their_sky(ingested: Survey, tmp_path: Path, box: Any) -> None:
    with ingested.catalogue() as catalogue:
        catalogue.extend_background(tmp_path, box=box, band="r")
        found = catalogue.with_background(tmp_path)
        epochs, sky = catalogue.epochs(), catalogue.background(box=box, band="r")
    n_parts = 1 if box is None else 2
    assert len(found) == SPEC.n_epochs * (1 + n_parts)
    assert (
        found[found["band"] == "r"][[*KEY, "n", "plane_level", "x0"]]
        .reset_index(drop=True)
        .equals(sky[[*KEY, "n", "plane_level", "x0"]].astype({"n": "Int64", "x0": "Int64"}))
    )
    assert found.loc[found["band"] == "i", ["n", "median", "problem"]].isna().all(axis=None)
    assert found.columns[: len(epochs.columns)].tolist() == epochs.columns.tolist()
    assert not [name for name in found.columns if name.endswith(("_x", "_y")) and name not in SKY_SCHEMA.names]
    assert found["n_good"].notna().all()
    of_parts = found[found["band"] == "r"]
    assert (n_parts * of_parts["n_pixels_part"] == of_parts["n_pixels"]).all()


def test_mask_that_was_made_again_has_new_numbers(stored: Survey, tmp_path: Path) -> None:
    with stored.catalogue() as catalogue:
        catalogue.extend_background(tmp_path / "sky")
        before = catalogue.with_background(tmp_path / "sky")
    stored.set_entry(0, {"scale": 2.0})
    assert stored.ingest().n_epochs == 1
    with stored.catalogue() as catalogue:
        assert catalogue.with_background(tmp_path / "sky")["n"].isna().sum() == 1
        report = catalogue.extend_background(tmp_path / "sky")
        after = catalogue.with_background(tmp_path / "sky")
    assert (report.n_measured, report.n_known) == (1, N_EPOCHS - 1)
    assert len(after) == N_EPOCHS
    assert after["n"].tolist() == before["n"].tolist()
    assert len(SkyDataset(tmp_path / "sky").read()) == N_EPOCHS + 1


def test_filters_are_about_the_epochs(ingested: Survey, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue:
        catalogue.extend_background(tmp_path)
        assert catalogue.with_background(tmp_path, band="i")["band"].unique().tolist() == ["i"]
        assert catalogue.with_background(tmp_path, band="u").empty


# One folder is of one definition.


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"selection": goodpix.Selection(border=1)}, "selection"),
        ({"box": 64}, "box"),
        ({"amplifiers": True}, "amplifiers"),
        ({"statistics": ["mean"]}, "statistics"),
        ({"subtract_background": True}, "subtract_background"),
        ({"calibrated": True}, "calibrated"),
    ],
)
def test_numbers_of_another_kind_are_refused(
    ingested: Survey, tmp_path: Path, options: dict[str, Any], name: str
) -> None:
    with ingested.catalogue() as catalogue:
        catalogue.extend_background(tmp_path, band="r")
        with pytest.raises(AmbiguousInputError, match=f"{name} is .*, not .*choose another folder"):
            catalogue.extend_background(tmp_path, **options)
    assert len(parts(tmp_path)) == 1


def test_numbers_of_another_catalogue_are_refused(ingested: Survey, survey: Survey, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue:
        catalogue.extend_background(tmp_path / "sky", band="r")
    survey.ingest()
    with survey.catalogue() as catalogue, pytest.raises(AmbiguousInputError, match="catalogue is"):
        catalogue.extend_background(tmp_path / "sky")


# Stopped.


GOODPIX = [sys.executable, "-m", "goodpix"]


def sky_command(survey: Survey, folder: Path) -> Sequence[str]:
    return ["sky", "--db", str(survey.database), "--dataset", str(folder)]


def test_stopped_by_a_signal_it_keeps_what_it_has_and_goes_on(stored: Survey, tmp_path: Path, cli: Run) -> None:
    # the last epoch's image is one that the command reads for ever
    image, folder = stored.path(2, "image"), tmp_path / "sky"
    ny, nx = stored.plane(2, "image").shape
    aside = image.rename(image.with_suffix(".aside"))
    make_endless(image, (ny, nx))
    command = [*GOODPIX, *sky_command(stored, folder), "--allow-changed"]
    with subprocess.Popen(command, text=True, stderr=PIPE, stdout=PIPE) as process:
        try:
            until(lambda: readers(image), "the image is read")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate()
        finally:
            process.kill()
    assert (process.returncode, out) == (143, ""), err
    assert "stopped: finished work is stored" in err
    assert len(SkyDataset(folder).read()) == N_EPOCHS - 1
    aside.replace(image)
    done = cli(*sky_command(stored, folder))
    assert done.status == 0, done.err
    assert f"CCD images: 1 measured, {N_EPOCHS - 1} already present, 0 unusable" in done.err
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_file_is_written_for_so_many_epochs(
    ingested: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_EPOCHS_PER_FILE", 4)
    with ingested.catalogue() as catalogue:
        catalogue.extend_background(tmp_path)
    assert sorted(len(pd.read_parquet(path)) for path in parts(tmp_path)) == [2, 4]


def test_a_thousand_masks_take_a_few_files(ingested: Survey, tmp_path: Path) -> None:
    # the same epochs under many names: what grows is the number of rows, not of pixels
    with ingested.catalogue() as catalogue:
        catalogue.extend_background(tmp_path)
        (path,) = parts(tmp_path)
        rows = pd.read_parquet(path)
    many = [rows.assign(fingerprint=[f"{number:024x}{0:040}"] * len(rows), expnum=number) for number in range(200)]
    dataset = SkyDataset(tmp_path)
    every = pd.concat(many)
    wanted = every.astype(object).where(every.notna(), None).to_dict("records")
    dataset.append([{str(name): value for name, value in row.items()} for row in wanted])
    assert len(dataset.fingerprints()) == N_EPOCHS + 200
    assert len(dataset.read([f"{7:024x}{0:040}"])) == N_EPOCHS


# The command.


def test_command_adds_and_says_how_much(stored: Survey, cli: Run, tmp_path: Path) -> None:
    options = ["--db", stored.database, "--dataset", tmp_path / "sky", "--border", "5"]
    done = cli("sky", *options, "--band", "r")
    assert (done.status, done.out) == (0, "")
    assert done.lines[-1].endswith("CCD images: 3 measured, 0 already present, 0 unusable")
    stored.path(0, "image", "i").unlink()
    done = cli("sky", *options)
    assert (done.status, done.out) == (1, "")
    assert done.lines[-1] == "CCD images that could not be used: 1"
    done = cli("sky", *options[:-2])
    assert (done.status, len(done.lines)) == (2, 1)
    assert "selection is 'border 5', not 'default'" in done.err
    assert json.loads((tmp_path / "sky" / "_goodpix-sky.json").read_text())["selection"] == "border 5"


def test_folder_that_cannot_be_written_exits_2(ingested: Survey, cli: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = cli("sky", "--db", ingested.database, "--dataset", tmp_path / "file" / "sky")
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
    assert "cannot be used as a sky dataset" in done.err
