"""The command line: what goes to which stream, in which format, with which exit status."""

import io
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pandas as pd
import pytest
import typer.main

import goodpix
from goodpix.cli import app

from .conftest import Run
from .survey import SPEC, Done, Survey, records, rewrite

TABLES = ["tiles", "epochs", "ccds", "exposures", "bits", "failures"]
FORMATS = ["table", "csv", "json", "parquet"]


def process(*arguments: object, cwd: Path, **environment: str) -> Done:
    """Run goodpix in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "goodpix", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def arguments_of(survey: Survey, number: int = 0) -> list[str]:
    """Return TILE BAND EXPNUM CCDNUM of an epoch in r."""
    entry = survey.epoch(number)
    return [SPEC.tilename, "r", str(entry["expnum"]), str(entry["ccdnum"])]


@pytest.fixture
def db(ingested: Survey) -> list[str]:
    """The option that names the catalogue."""
    return ["--db", str(ingested.database)]


# Streams and exit statuses.


def test_ingest_says_everything_on_standard_error(
    survey: Survey, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("ingest", survey.folder)
    assert (done.status, done.out) == (0, "")
    assert [line.split(",")[0] for line in done.lines] == [
        f"{SPEC.tilename} i: 3 epochs made",
        f"{SPEC.tilename} r: 3 epochs made",
        "2 tiles: 6 epochs made",
    ]
    assert (tmp_path / "goodpix.db").is_file()
    assert len(list((tmp_path / "goodpix-masks").rglob("*.parquet"))) == 2


def test_query_writes_only_data_to_standard_output(db: list[str], cli: Run) -> None:
    done = cli("epochs", *db, "--format", "csv")
    assert (done.status, done.err) == (0, "")
    assert len(pd.read_csv(io.StringIO(done.out))) == 6


def test_failed_input_exits_1(stored: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stored.database.parent)
    stored.path(0, "seg").unlink()
    done = cli("ingest", stored.folder)
    assert (done.status, done.out) == (1, "")
    assert done.lines[-1] == "what failed and why: goodpix failures"


# In processes of their own: streams and exit statuses are the operating system's.


def test_wrong_usage_exits_2_in_one_line(tmp_path: Path) -> None:
    done = process("ingest", "nowhere", cwd=tmp_path)
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)


def test_parquet_goes_to_standard_output_as_it_is(ingested: Survey, db: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "goodpix", "tiles", *db, "--format", "parquet"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert len(pd.read_parquet(io.BytesIO(done.stdout))) == 2


def test_closed_standard_output_is_no_traceback(ingested: Survey, db: list[str], tmp_path: Path) -> None:
    command = f"{sys.executable} -m goodpix bits {' '.join(db)} --format csv | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, {130}), (signal.SIGTERM, {143, -15})])
def test_interrupted_ingest_says_so_by_its_status(number: int, status: set[int], survey: Survey) -> None:
    path = survey.info_path()
    path.unlink()
    os.mkfifo(path)
    command = [sys.executable, "-m", "goodpix", "ingest", str(path), "--db", str(survey.database)]
    with (
        subprocess.Popen(
            command, cwd=survey.folder.parent, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as running,
        path.open("wb"),
    ):  # opens as soon as the ingest reads
        running.send_signal(number)
        _, said = running.communicate()
    assert running.returncode in status
    assert "Traceback" not in said


def test_demo_makes_a_picture_from_nothing_and_can_be_run_again(
    cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MEDS_DIR", "put back afterwards")
    done = cli("demo")
    assert done.status == 0, done.err
    assert (folder / "goodpix-demo" / "mask.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in folder.iterdir()] == ["goodpix-demo"]
    made = [line.split()[-1] for line in done.out.splitlines() if str(folder) in line and "Try" not in line]
    assert len(made) == 4
    assert all(Path(each).exists() for each in made)
    tiles = cli("tiles", "--db", folder / "goodpix-demo" / "goodpix.db", "--format", "csv")
    assert len(pd.read_csv(io.StringIO(tiles.out))) == 2
    again = cli("demo", folder / "goodpix-demo")
    assert again.status == 0
    assert "nothing to do" in again.err


# Precedence: option, then what the database remembers, then the environment, then here.


def test_goodpix_db_names_the_catalogue(
    ingested: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOODPIX_DB", f"sqlite:///{ingested.database}")
    assert cli("tiles").status == 0


def test_option_comes_before_goodpix_db(
    ingested: Survey, db: list[str], cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOODPIX_DB", "nowhere.db")
    assert cli("tiles", *db).status == 0


def test_goodpix_masks_names_the_root_of_a_new_catalogue(
    survey: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = survey.folder.parent / "from-environment"
    monkeypatch.setenv("GOODPIX_MASKS", str(root))
    cli("ingest", survey.folder, "--db", survey.database)
    assert len(list(root.rglob("*.parquet"))) == 2


def test_masks_option_comes_before_goodpix_masks(survey: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    root = survey.folder.parent / "from-environment"
    monkeypatch.setenv("GOODPIX_MASKS", str(root))
    cli("ingest", survey.folder, "--db", survey.database, "--masks", survey.masks)
    assert not root.exists()
    assert len(survey.mask_files()) == 2


def test_what_the_database_remembers_comes_before_goodpix_masks(
    stored: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOODPIX_MASKS", str(stored.folder.parent / "other"))
    done = cli("ingest", stored.folder, "--db", stored.database)
    assert (done.status, done.err.splitlines()[-1]) == (0, "2 tiles: nothing to do, 6 epochs are up to date")


def test_masks_option_that_is_not_the_catalogues_exits_2(stored: Survey, cli: Run) -> None:
    done = cli("ingest", stored.folder, "--db", stored.database, "--masks", "other")
    assert (done.status, len(done.lines)) == (2, 1)


# Formats.


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("command", TABLES)
def test_every_table_has_every_format(command: str, format_: str, db: list[str], cli: Run) -> None:
    done = cli(command, *db, "--format", format_, "-o", os.devnull)
    assert (done.status, done.out, done.lines) == (0, "", [f"wrote {os.devnull}"])


def read(path: Path) -> pd.DataFrame:
    """Read an answer back by the ending of its file."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path) if path.suffix == ".csv" else pd.DataFrame(json.loads(path.read_text()))


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_output_file_has_the_format_of_its_ending(
    suffix: str, ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    path = tmp_path / f"epochs.{suffix}"
    cli("epochs", *db, "-o", path)
    with ingested.catalogue() as catalogue:
        expected = catalogue.epochs()
    found = read(path)
    assert list(found.columns) == list(expected.columns)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-14)


