"""Web server of the dashboard."""

import asyncio
import errno
import json
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from html import escape
from pathlib import Path
from types import FrameType
from typing import Self

from bokeh.server.server import Server
from bokeh.server.tornado import BokehTornado
from panel.io.server import get_server
from tornado.template import Template
from tornado.web import RequestHandler

from ...schema.errors import UsageError
from ...schema.printable import printable
from ..source import Source
from .applications import TITLES, applications, first_part, read_ahead
from .cache import CatalogueCache
from .firstpart import send_first
from .guard import Names, guard
from .proxies import address_behind_proxy

__all__ = ["DashboardServer"]

_LOCAL = ("127.0.0.1", "localhost", "::1")
_EVERY_ADDRESS = ("", "0.0.0.0", "::")
_LOGIN = str(Path(__file__).parent / "login.html")
_NOT_FOUND = Template((Path(__file__).parent / "notfound.html").read_text())
_START_S = 60
# Longest wait for the numbers of the first page before the server accepts connections.
_READ_AHEAD_S = 2.0


class _Alive(RequestHandler):
    """Liveness check that a page makes before it reloads itself."""

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.write("goodpix")


class _NotFound(RequestHandler):
    """Answer to an address without a page: the way back."""

    application: BokehTornado

    def prepare(self) -> None:
        # relative, because a proxy may have a prefix of its own in front, with the secret behind it
        path = self.request.path.removeprefix(self.application.prefix)
        root = "../" * (path.count("/") - 1) or "./"
        self.set_status(404)
        self.finish(_NOT_FOUND.generate(path=printable(path), pages=TITLES, root=root))


