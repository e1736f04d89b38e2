"""Guard of the dashboard's server, which refuses requests before Bokeh and Panel handle them."""

import ipaddress
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bokeh.server.tornado import BokehTornado
from bokeh.server.util import check_allowlist
from bokeh.server.views.ws import WSHandler
from bokeh.util.token import check_token_signature, get_token_payload
from panel.auth import BasicLoginHandler
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

__all__ = ["FailedLogins", "Names", "guard", "without_traceback"]

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORT = re.compile(r":\d+$")

# Failed logins of an address that cost nothing, and the longest wait after more, seconds.
_FREE = 3
_LONGEST = 60.0

# Addresses remembered; the oldest are forgotten.
_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Status and text of the answer to a request that is refused."""

    status: int
    text: str


@dataclass(slots=True)
class FailedLogins:
    """Failed logins by address: from the fourth on, each doubles the time in which no other is accepted.

    Parameters
    ----------
    clock : callable
        Returns a time in seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _failures: dict[str, tuple[int, float]] = field(default_factory=dict)

    def wait(self, address: str) -> float:
        """Return the seconds until a login from an address is accepted; 0 if it is now."""
        return max(0.0, self._failures.get(address, (0, 0.0))[1] - self.clock())

    def record(self, address: str, *, succeeded: bool) -> None:
        """Record the outcome of a login."""
        n = self._failures.pop(address, (0, 0.0))[0] + 1
        if succeeded:
            return
        pause = min(2.0 ** (n - _FREE - 1), _LONGEST) if n > _FREE else 0.0
        self._failures[address] = (n, self.clock() + pause)
        if len(self._failures) > _ADDRESSES:
            del self._failures[next(iter(self._failures))]


@dataclass(frozen=True, slots=True)
class Names:
    """Names under which browsers reach a server.

    Parameters
    ----------
    origins : tuple of str
        ``HOST:PORT``; without a port, 80. Names of this machine alone are taken with any port, for tunnels.
    any_address : bool
        Whether the server listens on all addresses, so that any address, but no other name, may stand for its own.
    """

    origins: tuple[str, ...]
    any_address: bool = False

    def include(self, host: str) -> bool:
        """Tell whether the Host of a request is one of them."""
        host = host.lower()
        if check_allowlist(host, [each if _PORT.search(each) else f"{each}:80" for each in self.origins]):
            return True
        name, local = _without_port(host), {_without_port(each) for each in self.origins}
        # a page of another name can point that name here, but not an address
        return name in local if name in _LOOPBACK else self.any_address and _is_address(name)


def guard(application: BokehTornado, names: Names, logins: FailedLogins | None = None) -> None:
    """Put a guard before the handlers of a server.

    A request is refused if its Host is not a name of the server, so that no page of another name can reach it by
    pointing that name here (DNS rebinding); if its token is not one of the server's; and if it is a login too soon
    after failed ones. Bokeh's error messages lose their tracebacks.

    A proxy hands on the Host that browsers know, which may be any: whoever knows the prefix of the server's
    application, a secret, may use any. Requests under a known name do without the prefix.

    Parameters
    ----------
    application : BokehTornado
        The server's application.
    names : Names
        Names of the server.
    logins : FailedLogins, optional
        Failed logins.
    """
    failed = logins or FailedLogins()
    find_handler = application.find_handler

    def guarded(request: HTTPServerRequest, **kwargs: Any) -> Any:
        invited = _is_under(application.prefix, request.path)
        refusal = _refusal(request, application, None if invited else names, failed)
        if not invited:
            request.path, request.uri = (f"{application.prefix}{each or ''}" for each in (request.path, request.uri))
        if refusal is None:
            return find_handler(request, **kwargs)
        return application.get_handler_delegate(request, _Refuse, {"refusal": refusal})

    # tornado asks the application for the handler of each request, web sockets included
    application.find_handler = guarded
    for rule in application.wildcard_router.rules:
        if isinstance(rule.target, type) and issubclass(rule.target, WSHandler):
            rule.target = type("WebSocket", (_WithoutTracebacks, rule.target), {})
        elif isinstance(rule.target, type) and issubclass(rule.target, BasicLoginHandler):
            rule.target = type("Login", (_Recorded, rule.target), {"logins": failed})


def _is_under(prefix: str, path: str) -> bool:
    """Tell whether a path begins with a secret prefix; no time tells how much of it is right."""
    return bool(prefix) and secrets.compare_digest(path[: len(prefix) + 1].encode(), f"{prefix}/".encode())


def _refusal(
    request: HTTPServerRequest, application: BokehTornado, names: Names | None, logins: FailedLogins
) -> _Refusal | None:
    """Return why a request is refused; None if it is not. Without names, any Host will do."""
    if names is not None and not names.include(request.host):
        known = ", ".join(names.origins)
        return _Refusal(
            403,
            f"goodpix: {request.host!r} is no name of this dashboard: expected {known}, "
            "or one given as --allow-websocket-origin HOST:PORT",
        )
    if not all(_is_valid(token, application) for token in _tokens(request)):
        return _Refusal(403, "goodpix: this page has expired: reload it")
    seconds = logins.wait(request.remote_ip or "") if request.method == "POST" else 0.0
    if seconds:
        return _Refusal(429, f"goodpix: too many failed logins: try again in {seconds:.0f} s")
    return None


def _without_port(host: str) -> str:
    return _PORT.sub("", host).strip("[]")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _tokens(request: HTTPServerRequest) -> list[str]:
    """Return the tokens of a request: of a page, or of its web socket."""
    tokens = [each.decode(errors="replace") for each in request.arguments.get("bokeh-token", [])]
    if request.headers.get("Upgrade", "").lower() == "websocket":
        protocols = [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        tokens += protocols[1:] or [""]
    return tokens


def _is_valid(token: str, application: BokehTornado) -> bool:
    """Tell whether a token was made by the server and has not expired."""
    try:
        signed = check_token_signature(token, signed=application.sign_sessions, secret_key=application.secret_key)
        return bool(signed and time.time() < get_token_payload(token)["session_expiry"])
    except Exception:  # noqa: BLE001  # whatever a stranger sends is no token
        return False


class _Refuse(RequestHandler):
    """Answers a request that is refused."""

    def initialize(self, refusal: _Refusal) -> None:
        self._refusal = refusal

    def prepare(self) -> None:
        self.set_status(self._refusal.status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(self._refusal.text)


def without_traceback(message: Any) -> Any:
    """Return a message of Bokeh's protocol; an error keeps its text alone."""
    if message.msgtype == "ERROR":
        message.content = {"text": message.content["text"], "traceback": None}
    return message


class _WithoutTracebacks(WSHandler):  # type: ignore[misc]  # Bokeh's handlers are not typed for tornado's
    """A web socket that tells browsers that something failed, but not where in the code."""

    async def send_message(self, message: Any) -> None:
        await super().send_message(without_traceback(message))


class _Recorded(BasicLoginHandler):  # type: ignore[misc]  # Panel has no types
    """A login whose outcome is recorded."""

    logins: FailedLogins

    def _validate(self, username: str, password: str) -> bool:
        succeeded = bool(super()._validate(username, password))
        self.logins.record(self.request.remote_ip or "", succeeded=succeeded)
        return succeeded
