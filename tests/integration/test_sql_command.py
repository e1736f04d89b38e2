"""``goodpix sql``: rows as they come, and its ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from goodpix.ingest.database.opening import open_for_writing

from .conftest import Run

# Its rows never end, and after the first part one of them takes for ever.
ENDLESS = """
    WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n),
    m(j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM m)
    SELECT k, CASE WHEN k = 30000 THEN (SELECT count(*) FROM m) END AS j FROM n
"""


@pytest.fixture(scope="module")
def catalogue(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    masks = tmp_path_factory.mktemp("sql") / "masks"
    with open_for_writing(module_database_url, masks=masks, campaign="y6", wcs_source="image"):
        return module_database_url


@pytest.fixture
def endless(catalogue: str) -> Iterator["subprocess.Popen[str]"]:
    """A query that is answered for ever."""
    command = [sys.executable, "-m", "goodpix", "sql", ENDLESS, "--db", catalogue, "--format", "csv"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        yield running
        running.kill()


def test_rows_come_before_the_last_is_known_and_ctrl_c_ends_them(endless: "subprocess.Popen[str]") -> None:
    assert endless.stdout is not None
    assert [endless.stdout.readline() for _ in range(3)] == ["k,j\n", "1,\n", "2,\n"]
    while endless.stdout.readline() != "20000,\n":
        pass
    # now the row that takes for ever is being made
    endless.send_signal(signal.SIGINT)
    _, errors = endless.communicate()
    assert (endless.returncode, errors) == (130, "stopped\n")


def test_answer_that_is_cut_says_so(catalogue: str, cli: Run) -> None:
    done = cli("sql", ENDLESS, "--limit", 2, "--db", catalogue, "--format", "csv")
    assert (done.status, done.out) == (0, "k,j\n1,\n2,\n")
    assert done.err == "there are more rows: the answer is cut after 2 (--limit)\n"


def test_answer_that_ends_at_its_limit_is_not_cut(catalogue: str, cli: Run) -> None:
    done = cli("sql", "SELECT 1 AS a", "--limit", 1, "--db", catalogue)
    assert (done.status, done.out.split(), done.err) == (0, ["a", "1"], "")


def test_query_that_takes_too_long_exits_2_and_leaves_no_file(catalogue: str, cli: Run, tmp_path: Path) -> None:
    done = cli("sql", ENDLESS, "--timeout", 1, "--db", catalogue, "-o", tmp_path / "rows.csv")
    assert (done.status, done.lines) == (2, ["goodpix: the query did not end within 1 s, its timeout"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_file_has_all_parts(name: str, catalogue: str, cli: Run, tmp_path: Path) -> None:
    query = "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 50000) SELECT k FROM n"
    assert cli("sql", query, "--db", catalogue, "-o", tmp_path / name).status == 0
    read = pd.read_parquet if name.endswith("parquet") else pd.read_csv
    assert read(tmp_path / name).k.tolist() == list(range(1, 50001))


def test_options_are_checked(catalogue: str, cli: Run) -> None:
    done = cli("sql", "SELECT 1 AS a", "--limit", -1, "--db", catalogue)
    assert (done.status, done.out, "Invalid value for '--limit'" in done.err) == (2, "", True)
    done = cli("sql", "SELECT 1 AS a", "--timeout", 0, "--db", catalogue)
    assert (done.status, done.lines) == (2, ["goodpix: timeout is 0.0: expected a number of seconds, more than 0"])
