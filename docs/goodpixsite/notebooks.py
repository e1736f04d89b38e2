"""Notebooks that run while the documentation is built, beside its pages."""

import subprocess
import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

__all__ = ["Notebooks", "setup"]

logger = logging.getLogger(__name__)


class Notebooks:
    """The notebooks of a build, run one after the other by another process.

    What they give is kept in the folder `executed` beside the doctrees. How much data their cells make depends on
    NOTEBOOK_SIZE.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._done: set[Path] = set()

    def start(self, app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
        """Start running the notebooks among the pages to read, which are read after the others."""
        docnames.sort(key=lambda docname: env.doc2path(docname).suffix == ".ipynb")
        paths = [path for path in map(env.doc2path, docnames) if path.suffix == ".ipynb"]
        if not paths:
            return
        results = app.doctreedir / "executed"
        results.mkdir(parents=True, exist_ok=True)
        with (results / "errors.txt").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "goodpix.docs.goodpixsite.notebook", *paths, "--to", results],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def give(self, app: Sphinx, docname: str, source: list[str]) -> None:
        """Put what a notebook gives in place of what it is stored with; warn if a cell fails."""
        if app.env.doc2path(docname).suffix != ".ipynb":
            return
        assert self._process is not None
        assert self._process.stdout is not None
        result = app.doctreedir / "executed" / app.env.doc2path(docname).name
        while result not in self._done:
            line = self._process.stdout.readline()
            if not line:
                logger.warning("not run: %s", (result.parent / "errors.txt").read_text(), location=docname)
                return
            self._done.add(Path(line.rstrip("\n")))
        source[0] = result.read_text()

    def end(self, _app: Sphinx, _error: Exception | None) -> None:
        """End the process, which still runs if the build has failed."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build."""
    notebooks = Notebooks()
    app.connect("env-before-read-docs", notebooks.start)
    app.connect("source-read", notebooks.give)
    app.connect("build-finished", notebooks.end)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