def test_format_option_comes_before_the_ending(db: list[str], cli: Run, tmp_path: Path) -> None:
    cli("tiles", *db, "-o", tmp_path / "tiles.csv", "--format", "json")
    assert len(json.loads((tmp_path / "tiles.csv").read_text())) == 2


def test_json_has_null_where_there_is_no_number(db: list[str], cli: Run) -> None:
    found = json.loads(cli("epochs", *db, "--format", "json").out)
    assert [each["wcs_delta_pix"] is None for each in found] == [False, True, False] * 2


def test_output_that_cannot_be_written_exits_2(db: list[str], cli: Run, tmp_path: Path) -> None:
    done = cli("tiles", *db, "-o", tmp_path / "nowhere" / "tiles.csv")
    assert (done.status, len(done.lines), "cannot be written" in done.err) == (2, 1, True)


def test_unknown_format_exits_2(db: list[str], cli: Run) -> None:
    assert cli("tiles", *db, "--format", "xml").status == 2


@pytest.mark.parametrize("command", TABLES)
def test_table_has_a_heading_and_a_line_per_row(command: str, ingested: Survey, db: list[str], cli: Run) -> None:
    with ingested.catalogue() as catalogue:
        n_rows = len(getattr(catalogue, command)())
    assert len(cli(command, *db).out.splitlines()) == n_rows + 1


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("command", [each for each in TABLES if each != "exposures"])
def test_empty_answer_is_an_empty_table(command: str, format_: str, db: list[str], cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "answer"
    done = cli(command, *db, "--band", "Y", "--format", format_, "-o", path)
    assert (done.status, done.lines) == (0, [f"wrote {path}"])
    if format_ == "table":
        assert len(path.read_text().splitlines()) == 1
    elif format_ == "json":
        assert json.loads(path.read_text()) == []
    else:
        found = pd.read_csv(path) if format_ == "csv" else pd.read_parquet(path)
        assert found.empty
        assert len(found.columns) > 5


def test_failures_are_listed_with_their_reason(stored: Survey, cli: Run) -> None:
    stored.path(0, "seg").unlink()
    stored.ingest()
    (found,) = json.loads(cli("failures", "--db", stored.database, "--format", "json").out)
    assert found["failure_key"] == f"{stored.info_path()}#{stored.name(0)}"
    assert found["message"].endswith("no such file")


# Filters.


def expnums(done: Done) -> list[int]:
    return [int(each) for each in pd.read_csv(io.StringIO(done.out)).expnum]


FIRST = 201000  # of band r; those of i follow


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--band", "r"], {0, 1, 2}),
        (["--band", "r", "--band", "i"], {0, 1, 2, 3, 4, 5}),
        (["--tile", SPEC.tilename], {0, 1, 2, 3, 4, 5}),
        (["--tile", "DES0000+0000"], set()),
        (["--expnum", f"{FIRST + 1}"], {1}),
        (["--expnum", f"{FIRST + 1}", "--expnum", f"{FIRST + 4}"], {1, 4}),
        (["--expnum", f"{FIRST + 1}:{FIRST + 3}"], {1, 2, 3}),
        (["--expnum", f"{FIRST + 4}:"], {4, 5}),
        (["--expnum", f":{FIRST}"], {0}),
        (["--expnum", f"{FIRST + 3}:{FIRST + 1}"], set()),
        (["--expnum", f"{FIRST}", "--expnum", f"{FIRST + 4}:{FIRST + 5}"], {0, 4, 5}),
        (["--ccdnum", "12"], {0}),
        (["--nite", "20161001:20161003"], {1, 2, 3}),
        (["--band", "i", "--expnum", f"{FIRST}:{FIRST + 3}"], {3}),
        (["--min", f"expnum={FIRST + 4}"], {4, 5}),
        (["--max", f"expnum={FIRST + 4}", "--min", f"expnum={FIRST + 3}"], {3, 4}),
        (["--min", "fraction_good_on_coadd=0", "--max", "n_off_coadd=0"], {0, 3}),
        (["--min", "mjd_obs=1e9"], set()),
    ],
)
def test_filters_choose_epochs(filters: list[str], expected: set[int], db: list[str], cli: Run) -> None:
    done = cli("epochs", *db, *filters, "--format", "csv")
    assert {each - FIRST for each in expnums(done)} == expected


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["epochs", "--min", "n_goood=1"], ["'n_goood'", "did you mean 'n_good'"]),
        (["epochs", "--max", "n_goood=1"], ["'n_goood'", "did you mean 'n_good'"]),
        (["tiles", "--min", "zzz=1"], ["no column 'zzz'"]),
        (["epochs", "--min", "n_good"], ["--min n_good", "expected COLUMN=VALUE"]),
        (["epochs", "--min", "n_good=many"], ["n_good is 'many'", "expected a number"]),
        (["epochs", "--max", "fraction_good=nan"], ["fraction_good is 'nan'", "expected a number"]),
        (["epochs", "--min", "band=1"], ["band is not numeric"]),
        (["epochs", "--expnum", "many"], ["expnum is 'many'", "expected a whole number, or a range A:B"]),
        (["epochs", "--expnum", "1:many"], ["expnum is 'many'"]),
        (["epochs", "--nite", "2016-10-01"], ["nite is '2016-10-01'"]),
        (["mask", SPEC.tilename, "r", "--ignore", "COAD_SEG"], ["'COAD_SEG'", "did you mean COADD_SEG"]),
        (["mask", SPEC.tilename, "r", "--ignore-bit", "SE:STARR"], ["'STARR'", "did you mean STAR"]),
        (["mask", SPEC.tilename, "r", "--ignore-bit", "SE:3"], ["SE bit value: 3", "one bit set"]),
        (["mask", SPEC.tilename, "r", "--ignore-bit", "XX:STAR"], ["unknown plane 'XX'", "expected SE or COADD"]),
        (["mask", SPEC.tilename, "r", "--ignore-bit", "COADD:STAR"], ["unknown COADD bit 'STAR'"]),
        (["mask", SPEC.tilename, "r", "--ignore-bit", "STAR"], ["--ignore-bit STAR", "expected PLANE:BIT"]),
        (["mask", "DES0000+0000", "r"], ["no mask of coadd (tile DES0000+0000, band r)"]),
        (["mask", SPEC.tilename, "r", "1", "2"], ["no mask of epoch 1/2"]),
        (["mask", SPEC.tilename, "r", "1"], ["expnum and ccdnum both"]),
        (["check", SPEC.tilename, "r", "1", "2"], ["no epoch 1/2"]),
        (["sql", "SELECT nothing FROM epoch"], ["the query cannot be run", "nothing"]),
        (["sql", "DROP TABLE epoch"], ["expected one SELECT"]),
        (["sql", ""], ["expected one SELECT"]),
        (["sql", "SELECT :x"], ["the query cannot be run"]),
        (["sql", "SELECT 1; SELECT 2"], ["the query cannot be run"]),
    ],
)
def test_what_does_not_exist_exits_2_in_one_line(
    arguments: list[str], says: list[str], db: list[str], cli: Run
) -> None:
    done = cli(*arguments, *db)
    assert (done.status, done.out, len(done.lines)) == (2, "", 1), done.err
    assert done.err.startswith("goodpix: ")
    assert all(each in done.err for each in says), done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["epochs", "--nonsense"],
        ["epochs", "extra"],
        ["mask"],
        ["check", "a", "b"],
        ["tiles", "--expnum", "1"],
    ],
)
def test_wrong_words_exit_2(arguments: list[str], cli: Run) -> None:
    done = cli(*arguments)
    assert (done.status, done.out) == (2, "")


