"""Address of a port behind the proxy of a notebook's server or an editor."""

import json
import os
import re
import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError

from ...schema.errors import UsageError

__all__ = ["address_behind_proxy", "jupyter_base_url"]

# The editors write {{port}}, Dask {port}.
_PORT = re.compile(r"\{\{port\}\}|\{port\}")
_ANSWER_S = 5.0


def address_behind_proxy(port: int, proxy: str | None = None, environ: Mapping[str, str] | None = None) -> str:
    """Return the address, with a final slash, under which browsers reach a port of this machine through a proxy.

    JupyterHub sets JUPYTERHUB_SERVICE_PREFIX, code-server and its like set VSCODE_PROXY_URI; any other Jupyter server
    is asked whether it has jupyter-server-proxy.

    Parameters
    ----------
    port : int
        The port.
    proxy : str, optional
        Address with ``{port}`` in place of the port, or an empty string for none; by default it is found.
    environ : mapping of str to str, optional
        Environment of the process, by default this one's.

    Returns
    -------
    str
        A URL, or a path on the server that the browser knows; empty if there is no proxy.

    Raises
    ------
    UsageError
        If `proxy` has no ``{port}``, or is neither a URL nor an absolute path.
    """
    known = os.environ if environ is None else environ
    if proxy is not None:
        if proxy and not _is_template(proxy):
            raise UsageError(f"proxy is {proxy!r}: expected a URL or a path from / on, with {{port}} in it")
        template = proxy
    else:
        template = _template(port, known)
    return f"{_PORT.sub(str(port), template).rstrip('/')}/" if template else ""


def jupyter_base_url(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the URL on this machine and the base URL of the Jupyter server that started this process, else two blanks.

    A server leaves them in a file of its runtime folder, under the number of its process.
    """
    try:
        from jupyter_core.paths import jupyter_runtime_dir  # of Jupyter; where it is missing there is no kernel
    except ImportError:
        return "", ""
    try:
        found = json.loads((Path(jupyter_runtime_dir()) / f"jpserver-{environ['JPY_PARENT_PID']}.json").read_text())
        return str(found["url"]), str(found["base_url"])
    except (OSError, ValueError, LookupError, TypeError):  # it was not a server that started it
        return "", ""


def _is_template(text: str) -> bool:
    return text.startswith(("https://", "http://", "/")) and bool(_PORT.search(text))


def _template(port: int, environ: Mapping[str, str]) -> str:
    """Return the address of any port behind the proxy; empty if there is none."""
    editor = environ.get("VSCODE_PROXY_URI", "")
    # an image may set it for every process, and a kernel of Jupyter is not seen through the editor
    if "JPY_PARENT_PID" not in environ and _is_template(editor):
        return editor
    prefix = environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    if prefix:
        return f"{prefix.rstrip('/')}/proxy/{{port}}/"
    url, base_url = jupyter_base_url(environ)
    return f"{base_url}proxy/{{port}}/" if url and _has_proxy(url, port) else ""


def _has_proxy(url: str, port: int) -> bool:
    """Ask a Jupyter server of this machine whether it passes on requests to ports: if not, there is no such page."""
    # its certificate is for the name that browsers know; nothing but the question is sent
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with opener.open(f"{url}proxy/{port}/", timeout=_ANSWER_S):
            return True  # a form to log in
    except HTTPError as error:
        return error.code != 404
    except OSError:
        return False
