"""Ingest on a Dask cluster of processes."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster
from distributed.utils import get_mp_context

from goodpix.cli.ingest import dask_executor
from goodpix.schema.errors import UsageError

from .conftest import Run
from .deadly import deadly_seg
from .objects import Bucket
from .opens import counted_opens
from .overlapping import IMAGES, TILES, make_overlapping
from .survey import Survey

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[2] / "docs" / "operations" / "cluster.md"

# So many deaths come to an end only by the test's.
FOR_EVER = 1000


@pytest.fixture(scope="module")
def meds_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The MEDS_DIR that the workers know: what is in it may change, its name does not."""
    return tmp_path_factory.mktemp("dask") / "survey"


@pytest.fixture(scope="module")
def cluster(meds_dir: Path) -> Iterator[LocalCluster]:
    """Two worker processes with one thread each; a task is blamed for the first worker that dies with it in hand."""
    settings = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.admin.log-format": "%(message)s",
        "distributed.worker.multiprocessing-method": "forkserver",
    }
    with dask.config.set(settings):
        # a worker takes the place of one that is killed without loading everything again
        get_mp_context().set_forkserver_preload(["distributed", "goodpix.ingest.preload"])
        with LocalCluster(
            processes=True,
            n_workers=2,
            threads_per_worker=1,
            env={"MEDS_DIR": os.fspath(meds_dir)},
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # it has a server even so, else at port 8787
            silence_logs=50,
        ) as made:
            yield made


@pytest.fixture
def survey(small_tile: Path, meds_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Survey:
    """A copy of the small tile where the workers look for it."""
    shutil.rmtree(meds_dir.parent)
    shutil.copytree(small_tile, meds_dir)
    monkeypatch.setenv("MEDS_DIR", os.fspath(meds_dir))
    return Survey(meds_dir)


@pytest.fixture
def executor(cluster: LocalCluster) -> Iterator[Executor]:
    with Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2)
        yield client.get_executor(pure=False)


def checksums(survey: Survey) -> dict[str, str]:
    with survey.catalogue() as catalogue:
        return {
            str(mask.key): mask.encoded.checksum for kind in ("epoch", "coadd") for mask in catalogue.masks(kind=kind)
        }


def files(survey: Survey, masks: Path) -> dict[str, bytes]:
    return {os.fspath(path.relative_to(masks)): path.read_bytes() for path in masks.rglob("*.parquet")}


def test_a_cluster_makes_the_same_bytes(survey: Survey, executor: Executor) -> None:
    folder = survey.folder.parent
    survey.ingest(db=folder / "alone.db", masks=folder / "alone")
    report = survey.ingest(executor=executor)
    assert (report.failures, report.n_epochs, report.outcome) == ((), 6, "done")
    assert files(survey, survey.masks) == files(survey, folder / "alone")


@pytest.mark.parametrize("order", [list(TILES), list(TILES)[::-1]], ids=["east first", "west first"])
def test_each_image_of_overlapping_tiles_is_read_once(tmp_path: Path, executor: Executor, order: list[str]) -> None:
    tiles = make_overlapping(tmp_path / "tiles")
    tiles.ingest(name="reread", reread=True)
    with counted_opens(map(tiles.image, IMAGES)) as opened:
        report = tiles.ingest(order, executor=executor)
    assert (report.failures, report.n_epochs) == ((), 12)
    assert opened == {tiles.image(expnum): 1 for expnum in IMAGES}
    assert tiles.files() == tiles.files("reread")


def test_workers_write_to_an_object_store(
    survey: Survey, cluster: LocalCluster, executor: Executor, bucket: Bucket
) -> None:
    environment = bucket.server.environment
    with Client(cluster, set_as_default=False) as client:
        client.run(lambda: os.environ.update(environment))
    report = survey.ingest(masks=bucket.root, executor=executor)
    assert (report.failures, report.n_epochs) == ((), 6)
    assert len(bucket.mask_files()) == 2
    assert len(survey.flags()) == 6


def test_a_worker_that_is_killed_mid_tile_loses_nothing(survey: Survey, executor: Executor, ingested: Survey) -> None:
    with deadly_seg(survey, 1, n_kills=1) as file:
        report = survey.ingest(executor=executor)
    assert len(file.killed) == 1
    assert (report.failures, report.n_epochs) == ((), 6)
    assert checksums(survey) == checksums(ingested)


def test_a_tile_that_kills_every_worker_takes_no_other_with_it(survey: Survey, executor: Executor) -> None:
    with deadly_seg(survey, 1, FOR_EVER) as file:
        report = survey.ingest(executor=executor)
    assert len(set(file.killed)) == 2
    (failure,) = report.failures
    assert failure.key == f"{survey.info_path()}#coadd"
    assert failure.error_type == "WorkerLostError"
    assert "KilledWorker" in failure.message
    with survey.catalogue() as catalogue:
        assert set(catalogue.epochs().band) == {"i"}
        assert len(catalogue.failures()) == 1


def test_the_command_line_takes_the_address_of_a_scheduler(
    survey: Survey, cluster: LocalCluster, executor: Executor, cli: Run
) -> None:
    places = ["--db", survey.database, "--masks", survey.masks]
    done = cli("ingest", survey.folder, *places, "--dask", cluster.scheduler_address)
    assert done.status == 0, done.err
    assert done.lines[-1].startswith("1 tile in 2 bands: 6 epochs made")


def test_a_stopped_ingest_drops_what_the_cluster_has_not_done(
    survey: Survey, cluster: LocalCluster, executor: Executor
) -> None:
    program = "from goodpix.cli import main; main()"
    places = ["--db", str(survey.database), "--masks", str(survey.masks)]
    command = [sys.executable, "-c", program, "ingest", str(survey.folder), *places]
    with (
        deadly_seg(survey, 1, n_kills=0) as file,
        subprocess.Popen(
            [*command, "--dask", cluster.scheduler_address], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as running,
    ):
        assert running.stderr is not None
        assert "i: 3 epochs made" in running.stderr.readline()
        with file.held_open():
            running.send_signal(signal.SIGTERM)
            _, said = running.communicate()
            file.mend()
    assert (running.returncode, "Traceback" in said) == (143, False), said
    with survey.catalogue() as catalogue:
        assert set(catalogue.epochs().band) == {"i"}


def test_an_address_where_nothing_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "300ms"}),
        pytest.raises(UsageError, match=r"--dask tcp://127\.0\.0\.1:1: no Dask scheduler answers there"),
        dask_executor("tcp://127.0.0.1:1"),
    ):
        pass


@pytest.mark.parametrize("address", ["tcp://", "nonsense://x", "127.0.0.1:port"])
def test_a_word_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no Dask scheduler answers there"), dask_executor(address):
        pass


def test_the_slurm_example_submits_workers_that_know_the_survey(tmp_path: Path) -> None:
    (example, _) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
    program = f"{example}\nprint(cluster.job_script())\ncluster.close()"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for line in ("#SBATCH -p regular", "export MEDS_DIR=/survey", "--nworkers 8", "--nthreads 1", "--lifetime 110m"):
        assert line in done.stdout


def test_dask_and_workers_together_are_refused(survey: Survey, cli: Run) -> None:
    done = cli("ingest", survey.folder, "--dask", "tcp://127.0.0.1:1", "--workers", 2)
    assert (done.status, len(done.lines)) == (2, 1)
    assert "expected --dask or --workers" in done.err
