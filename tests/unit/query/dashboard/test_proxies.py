"""Addresses behind the proxies of notebooks' servers and editors."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from goodpix.query.dashboard.proxies import address_behind_proxy, jupyter_base_url
from goodpix.schema.errors import UsageError

HUB = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}
EDITOR = {"VSCODE_PROXY_URI": "https://code.example.org/ada/proxy/{{port}}"}


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, ""),
        (HUB, "/user/ada/proxy/5006/"),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/"}, "/proxy/5006/"),
        (EDITOR, "https://code.example.org/ada/proxy/5006/"),
        (EDITOR | HUB, "https://code.example.org/ada/proxy/5006/"),
        (EDITOR | HUB | {"JPY_PARENT_PID": "1"}, "/user/ada/proxy/5006/"),
        ({"VSCODE_PROXY_URI": "https://{{port}}--ada.example.org/"}, "https://5006--ada.example.org/"),
        ({"VSCODE_PROXY_URI": "./proxy/{{port}}"}, ""),  # of a page that is not known
        ({"VSCODE_PROXY_URI": "https://code.example.org/"}, ""),
    ],
)
def test_address_is_that_of_the_environment(environ: dict[str, str], address: str) -> None:
    assert address_behind_proxy(5006, environ=environ) == address


def test_address_that_is_given_is_taken_first() -> None:
    assert address_behind_proxy(5006, "https://sky.example.org/p{port}", HUB) == "https://sky.example.org/p5006/"
    assert address_behind_proxy(5006, "", HUB) == ""


@pytest.mark.parametrize("proxy", ["/user/ada/proxy/", "user/ada/proxy/{port}/", "ftp://sky.example.org/{port}"])
def test_address_without_a_port_or_a_host_is_refused(proxy: str) -> None:
    with pytest.raises(UsageError, match=r"expected a URL or a path from / on, with {port} in it"):
        address_behind_proxy(5006, proxy, {})


class Jupyter(BaseHTTPRequestHandler):
    """Answers as Jupyter does to somebody who is not logged in."""

    def do_GET(self) -> None:
        self.send_response(403 if self.path == "/user/ada/proxy/5006/" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Jupyter) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    return {"JPY_PARENT_PID": str(os.getpid())}


def record(port: int, base_url: str) -> dict[str, str]:
    return {"url": f"http://127.0.0.1:{port}{base_url}", "base_url": base_url}


@pytest.mark.parametrize(("base_url", "address"), [("/user/ada/", "/user/ada/proxy/5006/"), ("/", "")])
def test_server_says_whether_it_passes_on(
    tmp_path: Path, environ: dict[str, str], port: int, base_url: str, address: str
) -> None:
    (tmp_path / f"jpserver-{os.getpid()}.json").write_text(json.dumps(record(port, base_url)))
    assert address_behind_proxy(5006, environ=environ) == address


def test_server_that_does_not_answer_passes_nothing_on(tmp_path: Path, environ: dict[str, str], port: int) -> None:
    (tmp_path / f"jpserver-{os.getpid()}.json").write_text(json.dumps({"url": "http+unix://x", "base_url": "/"}))
    assert jupyter_base_url(environ) == ("http+unix://x", "/")
    assert address_behind_proxy(5006, environ=environ) == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": "http://127.0.0.1/"}'])
def test_process_of_no_server_has_none(tmp_path: Path, environ: dict[str, str], text: str) -> None:
    assert jupyter_base_url(environ) == jupyter_base_url({}) == ("", "")
    (tmp_path / f"jpserver-{os.getpid()}.json").write_text(text)
    assert jupyter_base_url(environ) == ("", "")
