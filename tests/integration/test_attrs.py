"""Data frames of a catalogue say in their ``attrs`` which catalogue, definition of good and units they are of."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import goodpix
from goodpix.query import summary
from goodpix.query.maps.coaddmap import epoch_map
from goodpix.query.source import open_source
from goodpix.schema.criteria import Selection

from .survey import SPEC, Survey

WIDE = Selection(border=2)
KEY = SPEC.tilename, "r"

FRAMES: dict[str, tuple[Callable[[goodpix.Catalogue, Path], Any], Selection | None]] = {
    "at": (lambda cat, _: cat.at(SPEC.ra, SPEC.dec, selection=WIDE), WIDE),
    "background": (lambda cat, _: cat.background(WIDE, statistics="median", band="r"), WIDE),
    "bits": (lambda cat, _: cat.bits(), Selection()),
    "blank_sky": (lambda cat, _: cat.blank_sky(1, 0.5, band="r"), Selection()),
    "ccds": (lambda cat, _: cat.ccds(), Selection()),
    "compare_definitions": (lambda cat, _: cat.compare_definitions({"a": None, "b": WIDE}, band="r"), None),
    "epochs": (lambda cat, _: cat.epochs(selection=WIDE), WIDE),
    "exposures": (lambda cat, _: cat.exposures(), Selection()),
    "failures": (lambda cat, _: cat.failures(), Selection()),
    "mask_width": (
        lambda cat, _: cat.mask_width(WIDE, radii=[0, 1], band="r", subtract_background=False),
        WIDE,
    ),
    "randoms": (lambda cat, _: cat.randoms(2, selection=WIDE), WIDE),
    "runs": (lambda cat, _: next(cat.runs()), Selection()),
    "selections": (lambda cat, _: cat.selections(), None),
    "sql": (lambda cat, _: cat.sql("SELECT exptime FROM ccd_quality"), None),
    "tiles": (lambda cat, _: cat.tiles(), Selection()),
    "to_pandas": (lambda cat, _: cat.to_pandas(), Selection()),
    "with_background": (lambda cat, folder: joined(cat, folder / "sky"), WIDE),
    "bit_costs": (lambda cat, _: summary.bit_costs(cat), Selection()),
    "ccd_halves": (lambda cat, _: summary.ccd_halves(cat), Selection()),
    "criteria_costs": (lambda cat, _: summary.criteria_costs(cat), Selection()),
    "over_time": (lambda cat, _: summary.over_time(cat), Selection()),
    "sky_tiles": (lambda cat, _: summary.sky_tiles(cat), Selection()),
}


def joined(cat: goodpix.Catalogue, folder: Path) -> pd.DataFrame:
    cat.extend_background(folder, WIDE, statistics="median", band="r")
    return cat.with_background(folder, band="r", sort="-median", limit=2, columns=["expnum", "median", "exptime"])


def test_frames_of_one_image_say_what_they_are_of(ingested: Survey, tmp_path: Path) -> None:
    with goodpix.Catalogue(ingested.database) as cat:
        entry = ingested.epoch(0)
        image = entry["expnum"], entry["ccdnum"]
        mask = cat.mask(*KEY, *image)
        bunit = mask.row and mask.row["bunit"]
        frames: dict[str, tuple[pd.DataFrame, Selection, dict[str, Any]]] = {
            "runs": (mask.runs(), Selection(), {"x": "pix"}),
            "pixels": (
                next(cat.pixels("image", WIDE, band="r", expnum=image[0])).to_pandas(),
                WIDE,
                {"x": "pix", "value": bunit},
            ),
            "bkg": (
                cat.background_map(KEY[0], KEY[1], entry["expnum"], entry["ccdnum"], WIDE, box=16).compare(),
                WIDE,
                {"std": bunit},
            ),
        }
        identity = cat.database.identity
        mask.save(tmp_path / "runs.parquet", WIDE)
    for name, (frame, selection, units) in frames.items():
        told = frame.attrs
        assert (told["catalogue"], told["tilename"], told["expnum"]) == (identity.uuid, KEY[0], mask.key.expnum), name
        assert Selection.parse(told["selection"]) == selection, name
        assert units.items() <= told["units"].items(), name
    # a file says it once
    assert pd.read_parquet(tmp_path / "runs.parquet").attrs == {}


def givers() -> Iterator[str]:
    """Yield the names of what is public and gives data frames of a catalogue."""
    for place in (goodpix.Catalogue, summary):
        for name, member in inspect.getmembers(place, inspect.isfunction):
            if not name.startswith("_") and "DataFrame" in str(inspect.signature(member).return_annotation):
                yield name


def test_every_giver_of_frames_is_here() -> None:
    assert sorted(givers()) == sorted(FRAMES)


@pytest.mark.parametrize("name", FRAMES)
def test_frame_says_what_it_is_of(name: str, ingested: Survey, tmp_path: Path) -> None:
    give, selection = FRAMES[name]
    with goodpix.Catalogue(ingested.database) as cat:
        frame = give(cat, tmp_path)
        identity = cat.database.identity
    told = frame.attrs
    assert told["software"] == f"goodpix {goodpix.__version__}"
    assert (told["catalogue"], told["campaign"]) == (identity.uuid, identity.campaign)
    if selection is None:
        assert "selection" not in told
    else:
        assert Selection.parse(told["selection"]) == selection
    assert set(told["units"]) <= set(frame.columns)
    assert ("exptime" in told["units"]) == ("exptime" in frame and name != "sql")


def test_rows_joined_with_their_sky_have_the_shape_asked_for(ingested: Survey, tmp_path: Path) -> None:
    with goodpix.Catalogue(ingested.database) as cat:
        found = joined(cat, tmp_path / "sky")
        every = cat.with_background(tmp_path / "sky", band="r")
    assert list(found) == ["expnum", "median", "exptime"]
    assert found["median"].tolist() == every["median"].sort_values(ascending=False).head(2).tolist()


def test_answer_of_sql_is_written_with_its_query_and_without_units(ingested: Survey, tmp_path: Path) -> None:
    with goodpix.Catalogue(ingested.database) as cat:
        rows = cat.sql("SELECT  exptime\nFROM ccd_quality")
    table = goodpix.astropy_table(rows)
    assert (table["exptime"].unit, table.meta["query"]) == (None, "SELECT exptime FROM ccd_quality")
    goodpix.write_table(rows, tmp_path / "rows.ecsv")
    written = (tmp_path / "rows.ecsv").read_text()
    assert "SELECT exptime FROM ccd_quality" in written
    assert "unit:" not in written


def test_summary_of_a_map_says_what_it_is_of(ingested: Survey) -> None:
    with open_source(ingested.database) as source:
        found = epoch_map(source, *KEY, WIDE).summary().attrs
        uuid = source.database.identity.uuid
    expected = {"catalogue": uuid, "tilename": KEY[0], "band": "r", "selection": str(WIDE)}
    assert expected.items() <= found.items()
