"""Commands and Python code that run while the documentation is built, with what they print."""

import ast
import base64
import io
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from goodpix.demo import run_demo

from .commands import run_command

__all__ = ["Workshop", "setup"]

_COLUMNS = 88
"""Width of a terminal, in characters."""


class Workshop:
    """A folder with the demonstration of its own for each page.

    Parameters
    ----------
    folder : Path
        Folder to work in.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.figure: bytes | None = None
        self._model: Path | None = None
        self._pages: dict[str, dict[str, Any]] = {}
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("GOODPIX_")} | {
            "PATH": f"{self._program()}{os.pathsep}{os.environ['PATH']}",
            "GOODPIX_DB": "goodpix-demo/goodpix.db",
            "MEDS_DIR": "goodpix-demo/survey",
            "COLUMNS": str(_COLUMNS),
            "MPLBACKEND": "Agg",
        }

    def _program(self) -> Path:
        """Make the program `goodpix` of the package that is documented, and return its folder."""
        program = self.folder / "bin" / "goodpix"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m goodpix "$@"\n')
        program.chmod(0o755)
        return program.parent

    def _demonstration(self) -> Path:
        if self._model is None:
            self._model = self.folder / "model" / "goodpix-demo"
            before = os.environ.get("MEDS_DIR")
            run_demo(self._model)
            os.environ.pop("MEDS_DIR")
            if before is not None:
                os.environ["MEDS_DIR"] = before
        return self._model

    def page(self, name: str) -> Path:
        """Return the working folder of a page."""
        folder = self.folder / "pages" / name / "work"
        if name not in self._pages:
            self._pages[name] = {"__name__": "__main__"}
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self._demonstration(), folder / "goodpix-demo")
        return folder

    def shell(self, page: str, command: str, status: int) -> str:
        """Run a command in the folder of a page and return what it prints.

        Raises
        ------
        ValueError
            If it ends with another status; the message holds what it printed.
        """
        folder, output = self.page(page), self.folder / "output"
        environment = self.environment | {"HOME": str(folder)}
        ended = run_command(command, folder, environment, output)
        if ended is None:
            with output.open("w") as file:
                done = subprocess.run(
                    ["bash", "-c", command],
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=file,
                    check=False,
                )
            ended = done.returncode
        if ended != status:
            raise ValueError(f"{command}: exit status {ended}, expected {status}:\n{output.read_text()}")
        return self._portable(output.read_text(), folder)

    def python(self, page: str, code: str) -> str:
        """Run code in the folder of a page, with what its earlier code has left, and return what it prints.

        The value of a last expression is printed too.

        Raises
        ------
        Exception
            Whatever the code raises.
        """
        folder = self.page(page)
        tree = ast.parse(code)
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            shown = ast.Expr(ast.Call(ast.Name("_show", ast.Load()), [tree.body[-1].value], []))
            tree.body[-1] = ast.copy_location(shown, tree.body[-1])
            ast.fix_missing_locations(tree)
        namespace = self._pages[page]
        namespace["_show"] = self._show
        out = io.StringIO()
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            with chdir(folder), redirect_stdout(out), redirect_stderr(out):
                exec(compile(tree, page, "exec"), namespace)
        finally:
            os.environ.clear()
            os.environ.update(before)
        return self._portable(out.getvalue(), folder)

    def _show(self, value: Any) -> None:
        """Print the value of a last expression, and keep its picture if it has one."""
        import pandas as pd  # slow

        self.figure = _png(value) if hasattr(value, "figure") else None
        if value is not None and self.figure is None:
            with pd.option_context("display.width", _COLUMNS, "display.max_columns", 12, "display.max_rows", 12):
                print(repr(value))

    @staticmethod
    def _portable(text: str, folder: Path) -> str:
        """Return a text without the folder in which it came up."""
        return text.replace(f"{folder.resolve()}/", "").replace(f"{folder}/", "")


def _png(drawn: Any) -> bytes:
    """Return the figure of axes, or of an array of them."""
    out = io.BytesIO()
    drawn.figure.savefig(out, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    return out.getvalue()


class _Running(SphinxDirective):
    """What the directives share."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "status": directives.nonnegative_int,
        "lines": directives.positive_int,
        "hide": directives.flag,
    }

    @property
    def workshop(self) -> Workshop:
        """The folders of this build."""
        return _workshop(self.env.app)

    def literal(self, text: str, language: str) -> nodes.literal_block:
        """Return a block of text."""
        block = nodes.literal_block(text, text, language=language)
        self.set_source_info(block)
        return block

    def cut(self, text: str) -> str:
        """Return as many lines of a text as are wanted."""
        lines = text.rstrip("\n").splitlines()
        wanted = self.options.get("lines", len(lines))
        return "\n".join([*lines[:wanted], *(["..."] if len(lines) > wanted else [])])


