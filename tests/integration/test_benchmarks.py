"""Every benchmark works: run once, on a tile so small that its times mean nothing."""

import itertools
import json
import math
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from goodpix.benchmarks.bench import Bench, Effort
from goodpix.benchmarks.measure import Contender, Goal, GoalKind, Measured, Result, WrongAnswerError, check, race
from goodpix.benchmarks.processes import ProgramError, peak_memory, python_command, run_program
from goodpix.benchmarks.questions import QUESTIONS
from goodpix.benchmarks.report import Machine, as_json, as_markdown
from goodpix.benchmarks.tiles import own_tile

from .survey import SPEC

ONE_BAND = replace(SPEC, bands=("r",), n_epochs=2)

CONTENDERS = {
    "ingest_epoch": {"goodpix", "fitsio.read of the planes", "esutil + numpy"},
    "ingest_tile": {"goodpix ingest --workers 1", "goodpix ingest", "fitsio.read of all planes"},
    "reuse": {"goodpix ingest", "goodpix ingest --reread"},
    "planes": {"goodpix, what the cuts need", "fitsio.read of the planes"},
    "mapping": {"goodpix, with flags and runs", "esutil", "wcslib"},
    "workers": {"goodpix ingest --workers 1", "goodpix ingest --workers 2"}
    | {"one worker, start apart", "two workers, start apart"}
    | {"zlib, one process", "zlib, half in each of two processes"},
    "nothing_to_do": {"goodpix ingest, nothing to do", "os.stat of the input files"},
    "memory": {"1 epoch, one worker", "2 epochs, one worker", "2 epochs, largest process of 2 workers"},
    "mask_size": {"goodpix, all reasons", "goodpix, lengths of the boolean mask", "PLIO FITS", "PNG", "RICE FITS"}
    | {"GZIP FITS", "packed bits + zstd 19"},
    "fetch": {"mask file, opened each time", "mask file, open", "fitsio.read from PLIO FITS", "Mask.count()"}
    | {"packed bits + zstd 19", "mask file, open, checksum verified again"}
    | {"Catalogue.mask().good(), opened each time", "Catalogue.mask().good(), open"},
    "manymasks": {
        f"{asked}, {way}"
        for asked in ("Catalogue.map(Mask.count)", "epochs(selection=)")
        for way in ("workers=1", "workers=2", "2 running workers")
    },
    "selection": {"disc of 8 pixels", "scipy binary_dilation, disc of 8 pixels"}
    | {"two masks, run by run", "two boolean images, numpy"}
    | {
        "epochs(selection=), a criterion ignored",
        "epochs(selection=), two grown, a border",
        "CCD image in two tiles, merged",
    },
    "maps": {"Catalogue.good_epoch_map", "marks at nearest coadd pixels, numpy", "Catalogue.sky_area"}
    | {"Catalogue.moc", 'healsparse_map("fraction")', "healsparse_map, 8 statistics"}
    | {"every pixel binned, hpgeom and numpy"},
    "places": {"Catalogue.blank_sky", "blank sky by astropy's WCS and boolean masks"}
    | {"Catalogue.randoms", "randoms by astropy's WCS and boolean masks"},
    "sky": {"Catalogue.background", "Catalogue.extend_background", "fitsio.read of image and weight"},
    "segmentation": {"segmentation map made, planes read", "fitsio.read of image, weight and mask"},
    "startup": {"goodpix --help", 'python -c "import goodpix"', "goodpix epochs of the demo tile"}
    | {'python -c "pass"'},
}

