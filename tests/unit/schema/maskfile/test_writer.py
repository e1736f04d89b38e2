"""Facts about the writing of mask files."""

import gc
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goodpix.schema.bits import DES_Y6
from goodpix.schema.maskfile import MASK_SCHEMA, MaskFileWriter
from goodpix.schema.masks.rle import Runs
from goodpix.schema.rows import MaskRow
from goodpix.schema.store.masksroot import FORMAT_VERSION, MasksRoot
from goodpix.schema.store.pages import read_list

from ....rows import BAND, TILE, coadd_and_epochs, epoch_row, folder_of, some_runs, write_masks

MASKS = coadd_and_epochs(3)
KEYS = {"tilename", "band", "kind", "expnum", "ccdnum"}


def column_chunk(metadata: Any, name: str) -> Any:
    group = metadata.row_group(1)
    (found,) = (
        group.column(k) for k in range(group.num_columns) if group.column(k).path_in_schema.split(".")[0] == name
    )
    return found


def test_each_mask_is_a_row_group(metadata: Any) -> None:
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == [1] * len(MASKS)


def test_writer_numbers_row_groups(root: MasksRoot) -> None:
    with MaskFileWriter(root, TILE, BAND, 1, DES_Y6) as writer:
        assert [writer.add(*mask) for mask in MASKS] == [0, 1, 2, 3]


def test_columns_are_those_of_the_schema(written: Path) -> None:
    assert pq.read_schema(written).equals(MASK_SCHEMA)


def test_name_says_band_tile_and_generation(root: MasksRoot) -> None:
    name = write_masks(root, MASKS, generation=7)
    assert name.startswith(f"{BAND}/{TILE}_{BAND}_g7_")
    assert name.endswith(".parquet")


def test_lengths_are_byte_stream_split(metadata: Any) -> None:
    assert "BYTE_STREAM_SPLIT" in column_chunk(metadata, "lengths").encodings


def test_flags_are_dictionary_coded(metadata: Any) -> None:
    assert "RLE_DICTIONARY" in column_chunk(metadata, "flags").encodings


def test_columns_are_compressed_with_zstd(metadata: Any) -> None:
    found = {name: column_chunk(metadata, name).compression for name in MASK_SCHEMA.names}
    assert found == dict.fromkeys(MASK_SCHEMA.names, "ZSTD")


def test_statistics_are_kept_for_keys_alone(metadata: Any) -> None:
    assert {name for name in MASK_SCHEMA.names if column_chunk(metadata, name).is_stats_set} == KEYS


def test_footer_of_fifty_masks_is_small(root: MasksRoot) -> None:
    path = folder_of(root) / write_masks(root, coadd_and_epochs(49, shape=(9, 6)))
    assert pq.ParquetFile(path).metadata.serialized_size < 150_000


def test_metadata_says_how_to_read_the_file(metadata: Any) -> None:
    found = {key.decode(): value.decode() for key, value in metadata.metadata.items()}
    assert {key: found[key] for key in ("goodpix.format_version", "goodpix.order", "goodpix.generation")} == {
        "goodpix.format_version": str(FORMAT_VERSION),
        "goodpix.order": "column-major",
        "goodpix.generation": "1",
    }


def test_metadata_names_the_bits(metadata: Any) -> None:
    found = json.loads(metadata.metadata[b"goodpix.bits"])
    assert found == {"se": dict(DES_Y6.se), "coadd": dict(DES_Y6.coadd)}


def test_metadata_names_the_software(metadata: Any) -> None:
    assert metadata.metadata[b"goodpix.version"]


def test_same_masks_give_the_same_name_and_bytes(tmp_path: Path) -> None:
    written = []
    for folder in ("one", "two"):
        root = MasksRoot.of(tmp_path / folder)
        name = write_masks(root, MASKS)
        written.append((name, (folder_of(root) / name).read_bytes()))
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "other",
    [
        [MASKS[0], MASKS[2], MASKS[1], MASKS[3]],
        MASKS[:3],
        [*MASKS[:3], (epoch_row(MASKS[3][1], fwhm=9.0), MASKS[3][1])],
        [*MASKS[:3], (epoch_row(some_runs(77)), some_runs(77))],
    ],
    ids=["order", "fewer", "fact", "pixels"],
)
def test_other_masks_give_another_name(root: MasksRoot, other: list[tuple[MaskRow, Runs]]) -> None:
    assert write_masks(root, other) != write_masks(root, MASKS)


