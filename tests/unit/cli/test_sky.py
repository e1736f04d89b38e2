"""The command for sky statistics: its box sizes, its rows and what it refuses."""

import io
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from goodpix.cli.app import app
from goodpix.cli.sky import _box
from goodpix.schema.errors import UsageError

from ...maskcatalogue import EPOCHS, MaskCatalogue


@pytest.mark.parametrize(
    ("text", "box"),
    [(None, None), ("256", (256, 256)), ("256x128", (256, 128)), ("256X128", (256, 128)), ("7x", (7, 7))],
)
def test_box_is_rows_by_columns(text: str | None, box: tuple[int, int] | None) -> None:
    assert _box(text) == box


@pytest.mark.parametrize("text", ["", "wide", "x5", "5x5x5", "1.5", "5,5"])
def test_box_that_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"--box {text}: expected ROWS or ROWSxCOLUMNS, such as 256"):
        _box(text)


def test_rows_are_of_the_statistics_that_are_asked_for(mask_catalogue: MaskCatalogue) -> None:
    options = ["--statistic", "mean", "--box", "20x30", "--allow-changed", "--format", "csv"]
    done = CliRunner().invoke(app, ["sky", "--db", mask_catalogue.url, *options])
    assert (done.exit_code, done.stderr) == (0, "")
    found = pd.read_csv(io.StringIO(done.stdout))
    assert len(found) == 2 * len({(key.band, key.expnum, key.ccdnum) for key in EPOCHS})
    assert ("n_tiles" in found, "tilename" in found) == (True, False)
    assert ("mean" in found, "median" in found) == (True, False)


def test_epochs_that_cannot_be_used_are_counted_and_exit_1(mask_catalogue: MaskCatalogue) -> None:
    # what their fingerprints were made of is not what the files are
    done = CliRunner().invoke(app, ["sky", "--db", mask_catalogue.url, "--format", "csv", "--band", "r"])
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (1, "CCD images that could not be used: 2")
    assert pd.read_csv(io.StringIO(done.stdout)).n.isna().all()


@pytest.mark.parametrize("option", [["--format", "csv"], ["--output", "sky.csv"]])
def test_dataset_is_no_output_as_well(option: list[str], mask_catalogue: MaskCatalogue, tmp_path: Path) -> None:
    options = ["--db", mask_catalogue.url, "--dataset", str(tmp_path / "sky"), *option]
    done = CliRunner().invoke(app, ["sky", *options])
    assert isinstance(done.exception, UsageError)
    assert "receives the answer: expected no --output or --format as well" in str(done.exception)
    assert not (tmp_path / "sky").exists()


def test_dataset_goes_on_as_it_was_begun(mask_catalogue: MaskCatalogue, tmp_path: Path) -> None:
    options = ["sky", "--db", mask_catalogue.url, "--allow-changed", "--dataset"]
    for name, by, first, again in [
        ("ccds", [], "CCD images: 3 measured", "CCD images: 0 measured, 3 already"),
        ("epochs", ["--by", "epoch"], "epochs: 4 measured", "epochs: 0 measured, 4 already"),
    ]:
        folder = str(tmp_path / name)
        assert first in CliRunner().invoke(app, [*options, folder, *by]).stderr
        assert again in CliRunner().invoke(app, [*options, folder]).stderr