GOALS = {
    "ingest_epoch": ["<= 0.55 x", ">= 50 x faster"],
    "ingest_tile": ["<= 0.85 x"] * 2,
    "reuse": ["<= 1 opens per file"],
    "planes": ["<= 0.3 x", "<= 0.35 x"],
    "mapping": [">= 100 x faster"],
    "workers": [">= 1.7 x faster"] * 4,
    "nothing_to_do": ["<= 0.04 s"],
    "memory": ["<= 600 MB"] * 3 + ["<= 1.1 x"],
    "mask_size": ["<= 0.55 x", "< 1 x", "<= 1.1 x"],
    "fetch": [">= 8 x faster", "<= 2.5 x", ">= 8 x faster"],
    "manymasks": [">= 1.7 x faster"] * 2,
    "selection": ["<= 0.3 s", "<= 0.1 s"],
    "maps": ["<= 0.25 x"] * 2,
    "places": ["<= 20 s", "<= 60 s"],
    "sky": ["<= 0.8 x"] * 2,
    "segmentation": [],
    "startup": ["<= 0.2 s", "<= 0.05 s", "<= 1.2 s", "<= 0.8 s"],
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A bench with one small tile."""
    tile = own_tile(tmp_path_factory.mktemp("tiles"), tmp_path_factory.mktemp("info"), ONE_BAND)
    return Bench((tile,), tmp_path_factory.mktemp("work"), Effort.ONCE)


def test_every_question_has_contenders_and_goals() -> None:
    assert set(QUESTIONS) == set(CONTENDERS) == set(GOALS)


@pytest.mark.parametrize("name", QUESTIONS)
def test_question_gives_finite_rows_of_all_contenders(name: str, bench: Bench) -> None:
    rows = QUESTIONS[name](bench)
    assert {row.contender for row in rows} >= CONTENDERS[name]
    assert [row.goal.text(row.unit) for row in rows if row.goal] == GOALS[name]
    assert all(math.isfinite(value) and value > 0 for row in rows for value in row.samples)
    assert all(row.ratio is not None and row.ratio > 0 for row in rows if row.peer)
    assert {row.peer for row in rows if row.peer} <= {row.contender for row in rows}
    assert not list(bench.folder.glob("scratch-*"))
    assert len(as_markdown(rows).splitlines()) == len(rows) + 2


def test_own_tile_is_made_once(tmp_path: Path) -> None:
    own_tile(tmp_path / "tiles", tmp_path / "one", ONE_BAND)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "tiles").rglob("*.*")}
    again = own_tile(tmp_path / "tiles", tmp_path / "two", replace(ONE_BAND, n_epochs=1))
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "tiles").rglob("*.*")} != {}
    assert (again.label, len(again.info.src_info)) == ("own maker, 1 epoch", 1)


def test_runs_side_by_side_share_no_info_file(tmp_path: Path) -> None:
    one, two = (own_tile(tmp_path / "tiles", tmp_path / name, ONE_BAND) for name in ("one", "two"))
    assert one.info_path != two.info_path
    assert one.info == two.info


def test_renamed_tile_has_a_coadd_of_its_own(bench: Bench, tmp_path: Path) -> None:
    first = bench.tiles[0]
    other = first.renamed("DES0001-0001", tmp_path)
    assert {each.tilename for each in (other.info, *other.info.src_info)} == {"DES0001-0001"}
    assert other.info.image_path != first.info.image_path
    assert [each.image_path for each in other.info.src_info] == [each.image_path for each in first.info.src_info]


def test_every_round_runs_every_contender_once() -> None:
    ran: list[str] = []
    contenders = [
        Contender("a", lambda: ran.append("a"), lambda: ran.append("before a")),
        Contender("b", lambda: ran.append("b")),
        Contender("slow", lambda: ran.append("slow"), at_most=1, warm_up=False),
    ]
    times = race(contenders, 2).times
    assert ran == ["before a", "a", "b", "before a", "a", "b", "slow", "b", "before a", "a"]
    assert {name: len(each) for name, each in times.items()} == {"a": 2, "b": 2, "slow": 1}


def test_answers_are_the_last_ones() -> None:
    numbers = itertools.count()
    assert race([Contender("a", lambda: next(numbers))], 3).answers == {"a": 3}


def test_ratio_is_that_of_the_medians() -> None:
    measured = Measured("q", "d", "s", {"ours": (1.0, 2.0, 9.0), "peer": (3.0, 4.0, 5.0)})
    assert measured.row("ours", peer="peer").ratio == 0.5
    assert measured.row("ours").ratio is None


@pytest.mark.parametrize(
    ("goal", "ratio", "reached", "stretch"),
    [
        (Goal(GoalKind.TIMES, 1.5, stretch=1.25), 1.25, True, True),
        (Goal(GoalKind.TIMES, 1.5, stretch=1.25), 1.5, True, False),
        (Goal(GoalKind.TIMES, 1.5), 1.51, False, None),
        (Goal(GoalKind.BELOW, 1), 1.0, False, None),
        (Goal(GoalKind.FASTER, 8), 0.125, True, None),
        (Goal(GoalKind.FASTER, 8), 0.126, False, None),
        (Goal(GoalKind.AT_MOST, 3), None, True, None),
        (Goal(GoalKind.AT_MOST, 2.9), None, False, None),
        (None, 1.0, None, None),
    ],
)
def test_goal_is_reached_or_not(
    goal: Goal | None, ratio: float | None, reached: bool | None, stretch: bool | None
) -> None:
    row = Result("q", "d", "ours", "s", (3.0,), "peer" if ratio else None, ratio, goal)
    assert (row.reached, row.stretch_reached) == (reached, stretch)


def test_table_says_which_goals_are_not_reached() -> None:
    measured = Measured("q", "d", "ms", {"ours": (10.0,), "peer": (20.0,)})
    faster = measured.row("ours", peer="peer", goal=Goal(GoalKind.FASTER, 8))
    cells = [[cell.strip() for cell in line.split("|")] for line in as_markdown([faster]).splitlines()]
    assert cells[2][4:] == ["10.0 ms", "10.0 - 10.0", "1", "peer", "2 x faster", ">= 8 x faster", "**no**", ""]


def test_json_has_every_sample() -> None:
    row = Measured("q", "d", "s", {"ours": (1.0, 3.0)}).row("ours", goal=Goal(GoalKind.AT_MOST, 1))
    content = json.loads(as_json([row], Machine.here()))
    assert content["machine"]["n_cores"] >= 1
    assert content["versions"]["numpy"]
    (result,) = content["results"]
    assert (result["samples"], result["median"], result["goal"], result["reached"]) == (
        [1.0, 3.0],
        2.0,
        "<= 1 s",
        False,
    )


def test_wrong_answer_is_refused() -> None:
    check(True, "unused")
    with pytest.raises(WrongAnswerError, match="they differ"):
        check(False, "they differ")


def test_failed_program_says_why() -> None:
    with pytest.raises(ProgramError, match="exited 3: no such thing"):
        run_program(python_command("import sys; print('no such thing', file=sys.stderr); sys.exit(3)"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_peak_memory_is_that_of_each_process() -> None:
    child = "b = bytearray(200_000_000); import time; time.sleep(2)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    own, of_child = peak_memory(python_command(parent))
    assert own < 100e6 < 200e6 <= of_child < 300e6


def test_program_lists_its_questions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("benchmarks", run_name="__main__")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in QUESTIONS)
