"""Fixtures and hooks of all tests: databases, time limits, the watchdog and Hypothesis settings."""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import hypothesis
import psycopg
import pytest
import pytest_timeout
import sqlalchemy as sa
from xdist.scheduler.loadfile import LoadFileScheduling

from goodpix.benchmarks.postgres import Server, ServerError, running_server

from .faults.commands import Forks, forks_of
from .machine import lacks
from .statementcache import compile_once
from .waiting import Allowance
from .watchdog import Watchdog

compile_once()

# derandomised for the same examples in every run; no deadline because the first example compiles kernels
hypothesis.settings.register_profile("goodpix", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("goodpix")

_numbers = itertools.count()

# Fixtures and parameters of tests that need a server, a browser or a cluster.
_SERVERS = {"postgres", "postgres_url", "own_server", "s3_server", "serve", "browser", "cluster"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one worker more than there are cores, because tests wait for servers, browsers and disks."""
    return (os.cpu_count() or 1) + 1


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Assign each file to one worker, and each folder that shares what is slow: browsers and servers, or the site."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return next((folder for folder in ("tests/browser", "tests/docs") if file.startswith(f"{folder}/")), file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling:
    """Distribute tests over workers."""
    return _Scheduling(config, log)


# A demo of a small tile compiles most kernels, which are cached on disk.
_COMPILE = """
import tempfile
from pathlib import Path
from goodpix.demo import run_demo
from goodpix.ingest.synthetic import TileSpec
with tempfile.TemporaryDirectory() as folder:
    run_demo(Path(folder), TileSpec(bands=("r",), n_epochs=2, coadd_shape=(160, 170), ccd_shape=(128, 64)))
"""


def _compile_kernels() -> Callable[[], None]:
    """Start compiling kernels in another process; return a function that waits for it."""
    compiling = subprocess.Popen([sys.executable, "-c", _COMPILE], stdout=subprocess.DEVNULL)

    def end() -> None:
        compiling.wait()

    return end


def pytest_configure(config: pytest.Config) -> None:
    """Heed Ctrl-C; start the watchdog and the compilation of kernels, except in xdist workers."""
    # a script that starts the tests with & has them and their commands ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(config, "workerinput"):
        return
    config.add_cleanup(Watchdog().close)
    if config.getoption("numprocesses", None):
        # once, while the workers collect tests, instead of in every worker
        config.add_cleanup(_compile_kernels())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deselect tests of the other database engine; mark tests that need a server, a browser or a cluster."""
    items[:] = [item for item in items if _is_of_its_engine(item)]
    for item in items:
        parameters = _parameters(item)
        if _SERVERS & {*getattr(item, "fixturenames", ()), *(each for each in parameters if isinstance(each, str))}:
            item.add_marker("server")


def _parameters(item: pytest.Item) -> tuple[Any, ...]:
    return tuple(item.callspec.params.values()) if hasattr(item, "callspec") else ()


def _is_of_its_engine(item: pytest.Item) -> bool:
    engine = item.get_closest_marker("engine")
    if engine is None:
        return True
    if not {"sqlite", "postgres"} & {*_parameters(item)}:
        raise pytest.UsageError(f"{item.nodeid}: expected parameters sqlite and postgres beside the marker engine")
    return engine.args[0] in _parameters(item)


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_timeout_set_timer(item: Any, settings: Any) -> bool | None:
    """Apply a test's time limit without counting the time that processes wait for a processor."""
    if settings.method != "signal":
        return None
    allowance = Allowance(settings.timeout)

    def alarm(_number: int, _frame: FrameType | None) -> None:
        left = allowance.left()
        if left > 0:
            signal.setitimer(signal.ITIMER_REAL, max(left, 1.0))
        else:
            pytest_timeout.timeout_sigalrm(item, settings)

    def cancel() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    item.cancel_timeout = cancel
    signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, settings.timeout)
    return True


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The Postgres server at GOODPIX_TEST_PG_URL, or else one that runs for the session."""
    given = os.environ.get("GOODPIX_TEST_PG_URL")
    if given:
        yield sa.make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        return
    with server_or_skip() as server:
        yield server.url


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Commands that start without delay, for fault tests."""
    with forks_of(tmp_path_factory.mktemp("forks")) as made:
        yield made


@contextmanager
def server_or_skip() -> Iterator[Server]:
    """Run a separate server; if that is impossible, skip the test, or fail it on CI."""
    # not in pytest's folder, which only its owner can read: the server may run as another user
    with tempfile.TemporaryDirectory(prefix="goodpix-pg-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        try:
            server = stack.enter_context(running_server(Path(folder)))
        except ServerError as error:
            lacks(f"no Postgres server: {error}")
        yield server


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server for one module, whose tests may stop and change it but must leave it running."""
    with server_or_skip() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database: a file that does not exist yet, or an empty Postgres database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalogue.db'}"
        return
    yield from new_database(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def module_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a new database for all tests of a module, which leave it unchanged."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('database') / 'catalogue.db'}"
        return
    yield from new_database(request.getfixturevalue("postgres_url"))


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of a new, empty Postgres database."""
    yield from new_database(postgres_url)


def new_database(server: str) -> Iterator[str]:
    url = sa.make_url(server)
    name = f"goodpix_test_{os.getpid()}_{next(_numbers)}"
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    # two connections, because a test may restart its server in between
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