def test_exposure_that_is_not_a_number_exits_2(db: list[str], cli: Run) -> None:
    assert cli("check", SPEC.tilename, "r", "many", "1", *db).status == 2


# Masks.


def test_mask_says_how_many_pixels_are_good(ingested: Survey, db: list[str], cli: Run) -> None:
    done = cli("mask", *arguments_of(ingested), *db)
    with ingested.catalogue() as catalogue:
        n_good = catalogue.epochs(expnum=FIRST).n_good.tolist()[0]
    assert done.status == 0
    assert f"good pixels (default): {n_good:,} of 8,192" in done.out


def test_mask_without_exposure_is_the_coadds(ingested: Survey, db: list[str], cli: Run) -> None:
    done = cli("mask", SPEC.tilename, "r", *db)
    assert f"Mask of coadd (tile {SPEC.tilename}, band r), 170 x 160" in done.out


def test_mask_takes_a_selection(ingested: Survey, db: list[str], cli: Run) -> None:
    selection = goodpix.Selection(ignore=["COADD_SEG"], ignore_bits={"SE": ["STAR", 2048]})
    with ingested.catalogue() as catalogue:
        n_good = catalogue.mask(SPEC.tilename, "r", FIRST, 12).count(selection)
    options = ["--ignore", "COADD_SEG", "--ignore-bit", "SE:STAR", "--ignore-bit", "se:2048"]
    done = cli("mask", *arguments_of(ingested), *options, *db)
    assert f": {n_good:,} of 8,192" in done.out


