"""Facts common to all summaries."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

import goodpix
from goodpix.ingest.database.opening import open_for_writing
from goodpix.query.summary.ccdhalves import ccd_halves
from goodpix.query.summary.costs import bit_costs, criteria_costs
from goodpix.query.summary.overtime import over_time
from goodpix.query.summary.skytiles import sky_tiles
from goodpix.schema.errors import CatalogueVersionError, UnknownNameError, UsageError


@pytest.fixture
def empty(tmp_path: Any) -> Iterator[goodpix.Catalogue]:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    with open_for_writing(url, masks=tmp_path / "masks", campaign="test", wcs_source="image"):
        pass
    with goodpix.Catalogue(url) as catalogue:
        yield catalogue


@pytest.mark.parametrize("ask", [bit_costs, ccd_halves], ids=["bits", "halves"])
def test_a_catalogue_of_an_earlier_version_is_told_the_cure(tmp_path: Any, ask: Callable[..., Any]) -> None:
    frozen = Path(__file__).resolve().parents[3] / "data" / "catalogue_v1"
    with goodpix.Catalogue(Path(shutil.copytree(frozen, tmp_path / "old")) / "goodpix.db") as old:
        with pytest.raises(CatalogueVersionError, match="goodpix db upgrade"):
            ask(old)
        assert len(sky_tiles(old)) == 1


@pytest.mark.parametrize(
    "frame", [sky_tiles, ccd_halves, criteria_costs, over_time], ids=lambda each: str(getattr(each, "__name__", each))
)
def test_an_empty_catalogue_and_filters_that_nothing_matches_give_no_number(
    cat: goodpix.Catalogue, empty: goodpix.Catalogue, frame: Callable[..., pd.DataFrame]
) -> None:
    whole = frame(cat)
    for found in (frame(empty), frame(cat, band="Q")):
        assert found.columns.tolist() == whole.columns.tolist()
        assert len(found) == (124 if frame is ccd_halves else 0)
        if "value" in found:
            assert found.value.isna().all()


@pytest.mark.parametrize(
    ("frame", "given", "message"),
    [
        (sky_tiles, {"statistic": "fraction_god_se"}, "tile_quality has no statistic 'fraction_god_se', did you mean"),
        (sky_tiles, {"statistic": "mask_file"}, "column mask_file is not numeric"),
        (sky_tiles, {"nite": 20150101}, "tile_quality cannot be filtered by nite: expected"),
        (ccd_halves, {"statistic": "fraction_off_coadd"}, "ccd_night has no statistic 'fraction_off_coadd'"),
        (ccd_halves, {"tilename": "DES"}, "ccd_night cannot be filtered by tilename: expected"),
        (over_time, {"by": "year"}, "by is 'year': expected night or exposure"),
        (over_time, {"colour": "red"}, "unknown filter 'colour'"),
        (ccd_halves, {"statistic": "SE:STARS"}, "STARS"),
        (ccd_halves, {"statistic": "COADD:NO_DATA"}, "expected a bit of the SE mask"),
        (ccd_halves, {"statistic": "SE:STAR", "min": {"n_pixels": 5}}, "cannot be filtered by min, max or where"),
        (bit_costs, {"plane": "weight"}, "plane is 'weight': expected se or coadd"),
        (bit_costs, {"max": {"n_pixels": 5}}, "cannot be filtered by min, max or where"),
        (bit_costs, {"plane": "coadd", "nite": 20150101}, "coadd cannot be filtered by nite: expected"),
        (criteria_costs, {"expnum": 5}, "tile_quality cannot be filtered by expnum: expected"),
    ],
)
def test_wrong_names_are_refused(
    cat: goodpix.Catalogue, frame: Callable[..., Any], given: dict[str, Any], message: str
) -> None:
    with pytest.raises((UnknownNameError, UsageError), match=message):
        frame(cat, **given)


def test_no_statement_reads_the_epochs(cat: goodpix.Catalogue) -> None:
    asked = list[str]()

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = cat.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    for frame in (sky_tiles, ccd_halves, criteria_costs, over_time):
        frame(cat)
    over_time(cat, ccdnum=3)
    ccd_halves(cat, "SE:STAR")
    bit_costs(cat)
    sa.event.remove(engine, "before_cursor_execute", note)
    assert sum("value" in each or "n_pixels" in each for each in asked) == 7
    assert not [each for each in asked if re.search(r"\bepoch\b|epoch_quality", each)]
