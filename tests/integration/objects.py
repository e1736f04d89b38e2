"""An S3 server of our own, and a bucket in it for each test."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import fsspec

__all__ = ["Asked", "Bucket", "ObjectServer", "object_server"]

PROGRAM = Path(__file__).with_name("objectserver.py")

KEY, SECRET = "AKIAOFATESTFORGOODPIX", "a-secret-that-nobody-is-to-see"

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came to the server."""

    method: str
    path: str
    query: str
    range: str

    @property
    def lists(self) -> bool:
        """Whether it asks what objects there are."""
        return "list-type" in self.query or "delimiter" in self.query

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.query}{self.range}".rstrip()


@dataclass(frozen=True, slots=True)
class ObjectServer:
    """The server, which runs as a process of its own.

    Parameters
    ----------
    url : str
        Where it listens.
    """

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What leads to it, in the way of every program that knows S3."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def asked(self) -> list[Asked]:
        """Return the requests since this was last asked."""
        return [Asked(**each) for each in self._order("asked", None)]

    def refuse(self, method: str, path: str, status: int, code: str, message: str = "Refused", times: int = -1) -> None:
        """Refuse requests from now on, so many times or always; method and path are patterns."""
        refusal = {"method": method, "path": path, "status": status, "code": code, "message": message, "times": times}
        self._order("refuse", [refusal])

    def accept(self) -> None:
        """Refuse nothing any more."""
        self._order("refuse", [])

    def age(self, bucket: str, name: str, days: float) -> None:
        """Make objects look as if they had been written earlier; their name is a pattern."""
        self._order("age", {"bucket": bucket, "name": name, "days": days})

    def _order(self, what: str, order: object) -> Any:
        request = Request(f"{self.url}/-/{what}", json.dumps(order).encode(), method="POST")
        with urlopen(request) as answer:
            return json.loads(answer.read())


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that is new, and the root of a catalogue in it.

    Parameters
    ----------
    server : ObjectServer
        Where it is.
    name : str
        Its name.
    """

    server: ObjectServer
    name: str = field(default_factory=lambda: f"sky-{next(_numbers)}")

    @property
    def root(self) -> str:
        """A masks root."""
        return f"s3://{self.name}/some/masks"

    def make(self) -> None:
        """Make the bucket."""
        _files().mkdir(self.name)

    def objects(self) -> dict[str, bytes]:
        """Return what there is below the root, by name."""
        files, prefix = _files(), f"{self.name}/some/masks/"
        return {path.removeprefix(prefix): files.cat_file(path) for path in files.find(self.name)}

    def mask_files(self) -> dict[str, bytes]:
        """Return the mask files by name."""
        return {name: content for name, content in self.objects().items() if name.endswith(".parquet")}

    def put(self, name: str, content: bytes) -> None:
        """Write an object below the root behind goodpix's back."""
        _files().pipe_file(f"{self.root}/{name}", content)

    def remove(self, name: str) -> None:
        """Remove an object below the root."""
        _files().rm_file(f"{self.root}/{name}")

    def asked(self) -> list[Asked]:
        """Return the requests about this bucket since this was last asked."""
        return [each for each in self.server.asked() if each.path.startswith(f"/{self.name}")]


def _files() -> Any:
    return fsspec.filesystem("s3", use_listings_cache=False)


@contextmanager
def object_server(environment: Mapping[str, str]) -> Iterator[ObjectServer]:
    """Run the server."""
    with subprocess.Popen(
        [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "the S3 server did not start"
        try:
            yield ObjectServer(f"http://127.0.0.1:{port}")
        finally:
            process.stdin.close()
