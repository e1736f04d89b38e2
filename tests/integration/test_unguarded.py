"""Programs that cannot be imported by worker processes: what they ask for is done or an error, never nulls."""

import subprocess
import sys

import pytest

from .survey import Survey

PROGRAM = """
import goodpix
from goodpix.ingest import survey
survey.BYTES_PER_WORKER = 1
{call}
"""


@pytest.mark.parametrize("by", ["file", "standard input"])
@pytest.mark.parametrize("call", ["ingest", "background"])
def test_program_that_workers_cannot_import_is_told_what_to_do(stored: Survey, call: str, by: str) -> None:
    database = str(stored.database)
    calls = {
        "ingest": f"goodpix.ingest_tiles({str(stored.folder)!r}, db={database!r}, workers=2, force=True)",
        "background": f"print(goodpix.Catalogue({database!r}).background(workers=2).n)",
    }
    text = PROGRAM.format(call=calls[call])
    program = stored.folder.parent / "program.py"
    program.write_text(text)
    arguments = [sys.executable, "-" if by == "standard input" else str(program)]
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr.rstrip()
        .splitlines()[-1]
        .startswith("goodpix.schema.errors.WorkersNotStartedError: worker processes cannot start")
    )
    with stored.catalogue() as catalogue:
        assert catalogue.failures().empty
