"""Run as a program: moto's S3 server on a port of its own, which says what it was asked and refuses what it is told to.

It prints its port, and ends when its standard input does. Below ``/-/`` it takes orders from `ObjectServer`; all
else is moto's.
"""

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

_REFUSAL = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"


@dataclass(slots=True)
class _Front:
    """Stands before moto.

    Parameters
    ----------
    behind : callable
        Moto.
    asked : list of dict
        What came so far: method, path, query and range of each request.
    refusals : list of dict
        Requests that moto does not get to see: ``method`` and ``path`` as patterns, ``status``, ``code``,
        ``message``, and ``times``.
    """

    behind: Application
    asked: list[dict[str, str]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/-/"):
            content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            answer = json.dumps(self._obey(path, json.loads(content or "null"))).encode()
            start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
            return [answer]
        with self.lock:
            self.asked.append(
                {
                    "method": environ["REQUEST_METHOD"],
                    "path": unquote(path),
                    "query": environ["QUERY_STRING"],
                    "range": environ.get("HTTP_RANGE", ""),
                }
            )
            refusal = self._refusal(environ["REQUEST_METHOD"], f"{path}?{environ['QUERY_STRING']}")
        if refusal is None:
            return self.behind(environ, start)
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        body = _REFUSAL.format(**refusal).encode()
        start(f"{refusal['status']} Refused", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
        return [body]

    def _refusal(self, method: str, path: str) -> dict[str, Any] | None:
        for each in self.refusals:
            if each["times"] and re.fullmatch(each["method"], method) and re.search(each["path"], path):
                each["times"] -= 1
                return each
        return None

    def _obey(self, path: str, order: Any) -> Any:
        if path == "/-/asked":
            with self.lock:
                found, self.asked = self.asked, []
            return found
        if path == "/-/refuse":
            self.refusals = order
        if path == "/-/age":
            bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[order["bucket"]]
            for key in bucket.keys.values():
                if re.search(order["name"], key.name):
                    key.last_modified -= timedelta(days=order["days"])
        return None


def main() -> None:
    """Serve until there is nobody any more."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, _Front(DomainDispatcherApplication(create_backend_app)), threaded=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