class Shell(_Running):
    """The directive ``{shell}``: each line that begins with ``$`` is a command, which goes on in lines that do not."""

    def run(self) -> list[nodes.Node]:
        """Run the commands; return them, each followed by what it prints."""
        commands = "\n".join(self.content).removeprefix("$ ").split("\n$ ")
        shown = []
        for number, command in enumerate(commands, start=1):
            status = self.options.get("status", 0) if number == len(commands) else 0
            try:
                printed = self.cut(self.workshop.shell(self.env.docname, command, status))
            except ValueError as error:
                raise self.error(str(error)) from error
            shown += [f"$ {command}", *([printed] if printed else [])]
        return [] if "hide" in self.options else [self.literal("\n".join(shown), "console")]


class Python(_Running):
    """The directive ``{run-python}``: code, followed by what it prints; ``:figure:`` shows what the last line draws."""

    option_spec: ClassVar[dict[str, Any]] = _Running.option_spec | {"figure": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Run the code; return it, what it prints, and the figure."""
        code = "\n".join(self.content)
        try:
            printed = self.cut(self.workshop.python(self.env.docname, code))
        except Exception as error:
            raise self.error(f"{type(error).__name__}: {error}") from error
        shown: list[nodes.Node] = []
        if "hide" not in self.options:
            shown = [self.literal(code, "python"), *([self.literal(printed, "text")] if printed else [])]
        if "figure" in self.options:
            if self.workshop.figure is None:
                raise self.error("the last line draws no figure")
            shown.append(_image(self.workshop.figure, self.options["figure"]))
        return shown


class Written(_Running):
    """The directive ``{written}`` NAME: a file that the page's commands read."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the file; return its content under its name."""
        (name,) = self.arguments
        text = "\n".join(self.content) + "\n"
        (self.workshop.page(self.env.docname) / name).write_text(text)
        block = self.literal(text, {".yaml": "yaml", ".py": "python"}.get(Path(name).suffix, "text"))
        caption = nodes.paragraph("", "", nodes.literal(name, name), nodes.Text(":"))
        return [caption, block]


class Picture(_Running):
    """The directive ``{picture}`` FILE: a picture that a command of the page has written; its content describes it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the picture."""
        path = self.workshop.page(self.env.docname) / self.arguments[0]
        if not path.is_file():
            raise self.error(f"{self.arguments[0]}: no such file")
        return [_image(path.read_bytes(), " ".join(self.content))]


def _image(png: bytes, description: str) -> nodes.raw:
    """Return a picture that stands in the page itself."""
    data = base64.b64encode(png).decode()
    alt = description.replace('"', "&quot;")
    return nodes.raw("", f'<div class="made"><img alt="{alt}" src="data:image/png;base64,{data}"></div>', format="html")


_workshops: dict[int, tuple[Workshop, tempfile.TemporaryDirectory[str]]] = {}


def _workshop(app: Sphinx) -> Workshop:
    if id(app) not in _workshops:
        folder = tempfile.TemporaryDirectory(prefix="goodpix-docs-", ignore_cleanup_errors=True)
        _workshops[id(app)] = (Workshop(Path(folder.name)), folder)
    return _workshops[id(app)][0]


def _clean(app: Sphinx, _error: Exception | None) -> None:
    if id(app) in _workshops:
        _workshops.pop(id(app))[1].cleanup()


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("shell", Shell)
    app.add_directive("run-python", Python)
    app.add_directive("written", Written)
    app.add_directive("picture", Picture)
    app.connect("build-finished", _clean)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
