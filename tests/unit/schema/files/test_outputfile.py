"""Outputs are whole or are not there, on a disk and in a store."""

import os
import stat
import sys
import threading
from pathlib import Path

import fsspec
import pytest

from goodpix.schema.errors import GoodpixError, MissingLibraryError, OutputFolderError, UsageError
from goodpix.schema.files.outputfile import check_output, output_file


def in_memory(path: str) -> bytes:
    content: bytes = fsspec.filesystem("memory").cat_file(path)
    return content


def test_file_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.fits"
    target.write_bytes(b"old")
    with output_file(target) as file:
        file.write_bytes(b"new")
        assert (file.suffix, target.read_bytes()) == (".fits", b"old")
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("place", ["file://{}/a.txt", "{}/a.txt"])
def test_error_leaves_nothing(tmp_path: Path, place: str) -> None:
    def fail() -> None:
        with output_file(place.format(tmp_path)) as file:
            file.write_bytes(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_url_of_a_file_is_that_file(tmp_path: Path) -> None:
    with output_file(f"file://{tmp_path}/a.txt") as file:
        file.write_bytes(b"x")
    assert (tmp_path / "a.txt").read_bytes() == b"x"


def test_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with output_file(tmp_path / "link") as file:
        file.write_bytes(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with output_file(pipe) as file:
        file.write_bytes(b"x")
    reader.join()
    assert read == [b"x"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_object_appears_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    url, files = "memory://outputs/some/a.fits", fsspec.filesystem("memory")
    with output_file(url) as file:
        file.write_bytes(b"new")
        assert (file.suffix, files.exists(url)) == (".fits", False)
    assert in_memory(url) == b"new"
    assert list(tmp_path.iterdir()) == []


def test_error_writes_no_object() -> None:
    def fail() -> None:
        with output_file("memory://outputs/none.txt") as file:
            file.write_bytes(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not fsspec.filesystem("memory").exists("memory://outputs/none.txt")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("https://host/a.vot", "output https://host/a.vot: https:// can only be read: expected a file or s3://, gs://"),
        ("ftp://host/a.vot", "output ftp://host/a.vot: ftp:// is not supported: expected a file or s3://, gs://"),
        ("s3://key:secret@bucket/a", r"output s3://\.\.\.: expected a URL without @, \? and #"),
        ("s3://", "output s3://: expected a file, or a URL such as s3://bucket/name"),
        (
            "file://a.vot",
            r"output file://a\.vot: expected three slashes and a whole path, file:///\.\.\., or a file without ",
        ),
        (Path("s3://bucket/a"), "output s3:/bucket/a: a Path has lost a slash of this URL: expected a string"),
    ],
)
def test_url_that_cannot_be_written_to_is_refused_in_a_line(path: Path | str, says: str) -> None:
    with pytest.raises(UsageError, match=f"^{says}") as caught:
        check_output(path)
    assert "\n" not in str(caught.value)


def test_empty_name_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^output is '': expected the name of a file$"), output_file(""):
        pass


@pytest.mark.parametrize("place", ["{}/none/a.txt", "file://{}/none/a.txt"])
def test_missing_folder_is_named_before_anything_is_written(tmp_path: Path, place: str) -> None:
    says = rf"^{tmp_path}/none/a\.txt: cannot be written: there is no folder {tmp_path}/none$"
    with pytest.raises(OutputFolderError, match=says) as caught, output_file(place.format(tmp_path)):
        pytest.fail("the output is never begun")
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, GoodpixError)
    assert "\n" not in str(caught.value)


def test_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    # what was imported before stays there
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(MissingLibraryError, match=r"s3fs is not installed: pip install 'goodpix\[s3\]'"):
        check_output("s3://bucket/a")
