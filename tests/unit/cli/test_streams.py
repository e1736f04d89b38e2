"""Commands whose standard streams are full, closed or poor in letters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ...maskcatalogue import MaskCatalogue

GOODPIX = f"{sys.executable} -m goodpix"


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell."""
    environment = {**os.environ, **environment}
    return subprocess.run(
        ["bash", "-c", command], check=False, cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def tiles(mask_catalogue: MaskCatalogue) -> str:
    return f"{GOODPIX} tiles --db '{mask_catalogue.url}'"


@pytest.mark.parametrize("output", [">/dev/full", ">&-"])
@pytest.mark.parametrize("format_", ["table", "csv"])
def test_standard_output_that_cannot_be_written_is_one_line(
    output: str, format_: str, tiles: str, tmp_path: Path
) -> None:
    done = shell(f"{tiles} --format {format_} {output}", tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("goodpix: standard output cannot be written (")


@pytest.mark.parametrize("arguments", ["--help", "ingest --help", "--version"])
def test_help_that_cannot_be_written_is_one_line_also_where_nothing_is_buffered(arguments: str, tmp_path: Path) -> None:
    done = shell(f"{GOODPIX} {arguments} >/dev/full", tmp_path, PYTHONUNBUFFERED="1")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["goodpix: standard output cannot be written (No space left on device)"]


@pytest.mark.parametrize("errors", ["2>/dev/full", "2>&-"])
def test_no_job_is_refused_because_of_its_messages(errors: str, tiles: str, tmp_path: Path) -> None:
    done = shell(f"{tiles} -o rows.csv {errors}", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "rows.csv").read_text().startswith("tilename,band,")


def test_error_keeps_its_status_where_nobody_can_read_it(tmp_path: Path) -> None:
    done = shell(f"{GOODPIX} tiles --db none.db 2>/dev/full >&-", tmp_path)
    assert done.returncode == 2


def test_reader_that_has_gone_ends_the_command_in_silence(tiles: str, tmp_path: Path) -> None:
    done = shell(f"({tiles}; echo status $? >&2) | true", tmp_path)
    assert done.stderr.splitlines() == ["status 141"]


def test_letter_that_the_output_cannot_show_is_one_line(mask_catalogue: MaskCatalogue, tmp_path: Path) -> None:
    query = f"{GOODPIX} sql --db '{mask_catalogue.url}' \"SELECT 'caf\xe9' AS a\""
    done = shell(query, tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        r"goodpix: standard output cannot show '\xe9' in ascii: set PYTHONIOENCODING=utf-8, or write to a file with -o"
    ]


def test_working_folder_that_has_gone_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = shell(f"cd gone; rmdir ../gone; {GOODPIX} tiles", tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["goodpix: the working folder no longer exists: change to another one"]


def test_minus_sign_stands_for_standard_output(tiles: str, tmp_path: Path) -> None:
    done = shell(f"{tiles} --format csv -o -", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("tilename,band,")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("output", ["/dev/stdout", ">(cat)"])
def test_pipe_may_be_the_file_to_write(output: str, tiles: str, tmp_path: Path) -> None:
    done = shell(f"set -o pipefail; {{ {tiles} --format csv -o {output}; wait; }} | cat", tmp_path)
    assert (done.returncode, done.stdout[:14]) == (0, "tilename,band,"), done
    assert done.stderr.startswith("wrote /dev/")
