"""Answers, masks and maps go to an object store by URL, and are there as in a folder; lists come from one."""

import sys
from collections.abc import Callable
from pathlib import Path

import fsspec
import pandas as pd
import pytest
from astropy.io.votable import parse
from astropy.table import Table

import goodpix
from goodpix.cli.output import STANDARD_OUTPUT
from goodpix.schema.errors import StoreError, UsageError
from goodpix.schema.extras import missing_library

from .conftest import Run
from .objects import KEY, SECRET, Bucket
from .survey import SPEC, Survey

MASK = ("mask", SPEC.tilename, "r")
COMMANDS = {
    "epochs.parquet": ["epochs"],
    "epochs.vot": ["epochs", "--sort", "fwhm"],
    "tiles.ecsv": ["tiles"],
    "ccds.fits": ["ccds"],
    "sql.csv": ["sql", "SELECT * FROM bit_quality"],
    "mask.fits": [*MASK],
    "mask.npz": [*MASK],
    "mask.parquet": [*MASK],
    "mask.reg": [*MASK],
    "mask.png": [*MASK],
    "map.fits": ["map", SPEC.tilename, "r"],
    "map.npz": ["map", SPEC.tilename, "r"],
    "sky.hsp": ["map", "--statistic", "n_images", "--nside", "1024"],
    "area.fits": ["moc", "--max-order", "10"],
    "area.txt": ["moc", "--max-order", "10"],
}


def there(url: str) -> bytes:
    content: bytes = fsspec.filesystem("s3", use_listings_cache=False).cat_file(url)
    return content


@pytest.mark.parametrize("name", COMMANDS)
def test_object_is_the_file_byte_for_byte(
    ingested: Survey, cli: Run, bucket: Bucket, tmp_path: Path, name: str
) -> None:
    command, url = [*COMMANDS[name], "--db", ingested.database], f"s3://{bucket.name}/out/{name}"
    done = cli(*command, "-o", url)
    assert done.status == 0
    assert f"wrote {url}" in done.err
    puts = [each.path for each in bucket.asked() if each.method == "PUT"]
    assert puts == [f"/{bucket.name}/out/{name}"]
    assert cli(*command, "-o", tmp_path / name).status == 0
    assert there(url) == (tmp_path / name).read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_several_maps_go_to_several_objects(ingested: Survey, cli: Run, bucket: Bucket) -> None:
    which = ("--statistic", "n_images", "--statistic", "fracdet", "--nside", "1024")
    done = cli("map", *which, "--db", ingested.database, "-o", f"s3://{bucket.name}/sky.fits")
    assert done.status == 0
    assert {each.path for each in bucket.asked() if each.method == "PUT"} == {
        f"/{bucket.name}/sky_n_images.fits",
        f"/{bucket.name}/sky_fracdet.fits",
    }


WRITERS: dict[str, Callable[[goodpix.Catalogue, str], object]] = {
    "a.parquet": lambda cat, url: cat.to_parquet(url),
    "b.vot": lambda cat, url: goodpix.write_table(cat.epochs(), url),
    "c.reg": lambda cat, url: next(cat.masks(band="r")).to_regions(url),
    "d.npz": lambda cat, url: cat.good_epoch_map(SPEC.tilename, "r", path=url),
    "e.fits": lambda cat, url: cat.moc(max_order=10, path=url),
}


@pytest.mark.parametrize("name", WRITERS)
def test_python_writes_to_any_store(ingested: Survey, name: str, tmp_path: Path) -> None:
    with ingested.catalogue() as catalogue:
        WRITERS[name](catalogue, f"memory://outputs/{name}")
        WRITERS[name](catalogue, str(tmp_path / name))
    content = fsspec.filesystem("memory").cat_file(f"memory://outputs/{name}")
    assert content == (tmp_path / name).read_bytes()


def test_store_that_refuses_is_told_in_a_line(ingested: Survey, cli: Run, bucket: Bucket) -> None:
    bucket.server.refuse("PUT", "/out/", 403, "AccessDenied", "Access Denied")
    done = cli("epochs", "--db", ingested.database, "-o", f"s3://{bucket.name}/out/epochs.vot")
    assert (done.status, done.lines) == (2, [f"goodpix: s3://{bucket.name}/out/epochs.vot: Access Denied"])
    assert KEY not in done.err
    assert SECRET not in done.err
    with ingested.catalogue() as catalogue, pytest.raises(StoreError, match=r"Access Denied$"):
        catalogue.to_parquet(f"s3://{bucket.name}/out/masks.parquet")


def test_bucket_that_does_not_exist_is_told_in_a_line(ingested: Survey, cli: Run, bucket: Bucket) -> None:
    done = cli("epochs", "--db", ingested.database, "-o", "s3://no-such-bucket/epochs.vot")
    assert done.status == 2
    assert len(done.lines) == 1
    assert done.err.startswith("goodpix: s3://no-such-bucket/epochs.vot: ")


