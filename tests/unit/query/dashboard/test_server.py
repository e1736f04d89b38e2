"""To whom the dashboard would be served, and what it refuses before it starts."""

import errno
import json
import os
import re
from pathlib import Path

import pytest

from goodpix.query.dashboard.server import DashboardServer, _cannot_listen, _checked_auth, _origins
from goodpix.query.source import Source
from goodpix.schema.errors import UsageError

PASSWORD = "between-the-stars"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:5006/"),
        ("0.0.0.0", "http://127.0.0.1:5006/"),
        ("", "http://127.0.0.1:5006/"),
        ("::", "http://127.0.0.1:5006/"),
        ("::1", "http://[::1]:5006/"),
        ("sky.example.org", "http://sky.example.org:5006/"),
    ],
)
def test_address_for_this_machine_is_one_that_a_browser_takes(source: Source, address: str, url: str) -> None:
    assert DashboardServer(source, address=address, port=5006).url == url


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_alone_is_no_exposure(source: Source, address: str) -> None:
    assert DashboardServer(source, address=address, port=5006).exposure == ""


@pytest.mark.parametrize(("address", "where"), [("0.0.0.0", "all addresses of this machine"), ("10.0.0.7", "10.0.0.7")])
def test_exposure_says_who_can_read_what_and_no_password(source: Source, address: str, where: str) -> None:
    for basic_auth, who in ((None, "without a password (--basic-auth sets one)"), (PASSWORD, "anyone with a password")):
        said = DashboardServer(source, address=address, port=5006, basic_auth=basic_auth).exposure
        assert said.startswith(f"listening on {where}, port 5006, unencrypted: ")
        assert who in said
        assert "can read the whole catalogue" in said
        assert PASSWORD not in said


def test_port_0_is_a_free_one(source: Source) -> None:
    server = DashboardServer(source)
    assert 1024 < server.port < 65536
    assert server.url == f"http://127.0.0.1:{server.port}/"


def test_address_behind_a_proxy_holds_a_secret_of_its_own(source: Source) -> None:
    first, second = (DashboardServer(source, port=5006, proxy="/user/ada/proxy/{port}/") for _ in range(2))
    assert re.fullmatch(r"/user/ada/proxy/5006/[\w-]{43}/", first.url)
    assert first.url != second.url
    assert first.local_url == second.local_url == "http://127.0.0.1:5006/"
    assert repr(first) == f"<Dashboard at {first.url}>"


def test_names_of_this_machine_are_origins_and_others_only_when_given() -> None:
    assert _origins("127.0.0.1", 80) == ["127.0.0.1:80", "localhost:80"]
    assert _origins("sky.example.org", 80) == ["sky.example.org:80"]
    every = _origins("0.0.0.0", 80)
    assert every[:2] == ["127.0.0.1:80", "localhost:80"]
    assert f"{os.uname().nodename}:80" in every
    assert len(set(every)) == len(every)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "basic auth: the password is empty"),
        ("nowhere.json", "basic auth: cannot read nowhere.json: "),
        ("text.json", "basic auth: cannot read text.json: "),
        ("list.json", 'basic auth: list.json: expected {"user": "password", ...}'),
        ("none.json", 'basic auth: none.json: expected {"user": "password", ...}'),
        ("empty.json", 'basic auth: empty.json: expected {"user": "password", ...}'),
        ("number.json", 'basic auth: number.json: expected {"user": "password", ...}'),
    ],
)
def test_password_that_is_none_is_refused(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    contents = {"text": "someone", "list": '["someone"]', "none": "{}", "empty": '{"a": ""}', "number": '{"a": 5}'}
    for name, content in contents.items():
        Path(f"{name}.json").write_text(content)
    with pytest.raises(UsageError, match=re.escape(said)):
        DashboardServer(source, basic_auth=given, port=5006)


def test_password_or_the_file_of_passwords_is_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text(json.dumps({"someone": PASSWORD}))
    assert _checked_auth(str(path)) == str(path)
    assert _checked_auth(PASSWORD) == PASSWORD


def test_address_of_another_machine_cannot_be_listened_on(source: Source) -> None:
    with pytest.raises(UsageError, match=r"cannot listen on 192\.0\.2\.1, port 0: "):
        DashboardServer(source, address="192.0.2.1")


def test_port_that_is_taken_is_said_with_the_cure() -> None:
    taken = _cannot_listen("127.0.0.1", 80, OSError(errno.EADDRINUSE, "taken"))
    assert str(taken) == "port 80 of 127.0.0.1 is in use: choose another with --port, or 0 for any free port"
    denied = _cannot_listen("127.0.0.1", 80, OSError(errno.EACCES, "Permission denied"))
    assert str(denied) == "cannot listen on 127.0.0.1, port 80: Permission denied"


def test_notebook_shows_the_page_in_a_frame(source: Source) -> None:
    server = DashboardServer(source, port=5006)
    assert '<iframe src="http://127.0.0.1:5006/"' in server._repr_html_()
