"""Requests that the dashboard's server refuses."""

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from bokeh.application import Application
from bokeh.protocol import Protocol
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.ws import WSHandler

from goodpix.query.dashboard.guard import FailedLogins, Names, guard, without_traceback
from goodpix.query.dashboard.server import DashboardServer
from goodpix.query.source import Source

PASSWORD = "between-the-stars"


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is set."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and text of an answer."""

    status: int
    text: str


@pytest.fixture
def server(source: Source) -> Iterator[DashboardServer]:
    with DashboardServer(source, origins=("sky.example.org",)) as started:
        yield started


def ask(server: DashboardServer, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        with connection.getresponse() as answer:
            # an accepted web socket stays open
            return Answer(answer.status, answer.read().decode() if answer.status != 101 else "")
    finally:
        connection.close()


def open_socket(server: DashboardServer, token: str, origin: str) -> Answer:
    return ask(
        server,
        "/ws",
        Connection="Upgrade",
        Upgrade="websocket",
        Sec_WebSocket_Version="13",
        Sec_WebSocket_Key="Z29vZHBpeCBnb29kcGl4IQ==",
        Sec_WebSocket_Protocol=f"bokeh, {token}" if token else "bokeh",
        Origin=origin,
    )


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1:80", True),
        ("localhost:9999", True),
        ("SKY.example.org", True),
        ("sky.example.org:81", False),
        ("evil.example.org:80", False),
        ("evil.example.org", False),
        ("10.0.0.7:80", False),
        ("[::1]:80", False),
        ("", False),
        ("127.0.0.1.example.org:80", False),
    ],
)
def test_host_is_a_name_that_the_server_was_told(host: str, known: bool) -> None:
    names = Names(("127.0.0.1:80", "localhost:80", "sky.example.org"))
    assert names.include(host) == known


@pytest.mark.parametrize(
    ("host", "known"), [("10.0.0.7:80", True), ("[fe80::1]:80", True), ("evil.example.org:80", False)]
)
def test_server_on_all_addresses_has_any_address_and_no_other_name(host: str, known: bool) -> None:
    assert Names(("127.0.0.1:80",), any_address=True).include(host) == known


def test_logins_wait_longer_after_each_failure_from_the_fourth_on() -> None:
    clock = Clock()
    logins = FailedLogins(clock)
    waits = []
    for _ in range(12):
        logins.record("a", succeeded=False)
        waits.append(logins.wait("a"))
    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert logins.wait("b") == 0
    clock.now += 59
    assert logins.wait("a") == 1
    logins.record("a", succeeded=True)
    assert logins.wait("a") == 0


def test_page_of_another_name_is_refused_and_so_is_its_web_socket(server: DashboardServer) -> None:
    page = ask(server, "/")
    (token,) = set(re.findall(r'"token":"([^"]+)"', page.text))
    host = f"127.0.0.1:{server.port}"
    assert page.status == 200
    assert open_socket(server, token, f"http://{host}").status == 101
    assert open_socket(server, token, "http://evil.example.org").status == 403
    refused = ask(server, "/", Host="evil.example.org")
    assert refused.status == 403
    assert refused.text.startswith("goodpix: 'evil.example.org' is no name of this dashboard: expected 127.0.0.1:")
    for path in ("/ws", "/alive", "/static/js/bokeh.min.js", "/nothing"):
        assert ask(server, path, Host="evil.example.org", Origin="http://evil.example.org").status == 403
    assert ask(server, "/alive", Host="sky.example.org").status == 200


@pytest.mark.parametrize("token", ["", "x", "eyJ9.x", "x" * 5000])
def test_wrong_token_is_refused(server: DashboardServer, token: str) -> None:
    assert open_socket(server, token, f"http://127.0.0.1:{server.port}").status == 403
    if token:
        answer = ask(server, f"/?bokeh-token={token}")
        assert (answer.status, answer.text) == (403, "goodpix: this page has expired: reload it")
    assert ask(server, "/?bokeh-session-id=chosen").status == 403


def test_logins_are_refused_for_a_while_after_failures(source: Source) -> None:
    with DashboardServer(source, basic_auth=PASSWORD) as server:
        header = {"Content_Type": "application/x-www-form-urlencoded"}
        wrong = urlencode({"username": "a", "password": "a guess"})
        answers = [ask(server, "/login", "POST", wrong, **header) for _ in range(4)]
        assert [each.status for each in answers] == [302] * 4
        # the waits grow to more than any machine takes for a request
        refused = next(
            each for each in iter(lambda: ask(server, "/login", "POST", wrong, **header), None) if each.status != 302
        )
        assert refused.status == 429
        assert refused.text.startswith("goodpix: too many failed logins: try again in ")


def test_error_message_has_no_traceback() -> None:
    try:
        raise ValueError("secret")
    except ValueError:
        message = Protocol().create("ERROR", "1", "it failed")
    assert "secret" in message.content["traceback"]
    sent = without_traceback(message)
    assert "secret" not in sent.content_json
    assert json.loads(sent.content_json) == {"text": "it failed", "traceback": None}


def test_every_web_socket_and_login_of_a_server_is_guarded() -> None:
    application = BokehTornado({"/": Application(), "/mask": Application()})
    guard(application, Names(("127.0.0.1:80",)))
    sockets = [rule.target for rule in application.wildcard_router.rules if issubclass(rule.target, WSHandler)]
    assert len(sockets) == 2
    assert all(each.send_message is not WSHandler.send_message for each in sockets)


def test_way_back_from_a_page_that_does_not_exist_stays_behind_the_proxy(source: Source) -> None:
    with DashboardServer(source, proxy="/user/ada/proxy/{port}/") as server:
        secret = server.url.split("/")[-2]
        for before in (f"/{secret}", ""):
            answer = ask(server, f"{before}/no/page", Host="hub.example.org" if before else "127.0.0.1")
            assert answer.status == 404
            assert 'href="../sky"' in answer.text
            assert secret not in answer.text
