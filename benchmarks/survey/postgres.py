"""A Postgres server for as long as a benchmark runs."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

__all__ = ["Server", "ServerError", "running_server"]

# What a machine of one's own would be given; nothing here outlives a crash, and no query waits for a disk's sync.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "maintenance_work_mem": "1GB",
    "work_mem": "64MB",
    "random_page_cost": "1.1",
    "max_wal_size": "8GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "off",
    "default_toast_compression": "lz4",
    "autovacuum": "off",
}


class ServerError(Exception):
    """Postgres cannot be started here; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Parameters
    ----------
    folder : Path
        Where its files are.
    port : int
        On 127.0.0.1.
    """

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Its database."""
        return f"postgresql+psycopg://goodpix@127.0.0.1:{self.port}/postgres"

    def restart(self) -> None:
        """Start it again, with nothing in its memory."""
        _run(
            self.folder,
            "pg_ctl",
            "restart",
            "--wait",
            "--mode",
            "fast",
            "--pgdata",
            self.folder / "data",
            "--log",
            self.folder / "log",
        )

    def version(self) -> str:
        """Return its version."""
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return str(connection.exec_driver_sql("SHOW server_version").scalar()).split()[0]


@contextmanager
def running_server(folder: Path) -> Iterator[Server]:
    """Run a server whose files are in a folder; with its database as the last one left it there.

    Raises
    ------
    ServerError
        If Postgres is not installed, or does not start.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        # Postgres refuses to run as root
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            raise ServerError("root cannot run it and there is no user postgres") from None
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = folder / "data"
    if not data.exists():
        what = ("--username", "goodpix", "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
        _run(folder, "initdb", "--pgdata", data, *what)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    options = f"{settings} -c unix_socket_directories={folder} -p {port}"
    _run(folder, "pg_ctl", "start", "--wait", "--pgdata", data, "--log", folder / "log", "--options", options)
    try:
        yield Server(folder, port)
    finally:
        _run(folder, "pg_ctl", "stop", "--mode", "fast", "--pgdata", data)


def _run(folder: Path, program: str, *arguments: str | Path) -> None:
    """Run one of Postgres' programs, as the user postgres where we are root."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda path: float(path.parts[-3]))
    place = str(found[-1]) if found else shutil.which(program)
    if place is None:
        raise ServerError(f"{program} is not installed")
    command = [place, *map(str, arguments)]
    if os.geteuid() == 0:
        command = ["runuser", "-u", "postgres", "--", *command]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerError(f"{program} exited {done.returncode}: {done.stdout}{done.stderr}")
