"""What all tests share: databases of both kinds, time limits, a watchdog, and how Hypothesis searches."""

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
from .statementcache import compile_once
from .waiting import Allowance
from .watchdog import Watchdog

compile_once()

# derandomised: the same examples in every run; without a deadline: the first example compiles kernels
hypothesis.settings.register_profile("goodpix", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("goodpix")

_numbers = itertools.count()

# Fixtures and parameters of tests that take a server, a browser or a cluster.
_SERVERS = {"postgres", "postgres_url", "own_server", "s3_server", "serve", "browser", "cluster"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Run one more than there are cores: tests wait for servers, browsers and disks."""
    return (os.cpu_count() or 1) + 1


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives a worker all tests of a file, and all that drive a browser to one: they share browser and servers."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "tests/browser" if file.startswith("tests/browser/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling:
    """Spread tests over workers."""
    return _Scheduling(config, log)


# Most kernels are compiled by a small tile's demonstration; compiled ones are kept on the disk.
_COMPILE = """
import tempfile
from pathlib import Path
from goodpix.demo import run_demo
from goodpix.ingest.synthetic import TileSpec
with tempfile.TemporaryDirectory() as folder:
    run_demo(Path(folder), TileSpec(bands=("r",), n_epochs=2, coadd_shape=(160, 170), ccd_shape=(128, 64)))
"""


def _compile_kernels() -> Callable[[], None]:
    """Begin to compile them in a process of its own; return what waits for its end."""
    compiling = subprocess.Popen([sys.executable, "-c", _COMPILE], stdout=subprocess.DEVNULL)

    def end() -> None:
        compiling.wait()

    return end


def pytest_configure(config: pytest.Config) -> None:
    """Have a process end what this run leaves behind; workers of xdist are among that."""
    if hasattr(config, "workerinput"):
        return
    config.add_cleanup(Watchdog().close)
    if config.getoption("numprocesses", None):
        # once, while the workers collect tests, and not by each of them
        config.add_cleanup(_compile_kernels())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is of one engine only, and mark what takes a server, a browser or a cluster."""
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
    """Let a test take as long as its time limit says, not counting the time in which processes wait for a processor."""
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
    """A Postgres server: the one that GOODPIX_TEST_PG_URL names, else one that lives as long as the session."""
    given = os.environ.get("GOODPIX_TEST_PG_URL")
    if given:
        yield sa.make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        return
    with server_or_skip() as server:
        yield server.url


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Commands that begin at once, for tests of faults."""
    with forks_of(tmp_path_factory.mktemp("forks")) as made:
        yield made


@contextmanager
def server_or_skip() -> Iterator[Server]:
    """Run a server of one's own; where there can be none, skip the test, or fail it on CI."""
    # not below pytest's folder, which is its owner's alone: the server may be another user's
    with tempfile.TemporaryDirectory(prefix="goodpix-pg-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        try:
            server = stack.enter_context(running_server(Path(folder)))
        except ServerError as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"no Postgres server: {error}")
            pytest.skip(f"no Postgres server: {error}")
        yield server


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server of a module's own, which its tests may stop and change; each leaves it running."""
    with server_or_skip() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that is new: a file that does not exist yet, or an empty Postgres database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalogue.db'}"
        return
    yield from new_database(request.getfixturevalue("postgres_url"))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def module_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same for all tests of a module, which leave it as they find it."""
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
    # a connection each: a test may start its server again meanwhile
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