class DashboardServer:
    """Server of the dashboard of a catalogue.

    Parameters
    ----------
    source : Source
        The catalogue, open for reading; the caller closes it.
    port : int
        Port to listen on; 0 for any free port.
    address : str
        Address of this machine to listen on; other machines can connect unless it is 127.0.0.1.
    origins : sequence of str
        Further ``HOST[:PORT]`` under which browsers reach the server, such as a proxy's.
    basic_auth : str, optional
        Required password, or path of a JSON file of passwords by user.
    proxy : str, optional
        Address of the server behind a proxy on this machine, such as ``"/user/ada/proxy/{port}/"``; by default that
        of JupyterHub, jupyter-server-proxy or an editor in the browser, if there is one. Empty for none.

    Raises
    ------
    UsageError
        If the server cannot listen there, or the password or the proxy is invalid.
    """

    def __init__(
        self,
        source: Source,
        *,
        port: int = 0,
        address: str = "127.0.0.1",
        origins: Sequence[str] = (),
        basic_auth: str | None = None,
        proxy: str | None = None,
    ) -> None:
        self._address, self._basic_auth = address, None if basic_auth is None else _checked_auth(basic_auth)
        self.port = port or _free_port(address)
        behind = address_behind_proxy(self.port, proxy)
        # the proxy's name is not known here, so that a secret shows who comes through it
        self._prefix = f"/{secrets.token_urlsafe()}" if behind else ""
        self._behind_proxy = f"{behind}{self._prefix[1:]}/" if behind else ""
        self._cache = CatalogueCache(source)
        self._origins = [*_origins(address, self.port), *origins]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._ready = threading.Event()

    @property
    def url(self) -> str:
        """Address of the dashboard for browsers: behind a proxy, the proxy's, which may be a path on its server."""
        return self._behind_proxy or self.local_url

    @property
    def local_url(self) -> str:
        """URL of the dashboard for browsers on this machine."""
        host = "127.0.0.1" if self._address in _EVERY_ADDRESS else self._address
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    @property
    def exposure(self) -> str:
        """Warning about what other machines can see; empty if only this machine can connect."""
        if self._address in _LOCAL:
            return ""
        where = "all addresses of this machine" if self._address in _EVERY_ADDRESS else self._address
        who = (
            "anyone with a password"
            if self._basic_auth
            else "anyone who can connect, without a password (--basic-auth sets one),"
        )
        return (
            f"listening on {where}, port {self.port}, unencrypted: {who} can read the whole catalogue "
            "and see every image that it lists and this account can read"
        )

    def run(self, began: Callable[[], None] = lambda: None) -> None:
        """Serve until a signal stops the server.

        Parameters
        ----------
        began : callable
            Called once the server accepts connections.

        Raises
        ------
        KeyboardInterrupt
            After Ctrl-C.
        SystemExit
            After SIGTERM, with status 143.
        """
        received: list[int] = []

        def stop(number: int, _frame: FrameType | None) -> None:
            received.append(number)
            self._stop_loop()

        def listen_to_signals() -> None:  # called late because Panel sets its own handler when it makes the server
            for number in before:
                signal.signal(number, stop)
            began()

        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            self._serve(listen_to_signals)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if signal.SIGINT in received:
            raise KeyboardInterrupt
        if received:
            raise SystemExit(128 + received[0])

    def start(self) -> Self:
        """Serve in a thread, and return once the server accepts connections."""
        self._thread = threading.Thread(target=self._serve_and_keep, name="goodpix-dashboard", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise UsageError(f"the dashboard did not start within {_START_S} s")
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop a server that runs in a thread."""
        self._stop_loop()
        if self._thread is not None:
            self._thread.join(_START_S)

    def __enter__(self) -> Self:
        return self if self._thread else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Dashboard at {self.url}>"

    def _repr_html_(self) -> str:
        """Return HTML that shows the dashboard in a notebook."""
        url = escape(self.url, quote=True)
        return (
            f'<p><a href="{url}" target="_blank">{url}</a></p><iframe src="{url}" width="100%" height="900"></iframe>'
        )

    def _serve_and_keep(self) -> None:
        try:
            self._serve(lambda: None)
        except BaseException as error:  # noqa: BLE001  # `start` raises it in the calling thread
            self._failure = error
            self._ready.set()

    def _serve(self, began: Callable[[], None]) -> None:
        """Serve until the loop is stopped."""
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        server = None
        try:
            server = self._server()
            wait([read_ahead(self._cache)], _READ_AHEAD_S)
            began()
            server.start()
            self._loop.call_soon(self._ready.set)
            self._loop.run_forever()
        finally:
            if server is not None:
                server.stop()
            self._cache.close()
            asyncio.set_event_loop(None)
            self._loop.close()

    def _stop_loop(self) -> None:
        # works before the loop runs, too: it then stops as soon as it starts
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _server(self) -> Server:
        auth = (
            {} if self._basic_auth is None else {"basic_auth": self._basic_auth, "cookie_secret": secrets.token_hex()}
        )
        try:
            server = get_server(
                applications(self._cache),
                title={f"/{path}": f"goodpix: {title}" for path, title in TITLES.items()},
                port=self.port,
                address=self._address,
                prefix=self._prefix,
                websocket_origin=self._origins,
                location=False,
                login_template=_LOGIN,
                logout_template=_LOGIN,
                extra_patterns=[(r"/alive", _Alive)],
                sign_sessions=True,
                secret_key=secrets.token_bytes(),
                **auth,
            )
        except OSError as error:
            raise _cannot_listen(self._address, self.port, error) from error
        server._tornado.settings["default_handler_class"] = _NotFound
        send_first(server._tornado, first_part(self._cache))
        guard(server._tornado, Names(tuple(self._origins), self._address in _EVERY_ADDRESS))
        return server


def _checked_auth(basic_auth: str) -> str:
    """Return a password or the path of a password file after checking that it is not empty."""
    if not basic_auth:
        raise UsageError("basic auth: the password is empty")
    if not basic_auth.endswith(".json"):
        return basic_auth
    # Panel would use the name of a missing file as the password
    try:
        users = json.loads(Path(basic_auth).read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"basic auth: cannot read {basic_auth}: {error}") from error
    if not isinstance(users, dict) or not users or not all(isinstance(word, str) and word for word in users.values()):
        raise UsageError(f'basic auth: {basic_auth}: expected {{"user": "password", ...}}')
    return basic_auth


def _free_port(address: str) -> int:
    """Return a free port; it must be known in advance for the allowed WebSocket origins."""
    try:
        family = socket.getaddrinfo(address or None, 0, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as free:
            free.bind((address, 0))
            return int(free.getsockname()[1])
    except OSError as error:
        raise _cannot_listen(address, 0, error) from error


def _origins(address: str, port: int) -> list[str]:
    """Return the ``HOST:PORT`` names under which browsers may reach the server."""
    names = list(_LOCAL[:2]) if address in (*_LOCAL, *_EVERY_ADDRESS) else [address]
    if ":" in address:
        names = [*names[:2], "[::1]"] if address in ("::1", "::") else [f"[{address}]"]
    if address in _EVERY_ADDRESS:
        names += [socket.gethostname(), socket.getfqdn()]
    return [f"{name}:{port}" for name in dict.fromkeys(names)]


def _cannot_listen(address: str, port: int, error: OSError) -> UsageError:
    if error.errno == errno.EADDRINUSE:
        return UsageError(f"port {port} of {address} is in use: choose another with --port, or 0 for any free port")
    return UsageError(f"cannot listen on {address}, port {port}: {error.strerror or error}")