def abandon(root: MasksRoot) -> None:
    with MaskFileWriter(root, TILE, BAND, 1, DES_Y6) as writer:
        writer.add(*MASKS[0])
        raise KeyboardInterrupt


def test_abandoned_writer_leaves_no_file(root: MasksRoot) -> None:
    with pytest.raises(KeyboardInterrupt):
        abandon(root)
    gc.collect()
    assert [each for each in folder_of(root).rglob("*") if each.is_file()] == []


def test_finished_writer_leaves_one_file(root: MasksRoot) -> None:
    path = folder_of(root) / write_masks(root, MASKS)
    assert [each for each in folder_of(root).rglob("*") if each.is_file()] == [path]


def test_unfinished_file_is_not_one_that_readers_look_at(root: MasksRoot) -> None:
    with MaskFileWriter(root, TILE, BAND, 1, DES_Y6) as writer:
        writer.add(*MASKS[0])
        assert list(folder_of(root).rglob("*.parquet")) == []


def test_marker_is_raised_before_a_file_is_there(tmp_path: Path) -> None:
    root = MasksRoot.of(tmp_path)
    (tmp_path / "_goodpix.json").write_text('{"format_version": 1, "uuid": "one"}')
    with MaskFileWriter(root, TILE, BAND, 1, DES_Y6) as writer:
        writer.add(*coadd_and_epochs(0)[0])
        assert '"format_version": 1' in (tmp_path / "_goodpix.json").read_text()
        writer.finish()
    assert f'"format_version": {FORMAT_VERSION}' in (tmp_path / "_goodpix.json").read_text()


def test_unwritten_file_leaves_the_marker(tmp_path: Path) -> None:
    root = MasksRoot.of(tmp_path)
    (tmp_path / "_goodpix.json").write_text('{"format_version": 1, "uuid": "one"}')
    with MaskFileWriter(root, TILE, BAND, 1, DES_Y6) as writer:
        writer.add(*coadd_and_epochs(0)[0])
    assert '"format_version": 1' in (tmp_path / "_goodpix.json").read_text()


@pytest.mark.parametrize("name", ["lengths", "flags"])
def test_lists_are_written_so_that_they_can_be_read_as_they_lie(written: Path, metadata: Any, name: str) -> None:
    number = MASK_SCHEMA.get_field_index(name)
    found = read_list(pa.OSFile(str(written)), metadata.row_group(1), number)
    assert found is not None
    np.testing.assert_array_equal(found, getattr(MASKS[1][1], name))


def test_file_can_be_read_by_others(written: Path) -> None:
    assert written.stat().st_mode & 0o444 == 0o444


def finished(root: MasksRoot, area: float | None) -> tuple[str, dict[bytes, bytes]]:
    """Return the name and metadata of a file with an area."""
    with MaskFileWriter(root, TILE, BAND, 1, DES_Y6) as writer:
        for mask in MASKS:
            writer.add(*mask)
        name = writer.finish(area)
    return name, pq.ParquetFile(folder_of(root) / name).metadata.metadata


def test_area_is_in_the_metadata_and_in_the_hash(root: MasksRoot) -> None:
    name, metadata = finished(root, 1.25)
    assert metadata[b"goodpix.area_good_any_unique"] == b"1.25"
    assert metadata[b"goodpix.generation"] == b"1"
    assert len({name, finished(root, 1.5)[0], finished(root, None)[0]}) == 3
    assert finished(root, 1.25)[0] == name


def test_area_that_is_unknown_has_no_key(root: MasksRoot) -> None:
    assert b"goodpix.area_good_any_unique" not in finished(root, None)[1]
