"""How the dashboard is served: to whom, and until when."""

import http.client
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

import goodpix

from .conftest import PROXY, Serve
from .dashboard import Dashboard, open_page

TILE = "DES0131-3206"
PASSWORD = "between-the-stars"


@pytest.fixture(scope="module")
def exposed(serve: Serve) -> Dashboard:
    """A dashboard for other machines, behind a password."""
    return serve("--address", "0.0.0.0", GOODPIX_BASIC_AUTH=PASSWORD)


@dataclass(frozen=True, slots=True)
class Run:
    """A dashboard from its start to Ctrl-C: what it answered to pages of others, what it said, how it ended."""

    statuses: Mapping[str, int]
    before: list[str]
    code: int
    after: str


@pytest.fixture(scope="module")
def run(serve: Serve) -> Run:
    """A dashboard for this machine alone, which a proxy knows as well."""
    dashboard = serve("--allow-websocket-origin", PROXY)
    with urllib.request.urlopen(dashboard.url) as answer:
        (token,) = set(re.findall(r'"token":"([^"]+)"', answer.read().decode()))
    statuses = {host: upgrade(dashboard, f"http://{host}", token) for host in (PROXY, "evil.example.org")}
    assert dashboard.process.stderr is not None
    # it says what is wrong with such requests, the last of them in this line
    assert any("403 GET /ws" in line for line in dashboard.process.stderr)
    return Run(statuses, dashboard.said, *dashboard.stop(signal.SIGINT))


def upgrade(dashboard: Dashboard, origin: str, token: str) -> int:
    """Return the status with which the server answers a page of an origin that wants to open a web socket."""
    address = urlsplit(dashboard.url)
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "Z29vZHBpeCBnb29kcGl4IQ==",
        "Sec-WebSocket-Protocol": f"bokeh, {token}",
        "Origin": origin,
    }
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    try:
        connection.request("GET", "/ws", headers=headers)
        with connection.getresponse() as answer:
            return answer.status
    finally:
        connection.close()


def test_another_address_says_what_it_exposes(exposed: Dashboard, run: Run) -> None:
    (said, _) = exposed.said
    assert "listening on all addresses of this machine" in said
    assert "anyone with a password can read the whole catalogue and see every image" in said
    assert not any(PASSWORD in line for line in exposed.said)
    assert len(run.before) == 1


def test_nothing_is_shown_before_the_password(page: Page, exposed: Dashboard) -> None:
    with urllib.request.urlopen(exposed.url) as answer:
        assert TILE not in answer.read().decode()
    for password in ("a guess", PASSWORD):
        page.goto(f"{exposed.url}?band=r")
        page.get_by_label("Name").fill("someone")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        if password != PASSWORD:
            expect(page.get_by_role("alert")).to_have_text("Invalid username or password!")
    expect(page.get_by_text("Shown: band r.")).to_be_visible()
    expect(page.get_by_role("link", name=TILE).first).to_be_visible()


@pytest.mark.parametrize(("origin", "status"), [(PROXY, 101), ("evil.example.org", 403)])
def test_only_pages_of_known_names_may_open_a_web_socket(run: Run, origin: str, status: int) -> None:
    assert run.statuses[origin] == status


def test_ctrl_c_ends_it(run: Run) -> None:
    assert run.code == 130
    assert "Traceback" not in run.after


def test_a_port_that_is_taken_is_one_line(demo: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "goodpix", "dashboard", "--db", "goodpix.db", "--port", str(port)]
        done = subprocess.run(command, cwd=demo, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert (
        done.stderr
        == f"goodpix: port {port} of 127.0.0.1 is in use: choose another with --port, or 0 for any free port\n"
    )


def test_a_notebook_shows_it_and_a_part_that_cannot_be_read_is_said(page: Page, demo: Path, tmp_path: Path) -> None:
    shutil.copy(demo / "goodpix.db", tmp_path)
    with sqlite3.connect(tmp_path / "goodpix.db") as broken:
        broken.execute("DROP TABLE ccd_median")
    broken.close()
    with goodpix.Catalogue(tmp_path / "goodpix.db") as catalogue, catalogue.dashboard() as served:
        assert f'<iframe src="{served.url}"' in served._repr_html_()
        page.goto(served.url)
        expect(page.get_by_role("alert")).to_contain_text("no such table: ccd_median (goodpix db upgrade")
        expect(page.get_by_text("some data could not be read")).to_be_visible()
        expect(page.get_by_role("link", name=TILE).first).to_be_visible()
        open_page(page, served, "time")
        expect(page.get_by_role("alert")).to_have_count(0)
