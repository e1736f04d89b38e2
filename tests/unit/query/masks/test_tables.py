"""Masks as tables, one row each, and runs as data frames."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from goodpix.query.masks.mask import Mask
from goodpix.query.masks.tables import mask_frame, mask_table, run_frames, write_masks
from goodpix.query.provenance import Provenance
from goodpix.schema.maskfile import MASK_SCHEMA

from ....rows import coadd_and_epochs

RUNS = ["run_lengths", "run_flags"]
MASKS = [Mask(row.key, runs) for row, runs in coadd_and_epochs(2)]


def test_table_frame_and_file_have_the_same_rows(tmp_path: Path) -> None:
    table, frame = mask_table(MASKS), mask_frame(MASKS)
    assert write_masks(iter(MASKS), tmp_path / "masks.parquet") == len(MASKS)
    assert pq.read_table(tmp_path / "masks.parquet").equals(table)
    assert pq.ParquetFile(tmp_path / "masks.parquet").num_row_groups == len(MASKS)
    assert list(frame.drop(columns=RUNS).columns) == table.column_names
    for name in RUNS:
        assert frame[name].equals(frame[name.removeprefix("run_")])
    for row, mask in zip(table.to_pylist(), MASKS, strict=True):
        assert (row["kind"], row["expnum"], row["nx"]) == (mask.key.kind, mask.key.expnum, mask.encoded.nx)
        assert (row["lengths"], row["flags"]) == (mask.encoded.lengths.tolist(), mask.encoded.flags.tolist())


def encodings(path: Path, name: str) -> set[str]:
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(k) for k in range(metadata.num_row_groups)]
    chunks = [group.column(k) for group in groups for k in range(group.num_columns)]
    return {each for chunk in chunks if chunk.path_in_schema.startswith(name) for each in chunk.encodings}


def test_file_is_encoded_like_a_mask_file(tmp_path: Path) -> None:
    write_masks(MASKS, tmp_path / "masks.parquet")
    assert "BYTE_STREAM_SPLIT" in encodings(tmp_path / "masks.parquet", "lengths")
    assert "RLE_DICTIONARY" in encodings(tmp_path / "masks.parquet", "flags")


def test_plain_file_has_the_same_rows_in_encodings_that_older_readers_know(tmp_path: Path) -> None:
    write_masks(MASKS, tmp_path / "masks.parquet", plain=True)
    assert pq.read_table(tmp_path / "masks.parquet").equals(mask_table(MASKS))
    for name in mask_table(MASKS).column_names:
        assert encodings(tmp_path / "masks.parquet", name) <= {"PLAIN", "RLE", "RLE_DICTIONARY"}


def test_columns_are_those_of_mask_files() -> None:
    for each in mask_table([]).schema:
        kind = MASK_SCHEMA.field(each.name).type
        assert each.type == kind or (each.name in ("lengths", "flags") and each.type.value_type == kind.value_type)


def test_nothing_has_the_columns_all_the_same() -> None:
    assert (mask_table([]).num_rows, len(mask_frame([]))) == (0, 0)
    assert mask_table([]).column_names == list(mask_frame([]).drop(columns=RUNS).columns)


def test_runs_have_the_key_of_their_mask() -> None:
    for frame, mask in zip(run_frames(MASKS), MASKS, strict=True):
        assert frame["length"].sum() == mask.encoded.nx * mask.encoded.ny
        assert list(frame.columns[:4]) == ["tilename", "band", "expnum", "ccdnum"]
        assert {None if np.isnan(each) else each for each in frame["ccdnum"].astype(float)} == {mask.key.ccdnum}


@pytest.mark.parametrize("masks", [MASKS, []], ids=["some", "none"])
def test_written_masks_have_their_provenance(masks: list[Mask], tmp_path: Path) -> None:
    provenance = Provenance.of("default", band="r")
    assert write_masks(masks, tmp_path / "masks.parquet", provenance=provenance) == len(masks)
    metadata = pq.read_schema(tmp_path / "masks.parquet").metadata
    assert metadata[b"goodpix.band"] == b"r"
    assert b"0 where pixels are good" in metadata[b"goodpix.meaning"]
