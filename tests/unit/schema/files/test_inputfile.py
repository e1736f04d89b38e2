"""Lists and tables come from a disk, a store or a web server."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from goodpix.schema.errors import UsageError
from goodpix.schema.files.inputfile import open_input


@pytest.fixture
def website(tmp_path: Path) -> Iterator[str]:
    """A web server of the folder for temporary files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def content(path: Path | str) -> bytes:
    with open_input(path) as file:
        return file.read()


def test_file_is_read_by_its_name_and_its_url(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x")
    assert content(tmp_path / "a.csv") == content(f"file://{tmp_path}/a.csv") == b"x"


def test_object_is_read() -> None:
    fsspec.filesystem("memory").pipe_file("memory://inputs/a.csv", b"x")
    assert content("memory://inputs/a.csv") == b"x"


def test_page_of_a_web_server_is_read(tmp_path: Path, website: str) -> None:
    (tmp_path / "a.csv").write_bytes(b"x")
    assert content(f"{website}/a.csv") == b"x"


@pytest.mark.parametrize("place", ["{}/none.csv", "memory://inputs/none.csv"])
def test_missing_file_is_an_os_error(tmp_path: Path, place: str) -> None:
    with pytest.raises(FileNotFoundError, match="none"):
        open_input(place.format(tmp_path))


def test_other_protocol_is_refused() -> None:
    says = "input ftp://host/a: ftp:// is not supported: expected a file or s3://, gs://, abfs://, memory://, https://"
    with pytest.raises(UsageError, match=f"^{re.escape(says)}"):
        open_input("ftp://host/a")
