"""A Jupyter server with jupyter-server-proxy, and a kernel in it."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from ..waiting import until

__all__ = ["BASE_URL", "NAME", "TOKEN", "Jupyter", "started"]

BASE_URL = "/user/ada/"
NAME = "hub.localhost"
"""Name of the server for browsers, who take it for this machine; no name of the dashboard."""
TOKEN = "between-the-stars"
_PATIENCE_S = 500


@dataclass(slots=True)
class Jupyter:
    """A Jupyter server with one kernel.

    Parameters
    ----------
    url : str
        Where browsers find it, with the base URL.
    kernel : BlockingKernelClient
        Connection with the kernel.
    """

    url: str
    kernel: BlockingKernelClient

    def run(self, code: str) -> dict[str, str]:
        """Run a cell; return its value as the notebook shows it, by MIME type, and under ``stream`` what it printed."""
        found: dict[str, str] = {}

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            assert message["msg_type"] != "error", "\n".join(content["traceback"])
            found.update(content.get("data", {}))
            if message["msg_type"] == "stream":
                found["stream"] = found.get("stream", "") + content["text"]

        self.kernel.execute_interactive(code, timeout=_PATIENCE_S, output_hook=hear)
        return found


@contextmanager
def started(folder: Path, environment: Mapping[str, str], *options: str) -> Iterator[Jupyter]:
    """Start a server under `BASE_URL` that keeps everything within a folder, and a kernel in it."""
    folders = {name: folder / name for name in ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")}
    command = [
        *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--ServerApp.port=0"),
        *(f"--ServerApp.base_url={BASE_URL}", f"--IdentityProvider.token={TOKEN}"),
        # kept from reading names of others than this machine, which a hub has
        *("--ServerApp.allow_remote_access=True", f"--ServerApp.root_dir={folder}", *options),
    ]
    log = folder / "jupyter.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {f"JUPYTER_{name}": str(each) for name, each in folders.items()} | dict(environment),
            stdin=subprocess.DEVNULL,
            stderr=stderr,
        )
    path = folders["RUNTIME_DIR"] / f"jpserver-{process.pid}.json"
    try:
        until(lambda: process.poll() is not None or _answers(path), "Jupyter")
        assert process.poll() is None, log.read_text()
        record = json.loads(path.read_text())
        number = _asked(record["url"], "api/kernels", b"{}")["id"]
        kernel = BlockingKernelClient(connection_file=str(folders["RUNTIME_DIR"] / f"kernel-{number}.json"))
        kernel.load_connection_file()
        kernel.start_channels(hb=False)  # a kernel that is still starting has no heartbeat, which would be its death
        try:
            kernel.wait_for_ready(timeout=_PATIENCE_S)
            yield Jupyter(f"http://{NAME}:{record['port']}{BASE_URL}", kernel)
        finally:
            kernel.stop_channels()
    finally:
        process.terminate()  # ends the kernel, too
        process.wait()


def _answers(path: Path) -> bool:
    """Tell whether the server that writes a record of itself is there; it writes it before it listens."""
    try:
        with urllib.request.urlopen(json.loads(path.read_text())["url"] + "api"):
            return True
    except (OSError, ValueError):
        return False


def _asked(url: str, path: str, body: bytes) -> dict[str, Any]:
    """Return the answer of a Jupyter server."""
    request = urllib.request.Request(url + path, body, {"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
