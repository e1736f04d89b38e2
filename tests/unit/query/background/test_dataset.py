"""A folder of sky statistics: what it takes, what it keeps, and what it is joined to."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from goodpix.query.background.dataset import SkyDataset, SkyReport, ccd_images, extend_dataset, joined
from goodpix.query.background.skyrow import SKY_SCHEMA, By
from goodpix.query.background.statistics import make_measure
from goodpix.query.source import Source
from goodpix.schema.errors import AmbiguousInputError, UsageError

from ....maskcatalogue import EAST, EPOCHS

DEFINITION = {"format_version": 1, "selection": "default", "box": None}


def row_of(expnum: int, fingerprint: str, **more: Any) -> dict[str, Any]:
    nothing = dict.fromkeys(SKY_SCHEMA.names)
    key = {"tilename": "T", "band": "r", "expnum": expnum, "ccdnum": 11, "fingerprint": fingerprint}
    return {**nothing, **key, "calibrated": False, "bkg_subtracted": False, "selection": "default", "n": 5, **more}


@pytest.fixture
def dataset(tmp_path: Path) -> SkyDataset:
    found = SkyDataset(tmp_path / "sky")
    found.claim(DEFINITION)
    return found


def test_new_folder_has_its_definition_and_no_rows(dataset: SkyDataset) -> None:
    assert [path.name for path in dataset.folder.iterdir()] == ["_goodpix-sky.json"]
    assert json.loads((dataset.folder / "_goodpix-sky.json").read_text()) == DEFINITION
    assert dataset.read().columns.tolist() == [name for name in SKY_SCHEMA.names if name != "n_tiles"]
    assert (len(dataset.read()), dataset.fingerprints().size) == (0, 0)


def test_same_definition_claims_the_folder_again(dataset: SkyDataset) -> None:
    dataset.claim(dict(DEFINITION))
    with pytest.raises(AmbiguousInputError, match=r"box is None, not 5: .*choose another folder"):
        dataset.claim(DEFINITION | {"box": 5})


def test_folder_that_does_not_say_is_by_epoch(dataset: SkyDataset, tmp_path: Path) -> None:
    assert dataset.by is By.EPOCH
    dataset.claim(DEFINITION | {"by": "epoch"})
    assert SkyDataset(tmp_path / "none").by is None
    with pytest.raises(AmbiguousInputError, match=r"by is 'epoch', not 'ccd': .*choose another folder"):
        dataset.claim(DEFINITION | {"by": "ccd", "format_version": 2})


def test_folder_by_ccd_has_another_format_and_no_tiles(tmp_path: Path) -> None:
    dataset = SkyDataset(tmp_path / "sky")
    dataset.claim(DEFINITION | {"by": "ccd", "format_version": 2})
    assert (dataset.by, dataset.is_by_ccd) == (By.CCD, True)
    dataset.append([row_of(1, "a" * 64, tilename=None, n_tiles=2)])
    found = dataset.read()
    assert found["n_tiles"].tolist() == [2]
    assert "tilename" not in found


def test_file_without_newer_columns_is_read(dataset: SkyDataset) -> None:
    dataset.append([row_of(1, "a" * 64, plane_level=1.5)])
    (path,) = dataset.folder.glob("*.parquet")
    pq.write_table(pq.read_table(path).drop_columns(["n_tiles", "level", "level_error", "mu_sky", "zero_point"]), path)
    found = dataset.read()
    assert (found["plane_level"].tolist(), found["level"].isna().tolist()) == ([1.5], [True])


def test_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds other files: expected an empty folder or a sky dataset"):
        SkyDataset(tmp_path).claim(DEFINITION)
    with pytest.raises(UsageError, match="cannot be used as a sky dataset"):
        SkyDataset(tmp_path / "mine.txt" / "sky").claim(DEFINITION)
    with pytest.raises(UsageError, match="not a sky dataset: goodpix sky --dataset creates one"):
        SkyDataset(tmp_path).read()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "another format"),
        ('{"format_version": 2}', "another format"),
        ('{"format_version": 3}', "another format"),
    ],
)
def test_folder_that_cannot_be_understood_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "_goodpix-sky.json").write_text(content)
    dataset = SkyDataset(tmp_path)
    for use in (dataset.read, dataset.fingerprints, lambda: dataset.claim(DEFINITION)):
        with pytest.raises(UsageError, match=message):
            use()


def test_rows_come_back_in_order_of_key_and_place(dataset: SkyDataset) -> None:
    rows = [row_of(2, "b" * 64), row_of(1, "a" * 64, y0=0, x0=9), row_of(1, "a" * 64, y0=0, x0=5)]
    dataset.append(rows[:1])
    dataset.append(rows[1:])
    found = dataset.read()
    assert list(zip(found["expnum"], found["x0"].fillna(-1), strict=True)) == [(1, 5), (1, 9), (2, -1)]
    assert found.dtypes[["n", "calibrated"]].astype(str).tolist() == ["Int64", "boolean"]
    assert dataset.read(["b" * 64])["expnum"].tolist() == [2]


def test_same_rows_are_one_file_and_count_once(dataset: SkyDataset) -> None:
    for _ in range(2):
        dataset.append([row_of(1, "a" * 64)])
    assert len(list(dataset.folder.glob("*.parquet"))) == 1
    dataset.append([row_of(1, "a" * 64), row_of(2, "b" * 64)])
    assert len(list(dataset.folder.glob("*.parquet"))) == 2
    assert dataset.read()["expnum"].tolist() == [1, 2]
    assert not list(dataset.folder.glob(".*"))


def test_fingerprints_are_distinct_sorted_and_short(dataset: SkyDataset) -> None:
    dataset.append([row_of(1, "b" * 64), row_of(2, "a" * 64), row_of(3, "b" * 64)])
    assert dataset.fingerprints().tolist() == [b"a" * 24, b"b" * 24]


def test_noise_of_an_image_is_that_of_all_its_rows(dataset: SkyDataset) -> None:
    dataset.append([row_of(1, "a" * 64, y0=0, n=30, mad_std=2.0), row_of(1, "a" * 64, y0=9, n=10, mad_std=4.0)])
    dataset.append([row_of(2, "b" * 64, n=5, mad_std=3.0), row_of(3, "c" * 64, n=0, mad_std=None)])
    found = dataset.noise()
    assert found.index.names == ["band", "expnum", "ccdnum"]
    assert found["noise"].tolist() == pytest.approx([7**0.5, 3.0])
    assert found.index.get_level_values("expnum").tolist() == [1, 2]


def test_report_counts_epochs() -> None:
    report = SkyReport(1234, 5, ("T r 1/11: gone",))
    assert str(report) == "epochs: 1,234 measured, 5 already present, 1 unusable"


def test_epochs_without_statistics_stay_and_those_of_another_mask_do_not_count(dataset: SkyDataset) -> None:
    dataset.append([row_of(1, "a" * 64, n_pixels=7, median=1.5), row_of(2, "old" * 20, median=9.0)])
    epochs = pd.DataFrame({"tilename": "T", "band": "r", "expnum": [1, 2], "ccdnum": 11, "n_pixels": 70})
    found = joined(epochs.assign(fingerprint=["a" * 64, "new" * 20]), dataset.folder)
    assert found["n_pixels"].tolist() == [70, 70]
    assert found["n_pixels_part"].tolist() == [7, pd.NA]
    assert np.array_equal(found["median"], [1.5, np.nan], equal_nan=True)


def test_ccd_images_are_joined_by_the_fingerprints_of_their_epochs(source: Source, tmp_path: Path) -> None:
    measure = make_measure(source, by="ccd", allow_changed=True)
    report = extend_dataset(source, measure, tmp_path / "sky", tilename=EAST)
    assert str(report) == "CCD images: 3 measured, 0 already present, 0 unusable"
    assert extend_dataset(source, measure, tmp_path / "sky").n_known == 3
    images = ccd_images(source.database, {"band": "r"})
    both = [hashlib.sha256(str(key).encode()).hexdigest() for key in EPOCHS if key.expnum == 1]
    assert len(both) == 2
    assert images["fingerprint"][0] == hashlib.sha256("".join(both).encode()).hexdigest()
    found = joined(images, tmp_path / "sky")
    assert found[["expnum", "n_tiles"]].to_numpy().tolist() == [[1, 2], [2, 1]]
    assert found["median"].notna().all()


def test_only_missing_epochs_are_measured_and_unusable_ones_are_told(source: Source, tmp_path: Path) -> None:
    folder, measure = tmp_path / "sky", make_measure(source, allow_changed=True)
    first = extend_dataset(source, measure, folder, band="i")
    assert (first.n_measured, first.n_known, first.problems) == (1, 0, ())
    every = extend_dataset(source, measure, folder)
    assert (every.n_measured, every.n_known) == (3, 1)
    unusable = extend_dataset(source, make_measure(source), tmp_path / "strict", band="i")
    assert (unusable.n_measured, len(unusable.problems)) == (0, 1)
    assert unusable.problems[0].startswith("DES0200-4000 i 3/11: files have changed since the ingest")
    assert SkyDataset(tmp_path / "strict").read().empty
