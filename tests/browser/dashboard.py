"""The dashboard in a browser, as tests see it."""

import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from goodpix.query.dashboard.server import DashboardServer

__all__ = ["Dashboard", "Watched", "at", "drag", "open_page", "parameters", "picture"]

# Where a position of a plot is, once nothing moves any more; `name` is that of a Bokeh plot.
_PLACE = """
async ([name, x, y]) => {
  const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name));
  view.el.scrollIntoView();
  const place = () => {
    const box = view.canvas_view.el.getBoundingClientRect();
    return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)];
  };
  let last = place();
  for (let still = 0, ends = Date.now() + 180000; still < 10;) {
    if (Date.now() > ends) throw new Error(`${name} does not come to rest: ${last}`);
    await new Promise(requestAnimationFrame);
    const now = place();
    still = now[0] === last[0] && now[1] === last[1] ? still + 1 : 0;
    last = now;
  }
  return last;
}
"""


# What components of a page are drawn, and the words in sight.
_STATE = """
() => {
  const parts = [...Bokeh.index.query((view) => view.render_esm != null)].map(({model, _rendered, container}) => ({
    name: model.class_name, rendered: _rendered, compiled: model.compiled != null, module: model.render_module != null,
    data: JSON.stringify(model.data?.attributes)?.slice(0, 300), html: container?.innerHTML.slice(0, 300)
  }));
  return JSON.stringify({ready: document.readyState, seen: document.visibilityState, parts}, null, 1);
}
"""


@dataclass(slots=True)
class Dashboard:
    """A dashboard that runs in a process of its own.

    Parameters
    ----------
    process : Popen
        The process.
    url : str
        Where it is.
    said : list of str
        What it said on standard error before it was ready.
    """

    process: "subprocess.Popen[str]"
    url: str
    said: list[str]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it, if it has not ended, and return its exit status and what it said since the last call."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        assert self.process.stderr is not None
        said = "" if self.process.stderr.closed else self.process.communicate()[1]
        return self.process.wait(), said


@dataclass(slots=True)
class Watched:
    """A page, and what went wrong on it.

    Parameters
    ----------
    page : Page
        The page.
    problems : list of str
        Errors on its console.
    foreign : list of str
        Requests to anywhere but this machine.
    """

    page: Page
    problems: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Playwright would write into an object whose method it is given
        self.page.on("console", lambda message: self._hear(message))  # noqa: PLW0108
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", lambda request: self._look_at(request.url))
        self.page.on("websocket", lambda socket: self._look_at(socket.url))
        self.page.on("dialog", lambda dialog: self.problems.append(f"a dialog: {dialog.message}"))

    def conclude(self, picture: Path) -> None:
        """Keep a picture of what is in sight; nothing may have gone wrong."""
        self.page.screenshot(path=picture)
        assert self.problems == []
        assert self.foreign == []

    def describe(self) -> str:
        """Return what the page shows, for the report of a test that failed."""
        shown = (self.page.evaluate(_STATE), self.page.locator("body").aria_snapshot())
        return "\n".join([self.page.url, *self.problems, *shown])

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def _look_at(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in ("127.0.0.1", "hub.localhost"):
            self.foreign.append(url)


def open_page(page: Page, dashboard: Dashboard | DashboardServer, path: str = "") -> None:
    """Open a page of the dashboard, and wait until all of it has been read."""
    page.goto(dashboard.url + path)
    expect(page.get_by_text("read 20")).to_be_visible()


def picture(page: Page, path: Path) -> None:
    """Keep a picture of all of a page."""
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": 1400, "height": min(int(height), 4000)})
    page.screenshot(path=path)


def parameters(page: Page) -> list[str]:
    """Return the parameters of the page's address."""
    query = urlsplit(page.url).query
    return query.split("&") if query else []


def at(page: Page, plot: str, x: float, y: float) -> tuple[float, float]:
    """Return where a position of a plot is on the screen, scrolled into sight."""
    found: list[float] = page.evaluate(_PLACE, [plot, x, y])
    return found[0], found[1]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one place on the screen to another."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()
