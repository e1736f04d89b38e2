"""A catalogue, the dashboard's server and a real browser."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

import goodpix
from goodpix.demo import run_demo
from goodpix.ingest.synthetic import TileSpec, make_tile
from goodpix.query.dashboard.server import DashboardServer

from ..machine import chromium_or_skip
from .dashboard import Dashboard, Watched, open_page

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-software-rasterizer", "--disable-gpu-rasterization"),  # SwiftShader draws for all a processor has
]
# for what does not come; the machine may be busy with much else
PATIENCE_MS = 500_000
PROXY = "sky.example.org"
NEIGHBOUR = TileSpec(
    tilename="DES2359-3206",
    ra=359.95,
    seed=2,
    n_epochs=4,
    coadd_shape=(160, 170),
    ccd_shape=(128, 64),
    bands=("r", "i"),
)
"""A tile across RA = 0, far from the demonstration's."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the demonstration, with one more tile; nobody changes it."""
    folder = tmp_path_factory.mktemp("dashboard")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDS_DIR", "put back afterwards")
        run_demo(folder)
        make_tile(folder / "survey", NEIGHBOUR)
        report = goodpix.ingest_tiles(folder / "survey", db=folder / "goodpix.db", masks=folder / "goodpix-masks")
    assert report.n_failures == 0
    return folder


@pytest.fixture(scope="session")
def catalogue(demo: Path) -> Iterator[goodpix.Catalogue]:
    """The catalogue that the dashboard shows, opened here as well."""
    with goodpix.Catalogue(demo / "goodpix.db") as opened:
        yield opened


Serve = Callable[..., Dashboard]


@pytest.fixture(scope="session")
def serve(demo: Path) -> Iterator[Serve]:
    """Start the dashboard as people do, in a process of its own."""
    running: list[Dashboard] = []

    def start(*arguments: str, **environment: str) -> Dashboard:
        command = [
            sys.executable,
            "-m",
            "goodpix",
            "dashboard",
            "--db",
            str(demo / "goodpix.db"),
            "--port",
            "0",
            *arguments,
        ]
        process = subprocess.Popen(
            command,
            cwd=demo,
            env=os.environ | {"MEDS_DIR": str(demo / "survey"), **environment},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said: list[str] = []
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            found = re.search(r"goodpix dashboard: (http://\S+)", line)
            if found:
                running.append(Dashboard(process, found[1], said))
                return running[-1]
        raise AssertionError(f"the dashboard did not start: {''.join(said)}")

    yield start
    assert {each.stop()[0] for each in running} <= {130, 143}


@pytest.fixture(scope="session")
def dashboard(catalogue: goodpix.Catalogue) -> Iterator[DashboardServer]:
    """The dashboard of the demonstration, as a notebook has it."""
    with catalogue.dashboard() as served:
        yield served


@pytest.fixture(autouse=True)
def images(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the dashboard finds the survey's images."""
    monkeypatch.setenv("MEDS_DIR", str(demo / "survey"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; as long as it is open, an event loop runs in this thread, and no other can."""
    executable = chromium_or_skip()
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A window, whose pages are those of one person after another: what they load is cached."""
    opened = browser.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    opened.set_default_timeout(PATIENCE_MS)
    opened.new_page()  # a window without pages would be closed
    yield opened
    opened.close()


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember which tests have failed, for the fixtures that end after them."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


def _end(seen: Watched, request: pytest.FixtureRequest) -> None:
    """Keep a picture of a page that a test has used, and say what it shows if the test has failed."""
    if request.node.stash.get(_FAILED, False):
        request.node.add_report_section("teardown", "page", seen.describe())
    seen.conclude(_name(request))


def _name(request: pytest.FixtureRequest) -> Path:
    """Return where the picture of a test is kept."""
    name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
    return SCREENSHOTS / f"{name}.png"


@pytest.fixture
def page(context: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of which nothing may go wrong and nothing leave the machine; a picture of what is in sight is kept."""
    context.clear_cookies()
    seen = Watched(context.new_page())
    yield seen.page
    _end(seen, request)
    seen.page.close()


@pytest.fixture(scope="module")
def opened(context: BrowserContext) -> Iterator[dict[str, Watched]]:
    """The pages that tests of a module share, by their paths."""
    pages: dict[str, Watched] = {}
    yield pages
    for each in pages.values():
        each.page.close()


Share = Callable[..., Page]


@pytest.fixture
def share(
    opened: dict[str, Watched], context: BrowserContext, dashboard: DashboardServer, request: pytest.FixtureRequest
) -> Iterator[Share]:
    """Return the page of an address, as one that is watched: loaded if no test before has left one there."""
    used: list[Watched] = []

    def get(address: str, *, width: int | None = None) -> Page:
        path = address.partition("?")[0]
        seen = opened[path] if path in opened else opened.setdefault(path, Watched(context.new_page()))
        used.append(seen)
        seen.page.bring_to_front()
        seen.page.set_viewport_size({"width": width or 1400, "height": 1000})
        if width or seen.page.url != dashboard.url + address:
            open_page(seen.page, dashboard, address)
        return seen.page

    yield get
    for each in used:
        _end(each, request)
