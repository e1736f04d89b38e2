"""The dashboard of a notebook, behind the proxy of a Jupyter server."""

import http.client
import re
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from .jupyter import BASE_URL, NAME, TOKEN, Jupyter, started

PASSWORD = "a word"
TILE = "DES0131-3206"


@pytest.fixture(scope="module")
def jupyter(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    environment = {"MEDS_DIR": str(demo / "survey"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    with started(tmp_path_factory.mktemp("jupyter"), environment) as server:
        server.run(f"import goodpix, os; cat = goodpix.Catalogue({str(demo / 'goodpix.db')!r})")
        yield server


@pytest.fixture(scope="module")
def shown(jupyter: Jupyter) -> str:
    """What a notebook shows of the dashboard."""
    return jupyter.run("pages = cat.dashboard(); pages")["text/html"]


def source_of(shown: str) -> str:
    (address,) = re.findall(r'<iframe src="([^"]+)"', shown)
    assert f'<a href="{address}"' in shown
    return str(address)


def test_notebook_shows_it_by_the_address_of_the_proxy(page: Page, jupyter: Jupyter, shown: str) -> None:
    address = source_of(shown)
    assert re.fullmatch(rf"{BASE_URL}proxy/\d+/[\w-]{{43}}/", address)
    page.goto(f"{jupyter.url}?token={TOKEN}")
    # as the notebook does with the output of a cell
    page.evaluate("html => { document.body.innerHTML = html; }", shown)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("data read 20")).to_be_visible()
    expect(frame.get_by_role("link", name=TILE).first).to_be_visible()


def test_all_pages_are_drawn_by_way_of_it(page: Page, jupyter: Jupyter, shown: str) -> None:
    page.goto(f"{jupyter.url}api?token={TOKEN}")
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(urlsplit(jupyter.url)._replace(path=source_of(shown)).geturl())
    for title in ("Sky", "Focal plane", "Time", "Mask", "Overview"):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=title).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        expect(page.get_by_text("data read 20")).to_be_visible()
    assert len(sockets) >= 6
    assert all(each.startswith(f"ws://{urlsplit(jupyter.url).netloc}{source_of(shown)}") for each in sockets)


def status(url: str, path: str, **headers: str) -> int:
    asked = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", asked.port, timeout=60)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        with connection.getresponse() as answer:
            return answer.status
    finally:
        connection.close()


def test_it_opens_to_nobody_else(jupyter: Jupyter, shown: str) -> None:
    address = source_of(shown)
    assert status(jupyter.url, address) in (302, 403), "Jupyter asks who it is"
    local = jupyter.run("print(pages.local_url)")["stream"].strip()
    secret = "/" + address.split("/")[-2] + "/"
    by_another_name = [status(local, path, Host=NAME) for path in (secret, "/", f"/{'x' * 43}/", "/alive")]
    assert by_another_name == [200, 403, 403, 403]
    assert [status(local, path) for path in ("/", "/alive", f"{secret}alive")] == [200, 200, 200]
    with urllib.request.urlopen(local) as answer:
        (token,) = set(re.findall(r'"token":"([^"]+)"', answer.read().decode()))
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "Z29vZHBpeCBnb29kcGl4IQ==",
        "Sec_WebSocket_Protocol": f"bokeh, {token}",
    }
    foreign = status(local, f"{secret}ws", Host=NAME, Origin="http://evil.example.org", **upgrade)
    own = status(local, f"{secret}ws", Host=NAME, Origin=f"http://{NAME}", **upgrade)
    assert (foreign, own) == (403, 101)


def test_a_password_is_asked_for_there_too(page: Page, jupyter: Jupyter) -> None:
    address = source_of(jupyter.run(f"cat.dashboard(basic_auth={PASSWORD!r})")["text/html"])
    page.goto(f"{jupyter.url}api?token={TOKEN}")
    page.goto(urlsplit(jupyter.url)._replace(path=address).geturl())
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("data read 20")).to_be_visible()
    assert urlsplit(page.url).path == address


def test_a_hub_needs_no_question(jupyter: Jupyter) -> None:
    jupyter.run("os.environ['JUPYTERHUB_SERVICE_PREFIX'] = '/user/bob/lab/'")
    code = "print(cat.dashboard().url, cat.dashboard(proxy='').url)"
    behind, local = jupyter.run(code)["stream"].split()
    jupyter.run("del os.environ['JUPYTERHUB_SERVICE_PREFIX']")
    assert re.fullmatch(r"/user/bob/lab/proxy/\d+/[\w-]{43}/", behind)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", local)


@pytest.mark.parametrize(
    "call",
    [
        f"cat.mask('{TILE}', 'r', 201000, 12).plot()",
        f"cat.plot_tile('{TILE}', 'r')",
        "cat.plot_focal_plane('SE:TRAIL')",
        "cat.plot_sky()",
    ],
)
def test_picture_is_one_call(jupyter: Jupyter, call: str) -> None:
    assert b64decode(jupyter.run(call)["image/png"]).startswith(b"\x89PNG")
    assert "image/png" not in jupyter.run(f"{call};")


def test_a_server_without_the_proxy_is_passed_by(demo: Path, tmp_path: Path) -> None:
    off = "--ServerApp.jpserver_extensions={'jupyter_server_proxy': False}"
    with started(tmp_path, {}, off) as server:
        asked = server.run(
            "import os\nfrom goodpix.query.dashboard.proxies import address_behind_proxy, jupyter_base_url\n"
            "print(jupyter_base_url(os.environ)[1], repr(address_behind_proxy(5006)))"
        )
    assert asked["stream"].split() == [BASE_URL, "''"]
