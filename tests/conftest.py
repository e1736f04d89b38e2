"""What all tests share: databases of both kinds, and how Hypothesis searches."""

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
import sqlalchemy as sa

# derandomised: the same examples in every run; without a deadline: the first example compiles kernels
hypothesis.settings.register_profile("goodpix", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("goodpix")

_numbers = itertools.count()


class NoServerError(Exception):
    """Postgres cannot be started here."""


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A Postgres server: the one that GOODPIX_TEST_PG_URL names, else one that lives as long as the session."""
    given = os.environ.get("GOODPIX_TEST_PG_URL")
    if given:
        yield sa.make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        return
    folder = Path(tempfile.mkdtemp(prefix="goodpix-pg-"))
    try:
        port = _start_server(folder)
    except NoServerError as error:
        shutil.rmtree(folder)
        if os.environ.get("CI") == "true":
            pytest.fail(f"no Postgres server: {error}")
        pytest.skip(f"no Postgres server: {error}")
    try:
        yield f"postgresql+psycopg://goodpix@127.0.0.1:{port}/postgres"
    finally:
        _as_server(folder, "pg_ctl", "stop", "--mode", "immediate", "--pgdata", folder / "data")
        shutil.rmtree(folder)


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
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _start_server(folder: Path) -> int:
    """Start a server whose files are in a folder, and return its port."""
    if os.geteuid() == 0:
        # Postgres refuses to run as root
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            raise NoServerError("root cannot run it and there is no user postgres") from None
        os.chown(folder, user.pw_uid, user.pw_gid)
    data, log = folder / "data", folder / "log"
    _as_server(
        folder,
        *("initdb", "--pgdata", data, "--username", "goodpix", "--auth", "trust"),
        *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    settings = f"-c fsync=off -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -p {port}"
    _as_server(folder, "pg_ctl", "start", "--wait", "--pgdata", data, "--log", log, "--options", settings)
    return port


def _as_server(folder: Path, program: str, *arguments: str | Path) -> None:
    """Run one of Postgres' programs, as the user postgres where we are root."""
    found = [str(path) for path in Path("/usr/lib/postgresql").glob(f"*/bin/{program}")]
    found.sort(key=lambda path: float(Path(path).parts[-3]))
    on_path = shutil.which(program)
    if not found and not on_path:
        raise NoServerError(f"{program} is not installed")
    command = [found[-1] if found else str(on_path), *map(str, arguments)]
    if os.geteuid() == 0:
        if not shutil.which("runuser"):
            raise NoServerError("root cannot run it and there is no runuser")
        command = ["runuser", "-u", "postgres", "--", *command]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoServerError(f"{program} exited {done.returncode}: {done.stdout}{done.stderr}")
