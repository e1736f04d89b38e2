"""Facts about the rebuild of a database from mask files."""

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from goodpix.ingest.upkeep.rebuild import rebuild
from goodpix.ingest.upkeep.tilerows import StoredTile, read_tile
from goodpix.schema import tables
from goodpix.schema.bits import BitNames
from goodpix.schema.database import open_for_reading
from goodpix.schema.errors import CatalogueError, UsageError
from goodpix.schema.maskfile import MaskFileWriter
from goodpix.schema.store.masksroot import MasksRoot

from ....plainsums import assert_summaries_are_true
from ....rows import BAND, TILE, folder_of, write_masks
from ..conftest import Mask, SmallCatalogue


def read(catalogue: SmallCatalogue) -> StoredTile:
    with catalogue.connected() as connection:
        return read_tile(connection, TILE, BAND)


def without_runs(stored: StoredTile) -> StoredTile:
    masks = {
        name: replace(mask, row_id=0, values={k: v for k, v in mask.values.items() if k not in ("run_id", "epoch_id")})
        for name, mask in stored.masks.items()
    }
    return replace(stored, masks=masks)


def test_rebuilt_rows_are_those_that_the_ingest_wrote(catalogue: SmallCatalogue) -> None:
    before = read(catalogue)
    with open_for_reading(catalogue.path) as database:
        identity = database.identity
    catalogue.path.unlink()
    report = rebuild(catalogue.path, folder_of(catalogue.root))
    assert (report.n_tiles, report.n_epochs, report.failures, report.notes) == (1, 3, (), ())
    assert without_runs(read(catalogue)) == without_runs(before)
    with open_for_reading(catalogue.path) as database, database.engine.connect() as connection:
        assert database.identity == identity
        assert connection.scalars(sa.select(tables.ingest_run.c.run_id)).all() == []
        assert_summaries_are_true(connection)


def test_database_with_rows_is_replaced_by_force_alone(catalogue: SmallCatalogue) -> None:
    with pytest.raises(UsageError, match=r"goodpix\.db has 1 tile: use --force \(force=True\) to replace it"):
        rebuild(catalogue.path)
    calls: list[tuple[int, int]] = []
    assert rebuild(catalogue.path, force=True, progress=lambda *call: calls.append(call)).n_epochs == 3
    assert calls == [(1, 1)]


def test_database_that_cannot_be_read_is_replaced_by_force_alone(catalogue: SmallCatalogue) -> None:
    catalogue.path.write_bytes(b"this is no database, and longer than the header of one would be " * 40)
    with pytest.raises(UsageError, match=r"goodpix\.db cannot be read \(.*file is not a database.*\): use --force"):
        rebuild(catalogue.path, folder_of(catalogue.root))
    assert rebuild(catalogue.path, folder_of(catalogue.root), force=True).n_tiles == 1


def test_root_that_does_not_exist_is_refused(catalogue: SmallCatalogue) -> None:
    with pytest.raises(CatalogueError, match=r"masks root .*/none does not exist: use --masks"):
        rebuild(catalogue.path, catalogue.folder / "none", force=True)


def test_root_of_another_catalogue_is_refused(catalogue: SmallCatalogue) -> None:
    other = MasksRoot.of(catalogue.folder / "other")
    other.claim("another")
    with pytest.raises(CatalogueError, match=r"belongs to catalogue another, but .* expected --db and --masks of the"):
        rebuild(catalogue.path, folder_of(other), force=True)


def unmarked(catalogue: SmallCatalogue) -> None:
    """Leave mask files alone of a catalogue, as copied by someone."""
    catalogue.path.unlink()
    (folder_of(catalogue.root) / "_goodpix.json").unlink()


def test_root_that_does_not_describe_the_catalogue_needs_its_facts(catalogue: SmallCatalogue) -> None:
    unmarked(catalogue)
    with pytest.raises(UsageError, match="describes the catalogue: expected --campaign and --wcs"):
        rebuild(catalogue.path, folder_of(catalogue.root))
    with pytest.raises(UsageError, match=r"describes the catalogue: expected --wcs$"):
        rebuild(catalogue.path, folder_of(catalogue.root), campaign="given")
    rebuild(catalogue.path, folder_of(catalogue.root), campaign="given", wcs_source="scamp")
    with open_for_reading(catalogue.path) as database:
        assert (database.identity.campaign, database.identity.wcs_source) == ("given", "scamp")
        assert (catalogue.root.owner, catalogue.root.facts) == (database.identity.uuid, database.identity.facts)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"campaign": "other"}, "campaign is other, but masks root .* has test"),
        ({"wcs_source": "scamp"}, "wcs_source is scamp, but masks root .* has image"),
        ({"wcs_source": "header"}, "wcs_source is 'header': expected image or scamp"),
    ],
)
def test_facts_that_contradict_the_root_are_refused(
    catalogue: SmallCatalogue, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        rebuild(catalogue.path, force=True, campaign=given.get("campaign"), wcs_source=given.get("wcs_source"))


def test_bits_have_the_names_in_the_mask_files(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    names = BitNames({"GHOST": 1}, {"HOLE": 1})
    (folder_of(catalogue.root) / catalogue.mask_file()).unlink()
    with MaskFileWriter(catalogue.root, TILE, BAND, 1, names) as writer:
        for mask in masks:
            writer.add(*mask)
        writer.finish()
    rebuild(catalogue.path, force=True)
    with open_for_reading(catalogue.path) as database:
        assert database.identity.bit_names == names
    assert catalogue.count("bit_count WHERE name = 'GHOST'") > 0


def test_what_cannot_be_used_is_recorded_and_reported(catalogue: SmallCatalogue, masks: list[Mask]) -> None:
    older = catalogue.mask_file()
    newer = write_masks(catalogue.root, masks, generation=2)
    path = folder_of(catalogue.root) / newer
    path.write_bytes(path.read_bytes()[:-100])
    (folder_of(catalogue.root) / "i" / "copy.parquet").write_bytes(b"")
    report = rebuild(catalogue.path, force=True)
    (failure,) = report.failures
    assert failure.startswith(f"tile {TILE}, band {BAND}: coadd: mask file ")
    assert failure.endswith(f"; using {older} instead")
    assert report.notes == ("i/copy.parquet: not named like a mask file: ignored",)
    assert (catalogue.count("failure"), read(catalogue).generation) == (1, 2)


def test_marker_of_an_old_root_gains_its_facts(catalogue: SmallCatalogue) -> None:
    marker = folder_of(catalogue.root) / "_goodpix.json"
    old = {name: value for name, value in json.loads(marker.read_text()).items() if name in ("uuid", "format_version")}
    marker.write_text(json.dumps(old))
    rebuild(catalogue.path, force=True)
    assert catalogue.root.facts == {"campaign": "test", "wcs_source": "image"}
