"""A catalogue whose masks lie in an object store is as one in a folder, and only the upkeep lists them."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import goodpix
from goodpix.ingest import survey as survey_module
from goodpix.schema.errors import CatalogueError
from goodpix.schema.maskfile import MaskFile
from goodpix.schema.masks.rle import Runs
from goodpix.schema.store import parquet
from goodpix.schema.store.bucket import ObjectStore
from goodpix.schema.store.masksroot import MasksRoot

from ..rows import epoch_row, write_masks
from .conftest import Run
from .damage import all_rows, flipped
from .deadly import deadly_seg
from .objects import KEY, SECRET, Bucket
from .survey import SPEC, Survey, rewrite

MARKER = "_goodpix.json"


def mask_name(survey: Survey, band: str = "r") -> str:
    """Return the name of the mask file of a band."""
    with survey.catalogue() as catalogue:
        (found,) = catalogue.sql(f"SELECT mask_file FROM coadd WHERE band = '{band}'").mask_file
    return str(found)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


@pytest.mark.parametrize("workers", [1, 2])
def test_ingest_puts_each_mask_file_once_and_lists_nothing(
    survey: Survey, bucket: Bucket, ingested: Survey, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "BYTES_PER_WORKER", 1)
    report = survey.ingest(masks=bucket.root, workers=workers)
    asked = bucket.asked()
    assert (report.failures, report.n_epochs, report.masks) == ((), 6, bucket.root)
    assert bucket.mask_files() == files(ingested.masks)
    assert report.n_bytes == sum(map(len, files(ingested.masks).values()))
    puts = [each.path.removeprefix(f"/{bucket.name}/some/masks/") for each in asked if each.method == "PUT"]
    assert sorted(puts) == sorted([MARKER, *files(ingested.masks)])
    assert {each.method for each in asked} == {"GET", "PUT"}
    assert not any(each.lists for each in asked)
    assert not survey.masks.exists()


def test_ingest_again_finds_nothing_to_do(in_bucket: Survey, bucket: Bucket, cli: Run) -> None:
    done = cli("ingest", in_bucket.folder, "--db", in_bucket.database)
    assert (done.status, done.lines[-1]) == (0, "1 tile in 2 bands: nothing to do, 6 epochs up to date")
    asked = bucket.asked()
    assert {each.method for each in asked} == {"GET"}
    assert not any(each.lists for each in asked)


def test_changed_epoch_makes_a_generation_with_copies_of_the_others(in_bucket: Survey, bucket: Bucket) -> None:
    before = in_bucket.flags()
    rewrite(in_bucket.path(0, "image"), {"msk": in_bucket.plane(0, "bmask") | 16})
    bucket.asked()
    report = in_bucket.ingest(masks=None)
    (path,) = {each.path for each in bucket.asked() if each.method == "PUT"}
    assert "_g2_" in path
    assert (report.n_epochs, report.n_unchanged) == (1, 5)
    after = in_bucket.flags()
    same = [key for key in before if np.array_equal(before[key], after[key])]
    assert len(same) == 5


def test_answers_are_those_of_a_folder_and_come_without_a_listing(
    in_bucket: Survey, bucket: Bucket, ingested: Survey
) -> None:
    with in_bucket.catalogue() as here, ingested.catalogue() as there:
        assert here.info()["masks"] == bucket.root
        key = there.epochs(band="r").iloc[0]
        name = (key.tilename, "r", int(key.expnum), int(key.ccdnum))
        bucket.asked()
        assert here.mask(*name).encoded.checksum == there.mask(*name).encoded.checksum
        pd.testing.assert_frame_equal(here.to_pandas(), there.to_pandas())
        ra, dec = key.ra_cent, key.dec_cent
        pd.testing.assert_frame_equal(here.at(ra, dec), there.at(ra, dec))
        assert not here.at(ra, dec).empty
        expected = there.good_epoch_map(SPEC.tilename, "r")
        assert np.array_equal(here.good_epoch_map(SPEC.tilename, "r"), expected)
        counted = {each.key: each.value for each in here.map(goodpix.Mask.count, workers=2)}
        assert counted == {mask.key: mask.count() for mask in there.masks()}
    asked = bucket.asked()
    assert {each.method for each in asked} == {"GET"}
    assert all(each.range for each in asked)
    assert not any(each.lists for each in asked)


def test_mask_can_be_read_by_who_may_not_list(in_bucket: Survey, bucket: Bucket) -> None:
    bucket.server.refuse("GET", "list-type|delimiter", 403, "AccessDenied")
    assert len(in_bucket.flags()) == 6


def test_check_derives_a_mask_again(in_bucket: Survey) -> None:
    assert in_bucket.check(1).equal


def test_others_read_the_root_as_it_lies(in_bucket: Survey, bucket: Bucket, ingested: Survey) -> None:
    assert len(pd.read_parquet(bucket.root, columns=["tilename", "kind", "n_good"])) == 8


def test_whole_catalogue_is_verified_by_one_request_a_file(in_bucket: Survey, bucket: Bucket) -> None:
    report = goodpix.verify(in_bucket.database)
    assert (report.problems, report.notes, report.n_masks) == ((), (), 8)
    read = [each for each in bucket.asked() if each.path.endswith(".parquet")]
    assert len(read) == 2
    assert goodpix.verify(in_bucket.database, sample=2).ok


@pytest.mark.parametrize("damage", ["flipped", "short", "gone"])
def test_damaged_object_is_named_and_made_again(in_bucket: Survey, bucket: Bucket, damage: str) -> None:
    flags, name = in_bucket.flags(), mask_name(in_bucket)
    content = bucket.objects()[name]
    changed = {"flipped": flipped(content, len(content) // 2, 400), "short": content[:-700]}
    bucket.put(name, changed[damage]) if damage in changed else bucket.remove(name)
    problems = goodpix.verify(in_bucket.database).problems
    assert problems
    assert any(f"{bucket.root}/{name}" in str(each) for each in problems)
    repaired = goodpix.verify(in_bucket.database, repair=True)
    assert repaired.repaired
    in_bucket.ingest(masks=None)
    assert goodpix.verify(in_bucket.database).ok
    after = in_bucket.flags()
    assert all(np.array_equal(flags[key], after[key]) for key in flags)


def test_store_that_refuses_is_no_damage(in_bucket: Survey, bucket: Bucket, cli: Run) -> None:
    before, name = all_rows(in_bucket.database), mask_name(in_bucket)
    bucket.server.refuse("GET", f"{name}", 403, "AccessDenied", "Access Denied")
    done = cli("verify", "--repair", "--db", in_bucket.database)
    assert done.status == 1
    assert f"{bucket.root}/{name}: Access Denied" in done.out
    assert all_rows(in_bucket.database) == before
    done = cli("rebuild", "--force", "--db", in_bucket.database)
    assert done.status == 1
    assert all_rows(in_bucket.database) == before


def test_sweep_goes_by_the_age_that_the_store_tells(in_bucket: Survey, bucket: Bucket, cli: Run) -> None:
    old = mask_name(in_bucket)
    rewrite(in_bucket.path(0, "image"), {"msk": in_bucket.plane(0, "bmask") | 16})
    in_bucket.ingest(masks=None)
    new = mask_name(in_bucket)
    bucket.put("r/notes.txt", b"")
    assert goodpix.gc(in_bucket.database, delete=True).files == ()
    bucket.server.age(bucket.name, "", days=2)
    done = cli("gc", "--db", in_bucket.database)
    assert (done.status, [line.split()[-1] for line in done.out.splitlines()]) == (0, [old])
    assert old in bucket.objects()
    done = cli("gc", "--delete", "--db", in_bucket.database)
    assert done.status == 0
    assert sorted(bucket.objects()) == sorted([MARKER, mask_name(in_bucket, "i"), new, "r/notes.txt"])
    assert goodpix.verify(in_bucket.database).ok


def test_object_that_was_written_again_since_is_not_removed(bucket: Bucket) -> None:
    store = ObjectStore(bucket.root)
    for name in ("a", "b"):
        store.write(name, b"old")
    bucket.server.age(bucket.name, "", days=1)
    first, second = store.listing().files
    store.write("b", b"new")
    for each in (first, second, first):
        store.remove(each)
    assert bucket.objects() == {"b": b"new"}


def test_database_comes_back_from_the_bucket_alone(in_bucket: Survey, bucket: Bucket, cli: Run) -> None:
    before = all_rows(in_bucket.database)
    in_bucket.database.unlink()
    done = cli("rebuild", "--db", in_bucket.database, "--masks", f"{bucket.root}/")
    assert (done.status, done.lines[-1]) == (0, "6 epochs of 1 tile in 2 bands")
    assert all_rows(in_bucket.database) == before
    assert in_bucket.ingest(masks=None).n_unchanged == 6


def test_killed_ingest_goes_on_where_it_was(survey: Survey, bucket: Bucket, ingested: Survey) -> None:
    program = "from goodpix.cli import main; main()"
    places = ["--db", str(survey.database), "--masks", bucket.root, "--workers", "1"]
    with deadly_seg(survey, 1, n_kills=1):
        done = subprocess.run(
            [sys.executable, "-c", program, "ingest", str(survey.folder), *places], check=False, capture_output=True
        )
    assert done.returncode == -signal.SIGKILL
    assert list(bucket.mask_files()) == [mask_name(ingested, "i")]
    report = survey.ingest(masks=bucket.root)
    assert (report.n_epochs, report.n_unchanged) == (3, 3)
    assert bucket.mask_files() == files(ingested.masks)


def test_refused_put_is_the_failure_of_its_tile(
    survey: Survey, bucket: Bucket, cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    bucket.server.refuse("PUT", "/r/", 403, "AccessDenied", "Access Denied")
    arguments = ["ingest", survey.folder, "--db", survey.database, "--report", tmp_path / "report.json"]
    done = cli(*arguments, "--masks", bucket.root)
    assert done.status == 1
    (failure,) = json.loads((tmp_path / "report.json").read_text())["failures"]
    assert (failure["error_type"], failure["band"]) == ("StoreError", "r")
    assert failure["message"].startswith(f"no new mask file was written: {bucket.root}/r/")
    assert failure["message"].endswith(": Access Denied")
    assert list(bucket.mask_files()) == [mask_name(survey, "i")]
    assert list(scratch.iterdir()) == []
    told = [done.out, done.err, (tmp_path / "report.json").read_text(), survey.database.read_bytes().decode("latin-1")]
    assert not any(secret in text for text in told for secret in (KEY, SECRET))
    bucket.server.accept()
    assert cli(*arguments).status == 0
    assert len(survey.flags()) == 6


def test_masks_are_not_made_again_because_the_store_does_not_answer(in_bucket: Survey, bucket: Bucket) -> None:
    rewrite(in_bucket.path(0, "image"), {"msk": in_bucket.plane(0, "bmask") | 16})
    bucket.server.refuse("GET", "/r/", 403, "AccessDenied", "Access Denied")
    report = in_bucket.ingest(masks=None)
    (failure,) = report.failures
    assert (failure.error_type, report.n_epochs) == ("StoreError", 0)
    bucket.server.accept()
    assert in_bucket.ingest(masks=None).n_epochs == 1


@pytest.mark.parametrize("conditional", [True, False])
def test_of_two_catalogues_that_claim_a_root_at_once_one_has_it(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, conditional: bool
) -> None:
    create = ObjectStore.create

    def after_another(store: ObjectStore, name: str, content: bytes) -> bool:
        monkeypatch.undo()
        MasksRoot(store).claim("two")
        if not conditional:
            bucket.server.refuse("PUT", MARKER, 501, "NotImplemented", times=1)
        return create(store, name, content)

    monkeypatch.setattr(ObjectStore, "create", after_another)
    root = MasksRoot.of(bucket.root)
    with pytest.raises(CatalogueError, match="belongs to catalogue two, expected one"):
        root.claim("one")
    assert root.owner == "two"


N_MASKS, N_RUNS = 50, 60_000


@pytest.fixture(scope="module")
def long_file() -> tuple[str, bytes]:
    """A mask file of fifty masks, each of which takes many bytes: its name and content."""
    rng = np.random.default_rng(5)
    flags = rng.integers(1, 250, N_RUNS) + 250 * (np.arange(N_RUNS) % 2)  # neighbours differ
    lengths = rng.integers(1, 9, N_RUNS).astype(np.uint32)
    lengths[-1] += -int(lengths.sum()) % 4096
    runs = Runs(int(lengths.sum()) // 4096, 4096, lengths, flags)
    row = epoch_row(runs)
    masks = [(replace(row, key=replace(row.key, expnum=k)), runs) for k in range(N_MASKS)]
    root = MasksRoot.of(f"memory://long-file-{os.getpid()}")
    name = write_masks(root, masks)
    content = root.store.read(name)
    assert content is not None
    return name, content


def test_one_mask_of_fifty_takes_two_requests_and_a_part_of_the_file(
    bucket: Bucket, long_file: tuple[str, bytes]
) -> None:
    name, content = long_file
    bucket.put(name, content)
    metadata = pq.ParquetFile(pa.BufferReader(content)).metadata
    group = metadata.row_group(7)
    n_bytes = sum(group.column(k).total_compressed_size for k in range(group.num_columns))
    bucket.asked()
    file = MaskFile.open(MasksRoot.of(bucket.root).path(name))
    file.runs(7)
    footer, runs = bucket.asked()
    assert (footer.method, footer.range) == ("GET", f"bytes=-{1 << 19}")
    first, last = map(int, runs.range.removeprefix("bytes=").split("-"))
    assert last - first < n_bytes
    assert metadata.serialized_size < 1 << 19 < len(content) / 5
    file.runs(8)
    assert len(bucket.asked()) == 1


def test_footer_that_is_longer_than_most_takes_one_request_more(
    bucket: Bucket, long_file: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_TAIL", 1000)
    name, content = long_file
    bucket.put(name, content)
    bucket.asked()
    assert len(MaskFile.open(MasksRoot.of(bucket.root).path(name))) == N_MASKS
    assert len(bucket.asked()) == 2