@pytest.mark.parametrize("command", [["epochs"], ["sql", "SELECT 1"], [*MASK], ["map", SPEC.tilename, "r"], ["moc"]])
@pytest.mark.parametrize("url", ["https://host/out.fits", "nosuch://host/out.fits"])
def test_protocol_is_refused_before_the_work(command: list[str], url: str, cli: Run, tmp_path: Path) -> None:
    done = cli(*command, "--db", tmp_path / "none.db", "-o", url)  # of which nobody complains
    assert done.status == 2
    assert len(done.lines) == 1
    assert done.err.startswith(f"goodpix: output {url}: ")


def test_library_that_is_missing_is_told_with_its_cure(
    ingested: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    done = cli("epochs", "--db", ingested.database, "-o", "s3://bucket/epochs.vot")
    assert (done.status, done.lines) == (2, [f"goodpix: {missing_library('s3fs')}"])


def test_list_of_exclusions_comes_from_a_store(ingested: Survey, cli: Run, bucket: Bucket, tmp_path: Path) -> None:
    fsspec.filesystem("s3").pipe_file(f"s3://{bucket.name}/bad.csv", b"ccdnum,amplifier\n12,A\n")
    (tmp_path / "bad.csv").write_bytes(b"ccdnum,amplifier\n12,A\n")
    counted = [
        cli("epochs", "--db", ingested.database, "--exclude", name, "--format", "csv").out
        for name in (f"s3://{bucket.name}/bad.csv", tmp_path / "bad.csv")
    ]
    assert counted[0] == counted[1]
    assert goodpix.read_exclusions(f"s3://{bucket.name}/bad.csv") == goodpix.read_exclusions(tmp_path / "bad.csv")
    with pytest.raises(UsageError, match=r"none\.csv: cannot be read"):
        goodpix.read_exclusions(f"s3://{bucket.name}/none.csv")


@pytest.mark.parametrize("command", ["ingest", "describe"])
def test_images_in_a_store_are_refused_by_name(command: str, cli: Run, tmp_path: Path) -> None:
    more = ["--db", tmp_path / "a.db", "--masks", tmp_path / "masks"] if command == "ingest" else []
    done = cli(command, "s3://bucket/survey", *more)
    assert done.status == 2
    says = "goodpix: input s3:/bucket/survey: is read from a file system, not from a store: expected a local path"
    assert done.lines == [says]


def test_folder_of_sky_statistics_in_a_store_is_refused_by_name(ingested: Survey, cli: Run) -> None:
    done = cli("sky", "--db", ingested.database, "--dataset", "s3://bucket/sky")
    says = "goodpix: sky dataset s3:/bucket/sky: is read from a file system, not from a store: expected a local path"
    assert (done.status, done.lines) == (2, [says])


@pytest.mark.parametrize("command", ["tiles", "epochs", "ccds", "exposures", "bits", "failures"])
def test_every_listing_is_read_back_by_astropy(ingested: Survey, cli: Run, tmp_path: Path, command: str) -> None:
    for name in ("a.vot", "a.ecsv", "a.fits", "a.parquet"):
        assert cli(command, "--db", ingested.database, "-o", tmp_path / name).status == 0
    expected = pd.read_parquet(tmp_path / "a.parquet")
    parse(tmp_path / "a.vot", verify="exception")
    tables = {
        "votable": Table.read(tmp_path / "a.vot", format="votable"),
        "ascii.ecsv": Table.read(tmp_path / "a.ecsv", format="ascii.ecsv"),
        "fits": Table.read(tmp_path / "a.fits", format="fits"),
    }
    for format_, found in tables.items():
        assert found.colnames == list(expected.columns), format_
        for name in expected.columns:
            values = [None if each is pd.NA or each != each or each is None else each for each in expected[name]]
            read = [None if each != each or each == "" else each for each in _filled(found[name])]
            assert read == [each if each != "" else None for each in values], (format_, name)


def _filled(column: object) -> list[object]:
    values: list[object] = column.tolist()  # type: ignore[attr-defined]
    return values


def test_minus_is_standard_output(ingested: Survey, cli: Run) -> None:
    done = cli("tiles", "--db", ingested.database, "--format", "csv", "-o", STANDARD_OUTPUT)
    assert done.out.startswith("tilename,band,")


def test_small_areas_are_left_out_of_regions(ingested: Survey, cli: Run, tmp_path: Path) -> None:
    command = [*MASK, "--db", ingested.database, "--min-pixels", 9, "-o"]
    assert cli(*command, tmp_path / "mask.reg").status == 0
    lines = (tmp_path / "mask.reg").read_text().splitlines()
    assert "# without areas of fewer than 9 pixels" in lines
    done = cli(*command, tmp_path / "mask.fits")
    assert (done.status, done.lines) == (2, ["goodpix: --min-pixels: expected -o FILE.reg"])
