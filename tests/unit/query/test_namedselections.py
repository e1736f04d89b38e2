"""Named selections of a catalogue, and exclusions that match nothing in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import goodpix
from goodpix import Selection
from goodpix.ingest.database.migrate import migrate
from goodpix.ingest.database.opening import open_for_writing
from goodpix.query.namedselections import find_selection, named_selections, unmatched_exclusions
from goodpix.query.source import Source, open_source
from goodpix.schema import tables
from goodpix.schema.errors import DamagedValueError, UnknownNameError

from ...rowcatalogue import BANDS, TILES
from .conftest import RowCatalogue


@pytest.fixture(scope="module")
def opened(row_catalogue: RowCatalogue) -> Iterator[Source]:
    with open_source(row_catalogue.url) as source:
        yield source


def lines(source: Source, *entries: str) -> list[str]:
    return list(unmatched_exclusions(source.database, Selection(exclude=entries)))


def test_entries_that_match_say_nothing(opened: Source, row_catalogue: RowCatalogue) -> None:
    row = next(row for row in row_catalogue.epochs if row["nite"])
    key = f"expnum={row['expnum']},ccdnum={row['ccdnum']}"
    entries = [f"band={row['band']}", f"tilename={row['tilename']},{key}", f"nite={row['nite']}", "ccdnum=1:70000"]
    assert lines(opened, *entries, "amplifier=A", "box=0:1:0:1", "expnum=:9223372036854775807") == []


@pytest.mark.parametrize(
    "entry",
    [
        "band=u",
        "tilename=none",
        "expnum=1:2",
        "ccdnum=63:32768",
        "nite=:19991231",
        "box=99999:100000:0:9",
        "ccdnum=99999",
    ],
)
def test_entry_that_matches_nothing_is_said(opened: Source, entry: str) -> None:
    assert lines(opened, entry, f"band={BANDS[0]}") == [f"exclude {entry}: matches nothing in the catalogue"]


def test_keys_that_match_only_apart_match_nothing(opened: Source, row_catalogue: RowCatalogue) -> None:
    row = row_catalogue.epochs[0]
    other = next(band for band in BANDS if band != row["band"])
    (line,) = lines(opened, f"band={other},expnum={row['expnum']}")
    assert line.endswith("matches nothing in the catalogue")
    assert lines(opened, f"tilename={TILES[0]}") == []


@pytest.fixture
def own(tmp_path: Path) -> str:
    """An empty catalogue with a named selection."""
    url = f"sqlite:///{tmp_path / 'goodpix.db'}"
    with open_for_writing(url, masks=tmp_path / "masks", campaign="test", wcs_source="image"):
        pass
    goodpix.add_selection(url, "wide", Selection(border=48), "for shapes")
    return url


def test_named_selection_is_found_with_its_name(own: str) -> None:
    with goodpix.Catalogue(own) as catalogue:
        found = catalogue.selection("wide")
        assert (found, found.name) == (Selection(border=48), "wide")
        assert str(found) == f"named wide {found.hash[:12]}, border 48"
        assert catalogue.selections().to_dict("records") == [
            {"name": "wide", "selection": "border 48", "description": "for shapes", "hash": found.hash}
        ]


def test_unknown_name_is_refused_with_the_nearest(own: str) -> None:
    with open_source(own) as source:
        with pytest.raises(UnknownNameError, match="unknown selection 'wise', did you mean 'wide'"):
            find_selection(source.database, "wise")
        goodpix.remove_selection(own, "wide")
        with pytest.raises(UnknownNameError, match="the catalogue has none, goodpix selection add makes one"):
            find_selection(source.database, "wide")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("selection", "border many", "its text is damaged"), ("selection", "border 4", "its hash is .*, expected")],
)
def test_damaged_row_is_told(own: str, column: str, value: str, message: str) -> None:
    engine = sa.create_engine(own)
    with engine.begin() as connection:
        connection.execute(tables.selection.update().values({column: value}))
    engine.dispose()
    with open_source(own) as source, pytest.raises(DamagedValueError, match=message):
        find_selection(source.database, "wide")


def test_older_catalogue_has_no_named_selections(own: str) -> None:
    engine = sa.create_engine(own)
    with engine.begin() as connection:
        migrate(connection, "0006")
    engine.dispose()
    with open_source(own) as source:
        assert named_selections(source.database) == []
    with goodpix.Catalogue(own) as catalogue:
        assert list(catalogue.selections().columns) == ["name", "selection", "description", "hash"]
