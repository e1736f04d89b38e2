"""Facts about the mask file."""

import gc
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goodpix.schema.bits import DES_Y6
from goodpix.schema.errors import MaskFileError
from goodpix.schema.maskfile import MASK_SCHEMA, MaskFile, MaskFileWriter
from goodpix.schema.maskhead import verified_heads
from goodpix.schema.masks.rle import Runs, decode
from goodpix.schema.rows import MaskKey, MaskRow
from goodpix.schema.store.masksroot import FORMAT_VERSION, MasksRoot
from goodpix.schema.store.pages import read_list

from ...rows import BAND, TILE, coadd_and_epochs, contents_of, epoch_row, folder_of, some_runs, write_masks

MASKS = coadd_and_epochs(3)
KEYS = {"tilename", "band", "kind", "expnum", "ccdnum"}


@pytest.fixture
def root(tmp_path: Path) -> MasksRoot:
    return MasksRoot.of(tmp_path / "masks")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mask file that nobody changes."""
    root = MasksRoot.of(tmp_path_factory.mktemp("written"))
    return folder_of(root) / write_masks(root, MASKS)


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    """A mask file to change."""
    return Path(shutil.copy(written, tmp_path))


@pytest.fixture(scope="module")
def metadata(written: Path) -> Any:
    return pq.ParquetFile(written).metadata


def column_chunk(metadata: Any, name: str) -> Any:
    group = metadata.row_group(1)
    (found,) = (
        group.column(k) for k in range(group.num_columns) if group.column(k).path_in_schema.split(".")[0] == name
    )
    return found


def test_masks_come_back(written: Path) -> None:
    assert contents_of(written) == [(row, runs.lengths.tobytes(), runs.flags.tobytes()) for row, runs in MASKS]


def test_rows_come_in_the_order_they_were_written(written: Path) -> None:
    assert list(MaskFile.open(written).rows()) == [row for row, _ in MASKS]


def test_each_mask_is_a_row_group(metadata: Any) -> None:
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == [1] * len(MASKS)


def test_writer_numbers_row_groups(root: MasksRoot) -> None:
    with MaskFileWriter(root, TILE, BAND, 1, DES_Y6) as writer:
        assert [writer.add(*mask) for mask in MASKS] == [0, 1, 2, 3]


def test_columns_are_those_of_the_schema(written: Path) -> None:
    assert pq.read_schema(written).equals(MASK_SCHEMA)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tilename", pa.string()),
        ("expnum", pa.int64()),
        ("ccdnum", pa.int16()),
        ("nx", pa.int32()),
        ("ny", pa.int32()),
        ("lengths", pa.list_(pa.uint32())),
        ("flags", pa.list_(pa.int64())),
        ("checksum", pa.string()),
        ("n_good", pa.int64()),
        ("fraction_good", pa.float64()),
        ("record", pa.string()),
    ],
)
def test_column_is_of_the_promised_type(name: str, kind: pa.DataType) -> None:
    assert MASK_SCHEMA.field(name).type == kind


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


def test_file_can_be_read_by_others(written: Path) -> None:
    assert written.stat().st_mode & 0o444 == 0o444


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MaskFileError, match=r"gone\.parquet is missing: goodpix ingest"):
        MaskFile.open(tmp_path / "gone.parquet")


def test_folder_is_not_a_mask_file(tmp_path: Path) -> None:
    with pytest.raises(MaskFileError, match="is damaged"):
        MaskFile.open(tmp_path)


@pytest.mark.parametrize("row_group", [-1, 4, 1000])
def test_row_that_is_not_there_is_refused(written: Path, row_group: int) -> None:
    file, message = MaskFile.open(written), f"there is no row {row_group} among its 4 masks"
    with pytest.raises(MaskFileError, match=message):
        file.runs(row_group)
    with pytest.raises(MaskFileError, match=message):
        file.flags_at(row_group, np.array([0]), MASKS[1][0].key)


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table], **metadata: str) -> Path:
    """Write a mask file again with something changed."""
    table = pq.read_table(path)
    kept = {k.decode(): v.decode() for k, v in pq.ParquetFile(path).metadata.metadata.items()} | metadata
    with pq.ParquetWriter(path, (changed := change(table)).schema, store_schema=False) as writer:
        writer.write_table(changed, row_group_size=1)
        writer.add_key_value_metadata(kept)
    return path


@pytest.mark.parametrize("version", ["0", "3", "99", "one", ""])
def test_unknown_format_version_is_refused(path: Path, version: str) -> None:
    rewritten(path, lambda table: table, **{"goodpix.format_version": version})
    with pytest.raises(MaskFileError, match=f"format version {version}, expected 2 or older"):
        MaskFile.open(path)


def test_file_says_what_its_masks_are_of(path: Path) -> None:
    file = MaskFile.open(path)
    assert (file.profile, file.segmentation) == ("des", "file")


def test_file_of_format_1_is_read_without(path: Path) -> None:
    rewritten(path, lambda table: table, **{"goodpix.format_version": "1", "goodpix.profile": ""})
    file = MaskFile.open(path)
    assert (file.profile, len(list(file.rows()))) == (None, 4)


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


def test_parquet_file_of_something_else_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(MaskFileError, match="format version none, expected 2 or older"):
        MaskFile.open(tmp_path / "a.parquet")


def test_missing_column_is_refused(path: Path) -> None:
    rewritten(path, lambda table: table.drop_columns(["n_good"]))
    with pytest.raises(MaskFileError, match="its columns are not those of format 2"):
        MaskFile.open(path)


def swapped(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    field = MASK_SCHEMA.field(name)
    return table.set_column(table.column_names.index(name), field, pa.array(values, field.type))


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("checksum", ["0" * 64] * 4, "row 1: the checksum does not match its runs"),
        ("nx", [30, 31, 30, 30], r"sum to 1200: expected nx \* ny = 31 \* 40"),
        ("nx", [30, 40, 30, 30], r"sum to 1200: expected nx \* ny"),
        ("nx", [30, None, 30, 30], "is damaged"),
        ("lengths", [[1200]] * 4, "is damaged"),
        ("lengths", [None] * 4, "is damaged"),
        ("flags", [[]] * 4, "run lengths but 0 flags"),
        ("checksum", [None] * 4, "the checksum does not match its runs"),
    ],
)
def test_runs_that_do_not_hold_are_refused(path: Path, name: str, values: list[Any], message: str) -> None:
    rewritten(path, lambda table: swapped(table, name, values))
    with pytest.raises(MaskFileError, match=message):
        MaskFile.open(path).runs(1)


def yesterday(path: Path) -> None:
    before = path.stat().st_mtime - 86_400
    os.utime(path, (before, before))


def test_checksum_is_verified_once_per_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yesterday(path)
    MaskFile.open(path).runs(1)
    assert set(verified_heads(path)) == {1}
    # a size that the checksum would refuse
    verified_heads(path)[1] = replace(verified_heads(path)[1], nx=40, ny=30)
    assert MaskFile.open(path).runs(1).nx == 40
    assert MaskFile.open(path).runs(1, recheck=True).nx == 30


def test_mask_with_another_key_is_refused_when_it_is_read_again(path: Path) -> None:
    yesterday(path)
    MaskFile.open(path).runs(1)
    with pytest.raises(MaskFileError, match=r"row 1 is epoch 492768/11 .* expected epoch 492769/12"):
        MaskFile.open(path).runs(1, MASKS[2][0].key)


def test_wrong_checksum_is_refused_each_time(path: Path) -> None:
    rewritten(path, lambda table: swapped(table, "checksum", ["0" * 64] * 4))
    yesterday(path)
    for _ in range(2):
        with pytest.raises(MaskFileError, match="row 1: the checksum does not match its runs"):
            MaskFile.open(path).runs(1)


def test_page_damaged_after_its_mask_was_verified_is_refused(path: Path) -> None:
    yesterday(path)
    file = MaskFile.open(path)
    file.runs(1)
    chunk = column_chunk(pq.ParquetFile(path).metadata, "lengths")
    with path.open("r+b") as content:
        content.seek(chunk.data_page_offset + chunk.total_compressed_size - 1)
        content.write(b"\xff")
    with pytest.raises(MaskFileError, match="is damaged"):
        file.runs(1)


@pytest.mark.parametrize("name", ["lengths", "flags"])
def test_lists_are_written_so_that_they_can_be_read_as_they_lie(written: Path, metadata: Any, name: str) -> None:
    number = MASK_SCHEMA.get_field_index(name)
    found = read_list(pa.OSFile(str(written)), metadata.row_group(1), number)
    assert found is not None
    np.testing.assert_array_equal(found, getattr(MASKS[1][1], name))


def test_size_turned_round_is_refused(path: Path) -> None:
    rewritten(path, lambda table: swapped(swapped(table, "nx", [40] * 4), "ny", [30] * 4))
    with pytest.raises(MaskFileError, match="the checksum does not match its runs"):
        MaskFile.open(path).runs(0)


@pytest.mark.parametrize("record", ["", "{}", "[]", "null", '{"bits": {}, "hpix": []}', None])
def test_record_that_does_not_hold_is_refused(path: Path, record: str | None) -> None:
    rewritten(path, lambda table: swapped(table, "record", [record] * 4))
    with pytest.raises(MaskFileError, match="is damaged"):
        MaskFile.open(path).row(1)


@pytest.mark.parametrize("name", ["n_good", "n_good_se", "n_off_coadd", "fraction_good_se"])
def test_null_where_an_epoch_has_a_number_is_refused(path: Path, name: str) -> None:
    rewritten(path, lambda table: swapped(table, name, [None] * 4))
    with pytest.raises(MaskFileError, match=f"{name} is null"):
        MaskFile.open(path).row(1)


def test_file_that_may_not_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(MaskFileError, match=r"cannot be read: \[Errno 36\]"):
        MaskFile.open(tmp_path / ("a" * 300 + ".parquet"))


@pytest.mark.parametrize("numerator", range(25))
def test_truncated_file_is_refused(path: Path, numerator: int) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * numerator // 25])
    with pytest.raises(MaskFileError, match="is damaged"):
        contents_of(path)


@pytest.mark.parametrize("row_group", range(len(MASKS)))
def test_pixels_in_any_order_and_number_have_the_flags_of_the_image(row_group: int, path: Path) -> None:
    row, runs = MASKS[row_group]
    flags = decode(runs)
    pixels = np.random.default_rng(1).integers(0, runs.nx * runs.ny, 3 * runs.nx * runs.ny)
    found = MaskFile.open(path).flags_at(row_group, pixels, row.key)
    np.testing.assert_array_equal(found, flags[pixels % runs.ny, pixels // runs.ny])


@pytest.mark.parametrize(
    "key",
    [
        MaskKey(TILE, "i", "epoch", 492768, 12),
        MaskKey(TILE, "r", "epoch", 492768, 11),
        MaskKey("DES0000+0000", "i", "epoch", 492768, 11),
        MaskKey(TILE, "i", "coadd", None, None),
    ],
    ids=str,
)
def test_pixels_of_something_else_are_refused(key: MaskKey, path: Path) -> None:
    with pytest.raises(MaskFileError, match=r"row 1 is epoch 492768/11 .* expected"):
        MaskFile.open(path).flags_at(1, np.array([0]), key)
