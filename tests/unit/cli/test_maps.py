"""Maps of a coadd and of the sky on the command line."""

import io
import json
from pathlib import Path

import healsparse
import numpy as np
import pandas as pd
import pytest
from mocpy import MOC
from typer.testing import CliRunner, Result

import goodpix
from goodpix.cli.app import app
from goodpix.schema.errors import UnknownNameError, UsageError

from ...maskcatalogue import EAST, MaskCatalogue

NSIDE = ["--nside", "65536"]


def run(url: str, *arguments: str, command: str = "map") -> Result:
    done = CliRunner().invoke(app, [command, "--db", url, *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_map_of_the_sky_is_that_of_python(mask_catalogue: MaskCatalogue, tmp_path: Path) -> None:
    done = run(
        mask_catalogue.url, "--statistic", "n_images", *NSIDE, "--band", "r", "--border", "2", "-o", f"{tmp_path}/a.hsp"
    )
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"wrote {tmp_path}/a.hsp\n")
    found = healsparse.HealSparseMap.read(tmp_path / "a.hsp")
    with goodpix.Catalogue(mask_catalogue.url) as catalogue:
        expected = catalogue.healsparse_map("n_images", nside=1 << 16, band="r", selection=goodpix.Selection(border=2))
    np.testing.assert_array_equal(found.valid_pixels, expected.valid_pixels)
    np.testing.assert_array_equal(found[found.valid_pixels], expected[found.valid_pixels])
    assert (found.metadata["SELECT"], found.metadata["FILTERS"]) == ("border 2", "band=r")


def test_several_statistics_go_to_a_file_each(mask_catalogue: MaskCatalogue, tmp_path: Path) -> None:
    names = ["--statistic", "fracdet", "--statistic", "SE:STREAK"]
    done = run(mask_catalogue.url, *names, *NSIDE, "--workers", "2", "-o", f"{tmp_path}/a.fits")
    assert done.stderr == f"wrote {tmp_path}/a_fracdet.fits\nwrote {tmp_path}/a_SE-STREAK.fits\n"
    maps = [healsparse.HealSparseMap.read(tmp_path / f"a_{name}.fits") for name in ("fracdet", "SE-STREAK")]
    assert [each.metadata["MAPTYPE"] for each in maps] == ["fracdet", "SE:STREAK"]


def test_without_a_file_a_summary_is_shown(mask_catalogue: MaskCatalogue) -> None:
    heading, row = (line.split() for line in run(mask_catalogue.url, *NSIDE).stdout.splitlines())
    assert heading == ["statistic", "n_pixels", "mean", "minimum", "maximum", "unit"]
    with goodpix.Catalogue(mask_catalogue.url) as catalogue:
        expected = catalogue.healsparse_map("fracdet", nside=1 << 16)
    values = expected[expected.valid_pixels].astype(float)
    assert (row[0], int(row[1])) == ("fracdet", values.size)
    assert [float(each) for each in row[2:5]] == pytest.approx([values.mean(), values.min(), values.max()], rel=1e-5)


def test_summary_has_the_formats_of_other_tables(mask_catalogue: MaskCatalogue) -> None:
    of_sky = run(mask_catalogue.url, "--statistic", "fracdet", "--statistic", "SE:STREAK", *NSIDE, "--format", "json")
    assert [row["statistic"] for row in json.loads(of_sky.stdout)] == ["fracdet", "SE:STREAK"]
    of_tile = run(mask_catalogue.url, EAST, "r", "--format", "csv")
    with goodpix.Catalogue(mask_catalogue.url) as catalogue:
        expected = np.bincount(catalogue.good_epoch_map(EAST, "r").ravel())
    assert pd.read_csv(io.StringIO(of_tile.stdout)).n_pixels.tolist() == expected.tolist()


def test_filter_that_matches_nothing_is_named(mask_catalogue: MaskCatalogue) -> None:
    done = run(mask_catalogue.url, "--band", "u")
    assert (done.exit_code, done.stdout.splitlines()[1].split()[:3]) == (0, ["fracdet", "0", "-"])
    assert "goodpix: band u matches nothing: the catalogue has i, r" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--statistic", "median"], "statistic is 'median': expected n_images"),
        (["--nside", "3"], "nside is 3: expected a power of 2"),
        (["-o", "map.fits", "--format", "csv"], r"-o map\.fits: --format, --sort, .* are for the summary"),
        (["-o", "map.png"], r"-o map\.png: expected a name that ends in \.hsp, \.hs, \.fits"),
        ([EAST], f"map {EAST}: expected TILE BAND, or --statistic without a tile"),
        ([EAST, "r", "--nside", "64"], f"map {EAST} r --nside: expected it without TILE"),
        ([EAST, "r", "--band", "r"], f"map {EAST} r --band: expected it without TILE"),
        ([EAST, "r", "--statistic", "fracdet"], f"map {EAST} r --statistic: expected it without TILE"),
    ],
)
def test_question_without_an_answer_is_an_error(
    arguments: list[str], message: str, mask_catalogue: MaskCatalogue
) -> None:
    with pytest.raises((UsageError, UnknownNameError), match=message):
        run(mask_catalogue.url, *arguments)


def test_moc_is_that_of_python_and_its_area_stands_beside_the_sampled_one(
    mask_catalogue: MaskCatalogue, tmp_path: Path
) -> None:
    path = tmp_path / "good.txt"
    done = run(mask_catalogue.url, "--band", "r", "--max-order", "18", "-o", str(path), command="moc")
    with goodpix.Catalogue(mask_catalogue.url) as catalogue:
        expected, area = catalogue.moc(band="r", max_order=18), catalogue.sky_area(band="r")
    assert MOC.load(path, "ascii") == expected
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["max_order", "area", "sky_area"]
    assert lines[0][1] == "18"
    assert [float(line[1]) for line in lines[1:]] == pytest.approx([area, area], rel=1e-5)
    assert done.stderr == f"wrote {path}\n"


def test_moc_of_nothing_is_empty_and_says_why(mask_catalogue: MaskCatalogue) -> None:
    done = run(mask_catalogue.url, "--band", "u", command="moc")
    assert done.stdout.splitlines()[1:] == ["area      0 arcmin^2", "sky_area  0 arcmin^2"]
    assert done.stderr == "goodpix: band u matches nothing: the catalogue has i, r\n"


def test_moc_of_an_unknown_format_is_refused(mask_catalogue: MaskCatalogue) -> None:
    with pytest.raises(UsageError, match=r"good\.moc: expected a name that ends in \.fits, \.txt, \.json"):
        run(mask_catalogue.url, "-o", "good.moc", command="moc")