def test_epochs_whose_masks_are_gone_exit_1(stored: Survey, cli: Run) -> None:
    for path in stored.masks.rglob("*_i_*.parquet"):
        path.unlink()
    done = cli("epochs", "--border", "3", "--db", stored.database, "--format", "csv")
    assert (done.status, done.lines[-1]) == (1, "epochs whose masks could not be read: 3")
    found = pd.read_csv(io.StringIO(done.out))
    assert found.groupby("band").n_good.count().tolist() == [0, 3]
    assert cli("epochs", "--border", "3", "--band", "r", "--db", stored.database).status == 0


@pytest.fixture
def good(ingested: Survey) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Which pixels of the first epoch in r are good."""
    with ingested.catalogue() as catalogue:
        return catalogue.mask(SPEC.tilename, "r", FIRST, 12).good()


def test_mask_as_fits_is_1_where_bad(
    good: "np.ndarray[Any, np.dtype[np.bool_]]", ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mask.fits"
    cli("mask", *arguments_of(ingested), *db, "-o", path)
    assert np.array_equal(fitsio.read(path, ext="MASK") == 0, good)


def test_mask_as_npz_has_the_good_pixels(
    good: "np.ndarray[Any, np.dtype[np.bool_]]", ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mask.npz"
    cli("mask", *arguments_of(ingested), *db, "-o", path)
    with np.load(path) as found:
        assert np.array_equal(found["good"], good)


def test_mask_as_parquet_has_the_runs(
    good: "np.ndarray[Any, np.dtype[np.bool_]]", ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    path = tmp_path / "mask.parquet"
    with ingested.catalogue() as catalogue:
        tilename, band, expnum, ccdnum = arguments_of(ingested)
        recut = catalogue.mask(tilename, band, int(expnum), int(ccdnum)).good(
            goodpix.Selection(["COADD_SEG"], border=3)
        )
    for options, expected in (([], good), (["--ignore", "COADD_SEG", "--border", "3"], recut)):
        cli("mask", *arguments_of(ingested), *db, *options, "-o", path)
        found = np.zeros(good.shape, bool)
        for row in records(pd.read_parquet(path)):
            found[row.y : row.y + row.length, row.x] = row.flags & 0xFF == 0
        assert np.array_equal(found, expected)


@pytest.mark.parametrize("rest", [[], ["coadd"]], ids=["epoch", "coadd"])
def test_mask_as_png_is_a_picture(rest: list[str], ingested: Survey, db: list[str], cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    which = [SPEC.tilename, "r"] if rest else arguments_of(ingested)
    done = cli("mask", *which, *db, "-o", path)
    assert (done.status, done.lines) == (0, [f"wrote {path}"])
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["mask.jpg", "mask"])
def test_mask_of_an_unknown_ending_exits_2(
    name: str, ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    done = cli("mask", *arguments_of(ingested), *db, "-o", tmp_path / name)
    assert (done.status, len(done.lines)) == (2, 1)
    assert "expected a name that ends in .png, .fits, .npz or .parquet" in done.err


@pytest.mark.parametrize("suffix", ["png", "fits", "npz", "parquet"])
def test_mask_that_cannot_be_written_exits_2(
    suffix: str, ingested: Survey, db: list[str], cli: Run, tmp_path: Path
) -> None:
    done = cli("mask", *arguments_of(ingested), *db, "-o", tmp_path / "nowhere" / f"mask.{suffix}")
    assert (done.status, len(done.lines), "cannot be written" in done.err) == (2, 1, True), done.err


def test_mask_whose_file_is_gone_exits_2(stored: Survey, cli: Run) -> None:
    for path in stored.masks.rglob("*.parquet"):
        path.unlink()
    done = cli("mask", *arguments_of(stored), "--db", stored.database)
    assert (done.status, len(done.lines)) == (2, 1)
    assert re.search(r"mask file .* is missing", done.err)


# Check.


def test_check_says_that_every_pixel_is_equal(ingested: Survey, db: list[str], cli: Run) -> None:
    done = cli("check", *arguments_of(ingested), *db)
    assert (done.status, done.out, done.err) == (0, "equal to the direct way at 8,192 of 8,192 pixels\n", "")


def test_check_of_a_changed_file_exits_1_and_says_where(stored: Survey, cli: Run) -> None:
    seg = stored.plane(0, "seg")
    seg[5, 7:9] = seg[5, 7:9] == 0
    rewrite(stored.path(0, "seg"), {"sci": seg})
    done = cli("check", *arguments_of(stored), "--db", stored.database)
    assert done.status == 1
    first, *where = done.out.splitlines()
    assert first == "equal to the direct way at 8,190 of 8,192 pixels"
    assert [line.split(":")[0] for line in where] == ["x 7, y 5", "x 8, y 5"]


def test_check_of_another_shape_exits_1(stored: Survey, cli: Run) -> None:
    for plane, ext in (("image", "sci"), ("image", "msk"), ("image", "wgt"), ("seg", "sci")):
        path = stored.path(0, plane)
        rewrite(path, {ext: fitsio.read(path, ext=ext)[:100]})
    assert cli("check", *arguments_of(stored), "--db", stored.database).status == 1


def test_check_of_a_missing_file_exits_2_in_one_line(stored: Survey, cli: Run) -> None:
    stored.path(0, "image").unlink()
    done = cli("check", *arguments_of(stored), "--db", stored.database)
    assert (done.status, len(done.lines), "no such file" in done.err) == (2, 1, True)


# SQL.


def test_sql_answers(db: list[str], cli: Run) -> None:
    query = "SELECT band, count(*) AS n FROM epoch_quality GROUP BY band ORDER BY band"
    assert cli("sql", query, *db, "--format", "csv").out == "band,n\ni,3\nr,3\n"


def test_sql_takes_texts_with_colons(db: list[str], cli: Run) -> None:
    assert cli("sql", "SELECT ':x' AS a, '12:30' AS b", *db, "--format", "csv").out == "a,b\n:x,12:30\n"
    done = cli("sql", "SELECT :x AS a", *db)
    assert (done.status, len(done.lines), "sqlalche.me" in done.err) == (2, 1, False)


@pytest.mark.parametrize("query", ["WITH a AS (SELECT 1 AS x) SELECT x FROM a", "select 1 as x", "VALUES (1)"])
def test_sql_takes_any_query(query: str, db: list[str], cli: Run) -> None:
    assert cli("sql", query, *db).status == 0


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM epoch",
        "INSERT INTO failure VALUES (1)",
        "UPDATE catalogue SET campaign = 'x'",
        "CREATE TABLE mine (x)",
        "CREATE TEMP TABLE mine (x)",
        "ATTACH DATABASE 'new.db' AS new",
        "VACUUM INTO 'new.db'",
        "PRAGMA journal_mode = WAL",
        "WITH a AS (SELECT 1) DELETE FROM epoch",
        "WITH a AS (SELECT 1) INSERT INTO failure SELECT * FROM a",
        "SELECT load_extension('x')",
        "SELECT 1; DROP TABLE epoch",
        "BEGIN",
    ],
)
def test_sql_changes_nothing(
    query: str, stored: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    before = stored.database.read_bytes()
    done = cli("sql", query, "--db", stored.database)
    assert (done.status, len(done.lines)) == (2, 1)
    assert stored.database.read_bytes() == before
    assert list(folder.iterdir()) == []


def test_queries_leave_no_file_beside_the_database(stored: Survey, cli: Run) -> None:
    before = sorted(stored.database.parent.iterdir())
    for command in TABLES:
        cli(command, "--db", stored.database)
    assert sorted(stored.database.parent.iterdir()) == before


# The database.


def test_db_info_says_what_the_catalogue_is(ingested: Survey, db: list[str], cli: Run) -> None:
    found = dict(line.split(maxsplit=1) for line in cli("db", "info", *db).out.splitlines())
    expected = {"campaign": SPEC.campaign, "wcs_source": "image", "coadds": "2", "epochs": "6", "failures": "0"}
    assert {name: found[name] for name in expected} == expected
    assert found["masks"] == str(ingested.masks)


@pytest.mark.parametrize("command", [*TABLES, "db info", f"mask {SPEC.tilename} r", f"check {SPEC.tilename} r 1 2"])
def test_command_without_catalogue_exits_2_in_one_line(
    command: str, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli(*command.split())
    assert (done.status, done.out, len(done.lines)) == (2, "", 1)
    assert done.err.startswith("goodpix: no catalogue at sqlite:///goodpix.db: goodpix ingest makes one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"not a database" * 99, "not a database"), (b"", "not a goodpix catalogue"), (None, "not a goodpix catalogue")],
    ids=["text", "empty", "other-tables"],
)
def test_file_that_is_no_catalogue_exits_2(content: bytes | None, says: str, cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    if content is not None:
        path.write_bytes(content)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE mine (x)")
    done = cli("tiles", "--db", path)
    assert (done.status, len(done.lines), says in done.err) == (2, 1, True), done.err


def test_ingest_into_another_database_exits_2_and_leaves_it(survey: Survey, cli: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
        before = list(connection.iterdump())
    done = cli("ingest", survey.folder, "--db", path, "--masks", survey.masks)
    assert (done.status, len(done.lines)) == (2, 1)
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before
    assert not survey.masks.exists()


@pytest.mark.parametrize("url", ["mysql://user:secret@host/db", "nonsense://x", "://"])
def test_url_of_another_database_exits_2_without_its_password(url: str, cli: Run) -> None:
    done = cli("tiles", "--db", url)
    assert (done.status, len(done.lines), "secret" in done.err) == (2, 1, False)


def test_password_of_an_unreachable_database_is_not_shown(cli: Run) -> None:
    done = cli("tiles", "--db", "postgresql://user:secret@127.0.0.1:1/db")
    assert (done.status, len(done.lines), "secret" in done.err) == (2, 1, False)


def test_catalogue_of_a_newer_goodpix_is_refused(stored: Survey, cli: Run) -> None:
    with closing(sqlite3.connect(stored.database)) as connection, connection:
        connection.execute("UPDATE catalogue SET format_version = 99")
    done = cli("tiles", "--db", stored.database)
    assert (done.status, len(done.lines), "use the goodpix that made it" in done.err) == (2, 1, True)


# Help.


def commands(group: Any = None, *path: str) -> list[tuple[str, Any]]:
    """Return every command of the command line by its words."""
    found = group or typer.main.get_command(app)
    inside = getattr(found, "commands", {})
    return [
        (" ".join(path), found),
        *(each for name, command in inside.items() for each in commands(command, *path, name)),
    ]


@pytest.mark.parametrize(("words", "command"), [pytest.param(*each, id=each[0] or "goodpix") for each in commands()])
def test_every_command_and_option_has_a_help_text(words: str, command: Any) -> None:
    assert (command.help or "").strip()
    silent = [each.name for each in command.params if each.name != "help" and not getattr(each, "help", "")]
    assert silent == []


@pytest.mark.parametrize("words", [each[0] for each in commands()])
def test_help_exits_0(words: str, cli: Run) -> None:
    done = cli(*words.split(), "--help")
    assert (done.status, done.err) == (0, "")
    assert "Usage: goodpix" in done.out


def test_every_command_of_this_version_is_there() -> None:
    expected = {"demo", "ingest", *TABLES, "mask", "check", "sql", "db", "db info"}
    assert expected <= {words for words, _ in commands()}


def test_version_is_the_packages(cli: Run) -> None:
    assert cli("--version").out.startswith("goodpix 0.")
