"""Position search on the command line."""

import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from .conftest import Run
from .smallsky import POSITION
from .survey import SPEC, Survey

Floats = npt.NDArray[np.float64]


def test_command_lists_what_python_finds(ingested: Survey, db: list[str], cli: Run) -> None:
    with ingested.catalogue() as cat:
        expected = cat.at(SPEC.ra, SPEC.dec)
    assert expected.dec[0] < 0
    done = cli("at", SPEC.ra, SPEC.dec, *db, "--format", "csv")
    assert (done.status, done.err) == (0, "")
    found = pd.read_csv(io.StringIO(done.out), keep_default_na=False)
    assert list(found.columns) == list(expected.columns)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_negative_right_ascension_is_accepted_as_it_stands(db: list[str], cli: Run) -> None:
    here, turned = (cli("at", ra, SPEC.dec, *db, "--format", "json") for ra in (SPEC.ra, SPEC.ra - 360))
    assert [each["expnum"] for each in json.loads(here.out)] == [each["expnum"] for each in json.loads(turned.out)]


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_options_may_stand_on_either_side_of_negative_numbers(first: bool, db: list[str], cli: Run) -> None:
    options = [*db, "--band", "r", "--no-reasons", "--format", "csv"]
    position = [str(SPEC.ra - 360), str(SPEC.dec)]
    done = cli("at", *([*options, *position] if first else [*position, *options]))
    assert done.status == 0
    assert list(pd.read_csv(io.StringIO(done.out)).columns) == POSITION


@pytest.mark.parametrize("options", [[], ["--no-reasons"], ["--radius", "0.1"], ["--unique"], ["--border", "9"]])
def test_table_has_a_heading_and_a_line_per_epoch(options: list[str], db: list[str], cli: Run) -> None:
    done = cli("at", SPEC.ra, SPEC.dec, *db, *options)
    assert (done.status, done.err) == (0, "")
    n_rows = len(json.loads(cli("at", SPEC.ra, SPEC.dec, *db, *options, "--format", "json").out))
    assert len(done.out.splitlines()) == n_rows + 1 > 1


@pytest.mark.parametrize("format_", ["table", "csv", "json", "parquet"])
def test_nothing_found_is_an_empty_table_and_no_failure(format_: str, db: list[str], cli: Run, tmp_path: Path) -> None:
    done = cli("at", "10", "-10", *db, "--format", format_, "-o", tmp_path / "answer")
    written, nearest = done.lines
    assert (done.status, written) == (0, f"wrote {tmp_path / 'answer'}")
    assert nearest.startswith("goodpix: nothing that matches covers ra 10, dec -10: the nearest tile is DES")


def test_sexagesimal_position_is_the_same_place(db: list[str], cli: Run) -> None:
    place = SkyCoord(SPEC.ra, SPEC.dec, unit="deg")
    expected = cli("at", SPEC.ra, SPEC.dec, *db, "--no-reasons", "--radius", "0.01", "--format", "json")
    for style in ("hmsdms", "decimal"):
        ra, dec = place.to_string(style, precision=8).split()
        found = cli("at", ra, dec, *db, "--no-reasons", "--radius", "36arcsec", "--format", "json")
        assert [each["expnum"] for each in json.loads(found.out)] == [
            each["expnum"] for each in json.loads(expected.out)
        ]
    ra, dec = (angle.to_string(sep=":", precision=8) for angle in (place.ra.to("hourangle"), place.dec))
    colons = cli("at", ra, dec, *db, "--no-reasons", "--format", "json")
    assert dec.startswith("-")
    assert json.loads(colons.out)[0]["x"] == pytest.approx(json.loads(expected.out)[0]["x"], abs=1e-3)


def test_quantities_and_sky_coordinates_find_the_same(ingested: Survey) -> None:
    place = SkyCoord(SPEC.ra, SPEC.dec, unit="deg")
    with ingested.catalogue() as cat:
        expected = cat.at(SPEC.ra, SPEC.dec, radius=0.01)
        for found in (
            cat.at(place, radius=36 * u.arcsec),
            cat.at(place.ra.to(u.hourangle), place.dec.to(u.rad), radius=0.6 * u.arcmin),
        ):
            pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


def test_radius_finds_more(db: list[str], cli: Run) -> None:
    n_lines = [len(cli("at", SPEC.ra, SPEC.dec, *db, *more).out.splitlines()) for more in ([], ["--radius", "0.1"])]
    assert n_lines[0] < n_lines[1] == 7
