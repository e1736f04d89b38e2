"""Masks roots in an object store that are refused or cannot be used."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from goodpix.schema.errors import MaskFileError, StoreError
from goodpix.schema.extras import missing_library
from goodpix.schema.store.masksroot import MasksRoot

from .conftest import Run
from .damage import change
from .objects import KEY, SECRET, Bucket
from .survey import SPEC, Survey

MARKER = "_goodpix.json"


def mask_name(survey: Survey, band: str = "r") -> str:
    """Return the name of the mask file of a band."""
    with survey.catalogue() as catalogue:
        (found,) = catalogue.sql(f"SELECT mask_file FROM coadd WHERE band = '{band}'").mask_file
    return str(found)


def test_root_can_be_claimed_where_nothing_is_written_on_a_condition(bucket: Bucket) -> None:
    bucket.server.refuse("PUT", MARKER, 501, "NotImplemented", times=1)
    root = MasksRoot.of(bucket.root)
    root.claim("one")
    assert root.owner == "one"


def test_root_of_another_catalogue_is_refused(in_bucket: Survey, bucket: Bucket, cli: Run, tmp_path: Path) -> None:
    before = bucket.objects()
    done = cli("ingest", in_bucket.folder, "--db", tmp_path / "other.db", "--masks", bucket.root)
    assert (done.status, len(done.lines)) == (2, 1)
    assert f"masks root {bucket.root} belongs to catalogue" in done.err
    assert bucket.objects() == before


def test_another_root_for_a_catalogue_is_refused(in_bucket: Survey, bucket: Bucket, cli: Run) -> None:
    done = cli("ingest", in_bucket.folder, "--db", in_bucket.database, "--masks", f"s3://{bucket.name}/other")
    assert (done.status, len(done.lines)) == (2, 1)
    assert f"masks root is s3://{bucket.name}/other, but the catalogue" in done.err


def test_root_may_come_from_the_environment(
    survey: Survey, bucket: Bucket, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOODPIX_MASKS", bucket.root)
    assert cli("ingest", survey.info_path("r"), "--db", survey.database).status == 0
    assert len(bucket.mask_files()) == 1


TROUBLES = {
    "no such bucket": "the bucket does not exist",
    "no credentials": "Unable to locate credentials",
    "no endpoint": "Could not connect to the endpoint URL",
    "forbidden": "The AWS Access Key Id you provided does not exist in our records.",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_store_that_cannot_be_used_is_told_in_a_line(
    in_bucket: Survey,
    bucket: Bucket,
    forget_clients: Callable[[], None],
    cli: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    trouble: str,
) -> None:
    root = bucket.root
    if trouble == "no such bucket":
        root = "s3://no-such-bucket/some/masks"
        change(in_bucket, f"UPDATE catalogue SET masks_root = '{root}'")
    if trouble == "no credentials":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    if trouble == "no endpoint":
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    if trouble == "forbidden":
        bucket.server.refuse(".*", "/", 403, "InvalidAccessKeyId", TROUBLES[trouble])
    forget_clients()
    row = in_bucket.epoch(0)
    commands = [
        ("ingest", in_bucket.folder, "--db", tmp_path / "new.db", "--masks", root),
        ("ingest", in_bucket.folder, "--db", in_bucket.database),
        ("mask", SPEC.tilename, "r", row["expnum"], row["ccdnum"], "--db", in_bucket.database),
        ("check", SPEC.tilename, "r", row["expnum"], row["ccdnum"], "--db", in_bucket.database),
        ("verify", "--db", in_bucket.database),
        ("gc", "--db", in_bucket.database),
        ("rebuild", "--force", "--db", in_bucket.database),
    ]
    for command in commands:
        done = cli(*command)
        assert (done.status, done.out, len(done.lines)) == (2, "", 1), (command, done)
        assert TROUBLES[trouble] in done.err
        assert root in done.err
        assert KEY not in done.err
        assert SECRET not in done.err


def test_s3fs_that_is_not_installed_is_told_with_its_cure(
    survey: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    # what was imported before stays there
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    done = cli("ingest", survey.folder, "--db", survey.database, "--masks", "s3://bucket/masks")
    assert (done.status, done.lines) == (2, [f"goodpix: {missing_library('s3fs')}"])
    assert not survey.database.exists()


def test_mask_whose_store_has_no_library_is_not_called_damaged(
    in_bucket: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    assert cli("tiles", "--db", in_bucket.database).status == 0
    done = cli("mask", SPEC.tilename, "r", "--db", in_bucket.database)
    assert (done.status, done.lines) == (2, [f"goodpix: {missing_library('s3fs')}"])


@pytest.mark.parametrize(("damage", "says"), [("gone", "is missing: goodpix ingest"), ("short", "is damaged")])
def test_mask_whose_object_is_gone_or_damaged_is_told(
    in_bucket: Survey, bucket: Bucket, damage: str, says: str
) -> None:
    name = mask_name(in_bucket)
    content = bucket.objects()[name]
    bucket.remove(name) if damage == "gone" else bucket.put(name, content[:-100])
    with in_bucket.catalogue() as catalogue, pytest.raises(MaskFileError, match=says) as told:
        catalogue.mask(SPEC.tilename, "r")
    assert f"mask file {bucket.root}/{name}" in str(told.value)
    assert not any(each.lists for each in bucket.server.asked() if each.method != "HEAD" and each.path.endswith(name))


def test_mask_whose_object_goes_while_it_is_open_is_told(in_bucket: Survey, bucket: Bucket) -> None:
    with in_bucket.catalogue() as catalogue:
        catalogue.mask(SPEC.tilename, "r")
        bucket.server.refuse("GET", "/r/", 403, "AccessDenied", "Access Denied")
        with pytest.raises(StoreError, match=f"{bucket.root}/r/.*: Access Denied"):
            catalogue.mask(SPEC.tilename, "r")
        bucket.server.accept()
        bucket.remove(mask_name(in_bucket))
        with pytest.raises(MaskFileError, match="is missing"):
            catalogue.mask(SPEC.tilename, "r")
