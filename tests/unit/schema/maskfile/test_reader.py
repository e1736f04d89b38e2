"""Facts about the reading of mask files."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from goodpix.schema.errors import MaskFileError, MaskFileUnreadableError
from goodpix.schema.maskfile import MASK_SCHEMA, MaskFile
from goodpix.schema.maskfile.head import verified_heads
from goodpix.schema.masks.rle import decode
from goodpix.schema.rows import MaskKey

from ....rows import TILE, coadd_and_epochs, contents_of

MASKS = coadd_and_epochs(3)


def test_masks_come_back(written: Path) -> None:
    assert contents_of(written) == [(row, runs.lengths.tobytes(), runs.flags.tobytes()) for row, runs in MASKS]


def test_rows_come_in_the_order_they_were_written(written: Path) -> None:
    assert list(MaskFile.open(written).rows()) == [row for row, _ in MASKS]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MaskFileError, match=r"gone\.parquet is missing: goodpix ingest"):
        MaskFile.open(tmp_path / "gone.parquet")


@pytest.mark.parametrize("target", ["loop.parquet", "nothing"])
def test_file_that_cannot_be_reached_is_unreadable_and_not_missing(tmp_path: Path, target: str) -> None:
    (tmp_path / "loop.parquet").symlink_to(target)
    with pytest.raises(MaskFileUnreadableError, match=r"loop\.parquet cannot be read: "):
        MaskFile.open(tmp_path / "loop.parquet")


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
    group = pq.ParquetFile(path).metadata.row_group(1)
    chunk = group.column(MASK_SCHEMA.get_field_index("lengths"))
    with path.open("r+b") as content:
        content.seek(chunk.data_page_offset + chunk.total_compressed_size - 1)
        content.write(b"\xff")
    with pytest.raises(MaskFileError, match="is damaged"):
        file.runs(1)


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


@pytest.mark.parametrize("area", [0.0, 1 / 3, 1905.0371829])
def test_area_comes_back_as_it_was(path: Path, area: float) -> None:
    rewritten(path, lambda table: table, **{"goodpix.area_good_any_unique": repr(area)})
    assert MaskFile.open(path).area_good_any_unique == area


def test_area_that_is_not_recorded_is_unknown(written: Path) -> None:
    assert MaskFile.open(written).area_good_any_unique is None


@pytest.mark.parametrize("text", ["much", "-1.0", "nan", "inf"])
def test_area_that_is_none_is_damage(path: Path, text: str) -> None:
    rewritten(path, lambda table: table, **{"goodpix.area_good_any_unique": text})
    with pytest.raises(MaskFileError, match=r"is damaged: .*" + text):
        _ = MaskFile.open(path).area_good_any_unique
