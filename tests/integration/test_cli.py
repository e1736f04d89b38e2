"""The command line: what goes to which stream, in which format, with which exit status."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from .conftest import Run
from .deadly import deadly_seg
from .survey import FIRST, SPEC, TABLES, Done, Survey

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


# Streams and exit statuses.


@pytest.mark.parametrize(
    ("arguments", "environment", "status"),
    [([], {}, 0), (["--db", "none.db"], {}, 1), ([], {"GOODPIX_DB": "none.db"}, 1), (["--db", "text.db"], {}, 1)],
)
def test_doctor_exits_1_where_a_named_catalogue_is_absent_or_unreadable(
    arguments: list[str],
    environment: dict[str, str],
    status: int,
    cli: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.db").write_text("no database")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    done = cli("doctor", *arguments)
    assert (done.status, done.err) == (status, "")
    assert re.search(f"^{'absent' if status == 0 else 'wrong'} +database ", done.out, re.MULTILINE)


def test_ingest_says_everything_on_standard_error(
    survey: Survey, cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("ingest", survey.folder)
    assert (done.status, done.out) == (0, "")
    assert [line.split(",")[0] for line in done.lines] == [
        f"{SPEC.tilename} i: 3 epochs made",
        f"{SPEC.tilename} r: 3 epochs made",
        "1 tile in 2 bands: 6 epochs made",
    ]
    assert (tmp_path / "goodpix.db").is_file()
    assert len(list((tmp_path / "goodpix-masks").rglob("*.parquet"))) == 2


@pytest.mark.parametrize("name", ["epochs", "ccds"])
def test_worst_are_one_line(db: list[str], cli: Run, name: str) -> None:
    chosen = ["expnum", "ccdnum", "fraction_good_se"]
    every = pd.read_csv(io.StringIO(cli(name, *db, "--format", "csv").out))
    worst = every.sort_values("fraction_good_se", kind="stable")[chosen].head(2)
    done = cli(name, *db, "--sort", "fraction_good_se", "--limit", 2, "--columns", ",".join(chosen), "--format", "csv")
    assert (done.status, done.out) == (0, worst.to_csv(index=False))


@pytest.mark.parametrize("name", ["epochs", "ccds", "sky"])
def test_column_to_sort_by_need_not_be_shown(db: list[str], cli: Run, name: str) -> None:
    every = pd.read_csv(io.StringIO(cli(name, *db, "--format", "csv").out))
    brightest = every.sort_values("skybrite", ascending=False, kind="stable")["expnum"].head(3)
    done = cli(name, *db, "--sort", "-skybrite", "--limit", 3, "--columns", "expnum", "--format", "csv")
    assert (done.status, done.out.split()) == (0, ["expnum", *map(str, brightest)])


def test_planes_of_bits_that_are_repeated_are_both_listed(cli: Run, db: list[str]) -> None:
    def listed(*options: str) -> list[str]:
        return cli("bits", *db, "--format", "csv", *options).out.splitlines()

    se, coadd = listed("--plane", "se")[1:], listed("--plane", "COADD")[1:]
    assert len(se) > 0 < len(coadd)
    assert sorted(listed("--plane", "se", "--plane", "coadd")[1:]) == sorted(se + coadd)
    assert listed("--plane", "se", "--plane", "SE")[1:] == se


def test_columns_chosen_are_those_of_the_text_table(db: list[str], cli: Run) -> None:
    done = cli("bits", *db, "--columns", "name,bit", "--sort", "-bit", "--limit", 1)
    assert done.out.splitlines()[0].split() == ["name", "bit"]


def test_query_writes_only_data_to_standard_output(db: list[str], cli: Run) -> None:
    done = cli("epochs", *db, "--format", "csv")
    assert (done.status, done.err) == (0, "")
    assert len(pd.read_csv(io.StringIO(done.out))) == 6


def test_failed_input_exits_1(stored: Survey, cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stored.database.parent)
    stored.path(0, "seg").unlink()
    done = cli("ingest", stored.folder)
    assert (done.status, done.out) == (1, "")
    assert done.lines[-1] == "list the failures: goodpix failures"


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
    command = [sys.executable, "-m", "goodpix", "ingest", str(survey.info_path()), "--db", str(survey.database)]
    with (
        deadly_seg(survey, 0, n_kills=0) as file,
        subprocess.Popen(
            command, cwd=survey.folder.parent, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as running,
        file.held_open(),
    ):
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
    assert pd.read_csv(io.StringIO(tiles.out)).set_index("band").n_epochs.to_dict() == {"r": 3, "i": 5}
    again = cli("demo", folder / "goodpix-demo")
    assert again.status == 0
    assert "nothing to do" in again.err


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
    found = read(path).astype({"wcs_ok": "boolean"})  # null throughout, which text cannot tell from a float
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
    assert (done.status, done.lines[0]) == (0, f"wrote {path}")
    assert done.lines[1:] == ["goodpix: band Y matches nothing: the catalogue has i, r"]
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
        (["mask", SPEC.tilename, "r", "1"], ["give both expnum and ccdnum"]),
        (["check", SPEC.tilename, "r", "1", "2"], ["no epoch 1/2"]),
        (["sql", "SELECT nothing FROM epoch"], ["the query cannot be run", "nothing"]),
        (["sql", "DROP TABLE epoch"], ["expected a single SELECT"]),
        (["sql", ""], ["expected a single SELECT"]),
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
