"""A command that is told to stop, in whichever stage, stops and records no failure."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from .commands import Forks
from .scene import Scene

pytestmark = pytest.mark.slow

STAGES = [
    "goodpix.ingest.infofile.read_info_file",
    "goodpix.ingest.run.Run.__init__",
    "goodpix.ingest.plan.make_plan",
    "goodpix.ingest.images.coadd.read_coadd",
    "goodpix.ingest.images.coaddflags._code_rows",
    "goodpix.schema.planes.datasum.compute_datasum",
    "goodpix.schema.planes.tiled.TiledPixels._decode",
    "goodpix.schema.inputs.filedigest._text_digest",
    "goodpix.schema.wcs.scamphead.read_scamp_head",
    "goodpix.ingest.images.flagging.flag_epoch",
    "goodpix.schema.maskfile.writer.MaskFileWriter.add",
    "goodpix.schema.maskfile.writer.MaskFileWriter.finish",
    "goodpix.ingest.database.writer.Writer.commit",
]


def outcomes(scene: Scene) -> list[tuple[str, int]]:
    """Return the outcome of each run, and the number of failures in the catalogue."""
    engine = sa.create_engine(scene.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        failures = sa.text("SELECT outcome, (SELECT count(*) FROM failure) FROM ingest_run ORDER BY run_id")
        return [(row[0], row[1]) for row in connection.execute(failures)]


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("stage", STAGES)
def test_ingest_stops_in_every_stage_and_goes_on(
    embedded: Scene, forks: Forks, stage: str, workers: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two workers of one tile are threads; three are processes."""
    # the sockets of workers lie there, and their paths must be short
    environment = embedded.environment | {"TMPDIR": tmp_path_factory.mktemp("tmp")}
    number = signal.SIGINT if (STAGES.index(stage) + workers) % 2 else signal.SIGTERM
    _, survey, *options, _ = embedded.command
    inputs = embedded.survey.info_path() if workers == 2 else survey
    done = forks.run(
        *("ingest", inputs, *options, workers), environment=environment, signal_at=stage, signal=int(number)
    )
    assert (done.status, done.err.count("stopped: finished work is stored")) == (128 + number, 1), done.err
    assert "Traceback" not in done.err
    done = forks.run(*embedded.command, environment=embedded.environment)
    assert done.status == 0, done.err
    assert outcomes(embedded) == [*([] if stage in STAGES[:2] else [("interrupted", 0)]), ("done", 0)]
    assert embedded.verify() == []


# The signal comes while the compiler hands over machine code, in a callback of ctypes, which swallows exceptions.
COLD = """
import os, sys
from numba.core.codegen import JITCodeLibrary
from goodpix.cli import main, signals

signals._AGAIN = 1.0  # compiling takes longer, and recording a failure does not
hand_over, left = JITCodeLibrary._object_compiled_hook, [{number}]

def told(*arguments):
    if left:
        os.kill(os.getpid(), left.pop())
    hand_over(*arguments)

JITCodeLibrary._object_compiled_hook = told
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ingest_stops_while_kernels_are_compiled(embedded: Scene, number: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLD.format(number=int(number)), *embedded.command],
        env=os.environ | embedded.environment | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 128 + number, done.stderr
    assert "Traceback" not in done.stderr
    assert outcomes(embedded) == [("interrupted", 0)]
